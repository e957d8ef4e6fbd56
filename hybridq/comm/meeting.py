"""meet: all ranks tell something, rank 0 decides, and all ranks hear it; the first half of every verb."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from hybridq.comm.line import Line

RADIX = 32  # children of a rank: a wait costs a nap for each level, and 32 ranks have one level, 1,000 two
UP, DOWN = 1, 2
Notes = list[tuple[int, Any]]


def meet(line: Line, bits: int, note: Any, decide: Callable[[int, Notes], Any]) -> tuple[int, Any]:
    """Every rank's `bits`, ORed, and what rank 0 decided; returns when every rank has called it.

    Messages go up a tree and down again, so that ranks that wait sleep and wake for one message only: a collective
    call of MPI, polled, wakes them once for each of its rounds.

    Args:
        line: the ranks.
        bits: of this rank.
        note: what this rank tells rank 0, picklable and small; None for nothing.
        decide: called on rank 0 with all bits and with the notes, as (rank, note) in order of ranks; its value
            must be picklable and small.

    Raises:
        Lost: a rank died.
    """
    first = line.rank * RADIX + 1
    children = range(min(first, line.size), min(first + RADIX, line.size))
    notes: Notes = [] if note is None else [(line.rank, note)]
    for _ in children:
        theirs, more = pickle.loads(line.receive(None, UP)[1])
        bits |= theirs
        notes += more
    if line.rank:
        parent = (line.rank - 1) // RADIX
        line.send(pickle.dumps((bits, notes), pickle.HIGHEST_PROTOCOL), parent, UP)
        answer = line.receive(parent, DOWN, needs_all=True)[1]
    else:
        notes.sort(key=lambda pair: pair[0])
        decision = decide(bits, notes)
        answer = pickle.dumps((bits, decision), pickle.HIGHEST_PROTOCOL)
    line.send_all(answer, children, DOWN)
    total, decided = pickle.loads(answer)
    return total, decided
