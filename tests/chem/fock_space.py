"""Plain second quantization on the whole Fock space, for a few orbitals: the oracle of these tests."""

from __future__ import annotations

from functools import lru_cache, reduce
from itertools import product

import numpy as np
from scipy import sparse

from hybridq.contract.generators import Excitation
from hybridq.contract.hamiltonian import Hamiltonian


@lru_cache
def annihilators(n_orbitals: int) -> list[sparse.csr_matrix]:
    """a_p for alpha orbitals, then beta orbitals; bit p of a basis state's number is the occupation."""
    z, lower, one = sparse.csr_matrix([[1, 0], [0, -1]]), sparse.csr_matrix([[0, 1], [0, 0]]), sparse.identity(2)
    n = 2 * n_orbitals
    # kron puts the last factor on the lowest bit.
    return [reduce(sparse.kron, [one] * (n - p - 1) + [lower] + [z] * p, sparse.identity(1)).tocsr() for p in range(n)]


def dense(h: Hamiltonian) -> sparse.csr_matrix:
    n, a = h.n_orbitals, annihilators(h.n_orbitals)
    e = {(p, q): a[p].T @ a[q] + a[p + n].T @ a[q + n] for p, q in product(range(n), repeat=2)}
    total = h.constant * sparse.identity(4**n, format="csr")
    for p, q in e:
        total = total + h.one_body[p, q] * e[p, q] + 0.5 * e[p, q] @ sum(h.two_body[p, q][rs] * e[rs] for rs in e)
        total = total - 0.5 * sum(h.two_body[p, r, r, q] for r in range(n)) * e[p, q]
    return total.tocsr()


def excite(g: Excitation, n_orbitals: int) -> sparse.csr_matrix:
    """T of ``G = T - T+``, written out from the contract's definition of a ladder."""
    a = annihilators(n_orbitals)
    total = sparse.identity(4**n_orbitals, format="csr")
    for ladder, shift in ((g.alpha, 0), (g.beta, n_orbitals)):
        for p in ladder.creations:
            total = total @ a[p + shift].T
        for p in reversed(ladder.annihilations):
            total = total @ a[p + shift]
    return total.tocsr()


def determinant(n_orbitals: int, alpha: range, beta: range) -> np.ndarray:
    state = np.zeros(4**n_orbitals)
    state[sum(1 << p for p in alpha) + sum(1 << (p + n_orbitals) for p in beta)] = 1.0
    return state


def sector(n_orbitals: int, n_alpha: int, n_beta: int) -> np.ndarray:
    """Numbers of the basis states with these electrons."""
    states = np.arange(4**n_orbitals)
    low = states & ((1 << n_orbitals) - 1)
    high = states >> n_orbitals
    return np.flatnonzero((np.bitwise_count(low) == n_alpha) & (np.bitwise_count(high) == n_beta))
