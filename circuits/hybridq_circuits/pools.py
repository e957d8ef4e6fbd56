"""Operator pools for circuits that grow (ADAPT-VQE, Grimsley et al., arXiv:1812.11173).

Every element conserves the numbers of alpha and of beta electrons. The squares of an element's scales sum to 1, so
that gradients of elements with one and with many terms compare. Screening by point group is exact: from a state of
one irrep, an element that changes the irrep has a gradient of zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations, combinations_with_replacement, product

from hybridq.chem.problem import Problem
from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation, mixed_double, same_spin_double, single
from hybridq.contract.pool import PoolElement
from hybridq_circuits.excitations import spin_orbital_terms
from hybridq_circuits.generalized import generalized_excitations
from hybridq_circuits.screening import is_symmetric, uses_point_group
from hybridq_circuits.terms import check_problem

Pair = tuple[int, int]


def sd(problem: Problem, *, point_group: bool | None = None) -> tuple[PoolElement, ...]:
    """Each spin-orbital single and double excitation out of the reference determinant.

    Args:
        problem: what to solve; closed or open shell.
        point_group: leave out excitations that change the irrep; None: where the irreps are known.

    Raises:
        InputError: point_group=True, and the irreps are not known.
    """
    check_problem(problem)
    terms = spin_orbital_terms(problem.n_orbitals, problem.n_alpha, problem.n_beta)
    return _screened(problem, point_group, (_one(term.generator) for term in terms))


def gsd(problem: Problem, *, spectators: bool = True, point_group: bool | None = None) -> tuple[PoolElement, ...]:
    """Each spin-orbital single and double excitation between any orbitals, ``T`` and ``T+`` counted once.

    Args:
        problem: what to solve; closed or open shell.
        spectators: keep doubles in which an electron stays where it is: singles times a number operator.
        point_group: as for `sd`.

    Raises:
        InputError: point_group=True, and the irreps are not known.
    """
    check_problem(problem)
    found = generalized_excitations(problem.n_orbitals, True, spectators)
    return _screened(problem, point_group, map(_one, found))


def spin_adapted(
    problem: Problem, *, generalized: bool = True, point_group: bool | None = None
) -> tuple[PoolElement, ...]:
    """Singles and doubles as spin scalars: sums of excitations that commute with the total spin.

    A single moves an electron of either spin, with equal scales. A double takes a pair from orbitals p, q to r, s,
    the two electrons coupled to a singlet before and after, or to a triplet summed over its three components; both
    sums commute with S^2 and S_z (doi:10.1002/9781119019572, 2.3).

    In a circuit the terms of an element are factors that act one after another. S_z is conserved always. S^2 is
    conserved exactly by singles, by doubles that move a pair from one orbital to another, and by every element to
    first order in its parameter; a double whose terms do not commute changes it in second order.

    Args:
        problem: what to solve; closed or open shell.
        generalized: between any orbitals; False: only out of the reference determinant, which must be closed-shell.
        point_group: as for `sd`.

    Raises:
        InputError: point_group=True, and the irreps are not known; generalized=False for an open shell.
    """
    check_problem(problem)
    n = problem.n_orbitals
    if generalized:
        moves: Iterable[Pair] = combinations(range(n), 2)
        pairs = list(combinations_with_replacement(range(n), 2))
        doubles: Iterable[tuple[Pair, Pair]] = combinations(pairs, 2)
    else:
        if problem.n_alpha != problem.n_beta:
            raise InputError(
                "generalized=False needs as many alpha as beta electrons in the spin-adapted pool, this problem has "
                f"{problem.n_alpha} and {problem.n_beta}; leave generalized out"
            )
        occupied, empty = range(problem.n_alpha), range(problem.n_alpha, n)
        moves = product(occupied, empty)
        doubles = product(combinations_with_replacement(occupied, 2), combinations_with_replacement(empty, 2))
    singles = (_either_spin(p, q) for p, q in moves)
    coupled = (element for sources, targets in doubles for element in _coupled(sources, targets))
    return _screened(problem, point_group, (*singles, *coupled))


def qubit_excitations(
    problem: Problem, *, generalized: bool = True, point_group: bool | None = None
) -> tuple[PoolElement, ...]:
    """Single and double qubit excitations: without the fermionic sign, and so with fewer gates.

    The pool of QEB-ADAPT-VQE (Yordanov et al., arXiv:2011.10540), of which those are here that conserve alpha and
    beta electrons. No electron stays where it is.

    Args:
        problem: what to solve; closed or open shell.
        generalized: between any orbitals; False: only out of the reference determinant.
        point_group: as for `sd`.

    Raises:
        InputError: point_group=True, and the irreps are not known.
    """
    check_problem(problem)
    n = problem.n_orbitals
    found: Iterable[Excitation]
    if generalized:
        found = generalized_excitations(n, True, False)
    else:
        found = (term.generator for term in spin_orbital_terms(n, problem.n_alpha, problem.n_beta))
    return _screened(problem, point_group, (_one(replace(g, fermionic=False)) for g in found))


def paired(problem: Problem, *, spin_shared: bool = True, point_group: bool | None = None) -> tuple[PoolElement, ...]:
    """The operators of k-UpCCGSD (Lee et al., arXiv:1810.02327): pairs from any orbital to any other, and singles.

    Args:
        problem: what to solve; closed or open shell.
        spin_shared: the alpha and the beta single of two orbitals are one element.
        point_group: as for `sd`.

    Raises:
        InputError: point_group=True, and the irreps are not known.
    """
    check_problem(problem)
    moves = list(combinations(range(problem.n_orbitals), 2))
    elements = [PoolElement(((mixed_double(move, move), 1.0),), f"pair {move[0]} -> {move[1]}") for move in moves]
    if spin_shared:
        elements += [_either_spin(p, q) for p, q in moves]
    else:
        elements += [_one(single(p, q, spin)) for spin in ("alpha", "beta") for p, q in moves]
    return _screened(problem, point_group, elements)


def _screened(problem: Problem, point_group: bool | None, elements: Iterable[PoolElement]) -> tuple[PoolElement, ...]:
    if not uses_point_group(problem, point_group):
        return tuple(elements)
    irreps = problem.irreps or ()
    return tuple(e for e in elements if all(isinstance(g, Excitation) and is_symmetric(g, irreps) for g, _ in e.terms))


def _one(excitation: Excitation) -> PoolElement:
    return PoolElement(((excitation, 1.0),))


def _either_spin(p: int, q: int) -> PoolElement:
    scale = math.sqrt(0.5)
    return PoolElement(tuple((single(p, q, spin), scale) for spin in ("alpha", "beta")), f"{p} -> {q}")


def _coupled(sources: Pair, targets: Pair) -> Iterator[PoolElement]:
    """The singlet-coupled double, and the triplet-coupled one where two different orbitals meet two others.

    With ``M(pr, qs)`` for ``a+_r,alpha a+_s,beta a_q,beta a_p,alpha`` the singlet pairs give
    ``M(pr, qs) + M(qr, ps) + M(ps, qr) + M(qs, pr)`` and the triplet pairs, summed over their components,
    ``T_alpha,alpha + T_beta,beta + 1/2 [M(pr, qs) - M(qr, ps) - M(ps, qr) + M(qs, pr)]``.
    """
    (p, q), (r, s) = sources, targets
    label = f"{p} {q} -> {r} {s}"
    direct, exchanged = (((p, r), (q, s)), ((q, s), (p, r))), (((q, r), (p, s)), ((p, s), (q, r)))
    # Where p = q or r = s two of the four are the same: the dictionary keeps them once, and the norm is set after.
    yield _normalized({mixed_double(*moves): 1.0 for moves in (*direct, *exchanged)}, f"{label} singlet")
    if p != q and r != s:
        triplet = {same_spin_double(sources, targets, spin): 1.0 for spin in ("alpha", "beta")}
        triplet |= {mixed_double(*moves): 0.5 for moves in direct}
        triplet |= {mixed_double(*moves): -0.5 for moves in exchanged}
        yield _normalized(triplet, f"{label} triplet")


def _normalized(weights: Mapping[Excitation, float], label: str) -> PoolElement:
    norm = math.sqrt(sum(weight * weight for weight in weights.values()))
    return PoolElement(tuple((g, weight / norm) for g, weight in weights.items()), label)
