"""Bonds of a matrix product state that a circuit can make, and what they take."""

from __future__ import annotations

from dataclasses import dataclass

from hybridq.contract.qubit_circuit import QubitCircuit

MOST = 20  # log2 of a bond beyond which it is not counted on: it fits no machine
GATE = 5e-6  # seconds of a gate on two qubits, and ...
CUBE = 5e-11  # ... for each cube of the bond, as measured on one core
SITE = 20e-6  # seconds of a site of the observable, and ...
SITE_CUBE = 5e-10  # ... for each cube of the bond and bond of the operator


@dataclass(frozen=True)
class Bonds:
    """An upper estimate.

    Attributes:
        largest: the largest bond, without a limit.
        limited: the same with the limit.
        gates: on two qubits.
        elements: complex numbers in the state, with the limit.
    """

    largest: int
    limited: int
    gates: int
    elements: float


def bonds(circuit: QubitCircuit, limit: int | None) -> Bonds:
    """Each gate across a cut doubles its bond (a swap: four times), and no bond is larger than twice one beside it."""
    n = circuit.n_qubits
    exponents = [0] * max(0, n - 1)
    gates = 0
    for gate in circuit.gates:
        if len(gate.qubits) == 2:
            gates += 1
            cuts = range(min(gate.qubits), max(gate.qubits))
            for k in cuts:
                exponents[k] = min(MOST, exponents[k] + (2 if gate.name == "swap" else 1))
            for k in (*cuts, *reversed(cuts)):
                left = exponents[k - 1] if k else 0
                right = exponents[k + 1] if k < n - 2 else 0
                exponents[k] = min(exponents[k], left + 1, right + 1)
    sizes = [1 << e if limit is None else min(1 << e, limit) for e in exponents]
    around = [1, *sizes, 1]
    elements = sum(2.0 * around[q] * around[q + 1] for q in range(n))
    return Bonds(1 << max(exponents, default=0), max(sizes, default=1), gates, elements)


def mps_seconds(shape: Bonds, n_qubits: int, operator_bond: int) -> float:
    """Of one state and one expectation value."""
    cube = float(shape.limited) ** 3
    return shape.gates * (GATE + CUBE * cube) + n_qubits * (SITE + SITE_CUBE * cube * operator_bond)


def mps_bytes(shape: Bonds, operator_bond: int) -> int:
    """While gates act bonds may be twice their limit, and the working copies of a decomposition come on top."""
    held = 16 * (4 * shape.elements + 16.0 * (2 * shape.limited) ** 2 + 6.0 * operator_bond * shape.limited**2)
    return int(min(2.0**62, held))
