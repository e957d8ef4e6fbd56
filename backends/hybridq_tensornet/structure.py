"""A circuit as small tensors on numbered modes, whatever its angles are.

A gate that is diagonal on a qubit adds no mode there: it is one more tensor on the mode that the qubit has (a
hyperedge). So a CX is one tensor (control, in, out), a CZ, CP or RZZ one on two modes, and gates on one qubit are part
of the next tensor that needs one there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hybridq.contract.qubit_circuit import Gate
from hybridq_tensornet.elements import Element, inserted, one_qubit, split, table


@dataclass(frozen=True)
class Leaf:
    """A tensor on up to three modes of size 2, a product of 2 x 2 matrices.

    With M_v the product of its elements, the first on the right:

    Attributes:
        branch: mode of v; None where there is one product only.
        start: mode of M's column; None where the qubit starts in 0, and the column is the first.
        end: mode of M's row; None where the tensor is on `start` only, and its values are M's diagonal.
        elements: the matrices, in the order in which they act.
    """

    branch: int | None
    start: int | None
    end: int | None
    elements: tuple[Element, ...]

    @property
    def modes(self) -> tuple[int, ...]:
        """In the order in which the values are kept, C order."""
        return tuple(mode for mode in (self.branch, self.start, self.end) if mode is not None)


@dataclass
class _Wire:
    """A qubit while the circuit is read."""

    mode: int | None = None  # None: it is still in 0
    branch: int | None = None
    pending: list[Element] = field(default_factory=list)
    time: int = 0  # of what is pending

    @property
    def fresh(self) -> bool:
        return self.mode is None and not self.pending

    @property
    def straight(self) -> bool:
        """What is pending is diagonal, and leaves the mode as it is."""
        return self.mode is not None and self.branch is None and all(e.diagonal for e in self.pending)


@dataclass(frozen=True)
class Structure:
    """The tensors of a circuit's state.

    Attributes:
        leaves: the tensors.
        ends: the mode of each qubit at the end; None where no gate acts on it and it is in 0.
        places: for each leaf the qubit that it lies on, of two the higher; for orders of contraction.
        times: for each leaf the number of the gate that joins it to others, or of its first; likewise.
        n_modes: modes are numbered from 0 to below this.
        n_angles: of the whole circuit.
    """

    leaves: tuple[Leaf, ...]
    ends: tuple[int | None, ...]
    places: tuple[int, ...]
    times: tuple[int, ...]
    n_modes: int
    n_angles: int


def structure(n_qubits: int, n_angles: int, gates: Sequence[Gate], phases: Sequence[bool] | None = None) -> Structure:
    """The tensors of gates on qubits in 0.

    Args:
        n_qubits: number of qubits.
        n_angles: angles that the gates number.
        gates: in order.
        phases: for each qubit whether diagonal gates at its very end count, as they do unless it is only looked at in
            the computational basis; None where all do.
    """
    builder = _Builder(n_qubits)
    for gate in gates:
        builder.add(gate)
    ends = tuple(builder.end(q, phases is None or phases[q]) for q in range(n_qubits))
    return Structure(
        tuple(builder.leaves), ends, tuple(builder.places), tuple(builder.times), builder.n_modes, n_angles
    )


class _Builder:
    def __init__(self, n_qubits: int) -> None:
        self.wires = [_Wire() for _ in range(n_qubits)]
        self.leaves: list[Leaf] = []
        self.places: list[int] = []
        self.times: list[int] = []
        self.n_modes = 0
        self.now = 0

    def add(self, gate: Gate) -> None:
        self.now += 1
        if gate.name == "swap":
            a, b = gate.qubits
            self.wires[a], self.wires[b] = self.wires[b], self.wires[a]
        elif len(gate.qubits) == 1:
            self._turn(gate.qubits[0], one_qubit(gate))
        elif gate.name in ("cx", "cy"):
            control, target = gate.qubits
            if not self.wires[control].fresh:
                self._insert(target, inserted(gate.name[1], "controlled"), self._diagonal_mode(control))
        elif gate.name in ("cz", "cp", "rzz"):
            self._pair(gate)
        else:
            pauli, bond = gate.name[1], self._new_mode()
            self._insert(gate.qubits[0], inserted(pauli, "split"), bond)
            self._insert(gate.qubits[1], split(gate, pauli), bond)

    def end(self, q: int, keep_phases: bool) -> int | None:
        """The qubit's mode at the end."""
        wire = self.wires[q]
        if wire.fresh:
            return None
        if wire.straight and not keep_phases:
            return wire.mode
        self._close(q)
        return wire.mode

    def _turn(self, q: int, element: Element) -> None:
        wire = self.wires[q]
        if not (wire.fresh and element.diagonal):  # on a qubit in 0 it is a phase
            wire.time = wire.time if wire.pending else self.now
            wire.pending.append(element)

    def _pair(self, gate: Gate) -> None:
        """A diagonal gate on two qubits."""
        a, b = gate.qubits
        zeros = [q for q in gate.qubits if self.wires[q].fresh]
        if zeros:
            if gate.name == "rzz" and len(zeros) == 1:  # the other's Z is 1
                self._turn(a if zeros == [b] else b, one_qubit(replace(gate, name="rz")))
            return
        modes = self._diagonal_mode(a), self._diagonal_mode(b)
        self._put(Leaf(None, modes[0], modes[1], (table(gate),)), max(a, b), self.now)

    def _insert(self, q: int, element: Element, branch: int) -> None:
        wire = self.wires[q]
        if wire.branch is not None and wire.branch != branch:
            self._close(q)
        wire.time = self.now if wire.branch is None else wire.time
        wire.branch = branch
        wire.pending.append(element)

    def _diagonal_mode(self, q: int) -> int:
        """The mode on which a diagonal gate acts; diagonal gates that are pending commute with it."""
        wire = self.wires[q]
        if not wire.straight:
            self._close(q)
        assert wire.mode is not None
        return wire.mode

    def _close(self, q: int) -> None:
        """Make a leaf of what is pending."""
        wire = self.wires[q]
        if not wire.pending:
            return
        if wire.straight:
            self._put(Leaf(None, wire.mode, None, tuple(wire.pending)), q, wire.time)
        else:
            mode = self._new_mode()
            self._put(Leaf(wire.branch, wire.mode, mode, tuple(wire.pending)), q, wire.time)
            wire.mode = mode
        wire.branch = None
        wire.pending = []

    def _put(self, leaf: Leaf, place: int, time: int) -> None:
        self.leaves.append(leaf)
        self.places.append(place)
        self.times.append(time)

    def _new_mode(self) -> int:
        self.n_modes += 1
        return self.n_modes - 1
