"""``H|psi>`` of a Pauli sum, in one pass over the state vector for all strings that flip the same qubits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.paulis import PauliSum


@dataclass(frozen=True)
class PauliTable:
    """Strings in groups that flip the same qubits.

    Attributes:
        flips: shape (n_groups,), masks x.
        starts: shape (n_groups + 1,), the strings of each.
        signs: shape (n_terms,), masks z.
        weights: shape (n_terms,), coefficient times ``i^|x & z|``: a string takes index i to i ^ x with the sign of
            i & z and that phase.
    """

    flips: NDArray[np.int64]
    starts: NDArray[np.int64]
    signs: NDArray[np.int64]
    weights: NDArray[np.complex128]


def pauli_table(observable: PauliSum) -> PauliTable:
    """The table of an observable on at most 62 qubits."""
    x, z = observable.x[:, 0].astype(np.int64), observable.z[:, 0].astype(np.int64)
    first = np.flatnonzero(np.concatenate([[True], x[1:] != x[:-1]]))  # rows of a PauliSum ascend in x
    weights = observable.coefficients * (1j) ** (np.bitwise_count(x & z).astype(np.int64) % 4)
    return PauliTable(x[first], np.append(first, len(x)).astype(np.int64), z, weights)


def apply(table: PauliTable, psi: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """``H|psi>``, shape (2^n,)."""
    out = np.zeros_like(psi)
    from hybridq_tensornet.pauli_kernel import add_up

    add_up(table.flips, table.starts, table.signs, table.weights, psi, out)
    return out


def plain_apply(observable: PauliSum, psi: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The same by NumPy, a string at a time."""
    index = np.arange(len(psi), dtype=np.uint64)
    out = np.zeros_like(psi)
    for x, z, c in zip(observable.x[:, 0], observable.z[:, 0], observable.coefficients, strict=True):
        phase = c * 1j ** (int(x & z).bit_count() % 4)
        out[index ^ x] += phase * (1.0 - 2.0 * (np.bitwise_count(index & z) & 1)) * psi
    return out
