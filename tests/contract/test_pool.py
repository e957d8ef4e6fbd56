"""Pool elements as data, and circuits that grow by them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridq.contract.circuit import FermionicCircuit, product
from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation, Ladder, NumberProduct, mixed_double, same_spin_double, single
from hybridq.contract.pool import PoolElement, grown
from hybridq.testing.cases import random_hamiltonian
from hybridq.testing.oracle import Oracle

GENERATORS = (
    single(0, 2, "alpha"),
    single(0, 2, "beta"),
    single(1, 3, "beta"),
    same_spin_double((0, 1), (2, 3), "alpha"),
    mixed_double((0, 3), (1, 2)),
    Excitation(Ladder((3,), (0,)), Ladder((2,), (1,)), fermionic=False),
    Excitation(Ladder((3,), (1,)), imaginary=True),
    NumberProduct((0,), (2,)),
)
elements = st.lists(
    st.tuples(st.sampled_from(GENERATORS), st.sampled_from([1.0, -0.5, 0.7, 2.0])), min_size=1, max_size=3
).map(lambda terms: PoolElement(tuple(terms)))


def commutator(oracle: Oracle, matrix: np.ndarray, psi: np.ndarray, element: PoolElement) -> float:
    """``<psi| [H, A] |psi>``."""
    a = sum(scale * oracle.generator(g) for g, scale in element.terms)
    return float((psi.conj() @ (matrix @ a - a @ matrix) @ psi).real)


@settings(max_examples=20)
@given(st.lists(elements, min_size=1, max_size=3), st.integers(0, 99))
def test_the_gradients_of_what_was_appended_are_expectation_values_of_commutators(added, seed):
    old = product(4, (2, 2), [GENERATORS[4], GENERATORS[0], GENERATORS[6]])
    row = np.random.default_rng(seed).uniform(-1, 1, 3)
    h = random_hamiltonian(4, seed)
    circuit = grown(old.with_initial(row), added)
    oracle = Oracle(circuit)
    np.testing.assert_allclose(oracle.state(circuit.start), Oracle(old).state(row), atol=1e-14)
    got = oracle.gradients(h, circuit.start[None])[0, old.n_parameters :]
    want = [commutator(oracle, oracle.hamiltonian(h), oracle.state(circuit.start), e) for e in added]
    np.testing.assert_allclose(got, want, atol=1e-9)


def test_a_circuit_grows_at_its_end_and_keeps_what_it_was():
    old = product(4, (2, 1), [GENERATORS[0]], name="seed", initial=(0.25,), notes=("a note",))
    pair = PoolElement(((GENERATORS[0], math.sqrt(0.5)), (GENERATORS[1], -math.sqrt(0.5))), "0 -> 2")
    new = grown(old, [pair, PoolElement(((GENERATORS[3], 1.0),))])
    assert new.factors[:1] == old.factors
    assert [f.parameter for f in new.factors] == [0, 1, 1, 2]
    assert [f.scale for f in new.factors[1:]] == [math.sqrt(0.5), -math.sqrt(0.5), 1.0]
    assert new.initial == (0.25, 0.0, 0.0)
    assert (new.reference, new.name, new.notes) == (old.reference, "seed", ("a note",))
    assert grown(old, []) == old
    assert grown(grown(old, [pair]), [pair]) == grown(old, [pair, pair])


def test_a_bare_determinant_grows():
    bare = FermionicCircuit(3, ((0, 2), (1,)), (), 0)
    assert grown(bare, [PoolElement(((single(0, 1, "alpha"), 1.0),))]).start.tolist() == [0.0]


def test_labels_name_the_terms_unless_one_was_given():
    assert str(PoolElement(((GENERATORS[5], 1.0),))) == "qubit 0a 1b -> 3a 2b"
    two = PoolElement([[GENERATORS[0], 0.5], (GENERATORS[1], -1)])
    assert two.label == "+0.5 (0a -> 2a) -1 (0b -> 2b)"
    assert two.terms == ((GENERATORS[0], 0.5), (GENERATORS[1], -1.0))
    assert PoolElement(two.terms, "mine").label == "mine"
    assert hash(two) == hash(PoolElement(two.terms))
    assert PoolElement(((GENERATORS[5], 1.0), (GENERATORS[7], 1.0))).orbitals == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ((), "at least one term"),
        (((GENERATORS[0], 0.0),), r"scale of 0a -> 2a in a pool element is 0\.0"),
        (((GENERATORS[0], float("nan")),), "is nan"),
        ((("0a -> 2a", 1.0),), "made of Excitation and NumberProduct, got '0a -> 2a'"),
        ((GENERATORS[0],), r"pairs \(generator, scale\)"),
        (7, r"pairs \(generator, scale\), got 7"),
    ],
)
def test_what_is_no_element_is_refused(terms, message):
    with pytest.raises(InputError, match=message):
        PoolElement(terms)


def test_an_element_of_a_larger_problem_is_refused():
    small = product(3, (1, 1), [single(0, 1, "alpha")])
    with pytest.raises(InputError, match="1b -> 3b names orbital 3, and the circuit has 3; make the pool for the same"):
        grown(small, [PoolElement(((GENERATORS[2], 1.0),))])
    with pytest.raises(InputError, match="grows by elements of a pool"):
        grown(small, [single(0, 1, "alpha")])
