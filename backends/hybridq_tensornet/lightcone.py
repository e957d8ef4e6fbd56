"""Which gates an observable can see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hybridq.contract.qubit_circuit import Gate

Kind = Literal["none", "diagonal", "full"]
"""How an operator acts on a qubit: not at all, diagonally (I and Z), or otherwise."""

DIAGONAL = frozenset({"z", "s", "sdg", "t", "tdg", "rz", "p", "cz", "cp", "rzz"})
CONTROLLED = frozenset({"cx", "cy"})


def diagonal_qubits(gate: Gate) -> tuple[int, ...]:
    """The qubits on which a gate is block diagonal in 0 and 1."""
    if gate.name in DIAGONAL:
        return gate.qubits
    return gate.qubits[:1] if gate.name in CONTROLLED else ()


def light_cone(gates: Sequence[Gate], kinds: Sequence[Kind]) -> tuple[tuple[Gate, ...], tuple[Kind, ...]]:
    """The gates that do not cancel in ``U^dagger O U``, in their order, and how that operator acts at the beginning.

    A gate cancels where it commutes with what follows it: on each of its qubits it is diagonal and so is the operator,
    or the operator does not act there.

    Args:
        gates: of the circuit, in order.
        kinds: how O acts on each qubit.
    """
    reach = list(kinds)
    kept: list[Gate] = []
    for gate in reversed(gates):
        straight = diagonal_qubits(gate)
        across = [q for q in gate.qubits if q not in straight]
        if all(reach[q] != "full" for q in straight) and all(reach[q] == "none" for q in across):
            continue
        kept.append(gate)
        if gate.name == "swap":
            a, b = gate.qubits
            reach[a], reach[b] = reach[b], reach[a]
            continue
        for q in across:
            reach[q] = "full"
        for q in straight:
            if reach[q] == "none":
                reach[q] = "diagonal"
    return tuple(reversed(kept)), tuple(reach)
