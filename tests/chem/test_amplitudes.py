from __future__ import annotations

from itertools import combinations, product

import fock_space
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyscf import gto, mp, scf
from test_problem import random_integrals

from hybridq.chem.amplitudes import angle, first_order
from hybridq.chem.coupled_cluster import solve
from hybridq.chem.mean_field import fock
from hybridq.chem.problem import Problem
from hybridq.contract.errors import ConvergenceError
from hybridq.contract.generators import Excitation, mixed_double, same_spin_double, single


def excitations(n, na, nb):
    for spin, k in (("alpha", na), ("beta", nb)):
        yield from (single(i, a, spin) for i, a in product(range(k), range(k, n)))
        for sources, targets in product(combinations(range(k), 2), combinations(range(k, n), 2)):
            yield same_spin_double(sources, targets, spin)
    for i, a, j, b in product(range(na), range(na, n), range(nb), range(nb, n)):
        yield mixed_double((i, a), (j, b))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pair", [(2, 2), (2, 1), (1, 2), (3, 1), (2, 0)])
def test_amplitudes_are_first_order_perturbation_theory(seed, pair):
    """<D|H|reference> / (E_ref - E_D), signs included, from plain second quantization."""
    one, two = random_integrals(4, seed)
    # Weakly coupled, well ordered orbitals, not canonical: singles count too.
    p = Problem.from_integrals(np.diag([-9.0, -7.0, 1.0, 3.0]) + 0.02 * one, 0.01 * two, pair)
    mp2 = first_order(p)
    h = fock_space.dense(p.hamiltonian)
    reference = fock_space.determinant(4, range(pair[0]), range(pair[1]))
    alpha, beta = fock(p.hamiltonian, *pair)
    a = fock_space.annihilators(4)
    zeroth = sum(f[q, q] * a[q + s].T @ a[q + s] for f, s in ((alpha, 0), (beta, 4)) for q in range(4))
    count = 0
    for g in excitations(4, *pair):
        excited = fock_space.excite(g, 4) @ reference
        assert np.abs(excited).sum() == 1
        gap = excited @ zeroth @ excited - reference @ zeroth @ reference
        assert mp2.gap(g) == pytest.approx(gap, abs=1e-12)
        assert mp2.amplitude(g) == pytest.approx(-(excited @ h @ reference) / gap, abs=1e-12)
        count += 1
    assert count > 2


@pytest.mark.parametrize("spin", [0, 2])
def test_amplitudes_give_pyscf_s_mp2_energy(spin):
    mol = gto.M(atom="O 0 0 0; O 0 0 1.2", basis="sto-3g", spin=2, verbose=0)
    if spin == 0:
        mol = gto.M(atom="O 0 0 0; H 0 0.757 0.587; H 0 -0.757 0.587", basis="sto-3g", verbose=0)
    mf = (scf.ROHF if spin else scf.RHF)(mol).run(conv_tol=1e-11)
    p = Problem.from_pyscf(mf)
    mp2 = first_order(p)
    doubles = [g for g in excitations(p.n_orbitals, p.n_alpha, p.n_beta) if g.rank == 2]
    energy = sum(mp2.amplitude(g) * mp2.coupling(g) for g in doubles)
    if spin == 0:
        assert energy == pytest.approx(mp.MP2(mf).set(verbose=0).run().e_corr, abs=1e-8)
    else:
        # Diagonal denominators in the ROHF orbitals: PySCF's UMP2 with its mo_energy set to the Fock diagonals.
        u = mf.to_uhf()
        u.mo_energy = np.array([np.diagonal(f) for f in mp2.fock])
        assert energy == pytest.approx(mp.UMP2(u).set(verbose=0).kernel(mo_energy=u.mo_energy)[0], abs=1e-8)


def test_singles_vanish_for_canonical_closed_shells_and_not_for_rohf():
    closed = first_order(Problem.from_xyz("Li 0 0 0; H 0 0 1.6", "sto-3g"))
    assert max(abs(closed.amplitude(g)) for g in excitations(6, 2, 2) if g.rank == 1) < 1e-5
    opened = first_order(Problem.from_xyz("O 0 0 0; H 0 0 0.97", "sto-3g", spin=1))
    assert max(abs(opened.amplitude(g)) for g in excitations(6, 5, 4) if g.rank == 1) > 1e-3


@pytest.mark.parametrize(
    "excitation",
    [
        single(2, 3, "alpha"),
        single(0, 1, "beta"),
        mixed_double((0, 1), (0, 2)),
        same_spin_double((0, 2), (1, 3), "alpha"),
        Excitation(single(0, 2, "alpha").alpha, imaginary=True),
    ],
)
def test_what_does_not_excite_the_reference_has_no_amplitude(excitation):
    p = Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g", symmetry=False)
    assert first_order(p).amplitude(excitation) == 0.0
    assert solve(p).amplitude(excitation) == 0.0 or excitation.imaginary


@given(coupling=st.floats(-10, 10), gap=st.floats(-10, 10))
def test_an_angle_is_bounded_and_lowers_the_energy_of_two_levels(coupling, gap):
    t = angle(coupling, gap)
    assert abs(t) <= np.pi / 4 + 1e-12
    # <H> of cos t |0> + sin t |1> above the reference, for the gap that was used.
    energy = np.sin(t) ** 2 * max(gap, 0.0) + np.sin(2 * t) * coupling
    assert energy <= 1e-12


@pytest.mark.parametrize("gap", [0.0, -0.0, -1.0, 1e-300])
def test_a_vanishing_gap_gives_a_finite_angle(gap):
    assert angle(0.1, gap) == pytest.approx(-np.pi / 4)
    assert angle(-0.1, gap) == pytest.approx(np.pi / 4)
    assert angle(0.0, gap) == 0.0


@pytest.mark.parametrize(
    ("geometry", "spin"), [("Li 0 0 0; H 0 0 1.6", 0), ("O 0 0 0; H 0 0 0.97", 1), ("N 0 0 0; H 0 0 1.04", 2)]
)
def test_ccsd_amplitudes_have_the_signs_and_places_of_mp2(geometry, spin):
    p = Problem.from_xyz(geometry, "sto-3g", spin=spin)
    mp2, ccsd = first_order(p), solve(p)
    doubles = [g for g in excitations(p.n_orbitals, p.n_alpha, p.n_beta) if g.rank == 2]
    x = np.array([[mp2.amplitude(g), ccsd.amplitude(g)] for g in doubles])
    overlap = x[:, 0] @ x[:, 1] / np.linalg.norm(x[:, 0]) / np.linalg.norm(x[:, 1])
    assert overlap > 0.8
    large = np.abs(x[:, 0]) > 0.02
    assert large.sum() >= 2
    assert (np.sign(x[large, 0]) == np.sign(x[large, 1])).all()


def test_ccsd_amplitudes_project_to_the_ccsd_energy():
    """E = E_hf + sum_D <hf|H|D> <D|exp(T)|hf>, over singles and doubles, from plain second quantization."""
    from scipy.sparse.linalg import expm_multiply

    p = Problem.from_xyz("H 0 0 0; H 0 0.3 1; H 0 0 2; H 0 0 3.1", "sto-3g", symmetry=False)
    ccsd = solve(p)
    reference = fock_space.determinant(4, range(2), range(2))
    cluster = sum(ccsd.amplitude(g) * fock_space.excite(g, 4) for g in excitations(4, 2, 2))
    state = expm_multiply(cluster, reference)
    assert reference @ fock_space.dense(p.hamiltonian) @ state == pytest.approx(ccsd.energy, abs=1e-8)


def test_ccsd_that_does_not_converge_says_what_to_do():
    p = Problem.from_xyz("N 0 0 0; N 0 0 2.8", "sto-3g", active_electrons=6, active_orbitals=6)
    with pytest.raises(ConvergenceError, match='start from "mp2" or "zero"'):
        solve(p)
