"""The hardware-efficient family: rotations of single qubits and entanglers in turn.

Kandala et al., arXiv:1704.05018.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from hybridq.chem.problem import Problem
from hybridq.contract.errors import InputError, unknown_name
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.qubits import QubitProblem
from hybridq_circuits.qubit_families.begin import check_layers, check_qubit_problem, flip, noise_row, occupied

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

ROTATIONS = ("rx", "ry", "rz")
ENTANGLERS = ("cx", "cz", "rzz")
ENTANGLEMENTS = ("linear", "ring", "full", "brick")


def hea(
    problem: Problem | QubitProblem,
    *,
    layers: int = 2,
    rotations: str | Sequence[str] = ("ry",),
    entangler: Literal["cx", "cz", "rzz"] = "cx",
    entanglement: Literal["linear", "ring", "full", "brick"] = "linear",
    final_rotations: bool = True,
    noise: float = 0.1,
    seed: int = 0,
) -> QubitCircuit:
    """Rotations of every qubit, then entanglers, layer by layer: few gates, and no knowledge of the problem.

    With all angles at 0 the state is the reference determinant of a molecule (under Jordan-Wigner, on twice as many
    qubits as orbitals), and 0 on every qubit otherwise. It conserves no electron numbers.

    Args:
        problem: what to solve; only its size, and a molecule's electrons, matter.
        layers: how often rotations and entanglers come.
        rotations: of each qubit in each layer, in this order: "rx", "ry", "rz", one or several ("ry rz").
        entangler: "cx", "cz", or "rzz", which has a parameter of its own.
        entanglement: pairs that meet in a layer: "linear" (0-1, 1-2, ...), "ring" (and last-0), "full" (every
            pair), "brick" (0-1, 2-3, ..., then 1-2, 3-4, ...).
        final_rotations: rotations after the last layer too.
        noise: the start: normal deviates of this standard deviation, radians; 0 starts at the reference.
        seed: of the noise.

    Raises:
        InputError: an option is unknown.
        MissingPackage: Qiskit is not installed.
    """
    check_qubit_problem(problem)
    check_layers(layers)
    turns = _turns(rotations)
    if entangler not in ENTANGLERS:
        raise unknown_name("entangler", entangler, ENTANGLERS)
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    n = problem.n_qubits
    pairs = pairs_of(entanglement, n)
    blocks = layers + final_rotations
    size = n * len(turns) * blocks + (layers * len(pairs) if entangler == "rzz" else 0)
    t = ParameterVector("t", size)
    angles = iter(t)
    circuit = QuantumCircuit(n, name="hea")
    flip(circuit, _before(occupied(problem), pairs if entangler == "cx" else [], layers))
    for block in range(blocks):
        for turn in turns:
            for q in range(n):
                getattr(circuit, turn)(next(angles), q)
        if block < layers:
            _entangle(circuit, entangler, pairs, angles)
    return QubitCircuit.of(circuit, initial=noise_row(size, noise, seed), name="hea")


def pairs_of(entanglement: str, n: int) -> list[tuple[int, int]]:
    """The pairs of a pattern on n qubits, in the order in which they meet.

    Raises:
        InputError: an unknown pattern.
    """
    chain = [(q, q + 1) for q in range(n - 1)]
    if entanglement == "linear":
        return chain
    if entanglement == "ring":
        return chain + ([(n - 1, 0)] if n > 2 else [])
    if entanglement == "full":
        return [(a, b) for a in range(n) for b in range(a + 1, n)]
    if entanglement == "brick":
        return chain[::2] + chain[1::2]
    raise unknown_name("entanglement", entanglement, ENTANGLEMENTS)


def _turns(rotations: str | Sequence[str]) -> list[str]:
    turns = [word for word in re.split(r"[\s,+]+", rotations) if word] if isinstance(rotations, str) else [*rotations]
    if not turns:
        raise InputError("rotations is empty; give at least one of rx, ry, rz")
    for turn in turns:
        if turn not in ROTATIONS:
            raise unknown_name("rotation", turn, ROTATIONS)
    return turns


def _entangle(circuit: QuantumCircuit, entangler: str, pairs: list[tuple[int, int]], angles: Iterator[Any]) -> None:
    for a, b in pairs:
        if entangler == "rzz":
            circuit.rzz(next(angles), a, b)
        else:
            getattr(circuit, entangler)(a, b)


def _before(reference: list[bool], pairs: list[tuple[int, int]], layers: int) -> list[bool]:
    """The bits that `layers` times the CX of `pairs` carry into the reference."""
    found = list(reference)
    for _ in range(layers):
        for control, target in reversed(pairs):
            found[target] ^= found[control]
    return found
