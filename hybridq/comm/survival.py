"""Ranks that outlive others: MPI's User Level Failure Mitigation, where the launcher offers it.

Open MPI 5 does with ``mpiexec --with-ft ulfm``. It tells of processes that died; one that hangs is not noticed.

Source: W. Bland, A. Bouteiller, T. Herault, G. Bosilca, J. J. Dongarra, Int. J. High Perform. Comput. Appl. 27, 244
(2013), doi:10.1177/1094342013488238.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from hybridq.comm.patience import Patience, wait_for
from hybridq.contract.errors import MPIError

ENABLED = "OMPI_MCA_mpi_ft_enable"  # mpiexec --with-ft sets it to 1 for the processes that it starts
NO_FENCE = "OMPI_MCA_async_mpi_finalize"  # 1: MPI_Finalize does not wait for all, the dead included
GRACE = 0.2  # seconds for the last messages


class Lost(MPIError):
    """A rank of this Comm died. `map` and `share` then do its work elsewhere; only what a group runs ever sees this."""

    def __init__(self, message: str = "a rank of this group died; the others start its work again") -> None:
        super().__init__(message)


def asked_for() -> bool:
    """Whether the launcher says that ranks may outlive others."""
    return os.environ.get(ENABLED, "").strip().lower() in ("1", "true", "t", "yes", "y", "on", "enabled")


def prepare() -> None:
    """Before MPI starts: let the ranks that are left end, too.

    With Open MPI 5.0 MPI_Finalize waits for all processes, and was seen to wait for ever after two had died; `leave`
    takes its place.
    """
    if asked_for():
        os.environ.setdefault(NO_FENCE, "1")


def leave(mpi: Any) -> None:
    """Wait at the end of the program for all ranks that are left; no more messages after that."""
    agreed(mpi, True)
    time.sleep(GRACE)


def offered(mpi: Any) -> bool:
    """Whether the ranks of this communicator may outlive others."""
    if not asked_for():
        return False
    try:
        mpi.Get_failed().Free()
    except Exception:  # a library without the extension
        return False
    return True


def is_loss(error: BaseException) -> bool:
    """Whether an exception of mpi4py says that a rank died, or that another rank has noticed that one did."""
    from mpi4py import MPI

    if not isinstance(error, MPI.Exception):
        return False
    losses = (MPI.ERR_PROC_FAILED, MPI.ERR_PROC_FAILED_PENDING, MPI.ERR_REVOKED)
    return error.Get_error_class() in losses


def lost(mpi: Any) -> frozenset[int]:
    """Ranks of a communicator that are known to have died."""
    failed = mpi.Get_failed()
    try:
        count = failed.Get_size()
        if count == 0:
            return frozenset()
        everyone = mpi.Get_group()
        try:
            return frozenset(failed.Translate_ranks(range(count), everyone))
        finally:
            everyone.Free()
    finally:
        failed.Free()


def revoked(mpi: Any) -> bool:
    """Whether a rank has given the communicator up."""
    return bool(mpi.Is_revoked())


def revoke(mpi: Any) -> None:
    """Give a communicator up, so that no rank waits in it for one that died."""
    if not mpi.Is_revoked():
        mpi.Revoke()


def agreed(mpi: Any, whole: bool) -> bool:
    """Whether every rank says `whole` and none has died; the same answer on all that are left.

    The ranks that wait sleep. Works on a communicator that was given up.
    """
    import numpy as np

    flag = np.array([int(whole)], dtype=np.intc)
    try:
        request = mpi.Iagree(flag)
        wait_for(request.Test, Patience())
    except Exception as error:
        if not is_loss(error):
            raise
        return False
    return bool(flag[0])


def shrunk(mpi: Any, prepare: Callable[[Any], Any]) -> tuple[Any, Any, bool]:
    """The ranks that are left, in the same order, after all of them have called this.

    Args:
        mpi: the communicator that lost some.
        prepare: makes something of the new one, collectively; begun again where another rank dies meanwhile.

    Returns:
        The new communicator, what was made of it, and whether the old rank 0 is among them.
    """
    before = mpi.Get_group()
    while True:
        made = None
        whole = True
        new = mpi.Shrink()
        try:
            made = prepare(new)
        except Lost:
            whole = False
            revoke(new)
        if agreed(new, whole):
            break
    after = new.Get_group()
    root_lives = before.Translate_ranks([0], after)[0] >= 0
    before.Free()
    after.Free()
    return new, made, root_lives
