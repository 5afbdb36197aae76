"""Everything the page shows of the paper's experiments, beyond the table of the four methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.experiments.experiment import Experiment, command_of
from pipeline.report.ablations import Ablation, ablations
from pipeline.report.claims import Claim, claims
from pipeline.report.comparison import Comparison
from pipeline.report.published_results import METHOD_TITLES, published_results
from pipeline.report.trials import TrialGroup
from pipeline.report.worth import COMPARED, Worth, worths


@dataclass(frozen=True)
class PaperReport:
    """The experiments' results.

    networks  that students of any method were trained with
    long      students with six times the steps, by task
    shorter   the ordinary ones of the experiment `methods`, by task
    absent    what was not run, in plain words
    """

    claims: list[Claim] = field(default_factory=list)
    worth: list[Worth] = field(default_factory=list)
    networks: set[str] = field(default_factory=set)
    ablations: list[Ablation] = field(default_factory=list)
    long: dict[str, TrialGroup] = field(default_factory=dict)
    shorter: dict[str, TrialGroup] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)


def gather_paper(
    experiments: Sequence[Experiment], groups: Sequence[TrialGroup], rows: Sequence[Comparison], figures: Path
) -> PaperReport:
    """What the trials show; figures go into a folder. `rows` compare our methods with the paper's."""
    published = published_results()
    worth = worths(groups, published)
    return PaperReport(
        claims=claims(groups, worth, rows, published),
        worth=worth,
        networks={group.network for group in groups},
        ablations=ablations(experiments, groups, figures),
        long={group.task: group for group in groups if group.experiment == "long"},
        shorter={
            group.task: group for group in groups if group.experiment == "methods" and group.method == "llm4teach"
        },
        absent=[line for experiment in experiments if (line := _absent(experiment, groups))],
    )


def _absent(experiment: Experiment, groups: Sequence[TrialGroup]) -> str:
    """What of an experiment has no finished trial, in one sentence; empty if nothing is missing."""
    there = {(group.task, group.variant) for group in groups if group.experiment == experiment.name}
    wanted = [(task, variant) for task in experiment.tasks for variant in experiment.variants]
    missing = [(task, variant) for task, variant in wanted if (task, variant.name) not in there]
    command = command_of(experiment.name)
    if not missing:
        return ""
    if len(missing) == len(wanted):
        return f"The experiment “{experiment.name}” ({experiment.question}); {command} runs it."
    names = ", ".join(
        f"{METHOD_TITLES.get(v.method, v.method) if experiment.name in COMPARED else v.name} on {task}"
        for task, v in missing
    )
    return f"Of the experiment “{experiment.name}”: {names}; {command} goes on with it."
