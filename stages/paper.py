"""The experiments of `make paper`: every trial that is not done yet, on all cores."""

from __future__ import annotations

from pathlib import Path

from pipeline.experiments.catalogue import EXPERIMENTS, SEPARATE
from pipeline.experiments.trial import carry_out_trial, trials
from pipeline.fan_out import fan_out
from pipeline.params import Params, ParamsError
from pipeline.tables import read_instructions


def paper(params: Params, only: list[str], root: Path = Path()) -> None:
    """Write data/paper/<experiment>/<variant>/<task>/<seed>/ for all trials of the experiments named in `only`.

    Without names, all but the ones that take hours. Trials that are done are kept. Raises ParamsError for an unknown
    name, TableError for a missing label table, Interrupted after Ctrl-C.
    """
    known = {experiment.name: experiment for experiment in EXPERIMENTS}
    for name in only:
        if name not in known:
            raise ParamsError(f"--only: unknown experiment {name!r}; allowed: {', '.join(known)}")
    names = only or [one.name for one in EXPERIMENTS if one not in SEPARATE]
    todo = [trial for name in names for trial in trials(known[name], params, root)]
    for task in {trial.task: None for trial in todo}:
        read_instructions(root / "data/labels" / task / "labels.parquet", task)  # before hours of work, not after
    results = fan_out(todo, carry_out_trial, "paper")
    print(f"paper: {len(todo)} trials of {len(names)} experiments, {results.count('was done')} of them done before")
