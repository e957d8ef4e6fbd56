"""Compiled passes of ``H |psi>``; see `hybridq_sector.sigma` for the formula."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

WIDTH = 256  # columns of the same-spin pass that stay in cache together

_jit = njit(cache=True, nogil=True, fastmath={"contract"})


@_jit
def mixed(
    psi_t: Any, out_t: Any, first: int, last: int, g: Any, block_start: Any, pair: Any, source: Any, sign: Any,
    block: Any, gather: Any, n_plus: Any, W: Any, C: Any, A: Any,
) -> None:  # fmt: skip
    """``out_t[J] = (H_ab psi)[:, J]`` for beta strings J from first to last; rows of psi_t are beta strings.

    Scratch: W (n_pairs, n_alpha), C (hops * n_alpha,), A (hops * n_pairs,).
    """
    n_alpha = psi_t.shape[1]
    flat = W.reshape(-1)
    for J in range(first, last):
        for b in range(block_start.shape[0] - 1):
            p0, p1 = block_start[b], block_start[b + 1]
            e0 = block[J, b]
            m = block[J, b + 1] - e0
            if m == 0:
                W[p0:p1] = 0.0
                continue
            a = A[: m * (p1 - p0)].reshape(m, p1 - p0)
            c = C[: m * n_alpha].reshape(m, n_alpha)
            for e in range(m):
                s = sign[J, e0 + e]
                R = pair[J, e0 + e]
                for P in range(p1 - p0):
                    a[e, P] = s * g[R, p0 + P]
                c[e] = psi_t[source[J, e0 + e]]
            np.dot(a.T, c, W[p0:p1])
        for i in range(n_alpha):
            plus, minus = gather[i, : n_plus[i]], gather[i, n_plus[i] :]
            total = 0.0
            for place in plus:
                total += flat[place]
            for place in minus:
                total -= flat[place]
            out_t[J, i] = total


@_jit
def add_sparse(start: Any, column: Any, value: Any, vector: Any, out: Any, first: int, last: int) -> None:
    """``out += M vector`` for the columns first to last of vector and out; M by sparse rows.

    Four entries of a row go in one pass over the target, which halves the traffic to it.
    """
    for c0 in range(first, last, WIDTH):
        c1 = min(last, c0 + WIDTH)
        n = c1 - c0
        for r in range(start.shape[0] - 1):
            target = out[r, c0:c1]
            e = start[r]
            while e + 4 <= start[r + 1]:
                v0, v1, v2, v3 = value[e], value[e + 1], value[e + 2], value[e + 3]
                x0 = vector[column[e], c0:c1]
                x1 = vector[column[e + 1], c0:c1]
                x2 = vector[column[e + 2], c0:c1]
                x3 = vector[column[e + 3], c0:c1]
                for k in range(n):
                    target[k] += (v0 * x0[k] + v1 * x1[k]) + (v2 * x2[k] + v3 * x3[k])
                e += 4
            while e < start[r + 1]:
                v0 = value[e]
                x0 = vector[column[e], c0:c1]
                for k in range(n):
                    target[k] += v0 * x0[k]
                e += 1


@_jit
def dot(x: Any, y: Any) -> float:
    """``Re <x|y>`` of two flat arrays, added in an order that does not depend on threads."""
    lanes = np.zeros(32)
    n = x.shape[0]
    whole = n - n % 32
    for i in range(0, whole, 32):
        for k in range(32):
            lanes[k] += np.real(np.conj(x[i + k]) * y[i + k])
    total = 0.0
    for k in range(32):
        total += lanes[k]
    for i in range(whole, n):
        total += np.real(np.conj(x[i]) * y[i])
    return total


@_jit
def complex_dot(x: Any, y: Any) -> complex:
    """``<x|y>`` of two flat complex arrays, added like `dot`."""
    lanes = np.zeros(32, np.complex128)
    n = x.shape[0]
    for i in range(n):
        lanes[i % 32] += np.conj(x[i]) * y[i]
    total = 0.0 + 0.0j
    for k in range(32):
        total += lanes[k]
    return total


@_jit
def subtract(a: complex, x: Any, y: Any) -> None:
    """``y -= a x`` for two flat arrays."""
    for i in range(x.shape[0]):
        y[i] -= a * x[i]
