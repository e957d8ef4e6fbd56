"""Basis rotation: a fermionic Hamiltonian as squares of one-body operators, each measured in its own orbitals.

Low-rank factorization: Huggins et al., arXiv:1907.13117, doi:10.1038/s41534-020-00341-7. With
``(pq|rs) = sum_l w_l L^l_pq L^l_rs`` and ``N_l = sum L^l_pq E_pq``,
``H = constant + sum_pq k_pq E_pq + 1/2 sum_l w_l (N_l - m_l)^2`` for any numbers m_l, where k and the constant take up
what the shifts by m_l bring. In the orbitals that diagonalize L^l the square is a sum of Z and of Z Z.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.measurement.rotation import matched, turns_to
from hybridq.measurement.setting import Measurement, Setting

Array = NDArray[np.float64]
ROUNDING = 1e-13  # coefficients up to this size, relative to the largest, are rounding


def rotated(
    hamiltonian: Hamiltonian,
    *,
    reference: tuple[Sequence[int], Sequence[int]] | None = None,
    cutoff: float = 0.0,
) -> Measurement:
    """Settings of orbital rotations under Jordan-Wigner, alpha orbital p on qubit p, beta on qubit n + p.

    Args:
        hamiltonian: over n orbitals, hartree.
        reference: occupied alpha and beta orbitals of a determinant like the state that is to be measured. Its means of
            N_l become m_l, which takes most of the variance out of the squares. None: m_l is the mean at half filling.
        cutoff: hartree; squares are left out, the smallest first, as long as what is left out changes no energy by
            more than this. 0: nothing is left out.

    Raises:
        InputError: the cutoff is negative, or the reference names orbitals that are not there or names one twice.
    """
    if not cutoff >= 0:
        raise InputError(f"cutoff must be zero or positive (hartree), got {cutoff}")
    n = hamiltonian.n_orbitals
    occupied = np.full(n, 1.0) if reference is None else _occupations(reference, n)
    weights, factors = _factors(hamiltonian.two_body)
    means = np.einsum("lpp,p->l", factors, occupied)
    one = hamiltonian.one_body - 0.5 * np.einsum("prrq->pq", hamiltonian.two_body)
    one = one + np.einsum("l,l,lpq->pq", weights, means, factors)
    constant = hamiltonian.constant - 0.5 * float(weights @ means**2)

    spectra, bases = np.linalg.eigh(factors)
    # The largest size of (N_l - m_l)^2: all orbitals with positive or all with negative values filled.
    largest = np.maximum(2 * np.maximum(spectra, 0).sum(axis=1) - means, means - 2 * np.minimum(spectra, 0).sum(axis=1))
    bounds = 0.5 * np.abs(weights) * largest**2
    small_first = np.argsort(bounds, kind="stable")
    dropped = set(small_first[np.cumsum(bounds[small_first]) <= cutoff].tolist())
    values, vectors = np.linalg.eigh(one)
    settings = [_setting(vectors, linear=values, quadratic=np.zeros(n), scale=0.0, mean=0.0)]
    for k in np.argsort(-bounds, kind="stable").tolist():
        if k not in dropped:
            settings.append(_setting(bases[k], np.zeros(n), spectra[k], 0.5 * weights[k], means[k]))
    constant += sum(part for part, _ in settings)
    return Measurement(float(constant), tuple(s for _, s in settings if s is not None), "basis-rotation")


def _factors(two_body: Array) -> tuple[Array, Array]:
    """w, shape (m,), and symmetric L, shape (m, n, n), with ``(pq|rs) = sum_l w_l L^l_pq L^l_rs``."""
    n = len(two_body)
    p, q = np.triu_indices(n)
    scale = np.where(p == q, 1.0, np.sqrt(2.0))  # an orthonormal basis of symmetric matrices
    packed = two_body[p[:, None], q[:, None], p, q] * scale * scale[:, None]
    weights, vectors = np.linalg.eigh(packed)
    keep = np.abs(weights) > ROUNDING * max(float(np.abs(weights).max(initial=0.0)), 1e-300)
    factors = np.zeros((int(keep.sum()), n, n))
    factors[:, p, q] = factors[:, q, p] = (vectors[:, keep] / scale[:, None]).T
    return weights[keep], factors


def _setting(
    vectors: Array, linear: Array, quadratic: Array, scale: float, mean: float
) -> tuple[float, Setting | None]:
    """``sum_i a_i n_i + scale (sum_i g_i n_i - mean)^2`` in rotated orbitals: its constant, and what is left.

    With ``n = (1 - Z) / 2``, ``sum_i g_i n_i - mean = s - 1/2 sum g Z`` over both spins, with ``s = sum_i g_i - mean``.
    """
    n = len(vectors)
    order = matched(vectors)
    a, g = np.tile(linear[order], 2), np.tile(quadratic[order], 2)
    shift = float(g.sum()) / 2 - mean
    constant = float(a.sum()) / 2 + scale * (shift**2 + float(g @ g) / 4)
    i, j = np.triu_indices(2 * n, 1)
    coefficients = np.concatenate([-a / 2 - scale * shift * g, scale * g[i] * g[j] / 2])
    support = np.zeros((len(coefficients), 2 * n), dtype=np.uint8)
    support[np.arange(2 * n), np.arange(2 * n)] = 1
    pairs = np.arange(2 * n, len(coefficients))
    support[pairs, i] = support[pairs, j] = 1
    keep = np.abs(coefficients) > ROUNDING * max(1.0, float(np.abs(coefficients).max()))
    if not keep.any():
        return constant, None
    return constant, Setting(2 * n, turns_to(vectors[:, order]), support[keep], coefficients[keep], conserves=True)


def _occupations(reference: tuple[Sequence[int], Sequence[int]], n: int) -> Array:
    found = np.zeros(n)
    for spin in reference:
        orbitals = [int(p) for p in spin]
        if len(set(orbitals)) != len(orbitals) or not all(0 <= p < n for p in orbitals):
            raise InputError(f"the reference must name orbitals from 0 to {n - 1}, each once a spin, got {reference}")
        found[orbitals] += 1
    return found
