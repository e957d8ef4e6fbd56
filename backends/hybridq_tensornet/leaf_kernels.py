"""The compiled loops of leaves: products of 2 x 2 matrices, and their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

ZERO, MODE, DIAGONAL = 0, 1, 2  # what a leaf's columns are: see `Leaf.start`

_jit = njit(cache=True, nogil=True)


@_jit
def _element(parts: Any, angles: Any, frequencies: Any, e: Any, v: Any, theta: Any, out: Any) -> None:
    if angles[e] < 0:
        for i in range(2):
            for j in range(2):
                out[i, j] = parts[e, 0, v, i, j]
        return
    t = frequencies[e] * theta[angles[e]]
    c, s = np.cos(t), np.sin(t)
    for i in range(2):
        for j in range(2):
            out[i, j] = parts[e, 0, v, i, j] + c * parts[e, 1, v, i, j] + s * parts[e, 2, v, i, j]


@_jit
def values(
    parts: Any,
    angles: Any,
    frequencies: Any,
    firsts: Any,
    branches: Any,
    columns: Any,
    offsets: Any,
    theta: Any,
    out: Any,
) -> None:
    """All leaves' values into `out`; the arguments are those of a `LeafProgram`."""
    m = np.empty((2, 2), np.complex128)
    p = np.empty((2, 2), np.complex128)
    q = np.empty((2, 2), np.complex128)
    for leaf in range(len(branches)):
        at = offsets[leaf]
        for v in range(branches[leaf]):
            p[0, 0] = p[1, 1] = 1.0
            p[0, 1] = p[1, 0] = 0.0
            for e in range(firsts[leaf], firsts[leaf + 1]):
                _element(parts, angles, frequencies, e, v, theta, m)
                for i in range(2):
                    for j in range(2):
                        q[i, j] = m[i, 0] * p[0, j] + m[i, 1] * p[1, j]
                p[:] = q
            if columns[leaf] == DIAGONAL:
                out[at], out[at + 1] = p[0, 0], p[1, 1]
                at += 2
                continue
            for j in range(1 if columns[leaf] == ZERO else 2):
                out[at], out[at + 1] = p[0, j], p[1, j]
                at += 2


@_jit
def gradient(
    parts: Any,
    angles: Any,
    frequencies: Any,
    firsts: Any,
    branches: Any,
    columns: Any,
    offsets: Any,
    theta: Any,
    given: Any,
    out: Any,
) -> None:
    """Add the derivatives by angle to `out`, shape (n_angles,); `given` are the values' cotangents."""
    longest = 1
    for leaf in range(len(branches)):
        longest = max(longest, firsts[leaf + 1] - firsts[leaf])
    before = np.empty((longest + 1, 2, 2), np.complex128)  # products of the elements before each
    m = np.empty((2, 2), np.complex128)
    g = np.empty((2, 2), np.complex128)  # cotangent of what is before
    h = np.empty((2, 2), np.complex128)
    for leaf in range(len(branches)):
        at = offsets[leaf]
        for v in range(branches[leaf]):
            g[:] = 0.0
            if columns[leaf] == DIAGONAL:
                g[0, 0], g[1, 1] = given[at], given[at + 1]
                at += 2
            else:
                for j in range(1 if columns[leaf] == ZERO else 2):
                    g[0, j], g[1, j] = given[at], given[at + 1]
                    at += 2
            before[0, 0, 0] = before[0, 1, 1] = 1.0
            before[0, 0, 1] = before[0, 1, 0] = 0.0
            first = firsts[leaf]
            n = firsts[leaf + 1] - first
            for k in range(n):
                _element(parts, angles, frequencies, first + k, v, theta, m)
                for i in range(2):
                    for j in range(2):
                        before[k + 1, i, j] = m[i, 0] * before[k, 0, j] + m[i, 1] * before[k, 1, j]
            for k in range(n - 1, -1, -1):
                e = first + k
                if angles[e] >= 0:
                    t = frequencies[e] * theta[angles[e]]
                    c, s = frequencies[e] * np.cos(t), -frequencies[e] * np.sin(t)
                    total = 0.0j
                    for i in range(2):
                        for r in range(2):
                            slope = s * parts[e, 1, v, i, r] + c * parts[e, 2, v, i, r]
                            total += slope * (g[i, 0] * before[k, r, 0] + g[i, 1] * before[k, r, 1])
                    out[angles[e]] += total
                _element(parts, angles, frequencies, e, v, theta, m)
                for i in range(2):
                    for j in range(2):
                        h[i, j] = m[0, i] * g[0, j] + m[1, i] * g[1, j]
                g[:] = h
