from __future__ import annotations

import functools
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hybridq as hq
from hybridq.chem.alignment import align, order, reordered, same_space, signed, signs
from hybridq.chem.problem import energy_of_determinant

N2 = {"basis": "sto-3g", "active_electrons": 6, "active_orbitals": 6}


@functools.cache
def n2(r):
    return hq.Problem.from_xyz(f"N 0 0 0; N 0 0 {r}", **N2)


def chain(r, n=6, **more):
    return hq.Problem.from_xyz("; ".join(f"H 0 0 {k * r}" for k in range(n)), "sto-3g", **more)


PROBLEMS = {
    "H6": chain(1.0),
    "H6 without irreps": chain(1.0, symmetry=False),
    "N2": n2(1.1),
    "LiH": hq.Problem.from_xyz("Li 0 0 0; H 0 0 1.6", "6-31g"),
    "OH": hq.Problem.from_xyz("O 0 0 0; H 0 0 0.97", "sto-3g", spin=1),
}


def random_integrals(rng, n, decay=1.0):
    one = rng.normal(size=(n, n)) * decay
    two = rng.normal(size=(n, n, n, n)) * decay
    one = one + one.T
    two = two + two.transpose(1, 0, 2, 3)
    two = two + two.transpose(0, 1, 3, 2)
    return one, two + two.transpose(2, 3, 0, 1)


def likeness(h, to, s):
    pair = np.multiply.outer(s, s)
    return (h.one_body * to.one_body * pair).sum() + np.einsum("pqrs,pqrs,pq,rs", h.two_body, to.two_body, pair, pair)


@pytest.mark.parametrize("name", PROBLEMS)
@settings(max_examples=15)
@given(data=st.data())
def test_random_signs_are_undone_to_the_last_bit(name, data):
    problem = PROBLEMS[name]
    flips = data.draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=problem.n_orbitals, max_size=problem.n_orbitals))
    assert align(signed(problem, np.array(flips)), problem) == problem


@pytest.mark.parametrize("name", ["H6", "H6 without irreps", "OH"])
@settings(max_examples=15)
@given(data=st.data())
def test_an_order_that_keeps_occupations_and_random_signs_are_undone_to_the_last_bit(name, data):
    problem = PROBLEMS[name]
    n, edges = problem.n_orbitals, (0, problem.n_beta, problem.n_alpha, problem.n_orbitals)
    new = [p for a, b in pairwise(edges) for p in data.draw(st.permutations(range(a, b)))]
    flips = data.draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=n, max_size=n))
    moved = signed(reordered(problem, np.array(new)), np.array(flips))
    if len(set(map(tuple, zip(_rounded(problem), strict=True)))) == n:  # no two orbitals are alike
        assert align(moved, problem) == problem
    else:
        assert np.allclose(align(moved, problem).hamiltonian.two_body, problem.hamiltonian.two_body, atol=1e-9)


def _rounded(problem):
    return [round(float(x), 6) for x in np.diagonal(problem.hamiltonian.one_body)]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 6))
def test_signs_of_integrals_without_any_structure_are_undone(seed, n):
    rng = np.random.default_rng(seed)
    problem = hq.Problem.from_integrals(*random_integrals(rng, n), n_electrons=1)
    assert align(signed(problem, rng.choice([-1.0, 1.0], n)), problem) == problem


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 6), noise=st.sampled_from([0.01, 0.1, 0.3]))
def test_of_all_signs_the_likest_are_found_also_under_noise(seed, n, noise):
    rng = np.random.default_rng(seed)
    one, two = random_integrals(rng, n)
    other = random_integrals(rng, n, noise)
    a = hq.Hamiltonian(0.0, one, two)
    b = hq.Hamiltonian(0.0, one + other[0], two + other[1])
    best = max(likeness(a, b, np.array(s)) for s in product((-1.0, 1.0), repeat=n))
    assert likeness(a, b, signs(a, b)) == pytest.approx(best, rel=1e-12)


def test_energies_are_what_they_were():
    from pyscf import fci

    there = n2(1.5)
    found = align(there, n2(1.0))
    assert found != there
    energies = []
    for problem in (there, found):
        h, pair = problem.hamiltonian, (problem.n_alpha, problem.n_beta)
        energies.append(fci.direct_spin1.kernel(h.one_body, h.two_body, problem.n_orbitals, pair)[0])
        reference = energy_of_determinant(h, range(pair[0]), range(pair[1]))
        assert reference == pytest.approx(there.known["hf"], abs=1e-10)
    assert energies[0] == pytest.approx(energies[1], abs=1e-10)
    assert sorted(map(abs, found.hamiltonian.two_body.ravel())) == sorted(map(abs, there.hamiltonian.two_body.ravel()))


def test_orbitals_that_cross_are_numbered_as_before_the_crossing():
    near, far = n2(1.0), n2(1.5)  # the sigma orbital falls below the two pi orbitals in between
    assert near.irreps != far.irreps
    found = align(far, near)
    assert found.irreps == near.irreps
    assert same_space(near, far)
    # The optimum of one end means something at the other only after alignment.
    row = hq.VQE(near, "uccsd").run().parameters
    backend = hq.backend("sector")

    def energy(problem):
        circuit = hq.ansatz("uccsd").build(problem)
        return backend.submit([hq.Task(circuit, row, problem.hamiltonian, "energy")]).result()[0].value[0]

    assert energy(found) < far.known["hf"] - 0.1
    assert energy(far) > energy(found) + 0.05


def test_alignment_of_what_is_aligned_changes_nothing():
    near, far = n2(1.0), n2(1.5)
    found = align(far, near)
    assert align(found, near) == found
    assert align(near, near) is near


def test_a_space_of_other_irreps_is_seen_and_aligned_as_far_as_it_goes():
    other, usual = n2(0.9), n2(1.0)  # at 0.9 angstrom the six lowest active orbitals are of other irreps
    assert not same_space(other, usual)
    found = align(other, usual)
    assert sorted(found.irreps) == sorted(other.irreps)


def test_the_numbers_of_the_molecular_orbitals_go_along():
    near, far = n2(1.0), n2(1.5)
    new = order(far, near)
    assert align(far, near).source["orbitals"] == [far.source["orbitals"][p] for p in new]


def test_other_sizes_and_orders_are_refused():
    with pytest.raises(hq.InputError, match="3\\+3 electrons in 6 orbitals.*equal active spaces"):
        align(PROBLEMS["H6"], PROBLEMS["OH"])
    with pytest.raises(hq.InputError, match="permutation of 6 orbitals"):
        reordered(PROBLEMS["H6"], np.array([3, 1, 2, 0, 4, 5]))
    with pytest.raises(hq.InputError, match="1 or -1"):
        signed(PROBLEMS["H6"], np.array([1, 1, 1, 1, 1, 0.5]))
