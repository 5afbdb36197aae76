"""Jobs on this machine's cores: as many at once as this process may use."""

from __future__ import annotations

import os

import pytest
from jobs_for_tests import Count, count

from pipeline.fan_out import CLUSTER, cores, fan_out


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.delenv(CLUSTER, raising=False)


def test_a_process_bound_to_one_core_starts_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5}, raising=False)
    results = fan_out([Count(tmp_path / str(number), 1) for number in range(3)], count, "counting")
    assert {process for process, _ in results} == {os.getpid()}


def test_where_the_system_says_nothing_of_bound_processes_all_cores_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert cores() == 8
