"""Measure the rates of this host, in a few seconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from hybridq.contract.angles import Angles
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import Gate, QubitCircuit
from hybridq.contract.task import Driver, Task
from hybridq_pennylane.cost import Rates

LEAST = 1e-13  # seconds: no rate is less
WIDE = 16  # qubits of the larger probes


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


def strings(n: int, n_terms: int) -> PauliSum:
    """Strings of Z and X on neighbours, again and again."""
    rng = np.random.default_rng(n_terms)
    labels = {"".join(rng.choice(list("IIXYZ"), size=n)): 0.5 for _ in range(n_terms)}
    return PauliSum.of({**labels, "Z" * n: 1.0})


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


def calibrate(device: str) -> Rates:
    """Rates from circuits of two widths, two depths and two observables."""
    from hybridq_pennylane.backend import PennyLaneBackend

    backend = PennyLaneBackend(device)
    rng = np.random.default_rng(0)

    def taken(n: int, depth: int, n_terms: int, driver: Driver = "energy") -> tuple[float, int, int]:
        circuit, paulis = layers(n, depth), strings(n, n_terms)
        row = rng.uniform(-3, 3, size=circuit.n_parameters)
        task = Task(circuit, row, paulis, driver)
        return typical(lambda: backend.run(task)), len(circuit.gates), paulis.n_terms

    (a, few, _), (b, many, _) = taken(4, 1, 1), taken(4, 20, 1)
    gate = (b - a) / (many - few)
    c, _, terms = taken(4, 1, 60)
    term = (c - a) / (terms - 1)
    call = max(LEAST, a - few * gate)
    wide, gates, one = taken(WIDE, 4, 1)
    heavy, _, more = taken(WIDE, 4, 30)
    string = (heavy - wide - (more - one) * term) / ((more - one) * 2**WIDE)
    amplitude = (wide - call - gates * gate - one * string * 2**WIDE) / (gates * 2**WIDE)
    default = Rates()
    back_gate, back = default.back_gate, default.back_amplitude
    if "gradient" in backend.capabilities.drivers:
        forward, again = taken(4, 20, 1)[0], taken(4, 20, 1, "gradient")[0]
        back_gate = (again - forward) / many
        whole = taken(WIDE, 4, 1, "gradient")[0]
        back = (whole - wide - gates * back_gate - one * string * 2**WIDE) / (gates * 2**WIDE)
    found = (call, gate, term, amplitude, string, back_gate, back)
    return Rates(*(max(LEAST, float(x)) for x in found))
