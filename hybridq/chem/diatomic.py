"""What two atoms add to a curve: their distance, their reduced mass, and the wavenumber of their vibration."""

from __future__ import annotations

import math
from typing import Any

from hybridq.chem.problem import Problem


def distance(problem: Problem) -> float | None:
    """Angstrom between the atoms of a diatomic molecule; None for another one, or where the atoms are not known."""
    atoms = _atoms(problem)
    return math.dist(atoms[0][1:], atoms[1][1:]) if len(atoms) == 2 else None


def reduced_mass(problem: Problem) -> float | None:
    """``m M / (m + M)`` of a diatomic molecule in dalton, of the most abundant isotopes; None for another one."""
    atoms = _atoms(problem)
    if len(atoms) != 2:
        return None
    from pyscf.data import elements

    # Versions of PySCF without this table know the averages over isotopes only.
    masses = getattr(elements, "COMMON_ISOTOPE_MASSES", elements.MASSES)
    a, b = (float(masses[elements.charge(atom[0])]) for atom in atoms)
    return a * b / (a + b)


def wavenumber(curvature: float, reduced_mass: float) -> float:
    """Harmonic wavenumber ``sqrt(k / mu) / (2 pi c)`` in 1/cm.

    Args:
        curvature: k, second derivative of the energy by the distance, hartree per square angstrom; positive.
        reduced_mass: mu, dalton.
    """
    from pyscf.data import nist

    atomic = math.sqrt(curvature * nist.BOHR**2 / (reduced_mass * nist.AMU2AU))
    return float(atomic * nist.HARTREE2WAVENUMBER)


def _atoms(problem: Problem) -> list[Any]:
    """Element and position of each atom, as far as the problem knows."""
    return list(problem.source.get("atoms") or [])
