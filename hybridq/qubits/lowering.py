"""Fermionic circuits as Qiskit circuits, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hybridq.contract.circuit import FermionicCircuit
from hybridq.qubits.encoding import Encoding, encoding_for
from hybridq.qubits.exponent import pauli_exponent
from hybridq.qubits.extra import require_qiskit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def to_qiskit(
    circuit: FermionicCircuit, encoding: str | Encoding = "jordan_wigner", *, synthesize: bool = True
) -> QuantumCircuit:
    """The circuit on qubits; its state vector agrees with the fermionic one, the global phase included.

    The reference determinant is made by X gates. Each factor becomes the exponentials of its Pauli strings, which
    commute with each other, so no Trotter error arises.

    Args:
        circuit: the circuit to lower.
        encoding: a name ("jordan_wigner", "parity", "parity_reduced", "bravyi_kitaev") or an `Encoding`.
        synthesize: True gives H, SX, RZ, CX and two-qubit rotations, each string on a CX ladder, which any
            simulator takes. False gives one `PauliEvolutionGate` for each factor and leaves the synthesis to
            `qiskit.transpile`, which then finds far fewer CX (best for hardware); a simulator that does
            not transpile would build large matrices.

    Returns:
        a circuit on `encoding`'s qubits whose parameters, in radians, are the elements of a
        `ParameterVector` "t" in the order of the fermionic circuit's parameters.

    Raises:
        InputError: an unknown encoding, or one made for other orbitals or electron numbers.
        ImportError: Qiskit is not installed.
    """
    require_qiskit()
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector
    from qiskit.circuit.library import PauliEvolutionGate
    from qiskit.quantum_info import SparsePauliOp

    code = encoding_for(encoding, circuit)
    out = QuantumCircuit(code.n_qubits, name=circuit.name)
    alpha, beta = circuit.reference
    occupation = sum(1 << p for p in alpha) | sum(1 << p for p in beta) << circuit.n_orbitals
    state = code.basis_state(occupation)
    for q in range(code.n_qubits):
        if state >> q & 1:
            out.x(q)

    t = ParameterVector("t", circuit.n_parameters)
    phases: dict[int, float] = {}  # coefficient of each parameter in the global phase
    for factor in circuit.factors:
        strings = pauli_exponent(factor.generator, code)
        identity = strings.pop((0, 0), 0.0)
        if identity or not strings:
            phases[factor.parameter] = phases.get(factor.parameter, 0.0) - factor.scale * identity
        if not strings:
            continue
        support = 0
        for x, z in strings:
            support |= x | z
        qubits = [q for q in range(code.n_qubits) if support >> q & 1]
        terms = [(*_letters(x, z, qubits), h) for (x, z), h in strings.items()]
        operator = SparsePauliOp.from_sparse_list(terms, num_qubits=len(qubits))
        gate = PauliEvolutionGate(operator, time=factor.scale * t[factor.parameter])
        if synthesize:
            out.compose(gate.definition, qubits, inplace=True)
        else:
            out.append(gate, qubits)
    # A parameter whose factors all act as the identity stays a parameter of the circuit: 0 * t in the phase.
    phase: Any = 0.0
    for parameter, coefficient in phases.items():
        phase = phase + coefficient * t[parameter]
    out.global_phase = phase
    return out


def _letters(x: int, z: int, qubits: list[int]) -> tuple[str, list[int]]:
    """A Pauli string over the listed qubits, as letters and their places in the list."""
    letters, places = [], []
    for place, q in enumerate(qubits):
        letter = "IXZY"[(x >> q & 1) | (z >> q & 1) << 1]
        if letter != "I":
            letters.append(letter)
            places.append(place)
    return "".join(letters), places
