"""Molecular Hamiltonians as sums of Pauli strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.paulis import WORD, PauliSum, Words, bits, merged, words
from hybridq.qubits.encoding import Encoding
from hybridq.qubits.extra import require_qiskit
from hybridq.qubits.pauli import add, adjoint, annihilation, creation, multiply

if TYPE_CHECKING:
    from qiskit.quantum_info import SparsePauliOp

BLOCK = 1 << 14  # strings


def pauli_strings(hamiltonian: Hamiltonian, encoding: Encoding, *, cutoff: float = 1e-14) -> PauliSum:
    """The Hamiltonian on the encoding's qubits.

    With ``S_pq = E_pq + E_qp`` for p < q and ``S_pp = E_pp``, the Hamiltonian over real orbitals is
    ``constant + sum_(p<=q) (h_pq - 1/2 sum_r (pr|rq)) S_pq + 1/2 sum_(p<=q, r<=s) (pq|rs) S_pq S_rs``. Each
    S_pq is a handful of Pauli strings, so the two-body part is a quadratic form of strings in which only
    commuting pairs survive.

    Args:
        hamiltonian: integrals over n orbitals, hartree.
        encoding: an encoding of 2 n modes.
        cutoff: strings with a coefficient up to this size, hartree, are left out.

    Raises:
        InputError: the encoding is for another number of orbitals, or holds something fixed that the Hamiltonian
            changes, or the cutoff is negative.
    """
    n = hamiltonian.n_orbitals
    if encoding.n_modes != 2 * n:
        raise InputError(
            f"the Hamiltonian has {n} orbitals, so {2 * n} spin orbitals, but encoding {encoding.name!r} is for "
            f"{encoding.n_modes}; make the encoding for {n} orbitals"
        )
    if not cutoff >= 0:
        raise InputError(f"cutoff must be zero or positive (hartree), got {cutoff}")
    p, q = np.triu_indices(n)
    # S_pq alone may change a symmetry of the point group, which the products that are left do not.
    whole = encoding if encoding.fixes_parities_only else encoding.whole
    keys, owner, weight = _pair_strings(n, whole)
    x, z = (words([key[k] for key in keys], whole.n_qubits) for k in (0, 1))
    phase = np.bitwise_count(x & z).sum(axis=1, dtype=np.int64)  # P = i^phase X^x Z^z

    one = hamiltonian.one_body - 0.5 * np.einsum("prrq->pq", hamiltonian.two_body)
    two = hamiltonian.two_body[p[:, None], q[:, None], p, q]
    identity = np.zeros((1, x.shape[1]), dtype=np.uint64)
    squares = 0.5 * float(two[owner, owner] @ weight**2)
    parts = [(identity, identity, np.array([hamiltonian.constant + squares])), (x, z, one[p, q][owner] * weight)]
    for i in range(len(owner) - 1):
        rest = slice(i + 1, None)
        value = two[owner[i], owner[rest]] * (weight[i] * weight[rest])
        flips = np.bitwise_count(z[i] & x[rest]).sum(axis=1, dtype=np.int64)
        anti = flips + np.bitwise_count(x[i] & z[rest]).sum(axis=1, dtype=np.int64)
        keep = np.flatnonzero((anti % 2 == 0) & (value != 0))
        new_x, new_z = (x[i] ^ x[rest])[keep], (z[i] ^ z[rest])[keep]
        power = phase[i] + phase[rest][keep] - np.bitwise_count(new_x & new_z).sum(axis=1, dtype=np.int64)
        sign = 1.0 - ((power + 2 * flips[keep]) % 4)  # the power of i is 0 or 2 for commuting strings
        parts.append((new_x, new_z, sign * value[keep]))
    found = merged(whole.n_qubits, parts, cutoff)
    return found if whole is encoding else _without(found, encoding, cutoff)


def _without(found: PauliSum, encoding: Encoding, cutoff: float) -> PauliSum:
    """On the qubits that are left, with the known values put in for those removed."""
    every = [q for q, _ in encoding.removed]
    removed, negative = (
        words([sum(1 << q for q in qubits)], encoding.n_modes)[0]
        for qubits in (every, [q for q, sign in encoding.removed if sign < 0])
    )
    leaving = (found.x & removed).any(axis=1)
    if leaving.any():
        raise InputError(
            f"the Hamiltonian changes what encoding {encoding.name!r} holds fixed, by terms up to "
            f"{np.abs(found.coefficients[leaving]).max():.3g} hartree; use an encoding without reduction or tapering, "
            f"or a cutoff above that (it is {cutoff:g})"
        )
    odd = np.bitwise_count(found.z & negative).sum(axis=1) & 1
    kept = np.setdiff1d(np.arange(encoding.n_modes), every)
    parts = (_columns(found.x, kept, encoding.n_modes), _columns(found.z, kept, encoding.n_modes))
    return merged(encoding.n_qubits, [(*parts, found.coefficients * (1.0 - 2.0 * odd))], cutoff)


def _columns(array: Words, kept: NDArray[np.intp], n_bits: int) -> Words:
    """The masks with these bits only, moved together; by blocks, since a bit takes a byte on the way."""
    n_words = -(-len(kept) // WORD)
    out = np.zeros((len(array), n_words), dtype=np.uint64)
    for first in range(0, len(array), BLOCK):
        block = np.packbits(bits(array[first : first + BLOCK], n_bits)[:, kept], axis=1, bitorder="little")
        wide = np.zeros((len(block), 8 * n_words), dtype=np.uint8)
        wide[:, : block.shape[1]] = block
        out[first : first + BLOCK] = wide.view("<u8")
    return out


def to_sparse_pauli_op(hamiltonian: Hamiltonian, encoding: Encoding, *, cutoff: float = 1e-14) -> SparsePauliOp:
    """`pauli_strings` as a Qiskit operator; coefficients in hartree.

    Raises:
        InputError: as `pauli_strings`.
        ImportError: Qiskit is not installed.
    """
    require_qiskit()
    return pauli_strings(hamiltonian, encoding, cutoff=cutoff).to_sparse_pauli_op()


def _pair_strings(n: int, encoding: Encoding) -> tuple[list[tuple[int, int]], NDArray[np.intp], NDArray[np.float64]]:
    """Strings of every S_pq, p <= q in the order of `triu_indices`: masks, number of the pair, weight."""
    keys: list[tuple[int, int]] = []
    owner: list[int] = []
    weight: list[float] = []
    for pair, (p, q) in enumerate(zip(*(i.tolist() for i in np.triu_indices(n)), strict=True)):
        for first in (0, n):
            hop = multiply(creation(first + p), annihilation(first + q))
            for (x, z), c in add(hop, adjoint(hop) if p < q else {}).items():
                new_x, new_z, sign = encoding.pauli(x, z)
                keys.append((new_x, new_z))
                owner.append(pair)
                weight.append((sign * c * (-1j) ** (new_x & new_z).bit_count()).real)
    return keys, np.array(owner, dtype=np.intp), np.array(weight)
