"""Z2 symmetries of a Hamiltonian on qubits, and the encoding that needs no qubits for them.

Source: Bravyi, Gambetta, Mezzacapo, Temme, arXiv:1701.08213. The symmetries used here are products of Z, which are
those that have a value on a determinant. For them the Clifford rotation is a network of CNOTs, that is another
invertible matrix of the encoding, so a tapered encoding is an `Encoding` with removed qubits, and Hamiltonians,
circuits and determinants go through it as through any other.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hybridq.contract.paulis import PauliSum, Words, integers
from hybridq.qubits.encoding import Encoding


def z_symmetries(observable: PauliSum) -> tuple[int, ...]:
    """Masks of independent products of Z that commute with every string, a basis of all of them.

    Z^s commutes with X^x Z^z where s and x have an even number of bits in common, so the symmetries are the kernel
    over GF(2) of the masks x. In this basis the highest bit of each mask, its pivot, is in no other one; masks
    ascend.
    """
    rows, n = _row_space(observable.x), observable.n_qubits
    pivots = {row & -row: row for row in rows}
    free = [1 << q for q in range(n) if 1 << q not in pivots]
    # The lowest bit of a row follows from its others, which are all free: one symmetry for each free bit.
    kernel = [bit | sum(low for low, row in pivots.items() if row & bit) for bit in free]
    return tuple(_reduced(kernel))


def tapered(encoding: Encoding, observable: PauliSum, occupation: int) -> Encoding:
    """The encoding with a qubit less for each symmetry of `observable`, in the sector of a determinant.

    Args:
        encoding: where it has removed qubits, these are found again among the symmetries.
        observable: on the encoding's qubits before removal, as `pauli_strings` makes it for ``encoding.whole``.
        occupation: mask of the determinant's occupied modes.

    At least one qubit is left.

    Raises:
        InputError: the determinant does not fit the encoding.
    """
    encoding.basis_state(occupation)  # raises where it does not fit
    state = encoding.whole.basis_state(occupation)
    symmetries = z_symmetries(observable)[: encoding.n_modes - 1]
    flips = []
    for column in encoding.flips:
        new = column
        for s in symmetries:
            pivot = 1 << s.bit_length() - 1
            new = new | pivot if (column & s).bit_count() & 1 else new & ~pivot
        flips.append(new)
    removed = tuple((s.bit_length() - 1, -1 if (state & s).bit_count() & 1 else 1) for s in symmetries)
    return replace(encoding, name=f"{encoding.name}, tapered", flips=tuple(flips), removed=removed)


def fixed_parities(encoding: Encoding) -> list[tuple[list[int], int]]:
    """What each removed qubit stood for: the modes whose number of electrons is even (+1) or odd (-1)."""
    return [
        ([mode for mode, column in enumerate(encoding.flips) if column >> q & 1], sign) for q, sign in encoding.removed
    ]


def _row_space(masks: Words) -> list[int]:
    """Gauss-Jordan over GF(2): rows of the span, the lowest bit of each in no other row."""
    left = np.unique(masks, axis=0) if len(masks) else masks
    found: list[Words] = []
    while True:
        left = left[left.any(axis=1)]
        if not len(left):
            break
        row = left[0].copy()
        word = int(np.flatnonzero(row)[0])
        low = np.uint64(int(row[word]) & -int(row[word]))
        left = np.where((left[:, word] & low != 0)[:, None], left ^ row, left)
        found = [f ^ row if f[word] & low else f for f in found]
        found.append(row)
    return integers(np.array(found, dtype=np.uint64).reshape(len(found), -1)) if found else []


def _reduced(rows: list[int]) -> list[int]:
    """The same span, ascending, with the highest bit of each row in no other one."""
    out: list[int] = []
    for row in rows:
        for f in out:
            if row >> f.bit_length() - 1 & 1:
                row ^= f
        if row:
            top = row.bit_length() - 1
            out = [f ^ row if f >> top & 1 else f for f in out]
            out.append(row)
    return sorted(out)
