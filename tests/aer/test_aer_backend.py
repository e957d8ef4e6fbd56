"""AerBackend through the contract, against Qiskit's Statevector and the sector engine."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from aer_circuits import random_circuit, random_observable, state_energies
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

import hybridq as hq
from hybridq.contract.errors import CapacityError, InputError, MissingPackage
from hybridq.contract.task import Task
from hybridq.derive import complete, speaking
from hybridq.testing import BackendConformance
from hybridq.testing.cases import cases
from hybridq_aer.backend import AerBackend

METHODS = ("statevector", "density_matrix", "mps")


class TestAerKeepsThePromisesOfABackend(BackendConformance):
    def backend(self):
        return speaking(AerBackend(), cases()[0].circuit)


class TestMatrixProductStatesKeepThePromisesOfABackend(BackendConformance):
    def backend(self):
        return speaking(AerBackend("mps"), cases()[0].circuit)


@given(n=st.integers(1, 5), seed=st.integers(0, 10**6))
@settings(max_examples=12)
def test_energies_equal_those_of_the_state_vector_for_every_gate(n, seed):
    circuit, observable = random_circuit(n, seed), random_observable(n, seed)
    rows = np.random.default_rng(seed).normal(size=(3, 4))
    exact = state_energies(circuit, rows, observable)
    for method in METHODS:
        result = AerBackend(method).run(Task(circuit, rows, observable))
        np.testing.assert_allclose(result.value, exact, atol=1e-9 if method == "mps" else 1e-12)
        assert (result.stderr == 0).all()
        assert result.provenance["method"] == method


def test_a_wide_product_state_is_exact_as_a_matrix_product_state():
    n = 60
    circuit = QuantumCircuit(n)
    for q in range(n):
        circuit.ry(0.1 * q, q)
    circuit.cx(0, 1)
    observable = hq.PauliSum.of({"Z" + "I" * (n - 1): 2.0, "I" * (n - 2) + "ZI": 1.0})
    value = hq.backend("aer:mps").submit([Task(circuit, np.zeros((1, 0)), observable)]).result()[0].value[0]
    assert value == pytest.approx(2 * np.cos(0.1 * 59) + np.cos(0.1), abs=1e-10)


@pytest.mark.parametrize("options", [{"max_bond_dimension": 3}, {"truncation_threshold": 1e-3}], ids=str)
def test_a_truncated_state_says_so_and_its_error_covers_the_gap(options):
    circuit, observable = random_circuit(6, 5, times=4), random_observable(6, 5)
    rows = np.random.default_rng(5).normal(size=(6, 4))
    backend = AerBackend("mps", **options)
    result = backend.run(Task(circuit, rows, observable))
    gap = np.abs(result.value - state_energies(circuit, rows, observable))
    assert gap.max() > 1e-4  # it was truncated indeed
    assert (gap <= 6 * result.stderr + 1e-9).all()
    assert not backend.capabilities.exact
    assert result.provenance["may_be_truncated"]
    assert "stderr" in result.provenance["error_of_truncation"]
    drawn = backend.run(Task(circuit, rows, driver="counts", shots=10))
    assert (drawn.stderr == 1).all()
    sampled = backend.run(Task(circuit, rows, observable, shots=5000, seed=1))
    assert (sampled.stderr > result.stderr).all()


def test_a_bond_that_the_circuit_cannot_exceed_loses_nothing():
    circuit, observable = random_circuit(4, 2), random_observable(4, 2)
    rows = np.random.default_rng(0).normal(size=(2, 4))
    result = AerBackend("mps", max_bond_dimension=4).run(Task(circuit, rows, observable))
    np.testing.assert_allclose(result.value, state_energies(circuit, rows, observable), atol=1e-9)
    assert (result.stderr == 0).all()
    assert not result.provenance["may_be_truncated"]


def test_gradients_derived_by_shifts_equal_finite_differences():
    circuit, observable = random_circuit(4, 8), random_observable(4, 8)
    row = np.random.default_rng(1).normal(size=4)
    found = complete(AerBackend(), Task(circuit, row, observable, "gradient"))
    h = 1e-5
    steps = h * np.eye(4)
    up, down = (state_energies(circuit, row + sign * steps, observable) for sign in (1, -1))
    np.testing.assert_allclose(found.value[0], (up - down) / (2 * h), atol=1e-7)


def test_hydrogen_by_lowering_equals_the_sector_engine():
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.8", "sto-3g")
    aer = hq.VQE(problem, hq.ansatz("uccsd"), backend="aer").run()
    sector = hq.VQE(problem, hq.ansatz("uccsd"), backend="sector").run()
    assert aer.energy == pytest.approx(sector.energy, abs=1e-8)
    circuit = hq.ansatz("uccsd").build(problem)
    rows = np.random.default_rng(2).normal(size=(4, circuit.n_parameters))
    task = Task(circuit, rows, problem.hamiltonian)
    found = complete(AerBackend(), task)
    np.testing.assert_allclose(found.value, complete(hq.backend("sector"), task).value, atol=1e-10)


def test_counts_follow_the_state_and_repeat_with_the_seed():
    circuit = random_circuit(3, 4)
    rows = np.random.default_rng(4).normal(size=(2, 4))
    task = Task(circuit, rows, driver="counts", shots=20_000, seed=5)
    for method in METHODS:
        counts = AerBackend(method).run(task).value
        assert counts == AerBackend(method).run(task).value
        assert counts != AerBackend(method).run(Task(circuit, rows, driver="counts", shots=20_000, seed=6)).value
        for row, drawn in zip(rows, counts, strict=True):
            wanted = Statevector(circuit.assign_parameters(row)).probabilities_dict()
            for bits, p in wanted.items():
                assert abs(drawn.get(bits, 0) / 20_000 - p) < 6 * np.sqrt(p * (1 - p) / 20_000) + 1e-3


def test_the_backends_seed_serves_tasks_without_one_and_rows_differ():
    circuit = QuantumCircuit(8)
    circuit.h(range(8))
    task = Task(circuit, np.zeros((2, 0)), driver="counts", shots=30)
    first, again = (AerBackend(seed=3).run(task).value for _ in range(2))
    assert first == again
    assert first[0] != first[1]
    assert AerBackend(seed=4).run(task).value != first


def test_qubit_0_is_the_rightmost_bit():
    circuit = QuantumCircuit(3)
    circuit.x(0)
    counts = AerBackend().run(Task(circuit, np.zeros((1, 0)), driver="counts", shots=7)).value[0]
    assert counts == {"001": 7}


def test_a_structure_is_prepared_once(monkeypatch):
    import hybridq_aer.backend as module

    made = []
    real = module.state_program
    monkeypatch.setattr(module, "state_program", lambda *words: made.append(words) or real(*words))
    circuit, observable = random_circuit(3, 1), random_observable(3, 1)
    backend = AerBackend()
    for seed in range(3):
        backend.run(Task(circuit, np.random.default_rng(seed).normal(size=(2, 4)), observable))
    assert len(made) == 1


def test_rows_beyond_one_call_are_still_in_order(monkeypatch):
    import hybridq_aer.cost as cost

    circuit, observable = random_circuit(3, 1), random_observable(3, 1)
    rows = np.random.default_rng(1).normal(size=(7, 4))
    monkeypatch.setattr(cost, "STATE_ROOM", 2 * (16 << 3))
    assert cost.rows_at_once(Task(circuit, rows, observable).qubits) == 2
    found = AerBackend().run(Task(circuit, rows, observable)).value
    np.testing.assert_allclose(found, state_energies(circuit, rows, observable), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("aer:statvector", {}, "did you mean 'statevector'"),
        ("aer:tensors", {}, "Known: auto, density_matrix, mps, statevector"),
        ("aer", {"noise_model": "fake_lima"}, "noise_model is a qiskit_aer.noise.NoiseModel, got 'fake_lima'"),
        ("aer", {"max_bond_dimension": 4}, "belong to the method 'mps'"),
        ("aer:mps", {"max_bond_dimension": 0}, "at least 1, got 0"),
        ("aer:mps", {"truncation_threshold": 1.5}, "from 0 to below 1, got 1.5"),
        ("aer", {"seed": -1}, "seed must not be negative, got -1"),
        ("aer", {"bond": 3}, "max_bond_dimension"),
    ],
)
def test_wrong_options_are_refused_in_words(name, options, words):
    with pytest.raises(InputError) as caught:
        hq.backend(name, **options)
    assert words in str(caught.value)


def test_a_missing_aer_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "qiskit_aer", None)
    with pytest.raises(MissingPackage, match=r'pip install "hybridq-sdk\[aer\]"'):
        AerBackend()


def test_the_command_line_says_in_one_line_that_there_is_no_such_method(capsys):
    from hybridq.cli.main import main

    assert main(["vqe", "H 0 0 0; H 0 0 0.8", "--basis", "sto-3g", "--backend", "aer:statvector"]) == 2
    told = capsys.readouterr().err.strip()
    assert "did you mean 'statevector'" in told
    assert "\n" not in told


@pytest.mark.parametrize(("method", "n"), [("statevector", 41), ("density_matrix", 21), ("statevector", 38)])
def test_a_width_that_cannot_fit_is_refused_before_any_work(method, n):
    circuit = QuantumCircuit(n)
    circuit.h(0)
    task = Task(circuit, np.zeros((1, 0)), hq.PauliSum.of({"Z" * n: 1.0}))
    backend = AerBackend(method, memory=1 << 34)
    for act in (lambda: backend.cost([task]), lambda: backend.run(task)):
        with pytest.raises(CapacityError, match=f"{n}"):
            act()
