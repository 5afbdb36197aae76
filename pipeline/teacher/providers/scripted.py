"""The provider `scripted`: a rule that the task brings answers, and no language model.

Its label tables say so. They are for comparison: what a teacher is worth is seen beside one that is known to be right,
and beside one that is made wrong on purpose.
"""

from __future__ import annotations

from pipeline.plan_reader import read_plan
from pipeline.teacher.answers.rows import Answer, Provenance, label_row, tally, verdict_columns
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.labelling import Labelling, LabelTables


def ask(labelling: Labelling) -> LabelTables:
    """One plan per state, with all the mass. Raises TeacherError for a task without a rule."""
    task, settings = labelling.task, labelling.settings
    rows = []
    for state in labelling.states:
        try:
            text = str(task.scripted_plan(state.description))
        except NotImplementedError as error:
            raise TeacherError(f"label.provider: scripted: {error}") from None
        answers = [Answer(text, read_plan(text, task.grammar, state.description), 1.0)]
        instruction = tally(state.description, answers)
        verdicts = verdict_columns(answers)
        rows.append(label_row(task.name, state.visits, settings.method, instruction, verdicts, Provenance("scripted")))
    return LabelTables("scripted", rows)
