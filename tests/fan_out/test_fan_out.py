"""Jobs on this machine's cores and on a Ray cluster: the same results, errors and Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from jobs_for_tests import Count, PatientProgress, count, fail, span

from pipeline.fan_out import CLUSTER, Interrupted, NoCluster, cores, fan_out
from pipeline.fan_out import cluster as over_cluster

RAY = Path(sys.executable).parent / "ray"


@contextmanager
def local_cluster():
    """The address of a Ray cluster of one node with two cores; in the end nothing else is stopped."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [RAY, "start", "--head", "--block", "--port", port, "--node-ip-address", "127.0.0.1"]
    with tempfile.TemporaryDirectory(
        prefix="ray", ignore_cleanup_errors=True
    ) as folder:  # sockets' paths are short: pytest's folders are too deep
        head = subprocess.Popen(
            [*command, "--num-cpus", "2", "--include-dashboard=false"],
            env={**os.environ, "RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0"},
            start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            said = ""
            while "--block" not in said:  # it says so once its processes run
                line = head.stdout.readline()
                assert line, said
                said += line
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()  # it stops the processes that it has started
            head.communicate(timeout=60)


@pytest.fixture(scope="module")
def cluster():
    """The address of a cluster, which goes on when another one is stopped."""
    with local_cluster() as address:
        with local_cluster():
            pass
        yield address


@pytest.fixture(params=["cores", "cluster"], autouse=True)
def place(request, monkeypatch):
    """Both places; a cluster is only named by its environment variable."""
    monkeypatch.delenv(CLUSTER, raising=False)
    if request.param == "cluster":
        monkeypatch.setenv(CLUSTER, request.getfixturevalue("cluster"))


def test_results_come_in_order_from_other_processes(tmp_path):
    jobs = [Count(tmp_path / str(number), upto) for number, upto in enumerate((6, 1, 3))]
    results = fan_out(jobs, count, "counting")
    assert [before for _, before in results] == [0, 0, 0]
    assert os.getpid() not in {process for process, _ in results}
    assert [len(job.path.read_text().splitlines()) for job in jobs] == [6, 1, 3]


def test_an_error_comes_as_it_was_raised_once_the_others_are_done(tmp_path):
    jobs = [Count(tmp_path / str(upto), upto) for upto in (2, 8)]
    with pytest.raises(ValueError, match="2 can't be counted") as raised:
        fan_out(jobs, fail, "counting")
    assert type(raised.value) is ValueError
    assert len(jobs[1].path.read_text().splitlines()) == 8


def test_ctrl_c_stops_every_job_and_the_same_call_goes_on(tmp_path):
    jobs = [Count(tmp_path / str(number), 200) for number in range(3)]  # two at once: one has not begun

    def interrupt():
        deadline = time.monotonic() + 60
        while sum(job.path.exists() for job in jobs) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Interrupted):
        fan_out(jobs, count, "counting")
    done = [len(job.path.read_text().splitlines()) if job.path.exists() else 0 for job in jobs]
    assert sorted(count > 0 for count in done) == [False, True, True]
    assert max(done) < 200
    shorter = [Count(job.path, max(before, 1) + 1) for job, before in zip(jobs, done, strict=True)]
    assert [before for _, before in fan_out(shorter, count, "counting")] == done


def test_each_core_has_one_job_at_a_time_even_while_jobs_wait_for_the_actor(tmp_path, monkeypatch):
    monkeypatch.setattr(over_cluster, "_Progress", PatientProgress)
    jobs = [Count(tmp_path / str(number), 20) for number in range(3)]
    spans = fan_out(jobs, span, "counting")
    at_once = max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans)
    assert at_once <= (2 if CLUSTER in os.environ else cores())


def test_progress_is_shown(tmp_path, capsys):
    fan_out([Count(tmp_path / str(number), 3) for number in range(2)], count, "counting")
    assert "counting: 100%" in capsys.readouterr().err


def test_a_cluster_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.setenv(CLUSTER, "127.0.0.1:9")
    with pytest.raises(NoCluster, match=r"RAY_ADDRESS=127\.0\.0\.1:9: no Ray cluster can be used there \(.*refused\)$"):
        fan_out([], count, "counting")


def test_without_ray_a_cluster_can_t_be_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv(CLUSTER, "127.0.0.1:1")
    with pytest.raises(NoCluster, match="ray is not installed"):
        fan_out([], count, "counting")
