from __future__ import annotations

import json

import numpy as np
import pytest
from pyscf import fci, gto, mcscf, scf

from hybridq.chem.problem import Problem
from hybridq.contract.errors import ConvergenceError, InputError

WATER = "O 0 0 0; H 0 0.757 0.587; H 0 -0.757 0.587"
NITROGEN = "N 0 0 0; N 0 0 1.1"


def mean_field(atom, basis, spin=0, symmetry=True, **options):
    mol = gto.M(atom=atom, basis=basis, spin=spin, symmetry=symmetry, verbose=0)
    mf = (scf.RHF if spin == 0 else scf.ROHF)(mol).set(conv_tol=1e-11, chkfile=None, **options)
    return mf.run()


def casci_energy(mf, ncas, nelecas, orbitals=None):
    mc = mcscf.CASCI(mf, ncas, nelecas)
    mc.verbose = 0
    mc.fcisolver.conv_tol = 1e-12
    mo = mf.mo_coeff if orbitals is None else mc.sort_mo(orbitals, base=0)
    return mc.kernel(mo)[0]


@pytest.mark.parametrize("symmetry", [True, False])
@pytest.mark.parametrize(
    ("atom", "basis", "spin", "electrons", "orbitals"),
    [
        (NITROGEN, "cc-pvdz", 0, 6, 6),
        (WATER, "sto-3g", 0, None, None),
        ("O 0 0 0; O 0 0 1.2", "cc-pvdz", 2, 8, 6),
        ("O 0 0 0; O 0 0 1.2", "cc-pvdz", 2, (5, 3), 7),
    ],
)
def test_casci_energy_is_pyscf_s(atom, basis, spin, electrons, orbitals, symmetry):
    mf = mean_field(atom, basis, spin, symmetry)
    p = Problem.from_pyscf(mf, electrons, orbitals)
    r = p.references()
    ncas = orbitals or mf.mo_coeff.shape[1]
    nelecas = electrons or mf.mol.nelec
    assert r.casci == pytest.approx(casci_energy(mf, ncas, nelecas), abs=1e-8)
    assert r.hf == pytest.approx(mf.e_tot, abs=1e-8)
    assert p.known["hf"] == r.hf
    assert (p.irreps is not None) is symmetry


def test_a_doublet_is_pyscf_s():
    mf = mean_field("O 0 0 0; H 0 0 0.97", "6-31g", 1, "C2v")
    p = Problem.from_pyscf(mf, frozen_core=True)
    assert (p.n_alpha, p.n_beta, p.n_orbitals) == (4, 3, 10)
    assert p.references().casci == pytest.approx(casci_energy(mf, 10, (4, 3)), abs=1e-8)
    assert p.references().hf == pytest.approx(mf.e_tot, abs=1e-8)


def test_frozen_core_of_lithium_hydride_is_pyscf_s():
    mf = mean_field("Li 0 0 0; H 0 0 1.6", "sto-3g")
    p = Problem.from_pyscf(mf, active_electrons=2)
    assert (p.n_electrons, p.n_orbitals) == (2, 5)
    assert p.source["core"] == [0]
    assert p.references().casci == pytest.approx(casci_energy(mf, 5, 2), abs=1e-8)


def test_frozen_core_follows_pyscf_s_table_and_says_so_where_it_is_empty():
    lithium = Problem.from_pyscf(mean_field("Li 0 0 0; H 0 0 1.6", "sto-3g"), frozen_core=True)
    assert lithium.source["core"] == []
    assert any("no chemical core" in note for note in lithium.source["notes"])
    mf = mean_field(WATER, "sto-3g")
    water = Problem.from_pyscf(mf, frozen_core=True)
    assert water.source["core"] == [0]
    assert water.source["notes"] == []
    assert water.references().casci == pytest.approx(casci_energy(mf, 6, 8), abs=1e-8)


def test_an_explicit_orbital_list_is_pyscf_s():
    mf = mean_field(WATER, "6-31g")
    listed = [9, 3, 4, 6]
    p = Problem.from_pyscf(mf, orbitals=listed)
    assert p.n_electrons == 4
    assert p.source["orbitals"] == [3, 4, 9, 6]
    assert p.references().casci == pytest.approx(casci_energy(mf, 4, 4, listed), abs=1e-8)
    assert p.references().hf == pytest.approx(mf.e_tot, abs=1e-8)


def test_an_occupied_orbital_can_be_left_out_of_a_list():
    mf = mean_field(WATER, "6-31g")
    p = Problem.from_pyscf(mf, orbitals=[2, 4, 5, 7])
    assert p.source["core"] == [0, 1, 3]
    assert p.references().hf == pytest.approx(mf.e_tot, abs=1e-8)


def test_an_excited_reference_keeps_its_own_occupied_orbitals():
    mol = gto.M(atom=NITROGEN, basis="sto-3g", verbose=0)
    mf = scf.RHF(mol).run()
    swapped = mf.mo_coeff[:, [0, 1, 2, 3, 4, 7, 5, 6, 8, 9]]
    mf.mo_coeff, mf.mo_occ = swapped, mf.mo_occ[[0, 1, 2, 3, 4, 7, 5, 6, 8, 9]]
    p = Problem.from_pyscf(mf, 6, 6)
    assert p.source["orbitals"][:3] == [4, 6, 7]
    assert p.references().hf == pytest.approx(mf.e_tot, abs=1e-8)


def test_another_spin_than_the_mean_field_s_can_be_asked_for():
    mf = mean_field(NITROGEN, "sto-3g", symmetry=False)
    p = Problem.from_pyscf(mf, (4, 2), 6)
    assert p.spin == 2
    # PySCF's Davidson stays in the symmetry of its guess and at times ends in an excited state here: diagonalize.
    h, shape = p.hamiltonian, (15, 15)
    absorbed = fci.direct_spin1.absorb_h1e(h.one_body, h.two_body, 6, (4, 2), 0.5)
    columns = [fci.direct_spin1.contract_2e(absorbed, unit.reshape(shape), 6, (4, 2)).ravel() for unit in np.eye(225)]
    energies, states = np.linalg.eigh(np.array(columns))
    spins = [fci.spin_op.spin_square(state.reshape(shape), 6, (4, 2))[0] for state in states.T]
    lowest = next(e for e, square in zip(energies, spins, strict=True) if abs(square - 2) < 1e-6)
    assert p.references().casci == pytest.approx(h.constant + lowest, abs=1e-8)


def test_kohn_sham_orbitals_are_taken_and_hf_is_their_determinant():
    mol = gto.M(atom=WATER, basis="sto-3g", verbose=0)
    ks = mol.RKS(xc="b3lyp").run()
    p = Problem.from_pyscf(ks)
    hf = scf.RHF(mol)
    assert p.known["hf"] == pytest.approx(hf.energy_tot(ks.make_rdm1()), abs=1e-8)
    assert p.known["hf"] > hf.run().e_tot + 1e-5
    assert p.references().casci == pytest.approx(casci_energy(hf, 7, 10), abs=1e-8)
    assert "Kohn-Sham" in p.source["notes"][0]
    assert p.source["scf"]["xc"] == "b3lyp"


def test_density_fitting_is_kept():
    mf = scf.RHF(gto.M(atom=WATER, basis="sto-3g", verbose=0)).density_fit().run(conv_tol=1e-11)
    p = Problem.from_pyscf(mf)
    assert p.known["hf"] == pytest.approx(mf.e_tot, abs=1e-8)
    assert p.source["notes"] == []


def test_forbidden_integrals_are_exactly_zero():
    mf = mean_field(NITROGEN, "cc-pvdz")
    p = Problem.from_pyscf(mf, 6, 6)
    ids = np.array(p.irreps)
    pairs = ids[:, None] ^ ids[None, :]
    assert not p.hamiltonian.one_body[pairs != 0].any()
    assert not p.hamiltonian.two_body[(pairs[:, :, None, None] ^ pairs) != 0].any()
    assert p.hamiltonian.two_body[(pairs[:, :, None, None] ^ pairs) == 0].any()


def test_orbitals_that_break_the_point_group_give_no_irreps_and_a_note():
    mf = mean_field(NITROGEN, "sto-3g")
    c, s = np.cos(0.1), np.sin(0.1)
    mf.mo_coeff = np.array(mf.mo_coeff)
    mf.mo_coeff[:, :2] = mf.mo_coeff[:, :2] @ np.array([[c, -s], [s, c]])
    p = Problem.from_pyscf(mf)
    assert p.irreps is None
    assert "point group" in p.source["notes"][0]
    assert p.known["hf"] == pytest.approx(mf.e_tot, abs=1e-8)


def test_source_is_json_and_names_the_calculation():
    p = Problem.from_pyscf(mean_field(NITROGEN, "cc-pvdz"), 6, 6)
    source = json.loads(json.dumps(p.source))
    assert source["basis"] == "cc-pvdz"
    assert source["atoms"][1][0] == "N"
    assert source["atoms"][1][3] - source["atoms"][0][3] == pytest.approx(1.1)
    assert source["active_electrons"] == [3, 3]
    assert p.name == "N2/cc-pvdz (6e,6o)"


def test_unrestricted_and_other_references_are_refused():
    mol = gto.M(atom="O 0 0 0; O 0 0 1.2", basis="sto-3g", spin=2, verbose=0)
    for mf in (scf.UHF(mol).run(), mol.UKS(xc="lda").run()):
        with pytest.raises(InputError, match="use ROHF"):
            Problem.from_pyscf(mf)
    with pytest.raises(InputError, match=r"RHF or ROHF object .* got GHF"):
        Problem.from_pyscf(scf.GHF(mol))
    with pytest.raises(InputError, match="got Mole"):
        Problem.from_pyscf(mol)
    with pytest.raises(InputError, match=r"call mf\.run"):
        Problem.from_pyscf(scf.ROHF(mol))


def test_an_unconverged_reference_is_refused_unless_accepted():
    mol = gto.M(atom=NITROGEN, basis="sto-3g", verbose=0)
    mf = scf.RHF(mol).set(max_cycle=1).run()
    with pytest.raises(ConvergenceError, match=r"RHF did not converge .*max_cycle=1"):
        Problem.from_pyscf(mf)
    p = Problem.from_pyscf(mf, allow_unconverged=True)
    assert "the mean field did not converge" in p.source["notes"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"active_electrons": -2}, "must not be negative, got -2"),
        ({"active_electrons": 0}, "at least 1, got 0"),
        ({"active_electrons": 3}, "leaves 7 of 10 electrons for the frozen core"),
        ({"active_electrons": 12}, "more than the 10 electrons"),
        ({"active_electrons": 6, "active_orbitals": 2}, "do not fit into 2 active orbitals"),
        ({"active_electrons": (4, 0), "active_orbitals": 3}, "4 alpha and 0 beta electrons do not fit"),
        ({"active_electrons": 2, "active_orbitals": 4}, "active_orbitals=4 is too many: the basis has 7"),
        ({"active_orbitals": 0}, "at least 1, got 0"),
        ({"active_orbitals": -3}, "at least 1, got -3"),
        ({"active_orbitals": 2.5}, "whole number, got 2.5"),
        ({"active_electrons": "six"}, "active_electrons must be|a number or"),
        ({"active_electrons": 10, "frozen_core": True}, "reaches into the frozen core of 1"),
        ({"orbitals": [3, 3]}, "different indices between 0 and 6"),
        ({"orbitals": [3, 7]}, "different indices between 0 and 6"),
        ({"orbitals": [-1, 3]}, "different indices between 0 and 6"),
        ({"orbitals": []}, "different indices"),
        ({"orbitals": [5, 6]}, "at least 1, got 0"),
        ({"orbitals": [4, 5], "active_orbitals": 3}, "active_orbitals=3, but 2"),
        ({"orbitals": [4, 5], "active_electrons": 4}, "hold 2 electrons in the reference"),
        ({"orbitals": [4, 5], "frozen_core": True}, "either orbitals or frozen_core"),
    ],
)
def test_an_impossible_active_space_is_refused(options, message):
    mf = scf.RHF(gto.M(atom=WATER, basis="sto-3g", verbose=0)).run()
    with pytest.raises(InputError, match=message):
        Problem.from_pyscf(mf, **options)


def test_unpaired_electrons_cannot_be_left_out():
    mf = mean_field("O 0 0 0; O 0 0 1.2", "sto-3g", 2, symmetry=False)
    with pytest.raises(InputError, match="singly occupied"):
        Problem.from_pyscf(mf, orbitals=[5, 6, 7])
    with pytest.raises(InputError, match="leaves 15 of 16 electrons"):
        Problem.from_pyscf(mf, active_electrons=1)
    with pytest.raises(InputError, match="do not fit into 1 active"):
        Problem.from_pyscf(mf, active_electrons=2, active_orbitals=1)


def test_fractional_occupations_are_refused():
    mol = gto.M(atom="Li 0 0 0; Li 0 0 2.7", basis="sto-3g", verbose=0)
    mf = scf.RHF(mol).run()
    mf.mo_occ = mf.mo_occ * 0.9
    with pytest.raises(InputError, match="fractional occupations"):
        Problem.from_pyscf(mf)
