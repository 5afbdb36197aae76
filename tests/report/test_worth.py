"""What the teacher is worth in words: every case of reached, not reached and not run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from synthetic import params, ramp, write_trial

from pipeline.experiments.experiment import experiments
from pipeline.report.published_results import published_results
from pipeline.report.trials import TrialGroup, read_trials
from pipeline.report.worth import Ratio, Reach, Worth, uniform_in_words, worth_in_words, worths

NEVER = math.inf


def reach(*thousands: float, earliest: float = 0.0) -> Reach:
    """Students that get to the level after so many thousands of steps; all run for 3M."""
    steps = 1000 * np.array(thousands)
    return Reach(steps, steps / 1e5, 3e6, earliest)


def row(
    own: Reach | None, baseline: Reach | None = None, options: Reach | None = None, **ratios: Ratio | None
) -> Worth:
    reaches = {"llm4teach": own, "rl": baseline, "hierarchical": options}
    present = {name: each for name, each in reaches.items() if each}
    return Worth("T", "egocentric", "the paper’s 90.0%", 0.9, present, {k: r for k, r in ratios.items() if r}, {})


OWN, SLOW = reach(100, 100, 100), reach(500, 500, 500)


def conclusion(baseline: Ratio | None, options: Ratio | None, own: Reach = OWN) -> str:
    (sentence,) = worth_in_words(
        [row(own, SLOW if baseline else None, SLOW if options else None, rl=baseline, hierarchical=options)]
    )
    return sentence


def test_what_the_language_model_saves_is_a_share_of_what_the_teacher_saves() -> None:
    # LLM4Teach 1, options 2, RL 5: of the 4 saved 1 is the model's own. Ends: (1.5 - 1) / (6 - 1), (2.5 - 1) / (4 - 1).
    assert conclusion(Ratio(5, 4, 6), Ratio(2, 1.5, 2.5)) == (
        "T, network egocentric: to the paper’s 90.0%, RL needs 5.0 times (4.0 to 6.0) the steps of LLM4Teach; with "
        "the same options but no language model (hierarchical) it takes 2.0 times (1.5 to 2.5) the steps: so of the "
        "steps that the teacher saves, the language model’s own answers account for about 25% (from the ends of both "
        "intervals: 10% to 50%)."
    )


@pytest.mark.parametrize(
    ("baseline", "options", "words"),
    [
        (Ratio(5, 4, 6), Ratio(0.8, 0.7, 0.9), "so the options alone save more, and the language model’s own answers"),
        (Ratio(5, 4, 6), Ratio(1.1, 0.9, 1.4), "so the options alone may well save as much, and no saved step"),
        (Ratio(5, 4, 6), Ratio(6, 5, 7), "account for all: the options alone are no faster than RL."),
        (Ratio(5, 4, 6), Ratio(NEVER, 30, NEVER), "so the options alone don’t get there within 3.00M steps"),
        (Ratio(NEVER, 11, NEVER), Ratio(2, 1.5, 2.5), "account for at most 10%."),
        (
            Ratio(NEVER, 2, NEVER),
            Ratio(2, 1.5, 2.5),
            "account for a part that the length of RL’s training leaves open.",
        ),
        (Ratio(1.1, 0.9, 1.4), Ratio(0.5, 0.4, 0.6), "so it is not clear that the teacher saves any steps."),
        (Ratio(5, 4, 6), None, "(hierarchical) were not run: so what part of it"),
        (None, Ratio(2, 1.5, 2.5), "RL was not run; with"),
        (None, Ratio(2, 1.5, 2.5), "do save steps, but without RL one can’t say which part."),
    ],
)
def test_every_case_has_its_conclusion(baseline: Ratio | None, options: Ratio | None, words: str) -> None:
    assert words in conclusion(baseline, options)


def test_a_level_that_is_reached_as_soon_as_can_be_seen_gives_lower_bounds() -> None:
    early = reach(100, 90, 100, earliest=90_000)
    sentence = conclusion(Ratio(5, 4, 6), Ratio(2, 1.5, 2.5), early)
    assert "RL needs at least 5.0 times" in sentence
    assert "it takes at least 2.0 times" in sentence
    assert "account for at least about 25%" in sentence
    # If LLM4Teach needed no steps at all, the share would be 2 of RL's more than 10.
    assert "at most 20%." in conclusion(Ratio(NEVER, 10, NEVER), Ratio(2, 1.5, 2.5), early)
    assert "save more" not in conclusion(Ratio(5, 4, 6), Ratio(0.8, 0.7, 0.9), early)


def test_without_llm4teach_or_where_it_does_not_get_there() -> None:
    assert worth_in_words([row(None, SLOW)]) == [
        "T, network egocentric: LLM4Teach was not run, so nothing can be said of its teacher."
    ]
    assert worth_in_words([row(reach(NEVER, NEVER, 5), SLOW)]) == [
        "T, network egocentric: the paper’s 90.0% is more than LLM4Teach gets to: not reached within 3.00M steps (1 of "
        "3 students did); RL: 0.50M steps, 5.0 s."
    ]


def test_too_few_students_get_figures_but_no_conclusion() -> None:
    (sentence,) = worth_in_words([row(OWN, reach(500), SLOW, rl=Ratio(5, 5, 5), hierarchical=Ratio(5, 5, 5))])
    assert sentence.endswith("too few students for a conclusion (3 of llm4teach, 1 of rl, 3 of hierarchical).")


def groups(data: Path) -> list[TrialGroup]:
    done = {marker.parent for marker in (data / "paper").glob("*/*/*/*/trial.json")}
    return read_trials(data / "paper", experiments(params()), {"LavaDoorKey": 150}, done)


def test_the_earliest_step_is_the_end_of_the_first_window_after_warm_up(tmp_path: Path) -> None:
    for seed in range(3):
        write_trial(tmp_path, "methods", "llm4teach", "LavaDoorKey", seed, success=ramp(0))
    found = worths(groups(tmp_path), published_results())
    # Ten environments take 1500 steps for a whole episode each; the five iterations after that end at 6000.
    assert found[0].reaches["llm4teach"].earliest == 6000
    assert found[0].at_least
    assert len(worth_in_words(found)) == 1  # one sentence for both levels


def test_uniform_options_are_told_beside_the_labels(tmp_path: Path) -> None:
    for seed in range(3):
        write_trial(tmp_path, "noise", "0%", "LavaDoorKey", seed, success=ramp(5))
    assert uniform_in_words(groups(tmp_path)) == []
    for seed in range(3):
        write_trial(tmp_path, "noise", "100%", "LavaDoorKey", seed, success=ramp(20), evaluated=0.9)
    (sentence,) = uniform_in_words(groups(tmp_path))
    assert sentence.startswith("LavaDoorKey, network egocentric: a teacher that advises every option that can start")
    assert "leads to 90% in training after 25K steps and 90.0% (" in sentence
    assert "; with the language model’s labels 90% in training after 10K steps and 100.0%" in sentence
