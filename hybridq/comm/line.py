"""Line: bytes between the ranks of one Comm, on an MPI communicator that no one else uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from hybridq.comm import survival
from hybridq.comm.patience import Patience, wait_for
from hybridq.comm.survival import Lost

SENDING = Patience(longest=5e-4)
CHUNK = 1 << 30  # bytes; MPI libraries before MPI-4 count to 2^31


class Line:
    """Messages that wait patiently. Everything is about bytes; who says what to whom is for the callers.

    Args:
        mpi: an mpi4py intracommunicator of which this Line takes a copy; collective.
        survives: the launcher lets the others go on where a rank dies; a loss is then raised as `Lost`.
        patience: of those that wait; `receive` can be given another.

    Raises:
        Lost: a rank died.
    """

    def __init__(self, mpi: Any, survives: bool = False, patience: Patience | None = None) -> None:
        from mpi4py import MPI

        self._MPI = MPI
        self.survives = survives
        self.patience = patience or Patience()
        self.rank = int(mpi.Get_rank())
        self.size = int(mpi.Get_size())
        try:
            self.mpi = mpi.Dup()
        except Exception as error:
            self._raise(error)
        self._posted: list[Any] = []
        self._left: list[Any] = []

    @property
    def threads(self) -> bool:
        """Whether several threads may use MPI at once."""
        return bool(self._MPI.Query_thread() == self._MPI.THREAD_MULTIPLE)

    def send(self, data: bytes, to: int, tag: int, meanwhile: Callable[[], object] | None = None) -> None:
        """Return when `data` has left.

        Raises:
            Lost: a rank died.
        """
        try:
            request = self.mpi.Isend(data, to, tag)
            wait_for(lambda: self._look(request.Test, meanwhile, to), SENDING)
        except Exception as error:
            self._raise(error)

    def send_all(self, data: bytes, to: Iterable[int], tag: int) -> None:
        """Return when `data` has left for all of them; none waits until another has taken it.

        Raises:
            Lost: a rank died.
        """
        try:
            requests = [self.mpi.Isend(data, rank, tag) for rank in to]
            for request in requests:
                wait_for(partial(self._look, request.Test, None, None), SENDING)
        except Exception as error:
            self._raise(error)

    def post(self, data: bytes, to: int, tag: int) -> None:
        """Send without waiting; the data leaves while this or other calls go on.

        Raises:
            Lost: rank `to` died.
        """
        self._posted = [request for request in self._posted if not self._has_left(request)]
        try:
            self._posted.append(self.mpi.Isend(data, to, tag))
        except Exception as error:
            self._raise(error)

    def _has_left(self, request: Any) -> bool:
        """Whether a message has left, or need not any more since its receiver died."""
        try:
            return bool(request.Test())
        except Exception as error:
            if self.survives and survival.is_loss(error):
                return True
            raise

    def poll(self, source: int | None, tag: int) -> tuple[int, bytes] | None:
        """A message that is there, as (rank of the sender, data); None where there is none. `source` None takes any.

        Raises:
            Lost: a rank died.
        """
        try:
            status = self._MPI.Status()
            message = self.mpi.Improbe(self._MPI.ANY_SOURCE if source is None else source, tag, status)
            if message is None:
                return None
            data = bytearray(status.Get_count(self._MPI.BYTE))
            message.Recv([data, self._MPI.BYTE])
            return int(status.Get_source()), bytes(data)
        except Exception as error:
            self._raise(error)

    def receive(
        self,
        source: int | None,
        tag: int,
        meanwhile: Callable[[], object] | None = None,
        patience: Patience | None = None,
        *,
        needs_all: bool = False,
    ) -> tuple[int, bytes]:
        """Wait for a message; see `poll`. With `needs_all` the wait is given up where any rank died."""
        look = partial(self.poll, source, tag)
        peer = None if needs_all else source
        found: tuple[int, bytes] = wait_for(lambda: self._look(look, meanwhile, peer), patience or self.patience)
        return found

    def broadcast(self, array: NDArray[Any]) -> None:
        """Rank 0's contiguous array into that of all ranks, which has the same shape and type.

        Raises:
            Lost: a rank died.
        """
        flat = array.reshape(-1).view(np.uint8)
        try:
            for start in range(0, len(flat), CHUNK):
                chunk = [flat[start : start + CHUNK], self._MPI.BYTE]
                if self.survives:
                    self._finish(self.mpi.Ibcast(chunk, 0))
                else:
                    self.mpi.Bcast(chunk, 0)
        except Exception as error:
            self._raise(error)

    def join(self, part: NDArray[Any], whole: NDArray[Any], counts: list[int]) -> None:
        """Put the parts of all ranks, one after the other, into `whole` on each; `counts` in numbers of its type.

        Raises:
            Lost: a rank died.
        """
        try:
            if self.survives:
                self._finish(self.mpi.Iallgatherv(part, (whole, counts)))
            else:
                self.mpi.Allgatherv(part, (whole, counts))
        except Exception as error:
            self._raise(error)

    def split(self, group: int) -> Any:
        """The mpi4py communicator of the ranks that gave the same number.

        Raises:
            Lost: a rank died.
        """
        try:
            return self.mpi.Split(group, self.rank)
        except Exception as error:
            self._raise(error)

    def lost(self) -> frozenset[int]:
        """Ranks of this Line that are known to have died."""
        return survival.lost(self.mpi) if self.survives else frozenset()

    def hurt(self) -> bool:
        """Whether a rank of this Line is known to have died, or another rank says so."""
        return self.survives and (survival.revoked(self.mpi) or bool(self.lost()))

    def _finish(self, request: Any) -> None:
        """Wait for a collective operation, and leave it where a rank died: the library may wait in it for ever."""
        self._left.append(request)  # keeps its arrays, into which what was sent before may still arrive
        wait_for(partial(self._look, request.Test, None, None), SENDING)
        self._left.pop()

    def _look(self, look: Callable[[], Any], meanwhile: Callable[[], object] | None, peer: int | None) -> Any:
        """What `look` finds; a wait for a rank that died, or for any rank where one died, is given up."""
        if meanwhile is not None:
            meanwhile()
        found = look()
        if not found and self.survives:
            lost = self.lost()
            if peer in lost or (peer is None and lost):
                raise Lost
        return found

    def _raise(self, error: Exception) -> NoReturn:
        if self.survives and survival.is_loss(error):
            raise Lost from error
        raise error
