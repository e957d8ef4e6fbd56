"""PennyLane circuits as qubit circuits: traced once with symbols in place of the trainable arguments."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridq.contract.errors import InputError, MissingPackage
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.qubits.extra import require_qiskit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

# PennyLane's names and Qiskit's; the order of wires and angles is the same.
TABLE = {
    "PauliX": "x", "PauliY": "y", "PauliZ": "z", "Hadamard": "h", "S": "s", "T": "t", "SX": "sx", "CNOT": "cx",
    "CY": "cy", "CZ": "cz", "CH": "ch", "SWAP": "swap", "ISWAP": "iswap", "Toffoli": "ccx", "CSWAP": "cswap",
    "CCZ": "ccz", "RX": "rx", "RY": "ry", "RZ": "rz", "PhaseShift": "p", "U1": "p", "U2": "u", "U3": "u", "CRX": "crx",
    "CRY": "cry", "CRZ": "crz", "ControlledPhaseShift": "cp", "IsingXX": "rxx", "IsingYY": "ryy", "IsingZZ": "rzz",
    "Adjoint(S)": "sdg", "Adjoint(T)": "tdg", "Adjoint(SX)": "sxdg",
}  # fmt: skip
NOTHING = ("Identity", "GlobalPhase", "Barrier", "WireCut", "Snapshot")
NOT_UNITARY = ("MidMeasure", "MidMeasureMP", "PauliMeasure", "Conditional")
DEPTH = 30


def from_pennylane(circuit: Any, *arguments: Any, name: str | None = None, **keywords: Any) -> QubitCircuit:
    """The circuit that a QNode, a function of operations, or a tape queues; wire k of its wire order is qubit k.

    The first wire, PennyLane's highest bit, is qubit 0, Qiskit's lowest: in a Pauli label it is the rightmost letter.
    Measurements at the end are left out.

    Args:
        circuit: a QNode, a function that queues operations, or a tape (QuantumScript).
        *arguments: of the function. A float or an array of floats (not one with ``requires_grad=False``) becomes
            parameters, flattened in order of the arguments, and its values are the start; anything else is constant.
            A tape takes none: its trainable parameters become the parameters.
        name: None takes the function's.
        **keywords: more arguments of the function, constant.

    Returns:
        parameters are named after a single trainable argument, such as ``weights[3]``, and ``t[3]`` where there
        are several.

    Raises:
        InputError: a mid-circuit measurement, a parameter that no gate uses, a gate without a decomposition
            that works for symbols, batches of parameters, or something else than a circuit.
        MissingPackage: PennyLane or Qiskit is not installed.
    """
    require_qiskit()
    qml = _pennylane()
    if isinstance(circuit, qml.tape.QuantumScript):
        if arguments or keywords:
            raise InputError("a tape holds its own values; give from_pennylane no arguments with it")
        operations, wires, symbols, values = _of_tape(circuit)
        label = "tape"
    else:
        function = getattr(circuit, "func", circuit) if isinstance(circuit, qml.QNode) else circuit
        if not callable(function):
            raise InputError(f"a QNode, a function of operations or a tape is wanted, got {type(circuit).__name__}")
        traced, symbols, values = _symbolic(function, arguments)
        tape = _traced(qml, function, traced, keywords)
        operations, label = tape.operations, getattr(function, "__name__", "circuit")
        device = getattr(circuit, "device", None) if isinstance(circuit, qml.QNode) else None
        wires = list(device.wires if device is not None and device.wires else tape.wires)
    made = QubitCircuit.of(_written(operations, wires, name or label))
    used = set(made.parameter_names)
    unused = [symbol.name for symbol in symbols if symbol.name not in used]
    if unused:
        raise InputError(f"no gate uses the parameters {unused[:10]}; leave them out, or make them constant")
    return made.with_initial(values) if values else made


def observable_from_pennylane(operator: Any, wire_order: Sequence[Any] | None = None) -> PauliSum:
    """A PennyLane observable as Pauli strings, with the wires as in `from_pennylane`.

    Args:
        operator: anything with a Pauli representation: Hamiltonian, products and sums of X, Y, Z, a PauliSentence.
        wire_order: the wires, that of qubit 0 first; None takes the operator's own, ascending where they are numbers.

    Raises:
        InputError: it has no Pauli representation, is not Hermitian, or has a wire outside `wire_order`.
        MissingPackage: PennyLane is not installed.
    """
    _pennylane()
    sentence: Any = getattr(operator, "pauli_rep", operator)
    if not isinstance(sentence, Mapping) or not all(isinstance(word, Mapping) for word in sentence):
        raise InputError(f"a PennyLane observable made of Pauli operators is wanted, got {type(operator).__name__}")
    own = list(dict.fromkeys(wire for word in sentence for wire in word))
    if wire_order is None:
        wires = list(range(max(own) + 1)) if own and all(isinstance(w, int) for w in own) else own
    else:
        wires = list(wire_order)
    missing = [wire for wire in own if wire not in wires]
    if missing:
        raise InputError(f"the observable acts on the wires {missing}, which wire_order {wires} does not have")
    if not wires:
        raise InputError("the observable acts on no wire; give wire_order")
    pairs = [("".join(word.get(w, "I") for w in reversed(wires)), complex(c)) for word, c in sentence.items()]
    return PauliSum.of(pairs)


def _pennylane() -> Any:
    try:
        import pennylane
    except ImportError as error:
        raise MissingPackage(
            f"this needs PennyLane, which cannot be imported ({error}); install it: pip install 'pennylane>=0.42'"
        ) from error
    return pennylane


def _of_tape(tape: Any) -> tuple[list[Any], list[Any], list[Any], list[float]]:
    """Operations with symbols in place of the trainable parameters, wires, symbols and their values."""
    from qiskit.circuit import ParameterVector

    values = [float(value) for value in tape.get_parameters(operations_only=True)]
    symbols = list(ParameterVector("t", len(values)))
    n_of_operations = sum(len(operation.data) for operation in tape.operations)
    indices = [k for k in tape.trainable_params if k < n_of_operations]
    bound = tape.bind_new_parameters(symbols, indices) if symbols else tape
    return bound.operations, list(tape.wires), symbols, values


def _symbolic(function: Any, arguments: Sequence[Any]) -> tuple[list[Any], list[Any], list[float]]:
    """The arguments with symbols in place of floats, the symbols and their values."""
    from qiskit.circuit import ParameterVector

    arrays = [_trainable(argument) for argument in arguments]
    places = [k for k, array in enumerate(arrays) if array is not None]
    names = list(_names(function))
    alone = places[0] if len(places) == 1 else len(names)
    values = [float(x) for array in arrays if array is not None for x in array.ravel()]
    symbols = list(ParameterVector(names[alone] if alone < len(names) else "t", len(values)))
    traced, taken = [], 0
    for argument, array in zip(arguments, arrays, strict=True):
        if array is None:
            traced.append(argument)
            continue
        put = np.empty(array.size, dtype=object)
        put[:] = symbols[taken : taken + array.size]
        taken += array.size
        traced.append(put.reshape(array.shape) if array.ndim else put[0])
    return traced, symbols, values


def _trainable(argument: Any) -> Any:
    """The argument as an array of floats; None where it is constant."""
    if isinstance(argument, str | bytes | bool) or getattr(argument, "requires_grad", True) is False:
        return None
    try:
        array = np.asarray(argument.detach() if hasattr(argument, "detach") else argument)
    except (TypeError, ValueError):
        return None
    return array.astype(np.float64) if array.dtype.kind == "f" and array.size else None


def _names(function: Any) -> Iterable[str]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return ()


def _traced(qml: Any, function: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    try:
        tape = qml.tape.make_qscript(function)(*arguments, **keywords)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"the function cannot be traced with symbols for its floats: {type(error).__name__}: {error}; parameters "
            "may go through NumPy and arithmetic only, and constants are to be given by keyword"
        ) from error
    if not tape.operations:
        raise InputError("the function queues no operations; give one that applies gates when it is called")
    return tape


def _written(operations: Iterable[Any], wires: Sequence[Any], name: str) -> QuantumCircuit:
    from qiskit import QuantumCircuit

    places = {wire: k for k, wire in enumerate(wires)}
    out = QuantumCircuit(len(wires), name=name)
    for operation in operations:
        _append(out, operation, places, 0)
    return out


def _append(out: QuantumCircuit, operation: Any, places: Mapping[Any, int], depth: int) -> None:
    kind = operation.name
    if type(operation).__name__ in NOT_UNITARY or kind in NOT_UNITARY:
        raise InputError(
            f"the circuit has {kind}: a measurement before its end, or a gate that depends on one; hybridq takes "
            "unitary circuits, measured at their end"
        )
    if kind in NOTHING:
        return
    if getattr(operation, "batch_size", None) is not None:
        raise InputError(
            f"{kind} has a batch of {operation.batch_size} parameters; give one row, hybridq makes batches"
        )
    missing = [wire for wire in operation.wires if wire not in places]
    if missing:
        raise InputError(f"{kind} acts on the wires {missing}, which the device does not have: {list(places)}")
    if kind in TABLE:
        angles = [_angle(value) for value in operation.data]
        angles = [math.pi / 2, *angles] if kind == "U2" else angles
        getattr(out, TABLE[kind])(*angles, *(places[wire] for wire in operation.wires))
        return
    for part in _parts(operation, depth):
        _append(out, part, places, depth + 1)


def _parts(operation: Any, depth: int) -> list[Any]:
    """The decomposition.

    Raises:
        InputError: there is none, or none for symbols.
    """
    try:
        known = operation.has_decomposition and depth <= DEPTH
        parts = list(operation.decomposition()) if known else []
    except Exception as error:
        raise InputError(
            f"PennyLane cannot decompose {operation.name} for parameters without values ({type(error).__name__}: "
            f"{error}); write it with PauliRot, RX, RY, RZ, CNOT and the like"
        ) from None
    if not known:
        raise InputError(f"PennyLane has no decomposition of {operation.name} into gates that hybridq knows")
    return parts


def _angle(value: Any) -> Any:
    """A symbol's expression, or a number; PennyLane wraps either in an array without axes."""
    inner = value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value
    return inner if hasattr(inner, "parameters") else float(inner)
