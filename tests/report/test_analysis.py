"""The analyses on the page: every table from the stage's files, the gallery, and plain words where there is nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from synthetic import params, ramp, write_evaluation, write_labels, write_trial

from pipeline.json_file import JsonError
from pipeline.report.analysis import chosen_failures, read_analysis
from stages.report import report

TASK = "SimpleDoorKey"
KINDS = ("inconsistent", "incorrect", "inefficient", "searching", "sound")
DEPARTED = {"steps": 1000, "mass": 0.2, "departures": 150, "departed": 0.15, "better": 0.6, "worse": 0.1}
DEPARTED |= {"both": 0.2, "neither": 0.1, "spared": 0.05, "advised": "forward", "done": "left"}


def failing(*layouts: tuple[int, list[int]], students: int = 3) -> dict[str, Any]:
    rows = [{"layout_seed": seed, "failed": failed, "ends": ["timeout"] * len(failed)} for seed, failed in layouts]
    return {"students": students, "episodes": 300, "failures": 4, "most": 1, "layouts": rows}


RESULTS: dict[str, Any] = {
    "shortest": {TASK: {"layouts": 1000, "mean": 11.615, "longest": 27, "unsolvable": 0}},
    "errors": {
        TASK: {
            "episodes": 1000,
            "steps": 22385,
            "kinds": {kind: {"steps": 10, "per_1000_steps": 66.6, "episodes": 0.5} for kind in KINDS},
            "idle_per_1000_steps": 60.0,
            "outcomes": {
                "success": {"episodes": 1000, "per_episode": dict.fromkeys(KINDS, 1.49)},
                "death": {"episodes": 0, "per_episode": dict.fromkeys(KINDS, 7.77)},
            },
            "examples": {"incorrect": [{"description": "<b>lava</b>", "action": "forward", "steps": 12}]},
        }
    },
    "departures": {
        TASK: {
            "students": 3,
            "episodes": 750,
            "unlabelled_steps": 0,
            "total": DEPARTED,
            "descriptions": [{"description": "The agent observes <i>nothing</i>.", **DEPARTED}],
        }
    },
    "transfer": {
        TASK: {
            target: {"students": 3, "success": share, "success_low": share - 0.01, "success_high": share + 0.01}
            | {"length": 20.0, "return": 0.8}
            for target, share in ((TASK, 0.98), ("LavaDoorKey", 0.61))
        }
    },
    "cost": {
        TASK: {
            "student": {"parameters": 22024, "env_steps": 1e6, "seconds": 6.5},
            "tokens": {"in": 300.0, "out": 150.0, "measured": False},
            "ways": [
                {"way": "the label table, asked once", "answers": 60, "tokens": 27000.0, "seconds": 120.0}
                | {"euros": {"A model": 0.0073}}
            ],
        }
    },
    "failures": {},
    "assumptions": {
        "note": "Assumptions.",
        "seconds_per_answer": 2.0,
        "seconds_source": "assumed",
        "prices": [{"model": "A model", "source": "a list of 2026"}],
    },
}


def write_results(data: Path, **changes: Any) -> None:
    folder = data / "paper/analysis"
    folder.mkdir(parents=True)
    for name, content in {**RESULTS, **changes}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def paper_report(root: Path) -> Path:
    """The report with trials and analyses; every trial counts as done."""
    with pytest.MonkeyPatch.context() as patch:
        done = {marker.parent for marker in (root / "data/paper").glob("*/*/*/*/trial.json")}
        patch.setattr("stages.report.done_trials", lambda *_: done)
        return report(params(), root, quiet=True, with_paper=True)


def section(html: str, name: str) -> str:
    return " ".join(html.split(f'<section id="{name}"')[1].split("</section>")[0].split())


def test_every_analysis_is_on_the_page(tmp_path: Path) -> None:
    write_results(tmp_path / "data")
    html = paper_report(tmp_path).read_text()
    errors = section(html, "errors")
    assert "66.6" in errors
    assert "1.49" in errors
    assert "7.77" not in errors  # no episode ended so
    assert "&lt;b&gt;lava&lt;/b&gt;" in errors
    departures = section(html, "departures")
    total, first = (row for row in departures.split("<tr")[2:])
    for row in (total, first):
        assert '15.0%</td> <td>left <small>for forward</small></td> <td class="number">60%</td>' in row
    assert "&lt;i&gt;nothing&lt;/i&gt;" in departures
    transfer = section(html, "transfer")
    assert "61.0%" in transfer
    assert "60.0–62.0%, 20.0 steps" in transfer
    cost = section(html, "cost")
    for words in ("0.0073", "27,000", "2.0 min", "6.5 s", "a list of 2026", "estimated from the prompt"):
        assert words in cost
    assert "11.6" in section(html, "worth")
    assert "the long run was not made yet" in section(html, "worth")


def test_without_analyses_and_trials_the_page_says_so(tmp_path: Path) -> None:
    html = paper_report(tmp_path).read_text()
    for name, words in (
        ("claims", "not tested yet"),
        ("ablations", "The experiment “warm-start” (Is an offline warm start on the collected states worth its time?)"),
        ("ablations", "make paper-map runs it."),
        ("worth", "No student of another method was trained"),
        ("ablations", "Not run yet"),
        ("errors", "Not counted yet"),
        ("departures", "Not analysed yet"),
        ("transfer", "Not tried yet"),
        ("cost", "Not worked out yet"),
        ("failures", "Not looked for yet"),
    ):
        assert words in section(html, name)


def test_trials_stand_in_for_methods_that_the_stages_did_not_run(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_evaluation(data, TASK, "llm", [None], 1.0)
    write_evaluation(data, TASK, "llm4teach", [0], 1.0)
    write_labels(data, TASK)
    for seed in range(2):
        write_trial(data, "methods", "llm4teach", TASK, seed, success=ramp(5), evaluated=0.99)
        write_trial(data, "methods", "rl", TASK, seed, method="rl", success=ramp(20, 80), evaluated=0.5)
    path = paper_report(tmp_path)
    html = path.read_text()
    success = json.loads(path.with_name("metrics.json").read_text())["success"]
    assert success["rl"][TASK] == 0.5
    assert success["llm4teach"][TASK] == 0.99  # two students rather than one
    assert "RL, no teacher ends at 100% and is at the paper’s 96.4% from 21K steps on" in section(html, "curves")
    assert "any number of times: can’t be told" in section(html, "worth")  # two students tell nothing
    assert "Of the experiment “methods”: Hierarchical RL on SimpleDoorKey" in section(html, "ablations")
    assert "No student was trained without a teacher" not in html


def test_what_the_teacher_is_worth_is_one_table_with_one_sentence(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for seed in range(5):
        write_trial(data, "methods", "llm4teach", TASK, seed, success=ramp(8))
        write_trial(data, "methods", "rl", TASK, seed, method="rl", success=ramp(34, 80))
        write_trial(data, "map", "rl", TASK, seed, method="rl", network="map", success=ramp(5))
    worth = section(paper_report(tmp_path).read_text(), "worth")
    sentence = "by the whole interval: RL, no teacher: more in 2 and fewer in 0 of 2."
    assert worth.index(sentence) < worth.index("<table")
    assert "39K<br><small>3.0 to 3.0 times: more</small>" in worth
    assert worth.count("not run") == 2  # with the other network, at both levels
    assert "With the network “map” nothing was tuned" in worth


def test_claims_are_one_table_of_cases(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for seed in range(3):
        write_trial(data, "methods", "rl", TASK, seed, method="rl", success=ramp(5), evaluated=0.0)
    claims = section(paper_report(tmp_path).read_text(), "claims")
    case = f"<tr><td>{TASK}, egocentric</td><td>holds</td><td>0% (0–3.7%) after 40K steps</td></tr>"
    assert claims.index('<span class="finding">holds in 1 and does not in 0 of 1</span>') < claims.index(case)
    assert "no trial has finished yet; <code>make paper-map</code>" in claims
    write_trial(data, "map", "rl", TASK, 0, method="rl", network="map", success=ramp(5))
    assert "no trial has finished yet" not in section(paper_report(tmp_path).read_text(), "claims")


def test_an_ablation_is_one_sentence_and_one_table(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for seed in range(5):
        for variant, start in (("without", 20), ("200 gradient steps", 5)):
            write_trial(data, "warm-start", variant, TASK, seed, success=ramp(start + seed % 2))
    shown = section(paper_report(tmp_path).read_text(), "ablations")
    assert shown.count("Beside “without”, by the whole interval: higher in 1 and lower in 0 of 1.") == 1
    assert '<td class="number">+37.5 (+' in shown
    assert "chance can make" not in shown


def test_students_that_are_gone_are_not_filmed(tmp_path: Path) -> None:
    write_results(tmp_path / "data", failures={TASK: {"sampled": failing((1, [0, 2]))}})
    failures = section(paper_report(tmp_path).read_text(), "failures")
    assert "2 fail" in failures
    assert "There is no failed episode to show." in failures


def test_a_broken_result_is_named(tmp_path: Path) -> None:
    write_results(tmp_path / "data")
    (tmp_path / "data/paper/analysis/errors.json").write_text("{")
    with pytest.raises(JsonError, match=r"errors\.json: not JSON"):
        read_analysis(tmp_path / "data/paper/analysis")


def test_the_gallery_has_the_worst_of_both_ways_of_acting_once_each() -> None:
    failures = {
        "sampled": failing((1, [0]), (2, [1]), (3, [0])),
        "argmax": failing((2, [0, 1, 2]), (4, [0, 1]), (5, [2])),
    }
    chosen = chosen_failures(failures)
    assert [(acting, layout["layout_seed"]) for acting, layout, _ in chosen] == [
        ("sampled", 1),
        ("sampled", 2),
        ("argmax", 4),
    ]
    assert chosen_failures({}) == []
