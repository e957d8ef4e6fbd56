"""hea, qaoa and hva against dense linear algebra."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector
from scipy.linalg import expm

import hybridq as hq
from hybridq.contract.paulis import PauliSum
from hybridq.qubits import jordan_wigner, pauli_strings
from hybridq_circuits.qubit_families.hva import commuting_groups
from hybridq_circuits.qubit_families.qaoa import dicke

PETAL = [(0, 1), (1, 2, 0.5), (2, 3), (3, 0, -0.7), (0, 2, 1.3)]


@cache
def h2() -> hq.Problem:
    return hq.Problem.from_xyz("H 0 0 0; H 0 0 0.9", "sto-3g")


@cache
def triplet() -> hq.Problem:
    return hq.Problem.from_xyz("O 0 0 0; O 0 0 1.2", "sto-3g", spin=2, active_electrons=4, active_orbitals=3)


def state(circuit, row):
    return Statevector(circuit.to_qiskit().assign_parameters(row)).data


def same_up_to_phase(a, b):
    return abs(abs(np.vdot(a, b)) - 1) < 1e-10


def dense(labels):
    return SparsePauliOp.from_list(list(labels.items())).to_matrix()


def mixer_x(n):
    return -sum(dense({"I" * (n - 1 - q) + "X" + "I" * q: 1.0}) for q in range(n))


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4))
@settings(max_examples=10)
def test_qaoa_is_the_product_of_two_exponentials(row):
    problem = hq.max_cut(PETAL)
    n, cost, mixer = 4, problem.hamiltonian.to_matrix().toarray(), mixer_x(4)
    expected = np.full(2**n, 2 ** (-n / 2), complex)
    for g, b in (row[:2], row[2:]):
        expected = expm(-1j * b * mixer) @ expm(-1j * g * cost) @ expected
    assert same_up_to_phase(state(hq.ansatz("qaoa", layers=2).build(problem), row), expected)


def test_qaoa_takes_terms_on_any_number_of_qubits():
    problem = hq.QubitProblem({"ZZZI": 0.7, "IZZZ": -0.4, "ZZZZ": 0.3, "IIZI": 1.1})
    row = [0.37, 0.81]
    cost = problem.hamiltonian.to_matrix().toarray()
    expected = expm(-1j * row[1] * mixer_x(4)) @ expm(-1j * row[0] * cost) @ np.full(16, 0.25)
    assert same_up_to_phase(state(hq.ansatz("qaoa").build(problem), row), expected)


@pytest.mark.parametrize("n", [4, 5])
def test_the_mixer_xy_is_the_product_over_a_ring_and_keeps_the_number_of_ones(n):
    problem = hq.ising([0.3 * q for q in range(n)], {(0, 2): 1.0, (1, 3): -0.4})
    row = [0.9, 0.6]

    def hop(p, q):
        letters = [{p: a, q: a} for a in "XY"]
        return -dense({"".join(at.get(k, "I") for k in reversed(range(n))): 0.5 for at in letters})

    pairs = [(q, q + 1) for q in range(0, n - 1, 2)] + [(q, q + 1) for q in range(1, n - 1, 2)] + [(n - 1, 0)]
    if n % 2 == 0:  # the closing pair is one of the odd ones
        assert len(pairs) == n
    ones = np.bitwise_count(np.arange(2**n))
    expected = np.where(ones == 2, 1.0, 0.0).astype(complex)
    expected = expm(-1j * row[0] * problem.hamiltonian.to_matrix().toarray()) @ (expected / np.linalg.norm(expected))
    for pair in pairs:
        expected = expm(-1j * row[1] * hop(*pair)) @ expected
    found = state(hq.ansatz("qaoa", mixer="xy", ones=2).build(problem), row)
    assert same_up_to_phase(found, expected)
    assert np.abs(found[ones != 2]).max() < 1e-12


@pytest.mark.parametrize(("n", "ones"), [(2, 1), (4, 1), (4, 3), (5, 2), (6, 3), (7, 5)])
def test_dicke_states_are_equal_superpositions(n, ones):
    circuit = QuantumCircuit(n)
    dicke(circuit, ones)
    expected = (np.bitwise_count(np.arange(2**n)) == ones).astype(float)
    np.testing.assert_allclose(Statevector(circuit).data, expected / np.linalg.norm(expected), atol=1e-12)


def test_more_layers_of_the_ramp_come_closer_to_the_best_cut():
    problem = hq.max_cut([(k, (k + 1) % 7) for k in range(7)] + [(0, 3, 2.0)])
    energies = []
    for layers in (1, 4, 16):
        circuit = hq.ansatz("qaoa", layers=layers).build(problem)
        energies.append(np.vdot(v := state(circuit, circuit.start), problem.hamiltonian.to_matrix() @ v).real)
    assert energies == sorted(energies, reverse=True)
    assert energies[-1] < 0.9 * problem.references()["exact"]


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_the_ramp_does_not_depend_on_the_unit_of_the_cost(scale):
    problem = hq.max_cut([(0, 1, scale), (1, 2, 2 * scale), (2, 3, scale)])
    circuit = hq.ansatz("qaoa", layers=3).build(problem)
    energy = np.vdot(v := state(circuit, circuit.start), problem.hamiltonian.to_matrix() @ v).real / scale
    assert energy == pytest.approx(-3.3, abs=0.4)


@given(
    n=st.integers(1, 5),
    layers=st.integers(1, 3),
    rotations=st.lists(st.sampled_from(["rx", "ry", "rz"]), min_size=1, max_size=3),
    entangler=st.sampled_from(["cx", "cz", "rzz"]),
    entanglement=st.sampled_from(["linear", "ring", "full", "brick"]),
    final=st.booleans(),
)
@settings(max_examples=40)
def test_hea_has_a_parameter_for_each_rotation(n, layers, rotations, entangler, entanglement, final):
    problem = hq.QubitProblem({"Z" * n: 1.0})
    circuit = hq.ansatz(
        "hea",
        layers=layers,
        rotations=rotations,
        entangler=entangler,
        entanglement=entanglement,
        final_rotations=final,
    ).build(problem)
    pairs = {"linear": n - 1, "brick": n - 1, "ring": n if n > 2 else n - 1, "full": n * (n - 1) // 2}[entanglement]
    assert circuit.n_parameters == n * len(rotations) * (layers + final) + layers * pairs * (entangler == "rzz")
    assert circuit.kinds().get(entangler, 0) == layers * pairs
    assert len(circuit.initial) == circuit.n_parameters


@pytest.mark.parametrize("entangler", ["cx", "cz", "rzz"])
@pytest.mark.parametrize("entanglement", ["linear", "ring", "full", "brick"])
@pytest.mark.parametrize("problem", [h2, triplet])
def test_hea_at_zero_is_the_reference_determinant(problem, entangler, entanglement):
    problem = problem()
    circuit = hq.ansatz("hea", layers=3, entangler=entangler, entanglement=entanglement, noise=0.0).build(problem)
    assert not circuit.start.any()
    operator = pauli_strings(problem.hamiltonian, jordan_wigner(problem.n_orbitals)).to_matrix()
    v = state(circuit, circuit.start)
    alpha, beta = (sum(1 << p for p in range(k)) for k in (problem.n_alpha, problem.n_beta))
    assert abs(v[alpha | beta << problem.n_orbitals]) == pytest.approx(1.0)
    assert np.vdot(v, operator @ v).real == pytest.approx(problem.references()["hf"], abs=1e-6)


def test_hea_reads_rotations_from_text_and_repeats_with_its_seed():
    problem = hq.QubitProblem({"ZZZ": 1.0})
    text, listed = hq.ansatz("hea", rotations="ry, rz"), hq.ansatz("hea", rotations=["ry", "rz"])
    assert text.build(problem) == listed.build(problem)
    assert text.build(problem).initial == listed.build(problem).initial
    assert hq.ansatz("hea", seed=1).build(problem).initial != hq.ansatz("hea", seed=2).build(problem).initial


def tfim(n):
    bonds = {"".join("Z" if k in (q, q + 1) else "I" for k in range(n)): -1.0 for q in range(n - 1)}
    return hq.QubitProblem({**bonds, **{"".join("X" if k == q else "I" for k in range(n)): -0.7 for q in range(n)}})


def test_hva_of_the_transverse_field_is_bonds_and_fields_in_turn():
    problem = tfim(4)
    circuit = hq.ansatz("hva", layers=2).build(problem)
    row = [0.3, -0.8, 0.5, 1.1]
    matrix = problem.hamiltonian.to_matrix().toarray()
    bonds = np.diag(np.diag(matrix))
    v = np.full(16, 0.25)
    for k, t in enumerate(row):
        v = expm(-1j * t * (matrix - bonds if k % 2 else bonds)) @ v
    assert same_up_to_phase(state(circuit, row), v)


@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
@settings(max_examples=25)
def test_hva_is_the_product_of_its_groups_whatever_the_observable(seed, n):
    rng = np.random.default_rng(seed)
    labels = {"".join(rng.choice(list("IXYZ"), n)): rng.normal() for _ in range(8)} | {"X" + "I" * (n - 1): 0.5}
    labels["Z" + "I" * (n - 1)] = 1.0
    observable = PauliSum.of(labels)
    groups = commuting_groups(observable)
    matrices = []
    for group in groups:
        terms = zip(group.x[:, 0].tolist(), group.z[:, 0].tolist(), group.coefficients.tolist(), strict=True)
        strings = [PauliSum.from_masks(n, [x], [z], [c]) for x, z, c in terms]
        dense_strings = [s.to_matrix().toarray() for s in strings]
        assert all(np.allclose(a @ b, b @ a) for a in dense_strings for b in dense_strings)
        matrices.append(sum(dense_strings))
    constant = labels.get("I" * n, 0.0) * np.eye(2**n)
    np.testing.assert_allclose(sum(matrices) + constant, observable.to_matrix().toarray(), atol=1e-12)
    circuit = hq.ansatz("hva", reference="zero").build(hq.QubitProblem(observable))
    order = sorted(range(len(groups)), key=lambda k: not groups[k].x.any())
    v = np.eye(2**n)[0].astype(complex)
    row = rng.normal(size=len(groups))
    for k, t in zip(order, row, strict=True):
        v = expm(-1j * t * matrices[k]) @ v
    assert same_up_to_phase(state(circuit, row), v)


@pytest.mark.parametrize("problem", [h2, triplet])
def test_hva_of_a_molecule_starts_at_the_reference_and_conserves_electrons(problem):
    problem = problem()
    circuit = hq.ansatz("hva", layers=2).build(problem)
    n = problem.n_orbitals
    operator = pauli_strings(problem.hamiltonian, jordan_wigner(n)).to_matrix()
    v = state(circuit, np.zeros(circuit.n_parameters))
    assert np.vdot(v, operator @ v).real == pytest.approx(problem.references()["hf"], abs=1e-6)
    v = state(circuit, circuit.start * 10)
    index = np.arange(len(v), dtype=np.uint64)
    alpha, beta = np.bitwise_count(index & np.uint64((1 << n) - 1)), np.bitwise_count(index >> np.uint64(n))
    inside = (alpha == problem.n_alpha) & (beta == problem.n_beta)
    assert np.abs(v[~inside]).max() < 1e-12
    assert np.vdot(v, operator @ v).real > problem.references()["casci"]


def test_hva_at_small_equal_angles_is_time_evolution_to_second_order():
    problem = tfim(3)
    circuit = hq.ansatz("hva").build(problem)
    matrix, plus = problem.hamiltonian.to_matrix().toarray(), np.full(8, 8**-0.5)
    errors = []
    for t in (0.02, 0.01):
        overlap = np.vdot(expm(-1j * t * matrix) @ plus, state(circuit, [t] * circuit.n_parameters))
        errors.append(np.sqrt(max(0.0, 1 - abs(overlap) ** 2)))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


Z_ONLY = hq.QubitProblem({"ZZ": 1.0, "ZI": 0.5})


@pytest.mark.parametrize(
    ("name", "options", "problem", "says"),
    [
        ("qaoa", {}, tfim(3), "hva"),
        ("qaoa", {}, hq.QubitProblem({"II": 1.0}), "constant"),
        ("qaoa", {"ones": 1}, Z_ONLY, "mixer='xy'"),
        ("qaoa", {"mixer": "xy", "ones": 2}, Z_ONLY, "between 1 and 1"),
        ("qaoa", {"mixer": "y"}, Z_ONLY, "mixer"),
        ("qaoa", {"ramp": float("nan")}, Z_ONLY, "ramp"),
        ("qaoa", {"layers": 0}, Z_ONLY, "layers must be at least 1, got 0"),
        ("hva", {}, Z_ONLY, "qaoa"),
        ("hva", {"reference": "determinant"}, tfim(3), "needs a molecule"),
        ("hva", {"noise": -1.0}, tfim(3), "noise"),
        ("hea", {"rotations": "rw"}, Z_ONLY, "rotation 'rw'"),
        ("hea", {"rotations": ()}, Z_ONLY, "empty"),
        ("hea", {"entanglement": "star"}, Z_ONLY, "entanglement"),
        ("hea", {"entangler": "iswap"}, Z_ONLY, "entangler"),
        ("hea", {"seed": -1}, Z_ONLY, "seed"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_remedy(name, options, problem, says):
    with pytest.raises(hq.InputError, match=says):
        hq.ansatz(name, **options).build(problem)


def test_qaoa_refuses_a_molecule_and_uccsd_an_observable():
    with pytest.raises(hq.InputError, match="QubitProblem"):
        hq.ansatz("qaoa").build(h2())
    with pytest.raises(hq.InputError, match="molecules"):
        hq.ansatz("uccsd").build(Z_ONLY)
