"""Measure the rates of this host, in a few seconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hybridq.contract.angles import Angles
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import Gate, QubitCircuit
from hybridq_aer.bonds import bonds
from hybridq_aer.cost import BOND_POWER, Rates
from hybridq_aer.expectation import expectation, pauli_table
from hybridq_aer.program import counts_program, state_program, value_program
from hybridq_aer.settings import settings

LEAST = 1e-12  # seconds: no rate is less


def layers(n: int, depth: int) -> QubitCircuit:
    """Rotations of all qubits and a chain of CX gates, `depth` times."""
    gates: list[Gate] = []
    angle = 0
    for _ in range(depth):
        for q in range(n):
            gates += [Gate("ry", (q,), angle), Gate("rz", (q,), angle + 1)]
            angle += 2
        gates += [Gate("cx", (q, q + 1)) for q in range(n - 1)]
    return QubitCircuit(n, tuple(gates), Angles.separate(angle), tuple(f"a{k}" for k in range(angle)))


def typical(work: Callable[[], object], seconds: float = 0.25) -> float:
    """Median of several calls, after one that is not counted."""
    work()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < until:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def calibrate() -> Rates:
    """Rates from a few circuits, on one thread."""
    how = settings("statevector", None, None, None, 1)
    rng = np.random.default_rng(0)

    def state_time(n: int, depth: int, n_rows: int) -> tuple[float, int]:
        circuit = layers(n, depth)
        program = state_program(circuit, how)
        rows = rng.uniform(-3, 3, size=(n_rows, circuit.n_angles))
        return typical(lambda: program.run(rows)), len(circuit.gates)

    (short, few), (long, many) = state_time(3, 1, 1), state_time(3, 40, 1)
    gate = (long - short) / (many - few)
    (short_rows, _), (long_rows, _) = state_time(3, 1, 41), state_time(3, 40, 41)
    by_short, by_long = (short_rows - short) / 40, (long_rows - long) / 40
    bind = (by_long - by_short) / (many - few)
    row = by_short - few * bind
    call = short - few * (gate + bind) - row
    middle, n_middle = state_time(12, 4, 21)
    large, n_large = state_time(18, 2, 1)
    amplitude = ((middle - call - n_middle * gate - 21 * row) / 21 / n_middle - bind) / 2**12
    fused = ((large - call - row) / n_large - gate - bind) / 2**18

    psi = rng.normal(size=1 << 16) + 1j * rng.normal(size=1 << 16)
    tables = [
        pauli_table(PauliSum.from_masks(16, [5] * 40, range(0, 800, 20), np.ones(40))),
        pauli_table(PauliSum.from_masks(16, range(1, 41), [0] * 40, np.ones(40))),
    ]
    one, forty = (typical(lambda t=table: expectation(t, psi), 0.1) for table in tables)  # type: ignore[misc]
    flip = (forty - one) / (39 * 2**16)
    pauli = one / (40 * 2**16) - flip / 40

    tensors = replace(how, method="mps")
    wide = layers(12, 6)
    shape = bonds(wide, None)
    angles = rng.uniform(-3, 3, size=(1, wide.n_angles))
    program = state_program(wide, tensors)
    default = Rates()
    broad = layers(16, 3)
    spread = bonds(broad, None)
    turned = state_program(broad, tensors)
    row_of_broad = rng.uniform(-3, 3, size=(1, broad.n_angles))
    whole = typical(lambda: turned.run(row_of_broad)) - call - row - len(broad.gates) * (gate + bind)
    gather = (whole - spread.work * default.cube - spread.steps * default.step) / (2**16 * spread.largest)
    swept = typical(lambda: program.run(angles)) - call - row - len(wide.gates) * (gate + bind)
    swept -= max(LEAST, gather) * 2**12 * shape.largest
    scale = max(0.05, swept / (shape.work * default.cube + shape.steps * default.step))

    observable = PauliSum.from_masks(12, [7] * 60, range(0, 60 * 16, 16), np.ones(60))
    valued = value_program(wide, observable, tensors)
    once = counts_program(wide, how)
    sandwich = (
        typical(lambda: valued.run(angles)) - swept - call - row - len(wide.gates) * (gate + bind) - 60 * default.string
    )
    drawn = typical(lambda: once.run(angles, 20_000, 1)) - typical(lambda: once.run(angles, 1, 1))
    found = Rates(
        call=call,
        gate=gate,
        row=row,
        bind=bind,
        amplitude=amplitude,
        fused=fused,
        shot=drawn / (20_000 * 12),
        pauli=pauli,
        flip=flip,
        cube=default.cube * scale,
        step=default.step * scale,
        sandwich=sandwich / (60 * 12 * float(shape.largest) ** BOND_POWER),
        string=default.string,
        gather=gather,
        thread_gain=default.thread_gain,
    )
    return Rates(**{name: max(LEAST, value) for name, value in vars(found).items()})
