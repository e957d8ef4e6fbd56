"""Symmetry checks: no sample of an ideal state is thrown away, in any setting, and samples that cannot be are."""

from __future__ import annotations

from functools import cache
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitigation_oracle import every_string, misread

import hybridq as hq
from hybridq.contract.circuit import Factor, FermionicCircuit
from hybridq.contract.errors import BackendError
from hybridq.contract.generators import NumberProduct, mixed_double, single
from hybridq.measurement import Sample, Setting, measurement, rotated
from hybridq.mitigation import Mitigation, Readout, Symmetry, mitigated
from hybridq.qubits import encoding_for, pauli_strings, to_qiskit

pytest.importorskip("qiskit")
from qiskit.quantum_info import Statevector

ENCODINGS = ["jordan_wigner", "parity", "bravyi_kitaev", "parity_reduced"]
WAYS = [*((e, g) for e in ENCODINGS for g in ("qubit-wise", "commuting")), ("jordan_wigner", "basis-rotation")]
CHAIN = "H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3"
BENT = "H 0 0 0; H 0 0 0.9; H 0 0.7 1.9"  # two electrons: no symmetry but the plane


@cache
def molecule(atoms, charge):
    problem = hq.Problem.from_xyz(atoms, "sto-3g", charge=charge)
    return problem, hq.ansatz("uccsd").build(problem)


@cache
def case(atoms, charge, name, grouping):
    problem, circuit = molecule(atoms, charge)
    code = encoding_for(name, circuit)
    if grouping == "basis-rotation":
        found = rotated(problem.hamiltonian, reference=circuit.reference)
    else:
        found = measurement(pauli_strings(problem.hamiltonian, code), grouping)
    return circuit, code, found, to_qiskit(circuit, code), Symmetry.for_circuit(circuit, code)


def state(circuit, plain, seed):
    values = np.random.default_rng(seed).normal(size=circuit.n_parameters)
    return Statevector(plain.assign_parameters(values))


def nothing_turned(n):
    return Setting(n, (), np.zeros((0, n), np.uint8), np.zeros(0), True)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from([(BENT, 1), (CHAIN, 0)]),
    st.sampled_from(WAYS),
)
def test_no_string_of_an_ideal_state_is_thrown_away_in_any_setting(seed, atoms, way):
    circuit, code, found, plain, symmetry = case(*atoms, *way)
    ideal, strings = state(circuit, plain, seed), every_string(code.n_qubits)
    for setting in found.settings:
        weights = ideal.evolve(setting.tail()).probabilities()
        right = symmetry.right(setting, strings)
        assert weights[~right].sum() < 1e-12
        assert right.all() != symmetry.applies(setting)


@pytest.mark.parametrize("name", ENCODINGS)
def test_where_nothing_is_turned_all_wrong_electrons_are_seen(name):
    n_alpha = n_beta = 2
    # Every single excitation and a double: no symmetry is left but the electrons of each spin.
    pairs = [(i, a) for i in (0, 1) for a in (2, 3)]
    generators = [single(i, a, spin) for i, a in pairs for spin in ("alpha", "beta")]
    generators += [single(0, 1, "alpha"), single(0, 1, "beta"), mixed_double((0, 2), (1, 3))]
    factors = tuple(Factor(g, k) for k, g in enumerate(generators))
    circuit = FermionicCircuit(4, ((0, 1), (0, 1)), factors, len(factors))
    code = encoding_for(name, circuit)
    symmetry = Symmetry.for_circuit(circuit, code)
    right = symmetry.right(nothing_turned(code.n_qubits), every_string(code.n_qubits))
    assert set(np.flatnonzero(right)) == set(code.basis_states(n_alpha, n_beta).ravel().tolist())
    assert right.sum() == comb(4, n_alpha) * comb(4, n_beta)


def test_every_single_bit_flip_is_seen_under_jordan_wigner():
    circuit, _, _, plain, symmetry = case(CHAIN, 0, "jordan_wigner", "qubit-wise")
    strings = every_string(8)[state(circuit, plain, 1).probabilities() > 1e-9]
    assert len(strings) > 10
    for q in range(8):
        assert not symmetry.right(nothing_turned(8), strings ^ (np.arange(8) == q)).any()


def test_parities_show_in_turned_settings_and_reject_half_of_all_strings_or_more():
    _, _, found, _, symmetry = case(CHAIN, 0, "jordan_wigner", "commuting")
    turned = [setting for setting in found.settings if setting.turns]
    assert turned
    for setting in turned:
        assert symmetry.applies(setting)
        assert symmetry.right(setting, every_string(8)).mean() <= 0.5


def test_what_generators_keep_beyond_the_electrons_is_checked_too():
    circuit = FermionicCircuit(
        2, ((0,), (0,)), (Factor(mixed_double((0, 1), (0, 1)), 0), Factor(NumberProduct((0,)), 1)), 2
    )
    symmetry = Symmetry.for_circuit(circuit, encoding_for("jordan_wigner", circuit))
    right = symmetry.right(nothing_turned(4), every_string(4))
    assert np.flatnonzero(right).tolist() == [0b0101, 0b1010]  # pairs alone


def test_where_no_string_can_be_wrong_nothing_is_checked_and_readout_stays_unbiased():
    problem, circuit = molecule("H 0 0 0; H 0 0.3 0.8", 0)
    # Singles break the symmetry between the orbitals, so that two qubits have four right strings.
    factors = tuple(Factor(g, k) for k, g in enumerate((single(0, 1, "alpha"), single(0, 1, "beta"))))
    free = FermionicCircuit(2, circuit.reference, factors, 2)
    code = encoding_for("parity_reduced", free)
    symmetry = Symmetry.for_circuit(free, code)
    readout = Readout(np.full((2, 2), 0.04), (1000, 1000))
    sample = Sample.of({"00": 3, "01": 90, "10": 4, "11": 3}, 2)
    for setting in measurement(pauli_strings(problem.hamiltonian, code)).settings:
        assert not symmetry.applies(setting)
        found = mitigated(setting, sample, readout, symmetry, Mitigation.of("readout,symmetry"))
        assert found == readout.estimate(setting, sample)


def test_where_nothing_is_right_the_error_says_what_to_do():
    circuit = molecule("H 0 0 0; H 0 0 1", 0)[1]
    symmetry = Symmetry.for_circuit(circuit, encoding_for("jordan_wigner", circuit))
    sample = Sample.of({"1111": 10}, 4)
    with pytest.raises(BackendError, match="of 10 samples 0 have the circuit's numbers of electrons"):
        symmetry.keep(nothing_turned(4), sample)
    readout = Readout(np.full((4, 2), 0.01), (1000, 1000))
    plain = Setting(4, (), np.ones((1, 4), np.uint8), np.ones(1), True)
    with pytest.raises(BackendError, match="leave mitigation by symmetry out"):
        mitigated(plain, sample, readout, symmetry, Mitigation.of("readout,symmetry"))


@pytest.mark.parametrize("words", ["symmetry", "readout,symmetry"])
def test_error_bars_after_checks_are_true_calibration_included(words):
    """Of H2 in a state that was partly scrambled, against the exact value over the strings that are right."""
    problem, circuit = molecule("H 0 0 0; H 0 0 0.74", 0)
    code = encoding_for("jordan_wigner", circuit)
    found, symmetry = measurement(pauli_strings(problem.hamiltonian, code)), Symmetry.for_circuit(circuit, code)
    how, strings = Mitigation.of(words), every_string(4)
    rng = np.random.default_rng(5)
    errors = rng.uniform(0.01, 0.06, (4, 2))
    ideal = Statevector(to_qiskit(circuit, code).assign_parameters(np.full(circuit.n_parameters, 0.3)))
    true, parts = found.constant, []
    for setting in found.settings:
        weights = 0.9 * ideal.evolve(setting.tail()).probabilities() + 0.1 / 16
        read = misread(weights, errors)
        right = symmetry.right(setting, strings) * (weights if how.readout else read)
        true += right @ setting.values(strings) / right.sum()
        parts.append((setting, read))
    zero, one = (misread(np.eye(16)[k], errors) for k in (0, -1))
    scores = []
    for _ in range(200):
        readout = Readout.of(*(Sample(strings, rng.multinomial(2000, read)) for read in (zero, one)))
        total, variance = found.constant, 0.0
        for setting, read in parts:
            counts = rng.multinomial(5000, read)
            sample = Sample(strings[counts > 0], counts[counts > 0])
            mean, spread = mitigated(setting, sample, readout if how.readout else None, symmetry, how)
            total, variance = total + mean, variance + spread
        scores.append((total - true) / np.sqrt(variance))
    assert abs(np.mean(scores)) < 0.3
    assert 0.7 < np.mean(np.square(scores)) < 1.4
