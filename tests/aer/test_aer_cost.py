"""What AerBackend predicts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from aer_circuits import random_circuit, random_observable
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector, entropy, partial_trace

from hybridq.contract.errors import CapacityError
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Task
from hybridq_aer.backend import AerBackend
from hybridq_aer.bonds import bonds
from hybridq_aer.cost import Rates

PEAK = """
import sys
from pathlib import Path
import numpy as np
from qiskit import QuantumCircuit
from hybridq.contract.paulis import PauliSum
from hybridq.contract.task import Task
from hybridq_aer.backend import AerBackend

method, n, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def task(n, rows):
    circuit = QuantumCircuit(n)
    for q in range(n):
        circuit.ry(0.3, q)
    for q in range(n - 1):
        circuit.cx(q, q + 1)
    return Task(circuit, np.zeros((rows, 0)), PauliSum.of({"Z" * n: 1.0, "X" * n: 0.5}))

def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

backend = AerBackend(method)
backend.run(task(3, 1))  # what is compiled and loaded
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = kilobytes("VmRSS")
backend.run(task(n, rows))
print((kilobytes("VmHWM") - before) * 1024, backend.cost([task(n, rows)]).bytes)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is read from Linux's /proc")
@pytest.mark.parametrize(("method", "n", "rows"), [("statevector", 22, 3), ("density_matrix", 11, 1), ("mps", 16, 9)])
def test_memory_is_not_more_than_predicted_and_not_much_less(method, n, rows):
    words = [sys.executable, "-c", PEAK, method, str(n), str(rows)]
    taken, predicted = map(int, subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    assert taken <= predicted
    assert predicted <= 3 * taken + (160 << 20)


def test_more_of_anything_costs_more():
    def price(n, rows=1, method="statevector", **words):
        task = Task(random_circuit(n, 1), np.ones((rows, 4)), random_observable(n, 1), **words)
        return AerBackend(method, rates=Rates(), memory=1 << 40).cost([task])

    assert price(20).seconds > 10 * price(14).seconds > 10 * price(4).seconds
    assert price(20).bytes > price(14).bytes > price(4).bytes
    assert price(10, 50).seconds > 5 * price(10).seconds
    assert price(10, method="density_matrix").bytes > price(10).bytes
    assert price(4, 3, shots=1000).shots == 3000
    assert price(4).shots == 0


def test_a_bond_limit_lowers_the_price_of_a_wide_circuit_and_makes_it_fit():
    circuit, observable = random_circuit(30, 1, times=60), random_observable(30, 1)
    task = Task(circuit, np.ones((1, 4)), observable)
    with pytest.raises(CapacityError, match="max_bond_dimension"):
        AerBackend("mps", memory=1 << 28).cost([task])
    assert AerBackend("mps", memory=1 << 28, max_bond_dimension=32).cost([task]).seconds < 3600


@pytest.mark.parametrize("seed", range(6))
def test_bonds_are_never_below_the_entanglement(seed):
    n = 6
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(n)
    for _ in range(int(rng.integers(1, 12))):
        a, b = (int(q) for q in rng.choice(n, 2, replace=False))
        circuit.ry(float(rng.normal()), a)
        getattr(circuit, str(rng.choice(["cx", "swap", "cz"])))(a, b)
    state = Statevector(circuit)
    largest = max(2 ** entropy(partial_trace(state, list(range(k)))) for k in range(1, n))
    assert bonds(QubitCircuit.of(circuit), None).largest >= largest - 1e-9


def test_calibration_gives_positive_rates_of_every_kind():
    measured = AerBackend().calibrate()
    assert set(measured) == set(asdict(Rates()))
    assert all(np.isfinite(value) and value > 0 for value in measured.values())
    assert 1e-5 < measured["call"] + measured["gate"] < 1


def test_a_single_qubit_is_priced_by_every_method():
    circuit = QuantumCircuit(1)
    circuit.h(0)
    task = Task(circuit, np.zeros((1, 0)), PauliSum.of({"X": 1.0}))
    for method in ("statevector", "density_matrix", "mps"):
        backend = AerBackend(method)
        assert backend.cost([task]).bytes > 0
        assert backend.run(task).value[0] == pytest.approx(1, abs=1e-9)
