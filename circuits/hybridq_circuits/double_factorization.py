"""Coupled-cluster doubles as a sum of number products in rotated orbitals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
NEGLIGIBLE = 1e-10  # terms below this are left out


def double_factorized(t2: Array) -> tuple[Array, Array]:
    """Z (terms, n, n), real and symmetric, and U (terms, n, n), unitary, largest terms first, with

    ``T2 - T2+ = i sum_k sum_pq Z[k, p, q] / 2  N_p N_q``, N_p the electrons in orbital p of the basis U[k]:
    ``t2[i, j, a, b] = i sum_k sum_pq Z[k, p, q] U[k, a, p] U*[k, i, p] U[k, b, q] U*[k, j, q]``.

    Each eigenvector of t2 over pairs (i, a) gives two terms (Motta et al., arXiv:2310.06190).

    Args:
        t2: closed-shell amplitudes, real, shape (n_occupied, n_occupied, n_empty, n_empty).
    """
    o, v = t2.shape[0], t2.shape[2]
    n = o + v
    values, vectors = np.linalg.eigh(t2.transpose(0, 2, 1, 3).reshape(o * v, o * v))
    order = np.argsort(-np.abs(values), kind="stable")
    coulomb, rotations = [], []
    for k in order[np.abs(values[order]) > NEGLIGIBLE]:
        moves = np.zeros((n, n))
        moves[o:, :o] = vectors[:, k].reshape(o, v).T
        for sign in (1, -1):
            hermitian = 0.5 * (1 - sign * 1j) * (moves + sign * 1j * moves.T)
            levels, rotation = np.linalg.eigh(hermitian)
            coulomb.append(sign * values[k] * np.outer(levels, levels))
            rotations.append(rotation)
    return np.array(coulomb).reshape(-1, n, n), np.array(rotations, dtype=complex).reshape(-1, n, n)
