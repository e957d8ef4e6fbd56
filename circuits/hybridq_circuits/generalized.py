"""Generalized excitations, between any orbitals: UCCGSD and k-UpCCGSD (Lee et al., arXiv:1810.02327)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import combinations, product
from typing import Literal

import numpy as np

from hybridq.chem.amplitudes import first_order
from hybridq.chem.problem import Problem, whole_number
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation, Ladder, mixed_double, single
from hybridq_circuits.screening import by_point_group, uses_point_group
from hybridq_circuits.terms import Term, check_problem, circuit, starting_amplitudes


def uccgsd(
    problem: Problem,
    *,
    amplitudes: Literal["mp2", "zero"] = "mp2",
    point_group: bool | None = None,
    singles: bool = True,
    spectators: bool = True,
) -> FermionicCircuit:
    """All spin-conserving singles and doubles between any orbitals, ``T`` and ``T+`` counted once.

    Without screening n orbitals give n (n - 1) singles, N (N - 1) same-spin doubles with N = n (n - 1) / 2, and
    (n^4 - n^2) / 2 alpha-beta doubles.

    Args:
        problem: what to solve.
        amplitudes: the starting row: first-order amplitudes for the excitations out of the reference and zeros for
            all others, or only zeros.
        point_group: leave out excitations that change the irrep; None: where the irreps are known.
        singles: False leaves out singles.
        spectators: keep doubles in which an electron stays where it is: singles times a number operator.

    Raises:
        InputError: an option is unknown or does not fit the problem.
    """
    check_problem(problem)
    terms = [Term(g, g) for g in generalized_excitations(problem.n_orbitals, singles, spectators)]
    notes: list[str] = []
    if uses_point_group(problem, point_group):
        terms, notes = by_point_group(terms, problem.irreps or ())
    start = starting_amplitudes(problem, amplitudes, ("mp2", "zero"))
    initial: dict[Hashable, float] = {term.key: start.amplitude(term.generator) for term in terms}
    return circuit(problem, terms, initial, name="uccgsd", notes=notes)


def k_upccgsd(
    problem: Problem,
    *,
    k: int = 1,
    spin_shared: bool = True,
    point_group: bool = False,
    noise: float = 0.05,
    seed: int = 0,
) -> FermionicCircuit:
    """k layers of generalized paired doubles followed by generalized singles, each layer with parameters of its own.

    The starting row is 1/k of the first-order amplitude for pairs out of the reference, plus uniform noise, the same
    for the same seed. Noise is needed: at zero the layers are copies of each other, the gradient of all singles
    vanishes in canonical orbitals (Brillouin), and an optimizer that follows it never tells them apart.

    Args:
        problem: what to solve.
        k: number of layers.
        spin_shared: alpha and beta single of a pair of orbitals share one parameter.
        point_group: leave out singles that change the irrep. Not the default: paired doubles profit from orbitals
            that break the symmetry, and singles are what rotates them.
        noise: half the width of the noise, radians.
        seed: of the noise.

    Raises:
        InputError: an option does not fit the problem.
    """
    check_problem(problem)
    if whole_number("k", k) < 1:
        raise InputError(f"k is the number of layers and must be at least 1, got {k}")
    if not (np.isfinite(noise) and noise >= 0):
        raise InputError(f"noise must be finite and at least 0 radians, got {noise}")
    if whole_number("seed", seed) < 0:
        raise InputError(f"seed must not be negative, got {seed}")
    terms = [term for layer in range(k) for term in paired_terms(problem.n_orbitals, layer, spin_shared)]
    notes: list[str] = []
    if uses_point_group(problem, point_group):
        terms, notes = by_point_group(terms, problem.irreps or ())
    mp2 = first_order(problem)
    generators = {term.key: term.generator for term in terms}
    random = np.random.default_rng(seed).uniform(-noise, noise, len(generators))
    initial: dict[Hashable, float] = {}
    for (key, generator), small in zip(generators.items(), random, strict=True):
        paired = mp2.amplitude(generator) / k if generator.rank == 2 else 0.0
        initial[key] = paired + float(small)
    return circuit(problem, terms, initial, name=f"{k}-upccgsd", notes=notes)


def paired_terms(n: int, layer: int, spin_shared: bool) -> Iterator[Term]:
    """One layer: pairs from any orbital p to any q > p, then singles."""
    for p, q in combinations(range(n), 2):
        yield Term(mixed_double((p, q), (p, q)), (layer, "pair", p, q))
    for spin in ("alpha", "beta"):
        for p, q in combinations(range(n), 2):
            yield Term(single(p, q, spin), (layer, "single", p, q) if spin_shared else (layer, spin, p, q))


def generalized_excitations(n: int, singles: bool, spectators: bool) -> Iterator[Excitation]:
    """Each single and double between n orbitals, its inverse not counted; options as of `uccgsd`."""
    pairs = list(combinations(range(n), 2))
    if singles:
        for spin in ("alpha", "beta"):
            for p, q in pairs:
                yield single(p, q, spin)
    for spin in ("alpha", "beta"):
        for sources, targets in combinations(pairs, 2):
            if spectators or not set(sources) & set(targets):
                ladder = Ladder(targets, sources)
                yield Excitation(alpha=ladder) if spin == "alpha" else Excitation(beta=ladder)
    moves = list(product(range(n), repeat=2))
    for r, s in moves:
        for p, q in moves:
            # Of T and T+ the one whose sources come first: it is the one that excites the reference.
            if (p, r) < (q, s) and (spectators or (p != q and r != s)):
                yield mixed_double((p, q), (r, s))
