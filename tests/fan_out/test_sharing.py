"""Jobs that have processes of their own, as slow environments do, use no more than their share of the cores."""

from __future__ import annotations

import os

from pipeline.fan_out import cores, fan_out, processes


class Ask:
    name = "ask"


def ask(job, progress, stop):  # noqa: ARG001
    return cores()


def test_one_of_several_processes_has_its_share(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8))
    monkeypatch.setattr(processes, "_sharing", 1)
    assert cores() == 8
    for jobs, share in ((3, 2), (8, 1), (100, 1)):
        processes.share_cores(jobs)
        assert cores() == share


def test_jobs_in_processes_know_their_share():
    there = cores()
    assert fan_out([Ask(), Ask()], ask, "ask") == [max(1, there // min(2, there))] * 2
    assert cores() == there
