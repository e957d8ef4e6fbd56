"""MindQuantum: its chemistry simulator (fixed number of electrons) and its state vector.

Engines: "mqchem" and "mqvector".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import worker
from benchmarks.peers.jordan_wigner import hamiltonian, rotations
from benchmarks.peers.problem import Problem


def load(engine: str) -> None:
    """Import the peer."""
    import mindquantum
    import mindquantum.simulator.mqchem  # noqa: F401


def build(problem: Problem, engine: str) -> worker.Evaluate:
    """`engine` as in the module's docstring."""
    return _chemistry(problem) if engine == "mqchem" else _state_vector(problem)


def _chemistry(problem: Problem) -> worker.Evaluate:
    """``UCCExcitationGate`` is ``exp(t (T - T+))``; the reference is the lowest *spin orbitals*.

    So alpha and beta are interleaved here (alpha p is 2 p, beta p is 2 p + 1): only names of modes, as long as
    the ladder operators of each excitation keep their order.
    """
    from mindquantum.core.circuit import Circuit
    from mindquantum.core.operators import FermionOperator
    from mindquantum.simulator import mqchem

    circuit = Circuit()
    names = [f"t{k}" for k in range(problem.n_parameters)]
    for name, (sources, targets) in zip(names, problem.excitations(), strict=True):
        ladder = [f"{problem.interleaved(p)}^" for p in targets] + [
            str(problem.interleaved(p)) for p in reversed(sources)
        ]
        circuit += mqchem.UCCExcitationGate(FermionOperator(" ".join(ladder), name))
    terms: dict[tuple[tuple[int, int], ...], float] = {(): problem.constant}
    for spin in (0, 1):
        for (p, q), value in np.ndenumerate(problem.one_body):
            terms[(2 * p + spin, 1), (2 * q + spin, 0)] = value
    for (p, q, r, s), value in np.ndenumerate(problem.two_body):
        for sigma in (0, 1):
            for tau in (0, 1):
                # a+_p a+_r a_s a_q in normal order: both pairs descending, a sign for each exchange.
                up, down = (2 * p + sigma, 2 * r + tau), (2 * s + tau, 2 * q + sigma)
                if up[0] == up[1] or down[0] == down[1] or abs(value) < 1e-14:
                    continue
                sign = (1 if up[0] > up[1] else -1) * (1 if down[0] > down[1] else -1)
                key = (*((x, 1) for x in sorted(up, reverse=True)), *((x, 0) for x in sorted(down, reverse=True)))
                terms[key] = terms.get(key, 0.0) + sign * value / 2
    operator = FermionOperator()
    for key, coefficient in terms.items():
        if abs(coefficient) > 1e-14:
            operator += FermionOperator(key, coefficient)
    simulator = mqchem.MQChemSimulator(problem.n_qubits, problem.n_electrons)
    function = simulator.get_expectation_with_grad(mqchem.CIHamiltonian(operator), circuit)
    order = [circuit.params_name.index(name) for name in names]
    if order != sorted(order):
        raise RuntimeError("MindQuantum changed the order of the parameters")

    def evaluate(row: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        energy, gradient = function(row)
        return float(np.real(energy)), np.real(np.asarray(gradient)).ravel()

    return evaluate


def _state_vector(problem: Problem) -> worker.Evaluate:
    """``RotPauliString(t)`` is ``exp(-i t P / 2)``."""
    from mindquantum.core.circuit import Circuit
    from mindquantum.core.gates import RotPauliString, X
    from mindquantum.core.operators import Hamiltonian, QubitOperator
    from mindquantum.simulator import Simulator

    circuit = Circuit([X.on(p) for p in problem.occupied])
    for string, parameter, scale in zip(*rotations(problem), strict=True):
        circuit += RotPauliString(string.letters, {f"t{parameter}": -2 * scale}).on(list(string.qubits))
    operator = QubitOperator()
    for term in hamiltonian(problem):
        operator += QubitOperator(
            " ".join(f"{letter}{q}" for letter, q in zip(term.letters, term.qubits, strict=True)), term.coefficient.real
        )
    function = Simulator("mqvector", problem.n_qubits).get_expectation_with_grad(Hamiltonian(operator), circuit)

    def evaluate(row: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        energy, gradient = function(row)
        return float(np.real(energy).item()), np.real(gradient).ravel()

    return evaluate


if __name__ == "__main__":
    worker.main(load, build, ["mindquantum", "numpy", "scipy"])
