"""QAOA: the cost function and a mixer in turn.

Farhi, Goldstone and Gutmann, arXiv:1411.4028; mixers that keep the number of ones: Hadfield et al., arXiv:1709.03489.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError, unknown_name
from hybridq.contract.paulis import PauliSum, integers
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.qubits import QubitProblem
from hybridq_circuits.qubit_families.begin import check_layers, check_qubit_problem, rotate
from hybridq_circuits.qubit_families.hea import pairs_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def qaoa(
    problem: QubitProblem,
    *,
    layers: int = 1,
    mixer: Literal["x", "xy"] = "x",
    ones: int | None = None,
    ramp: float = 0.75,
) -> QubitCircuit:
    """The cost function and a mixer in turn, for an observable of Z alone.

    ``exp(-i b_p M) exp(-i g_p C) ... exp(-i b_1 M) exp(-i g_1 C)`` acts on a state in which M is low. C is the
    observable; the parameters are (g_1, b_1, g_2, b_2, ...), g in radians for C as it is.

    Args:
        problem: a cost function, such as `hybridq.max_cut` makes.
        layers: p.
        mixer: "x": M = -sum X_q, from the equal superposition of all basis states. "xy": M = -sum (XX + YY) / 2 over
            the pairs of a ring, one after another (even pairs, odd pairs, the closing pair of an odd ring), which
            keeps the number of ones, from the equal superposition of the basis states with that number.
        ones: that number, for "xy"; None takes half of the qubits.
        ramp: the start: a linear ramp from M to C with time steps of this length, radians (Sack and Serbyn,
            arXiv:2101.05742), g scaled to the root mean square of C's coefficients.

    Raises:
        InputError: the cost function has X or Y or is constant, or an option makes no sense.
        MissingPackage: Qiskit is not installed.
    """
    check_qubit_problem(problem, molecules=False)
    check_layers(layers)
    if mixer not in ("x", "xy"):
        raise unknown_name("mixer", mixer, ("x", "xy"))
    if ones is not None and mixer == "x":
        raise InputError("ones belongs to mixer='xy'; the mixer 'x' keeps no number of ones")
    cost = problem.hamiltonian
    terms = _terms(cost)
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    n = cost.n_qubits
    t = ParameterVector("t", 2 * layers)
    circuit = QuantumCircuit(n, name="qaoa")
    if mixer == "x":
        circuit.h(range(n))
    else:
        if n < 2:
            raise InputError("mixer='xy' needs at least two qubits")
        dicke(circuit, n // 2 if ones is None else ones)
    for layer in range(layers):
        for z, c in terms:
            rotate(circuit, 0, z, 2 * c * t[2 * layer])
        _mix(circuit, mixer, t[2 * layer + 1])
    return QubitCircuit.of(circuit, initial=linear_ramp(layers, [c for _, c in terms], ramp), name="qaoa")


def linear_ramp(layers: int, coefficients: list[float], step: float) -> NDArray[np.float64]:
    """(g_1, b_1, ...), g growing and b falling, each at the middle of its step; shape (2 layers,).

    Raises:
        InputError: the step is not finite.
    """
    if not math.isfinite(step):
        raise InputError(f"ramp must be a finite time step in radians, got {step}")
    along = (np.arange(layers) + 0.5) / layers
    size = math.sqrt(sum(c * c for c in coefficients) / len(coefficients))
    return np.column_stack([step * along / size, step * (1 - along)]).reshape(-1)


def dicke(circuit: QuantumCircuit, ones: int) -> None:
    """Make the equal superposition of all basis states with so many ones, from 0 on every qubit.

    Baertschi and Eidenbenz, arXiv:1904.07358.

    Raises:
        InputError: fewer than 1 or as many as qubits.
    """
    n = circuit.num_qubits
    if not 0 < ones < n:
        raise InputError(f"ones must be between 1 and {n - 1} for {n} qubits, got {ones}")
    for q in range(n - ones, n):
        circuit.x(q)
    for width in range(n, 1, -1):
        last = width - 1
        for k in range(1, min(ones, width - 1) + 1):
            angle = 2 * math.acos(math.sqrt(k / width))
            circuit.cx(last - k, last)
            if k == 1:
                circuit.cry(angle, last, last - 1)
            else:
                _doubly_controlled_ry(circuit, angle, last, last - k + 1, last - k)
            circuit.cx(last - k, last)


def _doubly_controlled_ry(circuit: QuantumCircuit, angle: float, a: int, b: int, target: int) -> None:
    circuit.cry(angle / 2, b, target)
    circuit.cx(a, b)
    circuit.cry(-angle / 2, b, target)
    circuit.cx(a, b)
    circuit.cry(angle / 2, a, target)


def _mix(circuit: QuantumCircuit, mixer: str, b: Any) -> None:
    n = circuit.num_qubits
    if mixer == "x":
        circuit.rx(-2 * b, range(n))
        return
    ring = pairs_of("ring", n)
    closing = [ring[-1]] if n % 2 and n > 2 else []
    chain = ring[: len(ring) - len(closing)]
    for p, q in [*chain[::2], *chain[1::2], *closing]:
        circuit.rxx(-b, p, q)
        circuit.ryy(-b, p, q)


def _terms(cost: PauliSum) -> list[tuple[int, float]]:
    """Masks and coefficients, without the identity."""
    if cost.x.any():
        raise InputError(
            "qaoa needs a cost function of Z alone, and this observable has X or Y; take the family 'hva', which "
            "takes any observable"
        )
    terms = [(z, float(c)) for z, c in zip(integers(cost.z), cost.coefficients, strict=True) if z and c]
    if not terms:
        raise InputError("the cost function is a constant; there is nothing to minimize")
    return terms
