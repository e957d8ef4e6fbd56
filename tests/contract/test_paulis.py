"""Pauli sums: from what people have, without loss, each string once; and refused where they are no observable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.quantum_info import Pauli, SparsePauliOp

from hybridq.contract.errors import InputError
from hybridq.contract.paulis import PauliSum
from hybridq.qubits.problem import QubitProblem, lowest

terms = st.lists(
    st.tuples(st.text("IXYZ", min_size=3, max_size=3), st.floats(-2, 2, allow_subnormal=False)), min_size=1, max_size=9
)


@given(terms)
def test_labels_and_qiskits_operator_are_the_same_matrix(listed):
    op = SparsePauliOp.from_list(listed)
    for given_as in (listed, op):
        made = PauliSum.of(given_as)
        assert np.allclose(made.to_matrix().toarray(), op.to_matrix(), atol=1e-12)
        assert np.allclose(made.to_sparse_pauli_op().to_matrix(), op.to_matrix(), atol=1e-12)
        assert len(set(made.labels)) == made.n_terms
    assert PauliSum.of(listed) == PauliSum.of(listed[::-1]) or len({label for label, _ in listed}) < len(listed)


def test_the_order_of_terms_does_not_count():
    assert PauliSum.of({"XZ": 1.0, "ZZ": 0.5}) == PauliSum.of([("ZZ", 0.5), ("XZ", 0.25), ("XZ", 0.75)])
    assert PauliSum.of({"XZ": 1.0}) != PauliSum.of({"ZX": 1.0})


def test_wide_strings_keep_their_qubits():
    label = "X" + "I" * 98 + "Y"
    made = PauliSum.of({label: 2.0})
    assert made.labels == (label,)
    assert made.x.shape == (1, 2)


def test_operators_of_openfermion_and_single_paulis_are_taken():
    class QubitOperator:
        def __init__(self):
            self.terms = {((0, "X"), (2, "Y")): 0.5, (): 1.0}

    assert PauliSum.of(QubitOperator()) == PauliSum.of({"YIX": 0.5, "III": 1.0})
    assert PauliSum.of(QubitOperator(), 4) == PauliSum.of({"IYIX": 0.5, "IIII": 1.0})
    assert PauliSum.of(Pauli("-XY")) == PauliSum.of({"XY": -1.0})


@pytest.mark.parametrize(
    ("given_as", "told"),
    [
        ({"Z": 1j}, "not Hermitian: the coefficient of Z"),
        ({"Z": float("nan")}, "not finite"),
        ({"Q": 1.0}, "'Q' does not fit"),
        ({"Z": 1.0, "ZZ": 1.0}, "all of one length"),
        ({}, "no terms"),
        (3, "got int"),
        ({"Z": "a"}, "a Pauli sum"),
    ],
)
def test_what_is_no_observable_is_refused_in_words(given_as, told):
    with pytest.raises(InputError, match=told):
        PauliSum.of(given_as)


def test_more_qubits_than_wanted_are_refused():
    with pytest.raises(InputError, match="on 3 qubits, and 2 are wanted"):
        PauliSum.of({"ZZZ": 1.0}, 2)


@given(terms)
def test_the_lowest_eigenvalue_is_that_of_the_matrix(listed):
    made = PauliSum.of(listed)
    assert lowest(made) == pytest.approx(np.linalg.eigvalsh(made.to_matrix().toarray())[0], abs=1e-10)


def test_a_chain_in_a_field_has_its_known_ground_state():
    n, j, h = 8, 1.0, 0.7
    pairs = [("I" * k + "ZZ" + "I" * (n - 2 - k), -j) for k in range(n - 1)]
    field = [("I" * k + "X" + "I" * (n - 1 - k), -h) for k in range(n)]
    problem = QubitProblem(pairs + field)
    # Free fermions: half the sum of the singular values of a bidiagonal matrix (Lieb, Schultz, Mattis, 1961).
    free = -np.linalg.svd(np.diag(np.full(n, h)) + np.diag(np.full(n - 1, j), 1), compute_uv=False).sum()
    assert problem.references()["exact"] == pytest.approx(free, abs=1e-9)
    assert problem.references("never") == {}
