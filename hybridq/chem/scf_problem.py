"""A Problem from a PySCF mean-field calculation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.chem import symmetry
from hybridq.chem.active_space import ActiveSpace, choose
from hybridq.chem.problem import Problem, assemble, energy_of_determinant
from hybridq.contract.errors import ConvergenceError, InputError
from hybridq.contract.hamiltonian import Hamiltonian


def from_pyscf(
    mf: Any,
    active_electrons: int | tuple[int, int] | None = None,
    active_orbitals: int | None = None,
    orbitals: Sequence[int] | None = None,
    frozen_core: bool = False,
    *,
    allow_unconverged: bool = False,
    name: str | None = None,
) -> Problem:
    """The active space of an RHF, ROHF, RKS or ROKS calculation; arguments as in `Problem.from_pyscf`.

    The integrals are those of `pyscf.mcscf.CASCI`: frozen orbitals act through an effective one-body operator and
    the constant. Orbitals are ordered by occupation in the reference (2, 1, 0), otherwise as in `mf`, so that the
    lowest ones make up the reference determinant. "hf" is the energy of that determinant: the energy of `mf` for
    Hartree-Fock orbitals, something higher for Kohn-Sham orbitals.

    Raises:
        InputError: an unsuitable reference or an impossible active space.
        ConvergenceError: `mf` did not converge and `allow_unconverged` is False.
    """
    from pyscf.data.elements import chemcore

    _check_reference(mf)
    notes: list[str] = []
    if not mf.converged:
        if not allow_unconverged:
            raise ConvergenceError(
                f"{type(mf).__name__} did not converge (energy {float(mf.e_tot):.8f} hartree after max_cycle="
                f"{mf.max_cycle}); try mf.newton() or a better guess, or accept it with allow_unconverged=True"
            )
        notes.append("the mean field did not converge")
    mol = mf.mol
    n_core = int(chemcore(mol)) if frozen_core else 0
    if frozen_core and n_core == 0:
        notes.append("PySCF counts no chemical core here (none for H to Be); active_electrons can freeze one")
    space = choose(np.asarray(mf.mo_occ), n_core, active_electrons, active_orbitals, orbitals, frozen_core)
    hamiltonian = _integrals(mf, space)
    irreps = _irreps(mf, space, hamiltonian, notes)
    pair = (space.n_alpha, space.n_beta)
    hf = energy_of_determinant(hamiltonian, range(pair[0]), range(pair[1]))
    basis = mol.basis if isinstance(mol.basis, str) else "custom"
    label = f"{_formula(mol)}/{basis} ({sum(pair)}e,{len(space.active)}o)"
    if _is_kohn_sham(mf):
        notes.append("Kohn-Sham orbitals: hf is the energy of their determinant")
    elif pair[0] - pair[1] == mol.spin and mf.converged and abs(hf - float(mf.e_tot)) > 1e-6:
        notes.append(f"the mean field reports {float(mf.e_tot):.8f} hartree, its determinant has {hf:.8f}")
    source = {
        "kind": "pyscf",
        "atoms": [[mol.atom_symbol(i), *map(float, xyz)] for i, xyz in enumerate(mol.atom_coords(unit="angstrom"))],
        "units": {"length": "angstrom", "energy": "hartree"},
        "basis": basis,
        "charge": int(mol.charge),
        "spin": pair[0] - pair[1],
        "point_group": str(mol.groupname) if mol.symmetry else None,
        "scf": {
            "type": type(mf).__name__,
            "converged": bool(mf.converged),
            "energy": float(mf.e_tot),
            "xc": str(mf.xc) if _is_kohn_sham(mf) else None,
        },
        "core": list(space.core),
        "orbitals": list(space.active),
        "active_electrons": list(pair),
        "frozen_core": bool(frozen_core),
        "notes": notes,
    }
    return assemble(hamiltonian, pair, irreps, name=name or label, source=source, known={"hf": hf})


def _check_reference(mf: Any) -> None:
    from pyscf import scf

    kind = type(mf).__name__
    if isinstance(mf, scf.uhf.UHF):
        raise InputError(
            f"{kind} has different orbitals for alpha and beta electrons; hybridq needs one set: use ROHF "
            "(pyscf.scf.ROHF(mol)) for open shells"
        )
    if not isinstance(mf, scf.hf.SCF) or isinstance(mf, scf.ghf.GHF):
        raise InputError(f"a PySCF RHF or ROHF object (RKS and ROKS too) is needed, got {kind}")
    if mf.mo_coeff is None:
        raise InputError(f"this {kind} has no orbitals yet; call mf.run() first")
    if np.ndim(mf.mo_coeff) != 2 or np.iscomplexobj(mf.mo_coeff):
        raise InputError(f"real molecular orbitals are needed, this {kind} has complex ones or several k-points")


def _is_kohn_sham(mf: Any) -> bool:
    from pyscf import dft

    return isinstance(mf, dft.rks.KohnShamDFT)


def _integrals(mf: Any, space: ActiveSpace) -> Hamiltonian:
    from pyscf import ao2mo, mcscf

    rest = sorted(set(range(len(mf.mo_occ))) - set(space.core) - set(space.active))
    orbitals = np.asarray(mf.mo_coeff)[:, [*space.core, *space.active, *rest]]
    n = len(space.active)
    casci = mcscf.CASCI(mf, n, (space.n_alpha, space.n_beta), ncore=len(space.core))
    casci.verbose = 0
    one_body, constant = casci.get_h1eff(orbitals)
    two_body = ao2mo.restore(1, np.asarray(casci.get_h2eff(orbitals)), n)
    return Hamiltonian(float(constant), np.asarray(one_body), two_body)


def _irreps(mf: Any, space: ActiveSpace, hamiltonian: Hamiltonian, notes: list[str]) -> tuple[int, ...] | None:
    if not mf.mol.symmetry or mf.mol.groupname == "C1":
        return None
    ids = _orbital_irreps(mf)
    if ids is None:
        notes.append(f"the orbitals break the point group {mf.mol.groupname}; it is not used")
        return None
    active = tuple(int(ids[p]) % 10 for p in space.active)
    worst, _ = symmetry.violation(hamiltonian.one_body, hamiltonian.two_body, active)
    if worst > symmetry.FORBIDDEN_TOLERANCE:
        notes.append(f"integrals break the point group {mf.mol.groupname} by {worst:.1e} hartree; it is not used")
        return None
    return active


def _orbital_irreps(mf: Any) -> NDArray[Any] | None:
    from pyscf import symm

    tagged = getattr(mf.mo_coeff, "orbsym", None)
    if tagged is not None:
        return np.asarray(tagged)
    mol = mf.mol
    try:
        return np.asarray(symm.label_orb_symm(mol, mol.irrep_id, mol.symm_orb, np.asarray(mf.mo_coeff)))
    except ValueError:
        return None


def _formula(mol: Any) -> str:
    counts: dict[str, int] = {}
    for i in range(mol.natm):
        symbol = mol.atom_pure_symbol(i)
        counts[symbol] = counts.get(symbol, 0) + 1
    return "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in counts.items()) or "model"
