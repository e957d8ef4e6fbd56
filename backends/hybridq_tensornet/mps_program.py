"""A circuit as what a matrix product state needs: for each gate on two qubits a sum of products on its two sites.

Such a gate is ``sum_k L_k (x) H_k``, L on the lower and H on the higher qubit, with two terms (four for a swap).
Gates on one qubit are multiplied into the next gate on two that needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.contract.qubit_circuit import Gate, QubitCircuit
from hybridq_tensornet.elements import Element, inserted, one_qubit, split, table

Index = NDArray[np.int64]
REAL = frozenset({"x", "z", "h", "ry", "cx", "cz", "swap"})
"""Gates whose matrices are real at all angles."""


@dataclass(frozen=True)
class Crossing:
    """A gate on two qubits, and where its matrices lie.

    Attributes:
        low, high: the qubits, ascending.
        terms: 2, or 4 for a swap.
        place: its number among the gates with as many terms.
    """

    low: int
    high: int
    terms: int
    place: int


@dataclass(frozen=True, eq=False)
class Factors:
    """``M = parts[0] + cos(f t) parts[1] + sin(f t) parts[2]`` for many matrices at once.

    Attributes:
        parts: shape (3, n_factors, n_terms, 2, 2).
        angles: shape (n_factors,), number of the angle t, -1 where it is fixed.
        frequencies: f, shape (n_factors,).
    """

    parts: NDArray[np.complex128]
    angles: Index
    frequencies: NDArray[np.float64]

    def at(self, angles: NDArray[np.float64]) -> NDArray[np.complex128]:
        """The matrices, shape (n_factors, n_terms, 2, 2)."""
        found: NDArray[np.complex128] = self.parts[0].copy()
        turning = np.flatnonzero(self.angles >= 0)
        if len(turning):
            t = (self.frequencies[turning] * angles[self.angles[turning]])[:, None, None, None]
            found[turning] += np.cos(t) * self.parts[1, turning] + np.sin(t) * self.parts[2, turning]
        return found


@dataclass(frozen=True, eq=False)
class MpsProgram:
    """A circuit, ready to be run at any angles.

    Attributes:
        n_qubits, n_angles: sizes.
        real: whether all gates are real at all angles.
        crossings: the gates on two qubits, in order.
        turns: the gates on one qubit.
        levels: how the products of gates on one qubit are formed: at each level (slots, gates on one qubit), each slot
            at most once. There are two slots for each crossing, low then high, and then one for each qubit's end.
        lows, highs: sides of the crossings with two terms.
    """

    n_qubits: int
    n_angles: int
    real: bool
    crossings: tuple[Crossing, ...]
    turns: Factors
    levels: tuple[tuple[Index, Index], ...]
    lows: Factors
    highs: Factors

    @cached_property
    def slots(self) -> dict[int, tuple[Index, Index]]:
        """By number of terms, the slots of the low and of the high sides."""
        found = {}
        for terms in (2, 4):
            numbers = [2 * k for k, crossing in enumerate(self.crossings) if crossing.terms == terms]
            found[terms] = np.array(numbers, np.int64), np.array(numbers, np.int64) + 1
        return found

    def matrices(self, angles: NDArray[np.float64]) -> Matrices:
        """All matrices at angles of shape (n_angles,).

        Raises:
            InputError: another number of angles.
        """
        if np.shape(angles) != (self.n_angles,):
            raise InputError(f"the circuit has {self.n_angles} angles, got an array of shape {np.shape(angles)}")
        ones = self.turns.at(angles)[:, 0]
        products = np.zeros((2 * len(self.crossings) + self.n_qubits, 2, 2), complex)
        products[:] = np.eye(2)
        for slots, gates in self.levels:
            products[slots] = ones[gates] @ products[slots]
        sides: dict[int, tuple[Any, Any]] = {}
        for terms, pair in {2: (self.lows.at(angles), self.highs.at(angles)), 4: _swap()}.items():
            low, high = (side @ products[slots][:, None] for side, slots in zip(pair, self.slots[terms], strict=True))
            count = len(low)
            sides[terms] = (
                low.reshape(count, 2 * terms, 2),  # rows (term, out)
                np.ascontiguousarray(high.transpose(0, 2, 1, 3)).reshape(count, 2 * terms, 2),  # rows (out, term)
            )
        ends = products[2 * len(self.crossings) :]
        if self.real:
            return Matrices({k: (a.real.copy(), b.real.copy()) for k, (a, b) in sides.items()}, ends.real.copy())
        return Matrices(sides, ends)


@dataclass(frozen=True, eq=False)
class Matrices:
    """The matrices of a circuit at its angles.

    Attributes:
        sides: by number of terms, low sides with rows (term, out) and high sides with rows (out, term), each of shape
            (n_crossings, 2 * terms, 2).
        ends: what is left for each qubit at the end, shape (n_qubits, 2, 2).
    """

    sides: dict[int, tuple[Any, Any]]
    ends: Any


def mps_program(circuit: QubitCircuit) -> MpsProgram:
    """The program of a circuit."""
    n = circuit.n_qubits
    pending: list[list[int]] = [[] for _ in range(n)]  # gates on one qubit that wait for one on two
    turns: list[Element] = []
    lows: list[Element] = []
    highs: list[Element] = []
    crossings: list[Crossing] = []
    slots: list[list[int]] = []
    for gate in circuit.gates:
        if len(gate.qubits) == 1:
            pending[gate.qubits[0]].append(len(turns))
            turns.append(one_qubit(gate))
            continue
        low, high = sorted(gate.qubits)
        for q in (low, high):
            slots.append(pending[q])
            pending[q] = []
        if gate.name == "swap":
            crossings.append(Crossing(low, high, 4, len(crossings) - len(lows)))
            continue
        crossings.append(Crossing(low, high, 2, len(lows)))
        first, second = _sides(gate)
        lows.append(first if gate.qubits[0] == low else second)
        highs.append(second if gate.qubits[0] == low else first)
    return MpsProgram(
        n_qubits=n,
        n_angles=circuit.n_angles,
        real=all(gate.name in REAL for gate in circuit.gates),
        crossings=tuple(crossings),
        turns=_factors(turns),
        levels=_levels(slots + pending),
        lows=_factors(lows),
        highs=_factors(highs),
    )


def _sides(gate: Gate) -> tuple[Element, Element]:
    """The factors of a gate on two qubits, in the order of its qubits."""
    if gate.name in ("cx", "cy"):
        return _projectors(), inserted(gate.name[1], "controlled")
    if gate.name in ("rxx", "ryy"):
        return inserted(gate.name[1], "split"), split(gate, gate.name[1])
    values = table(gate)
    parts = np.zeros((3, 2, 2, 2), complex)
    for bit in range(2):
        parts[:, :, bit, bit] = values.parts[:, 0, bit, :]
    return _projectors(), Element(parts, values.angle, values.frequency, True, gate.name)


def _projectors() -> Element:
    parts = np.zeros((3, 2, 2, 2), complex)
    parts[0, 0, 0, 0] = parts[0, 1, 1, 1] = 1
    return Element(parts, None, 1.0, True, "projectors")


def _swap() -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """``sum_ab |a><b| (x) |b><a|``, each side of shape (1, 4, 2, 2)."""
    units = np.eye(4, dtype=complex).reshape(1, 4, 2, 2)
    return units, units.transpose(0, 1, 3, 2)


def _factors(elements: Sequence[Element]) -> Factors:
    return Factors(
        np.array([element.parts for element in elements]).reshape(-1, 3, 2, 2, 2).swapaxes(0, 1).astype(complex),
        np.array([-1 if element.angle is None else element.angle for element in elements], np.int64),
        np.array([element.frequency for element in elements], np.float64),
    )


def _levels(slots: Sequence[Sequence[int]]) -> tuple[tuple[Index, Index], ...]:
    found = []
    for level in range(max(map(len, slots), default=0)):
        pairs = [(slot, gates[level]) for slot, gates in enumerate(slots) if len(gates) > level]
        at, gates = np.array(pairs, np.int64).T
        found.append((at, gates))
    return tuple(found)
