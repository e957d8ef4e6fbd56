"""Expectation values of Pauli sums in a state vector, in one pass for all strings that flip the same qubits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.paulis import PauliSum

BLOCK = 64  # indices that share the signs of the higher bits; their own come from a table
CHUNK = 16  # qubits above which the sum is cut into pieces, which threads may share
Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class PauliTable:
    """A Pauli sum ordered for `expectation`, by what is flipped and by whether a product's real part counts.

    A string with masks x and z takes index i to i ^ x, with the sign of i & z and the phase ``1j ** |x & z|``. Indices
    i and i ^ x give the same real number, so only the half is gone through in which the highest flipped bit is 0, and
    masks z are stored without that bit.

    Attributes:
        n_qubits: of the sum.
        x: shape (n_groups,), flipped bits.
        imaginary: shape (n_groups,), whether the imaginary part counts.
        starts: shape (n_groups + 1,), the strings of each group.
        z: shape (n_terms,), masks of signs in the halved index.
        weights: shape (n_terms,), coefficients with sign of the phase.
    """

    n_qubits: int
    x: NDArray[np.int64]
    imaginary: NDArray[np.bool_]
    starts: NDArray[np.int64]
    z: NDArray[np.int64]
    weights: NDArray[np.float64]


def pauli_table(observable: PauliSum) -> PauliTable:
    """The table of an observable on at most 62 qubits."""
    x = observable.x[:, 0].astype(np.int64)
    z = observable.z[:, 0].astype(np.int64)
    phase = np.bitwise_count(x & z).astype(np.int64) % 4
    odd = phase % 2 == 1
    order = np.lexsort((odd, x))
    x, z, phase, odd = x[order], z[order], phase[order], odd[order]
    weights = observable.coefficients[order] * np.array([1.0, -1.0, -1.0, 1.0])[phase]
    weights = np.where(x == 0, weights, 2 * weights)
    pivot = np.array([max(0, int(value).bit_length() - 1) for value in x], dtype=np.int64)
    halved = ((z >> (pivot + 1)) << pivot) | (z & ((np.int64(1) << pivot) - 1))
    new = np.flatnonzero((x[1:] != x[:-1]) | (odd[1:] != odd[:-1])) + 1
    first = np.concatenate(([0], new)).astype(np.int64)
    starts = np.append(first, len(x)).astype(np.int64)
    return PauliTable(observable.n_qubits, x[first], odd[first], starts, np.where(x == 0, z, halved), weights)


def expectation(table: PauliTable, psi: Complex, threads: int = 1) -> float:
    """``<psi|H|psi>`` for a state vector of shape (2^n,); the same bits for any number of threads."""
    work = kernel()
    pieces = 1 << max(0, table.n_qubits - CHUNK)
    arguments = (psi, table.n_qubits, table.x, table.imaginary, table.starts, table.z, table.weights, _signs())

    def piece(k: int) -> float:
        return float(work(*arguments, k, pieces))

    if threads == 1 or pieces == 1:
        return float(np.sum([piece(k) for k in range(pieces)]))
    with ThreadPoolExecutor(threads) as pool:
        return float(np.sum(list(pool.map(piece, range(pieces)))))


@cache
def _signs() -> NDArray[np.float64]:
    """Sign of z & i for all z and i below `BLOCK`."""
    low = np.arange(BLOCK)
    return np.asarray(1.0 - 2.0 * (np.bitwise_count(low[:, None] & low) & 1), dtype=np.float64)


@cache
def kernel() -> Callable[..., Any]:
    """The compiled sum over one piece of the indices; `plain_expectation` is its twin."""
    import numba

    @numba.njit(cache=True, nogil=True)
    def add_up(psi, n, x, imaginary, starts, z, weights, signs, k, pieces):  # type: ignore[no-untyped-def]
        total = 0.0
        w = np.empty(BLOCK)
        for g in range(len(x)):
            flips = x[g]
            pivot = 0
            while (flips >> (pivot + 1)) != 0:
                pivot += 1
            size = (1 << n) // pieces if flips == 0 else (1 << (n - 1)) // pieces
            low_bits = (1 << pivot) - 1
            length = min(BLOCK, size)
            for base in range(k * size, (k + 1) * size, length):
                w[:] = 0.0
                for t in range(starts[g], starts[g + 1]):
                    v = base & z[t]
                    v ^= v >> 32
                    v ^= v >> 16
                    v ^= v >> 8
                    v ^= v >> 4
                    v ^= v >> 2
                    v ^= v >> 1
                    c = -weights[t] if v & 1 else weights[t]
                    row = signs[z[t] & (BLOCK - 1)]
                    for b in range(length):
                        w[b] += c * row[b]
                for b in range(length):
                    m = base + b
                    if flips == 0:
                        total += w[b] * (psi[m].real ** 2 + psi[m].imag ** 2)
                        continue
                    i = ((m >> pivot) << (pivot + 1)) | (m & low_bits)
                    right, left = psi[i], psi[i ^ flips]
                    if imaginary[g]:
                        total += w[b] * (left.real * right.imag - left.imag * right.real)
                    else:
                        total += w[b] * (left.real * right.real + left.imag * right.imag)
        return total

    found: Callable[..., Any] = add_up
    return found


def plain_expectation(observable: PauliSum, psi: Complex) -> float:
    """The same by NumPy, a string at a time."""
    index = np.arange(len(psi), dtype=np.uint64)
    total = 0.0
    for x, z, c in zip(observable.x[:, 0], observable.z[:, 0], observable.coefficients, strict=True):
        signs = 1.0 - 2.0 * (np.bitwise_count(index & z) & 1)
        phase = 1j ** (int(x & z).bit_count() % 4)
        total += c * float(np.real(phase * np.sum(psi.conj()[index ^ x] * signs * psi)))
    return total
