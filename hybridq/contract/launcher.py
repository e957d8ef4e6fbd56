"""What an MPI launcher says about this process in its environment, without any MPI call."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from hybridq.contract.errors import InputError

# Launcher, then its variables for size, rank, and ranks on this node. The first that gives a size or a rank
# speaks: a launcher that runs inside a Slurm step sets its own variables over Slurm's, so Slurm comes last.
_FAMILIES: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("Open MPI's mpiexec", ("OMPI_COMM_WORLD_SIZE",), ("OMPI_COMM_WORLD_RANK",), ("OMPI_COMM_WORLD_LOCAL_SIZE",)),
    ("MVAPICH's launcher", ("MV2_COMM_WORLD_SIZE",), ("MV2_COMM_WORLD_RANK",), ("MV2_COMM_WORLD_LOCAL_SIZE",)),
    (
        "MPICH's mpiexec (or another that speaks PMI)",
        ("PMI_SIZE",),
        ("PMI_RANK",),
        ("MPI_LOCALNRANKS", "PMI_LOCAL_SIZE"),
    ),
    ("PALS", ("PALS_SIZE",), ("PALS_RANKID",), ("PALS_LOCAL_SIZE", "PMI_LOCAL_SIZE")),
    ("Flux", ("FLUX_JOB_SIZE",), ("FLUX_TASK_RANK",), ()),
)

# Where the number of a process among those on its node is told, in the same order.
_LOCAL_RANKS = (
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MV2_COMM_WORLD_LOCAL_RANK",
    "MPI_LOCALRANKID",
    "PMI_LOCAL_RANK",
    "PALS_LOCAL_RANKID",
    "FLUX_TASK_LOCAL_ID",
)


@dataclass(frozen=True, slots=True)
class Launch:
    """What the environment says about a process that an MPI launcher started.

    Attributes:
        launcher: who started it, for people.
        size: number of processes, None where it is not told.
        rank: number of this process, None where it is not told.
        local_size: processes on this node, None where it is not told.
    """

    launcher: str
    size: int | None
    rank: int | None
    local_size: int | None


def launch(environ: Mapping[str, str] | None = None) -> Launch | None:
    """What started this process under MPI; None for a serial process.

    ``HYBRIDQ_MPI=off`` makes every process a serial one, ``on`` asks for MPI where no launcher is recognised;
    the default is ``auto``. A Slurm batch script is serial: only `srun` sets ``SLURM_STEP_NUM_TASKS``.

    Raises:
        InputError: HYBRIDQ_MPI or a launcher's variable has a value that makes no sense.
    """
    env = os.environ if environ is None else environ
    wish = env.get("HYBRIDQ_MPI", "auto").strip().lower()
    if wish in ("off", "0", "no", "false"):
        return None
    if wish not in ("auto", "on", "1", "yes", "true", ""):
        raise InputError(f"HYBRIDQ_MPI is {env['HYBRIDQ_MPI']!r}; it takes on, off or auto")
    for launcher, size_names, rank_names, local_names in _FAMILIES:
        size, rank = _count(env, size_names, 1), _count(env, rank_names, 0)
        if size is not None or rank is not None:
            return Launch(launcher, size, rank, _count(env, local_names, 1))
    if "PMIX_RANK" in env:
        return _pmix(env)
    if "SLURM_PROCID" in env and "SLURM_STEP_NUM_TASKS" in env:
        size, rank = _count(env, ("SLURM_STEP_NUM_TASKS",), 1), _count(env, ("SLURM_PROCID",), 0)
        return Launch("Slurm's srun", size, rank, _slurm_local_size(env))
    if wish in ("on", "1", "yes", "true"):
        return Launch("HYBRIDQ_MPI=on", None, None, None)
    return None


def local_rank(environ: Mapping[str, str] | None = None) -> int:
    """The number of this process among those on its node, from 0; 0 for a serial process.

    Where the launcher does not tell, ranks are taken to fill one node after another.

    Raises:
        InputError: HYBRIDQ_MPI or a launcher's variable has a value that makes no sense.
    """
    env = os.environ if environ is None else environ
    started = launch(env)
    if started is None:
        return 0
    # A batch script has SLURM_LOCALID too, and hands it to all that another launcher starts in it.
    names = (*_LOCAL_RANKS, "SLURM_LOCALID") if "SLURM_STEP_NUM_TASKS" in env else _LOCAL_RANKS
    told = _count(env, names, 0)
    if told is not None:
        return told
    rank, on_node = started.rank or 0, started.local_size or started.size
    return rank % on_node if on_node else rank


def _pmix(env: Mapping[str, str]) -> Launch:
    rank = _count(env, ("PMIX_RANK",), 0)
    if "SLURM_STEP_NUM_TASKS" in env:
        return Launch("Slurm's srun with PMIx", _count(env, ("SLURM_STEP_NUM_TASKS",), 1), rank, _slurm_local_size(env))
    if "PJM_JOBID" in env:
        # PJM_MPI_PROC is what the job may start, not what this mpiexec did start, so the size stays open.
        return Launch("Fujitsu's mpiexec under PJM", None, rank, _count(env, ("PJM_PROC_BY_NODE",), 1))
    return Launch("a launcher that speaks PMIx", None, rank, None)


def _slurm_local_size(env: Mapping[str, str]) -> int | None:
    """Tasks of the step on this node: SLURM_STEP_TASKS_PER_NODE is a list such as ``4(x2),3``."""
    text = env.get("SLURM_STEP_TASKS_PER_NODE") or env.get("SLURM_TASKS_PER_NODE")
    if text is None:
        return _count(env, ("SLURM_NTASKS_PER_NODE",), 1)
    by_node: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part.strip())
        if match is None:
            raise InputError(f"cannot read Slurm's tasks per node {text!r}; expected a list such as '4(x2),3'")
        by_node += [int(match[1])] * int(match[2] or 1)
    node = _count(env, ("SLURM_NODEID",), 0) or 0
    return max(1, by_node[node] if node < len(by_node) else max(by_node))


def _count(env: Mapping[str, str], names: tuple[str, ...], least: int) -> int | None:
    for name in names:
        if name in env:
            try:
                value = int(env[name])
            except ValueError:
                value = least - 1
            if value < least:
                raise InputError(
                    f"the launcher's variable {name} is {env[name]!r}; it must be an integer of at least {least} "
                    "(set HYBRIDQ_MPI=off where this process is not part of an MPI run)"
                )
            return value
    return None
