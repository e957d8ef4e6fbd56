"""A PySCF mean-field object that carries a problem's integrals and its reference determinant."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.chem.problem import Problem
from hybridq.contract.hamiltonian import Hamiltonian


def fock(hamiltonian: Hamiltonian, n_alpha: int, n_beta: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fock matrices of the reference determinant for alpha and beta, each of shape (n, n), hartree.

    ``f_pq = h_pq + sum_i (pq|ii) - sum_{i of this spin} (pi|iq)`` (doi:10.1002/9781119019572, 10.4).
    """
    two = hamiltonian.two_body
    coulomb = sum(np.einsum("pqii->pq", two[:, :, :k, :k]) for k in (n_alpha, n_beta))
    alpha, beta = (hamiltonian.one_body + coulomb - np.einsum("piiq->pq", two[:, :k, :k, :]) for k in (n_alpha, n_beta))
    return alpha, beta


def carrier(problem: Problem) -> Any:
    """RHF for as many beta as alpha electrons, else UHF, with identity orbitals; it is not iterated.

    The orbitals need not solve the Hartree-Fock equations: PySCF's coupled cluster takes the whole Fock matrix.
    """
    from pyscf import ao2mo, gto, scf

    h, n = problem.hamiltonian, problem.n_orbitals
    mol = gto.M(verbose=0)
    mol.nelectron, mol.spin, mol.nao = problem.n_electrons, problem.spin, n
    mol.incore_anyway = True
    mol.energy_nuc = lambda *_: h.constant
    closed = problem.n_alpha == problem.n_beta
    mf = scf.RHF(mol) if closed else scf.UHF(mol)
    mf.get_hcore = lambda *_: h.one_body
    mf.get_ovlp = lambda *_: np.eye(n)
    mf._eri = ao2mo.restore(8, h.two_body, n)
    occupied = np.arange(n) < np.array([[problem.n_alpha], [problem.n_beta]])
    energies = np.array([np.diagonal(f) for f in fock(h, problem.n_alpha, problem.n_beta)])
    if closed:
        mf.mo_coeff, mf.mo_occ, mf.mo_energy = np.eye(n), 2.0 * occupied[0], energies[0]
    else:
        mf.mo_coeff, mf.mo_occ, mf.mo_energy = np.array([np.eye(n)] * 2), 1.0 * occupied, energies
    mf.converged, mf.verbose = True, 0
    return mf
