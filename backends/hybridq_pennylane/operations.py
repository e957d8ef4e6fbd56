"""Gates and Pauli sums in PennyLane's words; qubit q is wire q."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import Gate, QubitCircuit

FIXED: dict[str, str] = {
    "x": "PauliX", "y": "PauliY", "z": "PauliZ", "h": "Hadamard", "s": "S", "t": "T", "sx": "SX",
    "cx": "CNOT", "cy": "CY", "cz": "CZ", "swap": "SWAP",
}  # fmt: skip
INVERSE = {"sdg": "S", "tdg": "T", "sxdg": "SX"}
TURNS: dict[str, str] = {
    "rx": "RX", "ry": "RY", "rz": "RZ", "p": "PhaseShift",
    "rxx": "IsingXX", "ryy": "IsingYY", "rzz": "IsingZZ", "cp": "ControlledPhaseShift",
}  # fmt: skip


def operations(circuit: QubitCircuit, angles: NDArray[np.float64]) -> list[Any]:
    """The circuit as PennyLane operations, at angles of shape (n_angles,), radians; the phase is left out."""
    import pennylane as qml

    return [_operation(qml, gate, angles) for gate in circuit.gates]


def _operation(qml: Any, gate: Gate, angles: NDArray[np.float64]) -> Any:
    wires = list(gate.qubits)
    if gate.name in TURNS:
        angle = gate.value if gate.angle is None else float(angles[gate.angle])
        return getattr(qml, TURNS[gate.name])(angle, wires=wires)
    if gate.name in INVERSE:
        return qml.adjoint(getattr(qml, INVERSE[gate.name])(wires=wires))
    return getattr(qml, FIXED[gate.name])(wires=wires)


def observable(paulis: PauliSum) -> Any:
    """The sum as a PennyLane Hamiltonian."""
    import pennylane as qml

    letter: dict[str, Callable[[int], Any]] = {"X": qml.X, "Y": qml.Y, "Z": qml.Z}
    terms = []
    for label in paulis.labels:
        factors = [letter[c](q) for q, c in enumerate(reversed(label)) if c != "I"]
        if not factors:
            terms.append(qml.Identity(0))
        else:
            terms.append(factors[0] if len(factors) == 1 else qml.prod(*factors))
    return qml.Hamiltonian(paulis.coefficients.tolist(), terms)


def turned_to_z(labels: list[str]) -> list[Any]:
    """Operations after which measuring Z measures each letter of a group's strings."""
    import pennylane as qml

    found: list[Any] = []
    for q in range(len(labels[0])):
        letters = {label[-1 - q] for label in labels} - {"I"}
        if letters == {"X"}:
            found.append(qml.Hadamard(q))
        elif letters == {"Y"}:
            found.append(qml.RX(math.pi / 2, q))
    return found
