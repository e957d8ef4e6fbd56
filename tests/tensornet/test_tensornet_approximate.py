"""The form "mps": exact without a limit, and with one an error that is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from tensornet_circuits import differences, random_circuit, random_observable, state_energy

import hybridq as hq
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Task
from hybridq.derive import complete, speaking
from hybridq.qubits import QubitProblem
from hybridq.testing import BackendConformance
from hybridq.testing.cases import cases
from hybridq_circuits.qubit_families.hea import hea
from hybridq_tensornet.backend import TensorNetBackend
from hybridq_tensornet.mps_cost import bonds


class TestMatrixProductStatesOfTensorNetKeepThePromisesOfABackend(BackendConformance):
    def backend(self):
        return speaking(TensorNetBackend("mps"), cases()[0].circuit)


def ring(n: int, layers: int):
    problem = QubitProblem(hq.PauliSum.of({"Z" * n: 1.0}))
    return hea(problem, layers=layers, rotations="ry rz", entanglement="ring")


@given(n=st.integers(1, 6), seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_without_a_limit_energies_are_exact_and_gradients_follow(n, seed):
    circuit, observable = random_circuit(n, seed), random_observable(n, seed)
    row = np.random.default_rng(seed).normal(size=circuit.n_parameters)
    backend = TensorNetBackend("mps")
    found = backend.run(Task(circuit, row, observable))
    assert found.value[0] == pytest.approx(state_energy(circuit, row, observable), abs=1e-10)
    assert found.stderr[0] == 0
    slopes = complete(backend, Task(circuit, row, observable, driver="gradient"))
    np.testing.assert_allclose(slopes.value[0], differences(circuit, row, observable), atol=1e-8)


def test_a_state_that_is_cut_says_so_and_its_error_and_bound_cover_the_gap():
    circuit = ring(12, 4)
    observable = random_observable(12, 5)
    rows = np.random.default_rng(0).uniform(-3, 3, (3, circuit.n_parameters))
    exact = TensorNetBackend().run(Task(circuit, rows, observable)).value
    backend = TensorNetBackend(max_bond_dimension=24)
    assert not backend.capabilities.exact
    cut = backend.run(Task(circuit, rows, observable))
    assert (cut.stderr > 0).all()
    assert (np.abs(cut.value - exact) <= 6 * cut.stderr + 1e-9).all()
    assert (np.abs(cut.value - exact) <= cut.provenance["error_bound"]).all()
    assert cut.provenance["discarded_weight"] > 0
    assert cut.provenance["largest_bond"] <= 24
    wide = TensorNetBackend(max_bond_dimension=64).run(Task(circuit, rows, observable))
    np.testing.assert_allclose(wide.value, exact, atol=1e-10)


def test_a_limit_that_cuts_nothing_leaves_no_error():
    circuit = ring(8, 1)
    row = np.random.default_rng(0).uniform(-3, 3, circuit.n_parameters)
    found = TensorNetBackend(max_bond_dimension=200).run(Task(circuit, row, {"Z" * 8: 1.0}))
    assert found.stderr[0] == 0
    assert "discarded_weight" not in found.provenance


def test_counts_of_a_cut_state_have_an_unknown_error_and_others_none():
    circuit = ring(10, 4)
    row = np.random.default_rng(0).uniform(-3, 3, circuit.n_parameters)
    cut = TensorNetBackend(max_bond_dimension=4).run(Task(circuit, row, driver="counts", shots=50, seed=1))
    assert cut.stderr[0] == 1
    assert sum(cut.value[0].values()) == 50
    whole = TensorNetBackend("mps").run(Task(circuit, row, driver="counts", shots=50, seed=1))
    assert whole.stderr[0] == 0


def test_deep_and_wide_circuits_that_fit_no_contraction_run_with_a_limit():
    circuit = ring(40, 14)
    row = np.random.default_rng(0).normal(scale=0.05, size=circuit.n_parameters)
    found = TensorNetBackend(max_bond_dimension=16).run(Task(circuit, row, {"I" * 20 + "Z" + "I" * 19: 1.0}))
    assert abs(found.value[0]) <= 1 + 1e-9
    assert found.stderr[0] > 0


def test_auto_takes_no_state_that_is_cut_where_exact_values_are_asked_for():
    circuit = ring(6, 1)
    task = Task(circuit, np.zeros(circuit.n_parameters), hq.PauliSum.of({"Z" * 6: 1.0}))
    with pytest.raises(hq.InputError, match="'mps', the form is 'state'"):
        TensorNetBackend("state", max_bond_dimension=8)
    with pytest.raises(hq.InputError, match="max_bond_dimension must be a whole number of at least 1"):
        TensorNetBackend(max_bond_dimension=0)
    with pytest.raises(hq.CapacityError, match="matrix product state with bonds up to"):
        TensorNetBackend("mps", memory="1MiB").cost([Task(ring(40, 6), np.zeros(560), {"Z" * 40: 1.0})])
    assert TensorNetBackend("mps").cost([task]).seconds > 0


def test_the_same_number_comes_from_a_whole_matrix_product_state_where_that_is_predicted_to_be_faster(monkeypatch):
    circuit, observable = ring(10, 3), random_observable(10, 2)
    row = np.random.default_rng(0).uniform(-3, 3, circuit.n_parameters)
    contracted = TensorNetBackend().run(Task(circuit, row, observable))
    monkeypatch.setattr("hybridq_tensornet.engine.LONG", 0.0)
    monkeypatch.setattr("hybridq_tensornet.engine.mps_seconds", lambda *shape: 0.0)
    chain = TensorNetBackend().run(Task(circuit, row, observable))
    assert (contracted.provenance["form"], chain.provenance["form"]) == ("state", "mps")
    assert chain.value[0] == pytest.approx(contracted.value[0], abs=1e-11)


def test_bonds_are_bounded_by_what_gates_and_neighbours_allow():
    made = hea(QubitProblem(hq.PauliSum.of({"Z" * 40: 1.0})), layers=30, rotations="ry", entanglement="brick")
    blocks = tuple(gate for gate in made.gates if len(gate.qubits) == 1 or max(gate.qubits) % 4)
    assert bonds(made, None).largest == 1 << 20
    assert bonds(replace(made, gates=blocks, source=None), None).largest == 4
    assert bonds(ring(6, 9), None).largest == 8
    assert bonds(ring(40, 3), 5).limited == 5
    swap = QuantumCircuit(6)
    swap.swap(2, 3)
    assert bonds(QubitCircuit.of(swap), None).largest == 2
