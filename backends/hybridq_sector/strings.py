"""Occupation strings of one spin, and what a ladder does to them.

A string is an integer whose bit p is the occupation of orbital p. The strings of n orbitals and k
electrons are kept in ascending order, which is PySCF's order (`pyscf.fci.cistring`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.generators import Ladder

INDEX = np.uint32  # unsigned: compiled loops then skip the test for indices counted from the end
MAX_ORBITALS = 62


def n_strings(n_orbitals: int, n_electrons: int) -> int:
    """Number of strings."""
    return comb(n_orbitals, n_electrons)


def make_strings(n_orbitals: int, n_electrons: int) -> NDArray[np.int64]:
    """All strings in ascending order, shape (n_strings,)."""
    if n_electrons == 0:
        return np.zeros(1, dtype=np.int64)
    occupied = np.fromiter(
        (p for c in combinations(range(n_orbitals), n_electrons) for p in c),
        dtype=np.int64,
        count=comb(n_orbitals, n_electrons) * n_electrons,
    )
    return np.sort((np.int64(1) << occupied.reshape(-1, n_electrons)).sum(axis=1))


@dataclass(frozen=True, slots=True)
class Move:
    """One spin's part of a factor.

    Attributes:
        ladder: which electrons move.
        signed: with the fermionic sign; without it every sign is +1.
    """

    ladder: Ladder
    signed: bool = True


@dataclass(frozen=True)
class PairList:
    """``ladder |source> = sign |target>``, for every string that the ladder does not annihilate.

    Attributes:
        source, target: indices of strings, shape (n_pairs,); equal for a diagonal ladder, else disjoint.
        sign: +1.0 or -1.0, shape (n_pairs,).
    """

    source: NDArray[np.uint32]
    target: NDArray[np.uint32]
    sign: NDArray[np.float64]


def n_pairs(ladder: Ladder, n_orbitals: int, n_electrons: int) -> int:
    """Length of `pair_list`'s arrays, without making them."""
    touched = len(set(ladder.creations) | set(ladder.annihilations))
    others = n_electrons - len(ladder.annihilations)
    return comb(n_orbitals - touched, others) if others >= 0 else 0


def pair_list(ladder: Ladder, strings: NDArray[np.int64], *, signed: bool = True) -> PairList:
    """The pairs of a ladder over the given strings (ascending).

    ``a_p`` takes the sign of the number of occupied orbitals below p (Jordan-Wigner order), or none where not
    `signed`.
    """
    made = sum(1 << p for p in ladder.creations)
    gone = sum(1 << p for p in ladder.annihilations)
    free = made & ~gone
    source = np.flatnonzero(((strings & gone) == gone) & ((strings & free) == 0))
    current = strings[source]
    crossings = np.zeros(len(source), dtype=np.int64)
    for p in ladder.annihilations:  # the product ends with a_{r0}: it acts first
        crossings += np.bitwise_count(current & ((1 << p) - 1))
        current = current & ~np.int64(1 << p)
    for p in reversed(ladder.creations):
        crossings += np.bitwise_count(current & ((1 << p) - 1))
        current = current | np.int64(1 << p)
    target = np.searchsorted(strings, current)
    sign = np.where(crossings % 2, -1.0, 1.0) if signed else np.ones(len(source))
    return PairList(source.astype(INDEX), target.astype(INDEX), sign)
