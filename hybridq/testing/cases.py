"""Circuits, observables and rows that the conformance kit runs: small, and with every kind of factor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import Factor, FermionicCircuit
from hybridq.contract.generators import Excitation, Generator, Ladder, NumberProduct, mixed_double, single
from hybridq.contract.hamiltonian import Hamiltonian


@dataclass(frozen=True)
class Case:
    """A circuit, an observable and a few rows.

    Attributes:
        circuit: at most 4 orbitals.
        hamiltonian: random integrals with the symmetries of real orbitals, hartree.
        rows: shape (3, n_parameters), radians.
    """

    circuit: FermionicCircuit
    hamiltonian: Hamiltonian
    rows: NDArray[np.float64]


def cases(*, real: bool = False) -> list[Case]:
    """Open and closed shells, no beta electrons, a reference not the lowest, shared parameters, qubit excitations.

    Args:
        real: leave out imaginary excitations and number products.
    """
    made = [
        _case(2, ((0,), (0,)), [mixed_double((0, 1), (0, 1)), single(0, 1, "alpha")], 1),
        _case(3, ((0, 1), (0,)), _three_orbitals(), 2, shared=True),
        _case(3, ((1,), ()), [single(1, 2, "alpha"), single(0, 1, "alpha"), NumberProduct(alpha=(2,))], 3),
        _case(4, ((0, 2), (1, 3)), _four_orbitals(), 4, shared=True),
        _case(4, ((0, 1), (0, 2)), _qubit_excitations(), 6),
    ]
    return [_only_real(case) for case in made] if real else made


def bare_case() -> Case:
    """A reference determinant and no factors at all: rows of no parameters."""
    circuit = FermionicCircuit(3, ((0, 2), (1,)), (), 0, name="bare determinant")
    return Case(circuit, random_hamiltonian(3, 5), np.zeros((1, 0)))


def random_hamiltonian(n: int, seed: int) -> Hamiltonian:
    """Random integrals over `n` real orbitals, hartree."""
    rng = np.random.default_rng(seed)
    one = rng.normal(size=(n, n))
    two = rng.normal(size=(n, n, n, n))
    for axes in ((1, 0, 2, 3), (0, 1, 3, 2), (2, 3, 0, 1)):
        two = (two + two.transpose(axes)) / 2
    return Hamiltonian(float(rng.normal()), (one + one.T) / 2, two)


def _three_orbitals() -> list[Generator]:
    return [
        single(1, 2, "alpha"),
        Excitation(Ladder((0, 2), (0, 1))),
        Excitation(Ladder((2,), (0,)), Ladder((1,), (0,)), imaginary=True),
        Excitation(Ladder((1,), (1,)), Ladder((2,), (0,))),
        NumberProduct((1,), (0,)),
        mixed_double((1, 2), (0, 1)),
        single(0, 2, "beta"),
    ]


def _four_orbitals() -> list[Generator]:
    return [
        Excitation(Ladder((1, 3), (0, 2))),
        Excitation(beta=Ladder((0, 2), (1, 3))),
        mixed_double((2, 3), (1, 0)),
        Excitation(Ladder((1,), (0,)), Ladder((0, 2), (1, 3)), imaginary=True),
        NumberProduct((0, 3), (2,)),
        single(0, 3, "beta"),
        single(0, 1, "alpha"),
        Excitation(Ladder((0, 3), (2, 3)), Ladder((1,), (1,))),
        Excitation(single(1, 2, "alpha").alpha, imaginary=True),
        NumberProduct((), (1,)),
        mixed_double((0, 2), (3, 2)),
    ]


def _qubit_excitations() -> list[Generator]:
    """Each crosses an orbital, so that the sign that it lacks would show."""
    return [
        Excitation(beta=Ladder((3,), (0,)), fermionic=False),
        Excitation(Ladder((2,), (0,)), Ladder((3,), (1,)), fermionic=False),
        Excitation(Ladder((2,), (0,)), Ladder((3,), (1,))),
        Excitation(Ladder((1, 3), (0, 1)), imaginary=True, fermionic=False),
        Excitation(Ladder((0, 3), (1, 2)), fermionic=False),
    ]


def _case(
    n: int,
    reference: tuple[tuple[int, ...], tuple[int, ...]],
    generators: list[Generator],
    seed: int,
    *,
    shared: bool = False,
) -> Case:
    rng = np.random.default_rng(seed)
    factors = [Factor(g, k) for k, g in enumerate(generators)]
    n_parameters = len(generators)
    if shared:
        # Two more factors: the first two generators again, each with the other one's parameter, scaled.
        factors += [Factor(generators[0], 1, -0.5), Factor(generators[1], 0, 1.7)]
    circuit = FermionicCircuit(n, reference, tuple(factors), n_parameters, name=f"conformance {seed}")
    return Case(circuit, random_hamiltonian(n, seed), rng.uniform(-1.5, 1.5, size=(3, n_parameters)))


def _only_real(case: Case) -> Case:
    kept = [f for f in case.circuit.factors if f.generator.is_real]
    used = sorted({f.parameter for f in kept})
    factors = tuple(Factor(f.generator, used.index(f.parameter), f.scale) for f in kept)
    old = case.circuit
    circuit = FermionicCircuit(old.n_orbitals, old.reference, factors, len(used), name=f"{old.name}, real")
    return Case(circuit, case.hamiltonian, np.ascontiguousarray(case.rows[:, used]))
