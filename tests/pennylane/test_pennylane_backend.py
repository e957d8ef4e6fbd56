"""The PennyLane door: Qiskit's numbers for every gate, adjoint gradients, honest errors of samples, clear refusals."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector

import hybridq as hq
from hybridq.contract.errors import MissingPackage
from hybridq.contract.qubit_circuit import FIXED, TURNS
from hybridq.derive import complete, gradient_from_result, gradient_task, speaking
from hybridq.testing import BackendConformance
from hybridq.testing.cases import cases
from hybridq_pennylane.backend import PennyLaneBackend
from hybridq_pennylane.sampling import groups, shares

ONE = ("x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "sxdg", "rx", "ry", "rz", "p")


class TestLightning(BackendConformance):
    """The kit's fermionic cases, lowered."""

    def backend(self):
        return speaking(PennyLaneBackend(), cases()[0].circuit)


@st.composite
def circuits(draw):
    n = draw(st.integers(2, 4))
    made = QuantumCircuit(n)
    t = ParameterVector("t", 3)
    for name in draw(st.lists(st.sampled_from([*FIXED, *TURNS]), min_size=1, max_size=14)):
        a, b = draw(st.permutations(range(n)))[:2]
        angle = draw(st.sampled_from((0.7, t[0], 2 * t[1] - 0.1, t[0] + t[2], t[1] * t[2])))
        getattr(made, name)(*((angle,) if name in TURNS else ()), *((a,) if name in ONE else (a, b)))
    return made


def observable(n):
    return SparsePauliOp(["Z" * n, "X" + "I" * (n - 1), "Y" * n, "I" * n], [1.0, 0.5, -0.3, 0.25])


@settings(max_examples=60)
@given(circuits(), st.integers(0, 1000), st.sampled_from(["lightning.qubit", "default.qubit"]))
def test_values_and_gradients_are_those_of_the_state_vector(circuit, seed, device):
    n = circuit.num_qubits
    rows = np.random.default_rng(seed).normal(size=(2, circuit.num_parameters))
    backend = PennyLaneBackend(device)
    task = hq.Task(circuit, rows, observable(n), "gradient")
    found = backend.run(task)
    exact = [Statevector(circuit.assign_parameters(row)).expectation_value(observable(n)).real for row in rows]
    assert found.energy == pytest.approx(exact, abs=1e-10)
    assert backend.run(hq.Task(circuit, rows, observable(n))).value == pytest.approx(exact, abs=1e-10)
    shifted = gradient_from_result(task, backend.run(gradient_task(task)))
    assert found.value == pytest.approx(shifted.value, abs=1e-9)


def test_a_molecule_by_lowering_is_that_of_the_sector_engine():
    h4 = hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g")
    circuit = hq.ansatz("uccsd").build(h4)
    row = 0.2 * np.random.default_rng(1).normal(size=circuit.n_parameters)
    task = hq.Task(circuit, row, h4.hamiltonian, "gradient")
    mine, sector = (speaking(b, circuit).submit([task]).result()[0] for b in (PennyLaneBackend(), hq.backend("sector")))
    assert mine.energy == pytest.approx(sector.energy, abs=1e-10)
    assert mine.value == pytest.approx(sector.value, abs=1e-9)
    result = hq.VQE(h4, backend="pennylane:lightning.qubit", progress=False, max_iterations=3).run()
    assert result.backend == "pennylane:lightning.qubit"


def test_devices_without_the_adjoint_method_give_the_same_gradient_by_shifts():
    circuit, row = efficient_su2(3, reps=1), np.random.default_rng(4).normal(size=12)
    task = hq.Task(circuit, row, {"ZZI": 1.0, "XIY": 0.4}, "gradient")
    exact = PennyLaneBackend().run(task)
    for name in ("default.mixed", "reference.qubit"):
        backend = PennyLaneBackend(name)
        assert "gradient" not in backend.capabilities.drivers
        found = complete(backend, task)
        assert found.value == pytest.approx(exact.value, abs=1e-9)
        assert found.energy == pytest.approx(exact.energy, abs=1e-10)


def test_gradients_are_the_slopes_of_the_energy():
    t = ParameterVector("t", 2)
    circuit = QuantumCircuit(2)
    circuit.rx(t[0] * t[1], 0)
    circuit.cp(2 * t[1] + 0.3, 0, 1)
    circuit.ryy(t[0], 0, 1)
    backend, op, row, h = PennyLaneBackend(), {"ZX": 1.0, "YZ": 0.5}, np.array([0.4, -0.9]), 1e-5
    moved = np.vstack([row + h * np.eye(2), row - h * np.eye(2)])
    up_and_down = backend.run(hq.Task(circuit, moved, op)).value
    found = backend.run(hq.Task(circuit, row, op, "gradient")).value[0]
    assert found == pytest.approx((up_and_down[:2] - up_and_down[2:]) / (2 * h), abs=1e-8)


def test_the_error_of_memory_names_a_width_that_is_taken():
    limit = 200 << 20
    backend = PennyLaneBackend(memory=limit)

    def task(n):
        return hq.Task(efficient_su2(n, reps=0), np.zeros(2 * n), {"Z" * n: 1.0})

    with pytest.raises(hq.CapacityError) as error:
        backend.cost([task(26)])
    fits = int(str(error.value).split(" qubits would fit")[0].rsplit(" ", 1)[1])
    assert backend.cost([task(fits)]).bytes <= limit
    with pytest.raises(hq.CapacityError):
        backend.cost([task(fits + 1)])


def test_a_density_matrix_is_counted_as_one():
    task = hq.Task(efficient_su2(14, reps=0), np.zeros(28), {"Z" * 14: 1.0})
    assert PennyLaneBackend().cost([task]).bytes < 1 << 30
    with pytest.raises(hq.CapacityError, match="14 qubits need"):
        PennyLaneBackend("default.mixed", memory=4 << 30).cost([task])


def test_rows_reuse_what_was_made_for_the_structure():
    backend = PennyLaneBackend()
    circuit = hq.QubitCircuit.of(efficient_su2(3, reps=1))
    first = backend.run(hq.Task(circuit, np.zeros(12), {"ZZZ": 1.0}, "gradient"))
    kept = dict(backend._kept)
    again = backend.run(hq.Task(circuit, np.zeros(12), {"ZZZ": 1.0}, "gradient"))
    assert [id(kept[key]) for key in kept] == [id(backend._kept[key]) for key in kept]
    assert np.array_equal(first.value, again.value)


def test_counts_have_qubit_0_rightmost_and_repeat_with_their_seed():
    circuit = QuantumCircuit(3)
    circuit.x(0)
    circuit.h(2)
    backend = PennyLaneBackend()
    task = hq.Task(circuit, [], driver="counts", shots=400, seed=3)
    [counts] = backend.run(task).value
    assert set(counts) == {"001", "101"}
    assert sum(counts.values()) == 400
    assert backend.run(task).value[0] == counts


def test_energies_by_shots_spread_as_their_errors_say():
    circuit, row = efficient_su2(3, reps=1), np.random.default_rng(2).normal(size=12)
    op = {"ZZI": 1.0, "IZZ": 1.0, "XXI": 0.5, "YIY": 0.7, "III": 2.0}
    backend = PennyLaneBackend()
    exact = backend.run(hq.Task(circuit, row, op)).value[0]
    runs = [backend.run(hq.Task(circuit, row, op, shots=300, seed=k)) for k in range(60)]
    values, errors = np.array([r.value[0] for r in runs]), np.array([r.stderr[0] for r in runs])
    assert values.mean() == pytest.approx(exact, abs=5 * errors.mean() / np.sqrt(60))
    assert values.std(ddof=1) == pytest.approx(errors.mean(), rel=0.35)


def test_groups_commute_qubit_by_qubit_and_shots_add_up():
    op = hq.PauliSum.of({"ZZI": 1.0, "IZZ": 0.5, "XXI": 0.5, "IXX": 0.1, "III": 2.0})
    found = groups(op)
    assert sorted(len(members) for members in found) == [2, 2]
    assert sum(shares(op, found, 101)) == 101


@pytest.mark.parametrize(
    ("make", "kind", "told"),
    [
        (lambda: PennyLaneBackend("lightning.gpu"), MissingPackage, "pip install pennylane-lightning-gpu"),
        (
            lambda: PennyLaneBackend("no.such"),
            hq.InputError,
            "no device .no.such. here; installed are",
        ),
        (lambda: PennyLaneBackend("null.qubit"), hq.InputError, "computes nothing"),
        (lambda: PennyLaneBackend("default.gaussian"), hq.InputError, "no qubits"),
        (lambda: PennyLaneBackend(memory=0), hq.InputError, "memory is in bytes"),
    ],
)
def test_a_device_that_is_not_there_is_refused_in_words(make, kind, told):
    with pytest.raises(kind, match=told):
        make()


def test_an_option_that_the_device_does_not_know_is_refused_in_words():
    backend = PennyLaneBackend(options={"colour": "blue"})
    with pytest.raises(hq.InputError, match="does not take .*colour"):
        backend.run(hq.Task(efficient_su2(2, reps=0), np.zeros(4), {"ZZ": 1.0}))


def test_without_pennylane_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pennylane", None)
    monkeypatch.setattr("hybridq_pennylane.devices.find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"hybridq-sdk\[pennylane\]"):
        PennyLaneBackend()


def test_too_few_shots_and_too_many_qubits_are_refused_in_words():
    backend = PennyLaneBackend()
    with pytest.raises(hq.InputError, match="1 shots are too few"):
        backend.run(hq.Task(efficient_su2(2, reps=0), np.zeros(4), {"ZZ": 1.0}, shots=1))
    with pytest.raises(hq.InputError, match="takes no shots"):
        backend.run(hq.Task(efficient_su2(2, reps=0), np.zeros(4), {"ZZ": 1.0}, "gradient", shots=10))
    wide = hq.Task(efficient_su2(40, reps=0), np.zeros(80), {"Z" * 40: 1.0})
    with pytest.raises(hq.CapacityError, match="40 qubits"):
        backend.cost([wide])
    with pytest.raises(hq.CapacityError, match="qubits would fit"):
        PennyLaneBackend(memory=200 << 20).cost([hq.Task(efficient_su2(24, reps=0), np.zeros(48), {"Z" * 24: 1.0})])
