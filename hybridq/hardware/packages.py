"""Packages: runs cut into jobs as large as the vendor takes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybridq.hardware.device import Limits, Run

LEVELS = 4  # different numbers of shots, where a job has one for all its circuits


@dataclass(frozen=True)
class Piece:
    """A part of a run's shots."""

    run: int
    shots: int


@dataclass(frozen=True)
class Package:
    """What one job of the vendor's holds.

    Attributes:
        pieces: in the order in which they are handed in.
        mark: says what it is: equal for equal packages of equal evaluations, in every life of a run.
    """

    pieces: tuple[Piece, ...]
    mark: str


def levelled(shots: Sequence[int], limits: Limits) -> list[int]:
    """Shots of each run, with at most `LEVELS` different numbers where a job has one; never more in all."""
    given = np.asarray(shots, dtype=np.int64)
    distinct = np.unique(given)
    if not limits.same_shots or len(distinct) <= LEVELS:
        return [int(number) for number in given]
    edges = np.geomspace(distinct[0], distinct[-1] * (1 + 1e-12), LEVELS + 1)
    level = np.clip(np.searchsorted(edges, given, side="right") - 1, 0, LEVELS - 1)
    out = given.copy()
    for k in np.unique(level):
        out[level == k] = int(given[level == k].mean())  # rounded down, so that the sum does not grow
    return [int(number) for number in out]


def packages(runs: Sequence[Run], limits: Limits, tag: str) -> list[Package]:
    """The runs in jobs, in a fixed order; what has the same program stands together, so that it can be sent once.

    Args:
        runs: what is to be run.
        limits: of one job.
        tag: names the evaluation; a part of every package's mark.
    """
    pieces: list[Piece] = []
    for k, run in enumerate(runs):
        most = limits.shots or run.shots
        parts = -(-run.shots // most)
        sizes = [run.shots // parts + (i < run.shots % parts) for i in range(parts)]
        pieces += [Piece(k, size) for size in sizes]
    groups: dict[int, list[Piece]] = {}
    for piece in pieces:
        groups.setdefault(piece.shots if limits.same_shots else 0, []).append(piece)
    first_with: dict[int, int] = {}
    for k, run in enumerate(runs):
        first_with.setdefault(id(run.program), k)
    made: list[Package] = []
    for shots in sorted(groups, reverse=True):
        group = sorted(groups[shots], key=lambda piece: first_with[id(runs[piece.run].program)])
        step = limits.circuits or len(group)
        for first in range(0, len(group), step):
            chosen = tuple(group[first : first + step])
            text = " ".join(f"{p.run}:{p.shots}" for p in chosen)
            mark = hashlib.sha256(f"{tag} {len(made)} {text}".encode()).hexdigest()[:10]
            made.append(Package(chosen, mark))
    return made
