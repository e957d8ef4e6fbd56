"""Comm: `agree`, `once`, `map` and `split` over ranks that all run the same script."""

from __future__ import annotations

import hashlib
import itertools
import pickle
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.comm.failures import Failure
from hybridq.contract.errors import InputError, MPIError

T = TypeVar("T")


class Comm:
    """Ranks that call the same verbs in the same order; serial where `mpi` is None.

    Every verb is collective: all ranks must call it. Results do not depend on the number of ranks, and an
    exception on one rank is raised on all. What reaches the other ranks is an error of the same class and
    message where the class is one of hybridq's (chained to a `RankError`), and otherwise a `RankError`; each
    names the rank. `world` makes the first Comm, `split` the others.

    Args:
        mpi: an mpi4py intracommunicator, or None for one process alone.
        local_size: ranks of the whole run on this node.
    """

    def __init__(self, mpi: Any = None, local_size: int = 1) -> None:
        self._mpi = mpi
        self._rank = 0 if mpi is None else int(mpi.Get_rank())
        self._size = 1 if mpi is None else int(mpi.Get_size())
        self._local_size = local_size

    @property
    def rank(self) -> int:
        """This process's number, 0 to size - 1."""
        return self._rank

    @property
    def size(self) -> int:
        """Number of ranks."""
        return self._size

    @property
    def is_root(self) -> bool:
        """True on rank 0."""
        return self._rank == 0

    @property
    def local_size(self) -> int:
        """Ranks of the whole run on this node, those outside this Comm included."""
        return self._local_size

    @property
    def mpi(self) -> Any:
        """The mpi4py communicator, for backends that are MPI programs themselves; None where serial."""
        return self._mpi

    def __repr__(self) -> str:
        return f"<Comm: rank {self.rank} of {self.size}>"

    def agree(self, value: T) -> T:
        """Rank 0's `value`, on every rank.

        NumPy arrays of numbers travel as buffers, other values by pickle. Rank 0 gets back what it gave.

        Raises:
            InputError: rank 0's value cannot be sent.
        """
        return value if self._mpi is None else self._send_from_root(value, None)

    def once(self, fn: Callable[[], T]) -> T:
        """``fn()`` is called on rank 0 only; its value, or its exception, reaches every rank.

        The other ranks sleep while they wait: the call may last for hours.

        Raises:
            RankError: `fn` raised an error that is not one of hybridq's; rank 0 raises the original.
            InputError: the value cannot be sent.
        """
        if self._mpi is None:
            return fn()
        value: Any = None
        failure: BaseException | None = None
        if self.is_root:
            try:
                value = fn()
            except BaseException as error:
                failure = error
        self._wait_patiently()
        result: T = self._send_from_root(value, failure)
        return result

    def map(self, fn: Callable[[NDArray[Any]], ArrayLike], rows: ArrayLike) -> NDArray[Any]:
        """``fn(rows)`` with the rows shared out over the ranks; every rank gets the whole array.

        Args:
            fn: takes a block of rows, shape (m, ...) with m of at least 1, and returns real or complex numbers
                of shape (m, ...); row i of its result must depend on row i alone.
            rows: shape (n, ...), the same on every rank; n may be 0 or less than `size`. A rank without rows
                does not call `fn`.

        Returns:
            Shape (n, ...), float64 or complex128; shape (0,) where n is 0.

        Raises:
            RankError: `fn` failed on another rank with an error that is not one of hybridq's.
            InputError: `fn` returned something else than numbers, or another number of rows than it was given.
            MPIError: the ranks were given different rows.
        """
        rows = np.asarray(rows)
        if rows.ndim < 1:
            raise InputError("map takes an array of rows, got a single number")
        starts = [len(rows) * rank // self.size for rank in range(self.size + 1)]
        start, stop = starts[self.rank], starts[self.rank + 1]
        part: NDArray[Any] | None = None
        failure: BaseException | None = None
        try:
            if stop > start:
                part = _numbers(fn(rows[start:stop]), stop - start)
        except BaseException as error:
            if self._mpi is None:
                raise
            failure = error
        if self._mpi is None:
            return np.zeros(0) if part is None else part
        return self._join(part, failure, starts, _digest(rows))

    def split(self, ranks_per_group: int) -> Comm:
        """Cut the ranks into ``size // ranks_per_group`` groups of neighbours; the Comm of this rank's group.

        Where the size is not a multiple, some groups have more than `ranks_per_group`, so that none is idle.

        Raises:
            InputError: fewer than 1 or more than `size` ranks for a group.
        """
        if not 1 <= ranks_per_group <= self.size:
            raise InputError(f"cannot split {self.size} ranks into groups of {ranks_per_group}; 1 to {self.size} work")
        if self._mpi is None:
            return self
        group = self.rank * (self.size // ranks_per_group) // self.size
        return Comm(self._mpi.Split(group, self.rank), self.local_size)

    def barrier(self) -> None:
        """Return when every rank has called it."""
        if self._mpi is not None:
            self._mpi.Barrier()

    def _wait_patiently(self) -> None:
        """A barrier in which those that wait sleep: MPI's own would keep every waiting processor busy."""
        request = self._mpi.Ibarrier()
        pause = 1e-5
        while not request.Test():
            time.sleep(pause)
            pause = min(pause * 1.5, 0.02)

    def _send_from_root(self, value: T, failure: BaseException | None) -> T:
        header: Any = None
        array: NDArray[Any] | None = None
        if self.is_root:
            if failure is None and isinstance(value, np.ndarray) and type(value) is np.ndarray and _is_plain(value):
                array = np.asarray(value, order="C")  # ascontiguousarray would make a single number a row
                header = ("array", array.shape, array.dtype.str)
            elif failure is None:
                try:
                    header = ("value", pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
                except Exception as error:
                    failure = InputError(f"a {type(value).__name__} cannot be sent to the other ranks: {error}")
            if failure is not None:
                header = ("failure", Failure.of(failure, self.rank))
        header = self._mpi.bcast(header, 0)
        if header[0] == "failure":
            header[1].raise_here(failure)
        if header[0] == "array":
            if array is None:
                array = np.empty(header[1], np.dtype(header[2]))
            self._mpi.Bcast(array.view(np.uint8) if array.ndim and array.size else array, 0)
            return value if self.is_root else array  # type: ignore[return-value]
        received: T = value if self.is_root else pickle.loads(header[1])
        return received

    def _join(
        self, part: NDArray[Any] | None, failure: BaseException | None, starts: list[int], digest: str
    ) -> NDArray[Any]:
        mine = (
            None if failure is None else Failure.of(failure, self.rank),
            None if part is None else (part.shape[1:], part.dtype.str),
            digest,
        )
        everyone = self._mpi.allgather(mine)
        for failed, _, _ in everyone:
            if failed is not None:
                failed.raise_here(failure)
        others = [rank for rank, (_, _, theirs) in enumerate(everyone) if theirs != everyone[0][2]]
        if others:
            raise MPIError(
                f"map was given other rows on ranks {others[:10]} than on rank 0; make them equal first, "
                "with rows = comm.agree(rows)"
            )
        shapes = {kind[0] for _, kind, _ in everyone if kind is not None}
        if len(shapes) > 1:
            raise InputError(f"map got results of different shapes for one row from different ranks: {sorted(shapes)}")
        if not shapes:
            return np.zeros(0)
        shape = shapes.pop()
        dtype = np.result_type(*(np.dtype(kind[1]) for _, kind, _ in everyone if kind is not None))
        whole = np.empty((starts[-1], *shape), dtype)
        width = int(np.prod(shape, dtype=np.int64))
        counts = [(b - a) * width for a, b in itertools.pairwise(starts)]
        send = np.empty(0, dtype) if part is None else np.ascontiguousarray(part, dtype)
        self._mpi.Allgatherv(send, (whole, counts))
        return whole


def _is_plain(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "biufc" and array.dtype.isnative


def _numbers(values: ArrayLike, n_rows: int) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "biufc":
        raise InputError(f"map needs numbers for each row, got an array of {array.dtype}")
    if array.ndim < 1 or len(array) != n_rows:
        raise InputError(f"map gave {n_rows} rows and got back an array of shape {array.shape}; rows must match")
    return np.ascontiguousarray(array, np.complex128 if array.dtype.kind == "c" else np.float64)


def _digest(rows: NDArray[Any]) -> str:
    data = rows.tobytes() if rows.dtype.kind != "O" else pickle.dumps(rows.tolist())
    return f"{rows.shape} {rows.dtype.str} {hashlib.blake2b(data, digest_size=16).hexdigest()}"
