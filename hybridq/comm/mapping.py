"""map: rows shared out over the ranks, and one array of results on all of them."""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.comm.failures import Failure, first
from hybridq.comm.meeting import Notes
from hybridq.contract.errors import InputError, MPIError

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Imbalance:
    """How unevenly the last `map` was shared, the same on every rank.

    Attributes:
        slowest: seconds that the slowest rank worked.
        excess: the same less the mean of the ranks that had rows: what an even division would have saved.
    """

    slowest: float = 0.0
    excess: float = 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """What a rank tells about its rows.

    Attributes:
        digest: of all rows that it was given.
        rows: which it contributes; None where no rank was lost, and each contributes those of its turn.
        kind: shape and type of a row's result; None where it has none.
        seconds: that it worked; None where it had no rows.
        failure: why it could not.
        data: the results themselves, C order, where they are small.
    """

    digest: str
    rows: Index | None
    kind: tuple[tuple[int, ...], str] | None
    seconds: float | None
    failure: Failure | None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What rank 0 makes of the parts.

    Attributes:
        failure: to be raised on all ranks.
        missing: rows that no one has done, since a rank died; the ranks turn to them and meet again.
        kind: shape and type of a row's result in the whole.
        owners: rows of each rank, where some did others than those of their turn.
        imbalance: of this map.
        data: the whole, C order, where it is small; else it is sent rank by rank.
        said: what rank 0 made of the whole, pickled, where that is small.
    """

    failure: Failure | None = None
    missing: Index | None = None
    kind: tuple[tuple[int, ...], str] | None = None
    owners: tuple[Index, ...] | None = None
    imbalance: Imbalance = Imbalance()
    data: bytes | None = None
    said: bytes | None = None

    def whole(self, n: int) -> NDArray[Any]:
        """The results of all `n` rows, where they came along."""
        assert self.kind is not None
        assert self.data is not None
        shape, dtype = self.kind
        return np.frombuffer(bytearray(self.data), dtype).reshape(n, *shape)


def own_rows(n: int, rank: int, size: int, ranks_per_group: int = 1) -> tuple[int, int]:
    """The first of the rows that a rank works on, together with its group, and the one after the last."""
    groups = size // ranks_per_group
    group = rank * groups // size
    return n * group // groups, n * (group + 1) // groups


def row_counts(n: int, size: int, ranks_per_group: int = 1) -> Index:
    """How many rows each rank contributes: the first rank of each group all of the group's; shape (size,)."""
    groups = size // ranks_per_group
    group = np.arange(size) * groups // size
    leads = np.diff(group, prepend=-1) > 0
    counts: Index = np.where(leads, n * (group + 1) // groups - n * group // groups, 0)
    return counts


def judge(notes: Notes, n: int) -> Verdict:
    """Rank 0's verdict on what the ranks told of their parts."""
    parts: list[tuple[int, Part]] = [(rank, part) for rank, part in notes]
    failures = [part.failure for _, part in parts if part.failure is not None]
    if failures:
        return Verdict(first(failures))
    others = [rank for rank, part in parts if part.digest != parts[0][1].digest]
    if others:
        text = (
            f"map was given other rows on ranks {others[:10]} than on rank 0; make them equal first, "
            "with rows = comm.agree(rows)"
        )
        return Verdict(Failure.of(MPIError(text)))
    kinds = [part.kind for _, part in parts if part.kind is not None]
    shapes = {shape for shape, _ in kinds}
    if len(shapes) > 1:
        text = f"map got results of different shapes for one row from different ranks: {sorted(shapes)}"
        return Verdict(Failure.of(InputError(text)))
    owners = None
    if any(part.rows is not None for _, part in parts):
        owners = tuple(np.arange(0) if part.rows is None else part.rows for _, part in parts)
        missing = np.setdiff1d(np.arange(n), np.concatenate(owners))
        if len(missing):
            return Verdict(missing=missing)
    seconds = [part.seconds for _, part in parts if part.seconds is not None]
    slowest = max(seconds, default=0.0)
    imbalance = Imbalance(slowest, slowest - sum(seconds) / len(seconds) if seconds else 0.0)
    if not kinds:
        return Verdict(imbalance=imbalance)
    shape, dtype = shapes.pop(), np.result_type(*(np.dtype(dtype) for _, dtype in kinds))
    verdict = Verdict(None, None, (shape, dtype.str), owners, imbalance)
    told = [part for _, part in parts if part.kind is not None]
    if any(part.data is None for part in told):
        return verdict
    pieces = [np.frombuffer(part.data or b"", part.kind[1]) for part in told if part.kind is not None]
    whole = in_order(np.concatenate(pieces).astype(dtype, copy=False).reshape(n, *shape), owners)
    return replace(verdict, data=whole.tobytes())


def in_order(gathered: NDArray[Any], owners: tuple[Index, ...] | None) -> NDArray[Any]:
    """Results that came rank by rank, in the order of rows."""
    if owners is None:
        return gathered
    whole = np.empty_like(gathered)
    whole[np.concatenate(owners)] = gathered
    return whole


class Block:
    """The rows that this rank works on, and what came of them.

    Args:
        fn: see `Comm.map`.
        rows: all rows.
    """

    def __init__(self, fn: Callable[[NDArray[Any]], ArrayLike], rows: NDArray[Any]) -> None:
        self._fn = fn
        self._rows = rows
        self.digest = digest(rows)
        self.done: Index = np.arange(0)
        self.values: NDArray[Any] | None = None
        self.seconds: float | None = None

    def work(self, which: Index) -> NDArray[Any] | None:
        """The results of some rows; None where there are none, and the function is not called then.

        Raises:
            InputError: the function gave no numbers, or too many or too few.
        """
        if not len(which):
            return None
        began = time.perf_counter()
        together = len(which) == which[-1] - which[0] + 1
        block = self._rows[which[0] : which[-1] + 1] if together else self._rows[which]
        values = numbers(self._fn(block), len(which))
        self.seconds = (self.seconds or 0.0) + time.perf_counter() - began
        if self.values is not None and values.shape[1:] != self.values.shape[1:]:
            shapes = f"{self.values.shape[1:]} and {values.shape[1:]}"
            raise InputError(f"map got results of different shapes for one row: {shapes}")
        return values

    def keep(self, which: Index, values: NDArray[Any] | None) -> None:
        """Contribute these rows to the whole."""
        if values is not None:
            self.values = values if self.values is None else np.concatenate([self.values, values])
            self.done = np.concatenate([self.done, which])

    def data(self, most: int) -> bytes | None:
        """The results, where they have no more than so many bytes."""
        return None if self.values is None or self.values.nbytes > most else self.values.tobytes()

    @property
    def kind(self) -> tuple[tuple[int, ...], str] | None:
        """Shape and type of the result of a row."""
        return None if self.values is None else (self.values.shape[1:], self.values.dtype.str)


def numbers(values: ArrayLike, n_rows: int) -> NDArray[Any]:
    """The results of some rows as float64 or complex128.

    Raises:
        InputError: they are no numbers, or too many or too few.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biufc":
        raise InputError(f"map needs numbers for each row, got an array of {array.dtype}")
    if array.ndim < 1 or len(array) != n_rows:
        raise InputError(f"map gave {n_rows} rows and got back an array of shape {array.shape}; rows must match")
    return np.ascontiguousarray(array, np.complex128 if array.dtype.kind == "c" else np.float64)


def digest(rows: NDArray[Any]) -> str:
    """What tells whether two ranks were given the same rows."""
    data = rows.tobytes() if rows.dtype.kind != "O" else pickle.dumps(rows.tolist())
    return f"{rows.shape} {rows.dtype.str} {hashlib.blake2b(data, digest_size=16).hexdigest()}"
