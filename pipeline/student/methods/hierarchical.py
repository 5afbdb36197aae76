"""The method `hierarchical`: Hierarchical Kickstarting (Matthews et al. 2022), options as teachers and no LLM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pipeline.instructions import Option, options_of
from pipeline.student.make import is_fused, network_for, on_this_machine
from pipeline.student.methods.method import Lesson, Method, Teaching
from pipeline.student.policies import policy_of
from pipeline.student.student import Rollout, UpdateSettings
from pipeline.tasks.base import Batch

if TYPE_CHECKING:
    from pipeline.student.fused.over_teachers import FusedPolicyOverTeachers
    from pipeline.student.methods.over_teachers import PolicyOverTeachers


class Options(Teaching):
    """Options teach, weighed in every state by a policy over them that learns as well."""

    def __init__(
        self,
        over_teachers: PolicyOverTeachers | FusedPolicyOverTeachers,
        lesson: Lesson,
        options: tuple[Option, ...],
    ) -> None:
        super().__init__()
        self._over_teachers = over_teachers
        self._follow = lesson.batch.option_policies(options)
        shape = (lesson.schedule.horizon, lesson.batch.rows, len(options), *lesson.task.space.teacher_shape)
        self._policies = np.zeros(shape, np.float32)

    @property
    def _flat(self) -> np.ndarray:
        """Each option's own policy in every step, float32[steps x rows, options, ...]."""
        return self._policies.reshape(-1, *self._policies.shape[2:])

    def advise(self, step: int, batch: Batch, teacher: np.ndarray, labelled: np.ndarray) -> None:  # noqa: ARG002
        """What each option advises; how they are weighed follows when the rollout is complete."""
        self._policies[step] = self._follow()

    def conclude(self, rollout: Rollout) -> None:
        """See `PolicyOverTeachers.mix`."""
        self._over_teachers.mix(rollout.features, self._flat, rollout.teacher, rollout.labelled)

    def update(self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings) -> None:
        """See `PolicyOverTeachers.update`."""
        self._over_teachers.update(rollout, self._flat, orders, settings)

    def state(self) -> dict[str, np.ndarray]:
        """The policy over teachers."""
        return self._over_teachers.state()

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """See `Teaching.load_state`."""
        self._over_teachers.load_state(state)


class Hierarchical(Method):
    """The paper's second baseline; see `over_teachers` for how ours follows and differs from the original."""

    name = "hierarchical"
    title = "Hierarchical RL"
    tuned: ClassVar[Mapping[str, float]] = {"lr": 4e-3, "entropy": 0.01}  # benchmarks/tune.py
    colour = ("#009e73", "#2fc79a")
    line = "-."

    def teaching(self, lesson: Lesson) -> Options:
        """See `Method.teaching`. The policy over options is compiled where the student is."""
        task, train = lesson.task, lesson.train
        options = options_of(task.grammar)
        network, policy = network_for(task, train), policy_of(task.space)
        if is_fused(task, train, network, policy):
            from pipeline.student.fused.over_teachers import FusedPolicyOverTeachers

            return Options(FusedPolicyOverTeachers(len(options), network, lesson.rng), lesson, options)
        from pipeline.student.methods.over_teachers import PolicyOverTeachers

        frames = train.frames if train.memory == "stack" else 1
        device = on_this_machine(train.device)
        over = PolicyOverTeachers(len(options), network, frames, policy, device, lesson.rng)
        return Options(over, lesson, options)
