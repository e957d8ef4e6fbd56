"""What families on qubits share: the problem as an observable, its reference, rotations by Pauli strings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.chem.problem import Problem
from hybridq.contract.errors import InputError
from hybridq.contract.paulis import PauliSum
from hybridq.qubits import QubitProblem, jordan_wigner, pauli_strings
from hybridq.qubits.extra import require_qiskit


def check_qubit_problem(problem: object, *, molecules: bool = True) -> None:
    """Refuse what is no problem of a family on qubits, and a missing Qiskit.

    Raises:
        InputError: it is something else.
        MissingPackage: Qiskit is not installed.
    """
    if not isinstance(problem, (Problem, QubitProblem) if molecules else QubitProblem):
        wanted = "a hybridq QubitProblem or Problem" if molecules else "a hybridq QubitProblem"
        raise InputError(f"this family needs {wanted}, got {type(problem).__name__}; see hybridq.max_cut and ising")
    require_qiskit()


def observable_of(problem: Problem | QubitProblem) -> PauliSum:
    """What the problem measures, a molecule under Jordan-Wigner."""
    if isinstance(problem, QubitProblem):
        return problem.hamiltonian
    return pauli_strings(problem.hamiltonian, jordan_wigner(problem.n_orbitals))


def occupied(problem: Problem | QubitProblem) -> list[bool]:
    """Qubits that are 1 in the reference determinant (Jordan-Wigner); none for a problem of qubits."""
    if isinstance(problem, QubitProblem):
        return [False] * problem.n_qubits
    n = problem.n_orbitals
    return [p < problem.n_alpha for p in range(n)] + [p < problem.n_beta for p in range(n)]


def check_layers(layers: int) -> None:
    """Refuse fewer than one layer.

    Raises:
        InputError: fewer than 1.
    """
    if layers < 1:
        raise InputError(f"layers must be at least 1, got {layers}")


def noise_row(n: int, noise: float, seed: int) -> NDArray[np.float64]:
    """Normal deviates of standard deviation `noise` radians, shape (n,).

    Raises:
        InputError: the noise is negative or not finite, or the seed negative.
    """
    if not (math.isfinite(noise) and noise >= 0):
        raise InputError(f"noise must be finite and at least 0 radians, got {noise}")
    if seed < 0:
        raise InputError(f"seed must be at least 0, got {seed}")
    return noise * np.random.default_rng(seed).normal(size=n)


def rotate(circuit: Any, x: int, z: int, angle: Any) -> None:
    """Append ``exp(-i angle P / 2)`` for the Hermitian string P of masks x and z; the identity appends nothing."""
    letters = {q: "IXZY"[(x >> q & 1) | (z >> q & 1) << 1] for q in _ones(x | z)}
    qubits = list(letters)
    kinds = set(letters.values())
    if not qubits:
        return
    if len(kinds) == 1 and len(qubits) <= 2:
        name = "r" + letters[qubits[0]].lower() * len(qubits)
        getattr(circuit, name)(angle, *qubits)
        return
    for q in qubits:  # X = H Z H and Y = SX^+ Z SX
        if letters[q] != "Z":
            circuit.h(q) if letters[q] == "X" else circuit.sx(q)
    for a, b in itertools.pairwise(qubits):
        circuit.cx(a, b)
    circuit.rz(angle, qubits[-1])
    for a, b in reversed(list(itertools.pairwise(qubits))):
        circuit.cx(a, b)
    for q in qubits:
        if letters[q] != "Z":
            circuit.h(q) if letters[q] == "X" else circuit.sxdg(q)


def flip(circuit: Any, ones: Iterable[bool]) -> None:
    """X on the qubits that are to begin in 1."""
    for q, one in enumerate(ones):
        if one:
            circuit.x(q)


def _ones(mask: int) -> list[int]:
    return [q for q in range(mask.bit_length()) if mask >> q & 1]
