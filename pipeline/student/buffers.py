"""The arrays of one iteration of a learner."""

from __future__ import annotations

import numpy as np

from pipeline.params import Schedule
from pipeline.student.student import Rollout, Student
from pipeline.tasks.base import Batch


class Buffers:
    """The arrays of one iteration, allocated once: [horizon, rows, ...], what acting fills with one more at the end."""

    def __init__(self, schedule: Schedule, batch: Batch, student: Student) -> None:
        self.shape = (schedule.horizon, batch.rows)
        one_more = (schedule.horizon + 1, batch.rows)
        self._features = student.features(one_more[0] * one_more[1])
        shaped = {name: values.reshape(*one_more, *values.shape[1:]) for name, values in self._features.items()}
        self.features = [{name: values[t] for name, values in shaped.items()} for t in range(one_more[0])]
        self.actions = student.policy.actions(*one_more)
        self.log_probs = np.zeros(one_more, np.float32)
        self.values = np.zeros(one_more, np.float32)
        self.rewards = np.zeros(self.shape, np.float32)
        self.terminated = np.zeros(self.shape, np.bool_)
        self.truncated = np.zeros(self.shape, np.bool_)
        self.end_values = np.zeros(self.shape, np.float32)
        self.successes = np.zeros(self.shape, np.bool_)
        self.episode_returns = np.zeros(self.shape, np.float32)
        self.episode_lengths = np.zeros(self.shape, np.int32)
        self.advantages = np.zeros(self.shape, np.float32)
        self.teacher = np.zeros((*self.shape, *batch.teacher.shape[1:]), np.float32)
        self.labelled = np.zeros(self.shape, np.bool_)

    def rollout(self) -> Rollout:
        """The same numbers, flat."""
        rows = self.rewards.size
        return Rollout(
            features={name: values[:rows] for name, values in self._features.items()},
            actions=self.actions.reshape(-1, *self.actions.shape[2:])[:rows],
            log_probs=self.log_probs.reshape(-1)[:rows],
            advantages=self.advantages.reshape(rows),
            returns=(self.advantages + self.values[:-1]).reshape(rows),
            teacher=self.teacher.reshape(rows, *self.teacher.shape[2:]),
            labelled=self.labelled.reshape(rows),
            steps=len(self.rewards),
        )
