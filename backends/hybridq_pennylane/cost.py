"""What an evaluation will take: bytes by counting, seconds by a few measured rates."""

from __future__ import annotations

from dataclasses import dataclass

from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Driver

FIXED = 64 << 20  # bytes that a first evaluation takes besides its state vectors
VECTORS, MORE = 7, 3  # state vectors that lightning was seen to hold with two threads; more by the adjoint method
LOOSE, MOST_LOOSE = 12, 256 << 20  # small vectors that the allocator does not give back, and their bytes at most


@dataclass(frozen=True)
class Rates:
    """Seconds for one unit of each kind of work on one thread, measured on a host.

    The defaults were measured with lightning.qubit on a 2.6 GHz server core (AMD EPYC 9004); `calibrate` replaces them.

    Attributes:
        call: fixed cost of an evaluation.
        gate: for each gate, to hand it over.
        term: for each string of the observable, to hand it over.
        amplitude: for each amplitude and gate.
        string: for each amplitude and string.
        back_gate, back_amplitude: the same for each gate of the adjoint method's way back.
    """

    call: float = 400e-6
    gate: float = 25e-6
    term: float = 15e-6
    amplitude: float = 0.9e-9
    string: float = 2.5e-9
    back_gate: float = 10e-6
    back_amplitude: float = 3.0e-9


def nbytes(circuit: QubitCircuit, driver: Driver, threads: int) -> int:
    """Bytes at most, by counting what lightning.qubit was seen to hold from 16 to 22 qubits."""
    vector = 16 << circuit.n_qubits
    vectors = VECTORS + max(0, threads - 2) + (MORE if driver == "gradient" else 0)
    return FIXED + vectors * vector + min(LOOSE * vector, MOST_LOOSE)


def seconds(circuit: QubitCircuit, observable: PauliSum | None, driver: Driver, rates: Rates) -> float:
    """Wall time of one row."""
    amplitudes, gates = float(1 << circuit.n_qubits), len(circuit.gates)
    terms = 0 if observable is None else observable.n_terms
    total = rates.call + gates * (rates.gate + amplitudes * rates.amplitude)
    total += terms * (rates.term + amplitudes * rates.string)
    if driver == "gradient":
        total += gates * (rates.back_gate + amplitudes * rates.back_amplitude) + terms * amplitudes * rates.string
    return total
