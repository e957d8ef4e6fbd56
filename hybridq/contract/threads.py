"""How many threads one process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from hybridq.contract import cgroup
from hybridq.contract.errors import InputError
from hybridq.contract.launcher import Launch, launch


class OnNode(Protocol):
    """Anything that knows how many ranks share this node, such as `hybridq.comm.Comm`."""

    @property
    def local_size(self) -> int:
        """Ranks of the run on this node."""
        ...


def available_threads(comm: OnNode | None = None) -> int:
    """Threads that this process may use, at least 1.

    ``HYBRIDQ_NUM_THREADS``, else ``OMP_NUM_THREADS``, else a share of the processors: the process's CPU affinity
    divided by the ranks on this node, and its control group's CPU quota divided likewise. Affinity is not
    divided where the launcher has already bound each rank to processors of its own. Without `comm` the ranks
    on this node are read from the launcher's environment; no MPI call is made.

    Raises:
        InputError: one of the two variables, or a launcher's, has a value that makes no sense.
    """
    for name in ("HYBRIDQ_NUM_THREADS", "OMP_NUM_THREADS"):
        if name in os.environ:
            return _asked_for(name, os.environ[name])
    started = launch()
    ranks = comm.local_size if comm is not None else ranks_on_node(started)
    cpus = _affinity(0)
    threads = cpus if _bound(cpus, started) else cpus // ranks
    quota = cpu_quota()
    if quota is not None:
        threads = min(threads, math.floor(quota / ranks))
    return max(1, threads)


def ranks_on_node(started: Launch | None) -> int:
    """MPI ranks that share this node, 1 for a serial process; all of them where the launcher does not tell."""
    if started is None:
        return 1
    return started.local_size or started.size or 1


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Processors that the control groups allow, such as 1.5; None where they set no limit."""
    quotas = []
    for folder in cgroup.folders("cpu", root):
        for quota, period in (
            (cgroup.number(folder / "cpu.max"), cgroup.number(folder / "cpu.max", 1)),
            (cgroup.number(folder / "cpu.cfs_quota_us"), cgroup.number(folder / "cpu.cfs_period_us")),
        ):
            if quota is not None and period is not None and quota > 0 and period > 0:
                quotas.append(quota / period)
    return min(quotas, default=None)


def _asked_for(name: str, text: str) -> int:
    # OpenMP allows a list, one number for each level of nesting; the first is ours.
    first = text.split(",")[0].strip()
    if not (first.isascii() and first.isdigit() and 1 <= int(first) <= 65536):
        raise InputError(f"{name} is {text!r}; it must be a number of threads of at least 1")
    return int(first)


def _affinity(pid: int) -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(pid))
    return os.cpu_count() or 1


def _bound(cpus: int, started: Launch | None, environ: Mapping[str, str] | None = None) -> bool:
    """Whether the launcher gave this rank processors of its own.

    Slurm says so in its environment. Other launchers are the parent process or its parent: a rank that may run
    on fewer processors than its parent was bound.
    """
    env = os.environ if environ is None else environ
    if started is None or started.launcher == "HYBRIDQ_MPI=on":
        return False
    if started.launcher.startswith("Slurm"):
        return env.get("SLURM_CPU_BIND_TYPE", "none").startswith(("mask_", "map_"))
    try:
        return cpus < _affinity(os.getppid())
    except OSError:
        return False
