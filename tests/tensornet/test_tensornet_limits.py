"""Slices of long paths, plans on disk that were made for less memory, and threads after a fork."""

from __future__ import annotations

import os
import signal
import tracemalloc

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

import hybridq as hq
from hybridq.contract.task import Task
from hybridq.qubits import QubitProblem
from hybridq_circuits.qubit_families.hea import hea
from hybridq_tensornet.backend import TensorNetBackend
from hybridq_tensornet.mpo import mpo
from hybridq_tensornet.network import expectation_network
from hybridq_tensornet.plan import make_plan, nbytes, work_bytes
from hybridq_tensornet.tree import quick


def line(n: int, layers: int):
    return hea(QubitProblem(ising(n)), layers=layers, rotations="ry rz", entanglement="linear")


def ising(n: int) -> hq.PauliSum:
    pairs = [("I" * (n - 2 - q) + "ZZ" + "I" * q, -1.0) for q in range(n - 1)]
    return hq.PauliSum.of(pairs + [("I" * (n - 1 - q) + "X" + "I" * q, -0.5) for q in range(n)])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDQ_CACHE", str(tmp_path))


@pytest.mark.parametrize("gradient", [False, True])
def test_a_network_of_hundreds_of_tensors_is_cut_into_few_slices_that_fit(gradient):
    network = expectation_network(line(16, 6), mpo(ising(16)))
    whole = quick(network).work
    limit = work_bytes(whole, 16, gradient) // 4
    plan = make_plan(network, limit, 16, gradient=gradient, longest=5)
    assert work_bytes(plan.work, 16, gradient) <= limit
    assert plan.n_slices * plan.work.products < 100 * whole.products


def test_a_plan_made_for_little_memory_does_not_slow_a_run_with_more():
    circuit, observable = line(12, 4), ising(12)
    task = Task(circuit, np.full(circuit.n_parameters, 0.3), observable)
    small = TensorNetBackend("operator", memory="60KiB", threads=1).run(task)
    large = TensorNetBackend("operator", memory="1GiB", threads=1).run(task)
    assert small.provenance["slices"] > 1 == large.provenance["slices"]
    assert large.value[0] == pytest.approx(small.value[0], abs=1e-11)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("form", ["cones", "mps"])
def test_a_child_process_goes_on_with_threads_of_its_own(form, monkeypatch):
    monkeypatch.setattr("hybridq_tensornet.engine.SHARED", 0.0)
    circuit = line(6, 2)
    task = Task(circuit, np.full((4, circuit.n_parameters), 0.3), ising(6))
    backend = TensorNetBackend(form, threads=2)
    value = backend.run(task).value
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # the default action ends a child that waits for threads that it does not have
        os._exit(0 if (backend.run(task).value == value).all() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_cones_share_their_memory_so_that_what_is_held_is_what_was_predicted():
    rng = np.random.default_rng(3)
    edges = sorted({tuple(sorted(map(int, rng.choice(16, 2, replace=False)))) for _ in range(24)})
    circuit = QuantumCircuit(16)
    t = ParameterVector("t", 4)
    for layer in range(2):
        if layer == 0:
            circuit.h(range(16))
        for a, b in edges:
            circuit.rzz(t[2 * layer], a, b)
        circuit.rx(t[2 * layer + 1], range(16))
    labels = ["".join("Z" if q in edge else "I" for q in reversed(range(16))) for edge in edges]
    task = hq.Task(circuit, np.full(4, 0.3), hq.PauliSum.of([(label, 1.0) for label in labels]), driver="gradient")
    backend = TensorNetBackend("cones", threads=1, search_seconds=0)
    tracemalloc.start()
    backend.run(task)
    backend.run(task)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (ready,) = backend._engine._prepared.values()
    assert len(ready.pieces) == len(edges)
    apart = sum(nbytes(plan, 16, gradient=True) for plan in ready.plans)
    assert held < 1.5 * ready.bytes < apart
    assert backend.cost([task]).bytes >= ready.bytes


def test_samples_that_would_take_months_are_refused_with_how_long():
    problem = QubitProblem(hq.PauliSum.of({"Z" * 40: 1.0}))
    circuit = hea(problem, layers=14, rotations="ry rz", entanglement="ring")
    task = hq.Task(circuit, np.zeros(circuit.n_parameters), driver="counts", shots=1000)
    with pytest.raises(hq.CapacityError, match="1000 samples of these 40 qubits would take .* days"):
        TensorNetBackend().cost([task])
