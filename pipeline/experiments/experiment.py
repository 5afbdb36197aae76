"""What an experiment is: a question, tasks, and variants of how a student is taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pipeline.experiments.label_changes import LabelChange, by_logprobs, hard, missing, noise, samples
from pipeline.params import Params, Schedule

TUNED = {"rl": {"lr": 1e-3, "entropy": 0.06}, "hierarchical": {"lr": 4e-3, "entropy": 0.01}}
"""Settings in which a method does better than with the shared ones (benchmarks/tune.py)."""
AT_HORIZON = {"goes on": {"truncation": "bootstrap"}, "ended": {"truncation": "terminal"}}
"""What students may take an episode for that the horizon cuts off."""
DOORKEY = ("SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey")


@dataclass(frozen=True)
class Variant:
    """One way to teach a student: what differs from params.yaml.

    method    llm4teach, rl or hierarchical
    schedule  changes to the schedule's keys; `steps` stands for the environment steps of both phases together
    train     changes to the `train` section's keys
    labels    what is done to the label table first
    """

    name: str
    method: str = "llm4teach"
    schedule: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    labels: LabelChange | None = None


@dataclass(frozen=True)
class Experiment:
    """A named experiment.

    question   what its figure answers
    paper      where the paper asks it; empty: nowhere
    reference  the variant that the others are compared with; the first one unless it is named
    seeds      students of each variant on each task; three are too few to tell ratios from chance (`ratio_interval`)
    """

    name: str
    question: str
    paper: str
    tasks: tuple[str, ...]
    variants: tuple[Variant, ...]
    reference: str = ""
    seeds: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "reference", self.reference or self.variants[0].name)


def applied(schedule: Schedule, changes: Mapping[str, Any]) -> Schedule:
    """A schedule with changes, checked anew; `steps` sets how long the teacher-free phase lasts."""
    changes = dict(changes)
    steps = changes.pop("steps", None)
    changed = Schedule.model_validate({**schedule.model_dump(), **changes})
    if steps is None:
        return changed
    iterations = round(steps / changed.steps)
    return changed.model_copy(update={"finetune": max(0, iterations - changed.taught) * changed.units})


def experiments(params: Params) -> tuple[Experiment, ...]:
    """All experiments of `make paper`, and the map network's long runs (`make paper-map`), on the params' schedule."""
    i1, i2 = params.schedule.i1, params.schedule.i2
    length = params.schedule.iterations * params.schedule.envs * params.schedule.horizon
    top = params.schedule.lambda_0
    floor = top / 100  # the paper's lambda_c is a hundredth of its lambda_0
    return (
        Experiment(
            "methods",
            "What is the teacher worth, with the same network?",
            "Fig. 3, Table 3",
            DOORKEY,
            (
                Variant("llm4teach"),
                Variant("rl", method="rl", schedule={**TUNED["rl"], "steps": 3_000_000}),
                Variant("hierarchical", method="hierarchical", schedule=TUNED["hierarchical"]),
            ),
        ),
        Experiment(
            "long",
            "How good does a student become with six times the steps?",
            "",
            DOORKEY,
            (Variant("6M steps", schedule={"steps": 6_000_000}),),
        ),
        Experiment(
            "teacher-kind",
            "Do soft instructions teach faster than hard ones, and do logprobs do as well as samples?",
            "Fig. 4",
            ("DivergedDoorKey",),
            (
                Variant("soft, samples", labels=partial(samples, 10)),
                Variant("soft, logprobs", labels=by_logprobs),
                Variant("hard", labels=hard),
            ),
        ),
        Experiment(
            "annealing",
            "Does only the stepwise schedule work?",
            "A.7, Fig. 7",
            ("ColoredDoorKey", "DivergedDoorKey"),
            tuple(  # A.7's four, in its proportions; all train for as long
                Variant(name, schedule={"i2": 2 * i1, **schedule, "steps": length})
                for name, schedule in {
                    "stepwise": {"lambda_c": floor, "i1": i1},
                    "linear": {"lambda_c": 0.0, "i1": i1, "i2": i1},
                    "linear, twice as long": {"lambda_c": 0.0, "i1": 2 * i1},
                    "constant": {"lambda_0": floor, "lambda_c": floor, "i1": 0},
                }.items()
            ),
        ),
        Experiment(
            "distance",
            "Do students learn faster by KL or by Wasserstein distance to the teacher?",
            "Eq. 2",
            ("ColoredDoorKey", "DivergedDoorKey"),
            (
                Variant("KL"),
                Variant("Wasserstein", schedule={"distance": "wasserstein"}),
                Variant("Wasserstein, λ five times", schedule={"distance": "wasserstein", "lambda_0": 5 * top}),
            ),
        ),
        Experiment(
            "horizon",
            "Is an episode that the horizon cuts off better taken for one that goes on, or for one that ended?",
            "",
            DOORKEY,
            tuple(Variant(name, schedule=cut) for name, cut in AT_HORIZON.items()),
        ),
        Experiment(
            "horizon-rl",
            "And where there is no teacher?",
            "",
            DOORKEY,
            tuple(
                Variant(name, method="rl", schedule={**TUNED["rl"], **cut, "steps": 3_000_000})
                for name, cut in AT_HORIZON.items()
            ),
        ),
        Experiment(
            "samples",
            "How many answers per description are enough?",
            "A.3",
            ("ColoredDoorKey", "DivergedDoorKey"),
            tuple(Variant(f"{n}", labels=partial(samples, n)) for n in (1, 3, 10, 30)),
            reference="10",
        ),
        Experiment(
            "noise",
            "How wrong may a teacher be before the student suffers?",
            "",
            ("LavaDoorKey", "ColoredDoorKey"),
            tuple(Variant(f"{mass:.0%}", labels=partial(noise, mass)) for mass in (0.0, 0.25, 0.5, 0.75, 1.0)),
        ),
        Experiment(
            "missing",
            "How incomplete may a label table be (share of its descriptions) before the student suffers?",
            "",
            ("LavaDoorKey", "ColoredDoorKey"),
            tuple(Variant(f"{share:.0%}", labels=partial(missing, share)) for share in (0.0, 0.25, 0.5, 0.75)),
        ),
        Experiment(
            "warm-start",
            "Is an offline warm start on the collected states worth its time?",
            "",
            ("SimpleDoorKey", "ColoredDoorKey"),
            (Variant("without"), Variant("200 gradient steps", train={"warm_start": 200})),
        ),
        Experiment(
            "map",
            "Does what the paper claims hold with a network like its own, over the remembered map?",
            "Fig. 3",
            DOORKEY,
            tuple(  # this network learns more slowly: twice the gradient steps, and eight times as long with a teacher
                Variant(
                    method,
                    method=method,
                    train={"network": "map"},
                    schedule={
                        **TUNED.get(method, {}),
                        "minibatch": 256,
                        "i1": 8 * i2,
                        "i2": 8 * i2,
                        "steps": 2_000_000,
                    },
                )
                for method in ("llm4teach", "rl", "hierarchical")
            ),
        ),
    )


SEPARATE = ("map",)
"""Experiments that take hours: only `make paper-map` runs them."""


def command_of(experiment: str) -> str:
    """What a user types to run an experiment."""
    return "make paper-map" if experiment in SEPARATE else "make paper"
