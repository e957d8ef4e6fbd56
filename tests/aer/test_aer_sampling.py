"""Energies from counts: settings, shots and standard errors."""

from __future__ import annotations

import numpy as np
import pytest
from aer_circuits import random_circuit, random_observable, state_energies
from qiskit.quantum_info import Statevector

from hybridq.contract.errors import InputError
from hybridq.contract.paulis import PauliSum
from hybridq.contract.task import Task
from hybridq_aer.backend import AerBackend


def test_the_standard_errors_are_those_of_the_spread_of_many_runs():
    circuit, observable = random_circuit(3, 3), random_observable(3, 3)
    row = np.random.default_rng(3).normal(size=4)
    exact = state_energies(circuit, [row], observable)[0]
    result = AerBackend().run(Task(circuit, np.tile(row, (300, 1)), observable, shots=1500, seed=1))
    scores = (result.value - exact) / result.stderr
    assert abs(scores.mean()) < 5 / np.sqrt(300)
    assert 0.85 < scores.std() < 1.15  # 3.6 standard deviations of a standard deviation of 300
    assert np.std(result.value) == pytest.approx(np.mean(result.stderr), rel=0.15)


def test_the_same_seed_gives_the_same_energy_and_an_eigenstate_has_no_error():
    circuit = random_circuit(3, 9)
    row = np.random.default_rng(9).normal(size=(1, 4))
    task = Task(circuit, row, random_observable(3, 9), shots=500, seed=11)
    assert AerBackend().run(task).value == AerBackend().run(task).value
    other = Task(circuit, row, random_observable(3, 9), shots=500, seed=12)
    assert AerBackend().run(task).value != AerBackend().run(other).value
    constant = Task(circuit, row, PauliSum.of({"III": 2.5}), shots=10)
    result = AerBackend().run(constant)
    assert (result.value[0], result.stderr[0]) == (2.5, 0.0)


def test_a_precision_is_met_exactly_without_shots():
    circuit, observable = random_circuit(2, 1), random_observable(2, 1)
    row = np.ones((1, 4))
    result = AerBackend().run(Task(circuit, row, observable, precision=0.1))
    assert result.value == pytest.approx(state_energies(circuit, row, observable), abs=1e-12)
    assert result.stderr[0] == 0


def test_too_few_shots_for_a_standard_error_are_refused_with_the_number_needed():
    observable = PauliSum.of({"XX": 1.0, "ZZ": 1.0, "YY": 1.0})
    task = Task(random_circuit(2, 1), np.ones((1, 4)), observable, shots=5)
    with pytest.raises(InputError, match="at least 6"):
        AerBackend().run(task)


def test_turned_bases_measure_x_and_y():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.h(1)
    circuit.s(1)
    observable = PauliSum.of({"IX": 1.0, "YI": 10.0})
    assert Statevector(circuit).expectation_value(observable.to_sparse_pauli_op()).real == pytest.approx(11)
    result = AerBackend().run(Task(circuit, np.zeros((1, 0)), observable, shots=50))
    assert (result.value[0], result.stderr[0]) == pytest.approx((11, 0))
