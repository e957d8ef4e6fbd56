from __future__ import annotations

import fock_space
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyscf import cc, gto, scf
from test_problem import random_integrals

from hybridq.chem import references
from hybridq.chem.problem import Problem, energy_of_determinant
from hybridq.contract.errors import InputError


@pytest.mark.parametrize("na", [1, 2])
@pytest.mark.parametrize("nb", [0, 1, 2])
def test_casci_is_the_lowest_eigenvalue_of_its_spin(na, nb):
    p = Problem.from_xyz("H 0 0 0; H 0 0 0.9; H 0 0.8 1.7", "sto-3g", charge=0, spin=1)
    p = Problem.from_integrals(p.hamiltonian.one_body, p.hamiltonian.two_body, (na, nb), 0.3)
    where = fock_space.sector(3, na, nb)
    h = fock_space.dense(p.hamiltonian)[np.ix_(where, where)].toarray()
    a = fock_space.annihilators(3)
    raise_spin = sum(a[k].T @ a[k + 3] for k in range(3))
    sz = (na - nb) / 2
    square = (raise_spin.T @ raise_spin)[np.ix_(where, where)].toarray() + sz * (sz + 1) * np.eye(len(where))
    wanted = abs(sz) * (abs(sz) + 1)
    energies, vectors = np.linalg.eigh(h + 1e3 * (square - wanted * np.eye(len(where))))
    assert np.einsum("ik,ij,jk->k", vectors, square, vectors)[0] == pytest.approx(wanted, abs=1e-8)
    assert p.references().casci == pytest.approx(energies[0], abs=1e-8)


def test_casci_finds_the_wanted_spin_where_another_lies_lower():
    # The carbon atom: a triplet ground state, and a singlet above it in the same sector.
    singlet = Problem.from_xyz("C 0 0 0", "sto-3g", spin=0)
    triplet = Problem.from_integrals(singlet.hamiltonian.one_body, singlet.hamiltonian.two_body, (4, 2))
    assert singlet.references().casci > triplet.references().casci + 0.02


def test_ccsd_of_a_closed_shell_is_pyscf_s():
    mf = scf.RHF(gto.M(atom="O 0 0 0; H 0 0.757 0.587; H 0 -0.757 0.587", basis="6-31g", verbose=0))
    mf.run(conv_tol=1e-11)
    for frozen in (0, 1):
        p = Problem.from_pyscf(mf, active_electrons=10 - 2 * frozen)
        expected = cc.CCSD(mf, frozen=frozen).set(conv_tol=1e-10, conv_tol_normt=1e-7, verbose=0).run().e_tot
        assert p.references("never").ccsd == pytest.approx(expected, abs=1e-8)


def test_ccsd_of_an_open_shell_is_pyscf_s():
    mf = scf.ROHF(gto.M(atom="O 0 0 0; O 0 0 1.2", basis="sto-3g", spin=2, verbose=0)).run(conv_tol=1e-11)
    expected = cc.UCCSD(mf).set(conv_tol=1e-10, conv_tol_normt=1e-7, verbose=0).run().e_tot
    assert Problem.from_pyscf(mf).references("never").ccsd == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("geometry", "spin"), [("H 0 0 0; H 0 0 2.5", 0), ("He 0 0 0", 2), ("He 0 0 0", 0), ("H 0 0 0", 1)]
)
def test_ccsd_of_at_most_two_electrons_is_exact(geometry, spin):
    r = Problem.from_xyz(geometry, "6-31g", spin=spin).references()
    assert r.ccsd == pytest.approx(r.casci, abs=1e-8)


@pytest.mark.parametrize("electrons", [(2, 2), (2, 0), (1, 0)])
def test_full_and_empty_shells_have_references(electrons):
    one, two = random_integrals(2, 3)
    r = Problem.from_integrals(one, two * 0.01, electrons).references()
    assert r.hf >= r.casci - 1e-10
    assert r.ccsd == pytest.approx(r.casci, abs=1e-7) or "ccsd" in r.reasons


def test_ccsd_that_does_not_converge_is_none_with_a_reason():
    r = Problem.from_xyz("N 0 0 0; N 0 0 2.8", "sto-3g", active_electrons=6, active_orbitals=6).references()
    assert r.ccsd is None
    assert "did not converge" in r.reasons["ccsd"]
    assert r.casci < r.hf


def test_ccsd_that_converges_above_the_reference_is_not_reported():
    # Filled against the order of their energies, and with one electron: every root of CCSD is an eigenvalue.
    one = np.array([[4.1, 1.6], [1.6, -1.0]])
    r = Problem.from_integrals(one, np.zeros((2, 2, 2, 2)), (1, 0)).references()
    roots = np.linalg.eigvalsh(one)
    assert r.casci == pytest.approx(roots[0], abs=1e-9)
    assert r.ccsd == pytest.approx(roots[0], abs=1e-7) or "spurious" in r.reasons["ccsd"]


def test_casci_is_done_when_affordable_or_forced(monkeypatch):
    p = Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")
    assert p.references("never").casci is None
    assert "not asked for" in p.references("never").reasons["casci"]
    monkeypatch.setattr(references, "MAX_DETERMINANTS", 3)
    assert p.references().casci is None
    assert "4 determinants are more than 3" in p.references().reasons["casci"]
    exact = p.references("always").casci
    assert exact < p.references().hf
    with pytest.raises(InputError, match="unknown choice for casci 'alwais'; did you mean 'always'"):
        p.references("alwais")


def test_references_are_computed_once(monkeypatch):
    p = Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")
    first = p.references()
    monkeypatch.setattr(references, "_casci", None)
    monkeypatch.setattr(references, "_ccsd", None)
    assert p.references() == first


def test_known_energies_are_taken_as_they_are():
    p = Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")
    q = Problem(p.hamiltonian, 1, 1, known={"casci": -1.25, "ccsd": -1.2})
    assert (q.references("never").casci, q.references().ccsd) == (-1.25, -1.2)


def test_references_read_like_a_mapping():
    r = Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g").references()
    assert dict(r) == {"hf": r.hf, "ccsd": r.ccsd, "casci": r.casci}
    assert len(r) == 3
    with pytest.raises(KeyError):
        r["mp2"]


@given(seed=st.integers(0, 10**6), na=st.integers(0, 3), nb=st.integers(0, 3))
@settings(max_examples=10, deadline=None)
def test_hf_is_never_below_the_lowest_eigenvalue_of_any_spin(seed, na, nb):
    if na + nb == 0:
        return
    p = Problem.from_integrals(*random_integrals(3, seed), (na, nb))
    where = fock_space.sector(3, na, nb)
    lowest = np.linalg.eigvalsh(fock_space.dense(p.hamiltonian)[np.ix_(where, where)].toarray())[0]
    assert energy_of_determinant(p.hamiltonian, range(na), range(nb)) >= lowest - 1e-9
