"""scaluq: Pauli rotations on its state vector, gradient by its backpropagation (engine "backprop")."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import worker
from benchmarks.peers.jordan_wigner import PauliTerm, hamiltonian, rotations
from benchmarks.peers.problem import Problem


def load(engine: str) -> None:
    """Import the peer."""
    import scaluq  # noqa: F401


def build(problem: Problem, engine: str) -> worker.Evaluate:
    """``ParamPauliRotation`` by t with factor c is ``exp(-i c t P / 2)``; parameters are shared by name."""
    from scaluq import Circuit, Operator, StateVector
    from scaluq.gate import ParamPauliRotation, X

    names = [f"t{k}" for k in range(problem.n_parameters)]
    circuit = Circuit()
    for p in problem.occupied:
        circuit.add_gate(X(p))
    for string, parameter, scale in zip(*rotations(problem), strict=True):
        circuit.add_param_gate(ParamPauliRotation(_pauli(string), -2 * scale), names[parameter])
    observable = Operator([_pauli(term) for term in hamiltonian(problem)])
    ket, bra = StateVector(problem.n_qubits), StateVector(problem.n_qubits)

    def evaluate(row: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        values = dict(zip(names, row.tolist(), strict=True))
        ket.set_zero_state()
        circuit.update_quantum_state(ket, **values)
        bra.load(ket)
        # H|psi> once, for the energy and the gradient.
        observable.apply_to_state(bra)
        energy = StateVector.inner_product(ket, bra).real
        gradient = circuit.compute_expectation_gradient_backprop(ket, bra, values)
        return float(energy), np.array([gradient[name] for name in names])

    return evaluate


def _pauli(term: PauliTerm) -> Any:
    from scaluq import PauliOperator

    letters = ["IXYZ".index(letter) for letter in term.letters]
    return PauliOperator.from_targets_and_pauli_ids(list(term.qubits), letters, term.coefficient.real)


if __name__ == "__main__":
    worker.main(load, build, ["scaluq", "numpy", "scipy"])
