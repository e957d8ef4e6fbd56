"""From a geometry to converged Hartree-Fock orbitals."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from hybridq.chem.geometry import Atom, read_geometry
from hybridq.chem.problem import whole_number
from hybridq.contract.errors import InputError

ENERGY_TOLERANCE = 1e-11
"""SCF stops when the energy changes by less than this, hartree."""

SUBGROUP = {"Dooh": "D2h", "Coov": "C2v", "SO3": "D2h"}
"""Abelian groups used instead of those with degenerate irreps."""


def build_molecule(geometry: str | Path, basis: Any, charge: int = 0, spin: int = 0, *, symmetry: bool = True) -> Any:
    """A PySCF molecule; effective core potentials come with the basis sets that are made for them.

    Raises:
        InputError: a bad geometry, an unknown basis, or charge and spin that do not fit the electrons.
    """
    from pyscf import gto
    from pyscf.lib.exceptions import PointGroupSymmetryError

    atoms = read_geometry(geometry)
    charge, spin = whole_number("charge", charge), whole_number("spin", spin)
    if not isinstance(basis, str | dict) or not basis:
        raise InputError(f"basis must be the name of a basis set or a dictionary by element, got {basis!r}")
    mol = gto.Mole(atom=atoms, unit="angstrom", basis=basis, charge=charge, symmetry=symmetry, verbose=0)
    mol.spin = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        mol.ecp = _core_potentials(atoms, basis)
        try:
            mol.build(dump_input=False, parse_arg=False)
        except PointGroupSymmetryError:
            mol.symmetry = False
            mol.build(dump_input=False, parse_arg=False)
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise InputError(
                f"PySCF cannot build the molecule with basis {basis!r}: {_first_line(error)}; use a basis set that "
                'PySCF knows for every element, such as "sto-3g", "cc-pvdz" or "def2-svp"'
            ) from None
    n = int(mol.nelectron)
    if n < 1:
        raise InputError(f"charge {charge} leaves {n} electrons; at least one is needed")
    if spin < 0 or spin > n or (n - spin) % 2:
        fit = f"an {'odd' if n % 2 else 'even'} number from {n % 2} to {n}"
        raise InputError(
            f"spin={spin} does not fit {n} electrons (charge {charge}): spin is the number of unpaired electrons, "
            f"n_alpha - n_beta, here {fit}; spin={n % 2} is the lowest"
        )
    mol.spin = spin
    # Open shells of linear molecules and atoms often do not converge in PySCF's groups with degenerate irreps.
    mol.symmetry_subgroup = SUBGROUP.get(mol.groupname) if mol.symmetry else None
    mol.build(dump_input=False, parse_arg=False)
    return mol


def run_scf(
    geometry: str | Path,
    basis: Any,
    charge: int = 0,
    spin: int = 0,
    *,
    symmetry: bool = True,
    max_cycle: int = 100,
) -> Any:
    """RHF or ROHF by DIIS; where that does not converge, by second order from where it stopped.

    Returns:
        the PySCF object, which says whether it converged.

    Raises:
        InputError: as for `build_molecule`, or `max_cycle` below 1.
    """
    from pyscf import scf

    if whole_number("max_cycle", max_cycle) < 1:
        raise InputError(f"max_cycle must be at least 1, got {max_cycle}")
    mol = build_molecule(geometry, basis, charge, spin, symmetry=symmetry)
    mf = scf.RHF(mol) if spin == 0 else scf.ROHF(mol)
    mf.conv_tol, mf.max_cycle, mf.verbose = ENERGY_TOLERANCE, max_cycle, 0
    mf.chkfile = None
    mf.kernel()
    if not mf.converged:
        newton = mf.newton()
        newton.kernel(mf.mo_coeff, mf.mo_occ)
        for field in ("mo_coeff", "mo_occ", "mo_energy", "e_tot", "converged"):
            setattr(mf, field, getattr(newton, field))
    return mf


def _core_potentials(atoms: list[Atom], basis: Any) -> dict[str, Any]:
    from pyscf import gto
    from pyscf.data.elements import charge
    from pyscf.lib.exceptions import BasisNotFoundError

    if not isinstance(basis, str):
        return {}
    found = {}
    for symbol in {symbol for symbol, _ in atoms if charge(symbol) > 10}:
        try:
            found[symbol] = gto.basis.load_ecp(basis, symbol)
        except (BasisNotFoundError, KeyError, RuntimeError):
            continue
    return {symbol: potential for symbol, potential in found.items() if potential}


def _first_line(error: BaseException) -> str:
    words = [line.strip() for line in str(error).strip("'\"").splitlines() if line.strip()]
    return " ".join(words[:2]) or type(error).__name__
