"""How a command ends when it fails or is interrupted: one line, an exit code, and no rank left behind."""

from __future__ import annotations

import sys
import time
from typing import Any

from hybridq.cli.output import speaks, to_stderr

OK = 0
FAILED_CHECK = 1
ERROR = 2
RESUMABLE = 75
"""EX_TEMPFAIL of sysexits.h: the same command goes on where this one stopped."""
INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
BROKEN_PIPE = 141
"""128 + SIGPIPE, as shells report it."""

ALONE_AFTER = 5.0
"""Seconds after which a rank that met an error takes it that the other ranks did not."""

LAST_WORDS = 0.5
"""Seconds that a launcher gets to pass on what was said: it drops what it has not read when a rank aborts."""


def seconds_left(wall_time: float | None) -> float | None:
    """What is left of a wall time that began with this process; at least a millisecond."""
    if wall_time is None:
        return None
    import psutil

    began: float = psutil.Process().create_time()
    return max(1e-3, wall_time - (time.time() - began))


def end_all_ranks(message: str, code: int) -> int:
    """Report `message` (where there is one) once and bring all ranks to `code`.

    Rank 0 speaks at once. Another rank waits for all to come here, and stays silent then: all met the same error.
    Where that does not happen, this rank's error is its own: it speaks, and MPI's Abort ends the others, which
    may wait for it for ever.

    Returns:
        `code`, for the caller to exit with.
    """
    root = speaks()
    if root and message:
        to_stderr(message)
    mpi = _running_mpi()
    if mpi is None or _all_came(mpi):
        return code
    if not root and message:
        to_stderr(f"{message} (on rank {mpi.COMM_WORLD.Get_rank()})")
    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(LAST_WORDS)
    mpi.COMM_WORLD.Abort(code)
    return code


def _running_mpi() -> Any:
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is None or not mpi.Is_initialized() or mpi.Is_finalized() or mpi.COMM_WORLD.Get_size() == 1:
        return None
    return mpi


def _all_came(mpi: Any) -> bool:
    # The run's own messages travel on a copy of COMM_WORLD, so this barrier meets none of them.
    request = mpi.COMM_WORLD.Ibarrier()
    deadline = time.monotonic() + ALONE_AFTER
    while not request.Test():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
