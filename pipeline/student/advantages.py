"""Generalised advantage estimation (Schulman et al. 2016)."""

from __future__ import annotations

from pipeline.compiled import compiled


@compiled
def gae(rewards, dones, values, last_values, gamma, lam, advantages):
    """Fill advantages (float32[T, rows]); returns to learn values from are advantages + values.

    rewards, values  float32[T, rows]
    dones            bool[T, rows]: the episode ended with this step, by termination or at the horizon. The horizon is
                     part of these tasks (reward falls with time), so nothing is expected beyond it.
    last_values      float32[rows]: values of the states after the last step
    """
    for row in range(rewards.shape[1]):
        advantage = 0.0
        following = last_values[row]
        for t in range(rewards.shape[0] - 1, -1, -1):
            alive = 0.0 if dones[t, row] else 1.0
            delta = rewards[t, row] + gamma * following * alive - values[t, row]
            advantage = delta + gamma * lam * alive * advantage
            advantages[t, row] = advantage
            following = values[t, row]
