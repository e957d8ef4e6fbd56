"""PennyLane's lightning.qubit with its adjoint gradient.

Engines:
    "fermionic": PennyLane's own ``FermionicSingleExcitation`` and ``FermionicDoubleExcitation``, as in its UCCSD.
    "excitation": the device's native ``SingleExcitation`` and ``DoubleExcitation`` between controlled Zs that
        carry the Jordan-Wigner signs, written by hand.
The Hamiltonian is a sparse matrix; with "-pauli" after the engine's name it is a sum of Pauli strings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import worker
from benchmarks.peers.jordan_wigner import PauliTerm, hamiltonian
from benchmarks.peers.problem import Problem


def load(engine: str) -> None:
    """Import the peer."""
    import pennylane  # noqa: F401
    import pennylane_lightning  # noqa: F401


def build(problem: Problem, engine: str) -> worker.Evaluate:
    """Every parameter enters with its own factor: ``DoubleExcitation(t)`` turns by t / 2."""
    import pennylane as qml
    from pennylane import numpy as pnp

    lowering, _, form = engine.partition("-")
    apply = {"fermionic": _fermionic, "excitation": _excitation}[lowering]
    wires = range(problem.n_qubits)
    interleaved = lowering == "fermionic"
    operator = qml.Hamiltonian(*_paulis(qml, hamiltonian(problem, interleaved=interleaved)))
    if form != "pauli":
        operator = qml.SparseHamiltonian(operator.sparse_matrix(wire_order=wires), wires=wires)
    occupation = np.zeros(problem.n_qubits, dtype=int)
    occupation[[problem.interleaved(p) if interleaved else p for p in problem.occupied]] = 1
    steps = [apply(qml, problem, sources, targets) for sources, targets in problem.excitations()]
    device = qml.device("lightning.qubit", wires=problem.n_qubits)

    def energy(row: Any) -> Any:
        qml.BasisState(occupation, wires=wires)
        for k, step in enumerate(steps):
            step(row[k])
        return qml.expval(operator)

    gradient = qml.grad(qml.QNode(energy, device, diff_method="adjoint"))

    def evaluate(row: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        values = np.asarray(gradient(pnp.array(row, requires_grad=True)))
        return float(gradient.forward), values

    return evaluate


def _paulis(qml: Any, terms: list[PauliTerm]) -> tuple[list[float], list[Any]]:
    kinds = {"X": qml.PauliX, "Y": qml.PauliY, "Z": qml.PauliZ}
    coefficients, words = [], []
    for term in terms:
        factors = [kinds[letter](q) for q, letter in zip(term.qubits, term.letters, strict=True)]
        words.append(qml.prod(*factors) if len(factors) > 1 else factors[0] if factors else qml.Identity(0))
        coefficients.append(term.coefficient.real)
    return coefficients, words


def _fermionic(qml: Any, problem: Problem, sources: tuple[int, ...], targets: tuple[int, ...]) -> Any:
    """PennyLane's own factors, whose weight is twice the generator's angle.

    ``FermionicDoubleExcitation`` with wires s..r and q..p is ``c+_p c+_q c_r c_s - h.c.`` for s < r < q < p, so every
    virtual must follow every occupied spin orbital: alpha and beta are interleaved, as PennyLane does.
    """
    lower, upper = (tuple(problem.interleaved(p) for p in ends) for ends in (sources, targets))
    if len(sources) == 1:
        path = list(range(lower[0], upper[0] + 1))
        return lambda t: qml.FermionicSingleExcitation(2 * t, wires=path)
    sign = (1 if lower[0] < lower[1] else -1) * (1 if upper[0] > upper[1] else -1)
    (s, r), (q, p) = sorted(lower), sorted(upper)
    low, high = list(range(s, r + 1)), list(range(q, p + 1))
    return lambda t: qml.FermionicDoubleExcitation(2 * sign * t, wires1=low, wires2=high)


def _excitation(qml: Any, problem: Problem, sources: tuple[int, ...], targets: tuple[int, ...]) -> Any:
    """``T - T+`` is a qubit excitation times Z on the spin orbitals between the ends."""
    moved = {*sources, *targets}
    ordered = sorted(moved)
    between = [k for p, q in zip(ordered[::2], ordered[1::2], strict=True) for k in range(p + 1, q)]
    # The sign of T - T+ relative to the bare qubit excitation, from the operator itself.
    sign = _orientation(sources, targets)

    def step(t: Any) -> None:
        for k in between:
            qml.CZ(wires=[k, targets[0]])
        if len(sources) == 1:
            qml.SingleExcitation(2 * sign * t, wires=[*targets, *sources])
        else:
            qml.DoubleExcitation(2 * sign * t, wires=[*targets, *sources])
        for k in between:
            qml.CZ(wires=[k, targets[0]])

    return step


def _orientation(sources: tuple[int, ...], targets: tuple[int, ...]) -> int:
    """+1 or -1: the element <targets| T |sources> of a determinant that holds nothing else."""
    held, sign = list(sources), 1
    for p in sources:
        sign *= (-1) ** sum(q < p for q in held)
        held.remove(p)
    for p in reversed(targets):
        sign *= (-1) ** sum(q < p for q in held)
        held.append(p)
    return sign


if __name__ == "__main__":
    worker.main(load, build, ["pennylane", "pennylane-lightning", "numpy", "scipy"])
