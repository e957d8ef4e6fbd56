from __future__ import annotations

import pytest

from hybridq.chem.molecule import build_molecule, run_scf
from hybridq.chem.problem import Problem
from hybridq.contract.errors import ConvergenceError, InputError

H2 = "H 0 0 0; H 0 0 0.74"


@pytest.mark.parametrize(
    ("geometry", "basis", "charge", "spin", "message"),
    [
        (H2, "no-such-basis", 0, 0, "basis 'no-such-basis'.*use a basis set that PySCF knows"),
        (H2, None, 0, 0, "basis must be the name .* got None"),
        (H2, 7, 0, 0, "basis must be the name"),
        ("U 0 0 0", "cc-pvdz", 0, 0, "Basis set not found for U"),
        ("O 0 0 0; H 0 0 1", "sto-3g", 0, 0, r"spin=0 does not fit 9 electrons .*odd number .*spin=1 is the lowest"),
        (H2, "sto-3g", 1, 0, r"spin=0 does not fit 1 electrons \(charge 1\)"),
        (H2, "sto-3g", 0, 1, "spin=1 does not fit 2 electrons .*even number"),
        (H2, "sto-3g", 0, -2, "spin=-2 does not fit"),
        (H2, "sto-3g", 0, 4, "spin=4 does not fit 2 electrons"),
        (H2, "sto-3g", 2, 0, "charge 2 leaves 0 electrons"),
        (H2, "sto-3g", 3, 0, "charge 3 leaves -1 electrons"),
        (H2, "sto-3g", 0.5, 0, "charge must be a whole number, got 0.5"),
        (H2, "sto-3g", 0, 1.0, "spin must be a whole number"),
    ],
)
def test_a_molecule_that_cannot_be_is_refused(geometry, basis, charge, spin, message, capfd):
    with pytest.raises(InputError, match=message):
        build_molecule(geometry, basis, charge, spin)
    assert capfd.readouterr() == ("", "")


def test_building_and_solving_print_nothing(capfd):
    Problem.from_xyz(H2, "sto-3g").references()
    assert capfd.readouterr() == ("", "")


def test_scf_that_does_not_converge_is_refused_unless_accepted(capfd):
    stretched = "N 0 0 0; N 0 0 1.8"
    with pytest.raises(ConvergenceError, match=r"did not converge .*max_cycle=1.*allow_unconverged=True"):
        Problem.from_xyz(stretched, "6-31g", max_cycle=1)
    p = Problem.from_xyz(stretched, "6-31g", max_cycle=1, allow_unconverged=True)
    assert p.source["scf"]["converged"] is False
    assert any("did not converge" in note for note in p.source["notes"])
    assert "did not converge" in str(p)
    assert capfd.readouterr() == ("", "")


def test_max_cycle_below_one_is_refused():
    with pytest.raises(InputError, match="max_cycle must be at least 1, got 0"):
        run_scf(H2, "sto-3g", max_cycle=0)


def test_second_order_rescues_what_diis_leaves_unconverged():
    from pyscf import scf

    mol = build_molecule("N 0 0 0; N 0 0 1.1", "6-31g")
    diis = scf.RHF(mol).set(conv_tol=1e-11, max_cycle=5, verbose=0, chkfile=None)
    diis.kernel()
    assert not diis.converged
    rescued = run_scf("N 0 0 0; N 0 0 1.1", "6-31g", max_cycle=5)
    assert rescued.converged
    assert rescued.e_tot == pytest.approx(scf.RHF(mol).set(verbose=0).run().e_tot, abs=1e-8)


def test_open_shells_of_linear_molecules_and_atoms_converge():
    for geometry, spin in (("O 0 0 0; H 0 0 0.97", 1), ("O 0 0 0", 2), ("N 0 0 0", 3)):
        assert run_scf(geometry, "6-31g", 0, spin).converged


def test_a_core_potential_comes_with_its_basis():
    mol = build_molecule("I 0 0 0; H 0 0 1.6", "def2-svp")
    assert mol.nelectron == 26
    assert build_molecule("Cl 0 0 0; H 0 0 1.3", "def2-svp").nelectron == 18


def test_symmetry_can_be_left_off():
    assert Problem.from_xyz(H2, "sto-3g").irreps == (0, 5)
    off = Problem.from_xyz(H2, "sto-3g", symmetry=False)
    assert off.irreps is None
    assert off.references()["casci"] == pytest.approx(Problem.from_xyz(H2, "sto-3g").references()["casci"], abs=1e-9)
