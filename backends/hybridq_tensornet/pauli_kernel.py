"""The compiled loop of ``H|psi>``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BLOCK = 64  # indices whose signs are made together


@njit(cache=True, nogil=True)
def add_up(flips: Any, starts: Any, signs: Any, weights: Any, psi: Any, out: Any) -> None:
    """Add ``H|psi>`` to `out`; the other arguments are those of a `PauliTable`."""
    n = len(psi)
    size = min(BLOCK, n)
    w = np.empty(size, np.complex128)
    low = np.empty((BLOCK, size), np.float64)
    for a in range(BLOCK):
        for b in range(size):
            v = a & b
            v ^= v >> 4
            v ^= v >> 2
            v ^= v >> 1
            low[a, b] = -1.0 if v & 1 else 1.0
    for g in range(len(flips)):
        for base in range(0, n, size):
            w[:] = 0.0
            for t in range(starts[g], starts[g + 1]):
                v = base & signs[t]
                v ^= v >> 32
                v ^= v >> 16
                v ^= v >> 8
                v ^= v >> 4
                v ^= v >> 2
                v ^= v >> 1
                c = -weights[t] if v & 1 else weights[t]
                row = low[signs[t] & (BLOCK - 1)]
                for b in range(size):
                    w[b] += c * row[b]
            for b in range(size):
                out[(base + b) ^ flips[g]] += w[b] * psi[base + b]
