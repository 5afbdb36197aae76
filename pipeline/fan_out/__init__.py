"""Many jobs at once, on this machine's cores or on a cluster: one progress view, and Ctrl-C that loses nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pipeline.fan_out.jobs import AnyJob, Interrupted, NoCluster, Result, Work, WorkerLost
from pipeline.fan_out.processes import cores, fan_out_over_cores
from pipeline.fan_out.view import progress_view, stoppable

__all__ = ["Interrupted", "NoCluster", "WorkerLost", "cores", "fan_out"]

CLUSTER = "RAY_ADDRESS"
"""The environment variable that names a Ray cluster, Ray's own."""


def fan_out(jobs: Sequence[AnyJob], work: Work[AnyJob, Result], title: str) -> list[Result]:
    """Carry out all jobs, each core one at a time; returns their results in order.

    `work` is a function of a module, since it travels to other processes. With RAY_ADDRESS in the environment they are
    those of that Ray cluster, otherwise this machine's. On SIGINT or SIGTERM every job is asked to stop, and
    Interrupted is raised; so is WorkerLost if one is killed, and NoCluster if the cluster isn't there. An error in a
    job is raised here once the others are done.
    """
    address = os.environ.get(CLUSTER)
    with progress_view(jobs, title) as show, stoppable() as stop_requested:
        if address:
            from pipeline.fan_out.cluster import fan_out_over_cluster

            return fan_out_over_cluster(jobs, work, show, stop_requested, address)
        return fan_out_over_cores(jobs, work, show, stop_requested)
