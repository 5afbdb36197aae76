"""The method `llm`: the teacher acts alone, by Eq. 1, and nothing is trained."""

from __future__ import annotations

from pipeline.registry import UNTRAINED
from pipeline.student.methods.method import Method


class LLM(Method):
    """The teacher alone; see `evaluation.evaluate_teacher`."""

    name = UNTRAINED
    title = "LLM alone"
    needs_labels = True
