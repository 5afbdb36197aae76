"""The experiments of `make paper` and `make paper-map`. What is said of them refers to these objects."""

from __future__ import annotations

from functools import partial

from pipeline.experiments.experiment import Experiment, Times, Variant
from pipeline.experiments.label_changes import by_logprobs, hard, missing, noise, samples
from pipeline.student.methods.llm4teach import LLM4Teach
from pipeline.student.methods.method import method_names
from pipeline.student.methods.rl import RL

TRAINED = sorted(method_names(trained_only=True), key=lambda name: name != LLM4Teach.name)
"""All methods with students, those of installed packages too; first the one that the others are compared with."""
DOORKEY = ("SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey")

METHODS = Experiment(
    "methods",
    "What is the teacher worth, with the same network?",
    "Fig. 3, Table 3",
    (),
    tuple(  # without any advice it takes longer
        Variant(method, method, {"steps": 3_000_000} if method == RL.name else {}) for method in TRAINED
    ),
)
LONG = Experiment(
    "long",
    "How good does a student become with six times the steps?",
    "",
    (),
    (Variant("6M steps", schedule={"steps": 6_000_000}),),
)

SAMPLES = Variant("soft, samples", labels=partial(samples, 10))
LOGPROBS = Variant("soft, logprobs", labels=by_logprobs)
HARD = Variant("hard", labels=hard)
TEACHER_KIND = Experiment(
    "teacher-kind",
    "Do soft instructions teach faster than hard ones, and do logprobs do as well as samples?",
    "Fig. 4",
    ("DivergedDoorKey",),
    (SAMPLES, LOGPROBS, HARD),
)

FLOOR = Times(0.01, "lambda_0")
"""A.7's lambda_c is a hundredth of its lambda_0; its four schedules are made in these proportions, all equally long."""
LENGTH = Times(1, "steps")
STEPWISE = Variant("stepwise", schedule={"lambda_c": FLOOR, "i2": Times(2, "i1"), "steps": LENGTH})
ANNEALING = Experiment(
    "annealing",
    "Does only the stepwise schedule work?",
    "A.7, Fig. 7",
    ("ColoredDoorKey", "DivergedDoorKey"),
    (
        STEPWISE,
        Variant("linear", schedule={"lambda_c": 0.0, "i2": Times(1, "i1"), "steps": LENGTH}),
        Variant(
            "linear, twice as long",
            schedule={"lambda_c": 0.0, "i1": Times(2, "i1"), "i2": Times(2, "i1"), "steps": LENGTH},
        ),
        Variant(
            "constant",
            schedule={"lambda_0": FLOOR, "lambda_c": FLOOR, "i1": 0, "i2": Times(2, "i1"), "steps": LENGTH},
        ),
    ),
)
DISTANCE = Experiment(
    "distance",
    "Do students learn faster by KL or by Wasserstein distance to the teacher?",
    "Eq. 2",
    ("ColoredDoorKey", "DivergedDoorKey"),
    (
        Variant("KL"),
        Variant("Wasserstein", schedule={"distance": "wasserstein"}),
        Variant("Wasserstein, λ five times", schedule={"distance": "wasserstein", "lambda_0": Times(5, "lambda_0")}),
    ),
)

GOES_ON, ENDED = {"truncation": "bootstrap"}, {"truncation": "terminal"}
HORIZON = Experiment(
    "horizon",
    "Is an episode that the horizon cuts off better taken for one that goes on, or for one that ended?",
    "",
    DOORKEY,
    (Variant("goes on", schedule=GOES_ON), Variant("ended", schedule=ENDED)),
)
HORIZON_RL = Experiment(
    "horizon-rl",
    "And where there is no teacher?",
    "",
    DOORKEY,
    (
        Variant("goes on", RL.name, {**GOES_ON, "steps": 3_000_000}),
        Variant("ended", RL.name, {**ENDED, "steps": 3_000_000}),
    ),
)

TEN = Variant("10", labels=partial(samples, 10))
NUMBER_OF_SAMPLES = Experiment(
    "samples",
    "How many answers per description are enough?",
    "A.3",
    ("ColoredDoorKey", "DivergedDoorKey"),
    (*(Variant(f"{n}", labels=partial(samples, n)) for n in (1, 3)), TEN, Variant("30", labels=partial(samples, 30))),
    reference=TEN,
)

OPTIONS_ALONE = Variant("100%", labels=partial(noise, 1.0))
"""A teacher that advises every option that can start, all alike: what is left of a teacher without a language model."""
NOISE = Experiment(
    "noise",
    "How wrong may a teacher be before the student suffers?",
    "",
    ("LavaDoorKey", "ColoredDoorKey"),
    (*(Variant(f"{mass:.0%}", labels=partial(noise, mass)) for mass in (0.0, 0.25, 0.5, 0.75)), OPTIONS_ALONE),
)
MISSING = Experiment(
    "missing",
    "How incomplete may a label table be (share of its descriptions) before the student suffers?",
    "",
    ("LavaDoorKey", "ColoredDoorKey"),
    tuple(Variant(f"{share:.0%}", labels=partial(missing, share)) for share in (0.0, 0.25, 0.5, 0.75)),
)
WARM_START = Experiment(
    "warm-start",
    "Is an offline warm start on the collected states worth its time?",
    "",
    ("SimpleDoorKey", "ColoredDoorKey"),
    (Variant("without"), Variant("200 gradient steps", train={"warm_start": 200})),
)

MAP = Experiment(
    "map",
    "Does what the paper claims hold with a network like its own, over the remembered map?",
    "Fig. 3",
    DOORKEY,
    tuple(  # this network learns more slowly: twice the gradient steps, and eight times as long with a teacher
        Variant(
            method,
            method,
            {"minibatch": 256, "i1": Times(8, "i2"), "i2": Times(8, "i2"), "steps": 2_000_000},
            {"network": "map"},
        )
        for method in TRAINED
    ),
    command="make paper-map",
)

EXPERIMENTS = (
    METHODS,
    LONG,
    TEACHER_KIND,
    ANNEALING,
    DISTANCE,
    HORIZON,
    HORIZON_RL,
    NUMBER_OF_SAMPLES,
    NOISE,
    MISSING,
    WARM_START,
    MAP,
)
COMPARE_METHODS = (METHODS, MAP)
"""Experiments that compare methods, with one network each."""
SEPARATE = (MAP,)
"""Experiments that take hours: only `make paper-map` runs them."""
