"""A method of one's own: behaviour cloning, the teacher's labels alone and no reward, neither now nor later.

An installed package makes it known by an entry point, and `params.yaml` then takes `methods: [llm4teach, cloning]`:

    [project.entry-points."llm4teach.methods"]
    cloning = "cloning:Cloning"
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.student.methods.llm4teach import LLM4Teach
from pipeline.student.student import Reduce, Rollout, Student, UpdateSettings


class Cloning(LLM4Teach):
    """Taught by the label table as `llm4teach` is, but what the student does is never judged by reward."""

    name = "cloning"
    title = "Behaviour cloning"
    colour = ("#cc79a7", "#e59ac4")
    line = ":"

    def update(
        self,
        student: Student,
        rollout: Rollout,
        orders: np.ndarray,
        settings: UpdateSettings,
        reduce: Reduce | None = None,
    ) -> dict[str, float]:
        """Eq. 2 without L_RL; nothing is learned once the teacher has left, as Adam would still drift."""
        if settings.teacher == 0:
            settings = replace(settings, learning_rate=0.0)
        imitation = replace(settings, policy=0.0, value=0.0, entropy=0.0)
        return student.update(rollout, orders, imitation, reduce)
