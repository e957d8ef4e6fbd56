from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
from ci_vectors import circuit_energy, energy_and_gradient, optimum, state_vector
from hypothesis import given, settings
from hypothesis import strategies as st
from pyscf import mp, scf

from hybridq.chem.amplitudes import first_order
from hybridq.chem.coupled_cluster import solve
from hybridq.chem.problem import Problem
from hybridq.contract.errors import ConvergenceError, InputError
from hybridq.contract.generators import Ladder, mixed_double
from hybridq_circuits.uccsd import uccsd

WATER = "O 0 0 0; H 0 0.757 0.587; H 0 -0.757 0.587"


def chain(n: int, distance: float = 1.0) -> str:
    return "; ".join(f"H 0 0 {distance * k}" for k in range(n))


@cache
def problem(geometry: str, spin: int = 0, symmetry: bool = True, electrons=None, orbitals=None) -> Problem:
    return Problem.from_xyz(
        geometry, "sto-3g", spin=spin, symmetry=symmetry, active_electrons=electrons, active_orbitals=orbitals
    )


def oxygen() -> Problem:
    return problem("O 0 0 0; O 0 0 1.2", 2, True, 8, 6)


@pytest.mark.parametrize(
    ("geometry", "active", "count"),
    [
        (chain(4), (None, None), 26),
        ("Li 0 0 0; H 0 0 1.6", (None, None), 92),
        (WATER, (None, None), 140),
        ("N 0 0 0; N 0 0 1.1", (10, 8), 315),
        (chain(8), (None, None), 360),
        (chain(10), (None, None), 875),
        (chain(12), (None, None), 1818),
    ],
)
def test_without_screening_every_single_and_double_is_there_once(geometry, active, count):
    c = uccsd(problem(geometry, 0, True, *active), point_group=False)
    assert c.n_parameters == len(c.factors) == count
    assert len({f.generator for f in c.factors}) == count
    assert [f.parameter for f in c.factors] == list(range(count))
    assert len(c.initial) == count
    assert c.notes == ()


def test_the_grouped_order_puts_equal_beta_parts_side_by_side():
    c = uccsd(problem(chain(4)), point_group=False)
    groups = [(len(f.generator.alpha.creations), len(f.generator.beta.creations)) for f in c.factors]
    assert groups == [(1, 0)] * 4 + [(0, 1)] * 4 + [(2, 0)] + [(0, 2)] + [(1, 1)] * 16
    betas = [f.generator.beta for f in c.factors[10:]]
    assert betas == [beta for k in range(4) for beta in [betas[4 * k]] * 4]
    assert len(set(betas)) == 4
    assert c.factors[10].generator == mixed_double((0, 2), (0, 2))
    assert c.factors[11].generator == mixed_double((0, 3), (0, 2))


def test_open_shells_use_their_own_occupied_orbitals():
    p = problem("O 0 0 0; H 0 0 0.97", 1)
    c = uccsd(p, point_group=False)
    a, b, n = p.n_alpha, p.n_beta, p.n_orbitals
    va, vb = n - a, n - b
    pairs = lambda k: k * (k - 1) // 2  # noqa: E731
    assert c.n_parameters == a * va + b * vb + pairs(a) * pairs(va) + pairs(b) * pairs(vb) + a * va * b * vb
    assert c.reference == (tuple(range(a)), tuple(range(b)))
    for f in c.factors:
        for ladder, k in ((f.generator.alpha, a), (f.generator.beta, b)):
            assert all(i < k for i in ladder.annihilations)
            assert all(x >= k for x in ladder.creations)


@pytest.mark.parametrize("options", [{}, {"spin_adapted": True}, {"order": "mp2"}, {"threshold": 1e-3}])
def test_mp2_amplitudes_start_below_hf_and_near_mp2(options):
    p = problem(WATER)
    mf = scf.RHF(_molecule(WATER)).run(conv_tol=1e-11)
    mp2 = mp.MP2(mf).set(verbose=0).run().e_tot
    energy = circuit_energy(p, uccsd(p, **options))
    hf = p.known["hf"]
    assert p.references().casci < energy < hf - 0.8 * (hf - mp2)


def test_mp2_amplitudes_of_an_open_shell_start_below_its_determinant():
    p = oxygen()
    assert p.references().casci < circuit_energy(p, uccsd(p)) < p.known["hf"] - 0.02


def test_ccsd_amplitudes_start_lower_than_mp2_s():
    for p in (problem(chain(4)), oxygen()):
        by = {name: circuit_energy(p, uccsd(p, amplitudes=name)) for name in ("zero", "mp2", "ccsd")}
        assert by["zero"] == pytest.approx(p.known["hf"], abs=1e-9)
        assert p.references().casci < by["ccsd"] < by["mp2"] < by["zero"]
        assert by["ccsd"] == pytest.approx(p.references().ccsd, abs=5e-3)


@pytest.mark.parametrize("geometry", [chain(4), "Li 0 0 0; H 0 0 1.6", WATER])
def test_a_spin_adapted_circuit_has_the_amplitudes_of_closed_shell_ccsd(geometry):
    p = problem(geometry)
    c = uccsd(p, spin_adapted=True, point_group=False)
    pairs = p.n_alpha * (p.n_orbitals - p.n_alpha)
    assert c.n_parameters == pairs + pairs * (pairs + 1) // 2
    plain = uccsd(p, point_group=False)
    doubled = Counter(f.generator for f in c.factors)
    assert set(doubled) == {f.generator for f in plain.factors}
    for k, f in enumerate(c.factors):
        same_spin = f.generator.rank == 2 and not (f.generator.alpha.creations and f.generator.beta.creations)
        assert doubled[f.generator] == (2 if same_spin else 1)
        if same_spin and f.scale == 1.0:
            assert c.factors[k + 1].generator == f.generator
            assert c.factors[k + 1].scale == -1.0


@pytest.mark.parametrize("amplitudes", ["mp2", "ccsd"])
def test_a_spin_adapted_circuit_is_the_same_state_as_its_unshared_amplitudes(amplitudes):
    p = problem(chain(4))
    shared = uccsd(p, spin_adapted=True, amplitudes=amplitudes, point_group=False)
    plain = uccsd(p, amplitudes=amplitudes, point_group=False)
    np.testing.assert_allclose(state_vector(shared, shared.start), state_vector(plain, plain.start), atol=1e-6)


@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_spin_adapted_parameters_act_as_t_ijab_minus_t_ijba(data):
    p = problem(chain(4))
    c = uccsd(p, spin_adapted=True, point_group=False)
    row = np.array(data.draw(st.lists(st.floats(-1, 1), min_size=c.n_parameters, max_size=c.n_parameters)))
    angle: dict[object, float] = {}
    for f, x in zip(c.factors, c.angles(row), strict=True):
        angle[f.generator] = angle.get(f.generator, 0.0) + float(x)
    t = lambda i, j, a, b: angle[mixed_double((i, a), (j, b))]  # noqa: E731
    for g, x in angle.items():
        if g.rank == 1:
            alpha = g.alpha.creations or g.beta.creations, g.alpha.annihilations or g.beta.annihilations
            both = [y for h, y in angle.items() if h.rank == 1 and _ladder(h) == Ladder(*alpha)]
            assert both == [x, x]
        elif g.alpha.creations and g.beta.creations:
            (i,), (a,) = g.alpha.annihilations, g.alpha.creations
            (j,), (b,) = g.beta.annihilations, g.beta.creations
            assert x == t(j, i, b, a)
        else:
            (i, j), (a, b) = _ladder(g).annihilations, _ladder(g).creations
            assert x == pytest.approx(t(i, j, a, b) - t(i, j, b, a), abs=1e-15)


def test_point_group_screening_changes_nothing_in_the_optimum():
    p = problem(chain(4))
    full, screened = uccsd(p, point_group=False), uccsd(p)
    assert screened.n_parameters < full.n_parameters
    assert "12 of 26 parameters left out: forbidden by the point group" in screened.notes
    optima = [optimum(p, c) for c in (full, screened)]
    assert optima[0] == pytest.approx(optima[1], abs=1e-7)
    assert optima[0] < p.references().hf - 0.05


@pytest.mark.parametrize("spin_adapted", [False, True])
def test_what_the_point_group_forbids_starts_at_zero_and_has_no_gradient(spin_adapted):
    p = problem("N 0 0 0; N 0 0 1.1", 0, True, 6, 6)
    kept = {f.generator for f in uccsd(p, spin_adapted=spin_adapted).factors}
    full = uccsd(p, spin_adapted=spin_adapted, point_group=False)
    forbidden = {f.parameter for f in full.factors if f.generator not in kept}
    assert 0 < len(forbidden) < full.n_parameters
    assert max(abs(full.initial[k]) for k in forbidden) < 1e-12
    _, slopes = energy_and_gradient(p, full, full.start)
    assert np.abs(slopes[sorted(forbidden)]).max() < 1e-10
    assert np.abs(slopes).max() > 1e-4


def test_a_threshold_drops_the_smallest_doubles_and_keeps_singles():
    p = problem(WATER)
    full, cut = uccsd(p, point_group=False), uccsd(p, point_group=False, threshold=5e-3)
    mp2 = first_order(p)
    expected = [f.generator for f in full.factors if f.generator.rank == 1 or abs(mp2.amplitude(f.generator)) >= 5e-3]
    assert [f.generator for f in cut.factors] == expected
    assert 20 < len(expected) < 140
    assert cut.notes == (f"{140 - len(expected)} of 140 parameters left out: with a first-order amplitude below 0.005",)


def test_a_threshold_drops_whole_parameters_where_they_are_shared():
    p = problem(WATER)
    cut = uccsd(p, spin_adapted=True, threshold=5e-3)
    mp2 = first_order(p)
    for f in cut.factors:
        if f.generator.alpha.creations and f.generator.beta.creations:
            assert abs(mp2.amplitude(f.generator)) >= 5e-3
    assert {f.parameter for f in cut.factors} == set(range(cut.n_parameters))


@pytest.mark.parametrize("order", ["doubles-first", "mp2", "lexicographic"])
@pytest.mark.parametrize("spin_adapted", [False, True])
def test_every_order_holds_the_same_factors_with_the_same_start(order, spin_adapted):
    p = problem("Li 0 0 0; H 0 0 1.6")
    grouped, other = (uccsd(p, order=o, spin_adapted=spin_adapted) for o in ("grouped", order))
    count = [Counter((f.generator, f.scale, c.initial[f.parameter]) for f in c.factors) for c in (grouped, other)]
    assert count[0] == count[1]
    assert grouped != other
    assert next(f.parameter for f in other.factors if f.scale > 0) == 0


def test_orders_are_what_they_are_called():
    p = problem("Li 0 0 0; H 0 0 1.6")
    ranks = [f.generator.rank for f in uccsd(p, order="doubles-first").factors]
    assert ranks == sorted(ranks, reverse=True)
    sizes = np.abs(uccsd(p, order="mp2").initial)
    assert (np.diff(sizes) < 1e-8).all()
    assert sizes[0] > 0.01
    keys = [
        (
            g.rank,
            (*g.alpha.annihilations, *(q + 6 for q in g.beta.annihilations)),
            (*g.alpha.creations, *(q + 6 for q in g.beta.creations)),
        )
        for g in (f.generator for f in uccsd(p, order="lexicographic").factors)
    ]
    assert keys == sorted(keys)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_any_permutation_is_an_order(seed):
    p = problem(chain(4))
    grouped = uccsd(p)
    permutation = np.random.default_rng(seed).permutation(grouped.n_parameters)
    other = uccsd(p, order=permutation)
    assert [f.generator for f in other.factors] == [grouped.factors[k].generator for k in permutation]
    np.testing.assert_array_equal(other.initial, np.array(grouped.initial)[permutation])


def test_singles_can_be_left_out():
    c = uccsd(problem(chain(4)), singles=False, point_group=False)
    assert c.n_parameters == 18
    assert c.kinds() == {"doubles": 18}


def test_no_room_to_excite_gives_the_reference_and_says_so():
    c = uccsd(problem("He 0 0 0"))
    assert (c.n_parameters, c.factors) == (0, ())
    assert "circuit is the reference" in c.notes[-1]


def test_making_a_circuit_twice_gives_equal_circuits():
    p = problem(WATER)
    assert uccsd(p) == uccsd(p)
    assert uccsd(p).initial == uccsd(p).initial
    assert "uccsd" in repr(uccsd(p))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "alphabetic"}, "unknown order 'alphabetic'.*Known: doubles-first, grouped, lexicographic, mp2"),
        ({"order": [0, 1]}, "each number from 0 to 13 once"),
        ({"order": [0] * 14}, "each number from 0 to 13 once"),
        ({"order": [0.5] * 14}, "whole numbers"),
        ({"order": 3}, "whole numbers, got 3"),
        ({"amplitudes": "mp3"}, "unknown choice of amplitudes 'mp3'; did you mean 'mp2'"),
        ({"threshold": -1.0}, "threshold must be .* got -1.0"),
        ({"threshold": float("nan")}, "threshold must be .* got nan"),
    ],
)
def test_a_wrong_option_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        uccsd(problem(chain(4)), **options)


def test_what_does_not_fit_the_problem_is_refused():
    with pytest.raises(InputError, match="as many alpha as beta electrons, this problem has 5 and 3"):
        uccsd(oxygen(), spin_adapted=True)
    with pytest.raises(InputError, match=r"irreps of .* are not known"):
        uccsd(problem(chain(4), 0, False), point_group=True)
    with pytest.raises(InputError, match="needs a hybridq Problem, got str"):
        uccsd("H2")
    stretched = problem("N 0 0 0; N 0 0 2.8", 0, True, 6, 6)
    with pytest.raises(ConvergenceError, match='start from "mp2" or "zero"'):
        uccsd(stretched, amplitudes="ccsd")
    assert np.abs(uccsd(stretched).initial).max() <= np.pi / 4


def test_ccsd_amplitudes_are_those_of_the_active_space():
    p = problem(chain(4))
    ccsd = solve(p)
    c = uccsd(p, amplitudes="ccsd")
    assert [ccsd.amplitude(f.generator) for f in c.factors] == pytest.approx(list(c.initial), abs=1e-9)
    assert np.abs(c.initial).max() > 0.05


def _ladder(g):
    return g.alpha if g.alpha.creations else g.beta


def _molecule(geometry):
    from hybridq.chem.molecule import build_molecule

    return build_molecule(geometry, "sto-3g")
