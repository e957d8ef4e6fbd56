"""Matrix product states against Qiskit's state vectors."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyscf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import Statevector

import hybridq as hq
import hybridq_tensornet.mps_values as mps_values
from hybridq.contract.errors import InputError
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import FIXED, TURNS, QubitCircuit
from hybridq_tensornet.mpo import mpo
from hybridq_tensornet.mps import Mps, MpsSettings, energy_bound, evolve
from hybridq_tensornet.mps_program import mps_program
from hybridq_tensornet.mps_values import expectation, norm, sample

PAIRS = frozenset({"cx", "cy", "cz", "swap", "rxx", "ryy", "rzz", "cp"})
EXACT = MpsSettings(cutoff=0.0)
NONE = np.zeros(0)


def vector(state: Mps) -> NDArray[np.complex128]:
    """All amplitudes, qubit 0 the lowest bit."""
    found = np.ones((1, 1))
    for tensor in state.tensors:
        found = np.einsum("al,lsr->sar", found, tensor).reshape(-1, tensor.shape[2])
    return found[:, 0]


def distance(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> float:
    """Between two state vectors, but for a global phase."""
    overlap = np.vdot(a, b)
    return float(np.linalg.norm(a * overlap / abs(overlap) - b))


def layers(n: int, depth: int, *, ring: bool = False) -> QuantumCircuit:
    circuit = QuantumCircuit(n)
    t = iter(ParameterVector("t", 2 * n * depth))
    for _ in range(depth):
        for q in range(n):
            circuit.ry(next(t), q)
            circuit.rz(next(t), q)
        for q in range(n - 1):
            circuit.cx(q, q + 1)
        if ring:
            circuit.cx(n - 1, 0)
    return circuit


@st.composite
def circuits(draw: st.DrawFn, most: int = 6) -> QuantumCircuit:
    n = draw(st.integers(1, most))
    names = [*FIXED, *TURNS] if n > 1 else [name for name in (*FIXED, *TURNS) if name not in PAIRS]
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    circuit = QuantumCircuit(n)
    for name in draw(st.lists(st.sampled_from(names), max_size=70)):
        qubits = rng.choice(n, 2 if name in PAIRS else 1, replace=False).tolist()
        getattr(circuit, name)(*([rng.uniform(-7, 7)] if name in TURNS else []), *qubits)
    return circuit


@st.composite
def observables(draw: st.DrawFn, n: int) -> PauliSum:
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    labels = ["".join(rng.choice(list("IXYZ"), n)) for _ in range(draw(st.integers(1, 25)))]
    return PauliSum.of(list(zip(labels, rng.normal(size=len(labels)), strict=True)))


@pytest.mark.parametrize("name", [*FIXED, *TURNS])
def test_each_gate_acts_as_qiskits_between_all_pairs_of_four_qubits(name: str) -> None:
    rng = np.random.default_rng(11)
    for a in range(4):
        for b in range(4):
            if a == b:
                continue
            circuit, angle = QuantumCircuit(4), Parameter("a")
            for q in range(4):
                circuit.ry(rng.uniform(0, 6), q)
                circuit.rz(rng.uniform(0, 6), q)
            for q in range(3):
                circuit.cx(q, q + 1)
            qubits = (a, b) if name in PAIRS else (a,)
            if name in TURNS:
                getattr(circuit, name)(1.7 * angle + 0.3, *qubits)
                getattr(circuit, name)(-0.6, *qubits)
            else:
                getattr(circuit, name)(*qubits)
            circuit.sx(b)
            found = QubitCircuit.of(circuit)
            row = rng.uniform(-4, 4, found.n_parameters)
            exact = Statevector(circuit.assign_parameters(row)).data
            assert distance(vector(evolve(found, found.angles(row), EXACT)), exact) < 1e-13


@given(circuits())
def test_without_truncation_the_state_is_exact(circuit: QuantumCircuit) -> None:
    state = evolve(QubitCircuit.of(circuit), NONE, EXACT)
    assert distance(vector(state), Statevector(circuit).data) < 1e-12
    assert state.discarded == state.angle == 0.0
    assert norm(state) == pytest.approx(1.0, abs=1e-12)
    assert state.largest_bond == max([tensor.shape[2] for tensor in state.tensors])


@given(circuits(most=7), st.integers(1, 6), st.data())
def test_the_angle_bounds_what_truncations_do_to_state_and_values(
    circuit: QuantumCircuit, limit: int, data: st.DataObject
) -> None:
    state = evolve(QubitCircuit.of(circuit), NONE, MpsSettings(limit))
    exact, found = Statevector(circuit).data, vector(state)
    assert state.largest_bond <= limit
    assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-12)
    assert 1 - abs(np.vdot(exact, found)) ** 2 <= math.sin(state.angle) ** 2 + 1e-12
    assert (state.discarded > 0) == (state.angle > 0)
    observable = data.draw(observables(circuit.num_qubits))
    value = np.vdot(exact, observable.to_matrix() @ exact).real
    error = abs(expectation(state, mpo(observable)) - value)
    assert error <= energy_bound(state.angle, observable.bound) + 1e-12 * observable.bound


@pytest.mark.parametrize("limit", [8, 12, 15])
def test_the_weight_that_one_compression_loses_is_the_infidelity(limit: int) -> None:
    """Four layers make bonds of 16, which are compressed once, at the end."""
    circuit = QubitCircuit.of(layers(10, 4))
    row = np.random.default_rng(1).uniform(0, 6, circuit.n_parameters)
    state = evolve(circuit, circuit.angles(row), MpsSettings(limit))
    exact = Statevector(circuit.to_qiskit().assign_parameters(row)).data
    infidelity = 1 - abs(np.vdot(exact, vector(state))) ** 2
    assert infidelity > 1e-4
    assert math.sin(state.angle) ** 2 == pytest.approx(infidelity, rel=1e-9)
    assert infidelity <= state.discarded <= 1.5 * infidelity


@pytest.mark.parametrize("places", [(5, 1), (1, 5), (5, 3, 0, 5)])
def test_what_is_lost_is_known_wherever_gates_move_to(places: tuple[int, ...]) -> None:
    """Gates on a few qubits at a time: what is compressed lies left or right of what was compressed before."""
    rng = np.random.default_rng(10)
    circuit = QuantumCircuit(7)
    for q in [*range(6)] * 3 + [place for place in places for _ in range(8)]:
        circuit.ry(rng.uniform(0, 6), q)
        circuit.rz(rng.uniform(0, 6), q + 1)
        circuit.rxx(rng.uniform(0.2, 0.8), q, q + 1)
    exact = Statevector(circuit).data
    for limit in (2, 3):
        state = evolve(QubitCircuit.of(circuit), NONE, MpsSettings(limit))
        found = vector(state)
        assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-12)
        infidelity = 1 - abs(np.vdot(exact, found)) ** 2
        assert 1e-9 < infidelity <= math.sin(state.angle) ** 2
        assert infidelity <= 2 * state.discarded


def test_more_bonds_lose_less() -> None:
    circuit = QubitCircuit.of(layers(12, 6))
    row = np.random.default_rng(2).uniform(0, 6, circuit.n_parameters)
    exact = Statevector(circuit.to_qiskit().assign_parameters(row)).data
    states = [evolve(circuit, circuit.angles(row), MpsSettings(limit)) for limit in (4, 8, 16, 32, 64)]
    overlaps = [abs(np.vdot(exact, vector(state))) ** 2 for state in states]
    assert overlaps == sorted(overlaps)
    assert overlaps[0] < 0.5 < overlaps[3]
    assert overlaps[4] == pytest.approx(1.0, abs=1e-12)
    assert [state.discarded for state in states] == sorted((state.discarded for state in states), reverse=True)


def test_a_cutoff_keeps_the_error_near_it_and_the_bonds_small() -> None:
    circuit = QuantumCircuit(10)
    for k in range(40):  # weak entanglement: singular values fall off fast
        for q in range(9):
            circuit.rxx(0.05, q, q + 1)
            circuit.rz(0.3 * k + q, q)
    exact = Statevector(circuit).data
    bonds = []
    for cutoff in (0.0, 1e-16, 1e-12):
        state = evolve(QubitCircuit.of(circuit), NONE, MpsSettings(cutoff=cutoff))
        infidelity = 1 - abs(np.vdot(exact, vector(state))) ** 2
        assert infidelity <= min(1.0, math.sin(state.angle) ** 2) + 1e-12
        assert infidelity < 1e3 * cutoff + 1e-12
        bonds.append(state.largest_bond)
    assert bonds[0] > bonds[1] >= bonds[2]


@given(circuits(), st.data())
def test_values_are_those_of_the_matrix(circuit: QuantumCircuit, data: st.DataObject) -> None:
    observable = data.draw(observables(circuit.num_qubits))
    exact = Statevector(circuit).data
    value = np.vdot(exact, observable.to_matrix() @ exact).real
    found = expectation(evolve(QubitCircuit.of(circuit), NONE, EXACT), mpo(observable))
    assert found == pytest.approx(value, abs=1e-12 * max(1.0, observable.bound))


def test_one_program_serves_all_rows() -> None:
    circuit = QubitCircuit.of(layers(6, 3, ring=True))
    program = mps_program(circuit)
    rng = np.random.default_rng(3)
    for _ in range(3):
        row = rng.uniform(-4, 4, circuit.n_parameters)
        exact = Statevector(circuit.to_qiskit().assign_parameters(row)).data
        assert distance(vector(evolve(program, circuit.angles(row), EXACT)), exact) < 1e-12


def test_real_circuits_have_real_tensors() -> None:
    circuit = QuantumCircuit(5)
    for q in range(5):
        circuit.ry(0.3 + q, q)
        circuit.h(q)
    circuit.cx(0, 3)
    circuit.cz(1, 4)
    circuit.swap(2, 4)
    state = evolve(QubitCircuit.of(circuit), NONE, MpsSettings(3))
    assert {tensor.dtype for tensor in state.tensors} == {np.dtype(float)}
    assert abs(np.vdot(Statevector(circuit).data, vector(state))) ** 2 >= 1 - math.sin(state.angle) ** 2 - 1e-12


def test_a_wide_cat_state_has_bonds_of_two_and_two_outcomes() -> None:
    n, shots = 130, 2000
    circuit = QuantumCircuit(n)
    circuit.h(0)
    for q in range(n - 1):
        circuit.cx(q, q + 1)
    state = evolve(QubitCircuit.of(circuit), NONE, MpsSettings())
    assert state.largest_bond == 2
    whole = PauliSum.of({"X" * n: 1.0, "I" * (n - 2) + "ZZ": 0.5, "Z" + "I" * (n - 1): 3.0})
    assert expectation(state, mpo(whole)) == pytest.approx(1.5, abs=1e-12)
    counts = sample(state, shots, np.random.default_rng(0))
    assert set(counts) == {"0" * n, "1" * n}
    assert sum(counts.values()) == shots
    assert abs(counts["0" * n] - shots / 2) < 5 * math.sqrt(shots / 4)


def test_ladders_that_undo_themselves_leave_small_bonds() -> None:
    circuit = QuantumCircuit(12)
    for k in range(12):
        circuit.h(k)
    for _ in range(6):
        for q in range(11):
            circuit.cx(q, q + 1)
        circuit.rz(0.4, 11)
        for q in reversed(range(11)):
            circuit.cx(q, q + 1)
        for q in range(12):
            circuit.rx(0.01, q)
    state = evolve(QubitCircuit.of(circuit), NONE, MpsSettings(cutoff=1e-26))
    assert distance(vector(state), Statevector(circuit).data) < 1e-11
    assert state.largest_bond <= 64


def test_a_molecules_circuit_of_thousands_of_gates_ends_with_the_few_bonds_that_it_needs() -> None:
    mf = pyscf.M(atom="".join(f"H 0 0 {0.9 * k};" for k in range(4)), basis="sto-3g", verbose=0).RHF().run()
    problem = hq.Problem.from_pyscf(mf)
    circuit = hq.to_qiskit(hq.ansatz("uccsd").build(problem))
    found = QubitCircuit.of(circuit)
    row = np.random.default_rng(0).normal(0, 0.1, found.n_parameters)
    state = evolve(found, found.angles(row), MpsSettings(cutoff=1e-26))
    exact = Statevector(circuit.assign_parameters(row)).data
    assert distance(vector(state), exact) < 1e-11
    middle = np.linalg.svd(exact.reshape(16, 16), compute_uv=False)
    assert np.count_nonzero(middle > 1e-11) <= state.largest_bond <= 8
    observable = problem.to_qubits().hamiltonian
    value = np.vdot(exact, observable.to_matrix() @ exact).real
    assert expectation(state, mpo(observable)) == pytest.approx(value, abs=1e-11)


def test_a_ring_of_twenty_qubits_agrees_with_aer() -> None:
    aer = pytest.importorskip("qiskit_aer")
    circuit = layers(20, 3, ring=True)
    row = np.random.default_rng(4).uniform(0, 6, circuit.num_parameters)
    observable = PauliSum.of([("I" * k + "ZXY" + "I" * (17 - k), 0.1 * (k + 1)) for k in range(18)])
    bound = circuit.assign_parameters(row)
    bound.save_expectation_value(observable.to_sparse_pauli_op(), range(20), label="value")
    there = aer.AerSimulator(method="statevector").run(bound).result().data()["value"]
    found = QubitCircuit.of(circuit)
    here = expectation(evolve(found, found.angles(row), MpsSettings()), mpo(observable))
    assert here == pytest.approx(there, abs=1e-10)


@pytest.mark.parametrize("limit", [None, 4])
def test_samples_come_as_often_as_the_state_says(limit: int | None) -> None:
    circuit = QubitCircuit.of(layers(6, 3))
    row = np.random.default_rng(5).uniform(0, 6, circuit.n_parameters)
    state = evolve(circuit, circuit.angles(row), MpsSettings(limit))
    shots = 200_000
    counts = sample(state, shots, np.random.default_rng(6))
    probabilities = np.abs(vector(state)) ** 2
    drawn = np.zeros(64)
    for bits, count in counts.items():
        drawn[int(bits, 2)] = count
    assert drawn.sum() == shots
    sigma = np.sqrt(shots * probabilities * (1 - probabilities))
    assert (np.abs(drawn - shots * probabilities) <= 5 * sigma + 1e-9).all()
    pull = ((drawn - shots * probabilities) ** 2 / (shots * probabilities)).sum()
    assert abs(pull - 63) < 5 * math.sqrt(2 * 63)  # chi squared


def test_the_same_seed_draws_the_same_and_shots_in_parts_are_all_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = QubitCircuit.of(layers(8, 2))
    state = evolve(circuit, np.random.default_rng(7).uniform(0, 6, circuit.n_angles), MpsSettings())
    first, again = (sample(state, 500, np.random.default_rng(8)) for _ in range(2))
    assert first == again
    monkeypatch.setattr(mps_values, "AT_ONCE", 37 * 4 * state.largest_bond)
    parts = sample(state, 500, np.random.default_rng(8))
    assert sum(parts.values()) == 500
    assert parts != first


def test_qubit_0_is_the_rightmost_letter_of_a_sample() -> None:
    circuit = QuantumCircuit(3)
    circuit.x(0)
    assert sample(evolve(QubitCircuit.of(circuit), NONE, EXACT), 9, np.random.default_rng(0)) == {"001": 9}


def other_arrays(**replaced: Any) -> Any:
    """An array module with no more than what the code may ask of one."""
    linalg = SimpleNamespace(**{"qr": np.linalg.qr, "svd": np.linalg.svd, "norm": np.linalg.norm, **replaced})
    return SimpleNamespace(asarray=np.asarray, zeros=np.zeros, ones=np.ones, linalg=linalg)


def test_another_array_module_gives_the_same() -> None:
    circuit = QubitCircuit.of(layers(7, 5, ring=True))
    angles = np.random.default_rng(9).uniform(0, 6, circuit.n_angles)
    observable = mpo(PauliSum.of([("".join(row), 1.0) for row in np.random.default_rng(1).choice([*"IXYZ"], (60, 7))]))
    module = other_arrays()
    state, same = evolve(circuit, angles, MpsSettings(6)), evolve(circuit, angles, MpsSettings(6), module)
    assert same.discarded == state.discarded
    assert expectation(same, observable, module) == pytest.approx(expectation(state, observable), abs=1e-12)
    assert norm(same, module) == pytest.approx(1.0, abs=1e-12)


def test_a_decomposition_that_fails_is_done_by_another_method() -> None:
    def failing(matrix: Any, full_matrices: bool) -> Any:
        raise np.linalg.LinAlgError("SVD did not converge")

    circuit = QubitCircuit.of(layers(7, 5))
    angles = np.random.default_rng(9).uniform(0, 6, circuit.n_angles)
    state = evolve(circuit, angles, MpsSettings(6), other_arrays(svd=failing))
    assert distance(vector(state), vector(evolve(circuit, angles, MpsSettings(6)))) < 1e-10


@pytest.mark.parametrize(
    "settings",
    [
        {"max_bond_dimension": 0},
        {"max_bond_dimension": 2.5},
        {"max_bond_dimension": True},
        {"cutoff": -1e-9},
        {"cutoff": 1.0},
        {"cutoff": math.nan},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="got"):
        MpsSettings(**settings)


def test_sizes_that_do_not_fit_are_refused() -> None:
    circuit = QubitCircuit.of(layers(3, 1))
    with pytest.raises(InputError, match="6 angles"):
        evolve(circuit, np.zeros(5), MpsSettings())
    with pytest.raises(InputError, match="on 3 qubits, the operator on 2"):
        expectation(evolve(circuit, np.zeros(6), MpsSettings()), mpo(PauliSum.of({"ZZ": 1.0})))
