"""LUCJ: local unitary cluster Jastrow, layers of number products between orbital rotations.

``exp(K_L) exp(i J_L) exp(-K_L) ... exp(K_1) exp(i J_1) exp(-K_1) |reference>``. Unitary cluster Jastrow: Matsuzawa and
Kurashige, doi:10.1021/acs.jctc.9b00963; the local form, and its start from coupled cluster: Motta et al.,
arXiv:2310.06190.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.chem.problem import Problem, whole_number
from hybridq.contract.circuit import Factor, FermionicCircuit
from hybridq.contract.errors import InputError, unknown_name
from hybridq.contract.generators import Generator, NumberProduct, mixed_double, single
from hybridq_circuits.double_factorization import double_factorized
from hybridq_circuits.givens import givens, neighbours
from hybridq_circuits.terms import check_problem, require_closed_shell, starting_amplitudes

Array = NDArray[Any]
Pairs = tuple[tuple[int, int], ...]
LATTICES = {"square": 1, "hex": 2, "heavy-hex": 4}  # every so many orbitals, alpha meets beta


@dataclass(frozen=True, slots=True)
class _Step:
    generator: Generator
    key: Hashable
    scale: float
    start: float


def lucj(
    problem: Problem,
    *,
    layers: int = 1,
    pairs: Literal["square", "hex", "heavy-hex", "all-to-all"] = "square",
    amplitudes: Literal["ccsd", "mp2"] = "ccsd",
    final_rotation: bool = True,
) -> FermionicCircuit:
    """Local unitary cluster Jastrow for closed shells, starting from coupled-cluster amplitudes.

    The layers start at the largest terms of the double factorization of t2, of which each takes two layers; number
    products of orbital pairs that are not connected are left out. Degenerate terms are combined as the linear algebra
    library happens to do. Both spins share all parameters. Each layer has n (n - 1) parameters for its rotation and one
    for each pair.

    Args:
        problem: what to solve; as many alpha as beta electrons.
        layers: number of layers; those beyond the factorization's terms start as identities.
        pairs: which orbitals interact, as qubits on a lattice would: neighbours of one spin; and an orbital's alpha
            with its beta for all orbitals ("square"), every second ("hex") or every fourth ("heavy-hex"). Or all.
        amplitudes: where t1 and t2 come from.
        final_rotation: end with a rotation of real orbitals, which starts at exp(t1).

    Raises:
        InputError: an open shell, or an option is unknown or out of range.
        ConvergenceError: amplitudes="ccsd", and CCSD did not converge.
    """
    check_problem(problem)
    require_closed_shell(problem, "lucj")
    if whole_number("layers", layers) < 1:
        raise InputError(f"layers must be at least 1, got {layers}")
    same, mixed = interaction_pairs(pairs, problem.n_orbitals)
    start = starting_amplitudes(problem, amplitudes, ("ccsd", "mp2"))
    o, n = problem.n_alpha, problem.n_orbitals
    empty = range(o, n)
    t2 = np.array(
        [
            [[[start.amplitude(mixed_double((i, a), (j, b))) for b in empty] for a in empty] for j in range(o)]
            for i in range(o)
        ]
    ).reshape(o, o, n - o, n - o)
    coulomb, rotations = double_factorized(t2)
    missing = max(0, layers - len(coulomb))
    coulomb = np.concatenate([coulomb[:layers], np.zeros((missing, n, n))])
    rotations = np.concatenate([rotations[:layers], np.repeat(np.eye(n, dtype=complex)[None], missing, axis=0)])
    final = None
    if final_rotation:
        moves = np.zeros((n, n))
        for i in range(o):
            for a in empty:
                moves[a, i] = start.amplitude(single(i, a, "alpha"))
        final = _exponential(moves - moves.T)
    return cluster_jastrow(
        n, (o, problem.n_beta), np.stack([coulomb, coulomb], axis=1), rotations, final, pairs=(same, mixed)
    )


def interaction_pairs(pairs: str, n_orbitals: int) -> tuple[Pairs, Pairs]:
    """Orbital pairs p <= q of equal spin and of opposite spins that `lucj` lets interact.

    Raises:
        InputError: an unknown lattice.
    """
    if pairs == "all-to-all":
        every = tuple((p, q) for p in range(n_orbitals) for q in range(p, n_orbitals))
        return every, every
    if pairs not in LATTICES:
        raise unknown_name("choice of pairs", pairs, [*LATTICES, "all-to-all"])
    same = tuple((p, p + 1) for p in range(n_orbitals - 1))
    return same, tuple((p, p) for p in range(0, n_orbitals, LATTICES[pairs]))


def cluster_jastrow(
    n_orbitals: int,
    n_electrons: tuple[int, int],
    coulomb: ArrayLike,
    rotations: ArrayLike,
    final: ArrayLike | None = None,
    *,
    pairs: tuple[Sequence[tuple[int, int]], Sequence[tuple[int, int]]],
) -> FermionicCircuit:
    """The circuit of given matrices, which become its starting row.

    Args:
        n_orbitals: spatial orbitals n.
        n_electrons: alpha and beta electrons, on the lowest orbitals.
        coulomb: J of each layer for equal and for opposite spins, shape (layers, 2, n, n), radians:
            ``exp(i/2 sum J[s == t, p, q] n_ps n_qt)``; elements outside `pairs` are ignored.
        rotations: exp(K) of each layer, unitary, shape (layers, n, n).
        final: a last orbital rotation, real and orthogonal, (n, n).
        pairs: orbital pairs p <= q for equal and for opposite spins.

    Raises:
        InputError: shapes do not fit, a matrix is not unitary, or `final` is not real.
    """
    j, u = np.asarray(coulomb, dtype=float), np.asarray(rotations)
    n = n_orbitals
    if j.ndim != 4 or j.shape[1:] != (2, n, n) or u.shape != (len(j), n, n):
        raise InputError(
            f"coulomb must have shape (layers, 2, {n}, {n}) and rotations (layers, {n}, {n}), "
            f"got {j.shape} and {u.shape}"
        )
    steps: list[_Step] = []
    for layer in range(len(j)):
        turn = list(_rotation(layer, u[layer]))
        steps += [_Step(s.generator, s.key, -1.0, s.start) for s in reversed(turn)]
        steps += _jastrow(layer, j[layer], *pairs)
        steps += turn
    if final is not None:
        if np.iscomplexobj(final):
            raise InputError("the final rotation must be real: its parameters are angles of real singles")
        steps += _final(np.asarray(final))
    numbers: dict[Hashable, int] = {}
    initial: list[float] = []
    factors = []
    for s in steps:
        if s.key not in numbers:
            numbers[s.key] = len(numbers)
            initial.append(s.start)
        factors.append(Factor(s.generator, numbers[s.key], s.scale))
    reference = (tuple(range(n_electrons[0])), tuple(range(n_electrons[1])))
    return FermionicCircuit(n, reference, tuple(factors), len(numbers), tuple(initial), "lucj")


def _rotation(layer: int, matrix: Array) -> Iterator[_Step]:
    """exp(K) without its phases, which commute with the number products that they meet."""
    turns = givens(np.asarray(matrix, dtype=complex)).rotations
    for spin in ("alpha", "beta"):
        for k in range(len(turns) - 1, -1, -1):
            for part, angle in (("imaginary", turns[k].imaginary), ("real", turns[k].real)):
                generator = neighbours(turns[k].lower, spin, imaginary=part == "imaginary")
                yield _Step(generator, (layer, part, k), 1.0, angle)


def _jastrow(
    layer: int, j: Array, same: Sequence[tuple[int, int]], mixed: Sequence[tuple[int, int]]
) -> Iterator[_Step]:
    for p, q in same:
        both = (p,) if p == q else (p, q)
        scale = 0.5 if p == q else 1.0
        for generator in (NumberProduct(both, ()), NumberProduct((), both)):
            yield _Step(generator, (layer, "same", p, q), scale, float(j[0, p, q]))
    for p, q in mixed:
        for a, b in dict.fromkeys([(p, q), (q, p)]):
            yield _Step(NumberProduct((a,), (b,)), (layer, "mixed", p, q), 1.0, float(j[1, p, q]))


def _final(matrix: Array) -> Iterator[_Step]:
    found = givens(matrix)
    if any(found.phases):
        raise InputError("the final rotation must have determinant 1, this one has -1; change an orbital's sign")
    for spin in ("alpha", "beta"):
        for k in range(len(found.rotations) - 1, -1, -1):
            yield _Step(neighbours(found.rotations[k].lower, spin), ("final", k), 1.0, found.rotations[k].real)


def _exponential(generator: Array) -> Array:
    from scipy.linalg import expm

    return np.asarray(expm(generator))
