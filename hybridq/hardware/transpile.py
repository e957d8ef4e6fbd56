"""Transpiling: a circuit made ready for a Qiskit backend once, its tails put behind it, and its parameters bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.contract.errors import CapacityError, InputError
from hybridq.hardware.device import Compiled

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target

FOLDABLE = ("cx", "cz", "ecr", "rzz", "rxx")
TAIL_LEVEL = 1


def compile_for(
    backend: Any,
    circuit: QuantumCircuit,
    tails: Sequence[QuantumCircuit],
    layout: Sequence[int] | None = None,
    *,
    seed: int = 0,
    optimization_level: int = 2,
    tries: int = 4,
    parametric: bool = True,
) -> Compiled:
    """Transpile `circuit` once, put each of `tails` behind it, and measure all qubits into a register "c".

    Only the tails are transpiled again, each from where the circuit left its qubits; their one-qubit gates are merged
    with the circuit's last ones. Parameters stay free, and every program knows their order: see `bound`.

    Args:
        backend: a Qiskit `BackendV2` or `Target`.
        circuit: on n qubits; measurements at its end are left out. What it is made of is up to the transpiler.
        tails: on the same n qubits, without parameters.
        layout: the physical qubit on which each qubit begins; None lets the transpiler choose.
        seed: of the transpiler; equal seeds give equal programs.
        optimization_level: 0 to 3, as Qiskit has it.
        tries: layouts tried, from as many seeds; the one with the fewest two-qubit gates is taken.
        parametric: False for targets whose gates take numbers only (angles in a range, say). The programs are then of
            standard gates where they will run, and `finished` makes them native after their parameters are bound.

    Raises:
        CapacityError: there are more qubits than the target has.
        InputError: an option makes no sense, or the target's gates cannot express the circuit.
    """
    target = target_of(backend)
    circuit = _unmeasured(circuit)
    _check(target, circuit, tails, layout, optimization_level, tries)
    if not parametric:
        backend = target = _stand_in(target)
    connected = target.build_coupling_map() is not None
    if layout is not None and not connected:  # there is nothing to route, and nobody else to place it
        wide = type(circuit)(max([*layout, circuit.num_qubits - 1]) + 1)
        placed = wide.compose(circuit, list(layout))
        begins: tuple[int, ...] = tuple(layout)
    else:
        placed, begins = circuit, tuple(range(circuit.num_qubits))
    chosen = None
    for k in range(tries if connected and layout is None and circuit.data else 1):
        words = {"initial_layout": list(layout)} if layout is not None and connected else {}
        made = _run(_passes(backend, target, optimization_level, seed + k, words), placed, target)
        score = (two_qubit_gates(made), made.depth())
        if chosen is None or score < chosen[0]:
            chosen = (score, seed + k, made)
    assert chosen is not None
    _, used, body = chosen
    starts, ends = _places(body, placed.num_qubits)
    ends = tuple(ends[q] for q in begins)
    order = [parameter.name for parameter in circuit.parameters]
    programs, qubits = [], []
    fixed = {"initial_layout": list(range(body.num_qubits))} if connected else {}
    passes = _passes(backend, target, TAIL_LEVEL, seed, fixed)
    for tail in tails:
        whole, places = _with_tail(passes, target, body, ends, tail)
        programs.append(_measured(whole, places, order, circuit.name))
        qubits.append(places)
    facts = {
        "layout": [starts[q] for q in begins],
        "seed": used,
        "optimization_level": optimization_level,
        "tries": tries,
        "depth": body.depth(),
        "two_qubit_gates": two_qubit_gates(body),
        "gates": {str(name): int(number) for name, number in body.count_ops().items()},
        "parametric": parametric,
    }
    return Compiled(tuple(programs), tuple(qubits), facts)


def in_order(program: QuantumCircuit, values: ArrayLike) -> NDArray[np.float64]:
    """Values of the program's own parameters, in the order of ``program.parameters``.

    Args:
        program: of `compile_for`, folded or not; parameters that act on nothing are gone from it.
        values: of the parameters of the circuit as it was given, in its order, radians, shape (n_parameters,).

    Raises:
        InputError: their number does not fit.
    """
    names = (program.metadata or {}).get("parameters") or [parameter.name for parameter in program.parameters]
    given = np.asarray(values, dtype=np.float64).reshape(-1)
    if program.num_parameters and len(given) != len(names):
        raise InputError(f"the circuit has {len(names)} parameters, got {len(given)} values")
    of = dict(zip(names, given, strict=False))
    return np.array([of[parameter.name] for parameter in program.parameters], dtype=np.float64)


def bound(program: QuantumCircuit, values: ArrayLike) -> QuantumCircuit:
    """The program with numbers for its parameters, as it is sent; see `in_order`.

    Raises:
        InputError: the number of values does not fit.
    """
    made = program.assign_parameters(in_order(program, values)) if program.num_parameters else program.copy()
    made.metadata = {}  # what is ours is not the vendor's, and some have little room for it
    return made


def finished(backend: Any, circuits: Sequence[QuantumCircuit], *, seed: int = 0) -> list[QuantumCircuit]:
    """Bound circuits of ``compile_for(..., parametric=False)`` in the target's own gates, on the qubits they are on.

    Raises:
        InputError: the target's gates cannot express them.
    """
    target = target_of(backend)
    connected = target.build_coupling_map() is not None
    by_width: dict[int, Any] = {}
    made = []
    for circuit in circuits:
        n = circuit.num_qubits
        if n not in by_width:
            fixed = {"initial_layout": list(range(n))} if connected else {}
            by_width[n] = _passes(backend, target, TAIL_LEVEL, seed, fixed)
        made.append(_run(by_width[n], circuit, target))
    return made


def target_of(backend: Any) -> Target:
    """The target of a Qiskit backend.

    Raises:
        InputError: it has none; it is no `BackendV2`.
    """
    from qiskit.transpiler import Target

    target = backend if isinstance(backend, Target) else getattr(backend, "target", None)
    if not isinstance(target, Target):
        raise InputError(f"a Qiskit BackendV2 or Target is needed, got {type(backend).__name__}, which has no target")
    return target


def two_qubit_gates(circuit: QuantumCircuit) -> int:
    """How many gates act on two qubits or more."""
    return sum(len(item.qubits) > 1 and item.operation.name != "barrier" for item in circuit.data)


def _check(
    target: Target,
    circuit: QuantumCircuit,
    tails: Sequence[QuantumCircuit],
    layout: Sequence[int] | None,
    level: int,
    tries: int,
) -> None:
    n, most = circuit.num_qubits, target.num_qubits
    if most is not None and n > most:
        raise CapacityError(
            f"the circuit has {n} qubits and the device {most}; take a smaller active space or a larger device"
        )
    for tail in tails:
        if tail.num_clbits:
            raise InputError("tails come without measurements and classical bits; they are added here")
        if tail.num_qubits != n or tail.num_parameters:
            raise InputError(
                f"a tail is on the circuit's {n} qubits and has no parameters, got one on {tail.num_qubits} with "
                f"{tail.num_parameters}"
            )
    if level not in (0, 1, 2, 3):
        raise InputError(f"optimization_level is 0, 1, 2 or 3, got {level!r}")
    if isinstance(tries, bool) or not isinstance(tries, int) or tries < 1:
        raise InputError(f"tries is a whole number of at least 1, got {tries!r}")
    if layout is not None and (
        len(layout) != n or len(set(layout)) != n or any(q < 0 or (most is not None and q >= most) for q in layout)
    ):
        raise InputError(f"a layout names a different qubit of the device for each of {n} qubits, got {list(layout)}")


def _unmeasured(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit without measurements at its end and without classical bits."""
    if not circuit.num_clbits:
        return circuit
    from qiskit import QuantumCircuit

    found = circuit.remove_final_measurements(inplace=False)
    bare = QuantumCircuit(circuit.num_qubits, name=circuit.name, global_phase=circuit.global_phase)
    for item in found.data:
        if item.clbits or getattr(item.operation, "condition", None) is not None:
            raise InputError(
                f"the circuit has {item.operation.name!r} on classical bits before its end; measurements in the middle "
                "and conditions cannot be run as a part of an energy"
            )
        bare.append(item.operation, [found.find_bit(qubit).index for qubit in item.qubits])
    return bare


def _passes(backend: Any, target: Target, level: int, seed: int, words: dict[str, Any]) -> Any:
    """Qiskit's own passes; the backend's too, where it has some."""
    from qiskit.transpiler import generate_preset_pass_manager

    own = ("get_translation_stage_plugin", "get_scheduling_stage_plugin", "get_post_translation_stage_plugin")
    # A target alone where that says all: some backends build theirs anew each time that they are asked.
    where = {"backend": backend} if any(hasattr(backend, name) for name in own) else {"target": target}
    return generate_preset_pass_manager(level, **where, seed_transpiler=seed, **words)


def _run(passes: Any, circuit: QuantumCircuit, target: Target) -> QuantumCircuit:
    from qiskit.exceptions import QiskitError

    try:
        return passes.run(circuit)
    except QiskitError as error:
        told = " ".join(str(error).split())[:300]
        gates = ", ".join(sorted(target.operation_names))
        raise InputError(f"the circuit cannot be written in the device's gates ({gates}): {told}") from error


def _places(circuit: QuantumCircuit, n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where the n qubits of what was transpiled begin and end."""
    if circuit.layout is None:
        return tuple(range(n)), tuple(range(n))
    starts = circuit.layout.initial_index_layout(filter_ancillas=False)
    ends = circuit.layout.final_index_layout(filter_ancillas=True)
    return tuple(starts[:n]), tuple(ends[:n])


def _with_tail(
    passes: Any, target: Target, body: QuantumCircuit, ends: tuple[int, ...], tail: QuantumCircuit
) -> tuple[QuantumCircuit, tuple[int, ...]]:
    """The body and a tail, and where each qubit is then."""
    from qiskit.transpiler import PassManager
    from qiskit.transpiler.passes import Optimize1qGatesDecomposition

    if not tail.data:
        return body, ends
    width = body.num_qubits
    made = _run(passes, type(tail)(width).compose(tail, list(ends)), target)
    _, moved = _places(made, width)
    whole = PassManager([Optimize1qGatesDecomposition(target=target)]).run(body.compose(made))
    return whole, tuple(moved[q] for q in ends)


def _measured(whole: QuantumCircuit, places: tuple[int, ...], order: list[str], name: str) -> QuantumCircuit:
    from qiskit import ClassicalRegister

    program = whole.copy(name=name)
    program.global_phase = 0  # no sample shows it, and it may hold parameters
    program.add_register(ClassicalRegister(len(places), "c"))
    program.measure(list(places), range(len(places)))
    program.metadata = {"parameters": order}
    return program


def _stand_in(target: Target) -> Target:
    """Standard gates that take free parameters, on the same qubits and connections."""
    from qiskit.transpiler import Target

    known = [name for name in FOLDABLE if name in target.operation_names] or ["cx"]
    coupling = target.build_coupling_map()
    return Target.from_configuration(
        basis_gates=["rz", "rx", "ry", "h", *known, "measure"],
        num_qubits=target.num_qubits,
        coupling_map=coupling,
    )
