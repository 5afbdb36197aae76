"""The method `llm4teach`: soft instructions from the label table, by Eq. 1 and 2, and PPO."""

from __future__ import annotations

import numpy as np

from pipeline.student.methods.method import Lesson, Method, Teaching
from pipeline.tasks.base import Batch


class Labels(Teaching):
    """The label table advises; a description that it lacks is never guessed, but left out and counted."""

    def advise(self, step: int, batch: Batch, teacher: np.ndarray, labelled: np.ndarray) -> None:  # noqa: ARG002
        """See `Teaching.advise`."""
        teacher[:] = batch.teacher
        labelled[:] = batch.labelled
        if not batch.labelled.all():
            self.unlabelled.update(batch.description[~batch.labelled].tolist())


class LLM4Teach(Method):
    """The paper's own: a student taught by a language model's cached answers, and then by reward alone."""

    name = "llm4teach"
    title = "LLM4Teach"
    needs_labels = True
    colour = ("#0072b2", "#56b4e9")

    def teaching(self, lesson: Lesson) -> Labels:  # noqa: ARG002
        """See `Method.teaching`."""
        return Labels()
