"""world: the Comm of all ranks that the launcher started."""

from __future__ import annotations

import atexit
import functools
import os
import sys
import time
from types import TracebackType
from typing import Any

from hybridq.comm import survival
from hybridq.comm.communicator import Comm
from hybridq.comm.failures import relayed
from hybridq.contract.errors import MPIError
from hybridq.contract.launcher import Launch, launch

_OFF = "or set HYBRIDQ_MPI=off where the processes are meant to be independent"
LAST_WORDS = 0.5  # seconds that a launcher gets to pass on a traceback: it drops what it has not read at an abort


@functools.lru_cache(maxsize=1)
def world() -> Comm:
    """All ranks of this run: a serial Comm unless an MPI launcher started more than one process.

    mpi4py is imported only in the latter case (or where the program has started MPI itself already).

    From then on an exception that no one catches, KeyboardInterrupt included, ends the whole run: MPI would leave
    the other ranks waiting for ever. ``sys.excepthook`` prints the traceback as before and then calls MPI's Abort,
    so that the launcher stops all ranks and reports failure. Where an exception reached several ranks, the rank on
    which it began speaks. ``sys.exit`` on one rank alone is not an exception in this sense: leave that way on all
    ranks or on none.

    Raises:
        MPIError: mpi4py or an MPI library is missing, or the library does not belong to the launcher; all
            processes raise it, none of them waits.
        InputError: a launcher's variable makes no sense.
    """
    started = launch()
    if started is None and not (os.environ.get("HYBRIDQ_MPI") is None and _mpi_is_running()):
        return Comm()
    if started is not None and started.size == 1:
        return Comm()
    survival.prepare()
    MPI = _import_mpi(started)
    comm = MPI.COMM_WORLD
    if started is not None and started.size is not None and comm.Get_size() != started.size:
        raise MPIError(
            f"{started.launcher} started {started.size} processes, but the MPI library of mpi4py sees "
            f"{comm.Get_size()} ({_library(MPI)}): the launcher belongs to another MPI than the library. Use that "
            f"library's own mpiexec, or install mpi4py for the launcher's MPI (in {sys.prefix}), {_OFF}"
        )
    if comm.Get_size() == 1:
        return Comm()
    _abort_on_uncaught(comm)
    node = comm.Split_type(MPI.COMM_TYPE_SHARED)
    local_size = int(node.Get_size())
    node.Free()
    # A communicator of our own keeps the messages of backends apart from those of the user.
    made = Comm(comm.Dup(), local_size, fault_tolerant=survival.offered(comm))
    if made.fault_tolerant:
        atexit.register(made._leave)
    return made


def _mpi_is_running() -> bool:
    MPI = sys.modules.get("mpi4py.MPI")
    return MPI is not None and MPI.Is_initialized() and not MPI.Is_finalized()


def _import_mpi(started: Launch | None) -> Any:
    who = "this run" if started is None else started.launcher
    many = "more than one process" if started is None or started.size is None else f"{started.size} processes"
    try:
        import mpi4py
    except ImportError as error:
        raise MPIError(
            f"{who} started {many}, but mpi4py cannot be imported by {sys.executable} ({error}). Install it for the "
            f"launcher's MPI: python -m pip install mpi4py (with no MPI on the machine: mpi4py mpich, and that "
            f"package's mpiexec), {_OFF}"
        ) from None
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        # mpi4py's wheel raises RuntimeError where it finds no libmpi, over several lines.
        reason = " ".join(str(error).split())
        raise MPIError(
            f"{who} started {many}, but mpi4py {mpi4py.__version__} cannot load an MPI library ({reason}). Put the "
            f"launcher's libmpi on LD_LIBRARY_PATH (module load its MPI), or install one: python -m pip install mpich, "
            f"{_OFF}"
        ) from None
    return MPI


def _library(MPI: Any) -> str:
    return " ".join(str(MPI.Get_library_version()).split())[:60]


def _abort_on_uncaught(comm: Any) -> None:
    previous = sys.excepthook

    def end_the_run(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        # The launcher kills the others as soon as one aborts. So the rank where it began speaks at once, others
        # give it time to; where all fail alike, rank 0 is first.
        if relayed(error):
            time.sleep(8 * LAST_WORDS)
        elif comm.Get_rank() != 0:
            time.sleep(3 * LAST_WORDS)
        try:
            previous(kind, error, trace)
            sys.stdout.flush()
            sys.stderr.flush()
            time.sleep(LAST_WORDS)
        finally:
            comm.Abort(1)

    sys.excepthook = end_the_run
