"""map with fixed parts: each rank does an equal number of neighbouring rows, then all meet."""

from __future__ import annotations

import pickle
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybridq.comm.failures import Failure
from hybridq.comm.mapping import Block, Part, Verdict, in_order, judge, own_rows, row_counts
from hybridq.comm.meeting import Notes
from hybridq.comm.ranks import SMALL
from hybridq.comm.sequel import Sequel
from hybridq.comm.survival import Lost

if TYPE_CHECKING:
    from hybridq.comm.communicator import Comm


def map_in_blocks(
    comm: Comm, block: Block, n: int, ranks_per_group: int, sequel: Sequel | None = None
) -> tuple[NDArray[Any], Any]:
    """The results of all `n` rows and the sequel's value, on all ranks; see `Comm.map_once` for what it raises."""
    todo = np.arange(n)
    lost = comm._lost
    failure: BaseException | None = None
    while True:
        together = min(ranks_per_group, comm._size)
        start, stop = own_rows(len(todo), comm._rank, comm._size, together)
        group = comm.group(together) if together > 1 else None
        failure = _work(comm, block, todo[start:stop], group) if failure is None else failure
        part = Part(
            block.digest,
            None if lost == comm._lost else block.done,
            block.kind,
            block.seconds,
            None if failure is None else Failure.of(failure, comm._rank),
            block.data(SMALL // comm._size),
        )
        done, verdict = comm._attempt(partial(_join, comm, block, part, n, together, failure, sequel))
        if not done:
            todo = todo[:0]  # first find out what is missing
        elif isinstance(verdict, Verdict):
            assert verdict.missing is not None
            todo = verdict.missing
        elif verdict is not None:
            return verdict


def _work(comm: Comm, block: Block, which: NDArray[np.int64], group: Comm | None) -> BaseException | None:
    """Do some rows, with the group where there is one; the error of this rank, or one of the group's."""
    failure: BaseException | None = None
    values: NDArray[Any] | None = None
    try:
        values = block.work(which)
    except BaseException as error:
        failure = error
    if group is not None:
        try:
            ended = group._end_item(failure, comm._rank)
            if ended is not None:
                ended.raise_here(failure)
        except Lost:
            return None  # the meeting of all ranks finds out
        except BaseException as error:
            return error
    if group is None or group.is_root:
        block.keep(which, values)
    return failure


def _join(
    comm: Comm,
    block: Block,
    part: Part,
    n: int,
    ranks_per_group: int,
    failure: BaseException | None,
    sequel: Sequel | None,
) -> tuple[NDArray[Any], Any] | Verdict:
    """Put the parts of all ranks together, or find out which rows are missing."""

    def decide(notes: Notes) -> Verdict:
        verdict = judge(notes, n)
        return verdict if sequel is None else sequel.told_with(verdict, n)

    verdict: Verdict = comm._meet("map", part, decide)
    if verdict.failure is not None:
        own = failure if sequel is None or sequel.failure is None else sequel.failure
        verdict.failure.raise_here(own)
    if verdict.missing is not None:
        return verdict
    comm._imbalance = verdict.imbalance
    whole = _whole(comm, block, verdict, n, ranks_per_group)
    if sequel is None:
        return whole, None
    if verdict.said is not None:
        return whole, sequel.value if comm.is_root else pickle.loads(verdict.said)
    if comm.is_root:
        sequel.call(whole)
    return whole, comm._from_root("once", sequel.value, sequel.failure)


def _whole(comm: Comm, block: Block, verdict: Verdict, n: int, ranks_per_group: int) -> NDArray[Any]:
    assert comm._line is not None
    if verdict.kind is None:
        return np.zeros(0)
    if verdict.data is not None:
        return verdict.whole(n)
    shape, dtype = verdict.kind[0], np.dtype(verdict.kind[1])
    counts = row_counts(n, comm._size, ranks_per_group)
    if verdict.owners is not None:
        counts = np.array([len(rows) for rows in verdict.owners])
    mine = np.empty((0, *shape)) if block.values is None else block.values
    whole = np.empty((n, *shape), dtype)
    width = int(np.prod(shape, dtype=np.int64))
    comm._line.join(np.ascontiguousarray(mine, dtype), whole, [int(count) * width for count in counts])
    return in_order(whole, verdict.owners)
