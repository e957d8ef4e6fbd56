"""Qulacs: Pauli rotations on its state vector, gradient by its backpropagation (engine "backprop")."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import worker
from benchmarks.peers.jordan_wigner import hamiltonian, rotations
from benchmarks.peers.problem import Problem


def load(engine: str) -> None:
    """Import the peer."""
    import qulacs  # noqa: F401


def build(problem: Problem, engine: str) -> worker.Evaluate:
    """A parametric Pauli rotation by t is ``exp(+i t P / 2)``."""
    from qulacs import Observable, ParametricQuantumCircuit, QuantumState
    from qulacs.state import inner_product

    strings, parameters, scales = rotations(problem)
    circuit = ParametricQuantumCircuit(problem.n_qubits)
    for p in problem.occupied:
        circuit.add_X_gate(p)
    for string in strings:
        circuit.add_parametric_multi_Pauli_rotation_gate(
            list(string.qubits), ["IXYZ".index(letter) for letter in string.letters], 0.0
        )
    observable = Observable(problem.n_qubits)
    for term in hamiltonian(problem):
        text = " ".join(f"{letter} {q}" for letter, q in zip(term.letters, term.qubits, strict=True))
        observable.add_operator(term.coefficient.real, text)
    ket, bra, work = (QuantumState(problem.n_qubits) for _ in range(3))

    def evaluate(row: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        for k, angle in enumerate(2 * scales * row[parameters]):
            circuit.set_parameter(k, float(angle))
        ket.set_zero_state()
        circuit.update_quantum_state(ket)
        # H|psi> once, for the energy and the gradient.
        observable.apply_to_state(work, ket, bra)
        energy = inner_product(ket, bra).real
        # Derivatives of Re <bra|psi(t)> at fixed bra: half those of the energy.
        by_rotation = 2 * np.array(circuit.backprop_inner_product(bra))
        gradient = np.bincount(parameters, 2 * scales * by_rotation, len(row))
        return float(energy), gradient.astype(np.float64)

    return evaluate


if __name__ == "__main__":
    worker.main(load, build, ["qulacs", "numpy", "scipy"])
