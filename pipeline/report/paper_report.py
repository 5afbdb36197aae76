"""Everything the page shows of the paper's experiments, beyond the table of the methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.analysis.ablations import Ablation, ablations
from pipeline.analysis.claims import Claim, claims
from pipeline.analysis.sample_efficiency import StepsToLevel, steps_to_levels
from pipeline.experiments.catalogue import COMPARE_METHODS, EXPERIMENTS, LONG, METHODS
from pipeline.experiments.experiment import Experiment
from pipeline.params import Params
from pipeline.report.comparison import Comparison
from pipeline.report.experiment_figures import variant_curves
from pipeline.report.figures import Drawing
from pipeline.results.published_results import published_results
from pipeline.results.trials import TrialGroup
from pipeline.student.methods.llm4teach import LLM4Teach
from pipeline.student.methods.method import UNTRAINED, get_method


@dataclass(frozen=True)
class PaperReport:
    """The experiments' results.

    networks  that students of any method were trained with
    drawings  learning curves by the name of the experiment
    long      students with six times the steps, by task
    shorter   the ordinary ones of the experiment `methods`, by task
    absent    what was not run, in plain words
    """

    claims: list[Claim]
    steps: list[StepsToLevel]
    networks: set[str]
    ablations: list[Ablation]
    drawings: dict[str, list[Drawing]]
    long: dict[str, TrialGroup]
    shorter: dict[str, TrialGroup]
    absent: list[str]


def gather_paper(
    params: Params, groups: Sequence[TrialGroup], rows: Sequence[Comparison], figures: Path
) -> PaperReport:
    """What the trials show; figures go into a folder. `rows` compare our methods with the paper's."""
    published = published_results()
    steps = steps_to_levels(groups, published)
    teachers = {row.task: row.main for row in rows if row.method == UNTRAINED and row.main}
    found = ablations(EXPERIMENTS, groups, params)
    return PaperReport(
        claims=claims(groups, steps, teachers, published),
        steps=steps,
        networks={group.network for group in groups},
        ablations=found,
        drawings={one.experiment.name: _drawings(one, figures) for one in found},
        long={group.task: group for group in groups if group.experiment is LONG},
        shorter={
            group.task: group for group in groups if group.experiment is METHODS and group.method == LLM4Teach.name
        },
        absent=[line for experiment in EXPERIMENTS if (line := _absent(experiment, groups, params))],
    )


def _drawings(ablation: Ablation, figures: Path) -> list[Drawing]:
    """Learning curves of an ablation's variants, task by task."""
    by_task: dict[str, list[TrialGroup]] = {}
    for row in ablation.rows:
        by_task.setdefault(row.group.task, []).append(row.group)
    drawn = [variant_curves(figures, ablation.experiment.name, task, groups) for task, groups in by_task.items()]
    return [drawing for drawing in drawn if drawing]


def _absent(experiment: Experiment, groups: Sequence[TrialGroup], params: Params) -> str:
    """What of an experiment has no finished trial, in one sentence; empty if nothing is missing."""
    there = {(group.task, group.variant) for group in groups}
    wanted = [(task, variant) for task in experiment.tasks_of(params) for variant in experiment.variants]
    missing = [pair for pair in wanted if pair not in there]
    if not missing:
        return ""
    if len(missing) == len(wanted):
        return f"The experiment “{experiment.name}” ({experiment.question}); {experiment.command} runs it."
    names = ", ".join(
        f"{get_method(v.method).title if experiment in COMPARE_METHODS else v.name} on {task}" for task, v in missing
    )
    return f"Of the experiment “{experiment.name}”: {names}; {experiment.command} goes on with it."
