"""Random circuits and observables, and what the state vector says of them."""

from __future__ import annotations

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import Statevector

import hybridq as hq
from hybridq.contract.qubit_circuit import FIXED, TURNS, QubitCircuit

PAIRS = ("cx", "cy", "cz", "swap", "rxx", "ryy", "rzz", "cp")
REAL = ("x", "z", "h", "cx", "cz", "swap", "ry")


def random_circuit(n: int, seed: int, size: int = 24, names: tuple[str, ...] = FIXED + TURNS) -> QubitCircuit:
    """Gates of all kinds in any order, with angles that share parameters and are scaled."""
    rng = np.random.default_rng(seed)
    t = ParameterVector("t", 4)
    made = QuantumCircuit(n)
    for _ in range(int(rng.integers(0, size))):
        name = str(rng.choice(names))
        width = 2 if name in PAIRS else 1
        if width > n:
            continue
        qubits = [int(q) for q in rng.choice(n, width, replace=False)]
        angle = float(rng.normal()) * t[int(rng.integers(4))] + float(rng.normal()) if rng.random() < 0.8 else 0.7
        getattr(made, name)(*([angle] if name in TURNS else []), *qubits)
    return QubitCircuit.of(made)


def random_observable(n: int, seed: int, letters: str = "IXYZ", n_terms: int = 8) -> hq.PauliSum:
    rng = np.random.default_rng(seed + 1)
    labels = {"".join(rng.choice(list(letters), n)): float(rng.normal()) for _ in range(int(rng.integers(1, n_terms)))}
    return hq.PauliSum.of(labels)


def state_of(circuit: QubitCircuit, row: np.ndarray) -> np.ndarray:
    made = circuit.to_qiskit()
    return Statevector(made.assign_parameters(dict(zip(made.parameters, row, strict=True)))).data


def state_energy(circuit: QubitCircuit, row: np.ndarray, observable: hq.PauliSum) -> float:
    psi = state_of(circuit, row)
    return float(np.real(np.vdot(psi, observable.to_matrix() @ psi)))


def differences(circuit: QubitCircuit, row: np.ndarray, observable: hq.PauliSum, step: float = 1e-3) -> np.ndarray:
    """Central differences of fourth order: their own error is about 1e-12."""
    found = []
    for k in range(circuit.n_parameters):
        shift = step * np.eye(circuit.n_parameters)[k]
        near = state_energy(circuit, row + shift, observable) - state_energy(circuit, row - shift, observable)
        far = state_energy(circuit, row + 2 * shift, observable) - state_energy(circuit, row - 2 * shift, observable)
        found.append((8 * near - far) / (12 * step))
    return np.array(found)
