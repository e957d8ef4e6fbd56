"""The Hamiltonian variational family: evolution under groups of the observable's own terms, in turn.

Wecker, Hastings and Troyer, arXiv:1507.08969.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hybridq.chem.problem import Problem
from hybridq.contract.errors import InputError, unknown_name
from hybridq.contract.paulis import PauliSum, Words, integers
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.qubits import QubitProblem
from hybridq_circuits.qubit_families.begin import (
    check_layers,
    check_qubit_problem,
    flip,
    noise_row,
    observable_of,
    occupied,
    rotate,
)

Reference = Literal["auto", "zero", "plus", "determinant"]
REFERENCES = ("auto", "zero", "plus", "determinant")


@dataclass(frozen=True, eq=False)
class Group:
    """Terms of an observable that commute with each other.

    Attributes:
        x, z: masks, shape (n_terms, n_words).
        coefficients: shape (n_terms,).
    """

    x: Words
    z: Words
    coefficients: NDArray[np.float64]

    def commutes(self, other: Group) -> bool:
        """Whether every term commutes with every term of `other`."""
        return not any(_flips(x, z, other) for x, z in zip(self.x, self.z, strict=True))

    def with_(self, other: Group) -> Group:
        """Both together."""
        both = [np.concatenate(pair) for pair in ((self.x, other.x), (self.z, other.z))]
        return Group(both[0], both[1], np.concatenate([self.coefficients, other.coefficients]))


def hva(
    problem: Problem | QubitProblem,
    *,
    layers: int = 1,
    reference: Literal["auto", "zero", "plus", "determinant"] = "auto",
    noise: float = 0.1,
    seed: int = 0,
) -> QubitCircuit:
    """Evolution under the observable's own terms: one group of commuting terms after another.

    Each group H_g acts as ``exp(-i t H_g)``, with a parameter t for each group and layer. The groups add up to the
    observable, without its constant. Terms that flip the same qubits stay together, so what the observable conserves
    in this way (electron numbers, the number of ones) the circuit conserves as well.

    Args:
        problem: what to solve; a molecule under Jordan-Wigner.
        layers: how often each group comes.
        reference: the first state: "determinant" (of a molecule), "zero", "plus" (the equal superposition of all
            basis states); "auto": the determinant for a molecule, else "plus".
        noise: the start: normal deviates of this standard deviation, radians. At 0 a real observable has no gradient.
        seed: of the noise.

    Raises:
        InputError: all terms of the observable commute, or an option is unknown.
        MissingPackage: Qiskit is not installed.
    """
    check_qubit_problem(problem)
    check_layers(layers)
    if reference not in REFERENCES:
        raise unknown_name("reference", reference, REFERENCES)
    molecule = isinstance(problem, Problem)
    if reference == "auto":
        reference = "determinant" if molecule else "plus"
    if reference == "determinant" and not molecule:
        raise InputError("reference='determinant' needs a molecule; take 'zero' or 'plus' for an observable on qubits")
    observable = observable_of(problem)
    groups = commuting_groups(observable)
    if len(groups) < 2:
        raise InputError(
            "all terms of the observable commute, so evolution under them leads nowhere; take 'qaoa' for a cost "
            "function of Z, or 'hea'"
        )
    plus = reference == "plus"
    # A group that leaves the first state as it is would be wasted at the beginning.
    groups = sorted(groups, key=lambda group: not (group.z if plus else group.x).any())
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    t = ParameterVector("t", layers * len(groups))
    circuit = QuantumCircuit(observable.n_qubits, name="hva")
    if plus:
        circuit.h(range(observable.n_qubits))
    elif reference == "determinant":
        flip(circuit, occupied(problem))
    for k, angle in enumerate(t):
        group = groups[k % len(groups)]
        for x, z, c in zip(integers(group.x), integers(group.z), group.coefficients.tolist(), strict=True):
            rotate(circuit, x, z, 2 * c * angle)
    return QubitCircuit.of(circuit, initial=noise_row(len(t), noise, seed), name="hva")


def commuting_groups(observable: PauliSum) -> list[Group]:
    """The terms but the identity, in groups that commute inside; greedy, those with the largest weight first.

    Terms that flip the same qubits and have as many Y, up to an even number, commute and are never torn apart.
    """
    groups: list[Group] = []
    for block in sorted(_blocks(observable), key=lambda block: -round(float(np.abs(block.coefficients).sum()), 10)):
        for k, group in enumerate(groups):
            if group.commutes(block):
                groups[k] = group.with_(block)
                break
        else:
            groups.append(block)
    return groups


def _blocks(observable: PauliSum) -> Sequence[Group]:
    places: dict[tuple[bytes, int], list[int]] = {}
    odd = np.bitwise_count(observable.x & observable.z).sum(axis=1) & 1
    for k in np.flatnonzero((observable.x | observable.z).any(axis=1) & (observable.coefficients != 0)):
        places.setdefault((observable.x[k].tobytes(), int(odd[k])), []).append(int(k))
    return [Group(observable.x[ks], observable.z[ks], observable.coefficients[ks]) for ks in places.values()]


def _flips(x: Words, z: Words, group: Group) -> bool:
    """Whether the string anticommutes with one of the group."""
    count = np.bitwise_count(group.x & z).sum(axis=1) + np.bitwise_count(group.z & x).sum(axis=1)
    return bool((count & 1).any())
