from __future__ import annotations

import copy
import json
import pickle

import fock_space
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridq.chem.problem import Problem, assemble, energy_of_determinant
from hybridq.contract.errors import InputError
from hybridq.contract.hamiltonian import Hamiltonian


def random_integrals(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    one = rng.normal(size=(n, n))
    two = rng.normal(size=(n, n, n, n))
    two = two + two.transpose(1, 0, 2, 3)
    two = two + two.transpose(0, 1, 3, 2)
    return one + one.T, two + two.transpose(2, 3, 0, 1)


@given(n=st.integers(1, 5), seed=st.integers(0, 10**6), data=st.data())
@settings(max_examples=40, deadline=None)
def test_from_integrals_keeps_the_numbers_and_counts(n, seed, data):
    na, nb = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    one, two = random_integrals(n, seed)
    if na + nb == 0:
        with pytest.raises(InputError, match="at least one electron"):
            Problem.from_integrals(one, two, (na, nb))
        return
    p = Problem.from_integrals(one, two, (na, nb), constant=0.25)
    np.testing.assert_allclose(p.hamiltonian.one_body, one, atol=1e-14)
    np.testing.assert_allclose(p.hamiltonian.two_body, two, atol=1e-14)
    assert (p.n_orbitals, p.n_electrons, p.n_qubits, p.spin) == (n, na + nb, 2 * n, na - nb)
    assert p.n_determinants == len(fock_space.sector(n, na, nb))


@given(n=st.integers(2, 4), seed=st.integers(0, 10**6), size=st.floats(1e-6, 1e3), data=st.data())
@settings(max_examples=40, deadline=None)
def test_integrals_that_break_a_symmetry_are_refused(n, seed, size, data):
    one, two = random_integrals(n, seed)
    if data.draw(st.booleans()):
        one[0, 1] += size
        broken = "one_body breaks"
    else:
        two[0, 1, 0, 0] += size
        broken = "two_body breaks"
    with pytest.raises(InputError, match=broken):
        Problem.from_integrals(one, two, 2)


@given(seed=st.integers(0, 10**6), na=st.integers(0, 3), nb=st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_determinant_energy_agrees_with_second_quantization(seed, na, nb):
    one, two = random_integrals(3, seed)
    h = Hamiltonian(0.7, one, two)
    state = fock_space.determinant(3, range(na), range(nb))
    assert energy_of_determinant(h, range(na), range(nb)) == pytest.approx(
        state @ fock_space.dense(h) @ state, abs=1e-9
    )


@pytest.mark.parametrize(
    ("electrons", "message"),
    [
        (-2, "must not be negative, got -2"),
        ((1, -1), "must not be negative"),
        (7, "4 alpha and 3 beta electrons do not fit: 3 orbitals"),
        ((4, 0), "4 alpha and 0 beta electrons do not fit: 3 orbitals"),
        (0, "at least one electron"),
        (2.0, "whole number, got 2.0"),
        (True, "whole number, got True"),
        ((1, 1, 1), r"a number or \(alpha, beta\)"),
        ("22", "whole number, got '2'"),
    ],
)
def test_impossible_electrons_are_refused(electrons, message):
    with pytest.raises(InputError, match=message):
        Problem.from_integrals(*random_integrals(3, 0), electrons)


def test_an_odd_number_of_electrons_gives_alpha_one_more():
    p = Problem.from_integrals(*random_integrals(3, 0), 3)
    assert (p.n_alpha, p.n_beta) == (2, 1)


@pytest.mark.parametrize(
    ("one", "two", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 2, 2, 2)), "shapes"),
        (np.zeros((2, 2)), np.zeros((3, 3, 3, 3)), "shapes"),
        (np.zeros((2, 2)), np.zeros(6), "4 indices"),
        (np.zeros((2, 2)), np.zeros((3, 3)), "4 indices"),
        (np.full((2, 2), np.nan), np.zeros((2, 2, 2, 2)), r"one_body\[0, 0\] is nan"),
        (np.zeros((2, 2)) * 1j, np.zeros((2, 2, 2, 2)), "complex"),
        ("abc", np.zeros((2, 2, 2, 2)), "one_body"),
    ],
)
def test_wrong_integrals_are_refused(one, two, message):
    with pytest.raises(InputError, match=message):
        Problem.from_integrals(one, two, 2)


def test_irreps_set_what_they_forbid_to_exactly_zero():
    one, two = np.diag([1.0, 2.0]), np.zeros((2, 2, 2, 2))
    one[0, 1] = one[1, 0] = 3e-12
    p = Problem.from_integrals(one, two, 2, irreps=(0, 5))
    assert p.hamiltonian.one_body[0, 1] == 0.0
    assert p.irreps == (0, 5)


@pytest.mark.parametrize(
    ("irreps", "message"),
    [((0, 1, 2), "irreps must be 2 ids"), ((0, 8), "between 0 and 7"), ((0, 1), r"forbid the integral at \[0, 1\]")],
)
def test_irreps_that_do_not_fit_are_refused(irreps, message):
    one = np.array([[1.0, 0.1], [0.1, 2.0]])
    with pytest.raises(InputError, match=message):
        Problem.from_integrals(one, np.zeros((2, 2, 2, 2)), 2, irreps=irreps)


def test_irreps_that_forbid_nothing_are_forgotten():
    p = Problem.from_integrals(*random_integrals(2, 0), 2, irreps=(3, 3))
    assert p.irreps is None


def test_equality_and_digest_see_the_physics_and_not_the_labels():
    integrals = random_integrals(3, 1)
    p, q = (Problem.from_integrals(*integrals, 2, name=name) for name in "pq")
    assert p == q
    assert hash(p) == hash(q)
    assert p != Problem.from_integrals(*integrals, (2, 0))
    assert p != Problem.from_integrals(*integrals, 2, constant=1e-15)


def test_a_problem_survives_pickling_and_copying():
    p = Problem.from_integrals(*random_integrals(3, 2), (2, 1), name="x")
    p.references()
    for q in (pickle.loads(pickle.dumps(p)), copy.deepcopy(p)):
        assert q == p
        assert q.name == "x"
        assert dict(q.references()) == dict(p.references())


def test_source_and_known_energies_are_checked():
    h = Hamiltonian(0.0, np.eye(2), np.zeros((2, 2, 2, 2)))
    with pytest.raises(InputError, match="JSON"):
        Problem(h, 1, 1, source={"a": object()})
    with pytest.raises(InputError, match="'hf' is nan"):
        Problem(h, 1, 1, known={"hf": float("nan")})
    assert json.loads(json.dumps(assemble(h, (1, 1), None, name="x", source={"k": [1]}).source)) == {"k": [1]}


def test_a_problem_prints_what_a_chemist_asks_first():
    p = Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")
    text = str(p)
    for part in ("H2/sto-3g (2e,2o)", "1+1 electrons in 2 orbitals", "4 qubits", "4 determinants", "-1.11"):
        assert part in text
    assert "H2/sto-3g" in repr(p)
