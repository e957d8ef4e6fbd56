"""What an evaluation will take: bytes by counting, seconds by a few measured rates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq_aer.bonds import Bonds
from hybridq_aer.settings import Settings

STATE_ROOM = 1 << 26  # bytes of saved state vectors that one call may bring back, where one alone is smaller
BY_STATE = 18  # qubits up to which a matrix product state is turned into a state vector for its energy
BOND_POWER = 1.25
FUSED = 14  # qubits from which Aer joins neighbouring gates
FIXED = 144 << 20  # bytes of Qiskit, Aer and what is compiled, which come with the first evaluation


@dataclass(frozen=True)
class Rates:
    """Seconds for one unit of each kind of work on one thread, measured on a host.

    The defaults were measured on a 2.6 GHz server core (AMD EPYC 9004); `calibrate` replaces them.

    Attributes:
        call: fixed cost of a call of Aer.
        gate: for each gate of a call, to hand it over.
        row: for each row, to bring back its result.
        bind: for each gate of each row.
        amplitude: for each amplitude and gate.
        fused: the same where Aer joins gates.
        shot: a sample of one qubit.
        pauli: for each amplitude and string of an expectation value.
        flip: for each amplitude and set of flipped qubits.
        cube: for each step of a matrix product state, times the cube of its bond.
        step: for each such step.
        sandwich: for each string, qubit, and the bond to the power of `BOND_POWER` in the expectation value of a matrix
            product state (measured: small matrices do not reach the rate of large ones).
        string: for each string there.
        gather: for each amplitude and unit of the bond where a matrix product state is turned into a state vector.
        thread_gain: speed-up of two threads over one where threads are used.
    """

    call: float = 0.8e-3
    gate: float = 20e-6
    row: float = 150e-6
    bind: float = 1.3e-6
    amplitude: float = 2.5e-9
    fused: float = 1.9e-9
    shot: float = 130e-9
    pauli: float = 0.15e-9
    flip: float = 0.9e-9
    cube: float = 11e-9
    step: float = 1.1e-6
    sandwich: float = 3.3e-7
    string: float = 20e-6
    gather: float = 3.0e-8
    thread_gain: float = 1.7


def rows_at_once(circuit: QubitCircuit) -> int:
    """Rows whose state vectors one call brings back."""
    return max(1, STATE_ROOM // (16 << circuit.n_qubits))


def nbytes(circuit: QubitCircuit, settings: Settings, n_rows: int, shape: Bonds | None, *, saves: bool) -> int:
    """Peak bytes; `saves` where state vectors are brought back, `shape` for a matrix product state."""
    n = circuit.n_qubits
    total = FIXED + 200 * n_rows * (circuit.n_angles + 8) + 4000 * len(circuit.gates)
    if settings.method == "statevector":
        total += 16 << n
    elif settings.method == "density_matrix":
        total += 16 << (2 * n)
    else:
        assert shape is not None
        bond = shape.largest if settings.max_bond_dimension is None else min(shape.largest, settings.max_bond_dimension)
        total += int(min(2.0**62, 3 * 16 * shape.elements + 10 * 16 * 4 * float(bond) ** 2))
    if saves:
        total += min(n_rows, rows_at_once(circuit)) * (16 << n) * (2 if settings.method == "mps" else 1)
    return total


def seconds(circuit: QubitCircuit, settings: Settings, rates: Rates, shape: Bonds | None, n_rows: int) -> float:
    """Wall time of `n_rows` states, without what is done with them."""
    n, n_gates = circuit.n_qubits, len(circuit.gates)
    calls = -(-n_rows // rows_at_once(circuit)) if settings.method == "statevector" else 1
    gain = 1 + (settings.threads - 1) * (rates.thread_gain - 1)
    total = calls * (rates.call + n_gates * rates.gate)
    each = rates.row + n_gates * rates.bind
    if settings.method == "mps":
        assert shape is not None
        each += shape.steps * rates.step + shape.work * rates.cube
        if n <= BY_STATE:
            each += 2.0**n * shape.largest * rates.gather
    else:
        width = n if settings.method == "statevector" else 2 * n
        sweep = n_gates * 2.0**width * (rates.fused if width >= FUSED else rates.amplitude) / gain
        each += sweep * (1 if settings.method == "statevector" else 2)  # a density matrix: gates from both sides
        if settings.noise_model is not None:
            each += 2 * sweep  # a channel after each gate
    return total + n_rows * each


def value_seconds(
    circuit: QubitCircuit, observable: PauliSum, settings: Settings, rates: Rates, shape: Bonds | None
) -> float:
    """Wall time of one expectation value of a state that is there."""
    n, n_terms = circuit.n_qubits, observable.n_terms
    if settings.method == "mps" and n > BY_STATE:
        assert shape is not None
        bond = shape.largest if settings.max_bond_dimension is None else min(shape.largest, settings.max_bond_dimension)
        return n_terms * (rates.string + n * math.pow(bond, BOND_POWER) * rates.sandwich)
    flips = len(np.unique(observable.x, axis=0))
    return 2.0**n * (n_terms * rates.pauli + flips * rates.flip)
