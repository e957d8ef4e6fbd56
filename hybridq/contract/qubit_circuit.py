"""QubitCircuit: a parametrised Qiskit circuit, as the engines read it."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.contract.angles import Angles, angles_of
from hybridq.contract.errors import InputError
from hybridq.contract.rows import checked_rows

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

FIXED = ("x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "sxdg", "cx", "cy", "cz", "swap")
TURNS = ("rx", "ry", "rz", "p", "rxx", "ryy", "rzz", "cp")
"""Gates with an angle: in each of them the energy is a sine wave of frequency 1 in the angle."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One of `FIXED` or `TURNS`, by Qiskit's names and conventions.

    Attributes:
        name: of the gate.
        qubits: on which it acts, the control first.
        angle: number of its angle; None where it has none or a fixed one.
        value: the fixed angle, radians.
    """

    name: str
    qubits: tuple[int, ...]
    angle: int | None = None
    value: float = 0.0


@dataclass(frozen=True, eq=False, repr=False)
class QubitCircuit:
    """Gates on qubits that start in 0, with angles that follow from parameters.

    Make one with `QubitCircuit.of` from a Qiskit circuit; the parameters are in Qiskit's order
    (`QuantumCircuit.parameters`). The global phase is left out.

    Attributes:
        n_qubits: number of qubits.
        gates: in the order in which they act.
        angles: the gates' angles as functions of the parameters.
        parameter_names: shape (n_parameters,).
        initial: a starting row in radians, shape (n_parameters,); zeros where empty.
        name: for people, and where it came from.
        notes: what was left out or changed when it was made, for people.
        source: the Qiskit circuit that it was made from; None where it was made of gates.

    Two circuits are equal, and share what is compiled, when qubits, gates and angles agree.
    """

    n_qubits: int
    gates: tuple[Gate, ...]
    angles_map: Angles
    parameter_names: tuple[str, ...]
    initial: tuple[float, ...] = ()
    name: str = "circuit"
    notes: tuple[str, ...] = field(default=())
    source: Any = None

    def __post_init__(self) -> None:
        if self.initial and len(self.initial) != self.n_parameters:
            raise InputError(f"initial has {len(self.initial)} values for {self.n_parameters} parameters")

    @classmethod
    def of(cls, circuit: Any, *, initial: ArrayLike | None = None, name: str | None = None) -> QubitCircuit:
        """The circuit that a Qiskit circuit stands for.

        Args:
            circuit: a QuantumCircuit; measurements at its end are left out. A QubitCircuit is passed through.
            initial: a starting row, shape (n_parameters,).
            name: None takes the circuit's own.

        Raises:
            InputError: it is no circuit, or has measurements in its middle, resets, conditions, or gates that have
                no definition.
            ImportError: Qiskit is not installed.
        """
        made = circuit if isinstance(circuit, cls) else _from_qiskit(circuit)
        made = made if initial is None else made.with_initial(initial)
        return made if name is None else replace(made, name=name)

    @property
    def n_parameters(self) -> int:
        """Length of a parameter row."""
        return self.angles_map.n_parameters

    @property
    def n_angles(self) -> int:
        """Gates whose angle depends on the parameters."""
        return self.angles_map.n_angles

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the structure, hexadecimal; names of parameters do not count."""
        lines = self.angles_map.texts()
        text = [f"qubit-circuit 1 {self.n_qubits} {self.n_parameters}"]
        for gate in self.gates:
            angle = float(gate.value).hex() if gate.angle is None else lines[gate.angle]
            text.append(f"{gate.name} {gate.qubits} {angle if gate.name in TURNS else ''}")
        return hashlib.sha256("\n".join(text).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QubitCircuit) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<QubitCircuit {self.name!r}: {self}>"

    def __str__(self) -> str:
        return (
            f"{self.n_qubits} qubits, {self.n_parameters} parameters, {len(self.gates)} gates "
            f"({sum(len(gate.qubits) == 2 for gate in self.gates)} on two qubits, depth {self.depth})"
        )

    @cached_property
    def depth(self) -> int:
        """Layers of gates that can act at once."""
        busy = [0] * self.n_qubits
        for gate in self.gates:
            layer = 1 + max(busy[q] for q in gate.qubits)
            for q in gate.qubits:
                busy[q] = layer
        return max(busy, default=0)

    def kinds(self) -> dict[str, int]:
        """Number of gates by name."""
        return dict(Counter(gate.name for gate in self.gates))

    @property
    def start(self) -> NDArray[np.float64]:
        """The starting row, shape (n_parameters,), radians."""
        return np.array(self.initial, dtype=np.float64) if self.initial else np.zeros(self.n_parameters)

    def rows(self, params: ArrayLike) -> NDArray[np.float64]:
        """`params` as a checked array of shape (n_rows, n_parameters); see `checked_rows`."""
        return checked_rows(params, self.n_parameters)

    def angles(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """The angles at a row, shape (n_angles,), radians."""
        return self.angles_map.of(row)

    def with_initial(self, initial: ArrayLike) -> QubitCircuit:
        """The same circuit with another starting row."""
        return replace(self, initial=tuple(float(x) for x in self.rows(initial)[0]))

    def unshared(self) -> QubitCircuit:
        """The same gates with a parameter for each angle (what the shift rule needs)."""
        n = self.n_angles
        names = tuple(f"a{k}" for k in range(n))
        return QubitCircuit(self.n_qubits, self.gates, Angles.separate(n), names, name=f"{self.name}, unshared")

    def to_qiskit(self) -> QuantumCircuit:
        """The Qiskit circuit: the one that it was made from, or its gates with the angles as parameters."""
        return self.source.copy() if self.source is not None else _to_qiskit(self)


def _from_qiskit(circuit: Any) -> QubitCircuit:
    from qiskit import QuantumCircuit, transpile

    if not isinstance(circuit, QuantumCircuit):
        raise InputError(
            f"a circuit is a Qiskit QuantumCircuit, a FermionicCircuit or an ansatz, got {type(circuit).__name__}"
            f"{_way_for(circuit)}"
        )
    notes: tuple[str, ...] = ()
    bare = circuit
    if any(item.operation.name == "measure" for item in circuit.data):
        bare = circuit.remove_final_measurements(inplace=False)
        notes = ("measurements at the end were left out",)
    _check_operations(bare)
    try:
        plain = transpile(bare, basis_gates=[*FIXED, *TURNS], optimization_level=0)
    except Exception as error:
        raise InputError(f"the circuit cannot be written in standard gates: {error}") from None
    places = {qubit: k for k, qubit in enumerate(plain.qubits)}
    gates: list[Gate] = []
    expressions: list[Any] = []
    for item in plain.data:
        name = item.operation.name
        if name in ("barrier", "id", "delay"):
            continue
        qubits = tuple(places[q] for q in item.qubits)
        if name in FIXED:
            gates.append(Gate(name, qubits))
        elif name in TURNS:
            angle = item.operation.params[0]
            if getattr(angle, "parameters", None):
                gates.append(Gate(name, qubits, len(expressions)))
                expressions.append(angle)
            else:
                gates.append(Gate(name, qubits, None, float(angle)))
        else:
            raise InputError(f"the circuit has the operation {name!r}, which is no gate with a known definition")
    symbols = list(circuit.parameters)
    used = {symbol for expression in expressions for symbol in expression.parameters}
    unused = [symbol.name for symbol in symbols if symbol not in used]
    if unused:
        raise InputError(
            f"parameters {unused[:10]} change nothing but a global phase; bind them, or take them out of the circuit"
        )
    names = tuple(symbol.name for symbol in symbols)
    made = angles_of(expressions, symbols)
    return QubitCircuit(circuit.num_qubits, tuple(gates), made, names, (), circuit.name, notes, circuit.copy())


def _way_for(circuit: Any) -> str:
    """How what people have becomes a circuit; empty where no way is known."""
    if isinstance(circuit, str):
        return "; for OpenQASM, a text or a file: hybridq.from_qasm(...)"
    if type(circuit).__module__.partition(".")[0] == "pennylane":
        return "; for a QNode or a tape of PennyLane: hybridq.from_pennylane(qnode, arguments...)"
    return ""


def _check_operations(circuit: Any) -> None:
    """Refuse what is no unitary of fixed gates, with its place."""
    if circuit.num_qubits < 1:
        raise InputError("the circuit has no qubits")
    for k, item in enumerate(circuit.data):
        operation = item.operation
        name = operation.name
        if name == "measure":
            raise InputError(
                f"instruction {k} of the circuit measures in its middle; hybridq's drivers act on the state at the "
                "end: take out measurements that gates come after"
            )
        conditional = getattr(operation, "condition", None) is not None or name in (
            "if_else", "while_loop", "for_loop", "switch_case", "box",
        )  # fmt: skip
        if conditional or name in ("reset", "initialize", "store"):
            raise InputError(
                f"instruction {k} of the circuit is {name!r}; hybridq takes circuits of gates on qubits that start "
                "in 0, without resets, conditions and loops"
            )


def _to_qiskit(circuit: QubitCircuit) -> QuantumCircuit:
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    if circuit.angles_map.curves:
        raise InputError("a circuit with angles that are not linear keeps its Qiskit circuit; this one has lost it")
    out = QuantumCircuit(circuit.n_qubits, name=circuit.name)
    t = ParameterVector("t", circuit.n_parameters)
    found: list[Any] = [float(offset) for offset in circuit.angles_map.offsets]
    for angle, parameter, factor in circuit.angles_map.entries:
        found[angle] = found[angle] + factor * t[parameter]
    for gate in circuit.gates:
        words = () if gate.name in FIXED else (gate.value if gate.angle is None else found[gate.angle],)
        getattr(out, gate.name)(*words, *gate.qubits)
    return out
