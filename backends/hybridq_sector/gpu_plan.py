"""The order of work of a program on a GPU.

A vector is a matrix over the strings of the two spins, rows contiguous. Factors that share the ladder of the rows'
spin are one pass: each pair of rows meets no other, so a block of threads does all the factors on its pair. Factors
that share the ladder of the other spin want the matrix transposed first. Which of these are worth a transposition is
found by the least bytes moved. One-body factors of the two spins commute; runs of them are sorted by spin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq_sector.program import DIAGONAL, PACKED_ROWS_ALPHA, ROTATE_ALPHA, ROTATE_BETA, Program
from hybridq_sector.runs import ALPHA, BETA

LAUNCH = 6_000_000  # bytes that a launch costs: a few microseconds at the bandwidth of a large GPU


@dataclass(frozen=True)
class Rows:
    """Factors ``order[first:last]``, which share a ladder of the rows' spin.

    Attributes:
        transposed: whether rows are beta strings.
        shared: the ladder's place in its spin's table.
        loaded: amplitudes of the pairs of rows of one vector.
        touched: amplitudes of one vector that the factors rotate, added up.
    """

    transposed: bool
    shared: int
    first: int
    last: int
    loaded: int
    touched: int


@dataclass(frozen=True)
class Diagonal:
    """Number products ``order[first:last]``; rows are alpha strings."""

    first: int
    last: int


@dataclass(frozen=True)
class Transpose:
    """Change rows and columns.

    Attributes:
        transposed: whether rows are beta strings afterwards.
    """

    transposed: bool


Step = Rows | Diagonal | Transpose


@dataclass(frozen=True)
class Plan:
    """Steps in order; the reference is set up with rows as `start` says (True: beta strings).

    Attributes:
        order: the factors as the steps count them, shape (n_factors,).
    """

    steps: tuple[Step, ...]
    order: NDArray[np.int64]
    start: bool
    end: bool

    @property
    def transposes(self) -> bool:
        """Whether any step does."""
        return any(isinstance(step, Transpose) for step in self.steps)


@dataclass(frozen=True)
class _Segment:
    """Factors that share the ladder of the spins in `common`; of neither for a diagonal run."""

    common: frozenset[int]
    first: int
    last: int


def make_plan(program: Program) -> Plan:
    """The plan with the least bytes moved."""
    segments, order = _segments(program)
    options = [[_steps(program, order, segment, transposed) for transposed in (False, True)] for segment in segments]
    turn = 2 * program.shape[0] * program.shape[1] * program.dtype.itemsize + LAUNCH
    best, came = [0.0, 0.0], []  # by the orientation in front of each segment, and where it is better to come from
    for option in options:
        before, best = best, [0.0, 0.0]
        here = [False, True]
        for transposed in (False, True):
            stay, change = before[transposed], before[not transposed] + turn
            here[transposed] = transposed if stay <= change else not transposed
            cost = option[transposed]
            best[transposed] = min(stay, change) + (np.inf if cost is None else cost[1])
        came.append(here)
    end = bool(best[1] < best[0])
    transposed, parts = end, []
    for option, here in zip(reversed(options), reversed(came), strict=True):
        found = option[transposed]
        assert found is not None
        parts.append(found[0])
        if here[transposed] != transposed:
            parts.append((Transpose(transposed),))
            transposed = here[transposed]
    steps = tuple(step for part in reversed(parts) for step in part)
    return Plan(steps, order, transposed, end)


def _segments(program: Program) -> tuple[list[_Segment], NDArray[np.int64]]:
    """What the program's groups share, and the factors in the order that the segments count them."""
    segments: list[_Segment] = []
    order: list[int] = []

    def add(factors: Sequence[int], common: frozenset[int]) -> None:
        if factors:
            segments.append(_Segment(common, len(order), len(order) + len(factors)))
            order.extend(factors)

    done = 0
    for kind, _, first, last in program.groups.tolist():
        factors = range(first, last)
        if kind in (ROTATE_ALPHA, ROTATE_BETA):
            if first >= done:  # the second group of a run of both spins names the same factors
                for spin, other in ((ALPHA, BETA), (BETA, ALPHA)):
                    add([f for f in factors if program.one_body[f, 0] == spin], frozenset((other,)))
        elif kind == DIAGONAL:
            add(factors, frozenset())
        else:
            both = last - first == 1
            spin = BETA if kind == PACKED_ROWS_ALPHA else ALPHA
            add(factors, frozenset((ALPHA, BETA)) if both else frozenset((spin,)))
        done = last
    return segments, np.array(order, dtype=np.int64)


def _steps(
    program: Program, order: NDArray[np.int64], segment: _Segment, transposed: bool
) -> tuple[tuple[Step, ...], float] | None:
    """The steps of a segment in one orientation, and the bytes they move; None where it has none."""
    if not segment.common:
        step = Diagonal(segment.first, segment.last)
        moved = 2 * program.shape[0] * program.shape[1] * program.dtype.itemsize
        return None if transposed else ((step,), moved + 3 * LAUNCH)
    rows = BETA if transposed else ALPHA
    if rows in segment.common:
        bounds = [(segment.first, segment.last)]
    else:
        bounds = [(k, k + 1) for k in range(segment.first, segment.last)]
    steps = [_pass(program, order, first, last, transposed) for first, last in bounds]
    amplitudes = sum(min(step.loaded, step.touched) for step in steps)
    return tuple(steps), 2 * amplitudes * program.dtype.itemsize + len(steps) * LAUNCH


def _pass(program: Program, order: NDArray[np.int64], first: int, last: int, transposed: bool) -> Rows:
    ladders = (program.alpha_ladder, program.beta_ladder)
    tables = (program.alpha, program.beta)
    rows, columns = (BETA, ALPHA) if transposed else (ALPHA, BETA)
    shared = int(ladders[rows][order[first]])
    units = int(np.diff(tables[rows].start)[shared])
    vectors = 1 if tables[rows].diagonal[shared] else 2
    pairs = np.diff(tables[columns].start)[ladders[columns][order[first:last]]]
    loaded = vectors * units * program.shape[columns]
    return Rows(transposed, shared, first, last, loaded, 2 * units * int(pairs.sum()))
