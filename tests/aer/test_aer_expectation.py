"""The compiled expectation value against matrices, and against its twin."""

from __future__ import annotations

import numpy as np
import pytest
from aer_circuits import random_observable
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridq_aer.expectation import expectation, pauli_table, plain_expectation


def random_state(n, seed):
    rng = np.random.default_rng(seed)
    psi = rng.normal(size=1 << n) + 1j * rng.normal(size=1 << n)
    return psi / np.linalg.norm(psi)


@given(n=st.integers(1, 9), seed=st.integers(0, 10**6), n_terms=st.integers(1, 120))
@settings(max_examples=40)
def test_it_equals_the_matrix_and_the_twin(n, seed, n_terms):
    observable, psi = random_observable(n, seed, n_terms), random_state(n, seed)
    found = expectation(pauli_table(observable), psi)
    assert found == pytest.approx(np.vdot(psi, observable.to_matrix() @ psi).real, abs=1e-12 * n_terms)
    assert found == pytest.approx(plain_expectation(observable, psi), abs=1e-12 * n_terms)


def test_pieces_and_threads_change_no_bit_and_add_up():
    n = 18
    observable, psi = random_observable(n, 3, 12), random_state(n, 3)
    table = pauli_table(observable)
    found = expectation(table, psi)
    assert found == expectation(table, psi, threads=2)
    assert found == pytest.approx(plain_expectation(observable, psi), abs=1e-12)
