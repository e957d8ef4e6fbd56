"""Compiled orbital rotations of one spin: Givens rotations of neighbouring orbitals over all its strings.

A block of lanes (strings of the other spin) is copied once into a buffer with the real parts of a row beside its
imaginary parts; all Givens rotations then run over whole buffer rows. For the gradient the transition density between
lambda and psi is taken from the same buffers: it holds the derivative by any one-body factor of the run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

WIDTH = 32  # lanes of a block

# "contract" lets a product and a sum become one fused operation; nothing is reordered.
_jit = njit(cache=True, nogil=True, fastmath={"contract"})


@_jit
def compose(one_body: Any, spin: int, first: int, last: int, c: Any, w: Any, matrix: Any) -> None:
    """The run's rotation of the orbitals, (n, n): ``a+_q -> sum_p matrix[p, q] a+_p``."""
    n = matrix.shape[0]
    matrix[:] = 0
    for p in range(n):
        matrix[p, p] = 1
    for f in range(first, last):
        if one_body[f, 0] != spin:
            continue
        p, q = one_body[f, 1], one_body[f, 2]
        for k in range(n):
            x, y = matrix[p, k], matrix[q, k]
            if p == q:
                matrix[p, k] = w[f] * x
            else:
                matrix[p, k] = c[f] * x - np.conj(w[f]) * y
                matrix[q, k] = c[f] * y + w[f] * x


@_jit
def decompose(matrix: Any, lower: Any, cosine: Any, sine: Any) -> None:
    """``matrix = R_1 ... R_M D`` with ``R = [[c, -conj(s)], [s, c]]`` on orbitals lower, lower + 1; D replaces it."""
    n, g = matrix.shape[0], 0
    for column in range(n - 1):
        for p in range(n - 2, column - 1, -1):
            x, y = matrix[p, column], matrix[p + 1, column]
            size = np.sqrt(abs(x) ** 2 + abs(y) ** 2)
            if abs(x) > 0:
                c = abs(x) / size
                s = y / (x / abs(x)) / size
            else:
                c = 0.0
                s = y / size if size > 0 else 1.0 + 0.0j
            lower[g], cosine[g], sine[g] = p, c, s
            for k in range(column, n):
                x, y = matrix[p, k], matrix[p + 1, k]
                matrix[p, k] = c * x + np.conj(s) * y
                matrix[p + 1, k] = c * y - s * x
            g += 1


@_jit
def row_phases(matrix: Any, hop: Any, rows: Any, phase: Any) -> None:
    """What the diagonal of `matrix` does to each string."""
    start, source = rows[0], rows[1]
    phase[:] = 1
    for p in range(matrix.shape[0]):
        n = hop[p, p]
        for r in source[start[n] : start[n + 1]]:
            phase[r] *= matrix[p, p]


@_jit
def _load(view: Any, k: int, m: int, X: Any) -> None:
    for r in range(view.shape[0]):
        b = X[r]
        for j in range(m):
            b[j] = view[r, k + j].real
            b[WIDTH + j] = view[r, k + j].imag


@_jit
def _turn(X: Any, p: int, hop: Any, rows: Any, c: float, s: Any) -> None:
    """``x, y = c x - conj(s) y, c y + s x`` for all pairs of neighbours p, p + 1; they never carry a sign."""
    start, source, target = rows[0], rows[1], rows[2]
    n = hop[p, p + 1]
    a, b = s.real, s.imag
    for q in range(start[n], start[n + 1]):
        x, y = X[source[q]], X[target[q]]
        for j in range(WIDTH):
            xr, xi, yr, yi = x[j], x[WIDTH + j], y[j], y[WIDTH + j]
            x[j] = c * xr - a * yr - b * yi
            x[WIDTH + j] = c * xi - a * yi + b * yr
            y[j] = c * yr + a * xr - b * xi
            y[WIDTH + j] = c * yi + a * xi + b * xr


@_jit
def forward(
    view: Any, k0: int, k1: int, lower: Any, cosine: Any, sine: Any, phase: Any, hop: Any, rows: Any, X: Any
) -> None:
    """Rotate lanes k0 to k1 (k0 a multiple of WIDTH); `phase` of each row first, then the rotations, last one first."""
    for k in range(k0, k1, WIDTH):
        m = min(WIDTH, k1 - k)
        _load(view, k, m, X)
        for r in range(view.shape[0]):
            b, e, f = X[r], phase[r].real, phase[r].imag
            for j in range(WIDTH):
                xr, xi = b[j], b[WIDTH + j]
                b[j] = e * xr - f * xi
                b[WIDTH + j] = e * xi + f * xr
        for g in range(lower.shape[0] - 1, -1, -1):
            _turn(X, lower[g], hop, rows, cosine[g], sine[g])
        for r in range(view.shape[0]):
            b = X[r]
            for j in range(m):
                view[r, k + j] = complex(b[j], b[WIDTH + j])


@_jit
def _density(X: Any, U: Any, m: int, hop: Any, rows: Any, density: Any) -> None:
    """Add ``<U|a+_q a_p|X> - conj(<U|a+_p a_q|X>)`` to density[q, p] for p < q, and to the diagonal likewise."""
    start, source, target, sign = rows
    n_orbitals = hop.shape[0]
    re, im = np.empty(WIDTH), np.empty(WIDTH)
    for p in range(n_orbitals):
        n = hop[p, p]
        im[:] = 0
        for r in source[start[n] : start[n + 1]]:
            x, u = X[r], U[r]
            for j in range(WIDTH):
                im[j] += u[j] * x[WIDTH + j] - u[WIDTH + j] * x[j]
        for j in range(m):
            density[p, p] += complex(0.0, 2 * im[j])
        for q in range(p + 1, n_orbitals):
            n = hop[p, q]
            re[:] = 0
            im[:] = 0
            for t in range(start[n], start[n + 1]):
                x, u, y, v = X[source[t]], U[source[t]], X[target[t]], U[target[t]]
                s = sign[t]
                for j in range(WIDTH):
                    xr, xi, yr, yi = x[j], x[WIDTH + j], y[j], y[WIDTH + j]
                    ur, ui, vr, vi = u[j], u[WIDTH + j], v[j], v[WIDTH + j]
                    re[j] += s * (vr * xr + vi * xi - ur * yr - ui * yi)
                    im[j] += s * (vr * xi - vi * xr - ui * yr + ur * yi)
            for j in range(m):
                density[q, p] += complex(re[j], im[j])


@_jit
def back(
    psi: Any, lam: Any, k0: int, k1: int, lower: Any, cosine: Any, sine: Any, phase: Any, hop: Any, rows: Any,
    X: Any, U: Any, density: Any,
) -> None:  # fmt: skip
    """Density before and then the rotation undone on psi and lambda; adds to ``density[block]``, (n, n)."""
    for k in range(k0, k1, WIDTH):
        m = min(WIDTH, k1 - k)
        _load(psi, k, m, X)
        _load(lam, k, m, U)
        _density(X, U, m, hop, rows, density[k // WIDTH])
        for g in range(lower.shape[0]):
            _turn(X, lower[g], hop, rows, cosine[g], -sine[g])
            _turn(U, lower[g], hop, rows, cosine[g], -sine[g])
        for r in range(psi.shape[0]):
            e = np.conj(phase[r])
            b, d = X[r], U[r]
            for j in range(m):
                psi[r, k + j] = e * complex(b[j], b[WIDTH + j])
                lam[r, k + j] = e * complex(d[j], d[WIDTH + j])


@_jit
def derivatives(
    one_body: Any, spin: int, first: int, last: int, c: Any, w: Any, eta: Any, density: Any, partial: Any
) -> None:
    """Re <lambda_k|G_k|psi_k> of the run's factors from the density behind the run, (n, n), lower half and diagonal.

    Each factor is moved behind the run by transforming the density, ``R^T density conj(R)``.
    """
    n = density.shape[0]
    for p in range(n):
        for q in range(p + 1, n):
            density[p, q] = -np.conj(density[q, p])
    for f in range(last - 1, first - 1, -1):
        if one_body[f, 0] != spin:
            continue
        p, q = one_body[f, 1], one_body[f, 2]
        if p == q:
            partial[f] += -density[p, p].imag / 2
            for k in range(n):
                density[p, k] *= w[f]
            for k in range(n):
                density[k, p] *= np.conj(w[f])
        else:
            partial[f] += (eta[f] * density[q, p]).real
            b = np.conj(w[f])
            for k in range(n):
                x, y = density[p, k], density[q, k]
                density[p, k] = c[f] * x + w[f] * y
                density[q, k] = c[f] * y - b * x
            for k in range(n):
                x, y = density[k, p], density[k, q]
                density[k, p] = c[f] * x + b * y
                density[k, q] = c[f] * y - w[f] * x


@_jit
def contract(lam: Any, alpha: Any, beta: Any, lam_alpha: Any, lam_beta: Any) -> None:
    """``lam_alpha = lam conj(beta)`` and ``lam_beta = conj(alpha) lam``."""
    lam_beta[:] = 0
    for r in range(lam.shape[0]):
        total = 0.0 + 0.0j
        a = np.conj(alpha[r])
        for k in range(lam.shape[1]):
            total += lam[r, k] * np.conj(beta[k])
            lam_beta[k] += a * lam[r, k]
        lam_alpha[r] = total
