"""Alignment: the orbitals of one problem, numbered and signed like those of a neighbour.

Hartree-Fock orbitals are known up to a sign each, and are numbered by energy, so that two of them change places where
their energies cross. Amplitudes of one geometry mean something at the next only where orbitals are the same ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hybridq.chem.problem import Problem
from hybridq.contract.errors import InputError
from hybridq.contract.hamiltonian import Hamiltonian

Order = NDArray[np.intp]
Signs = NDArray[np.float64]


def align(problem: Problem, to: Problem) -> Problem:
    """`problem` with its orbitals numbered and signed like those of `to`, a problem of nearly the same molecule.

    Orbitals move only among those of equal occupation in the reference determinant, and only among those of one
    irrep where irreps are known, so that determinant, Hamiltonian and electrons are what they were; integrals are
    permuted and change signs, and no digit of theirs changes. Deterministic. Where `problem` differs from `to` by
    an order and signs alone, these are found exactly but for what leaves the integrals as they are.

    Orbitals that are degenerate without being told apart by irreps may be mixed, which no order or sign undoes.

    Raises:
        InputError: the two have different numbers of orbitals or electrons.
    """
    sizes = [(p.n_orbitals, p.n_alpha, p.n_beta) for p in (problem, to)]
    if sizes[0] != sizes[1]:
        raise InputError(
            f"{problem.name} has {sizes[0][1]}+{sizes[0][2]} electrons in {sizes[0][0]} orbitals and {to.name} "
            f"{sizes[1][1]}+{sizes[1][2]} in {sizes[1][0]}; orbitals can be aligned between equal active spaces only"
        )
    found = reordered(problem, order(problem, to))
    return signed(found, signs(found.hamiltonian, to.hamiltonian))


def same_space(a: Problem, b: Problem) -> bool:
    """False where irreps tell that the active orbitals of `a` are of other kinds than those of `b`."""
    if a.irreps is None or b.irreps is None:
        return a.irreps is None and b.irreps is None
    return Counter(_classes(a, True)) == Counter(_classes(b, True))


def order(problem: Problem, to: Problem) -> Order:
    """For each orbital of `to`, the one of `problem` that belongs there, shape (n,).

    What has no sign is compared: ``|h_pq|``, ``(pp|qq)`` and ``(pq|pq)``. The search starts from the order as it is
    within each class (occupation and irrep), and exchanges pairs while the sum of squared differences falls.
    """
    by_irrep = same_space(problem, to)
    mine, theirs = _classes(problem, by_irrep), _classes(to, by_irrep)
    left = {kind: iter([p for p, k in enumerate(mine) if k == kind]) for kind in set(mine)}
    found = np.array([next(left[kind]) for kind in theirs], dtype=np.intp)
    pairs = [(p, q) for p in range(len(theirs)) for q in range(p) if theirs[p] == theirs[q]]
    a, b = _signless(problem.hamiltonian), _signless(to.hamiltonian)
    gap = _gap(a, b, found)
    while True:
        trials = [(_gap(a, b, _exchanged(found, p, q)), p, q) for p, q in pairs]
        best, p, q = min(trials, default=(gap, 0, 0))
        if not best < gap * (1 - 1e-9):
            return found
        gap, found = best, _exchanged(found, p, q)


def signs(hamiltonian: Hamiltonian, to: Hamiltonian) -> Signs:
    """Signs s, shape (n,), that make the integrals most like those of `to`.

    They maximize ``sum h_pq h'_pq s_p s_q + sum (pq|rs) (pq|rs)' s_p s_q s_r s_s``, a sum of weights times parities
    of sets of orbitals. Each weight asks for a parity; going from the heaviest down, every one that is independent of
    those before is granted (elimination over the field of two elements). Flips of one sign then raise the sum while
    they can.
    """
    n = hamiltonian.n_orbitals
    masks, weights = _weights(hamiltonian, to)
    negative = _solve(masks, weights)
    flips = np.int64(1) << np.arange(n, dtype=np.int64)
    while len(masks):
        parity = np.bitwise_count(masks & negative) & 1
        terms = np.where(parity == 1, -weights, weights)
        gains = np.array([-2.0 * terms[(masks & flip) != 0].sum() for flip in flips])
        best = int(gains.argmax())
        if not gains[best] > 1e-12 * np.abs(weights).sum():
            break
        negative ^= int(flips[best])
    return np.where((negative >> np.arange(n)) & 1, -1.0, 1.0)


def reordered(problem: Problem, order: Order) -> Problem:
    """`problem` with orbital ``order[k]`` in place k; the occupied ones must stay the lowest.

    Raises:
        InputError: `order` is no permutation, or moves an orbital among those of another occupation.
    """
    n = problem.n_orbitals
    kinds = _classes(problem, False)
    if sorted(int(p) for p in order) != list(range(n)) or [kinds[p] for p in order] != kinds:
        raise InputError(
            f"order {list(map(int, order))} must be a permutation of {n} orbitals in which occupied ones stay lowest"
        )
    if np.array_equal(order, np.arange(n)):
        return problem
    h = problem.hamiltonian
    moved = Hamiltonian(h.constant, h.one_body[np.ix_(order, order)], h.two_body[np.ix_(order, order, order, order)])
    irreps = None if problem.irreps is None else tuple(problem.irreps[p] for p in order)
    source = dict(problem.source)
    if isinstance(source.get("orbitals"), list) and len(source["orbitals"]) == n:
        source["orbitals"] = [source["orbitals"][p] for p in order]
    return replace(problem, hamiltonian=moved, irreps=irreps, source=source)


def signed(problem: Problem, signs: Signs) -> Problem:
    """`problem` with orbital p multiplied by ``signs[p]``, each 1 or -1.

    Raises:
        InputError: `signs` has another shape or other values.
    """
    s = np.asarray(signs, dtype=np.float64)
    if s.shape != (problem.n_orbitals,) or not np.all(np.abs(s) == 1):
        raise InputError(f"signs must be {problem.n_orbitals} numbers that are 1 or -1, got {signs}")
    h = problem.hamiltonian
    pair = np.multiply.outer(s, s)
    # Adding 0 turns -0.0 into 0.0, which would make another digest of the same numbers.
    one, two = h.one_body * pair + 0.0, h.two_body * np.multiply.outer(pair, pair) + 0.0
    if np.array_equal(one, h.one_body) and np.array_equal(two, h.two_body):
        return problem
    return replace(problem, hamiltonian=Hamiltonian(h.constant, one, two))


def _classes(problem: Problem, by_irrep: bool) -> list[tuple[int, int]]:
    """Occupation and irrep of each orbital: those of one class may be exchanged."""
    irreps = problem.irreps if by_irrep and problem.irreps is not None else (0,) * problem.n_orbitals
    return [((p < problem.n_alpha) + (p < problem.n_beta), irreps[p]) for p in range(problem.n_orbitals)]


def _signless(h: Hamiltonian) -> tuple[NDArray[np.float64], ...]:
    coulomb, exchange = np.einsum("ppqq->pq", h.two_body), np.einsum("pqpq->pq", h.two_body)
    return np.abs(h.one_body), coulomb, exchange


def _gap(a: tuple[NDArray[np.float64], ...], b: tuple[NDArray[np.float64], ...], order: Order) -> float:
    place = np.ix_(order, order)
    return float(sum(np.square(x[place] - y).sum() for x, y in zip(a, b, strict=True)))


def _exchanged(order: Order, p: int, q: int) -> Order:
    new = order.copy()
    new[[p, q]] = new[[q, p]]
    return new


def _weights(a: Hamiltonian, b: Hamiltonian) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sets of orbitals as bit masks, and for each the sum of products of integrals that its parity multiplies."""
    bit = np.int64(1) << np.arange(a.n_orbitals, dtype=np.int64)
    pairs = bit[:, None] ^ bit[None, :]
    quads = (pairs[:, :, None, None] ^ pairs[None, None, :, :]).ravel()
    values = np.concatenate([(a.one_body * b.one_body).ravel(), (a.two_body * b.two_body).ravel()])
    masks, places = np.unique(np.concatenate([pairs.ravel(), quads]), return_inverse=True)
    sums = np.bincount(places.ravel(), weights=values, minlength=len(masks))
    kept = (masks != 0) & (sums != 0)
    return masks[kept], sums[kept]


def _solve(masks: NDArray[np.int64], weights: NDArray[np.float64]) -> int:
    """Bits of the orbitals to negate, from the heaviest independent parities."""
    rows: dict[int, tuple[int, int]] = {}  # leading bit: (mask, parity), in echelon form
    for k in np.lexsort((masks, -np.abs(weights))):
        mask, parity = int(masks[k]), int(weights[k] < 0)
        for lead in _leading(rows):
            if mask >> lead & 1:
                mask, parity = mask ^ rows[lead][0], parity ^ rows[lead][1]
        if mask:
            rows[mask.bit_length() - 1] = (mask, parity)
    negative = 0
    for lead in sorted(rows):  # lower bits are settled when a row is read; free ones stay 0
        mask, parity = rows[lead]
        if ((mask & negative).bit_count() & 1) != parity:
            negative |= 1 << lead
    return negative


def _leading(rows: dict[int, tuple[int, int]]) -> Iterator[int]:
    return iter(sorted(rows, reverse=True))
