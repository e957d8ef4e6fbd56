"""Comm: `agree`, `once`, `map`, `map_once`, `share` and `split` over ranks that all run the same script."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.comm.blocks import map_in_blocks
from hybridq.comm.line import Line
from hybridq.comm.mapping import Block, Imbalance, Part, Verdict, digest, judge, numbers
from hybridq.comm.ranks import Ranks
from hybridq.comm.rounds import end_of_round, share_round
from hybridq.comm.schedule import Schedule, parents
from hybridq.comm.sequel import Sequel
from hybridq.contract.errors import InputError

T = TypeVar("T")


class Comm(Ranks):
    """Ranks that call the same verbs in the same order; serial where `mpi` is None.

    Every verb is collective: all ranks must call it, and those that wait for others sleep. Results do not depend
    on the number of ranks, and an exception on one rank is raised on all. What reaches the other ranks is an error
    of the same class and message where the class is one of hybridq's (chained to a `RankError`), and otherwise a
    `RankError`; each names the rank. `world` makes the first Comm, `split` the others.

    Where the launcher lets ranks outlive others (`fault_tolerant`) and one dies, the ranks that are left find each
    other again within the verb at hand, `size` and `rank` change, and the verb does its work with those: what a
    rank has finished is kept, and nothing that a rank still holds is done twice. Where the rank that died was rank
    0, the verb raises `RootLost` on all that are left, which go on with a new rank 0.

    Args:
        mpi: an mpi4py intracommunicator, or None for one process alone.
        local_size: ranks of the whole run on this node.
        fault_tolerant: True where the launcher lets the others go on after a rank died.
    """

    _imbalance = Imbalance()

    @property
    def imbalance(self) -> Imbalance:
        """How unevenly the last `map` with fixed parts was shared; the same on all ranks."""
        return self._imbalance

    def agree(self, value: T) -> T:
        """Rank 0's `value`, on every rank.

        NumPy arrays of numbers travel as buffers, other values by pickle. Rank 0 gets back what it gave.

        Raises:
            InputError: rank 0's value cannot be sent.
            RootLost: rank 0 died.
        """
        return value if self._size == 1 else self._whole(partial(self._from_root, "agree", value, None))

    def once(self, fn: Callable[[], T]) -> T:
        """``fn()`` is called on rank 0 only; its value, or its exception, reaches every rank.

        The other ranks sleep while they wait: the call may last for hours.

        Raises:
            RankError: `fn` raised an error that is not one of hybridq's; rank 0 raises the original.
            InputError: the value cannot be sent.
            RootLost: rank 0 died, and whether `fn` had ended is not known.
        """
        if self._size == 1:
            return fn()
        value: Any = None
        failure: BaseException | None = None
        if self.is_root:
            try:
                value = fn()
            except BaseException as error:
                failure = error
        result: T = self._whole(partial(self._from_root, "once", value, failure))
        return result

    def map(
        self,
        fn: Callable[[NDArray[Any]], ArrayLike],
        rows: ArrayLike,
        *,
        dynamic: bool = False,
        ranks_per_group: int = 1,
    ) -> NDArray[Any]:
        """``fn(rows)`` with the rows shared out over the ranks; every rank gets the whole array.

        Args:
            fn: takes a block of rows, shape (m, ...) with m of at least 1, and returns real or complex numbers
                of shape (m, ...); row i of its result must depend on row i alone.
            rows: shape (n, ...), the same on every rank; n may be 0 or less than `size`. A rank without rows
                does not call `fn`.
            dynamic: hand out the rows one by one as ranks become free, for rows that take unequal time; by
                default each rank gets an equal number of neighbours. The values are the same.
            ranks_per_group: that many ranks call `fn` on one block together, for backends that are MPI programs
                themselves; ``comm.group(ranks_per_group)`` is their Comm, and the values on its rank 0 count.

        Returns:
            Shape (n, ...), float64 or complex128; shape (0,) where n is 0.

        Raises:
            RankError: `fn` failed on another rank with an error that is not one of hybridq's.
            InputError: `fn` returned something else than numbers, or another number of rows than it was given;
                there are fewer ranks than `ranks_per_group`.
            MPIError: the ranks were given different rows.
            RootLost: rank 0 died.
        """
        return self._map(fn, rows, dynamic, ranks_per_group, None)[0]

    def map_once(
        self,
        fn: Callable[[NDArray[Any]], ArrayLike],
        rows: ArrayLike,
        then: Callable[[NDArray[Any]], T],
        *,
        dynamic: bool = False,
        ranks_per_group: int = 1,
    ) -> tuple[NDArray[Any], T]:
        """``values = map(fn, rows)``, then ``once(lambda: then(values))``; both on every rank.

        The ranks meet once for the two where the values are small and `dynamic` is False, so that a loop of
        evaluations and decisions costs one meeting a turn. `then` is called once also where a rank is lost meanwhile.
        Errors are those of `map` and of `once`.
        """
        return self._map(fn, rows, dynamic, ranks_per_group, Sequel(then))

    def share(
        self,
        fn: Callable[[int, Any, Comm], T],
        n: int,
        *,
        after: Sequence[int | None] | None = None,
        ranks_per_group: int = 1,
    ) -> list[T]:
        """The values of items 0 to n - 1, handed out one by one to groups of ranks as these become free.

        Args:
            fn: called as ``fn(item, given, group)`` by every rank of the group that works on the item. `group` is
                their Comm, whose verbs `fn` may use; what its rank 0 returns is the value, which must be
                picklable. `given` is the value of the item that this one had to wait for, else None.
            n: number of items, the same on every rank.
            after: for each item None, or the number of the item that must be finished before; None where none
                waits. The lowest item that may start is handed out first.
            ranks_per_group: ranks that work on one item together; some groups have more where it does not divide
                the number of ranks.

        Returns:
            The values in order of items, on every rank.

        Raises:
            RankError: `fn` failed on another rank with an error that is not one of hybridq's. Where it fails, no
                other item is handed out, and of those that fail then the lowest is the one that is raised.
            InputError: `after` makes no sense, a value cannot be sent, or there are fewer ranks than
                `ranks_per_group`.
            RootLost: rank 0 died.
        """
        self._check_group(ranks_per_group)
        order = parents(n, after)
        own: dict[int, BaseException] = {}
        values: dict[int, bytes] = {}
        while True:
            if self._size == 1:
                return self._share_alone(fn, order, {item: pickle.loads(value) for item, value in values.items()})
            served = share_round(self, fn, order, values, own, ranks_per_group)
            done, outcome = self._attempt(partial(end_of_round, self, served))
            if not done:
                continue
            if isinstance(outcome, tuple):
                item, failure = outcome
                failure.raise_here(own.get(item))
            result: list[T] = [pickle.loads(value) for value in outcome or []]
            return result

    def split(self, ranks_per_group: int) -> Comm:
        """Cut the ranks into ``size // ranks_per_group`` groups of neighbours; the Comm of this rank's group.

        Where the size is not a multiple, some groups have more than `ranks_per_group`, so that none is idle.

        Raises:
            InputError: fewer than 1 or more than `size` ranks for a group.
            RootLost: rank 0 died.
        """
        self._check_group(ranks_per_group)
        group: Comm = self if self._size == 1 else self._divide(ranks_per_group, mends=True)
        return group

    def group(self, ranks_per_group: int) -> Comm:
        """The group of this rank in `map` and `share` with as many `ranks_per_group`; made once, then kept.

        Raises:
            InputError: fewer than 1 or more than `size` ranks for a group.
            RootLost: rank 0 died.
        """
        self._check_group(ranks_per_group)
        if self._size == 1:
            return self
        if ranks_per_group not in self._groups:
            # A loss in _divide starts this dictionary anew, so the key is set after it.
            made = self._divide(ranks_per_group, mends=False)
            self._groups[ranks_per_group] = made
        group: Comm = self._groups[ranks_per_group]
        return group

    def barrier(self) -> None:
        """Return when every rank has called it.

        Raises:
            RootLost: rank 0 died.
        """
        if self._size > 1:
            self._whole(partial(self._meet, "barrier"))

    def _check_group(self, ranks_per_group: int) -> None:
        if not 1 <= ranks_per_group <= self.size:
            raise InputError(f"cannot split {self.size} ranks into groups of {ranks_per_group}; 1 to {self.size} work")

    def _map(
        self,
        fn: Callable[[NDArray[Any]], ArrayLike],
        rows: ArrayLike,
        dynamic: bool,
        ranks_per_group: int,
        sequel: Sequel | None,
    ) -> tuple[NDArray[Any], Any]:
        rows = np.asarray(rows)
        if rows.ndim < 1:
            raise InputError("map takes an array of rows, got a single number")
        self._check_group(ranks_per_group)
        if self._size > 1 and not (dynamic and len(rows) > 0):
            return map_in_blocks(self, Block(fn, rows), len(rows), ranks_per_group, sequel)
        one_by_one = dynamic and len(rows) > 0
        values = self._map_one_by_one(fn, rows, ranks_per_group) if one_by_one else self._map_alone(fn, rows)
        return values, None if sequel is None else self.once(partial(sequel.fn, values))

    def _map_alone(self, fn: Callable[[NDArray[Any]], ArrayLike], rows: NDArray[Any]) -> NDArray[Any]:
        block = Block(fn, rows)
        every = np.arange(len(rows))
        block.keep(every, block.work(every))
        self._imbalance = Imbalance(block.seconds or 0.0)
        return np.zeros(0) if block.values is None else block.values

    def _map_one_by_one(
        self, fn: Callable[[NDArray[Any]], ArrayLike], rows: NDArray[Any], ranks_per_group: int
    ) -> NDArray[Any]:
        if self._size > 1:
            kinds = partial(Part, digest(rows), None, None, None, None)
            verdict: Verdict = self._whole(lambda: self._meet("map", kinds(), lambda notes: judge(notes, 0)))
            if verdict.failure is not None:
                verdict.failure.raise_here(None)
        values = self.share(
            lambda row, _, __: numbers(fn(rows[row : row + 1]), 1), len(rows), ranks_per_group=ranks_per_group
        )
        shapes = {value.shape[1:] for value in values}
        if len(shapes) > 1:
            raise InputError(f"map got results of different shapes for one row from different ranks: {sorted(shapes)}")
        return np.concatenate(values)

    def _share_alone(
        self, fn: Callable[[int, Any, Comm], T], order: tuple[int | None, ...], values: dict[int, T]
    ) -> list[T]:
        schedule = Schedule(len(order), order, set(values))
        while (item := schedule.take()) is not None:
            parent = order[item]
            values[item] = fn(item, None if parent is None else values[parent], self)
            schedule.finish(item)
        return [values[item] for item in range(len(order))]

    def _for_sharing(self, ranks_per_group: int) -> tuple[Comm, Line]:
        """This rank's group, and a line to rank 0 on which nothing else is said."""
        while True:
            group = self.group(min(ranks_per_group, self._size))
            if self._errands is not None:
                return group, self._errands
            done, line = self._attempt(self._another_line)
            if done:
                self._errands = line

    def _another_line(self) -> Line:
        assert self._line is not None
        self._meet("share")
        return Line(self._line.mpi, self._line.survives, self._line.patience)
