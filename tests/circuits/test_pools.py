"""Operator pools: which operators they hold, what these conserve, and that their gradients are commutators."""

from __future__ import annotations

import subprocess
import sys
from functools import cache, reduce
from itertools import combinations

import numpy as np
import pytest
from scipy.linalg import expm

import hybridq as hq
from hybridq.contract.circuit import product
from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation, mixed_double
from hybridq.contract.pool import PoolElement, grown
from hybridq.testing.cases import random_hamiltonian
from hybridq.testing.oracle import Oracle
from hybridq_circuits.pools import gsd, paired, qubit_excitations, sd, spin_adapted

POOLS = (sd, gsd, spin_adapted, qubit_excitations, paired)


@cache
def chain(n: int, symmetry: bool = True) -> hq.Problem:
    return hq.Problem.from_xyz("; ".join(f"H 0 0 {k}" for k in range(n)), "sto-3g", symmetry=symmetry)


@cache
def bare(n: int, electrons: tuple[int, int]) -> hq.Problem:
    return hq.Problem(random_hamiltonian(n, 4), *electrons)


def generators(pool):
    return [g for element in pool for g, _ in element.terms]


@pytest.mark.parametrize(("n", "electrons"), [(2, (1, 1)), (4, (2, 2)), (5, (3, 2))])
def test_pools_hold_each_operator_once(n, electrons):
    p = bare(n, electrons)
    two = n * (n - 1) // 2
    pairs = two + n
    four = sum(not set(a) & set(b) for a, b in combinations(list(combinations(range(n), 2)), 2))
    moves = [k * (n - k) for k in electrons]
    doubles = [k * (k - 1) * (n - k) * (n - k - 1) // 4 for k in electrons]
    assert len(sd(p)) == sum(moves) + sum(doubles) + moves[0] * moves[1]
    assert len(gsd(p)) == 2 * two + two * (two - 1) + (n**4 - n**2) // 2
    assert len(qubit_excitations(p)) == len(gsd(p, spectators=False)) == 2 * two + 2 * four + 2 * two**2
    assert len(spin_adapted(p)) == two + pairs * (pairs - 1) // 2 + two * (two - 1) // 2
    assert (len(paired(p)), len(paired(p, spin_shared=False))) == (2 * two, 3 * two)
    for f in POOLS:
        operators = [frozenset(element.terms) for element in f(p)]
        assert len(set(operators)) == len(operators)
        inverse = [frozenset((Excitation(g.alpha.adjoint, g.beta.adjoint), s) for g, s in terms) for terms in operators]
        assert not set(inverse) & set(operators)
        assert len({element.label for element in f(p)}) == len(operators)


@pytest.mark.parametrize("f", POOLS)
def test_the_squares_of_an_elements_scales_sum_to_one_and_no_term_comes_twice(f):
    for element in f(bare(4, (2, 2))):
        assert sum(s * s for _, s in element.terms) == pytest.approx(1, abs=1e-14)
        assert len({g for g, _ in element.terms}) == len(element.terms)


def test_qubit_excitations_are_those_of_fermions_without_their_signs():
    p = bare(4, (2, 1))
    for options, plain in (({}, gsd(p, spectators=False)), ({"generalized": False}, sd(p))):
        pool = generators(qubit_excitations(p, **options))
        assert not any(g.fermionic for g in pool)
        assert [(g.alpha, g.beta) for g in pool] == [(g.alpha, g.beta) for g in generators(plain)]


def test_paired_is_a_layer_of_k_upccgsd():
    circuit = hq.ansatz("k-upccgsd").build(chain(4))
    assert set(generators(paired(chain(4), point_group=False))) == {f.generator for f in circuit.factors}


def test_out_of_the_reference_means_from_occupied_to_empty():
    p = chain(4, False)
    for f in (spin_adapted, qubit_excitations):
        some, every = f(p, generalized=False), f(p)
        assert set(some) < set(every)
        for g in generators(some):
            for ladder in (g.alpha, g.beta):
                assert all(i < 2 for i in ladder.annihilations)
                assert all(a >= 2 for a in ladder.creations)
    assert {g for g in generators(spin_adapted(p, generalized=False))} == set(generators(sd(p)))


# -- spin ------------------------------------------------------------------------------------------------------------

N = 3  # orbitals: 64 determinants of all electron numbers


@cache
def ladder_operator(mode: int) -> np.ndarray:
    z, flip, one = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [0.0, 0.0]]), np.eye(2)
    return reduce(np.kron, [z if m < mode else flip if m == mode else one for m in range(2 * N)])


def dense(g: Excitation) -> np.ndarray:
    t = np.eye(4**N)
    for ladder, first in ((g.alpha, 0), (g.beta, N)):
        for p in ladder.creations:
            t = t @ ladder_operator(first + p).T
        for p in reversed(ladder.annihilations):
            t = t @ ladder_operator(first + p)
    return t - t.T


def raising() -> np.ndarray:
    """``S+``, the sum of ``a+_p,alpha a_p,beta``. What commutes with it and its adjoint commutes with S^2 and S_z."""
    return sum(ladder_operator(p).T @ ladder_operator(N + p) for p in range(N))


def generated(element: PoolElement) -> np.ndarray:
    return sum(scale * dense(g) for g, scale in element.terms)


def size_of_commutator(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a @ b - b @ a).max())


def test_spin_adapted_elements_commute_with_the_spin_and_those_of_one_excitation_do_not():
    s = raising()
    for options in ({}, {"generalized": False}):
        for element in spin_adapted(bare(N, (2, 2)), **options):
            assert size_of_commutator(generated(element), s) < 1e-13, element
    lone = [e for e in gsd(bare(N, (2, 2))) if size_of_commutator(generated(e), s) < 1e-13]
    assert {g for e in lone for g, _ in e.terms} == {mixed_double((p, q), (p, q)) for p, q in combinations(range(N), 2)}


def test_spin_adapted_elements_span_all_sums_of_excitations_that_commute_with_the_spin():
    every = np.array([dense(g) for g in generators(gsd(bare(N, (2, 2))))])
    adapted = np.array([generated(e) for e in spin_adapted(bare(N, (2, 2)))])
    s = raising()
    rank = np.linalg.matrix_rank
    assert rank(every.reshape(len(every), -1)) == len(every)
    commutators = (every @ s - s @ every).reshape(len(every), -1)
    assert len(every) - rank(commutators) == len(adapted) == rank(adapted.reshape(len(adapted), -1))
    both = np.concatenate([every, adapted]).reshape(-1, 16**N)
    assert rank(both) == len(every)


def test_spin_adapted_factors_keep_the_spin_to_first_order_and_singles_and_pairs_exactly():
    s = raising()

    def drift(element: PoolElement, t: float) -> float:
        u = reduce(lambda u, term: expm(t * term[1] * dense(term[0])) @ u, element.terms, np.eye(4**N))
        return size_of_commutator(u, s)

    exact = 0
    for element in spin_adapted(bare(N, (2, 2))):
        drifts = [drift(element, t) for t in (0.02, 0.01, 1.3)]
        rank, one_term = element.terms[0][0].rank, len(element.terms) == 1
        if rank == 1 or one_term:
            exact += 1
            assert max(drifts) < 1e-13, element
        else:
            assert drifts[0] < 1e-3, element
            assert drifts[1] < drifts[0] / 3.9 or drifts[0] < 1e-13, element
    assert exact == 3 + 3


# -- gradients and screening -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", POOLS)
@pytest.mark.parametrize("electrons", [(2, 2), (2, 1)])
def test_one_gradient_of_the_grown_circuit_holds_all_commutators_of_the_pool(f, electrons):
    p = bare(4, electrons)
    pool = f(p)
    old = product(4, electrons, generators(sd(p))[:5])
    circuit = grown(old.with_initial(np.linspace(-0.8, 0.9, 5)), pool)
    task = hq.Task(circuit, circuit.start, p.hamiltonian, "gradient")
    got = hq.backend("sector").submit([task]).result()[0].value[0, 5:]
    oracle = Oracle(circuit)
    psi, h = Oracle(old).state(circuit.start[:5]), oracle.hamiltonian(p.hamiltonian)
    forces = [2 * (psi @ h @ sum(s * oracle.generator(g) for g, s in e.terms) @ psi).real for e in pool]
    np.testing.assert_allclose(got, forces, atol=1e-10)
    assert np.abs(got).max() > 0.01


@pytest.mark.parametrize("f", POOLS)
def test_what_the_point_group_leaves_out_has_no_gradient(f):
    p = chain(4)
    every, kept = f(p, point_group=False), f(p)
    assert 0 < len(kept) < len(every)
    assert [e for e in every if e in set(kept)] == list(kept)
    rng = np.random.default_rng(1)
    old = grown(product(4, (2, 2), []), kept)
    circuit = grown(old.with_initial(rng.normal(scale=0.3, size=len(kept))), every)
    task = hq.Task(circuit, circuit.start, p.hamiltonian, "gradient")
    slopes = np.abs(hq.backend("sector").submit([task]).result()[0].value[0, len(kept) :])
    inside = np.array([e in set(kept) for e in every])
    assert slopes[~inside].max() < 1e-9
    assert np.count_nonzero(slopes[inside] > 1e-4) > len(kept) // 2


def test_the_order_is_the_same_in_every_process():
    code = (
        "import hybridq as hq\n"
        "from hybridq.contract.circuit import product\n"
        "from hybridq.contract.pool import grown\n"
        "from hybridq.testing.cases import random_hamiltonian\n"
        "p = hq.Problem(random_hamiltonian(4, 1), 2, 2)\n"
        "for e in hq.pool_names(): print(grown(product(4, (2, 2), []), hq.pool(e.name).build(p)).digest)\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert len(set(found.pop().split())) == len(POOLS)


def test_a_problem_in_which_nothing_can_move_has_empty_pools():
    p = bare(1, (1, 1))
    assert [f(p) for f in POOLS] == [()] * len(POOLS)


def test_what_does_not_fit_is_refused():
    for f in POOLS:
        with pytest.raises(InputError, match="irreps of .* are not known"):
            f(chain(4, False), point_group=True)
        with pytest.raises(InputError, match="needs a hybridq Problem, got str"):
            f("H2")
    with pytest.raises(InputError, match="generalized=False needs as many alpha as beta electrons"):
        spin_adapted(bare(4, (2, 1)), generalized=False)
