"""Compiling: a Qiskit circuit as native gates of Quantinuum's, by tket, once, with its parameters free.

Of tket's passes only those are used on free parameters that leave angles as sums of them. Its own default also merges
one-qubit gates, whose angles then hold ``atan2`` and ``acos`` of parameters: slow, and without a value where they are
zero. Here these gates are merged after the parameters are bound, which takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hybridq.contract.errors import InputError
from hybridq.hardware.device import Compiled
from hybridq.hardware.transpile import compile_for
from hybridq_quantinuum.program import PER_CIRCUIT, REGISTER, TWO_QUBIT, Program, hqc_per_shot

if TYPE_CHECKING:
    from pytket.circuit import Circuit
    from qiskit import QuantumCircuit

GATES = {
    "rx": "Rx", "ry": "Ry", "rz": "Rz", "rzz": "ZZPhase", "h": "H", "x": "X", "s": "S", "sdg": "Sdg", "cx": "CX",
}  # fmt: skip
"""Gates that circuits are handed to tket in; angles in radians become half-turns."""
LEVELS = (0, 1, 2)
NUMERIC_LEVEL = 2  # of tket's own default, for what has no parameters
TRIALS, SECONDS = 10, 300  # of the search among Pauli exponentials


def compile_with(
    tket_backend: Any,
    n_qubits: int,
    circuit: QuantumCircuit,
    tails: Sequence[QuantumCircuit],
    *,
    optimization_level: int,
) -> Compiled:
    """Compile `circuit` once, put each of `tails` behind it, and measure all qubits.

    Args:
        tket_backend: a backend of pytket-quantinuum's, which keeps the names of qubits (``preserve_qubit_names``).
        n_qubits: of the device.
        circuit: on n qubits; any of Qiskit's gates.
        tails: on the same n qubits, without parameters.
        optimization_level: 0 leaves gates as they are, 1 merges neighbours, 2 takes products of Pauli exponentials
            apart and together again (tket's ``GreedyPauliSimp``), which chemistry gains most from.

    Raises:
        CapacityError: too many qubits.
        InputError: the circuit cannot be written in gates.
    """
    from qiskit.transpiler import Target

    n = circuit.num_qubits
    plain = Target.from_configuration(basis_gates=[*GATES, "measure"], num_qubits=n_qubits)
    body, *after = (
        compile_for(plain, given, [type(circuit)(given.num_qubits)], optimization_level=1, tries=1).programs[0]
        for given in (circuit, *tails)
    )
    names = tuple(f"p{k}" for k in range(len(circuit.parameters)))
    order = (body.metadata or {}).get("parameters", [])
    made = _native(tket_backend, to_tket(body, dict(zip(order, names, strict=True))), optimization_level)
    programs = []
    for tail, gates in zip(tails, after, strict=True):
        whole = made.copy()
        if tail.data:  # tket knows where its swaps led, so that a tail finds its qubits
            whole.append(_native(tket_backend, to_tket(gates, {}), optimization_level))
        programs.append(Program(_measured(whole, n), names))
    gates = Program(made, names).gates
    facts = {
        "optimization_level": optimization_level,
        "depth": int(made.depth()),
        "two_qubit_gates": sum(gates.get(name, 0) for name in TWO_QUBIT),
        "gates": gates,
        "hqc": {"per_circuit": PER_CIRCUIT, "per_shot": [round(hqc_per_shot(p.gates, n), 6) for p in programs]},
    }
    return Compiled(tuple(programs), (), facts)


def _native(tket_backend: Any, circuit: Circuit, level: int) -> Circuit:
    """A circuit in native gates; angles stay sums of parameters."""
    from pytket.passes import GreedyPauliSimp, RemovePhaseOps, RemoveRedundancies

    if level == max(LEVELS) and circuit.n_gates:
        GreedyPauliSimp(allow_zzphase=True, only_reduce=True, trials=TRIALS, thread_timeout=SECONDS).apply(circuit)
    if level and not circuit.free_symbols():
        made: Circuit = tket_backend.get_compiled_circuit(circuit, NUMERIC_LEVEL)
        return made
    tket_backend.rebase_pass().apply(circuit)
    if level:
        RemoveRedundancies().apply(circuit)
    RemovePhaseOps().apply(circuit)
    return circuit


def to_tket(circuit: QuantumCircuit, names: dict[str, str]) -> Circuit:
    """A circuit of `GATES` as tket's, without its measurements; angles are expressions of symbols with these names.

    (pytket-qiskit takes circuits without parameters only.)

    Raises:
        InputError: it has a gate that is none of them.
    """
    from pytket.circuit import Circuit, OpType

    made = Circuit(circuit.num_qubits)
    symbols = {name: _symbol(new) for name, new in names.items()}
    for item in circuit.data:
        gate = item.operation
        if gate.name in ("measure", "barrier"):
            continue
        if gate.name not in GATES:
            raise InputError(f"the circuit has {gate.name!r}, which cannot be handed to tket; decompose it first")
        angles = [_half_turns(angle, symbols) for angle in gate.params]
        made.add_gate(getattr(OpType, GATES[gate.name]), angles, [circuit.find_bit(q).index for q in item.qubits])
    return made


def _symbol(name: str) -> Any:
    import sympy

    return sympy.Symbol(name)


def _half_turns(angle: Any, symbols: dict[str, Any]) -> Any:
    import sympy

    if not hasattr(angle, "sympify"):
        return float(angle) / float(sympy.pi)
    found = sympy.sympify(angle.sympify())
    return found.subs({symbol: symbols[symbol.name] for symbol in found.free_symbols}) / sympy.pi


def _measured(circuit: Circuit, n_qubits: int) -> Circuit:
    """The circuit with each qubit measured into its bit."""
    from pytket.circuit import Bit, Qubit

    circuit.add_c_register(REGISTER, n_qubits)
    for k in range(n_qubits):
        circuit.Measure(Qubit(k), Bit(REGISTER, k))
    return circuit
