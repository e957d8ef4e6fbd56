"""Folding: a compiled circuit with its two-qubit gates repeated, so that their noise grows by a known factor.

Each two-qubit gate G becomes ``G (G^-1 G)^k`` (Giurgica-Tiron et al., arXiv:2005.10921,
doi:10.1109/QCE49297.2020.00045), which changes nothing but the noise. Only gates of the circuit's own set are used,
with rz beside an iswap, so that nothing has to be compiled again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hybridq.contract.errors import InputError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

SELF_INVERSE = frozenset({"cx", "cy", "cz", "ch", "swap", "ecr"})
BY_ANGLE = frozenset({"rxx", "ryy", "rzz", "rzx", "cp", "crx", "cry", "crz"})  # inverse: the negative angle


def fold(circuit: QuantumCircuit, factor: int) -> QuantumCircuit:
    """The circuit with each two-qubit gate `factor` times; free parameters stay free.

    Raises:
        InputError: the factor is not odd and positive, or a two-qubit gate's inverse is not a gate of its kind.
    """
    from qiskit.circuit.library import Barrier

    if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1 or factor % 2 == 0:
        raise InputError(f"noise is folded by odd factors 1, 3, 5, ..., got {factor!r}")
    if factor == 1:
        return circuit
    out = circuit.copy_empty_like()
    for item in circuit.data:
        operation = item.operation
        if len(item.qubits) < 2 or operation.name in ("barrier", "measure", "delay"):
            out.append(operation, item.qubits, item.clbits)
            continue
        back = _inverse(operation)
        out.append(operation, item.qubits)
        for _ in range(factor // 2):
            # Barriers, so that no later pass takes a gate and its inverse away.
            out.append(Barrier(len(item.qubits)), item.qubits)
            for gate, places in back:
                out.append(gate, [item.qubits[place] for place in places])
            out.append(Barrier(len(item.qubits)), item.qubits)
            out.append(operation, item.qubits)
    return out


def _inverse(operation: Any) -> list[tuple[Any, tuple[int, ...]]]:
    """Gates that undo one on two qubits, and on which of its qubits each is."""
    if operation.name in SELF_INVERSE:
        return [(operation, (0, 1))]
    if operation.name in BY_ANGLE:
        return [(type(operation)(-operation.params[0]), (0, 1))]
    if operation.name == "iswap":  # exp(i pi/4 (XX + YY)): Z on one qubit turns both signs
        from qiskit.circuit.library import RZGate

        return [(RZGate(math.pi), (0,)), (operation, (0, 1)), (RZGate(-math.pi), (0,))]
    raise InputError(
        f"the device's two-qubit gate {operation.name!r} cannot be folded, as its inverse is no gate of the device; "
        f"known are {', '.join(sorted(SELF_INVERSE | BY_ANGLE | {'iswap'}))}: leave zero-noise extrapolation out"
    )


def two_qubit_gates(circuit: QuantumCircuit) -> int:
    """How many gates act on two qubits or more."""
    return sum(
        len(item.qubits) > 1 and item.operation.name not in ("barrier", "measure", "delay") for item in circuit.data
    )
