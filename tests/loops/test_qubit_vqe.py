"""Runs on qubits: Qiskit circuits and Pauli sums through VQE, scan, journal, resume and plans, with a dense engine."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector

import hybridq as hq
from hybridq.derive import complete, speaking
from hybridq.planning import consider

CHAIN = SparsePauliOp(["ZZI", "IZZ", "XII", "IXI", "IIX"], [-1, -1, -0.5, -0.5, -0.5])
START = np.full(12, 0.3)


class Dense(hq.LocalBackend):
    """Qiskit's dense state vectors."""

    name = "dense"
    capabilities = hq.Capabilities(10, frozenset({"energy"}), frozenset({"QubitCircuit"}))

    def __init__(self):
        super().__init__()
        self.rows = 0

    def cost(self, tasks):
        return hq.Cost(1e-3 * sum(task.n_rows for task in tasks), 16 << tasks[0].circuit.n_qubits)

    def run(self, task):
        self.rows += task.n_rows
        circuit, op = task.qubits.to_qiskit(), task.paulis.to_sparse_pauli_op()
        found = [Statevector(circuit.assign_parameters(row)).expectation_value(op).real for row in task.params]
        return hq.Result(np.array(found), np.zeros(task.n_rows))


def vqe(**more):
    return hq.VQE(CHAIN, efficient_su2(3, reps=1), **{"backend": Dense(), "initial": START, "progress": False, **more})


def test_an_observable_and_a_qiskit_circuit_are_minimized(tmp_path):
    made = vqe(run=tmp_path / "run")
    result = made.run()
    lowest = np.linalg.eigvalsh(CHAIN.to_matrix())[0]
    assert lowest <= result.energy < 0.98 * lowest
    assert result.references["exact"] == pytest.approx(lowest)
    assert result.unit == ""
    assert "hartree" not in str(result)
    assert result.predicted["seconds"] == pytest.approx(1e-3 * made.backend.rows, rel=0.2)
    again = hq.VQEResult.from_json(tmp_path / "run" / "result.json")
    assert (again.energy, again.unit, again.n_electrons) == (result.energy, "", (0, 0))


def test_a_run_on_qubits_goes_on_from_its_folder_alone_to_the_same_bits(tmp_path):
    engine = "pennylane:lightning.qubit"
    unbroken = vqe(run=tmp_path / "whole", backend=engine).run()
    cut = vqe(run=tmp_path / "cut", backend=engine, max_evaluations=20).run()
    assert not cut.converged
    resumed = hq.resume(tmp_path / "cut", max_evaluations=10_000, progress=False)
    resumed = resumed.run() if isinstance(resumed, hq.VQE) else resumed
    assert resumed.replayed == 20
    assert (resumed.energy, resumed.parameters.tolist()) == (unbroken.energy, unbroken.parameters.tolist())
    circuit = json.loads((tmp_path / "cut" / "circuit.json").read_text())
    assert circuit["kind"] == "qubits"
    assert circuit["qpy"]


def test_another_circuit_or_observable_is_refused_by_the_folder(tmp_path):
    vqe(run=tmp_path / "run", max_evaluations=5).run()
    with pytest.raises(hq.JournalMismatch, match="circuit"):
        hq.VQE(CHAIN, efficient_su2(3, reps=2), backend=Dense(), run=tmp_path / "run", progress=False).run()
    with pytest.raises(hq.JournalMismatch, match="problem"):
        hq.VQE(2 * CHAIN, efficient_su2(3, reps=1), backend=Dense(), run=tmp_path / "run", progress=False).run()


def test_a_fermionic_circuit_is_lowered_for_an_engine_that_knows_qubits():
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")
    lowered = hq.VQE(problem, backend=Dense(), progress=False).run()
    assert lowered.energy == pytest.approx(problem.references()["casci"], abs=1e-9)
    h4 = hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g")
    circuit = hq.ansatz("uccsd", point_group=False).build(h4)
    row = 0.2 * np.random.default_rng(1).normal(size=circuit.n_parameters)
    task = hq.Task(circuit, row, h4.hamiltonian, "gradient")
    mine, sector = (complete(engine, task) for engine in (speaking(Dense(), circuit), hq.backend("sector")))
    assert mine.energy == pytest.approx(sector.energy, abs=1e-9)
    assert mine.value[0] == pytest.approx(sector.value[0], abs=1e-8)
    assert consider(Dense(), task).lowered


def test_a_molecule_and_a_circuit_on_its_qubits_go_together():
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")
    theta = Parameter("t")
    circuit = QuantumCircuit(4)  # both electrons from orbital 0 to orbital 1: the whole of H2
    circuit.x([0, 2])
    circuit.ry(theta, 1)
    circuit.cx(1, 3)
    circuit.cx(1, 0)
    circuit.cx(1, 2)
    result = hq.VQE(problem, circuit, backend=Dense(), initial=[0.1], progress=False).run()
    assert result.energy == pytest.approx(problem.references()["casci"], abs=1e-8)
    assert result.unit == "hartree"
    with pytest.raises(hq.InputError, match="3 qubits, the problem 4"):
        hq.VQE(problem, efficient_su2(3), backend=Dense())


def test_a_scan_over_observables_follows_the_curve(tmp_path):
    fields = [0.2, 0.5, 1.0, 1.5]

    def make(h):
        return hq.QubitProblem({"ZZ": -1.0, "XI": -h, "IX": -h}, name=f"field {h}")

    circuit = hq.QubitCircuit.of(efficient_su2(2, reps=1), initial=np.full(8, 0.3))
    curve = hq.scan(make, fields, circuit, backend=Dense(), label="h", unit="", progress=False, run=tmp_path / "scan")
    exact = [-np.sqrt(1 + 4 * h * h) for h in fields]
    assert curve.energies == pytest.approx(exact, abs=1e-7)
    again = hq.scan(make, fields, circuit, backend=Dense(), label="h", unit="", progress=False, run=tmp_path / "scan")
    assert again.energies.tolist() == curve.energies.tolist()


@pytest.mark.parametrize(
    ("problem", "circuit", "told"),
    [
        ("n2.xyz", efficient_su2(2), "a hybridq.Problem or an observable, got str"),
        ({"ZZ": 1j}, efficient_su2(2), "not Hermitian"),
        ({"ZZZ": 1.0}, efficient_su2(2), "on 3 qubits, the circuit on 2"),
        ({"ZZ": 1.0}, "uccsd", "is for molecules .* got a QubitProblem"),
        ({"ZZ": 1.0}, 7, "got int"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(problem, circuit, told):
    engine = Dense()
    with pytest.raises(hq.InputError, match=told):
        hq.VQE(problem, circuit, backend=engine)
    assert engine.rows == 0


def test_a_fermionic_circuit_needs_electrons():
    circuit = hq.ansatz("uccsd").build(hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g"))
    with pytest.raises(hq.InputError, match="needs a problem with electrons"):
        hq.VQE({"ZZZZ": 1.0}, circuit, backend="sector")
