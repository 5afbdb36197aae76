"""The command that a labelling which ended too soon prints: as it was called, so that the same model is asked on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from tiny import ROOT, TASK, write_params
from typer.testing import CliRunner

from cli import app
from pipeline.tables import LABELS, STATES, read_table, write_table

PUBLISHED = ROOT / "data/published/doorkey" / TASK / "labels.parquet"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the states of the published table collected."""
    monkeypatch.chdir(tmp_path)
    rows = [{**row, "state_count": 1} for row in read_table(PUBLISHED, LABELS).to_pylist()]
    names = ("task", "state_id", "state_text", "sees", "holds", "state_count")
    write_table(tmp_path / f"data/states/{TASK}.parquet", [{n: row[n] for n in names} for row in rows], STATES)
    return tmp_path


def write_asking(path: Path, **label: Any) -> None:
    changes = {f"label.{name}": value for name, value in {"model": TASK, **label}.items()}
    write_params(path, changes)


def run(command: str) -> tuple[int, list[str]]:
    """Call `llm4teach …` as a shell would; returns the exit code and the lines on stderr."""
    name, *arguments = shlex.split(command)
    assert name == "llm4teach"
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.stderr.splitlines()


def test_the_printed_command_asks_the_same_server_with_the_same_bounds(serve: Any, folder: Path) -> None:
    paid, own = serve(PUBLISHED), serve(PUBLISHED)
    write_asking(folder / "params.yaml", provider="openai", base_url=paid.url)
    write_asking(folder / "my params.yaml", provider="openai", base_url=own.url, price_in=1.0, price_out=1.0)
    command = f"llm4teach label --task {TASK} --params 'my params.yaml' --max-requests 2 --max-cost 0.5"
    for run_number in (1, 2):
        code, said = run(command)
        assert code == 1
        assert own.replay.served["requests"] == 2 * run_number
        assert said[-1] == f"llm4teach: resume with: {command}"
        command = said[-1].removeprefix("llm4teach: resume with: ")
    assert run(command) == (0, [])
    assert own.replay.served["requests"] == 6
    assert paid.replay.served["requests"] == 0


def test_it_is_as_short_as_it_was_typed(serve: Any, folder: Path) -> None:
    write_asking(folder / "params.yaml", provider="openai", base_url=serve(PUBLISHED, "401").url)
    code, said = run(f"llm4teach label --task {TASK}")
    assert (code, said[-1]) == (1, f"llm4teach: resume with: llm4teach label --task {TASK}")


def test_batches_by_file_say_what_reads_their_results(folder: Path) -> None:
    write_asking(folder / "other.yaml", provider="batch-file")
    command = f"llm4teach label --task {TASK} --params other.yaml"
    code, said = run(command)
    assert (code, said[-1]) == (1, f"llm4teach: then read the results with: {command}")


def test_a_batch_beyond_the_budget_is_not_to_be_called_again_as_it_is(folder: Path) -> None:
    write_asking(folder / "params.yaml", provider="batch-file", max_requests=1)
    code, said = run(f"llm4teach label --task {TASK}")
    assert (code, len(said)) == (1, 1)
    assert said[0].endswith("beyond label.max_requests = 1; nothing was sent")
