"""Generalised advantage estimation (Schulman et al. 2016)."""

from __future__ import annotations

from pipeline.compiled import compiled


@compiled
def gae(rewards, terminated, truncated, values, last_values, end_values, gamma, lam, advantages):
    """Fill advantages (float32[T, rows]); returns to learn values from are advantages + values.

    rewards, values  float32[T, rows]
    terminated       bool[T, rows]: the task ended with this step, so nothing follows
    truncated        bool[T, rows]: the horizon cut the episode off after this step; `end_values` says what would follow
    last_values      float32[rows]: values of the states after the last step
    end_values       float32[T, rows]: values of the last states of truncated episodes; zeros make the horizon an end
                     like any other. Read only where an episode was truncated and not terminated.
    """
    for row in range(rewards.shape[1]):
        advantage = 0.0
        following = last_values[row]
        for t in range(rewards.shape[0] - 1, -1, -1):
            if terminated[t, row]:
                following = 0.0
                advantage = 0.0
            elif truncated[t, row]:
                following = end_values[t, row]
                advantage = 0.0
            delta = rewards[t, row] + gamma * following - values[t, row]
            advantage = delta + gamma * lam * advantage
            advantages[t, row] = advantage
            following = values[t, row]
