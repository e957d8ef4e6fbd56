"""Fermionic circuits as Qiskit circuits, held against exponentials of dense matrices."""

from __future__ import annotations

import importlib.metadata

import numpy as np
import pytest
from fock_oracle import circuits, fock_indices, generator_matrix, generators, random_hamiltonian, state_vector
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridq.chem.problem import Problem
from hybridq.contract.circuit import Factor, FermionicCircuit, product
from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation, Ladder, NumberProduct, mixed_double, same_spin_double, single
from hybridq.qubits import ENCODINGS, encoding_for, jordan_wigner, parity_reduced, pauli_exponent, to_qiskit

Statevector = pytest.importorskip("qiskit.quantum_info").Statevector


def assert_same_state(circuit, row, encoding, **options):
    code = encoding_for(encoding, circuit)
    lowered = to_qiskit(circuit, encoding, **options)
    assert lowered.num_qubits == code.n_qubits
    got = Statevector(lowered.assign_parameters(row)).data
    want = state_vector(circuit, row)
    inside = code.basis_states(circuit.n_alpha, circuit.n_beta)
    amplitudes = want[fock_indices(circuit.n_orbitals, circuit.n_alpha, circuit.n_beta)]
    np.testing.assert_allclose(got[inside], amplitudes, atol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(got[inside]), 1.0, atol=1e-10)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(circuit=circuits(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_qubit_state_is_the_fermionic_state_sign_and_phase_included(encoding, circuit, seed):
    row = np.random.default_rng(seed).uniform(-np.pi, np.pi, circuit.n_parameters)
    assert_same_state(circuit, row, encoding)


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@given(circuit=circuits(max_orbitals=3, max_factors=4), encoding=st.sampled_from(ENCODINGS))
@settings(max_examples=25, deadline=None)
def test_evolution_gates_give_the_same_state_as_synthesized_ones(circuit, encoding):
    row = np.linspace(-1.0, 1.3, circuit.n_parameters)
    assert_same_state(circuit, row, encoding, synthesize=False)


@pytest.mark.parametrize("level", [0, 2])
def test_transpiled_evolution_gates_keep_the_state_and_need_fewer_cx(level):
    from qiskit import transpile

    doubles = [mixed_double((i, a), (j, b)) for i in (0, 1) for a in (2, 3) for j in (0, 1) for b in (2, 3)]
    circuit = product(4, (2, 2), doubles)
    row = np.random.default_rng(1).normal(scale=0.5, size=circuit.n_parameters)
    count = {}
    for synthesize in (True, False):
        lowered = to_qiskit(circuit, synthesize=synthesize)
        gates = transpile(lowered, basis_gates=["cx", "rz", "sx", "x"], optimization_level=level)
        count[synthesize] = gates.count_ops()["cx"]
        got = Statevector(gates.assign_parameters(row)).data
        np.testing.assert_allclose(got, state_vector(circuit, row), atol=1e-10)
    assert count[False] < count[True]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_electron_numbers_may_differ_between_the_spins(encoding):
    generators = [
        mixed_double((0, 3), (0, 2)),
        same_spin_double((0, 1), (2, 3), "alpha"),
        single(0, 3, "beta"),
        Excitation(Ladder((3,), (1,)), imaginary=True),
        NumberProduct((0, 2), (0,)),
    ]
    for electrons in ((3, 1), (2, 1), (3, 2), (2, 0)):
        circuit = product(4, electrons, generators)
        assert_same_state(circuit, np.array([0.3, -0.7, 1.1, 0.4, 2.0]), encoding)


@pytest.mark.parametrize("family", ["uccsd", "uccgsd", "k-upccgsd", "pccd"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_installed_circuit_families_are_lowered_exactly(family, encoding):
    entries = {entry.name: entry for entry in importlib.metadata.entry_points(group="hybridq.circuits")}
    circuit = entries[family].load()(Problem(random_hamiltonian(4, seed=5), 2, 2))
    assert circuit.n_parameters > 3
    row = np.random.default_rng(7).normal(scale=0.4, size=circuit.n_parameters)
    assert_same_state(circuit, row, encoding)


@given(generator=generators(4), encoding=st.sampled_from(ENCODINGS), electrons=st.tuples(*[st.integers(0, 4)] * 2))
@settings(max_examples=150, deadline=None)
def test_the_strings_of_a_generator_commute_and_add_up_to_it(generator, encoding, electrons):
    from qiskit.quantum_info import SparsePauliOp

    circuit = product(4, electrons, [generator])
    code = encoding_for(encoding, circuit)
    strings = pauli_exponent(generator, code)
    masks = list(strings)
    for x1, z1 in masks:
        for x2, z2 in masks:
            assert ((x1 & z2).bit_count() + (z1 & x2).bit_count()) % 2 == 0
    inside = code.basis_states(*electrons).ravel()
    fock = fock_indices(4, *electrons).ravel()
    want = generator_matrix(generator, 4)[fock][:, fock].toarray()
    labels = [
        "".join("IXZY"[(x >> q & 1) | (z >> q & 1) << 1] for q in reversed(range(code.n_qubits))) for x, z in masks
    ]
    if not labels:
        np.testing.assert_allclose(want, 0.0, atol=1e-14)
        return
    operator = SparsePauliOp(labels, list(strings.values())).to_matrix(sparse=True).tocsr()
    np.testing.assert_allclose((-1j * operator)[inside][:, inside].toarray(), want, atol=1e-14)


@pytest.mark.parametrize("synthesize", [True, False])
def test_qiskit_parameters_come_in_the_order_of_the_circuits_parameters(synthesize):
    n_parameters = 23
    pairs = [(p, q) for p in range(7) for q in range(p)]
    order = np.random.default_rng(3).permutation(n_parameters)
    factors = tuple(Factor(single(*pairs[k % len(pairs)], "alpha"), int(p), 1.0 + k) for k, p in enumerate(order))
    lowered = to_qiskit(FermionicCircuit(7, ((0, 1, 2), (0,)), factors, n_parameters), synthesize=synthesize)
    assert [p.name for p in lowered.parameters] == [f"t[{k}]" for k in range(n_parameters)]


def test_a_parameter_that_does_nothing_is_still_a_parameter():
    # two alpha electrons fill two orbitals, so the alpha single vanishes once the parity is fixed
    circuit = product(2, (2, 1), [single(0, 1, "alpha"), single(0, 1, "beta")])
    circuit = FermionicCircuit(2, circuit.reference, (*circuit.factors, Factor(single(0, 1, "beta"), 2, 0.0)), 3)
    from qiskit import transpile

    lowered = to_qiskit(circuit, "parity_reduced")
    assert lowered.num_parameters == 3
    assert transpile(lowered, basis_gates=["cx", "rz", "sx", "x"], optimization_level=0).num_parameters == 3
    assert_same_state(circuit, np.array([0.4, 0.5, 0.6]), "parity_reduced")


def test_a_circuit_without_factors_is_its_reference_determinant():
    circuit = FermionicCircuit(3, ((0, 2), (1,)), (), 0)
    for encoding in ENCODINGS:
        assert_same_state(circuit, np.zeros(0), encoding)


def test_a_misspelt_encoding_is_answered_with_the_right_spelling():
    circuit = product(2, (1, 1), [single(0, 1, "alpha")])
    with pytest.raises(InputError, match=r"unknown encoding 'jordan-wigner'.*'jordan_wigner'.*Known: "):
        to_qiskit(circuit, "jordan-wigner")


def test_an_encoding_made_for_something_else_is_refused():
    circuit = product(3, (2, 1), [single(0, 2, "alpha")])
    with pytest.raises(InputError, match="8 spin orbitals, but there are 6"):
        to_qiskit(circuit, jordan_wigner(4))
    with pytest.raises(InputError, match="other electron numbers"):
        to_qiskit(circuit, parity_reduced(3, 1, 1))


@given(generator=generators(3).filter(lambda g: isinstance(g, Excitation) and not g.fermionic))
@settings(max_examples=40, deadline=None)
def test_a_qubit_excitation_is_the_fermionic_one_times_the_signs_of_the_electrons_crossed(generator):
    fermionic = generator_matrix(Excitation(generator.alpha, generator.beta, generator.imaginary), 3)
    crossed = []
    for ladder, first in ((generator.alpha, 0), (generator.beta, 3)):
        moved = sorted(set(ladder.creations) ^ set(ladder.annihilations))
        for low, high in zip(moved[::2], moved[1::2], strict=True):
            crossed += [first + p for p in range(low + 1, high)]
    occupations = np.arange(64)
    signs = np.prod([1 - 2 * (occupations >> mode & 1) for mode in crossed], axis=0) * np.ones(64)
    want = fermionic.toarray() @ np.diag(signs)
    got = generator_matrix(generator, 3).toarray()
    overall = [got[k] / want[k] for k in zip(*np.nonzero(want), strict=True)]
    assert np.array_equal(got != 0, want != 0)
    # Up to one sign for the whole: the order in which T is written.
    assert len(set(np.round(overall, 12))) <= 1
