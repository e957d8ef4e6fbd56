"""Noisy energies against density matrices that are made by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from aer_circuits import random_circuit, random_observable
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import DensityMatrix, Kraus, Operator
from qiskit_aer.noise import NoiseModel, ReadoutError, amplitude_damping_error, depolarizing_error

from hybridq.contract.errors import InputError
from hybridq.contract.paulis import PauliSum
from hybridq.contract.task import Task
from hybridq.derive import complete
from hybridq_aer.backend import AerBackend

PAULIS = [np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]


def depolarizing(p, n):
    """``(1 - p) rho + p tr(rho) 1 / 2^n`` as Kraus matrices."""
    made = []
    for k, letters in enumerate(itertools.product(PAULIS, repeat=n)):
        matrix = letters[0] if n == 1 else np.kron(*letters)
        weight = p / 4**n + (1 - p if k == 0 else 0)
        made.append(np.sqrt(weight) * matrix)
    return Kraus(made)


def damping(gamma):
    return Kraus([np.array([[1, 0], [0, np.sqrt(1 - gamma)]]), np.array([[0, np.sqrt(gamma)], [0, 0]])])


def by_hand(circuit, channels, observable):
    """Gate by gate, each with its channel behind it."""
    rho = DensityMatrix.from_label("0" * circuit.num_qubits)
    for item in circuit.data:
        places = [circuit.find_bit(q).index for q in item.qubits]
        rho = rho.evolve(Operator(item.operation), places)
        if item.operation.name in channels:
            rho = rho.evolve(channels[item.operation.name], places)
    return np.real(np.trace(rho.data @ observable.to_matrix().toarray()))


def all_gate_noise():
    model = NoiseModel(basis_gates=[*random_circuit(2, 0).count_ops()])
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.05), ["ry", "h", "t"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.03, 1), ["rx", "sx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.08, 2), ["cx", "rzz", "cp"])
    one, two = depolarizing(0.03, 1), depolarizing(0.08, 2)
    channels = {"ry": damping(0.05), "h": damping(0.05), "t": damping(0.05), "rx": one, "sx": one}
    return model, channels | dict.fromkeys(("cx", "rzz", "cp"), two)


@pytest.mark.parametrize("n", [2, 4])
def test_noisy_energies_are_exact(n):
    model, channels = all_gate_noise()
    circuit, observable = random_circuit(n, 6), random_observable(n, 6)
    rows = np.random.default_rng(6).normal(size=(3, 4))
    backend = AerBackend(noise_model=model)
    result = backend.run(Task(circuit, rows, observable))
    wanted = [by_hand(circuit.assign_parameters(row), channels, observable) for row in rows]
    np.testing.assert_allclose(result.value, wanted, atol=1e-11)
    assert (result.stderr == 0).all()
    assert result.provenance["method"] == "density_matrix"
    assert "cx" in result.provenance["noise"]


def test_gates_outside_the_noise_models_basis_get_the_noise_of_those_they_become():
    model = NoiseModel()  # basis: cx, id, rz, sx
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.swap(0, 1)  # three cx
    observable = PauliSum.of({"XI": 1.0})
    value = AerBackend(noise_model=model).run(Task(circuit, np.zeros((1, 0)), observable)).value[0]
    assert value == pytest.approx(0.9**3, abs=1e-12)


def test_noisy_gradients_by_shifts_equal_finite_differences():
    model, channels = all_gate_noise()
    circuit, observable = random_circuit(3, 2), random_observable(3, 2)
    row = np.random.default_rng(2).normal(size=4)
    found = complete(AerBackend(noise_model=model), Task(circuit, row, observable, "gradient"))
    for k, step in enumerate(1e-4 * np.eye(4)):
        up, down = (by_hand(circuit.assign_parameters(row + s * step), channels, observable) for s in (1, -1))
        assert found.value[0, k] == pytest.approx((up - down) / 2e-4, abs=1e-6)


def test_an_angle_that_noise_would_spread_over_gates_is_refused():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    t = ParameterVector("t", 1)
    circuit = QuantumCircuit(2)
    circuit.cp(t[0], 0, 1)
    task = Task(circuit, np.ones((1, 1)), PauliSum.of({"ZZ": 1.0}))
    with pytest.raises(InputError, match="basis_gates=noise_model.basis_gates"):
        AerBackend(noise_model=model).run(task)


def test_counts_and_sampled_energies_have_readout_errors_and_exact_ones_do_not():
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    circuit = QuantumCircuit(1)
    circuit.x(0)
    backend = AerBackend(noise_model=model)
    observable = PauliSum.of({"Z": 1.0})
    exact = backend.run(Task(circuit, np.zeros((1, 0)), observable))
    assert exact.value[0] == pytest.approx(-1, abs=1e-12)
    assert exact.provenance["readout_errors"] is False
    sampled = backend.run(Task(circuit, np.zeros((1, 0)), observable, shots=20_000, seed=1))
    assert abs(sampled.value[0] + 0.6) < 6 * sampled.stderr[0]
    assert sampled.provenance["readout_errors"] is True
    counts = backend.run(Task(circuit, np.zeros((1, 0)), driver="counts", shots=20_000, seed=1)).value[0]
    assert abs(counts["0"] / 20_000 - 0.2) < 0.02


def test_noise_with_a_pure_state_method_is_refused():
    model, _ = all_gate_noise()
    for method in ("statevector", "mps"):
        with pytest.raises(InputError, match="take the method 'density_matrix'"):
            AerBackend(method, noise_model=model)
