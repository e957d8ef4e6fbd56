from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from ci_vectors import circuit_energy, energy_and_gradient, generate, optimum

from hybridq.chem.problem import Problem
from hybridq.contract.errors import InputError
from hybridq_circuits.generalized import k_upccgsd, uccgsd
from hybridq_circuits.paired import pccd
from hybridq_circuits.uccsd import uccsd


@cache
def chain(n: int, symmetry: bool = True) -> Problem:
    return Problem.from_xyz("; ".join(f"H 0 0 {k}" for k in range(n)), "sto-3g", symmetry=symmetry)


def oxygen() -> Problem:
    return Problem.from_xyz("O 0 0 0; O 0 0 1.2", "sto-3g", spin=2, active_electrons=8, active_orbitals=6)


@pytest.mark.parametrize("n", [2, 4, 6])
def test_uccgsd_has_each_independent_generator_once(n):
    c = uccgsd(chain(n), point_group=False)
    pairs = n * (n - 1) // 2
    assert c.n_parameters == n * (n - 1) + pairs * (pairs - 1) + (n**4 - n**2) // 2
    generators = {f.generator for f in c.factors}
    assert len(generators) == c.n_parameters
    for g in generators:
        opposite = type(g)(g.alpha.adjoint, g.beta.adjoint)
        assert opposite not in generators
    without = uccgsd(chain(n), point_group=False, spectators=False)
    for f in without.factors:
        for ladder in (f.generator.alpha, f.generator.beta):
            assert not set(ladder.creations) & set(ladder.annihilations)
    disjoint = sum(not set(a) & set(b) for a, b in combinations(list(combinations(range(n), 2)), 2))
    assert without.n_parameters == n * (n - 1) + 2 * disjoint + 2 * pairs**2


def test_uccgsd_contains_uccsd_and_starts_at_the_same_energy_scale():
    p = chain(4)
    big, small = uccgsd(p), uccsd(p)
    start = {f.generator: big.initial[f.parameter] for f in big.factors}
    for f in small.factors:
        assert start.pop(f.generator) == small.initial[f.parameter]
    assert not any(start.values())
    assert p.references().casci < circuit_energy(p, big) < p.known["hf"] - 0.02


def test_uccgsd_is_exact_for_h4():
    p = chain(4)
    exact = p.references().casci
    assert optimum(p, uccgsd(p), maxiter=200) == pytest.approx(exact, abs=1e-6)
    assert optimum(p, uccsd(p)) > exact + 1e-6


def test_uccgsd_takes_open_shells():
    p = oxygen()
    c = uccgsd(p, spectators=False)
    assert (c.n_alpha, c.n_beta) == (5, 3)
    assert circuit_energy(p, c) < p.known["hf"]
    assert uccgsd(p, amplitudes="zero").start.any() == np.False_


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("spin_shared", [True, False])
def test_k_upccgsd_has_k_layers_of_pairs_and_singles(k, spin_shared):
    c = k_upccgsd(chain(4), k=k, spin_shared=spin_shared)
    assert c.n_parameters == k * 6 * (2 if spin_shared else 3)
    assert len(c.factors) == k * 18
    layer = [f.generator for f in c.factors[:18]]
    assert [f.generator for f in c.factors] == layer * k
    assert [g.rank for g in layer] == [2] * 6 + [1] * 12
    assert all(g.alpha == g.beta for g in layer[:6])
    assert c.name == f"{k}-upccgsd"


def test_zeros_leave_the_singles_of_k_upccgsd_without_a_gradient_and_the_start_does_not():
    p = chain(4)
    c = k_upccgsd(p, k=2)

    def slopes(row):
        return energy_and_gradient(p, c, row)[1]

    singles = sorted({f.parameter for f in c.factors if f.generator.rank == 1})
    assert np.abs(slopes(np.zeros(c.n_parameters))[singles]).max() < 1e-6
    assert np.abs(slopes(c.start)[singles]).min() > 1e-6
    first, second = np.split(slopes(np.zeros(c.n_parameters)), 2)
    np.testing.assert_allclose(first, second, atol=1e-9)


def test_the_start_of_k_upccgsd_is_the_same_for_the_same_seed():
    p = chain(4)
    assert k_upccgsd(p, k=2).initial == k_upccgsd(p, k=2).initial
    assert k_upccgsd(p, k=2).initial != k_upccgsd(p, k=2, seed=1).initial
    assert k_upccgsd(p, k=2) == k_upccgsd(p, k=2, seed=1)
    assert all(k_upccgsd(p, k=2, noise=0.01).initial)
    assert circuit_energy(p, k_upccgsd(p, noise=0.0)) < p.known["hf"] - 0.02


def test_one_layer_of_k_upccgsd_goes_below_paired_doubles():
    p = chain(4)
    optima = [optimum(p, c) for c in (pccd(p), k_upccgsd(p))]
    assert p.references().casci < optima[1] < optima[0] - 1e-3


def test_screened_singles_keep_the_irrep():
    p = chain(4)
    c = k_upccgsd(p, point_group=True)
    assert c.n_parameters < 12
    assert "forbidden by the point group" in c.notes[0]
    for f in c.factors:
        if f.generator.rank == 1:
            ladder = f.generator.alpha if f.generator.alpha.creations else f.generator.beta
            assert p.irreps[ladder.creations[0]] == p.irreps[ladder.annihilations[0]]


@pytest.mark.parametrize("family", [uccgsd, k_upccgsd, pccd, uccsd])
def test_every_factor_is_a_plane_rotation(family):
    p = chain(4)
    state = np.random.default_rng(0).normal(size=(6, 6))
    for f in family(p).factors:
        once = generate(f.generator, state, 4, (2, 2))
        thrice = generate(f.generator, generate(f.generator, once, 4, (2, 2)), 4, (2, 2))
        np.testing.assert_allclose(thrice, -once, atol=1e-12)


@pytest.mark.parametrize(
    ("family", "options", "message"),
    [
        (k_upccgsd, {"k": 0}, "k is the number of layers and must be at least 1, got 0"),
        (k_upccgsd, {"k": 1.5}, "k must be a whole number"),
        (k_upccgsd, {"noise": -0.1}, "noise must be finite"),
        (k_upccgsd, {"seed": -1}, "seed must not be negative"),
        (k_upccgsd, {"seed": None}, "seed must be a whole number"),
        (uccgsd, {"amplitudes": "ccsd"}, "unknown choice of amplitudes 'ccsd'"),
        (pccd, {"amplitudes": "random"}, "unknown choice of amplitudes 'random'"),
    ],
)
def test_wrong_options_are_refused(family, options, message):
    with pytest.raises(InputError, match=message):
        family(chain(4), **options)


def test_pccd_has_one_parameter_for_each_pair_and_needs_a_closed_shell():
    p = chain(6)
    c = pccd(p)
    assert c.n_parameters == 9
    assert all(f.generator.alpha == f.generator.beta for f in c.factors)
    assert circuit_energy(p, c) < p.known["hf"] - 0.01
    assert circuit_energy(p, pccd(p, amplitudes="zero")) == pytest.approx(p.known["hf"], abs=1e-9)
    with pytest.raises(InputError, match="pccd needs as many alpha as beta electrons, this problem has 5 and 3"):
        pccd(oxygen())


def test_screening_needs_irreps():
    p = chain(4, False)
    for family in (uccgsd, k_upccgsd):
        with pytest.raises(InputError, match=r"irreps of .* are not known"):
            family(p, point_group=True)
