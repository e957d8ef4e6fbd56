"""CCSD in the active space: its energy and its amplitudes for each excitation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.chem.mean_field import carrier
from hybridq.chem.problem import Problem, energy_of_determinant
from hybridq.contract.errors import ConvergenceError
from hybridq.contract.generators import Excitation

SPURIOUS = 1e-6
"""A correlation energy above this (hartree) belongs to a solution other than the ground state's."""


@dataclass(frozen=True, eq=False)
class CoupledCluster:
    """A converged CCSD; `i` and `j` are occupied orbitals, `a` and `b` count from the first empty one of their spin.

    Attributes:
        energy: total energy, hartree.
        n_electrons: (alpha, beta).
        singles: t[i, a] for alpha and for beta.
        doubles: t[i, j, a, b] for alpha-alpha, alpha-beta and beta-beta; antisymmetric for equal spins.
    """

    energy: float
    n_electrons: tuple[int, int]
    singles: tuple[NDArray[np.float64], NDArray[np.float64]]
    doubles: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

    def amplitude(self, excitation: Excitation) -> float:
        """t of ``T`` in ``exp(T)`` for a fermionic single or double out of the reference; 0 for any other."""
        if excitation.imaginary or not excitation.fermionic:
            return 0.0
        spins = (excitation.alpha, excitation.beta)
        for ladder, k in zip(spins, self.n_electrons, strict=True):
            if any(i >= k for i in ladder.annihilations) or any(a < k for a in ladder.creations):
                return 0.0
        n_alpha, n_beta = self.n_electrons
        sources = spins[0].annihilations + spins[1].annihilations
        targets = tuple(a - n_alpha for a in spins[0].creations) + tuple(a - n_beta for a in spins[1].creations)
        which = len(spins[1].annihilations)
        if len(sources) == 1:
            return float(self.singles[which][sources + targets])
        if len(sources) == 2:
            return float(self.doubles[which][sources + targets])
        return 0.0


def solve(problem: Problem, *, max_cycle: int = 200) -> CoupledCluster:
    """RCCSD for as many beta as alpha electrons, else UCCSD, to 1e-10 hartree (PySCF).

    Raises:
        ConvergenceError: the equations did not converge, or to a solution above the reference determinant.
    """
    from pyscf import cc

    n, k = problem.n_orbitals, (problem.n_alpha, problem.n_beta)
    if min(k) == n or all(x in (0, n) for x in k):
        return _nothing_to_excite(problem)
    solver: Any = cc.CCSD(carrier(problem))
    solver.conv_tol, solver.conv_tol_normt, solver.max_cycle, solver.verbose = 1e-10, 1e-7, max_cycle, 0
    try:
        with np.errstate(all="ignore"):
            solver.kernel()
    except (ArithmeticError, ValueError, IndexError, AttributeError, np.linalg.LinAlgError) as error:
        # AttributeError: PySCF's DIIS names an exception that NumPy 2 no longer has where its equations are singular.
        raise ConvergenceError(f"CCSD of {problem.name} failed inside PySCF: {error}") from error
    if not solver.converged or not np.isfinite(solver.e_corr):
        raise ConvergenceError(
            f"CCSD of {problem.name} did not converge in {max_cycle} iterations; its amplitudes are of no use where "
            'several determinants weigh alike: start from "mp2" or "zero" instead'
        )
    if solver.e_corr > SPURIOUS:
        raise ConvergenceError(
            f"CCSD of {problem.name} converged {solver.e_corr:.2g} hartree above the reference determinant, which is "
            "a spurious solution: are the orbitals ordered as they are to be filled?"
        )
    energy = energy_of_determinant(problem.hamiltonian, range(k[0]), range(k[1])) + float(solver.e_corr)
    if k[0] == k[1]:
        t1, t2 = np.asarray(solver.t1), np.asarray(solver.t2)
        same = t2 - t2.transpose(0, 1, 3, 2)
        return CoupledCluster(energy, k, (t1, t1), (same, t2, same))
    (ta, tb), (taa, tab, tbb) = solver.t1, solver.t2
    return CoupledCluster(energy, k, (ta, tb), (taa, tab, tbb))


def _nothing_to_excite(problem: Problem) -> CoupledCluster:
    n, na, nb = problem.n_orbitals, problem.n_alpha, problem.n_beta
    energy = energy_of_determinant(problem.hamiltonian, range(na), range(nb))
    va, vb = n - na, n - nb
    singles = (np.zeros((na, va)), np.zeros((nb, vb)))
    doubles = (np.zeros((na, na, va, va)), np.zeros((na, nb, va, vb)), np.zeros((nb, nb, vb, vb)))
    return CoupledCluster(energy, (na, nb), singles, doubles)
