"""One step of an episode: action, mission, reward, end."""

from __future__ import annotations

from pipeline.compiled import compiled
from pipeline.tasks.minigrid.dynamics import DIED, REACHED_GOAL, act
from pipeline.tasks.minigrid.missions import CONTINUES, FAILED, SUCCEEDED, verify


@compiled
def advance(w, action):
    """Carry out an action; gives reward (float64, MiniGrid's 1 - 0.9 steps/horizon), success, terminated, truncated."""
    event = act(w, action)
    w.steps += 1
    verdict = verify(w, action)
    success = verdict == SUCCEEDED or (verdict == CONTINUES and event == REACHED_GOAL)
    terminated = success or verdict == FAILED or event == DIED
    reward = 1 - 0.9 * (w.steps / w.horizon) if success else 0.0
    w.total += reward
    return reward, success, terminated, w.steps >= w.horizon
