"""First-order (MP2) amplitudes for the excitations out of the reference determinant.

With Moller-Plesset's partition the first-order state is ``sum_D |D> <D|H|reference> / (E_ref - E_D)`` (Szabo and
Ostlund, Modern Quantum Chemistry, 6.5; doi:10.1002/9781119019572, 14.2). For ``T`` that makes the determinant ``D``
the amplitude t of ``exp(t (T - T+))`` is, with f the Fock matrix and e its diagonal for each spin,

- single i -> a:                    f_ai / (e_i - e_a)
- alpha-beta double i -> a, j -> b: (ai|bj) / (e_i + e_j - e_a - e_b)
- same-spin double i, j -> a, b:    [(ai|bj) - (aj|bi)] / (e_i + e_j - e_a - e_b)

Singles vanish for canonical closed shells (Brillouin) and do not for ROHF.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.chem.mean_field import fock
from hybridq.chem.problem import Problem
from hybridq.contract.generators import Excitation
from hybridq.contract.hamiltonian import Hamiltonian

WEAK = 0.25
"""Perturbation theory is used while |coupling| is at most this part of the gap."""


@dataclass(frozen=True, eq=False)
class FirstOrder:
    """Amplitudes for one reference determinant; make it with `first_order`.

    Attributes:
        hamiltonian: the integrals.
        n_electrons: (alpha, beta); the lowest orbitals are occupied.
        fock: Fock matrices of alpha and beta, each of shape (n, n), hartree.
    """

    hamiltonian: Hamiltonian
    n_electrons: tuple[int, int]
    fock: tuple[NDArray[np.float64], NDArray[np.float64]]

    def amplitude(self, excitation: Excitation) -> float:
        """t in radians for a fermionic single or double out of the reference determinant; 0 for any other."""
        coupling = self.coupling(excitation)
        return angle(coupling, self.gap(excitation)) if coupling else 0.0

    def coupling(self, excitation: Excitation) -> float:
        """``<reference| T+ H |reference>`` in hartree; 0 where `amplitude` is."""
        alpha, beta = excitation.alpha, excitation.beta
        if excitation.imaginary or not excitation.fermionic or not self._starts_at_reference(excitation):
            return 0.0
        two = self.hamiltonian.two_body
        if excitation.rank == 1:
            spin, ladder = (0, alpha) if alpha.annihilations else (1, beta)
            return float(self.fock[spin][ladder.creations[0], ladder.annihilations[0]])
        if excitation.rank != 2:
            return 0.0
        if alpha.annihilations and beta.annihilations:
            return float(two[alpha.creations[0], alpha.annihilations[0], beta.creations[0], beta.annihilations[0]])
        ladder = alpha if alpha.annihilations else beta
        (i, j), (a, b) = ladder.annihilations, ladder.creations
        return float(two[a, i, b, j] - two[a, j, b, i])

    def gap(self, excitation: Excitation) -> float:
        """Orbital energies of the targets less those of the sources, hartree; positive where all is well."""
        total = 0.0
        for matrix, ladder in zip(self.fock, (excitation.alpha, excitation.beta), strict=True):
            total += sum(matrix[a, a] for a in ladder.creations) - sum(matrix[i, i] for i in ladder.annihilations)
        return float(total)

    def _starts_at_reference(self, excitation: Excitation) -> bool:
        return all(
            all(i < k for i in ladder.annihilations) and all(a >= k for a in ladder.creations)
            for k, ladder in zip(self.n_electrons, (excitation.alpha, excitation.beta), strict=True)
        )


def first_order(problem: Problem) -> FirstOrder:
    """The amplitudes of `problem`'s reference determinant."""
    pair = (problem.n_alpha, problem.n_beta)
    return FirstOrder(problem.hamiltonian, pair, fock(problem.hamiltonian, *pair))


def angle(coupling: float, gap: float) -> float:
    """First-order amplitude -coupling / gap, and where it would be large, the exact angle of the two levels.

    Two levels `gap` apart with matrix element `coupling` mix by ``-1/2 atan2(2 coupling, gap)``, which agrees to
    first order and stays within pi/4 when the gap closes or is negative.
    """
    if abs(coupling) <= WEAK * gap:
        return -coupling / gap if coupling else 0.0
    return -0.5 * math.copysign(math.atan2(2 * abs(coupling), max(gap, 0.0)), coupling)
