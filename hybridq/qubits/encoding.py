"""Fermion-to-qubit encodings as linear maps of occupations over GF(2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import CapacityError, InputError, unknown_name

MAX_INDEX_QUBITS = 62


class Electrons(Protocol):
    """What an encoding needs to know of a circuit or problem."""

    @property
    def n_orbitals(self) -> int:
        """Number of spatial orbitals."""
        ...

    @property
    def n_alpha(self) -> int:
        """Number of alpha electrons."""
        ...

    @property
    def n_beta(self) -> int:
        """Number of beta electrons."""
        ...


@dataclass(frozen=True)
class Encoding:
    """Occupations n of the modes are held by qubits ``q = B n`` over GF(2): ``|n> -> |B n>``.

    A Jordan-Wigner product ``X^x Z^z`` becomes ``X^(B x) Z^(B^-T z)`` with the same coefficient. Qubits whose
    value is known for every state in use may be removed. Source: Steudtner and Wehner, arXiv:1712.07067.

    Alpha orbital p is mode p, beta orbital p mode ``n + p``. Qubit 0 is the lowest bit of a mask or basis-state
    index, as in Qiskit.

    Attributes:
        name: the name it is found by.
        flips: column i of B for each mode i, as a mask: the qubits that change when mode i does.
        removed: (qubit, sign) of each removed qubit, ascending, in the numbering before removal; sign is
            the known value of its Z, +1 or -1.

    Raises:
        InputError: B has no inverse, or `removed` is not of this form.
    """

    name: str
    flips: tuple[int, ...]
    removed: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        n = len(self.flips)
        qubits = [q for q, _ in self.removed]
        if qubits != sorted(set(qubits)) or any(not 0 <= q < n for q in qubits):
            raise InputError(f"removed qubits must be ascending, without repeats and below {n}, got {qubits}")
        if any(sign not in (1, -1) for _, sign in self.removed):
            raise InputError(f"the sign of a removed qubit must be +1 or -1, got {self.removed}")
        if self.n_qubits < 1:
            raise InputError(f"encoding {self.name!r} leaves no qubit for {n} modes; use 'jordan_wigner' instead")
        if any(not 0 <= mask < 1 << n for mask in self.flips):
            raise InputError(f"the columns of encoding {self.name!r} must be masks of {n} bits, got {self.flips}")
        _ = self.reads

    @property
    def n_modes(self) -> int:
        """Number of spin orbitals."""
        return len(self.flips)

    @property
    def n_qubits(self) -> int:
        """Number of qubits after removal."""
        return len(self.flips) - len(self.removed)

    @property
    def whole(self) -> Encoding:
        """The same before qubits were removed."""
        return replace(self, removed=()) if self.removed else self

    @property
    def fixes_parities_only(self) -> bool:
        """Whether the removed qubits hold no more than the parities of alpha and of beta electrons."""
        removed, half = self._masks[0], self.n_modes // 2
        return all(len({f & removed for f in spin}) == 1 for spin in (self.flips[:half], self.flips[half:]))

    @property
    def matrix(self) -> NDArray[np.bool_]:
        """B, shape (n_modes, n_modes): row q says which modes qubit q sums, before removal."""
        n = self.n_modes
        return np.array([[bool(self.flips[i] >> q & 1) for i in range(n)] for q in range(n)])

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """Row i of B^-1 for each mode i, as a mask: the qubits, before removal, whose parity is mode i.

        Raises:
            InputError: B has no inverse.
        """
        n = self.n_modes
        rows = [sum((self.flips[i] >> q & 1) << i for i in range(n)) for q in range(n)]
        inverse = [1 << q for q in range(n)]
        for i in range(n):  # Gauss-Jordan elimination
            pivot = next((q for q in range(i, n) if rows[q] >> i & 1), None)
            if pivot is None:
                raise InputError(f"the matrix of encoding {self.name!r} has no inverse over GF(2)")
            rows[i], rows[pivot] = rows[pivot], rows[i]
            inverse[i], inverse[pivot] = inverse[pivot], inverse[i]
            for q in range(n):
                if q != i and rows[q] >> i & 1:
                    rows[q] ^= rows[i]
                    inverse[q] ^= inverse[i]
        return tuple(inverse)

    @cached_property
    def _masks(self) -> tuple[int, int]:
        """All removed qubits, and those of sign -1."""
        return sum(1 << q for q, _ in self.removed), sum(1 << q for q, sign in self.removed if sign < 0)

    def pauli(self, x: int, z: int) -> tuple[int, int, int]:
        """``X^x Z^z`` of Jordan-Wigner as ``sign X^x' Z^z'`` of this encoding: (x', z', sign).

        Raises:
            InputError: the operator flips a removed qubit, so it leaves the states the encoding is for.
        """
        new_x, new_z = _combine(self.flips, x), _combine(self.reads, z)
        if not self.removed:
            return new_x, new_z, 1
        removed, negative = self._masks
        if new_x & removed:
            raise InputError(
                f"an operator changes a particle number or a symmetry that encoding {self.name!r} holds fixed; leave "
                "it out, or use an encoding without reduction"
            )
        sign = -1 if (new_z & negative).bit_count() & 1 else 1
        return self._compress(new_x), self._compress(new_z), sign

    def basis_state(self, occupation: int) -> int:
        """Index of the qubit basis state of a determinant, given as the mask of its occupied modes.

        The sign is +1 for the determinant made by the creators in ascending order on the vacuum.

        Raises:
            InputError: the determinant is not among the states the encoding is for.
        """
        if not 0 <= occupation < 1 << self.n_modes:
            raise InputError(f"occupation {occupation} is not a mask of {self.n_modes} modes")
        state = _combine(self.flips, occupation)
        removed, negative = self._masks
        if state & removed != negative:
            raise InputError(
                f"encoding {self.name!r} was made for other electron numbers than those of the determinant with "
                f"occupied modes {[i for i in range(self.n_modes) if occupation >> i & 1]}, or for another symmetry; "
                "make it for these electron numbers, and without tapering where the symmetry differs"
            )
        return self._compress(state)

    def basis_states(self, n_alpha: int, n_beta: int) -> NDArray[np.int64]:
        """Indices of the basis states of all determinants, shape (n_alpha_strings, n_beta_strings).

        Strings ascend as integers, which is PySCF's order (`pyscf.fci.cistring`); signs are +1 (`basis_state`).
        A state vector v of the qubits holds the determinants' amplitudes ``v[basis_states(n_alpha, n_beta)]``.

        Raises:
            InputError: electron numbers that do not fit the orbitals or the encoding, or an encoding that holds but a
                part of these determinants.
            CapacityError: more than 62 qubits.
        """
        n = self.n_modes // 2
        if not (0 <= n_alpha <= n and 0 <= n_beta <= n):
            raise InputError(f"{n_alpha}+{n_beta} electrons do not fit into {n} orbitals")
        if self.n_qubits > MAX_INDEX_QUBITS:
            raise CapacityError(
                f"basis states of {self.n_qubits} qubits do not fit into 64-bit indices; at most "
                f"{MAX_INDEX_QUBITS} qubits do"
            )
        removed, negative = self._masks
        alpha = [_combine(self.flips, s) for s in _strings(n, n_alpha)]
        beta = [_combine(self.flips, s << n) for s in _strings(n, n_beta)]
        if (alpha[0] ^ beta[0]) & removed != negative:
            self.basis_state(((1 << n_alpha) - 1) | (((1 << n_beta) - 1) << n))  # raises
        if not self.fixes_parities_only:
            raise InputError(
                f"encoding {self.name!r} holds a symmetry fixed that some determinants of {n_alpha}+{n_beta} electrons "
                "do not have; ask for single determinants with basis_state, or use an encoding without tapering"
            )
        a = np.array([self._compress(s) for s in alpha], dtype=np.int64)
        b = np.array([self._compress(s) for s in beta], dtype=np.int64)
        return a[:, None] ^ b[None, :]

    def _compress(self, mask: int) -> int:
        """The mask without the bits of the removed qubits."""
        for q, _ in reversed(self.removed):
            mask = (mask >> (q + 1) << q) | (mask & ((1 << q) - 1))
        return mask


def _combine(columns: tuple[int, ...], bits: int) -> int:
    """Sum over GF(2) of the columns whose bit is set."""
    out = 0
    while bits:
        low = bits & -bits
        out ^= columns[low.bit_length() - 1]
        bits ^= low
    return out


def _strings(n_orbitals: int, n_electrons: int) -> list[int]:
    return sorted(sum(1 << p for p in c) for c in combinations(range(n_orbitals), n_electrons))


def jordan_wigner(n_orbitals: int) -> Encoding:
    """Qubit i holds the occupation of mode i (doi:10.1007/BF01331938).

    Raises:
        InputError: fewer than one orbital.
    """
    n = _n_modes(n_orbitals)
    return Encoding("jordan_wigner", tuple(1 << i for i in range(n)))


def parity(n_orbitals: int) -> Encoding:
    """Qubit i holds the parity of modes 0 to i (Seeley, Richard, Love, arXiv:1208.5986, section II.C).

    Raises:
        InputError: fewer than one orbital.
    """
    n = _n_modes(n_orbitals)
    return Encoding("parity", tuple((1 << n) - (1 << i) for i in range(n)))


def parity_reduced(n_orbitals: int, n_alpha: int, n_beta: int) -> Encoding:
    """`parity` without the two qubits that hold the parity of alpha and of all electrons.

    Valid for n_alpha and n_beta electrons, up to even changes of each (Bravyi, Gambetta, Mezzacapo, Temme,
    arXiv:1701.08213).

    Raises:
        InputError: fewer than two orbitals, or electrons that do not fit.
    """
    n = _n_modes(n_orbitals) // 2
    if not (0 <= n_alpha <= n and 0 <= n_beta <= n):
        raise InputError(f"{n_alpha}+{n_beta} electrons do not fit into {n} orbitals")
    removed = ((n - 1, (-1) ** n_alpha), (2 * n - 1, (-1) ** (n_alpha + n_beta)))
    return Encoding("parity_reduced", parity(n).flips, removed)


def bravyi_kitaev(n_orbitals: int) -> Encoding:
    """Qubit i holds the sum of a block of modes that ends at i: a Fenwick tree over all modes.

    Sources: Bravyi and Kitaev, arXiv:quant-ph/0003137; the tree for any number of modes: Havlicek, Troyer,
    Whitfield, arXiv:1701.07072.

    Raises:
        InputError: fewer than one orbital.
    """
    n = _n_modes(n_orbitals)
    flips = []
    for i in range(n):
        mask, k = 0, i + 1
        while k <= n:
            mask |= 1 << (k - 1)
            k += k & -k
        flips.append(mask)
    return Encoding("bravyi_kitaev", tuple(flips))


def _n_modes(n_orbitals: int) -> int:
    if n_orbitals < 1:
        raise InputError(f"an encoding needs at least one orbital, got {n_orbitals}")
    return 2 * n_orbitals


_MAKERS: dict[str, Callable[[Electrons], Encoding]] = {
    "jordan_wigner": lambda e: jordan_wigner(e.n_orbitals),
    "parity": lambda e: parity(e.n_orbitals),
    "parity_reduced": lambda e: parity_reduced(e.n_orbitals, e.n_alpha, e.n_beta),
    "bravyi_kitaev": lambda e: bravyi_kitaev(e.n_orbitals),
}

ENCODINGS: tuple[str, ...] = tuple(_MAKERS)


def encoding_for(which: str | Encoding, electrons: Electrons) -> Encoding:
    """The encoding of this name for a circuit or problem; an `Encoding` is checked and passed through.

    Raises:
        InputError: an unknown name, or an `Encoding` for another number of orbitals or other electron numbers.
    """
    if isinstance(which, Encoding):
        if which.n_modes != 2 * electrons.n_orbitals:
            raise InputError(
                f"encoding {which.name!r} is for {which.n_modes} spin orbitals, but there are "
                f"{2 * electrons.n_orbitals}; make it for {electrons.n_orbitals} orbitals"
            )
        which.basis_state(((1 << electrons.n_alpha) - 1) | (((1 << electrons.n_beta) - 1) << electrons.n_orbitals))
        return which
    maker = _MAKERS.get(which)
    if maker is None:
        raise unknown_name("encoding", which, ENCODINGS)
    return maker(electrons)
