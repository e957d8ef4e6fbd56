"""The tensor-network backend: one number in every form, gradients, slices, counts, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from tensornet_circuits import REAL, differences, random_circuit, random_observable, state_energy, state_of

import hybridq as hq
from hybridq.contract.task import Task
from hybridq.derive import speaking
from hybridq.qubits import QubitProblem
from hybridq.testing import BackendConformance
from hybridq.testing.cases import cases
from hybridq_circuits.qubit_families.hea import hea
from hybridq_tensornet.backend import TensorNetBackend
from hybridq_tensornet.forms import FORMS


class TestTensorNetKeepsThePromisesOfABackend(BackendConformance):
    def backend(self):
        return speaking(TensorNetBackend(), cases()[0].circuit)


def chain(n: int, layers: int, entanglement: str = "linear", rotations: str = "ry rz"):
    return hea(
        QubitProblem(hq.PauliSum.of({"Z" * n: 1.0})), layers=layers, rotations=rotations, entanglement=entanglement
    )


@given(n=st.integers(1, 5), seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_all_forms_give_the_energy_and_gradient_of_the_state_vector(n, seed):
    circuit, observable = random_circuit(n, seed), random_observable(n, seed)
    row = np.random.default_rng(seed).normal(size=circuit.n_parameters)
    exact, slopes = state_energy(circuit, row, observable), differences(circuit, row, observable)
    for form in (*FORMS, "auto"):
        backend = TensorNetBackend(form)
        energy = backend.run(Task(circuit, row, observable))
        assert energy.value[0] == pytest.approx(exact, abs=1e-11)
        assert energy.stderr[0] == 0
        gradient = backend.run(Task(circuit, row, observable, driver="gradient"))
        assert gradient.energy[0] == pytest.approx(exact, abs=1e-11)
        np.testing.assert_allclose(gradient.value[0], slopes, atol=1e-9)


@given(n=st.integers(2, 5), seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_circuits_of_real_gates_run_in_real_numbers_with_the_same_values(n, seed):
    circuit = random_circuit(n, seed, names=REAL)
    observable = random_observable(n, seed, "IXZ")
    row = np.random.default_rng(seed).normal(size=circuit.n_parameters)
    backend = TensorNetBackend("operator")
    found = backend.run(Task(circuit, row, observable, driver="gradient"))
    (ready,) = backend._engine._prepared.values()
    assert all(piece.dtype is np.float64 for piece in ready.pieces)
    assert found.energy[0] == pytest.approx(state_energy(circuit, row, observable), abs=1e-11)
    np.testing.assert_allclose(found.value[0], differences(circuit, row, observable), atol=1e-9)


def test_slices_add_up_to_the_whole_for_values_and_gradients():
    circuit = chain(10, 5, "ring")
    observable = random_observable(10, 3)
    row = np.random.default_rng(0).uniform(-3, 3, (2, circuit.n_parameters))
    whole = TensorNetBackend("operator").run(Task(circuit, row, observable, driver="gradient"))
    cut = TensorNetBackend("operator", threads=1, memory="200KiB").run(Task(circuit, row, observable))
    assert cut.provenance["slices"] > 1
    np.testing.assert_allclose(cut.value, whole.energy, atol=1e-12)
    back = TensorNetBackend("operator", threads=2, memory="3MiB").run(Task(circuit, row, observable, driver="gradient"))
    assert back.provenance["slices"] > 1
    np.testing.assert_allclose(back.value, whole.value, atol=1e-12)
    one = TensorNetBackend("operator", threads=1, memory="1536KiB").run(
        Task(circuit, row, observable, driver="gradient")
    )
    assert (one.value == back.value).all()


def test_a_molecule_of_hundreds_of_strings_has_its_energy_in_every_form():
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.8; H 0 0 1.6; H 0 0 2.4", "sto-3g").to_qubits()
    circuit = chain(problem.n_qubits, 2)
    row = np.random.default_rng(1).uniform(-3, 3, circuit.n_parameters)
    exact = state_energy(circuit, row, problem.hamiltonian)
    for form in ("operator", "state"):
        found = TensorNetBackend(form).run(Task(circuit, row, problem.hamiltonian))
        assert found.value[0] == pytest.approx(exact, abs=1e-10)


def test_sixty_qubits_have_the_energy_of_matrix_product_states():
    circuit = chain(60, 3)
    labels = ["I" * (59 - q) + "Z" + "I" * q for q in range(60)] + ["I" * (58 - q) + "XX" + "I" * q for q in range(59)]
    observable = hq.PauliSum.of([(label, 0.1 * k) for k, label in enumerate(labels)])
    row = np.random.default_rng(0).uniform(-3, 3, circuit.n_parameters)
    found = hq.backend("tensornet").submit([Task(circuit, row, observable)]).result()[0]
    other = hq.backend("aer:mps").submit([Task(circuit, row, observable)]).result()[0]
    assert found.value[0] == pytest.approx(other.value[0], abs=1e-8)


def test_gates_outside_the_light_cone_change_nothing_and_cost_nothing():
    wide, n = chain(200, 2, "brick"), 200
    observable = hq.PauliSum.of({"I" * 100 + "Z" + "I" * 99: 1.0})
    row = np.random.default_rng(0).uniform(-3, 3, wide.n_parameters)
    backend = TensorNetBackend()
    found = backend.run(Task(wide, row, observable, driver="gradient"))
    assert (found.value[0] != 0).sum() < 0.1 * wide.n_parameters
    (ready,) = backend._engine._prepared.values()
    assert len(ready.pieces[0].network.inputs) < n


def test_the_identity_and_a_circuit_without_gates_need_no_contraction():
    backend = TensorNetBackend()
    bare = QuantumCircuit(3)
    assert backend.run(Task(bare, np.zeros((1, 0)), {"III": 2.5})).value[0] == 2.5
    assert backend.run(Task(bare, np.zeros((1, 0)), {"ZIZ": 2.0, "XII": 5.0})).value[0] == 2.0
    assert backend.run(Task(chain(3, 1), np.zeros((2, 12)), {"III": 1.0}, driver="gradient")).value.shape == (2, 12)


@given(n=st.integers(1, 5), seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_amplitudes_are_those_of_the_state_vector_up_to_a_phase(n, seed):
    circuit = random_circuit(n, seed)
    row = np.random.default_rng(seed).normal(size=circuit.n_parameters)
    psi = state_of(circuit, row)
    found = TensorNetBackend().amplitudes(circuit, row, [format(i, f"0{n}b") for i in range(2**n)])
    assert abs(np.vdot(found, psi)) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(np.abs(found), np.abs(psi), atol=1e-12)


@pytest.mark.parametrize("widest", [24, 0], ids=["state vector", "conditional"])
def test_counts_follow_the_state(widest, monkeypatch):
    monkeypatch.setattr("hybridq_tensornet.sampling.WIDEST", widest)
    monkeypatch.setattr("hybridq_tensornet.sampling.BLOCK", 2)
    circuit = random_circuit(5, 11, size=60)
    row = np.random.default_rng(2).normal(size=circuit.n_parameters)
    shots = 20_000
    counts = TensorNetBackend(seed=4).run(Task(circuit, row, driver="counts", shots=shots)).value[0]
    assert sum(counts.values()) == shots
    for index, p in enumerate(np.abs(state_of(circuit, row)) ** 2):
        seen = counts.get(format(index, "05b"), 0) / shots
        assert abs(seen - p) <= 6 * math.sqrt(p * (1 - p) / shots) + 1e-3


def test_counts_of_forty_qubits_agree_with_energies():
    circuit = chain(40, 2, "brick")
    row = np.random.default_rng(0).uniform(-3, 3, circuit.n_parameters)
    counts = TensorNetBackend(seed=1).run(Task(circuit, row, driver="counts", shots=2000)).value[0]
    backend = TensorNetBackend()
    for q in (0, 7, 20, 39):
        exact = backend.run(Task(circuit, row, {"I" * (39 - q) + "Z" + "I" * q: 1.0})).value[0]
        mean = sum(times * (1 - 2 * int(bits[39 - q])) for bits, times in counts.items()) / 2000
        assert abs(mean - exact) < 6 * math.sqrt(max(1e-3, 1 - exact**2) / 2000)


def test_a_seed_repeats_counts_and_another_changes_them():
    circuit, row = chain(6, 2), np.full(36, 0.4)
    first, again = (TensorNetBackend().run(Task(circuit, row, driver="counts", shots=200, seed=3)) for _ in range(2))
    other = TensorNetBackend().run(Task(circuit, row, driver="counts", shots=200, seed=4))
    assert first.value == again.value != other.value


def test_vqe_runs_on_forty_qubits():
    observable = hq.PauliSum.of(
        [("I" * (38 - q) + "ZZ" + "I" * q, -1.0) for q in range(39)]
        + [("I" * (39 - q) + "X" + "I" * q, -0.5) for q in range(40)]
    )
    result = hq.VQE(
        QubitProblem(observable),
        hq.ansatz("hea", layers=1, seed=1),
        backend="tensornet",
        max_iterations=8,
        progress=False,
    ).run()
    assert result.energy < -39


def test_what_fits_no_memory_says_its_width_and_what_slices_would_cost():
    circuit = chain(40, 14, "ring")
    observable = hq.PauliSum.of({"Z" * 40: 1.0})
    backend = TensorNetBackend(memory="1GiB", threads=1, search_seconds=1)
    with pytest.raises(hq.CapacityError, match=r"largest tensor has 2\^\d+ numbers.*slices.*days"):
        backend.run(Task(circuit, np.zeros(circuit.n_parameters), observable))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "magic"}, "form is one of auto, operator, cones, state, mps, got 'magic'"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"memory": "much"}, "'much' is no amount of memory"),
        ({"memory": 0}, "memory is in bytes and must be positive, got 0"),
        ({"search_seconds": -1}, "search_seconds must be 0 or more, got -1"),
        ({"seed": -1}, "seed must not be negative, got -1"),
    ],
    ids=str,
)
def test_wrong_options_are_refused_with_what_is_possible(options, message):
    with pytest.raises(hq.InputError, match=message):
        TensorNetBackend(**options)


def test_shots_for_an_energy_and_bits_of_another_length_are_refused():
    backend, circuit = TensorNetBackend(), chain(3, 1)
    with pytest.raises(hq.InputError, match="computes the energy exactly, and shots=10 was given"):
        backend.run(Task(circuit, np.zeros(12), {"ZZZ": 1.0}, shots=10))
    with pytest.raises(hq.InputError, match="'01' is no string of 3 bits"):
        backend.amplitudes(circuit, np.zeros(12), ["01"])
    with pytest.raises(hq.CapacityError, match="form 'state' is for at most 30 qubits"):
        TensorNetBackend("state").run(Task(chain(40, 1), np.zeros(160), {"Z" * 40: 1.0}))


def test_measurement_in_mid_circuit_is_refused_with_its_place():
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.cx(0, 1)
    with pytest.raises(hq.InputError, match="instruction 1 of the circuit measures in its middle"):
        Task(circuit, np.zeros((1, 0)), {"ZZ": 1.0})


def test_predicted_bytes_cover_what_a_plan_needs_and_known_plans_are_priced_by_themselves():
    circuit, observable = chain(12, 4), hq.PauliSum.of({"Z" * 12: 1.0})
    backend = TensorNetBackend(threads=1)
    task = Task(circuit, np.zeros(circuit.n_parameters), observable, driver="gradient")
    before = backend.cost([task])
    backend.run(task)
    after = backend.cost([task])
    (ready,) = backend._engine._prepared.values()
    (piece,) = ready.pieces
    layout = piece.take().plan
    held = 16 * (layout.keep_size + layout.back_size)
    assert before.bytes >= held
    assert after.bytes >= held
    assert after.seconds <= 1.01 * before.seconds
