"""All singles and doubles out of the reference determinant, in the grouped order.

Grouped order: alpha singles, beta singles, alpha-alpha doubles, beta-beta doubles, then alpha-beta doubles with the
beta excitation in the outer loop, so that factors with the same beta part are neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

from hybridq.contract.generators import mixed_double, same_spin_double, single
from hybridq_circuits.terms import Term

Pair = tuple[int, int]


def _moves(n_orbitals: int, n_occupied: int) -> list[Pair]:
    return list(product(range(n_occupied), range(n_occupied, n_orbitals)))


def spin_orbital_terms(n_orbitals: int, n_alpha: int, n_beta: int, *, singles: bool = True) -> Iterator[Term]:
    """One parameter for each spin-orbital excitation."""
    spins = (("alpha", n_alpha), ("beta", n_beta))
    if singles:
        for spin, k in spins:
            for i, a in _moves(n_orbitals, k):
                yield _own(Term(single(i, a, spin), None))
    for spin, k in spins:
        for sources in combinations(range(k), 2):
            for targets in combinations(range(k, n_orbitals), 2):
                yield _own(Term(same_spin_double(_two(sources), _two(targets), spin), None))
    for beta in _moves(n_orbitals, n_beta):
        for alpha in _moves(n_orbitals, n_alpha):
            yield _own(Term(mixed_double(alpha, beta), None))


def spin_adapted_terms(n_orbitals: int, n_occupied: int, *, singles: bool = True) -> Iterator[Term]:
    """The singlet amplitudes t_ia and t_ijab = t_jiba of closed-shell coupled cluster as parameters.

    With them (doi:10.1002/9781119019572, 13.7) both spins of a single use t_ia, the alpha-beta double i -> a,
    j -> b uses t_ijab, and the same-spin double i < j -> a < b uses t_ijab - t_ijba. The last is written exactly, as
    two neighbouring factors with the same generator and the scales +1 and -1.
    """
    moves = _moves(n_orbitals, n_occupied)
    if singles:
        for spin in ("alpha", "beta"):
            for i, a in moves:
                yield Term(single(i, a, spin), singlet_key((i, a)))
    for spin in ("alpha", "beta"):
        for i, j in combinations(range(n_occupied), 2):
            for a, b in combinations(range(n_occupied, n_orbitals), 2):
                generator = same_spin_double((i, j), (a, b), spin)
                yield Term(generator, singlet_key((i, a), (j, b)))
                yield Term(generator, singlet_key((i, b), (j, a)), -1.0)
    for beta in moves:
        for alpha in moves:
            yield Term(mixed_double(alpha, beta), singlet_key(alpha, beta))


def singlet_key(*moves: Pair) -> tuple[Pair, ...]:
    """Name of a singlet amplitude: its moves (source, target), in an order that does not matter."""
    return tuple(sorted(moves))


def _own(term: Term) -> Term:
    return Term(term.generator, term.generator)


def _two(orbitals: tuple[int, ...]) -> Pair:
    return orbitals[0], orbitals[1]
