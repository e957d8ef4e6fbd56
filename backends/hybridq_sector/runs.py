"""Runs of consecutive factors that are done together: orbital rotations of one spin, and number products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import Factor
from hybridq.contract.generators import Excitation, Generator, Ladder, NumberProduct
from hybridq_sector.strings import Move, make_strings, n_pairs, n_strings, pair_list

MIN_DIAGONAL = 3  # shorter runs of number products are done one by one
ALPHA, BETA = 0, 1


def one_body(generator: Generator) -> tuple[int, int, int] | None:
    """(spin, p, q) of ``a+_q a_p`` with its Hermitian conjugate, p = q for ``n_p``; None for anything else."""
    if isinstance(generator, NumberProduct):
        if generator.rank != 1:
            return None
        spin, (p,) = (ALPHA, generator.alpha) if generator.alpha else (BETA, generator.beta)
        return spin, p, p
    if not generator.fermionic or generator.rank != 1:
        return None
    spin, ladder = (ALPHA, generator.alpha) if generator.alpha.creations else (BETA, generator.beta)
    return spin, ladder.annihilations[0], ladder.creations[0]


def rotation_end(factors: Sequence[Factor], start: int, n_orbitals: int) -> int:
    """Where the run of one-body factors from `start` ends; `start` itself where a dense rotation does not pay.

    It pays where one spin has as many factors as a dense rotation has Givens rotations. Only singles are counted.
    """
    end, singles = start, [0, 0]
    while end < len(factors) and (found := one_body(factors[end].generator)) is not None:
        singles[found[0]] += isinstance(factors[end].generator, Excitation)
        end += 1
    return end if max(singles) >= max(3, n_orbitals * (n_orbitals - 1) // 2) else start


def diagonal_end(factors: Sequence[Factor], start: int) -> int:
    """Where the run of number products from `start` ends; `start` itself where it is too short."""
    end = start
    while end < len(factors) and isinstance(factors[end].generator, NumberProduct):
        end += 1
    return end if end - start >= MIN_DIAGONAL else start


def hop(p: int, q: int) -> Move:
    """``a+_q a_p``."""
    return Move(Ladder((q,), (p,)))


def hops(n_orbitals: int) -> list[Move]:
    """The moves that a dense rotation needs: ``a+_q a_p`` for p <= q."""
    return [hop(p, q) for p in range(n_orbitals) for q in range(p, n_orbitals)]


def hop_places(table: dict[Move, int], n_orbitals: int) -> NDArray[np.int64]:
    """Where the table has ``a+_q a_p``, shape (n, n); -1 below the diagonal."""
    places = np.full((n_orbitals, n_orbitals), -1, dtype=np.int64)
    for p in range(n_orbitals):
        for q in range(p, n_orbitals):
            places[p, q] = table[hop(p, q)]
    return places


@dataclass(frozen=True)
class Slots:
    """The distinct alpha parts of a diagonal run, and which of them each alpha string contains.

    Attributes:
        start: shape (n_strings + 1,).
        item: the slots of string r are item[start[r]:start[r + 1]], ascending.
        n_slots: how many there are.
    """

    start: NDArray[np.int64]
    item: NDArray[np.int32]
    n_slots: int

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.start.nbytes + self.item.nbytes


def slot_parts(factors: Sequence[Factor]) -> tuple[tuple[int, ...], ...]:
    """The distinct alpha parts of products on both spins; highest orbitals first, which change least from string to
    string."""
    both = {
        f.generator.alpha
        for f in factors
        if isinstance(f.generator, NumberProduct) and f.generator.alpha and f.generator.beta
    }
    return tuple(sorted(both, key=lambda part: part[::-1], reverse=True))


def slot_numbers(factors: Sequence[Factor], parts: tuple[tuple[int, ...], ...]) -> list[int]:
    """Slot of each factor of a run; `ALPHA_ONLY` (-2) or `BETA_ONLY` (-1) for products on one spin."""
    place = {part: k for k, part in enumerate(parts)}
    numbers = []
    for f in factors:
        g: Any = f.generator
        numbers.append(-2 if not g.beta else -1 if not g.alpha else place[g.alpha])
    return numbers


def make_slots(parts: tuple[tuple[int, ...], ...], n_orbitals: int, n_electrons: int) -> Slots:
    """The table of one set of alpha parts."""
    strings = make_strings(n_orbitals, n_electrons)
    lists = [pair_list(Ladder(part, part), strings).source for part in parts]
    rows = np.concatenate([*lists, np.zeros(0, dtype=np.uint32)])
    items = np.repeat(np.arange(len(parts), dtype=np.int32), [len(x) for x in lists])
    start = np.zeros(len(strings) + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows.astype(np.int64), minlength=len(strings)), out=start[1:])
    return Slots(start, items[np.argsort(rows, kind="stable")], len(parts))


def slots_nbytes(parts: tuple[tuple[int, ...], ...], n_orbitals: int, n_electrons: int) -> int:
    """`Slots.nbytes` by counting."""
    items = sum(n_pairs(Ladder(part, part), n_orbitals, n_electrons) for part in parts)
    return 8 * (n_strings(n_orbitals, n_electrons) + 1) + 4 * items


def rotations_nbytes(n_orbitals: int, longest: int, blocks: int) -> int:
    """Bytes of `hybridq_sector.run_sweeps.Rotations` by counting: longest list of strings, blocks of lanes."""
    n = n_orbitals
    return 16 * n * n * (1 + blocks) + 32 * (n * (n - 1) // 2) + 16 * longest


def leading_nbytes(shape: tuple[int, int]) -> int:
    """Bytes of `hybridq_sector.leading.Leading` by counting: alpha and beta strings."""
    return 32 * sum(shape)
