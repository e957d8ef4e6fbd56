"""Symmetry: samples that no state of the circuit can give are thrown away.

Verification by measured strings (Bonet-Monroig et al., arXiv:1807.10050, doi:10.1103/PhysRevA.98.062339). A circuit
that begins in a determinant keeps the numbers of alpha and beta electrons, and each product of Z over modes that
commutes with all of its generators (parities; those of both spins are always among them).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import BackendError
from hybridq.contract.generators import Excitation
from hybridq.measurement import Sample, Setting
from hybridq.measurement.clifford import Tableau
from hybridq.qubits import Encoding

Bits = NDArray[np.uint8]
Mask = NDArray[np.bool_]
CLIFFORD = ("h", "s", "sdg", "cx")
FEW_QUBITS = 10  # up to which all strings are looked at
LEAST = 2  # samples, without which there is no variance


@dataclass(frozen=True, eq=False)
class Symmetry:
    """What every sample of a noiseless device has.

    Attributes:
        occupations: shape (n_modes, n_qubits): spin orbital k is occupied where the qubits of row k and `shifts` add
            up to an odd number; alpha orbitals first.
        shifts: shape (n_modes,).
        electrons: numbers of alpha and beta electrons; None where every string of the qubits has them.
        local: whether qubit k is mode k, so that settings which rotate orbitals show the electrons too.
        parities: shape (n_parities, n_qubits), 1 where the product has a Z.
        odd: shape (n_parities,), 1 where the product is -1.
    """

    occupations: Bits
    shifts: Bits
    electrons: tuple[int, int] | None
    local: bool
    parities: Bits
    odd: Bits

    @classmethod
    def for_circuit(cls, circuit: FermionicCircuit, encoding: Encoding) -> Symmetry:
        """Of all states of a circuit in an encoding.

        Raises:
            InputError: the encoding is for another circuit.
        """
        n, half = encoding.n_modes, circuit.n_orbitals
        alpha, beta = circuit.reference
        occupied = _mask(alpha) | _mask(beta) << half
        encoding.basis_state(occupied)  # raises where it is for other electrons
        occupations, shifts = _read(encoding, [1 << mode for mode in range(n)])
        kept = _kernel(_flips(circuit), n)
        parities, odd = _read(encoding, kept)
        odd ^= np.array([(mask & occupied).bit_count() & 1 for mask in kept], dtype=np.uint8)
        shown = parities.any(axis=1)  # the others are held by removed qubits
        local = not encoding.removed and bool((occupations == np.eye(n)).all())
        made = cls(occupations, shifts, (len(alpha), len(beta)), local, parities[shown], odd[shown])
        if encoding.n_qubits > FEW_QUBITS or not made._electrons(_strings(encoding.n_qubits)).all():
            return made
        return cls(occupations, shifts, None, local, parities[shown], odd[shown])

    def applies(self, setting: Setting) -> bool:
        """Whether a setting shows anything that a sample can have wrong."""
        return self._counted(setting) or bool(len(self._parities(setting)[0]))

    def right(self, setting: Setting, bits: Bits) -> Mask:
        """Whether each string of a setting, shape (m, n_qubits), has all that the setting shows; shape (m,).

        Numbers of electrons show where nothing is turned, and where orbitals are rotated under Jordan-Wigner. A parity
        P shows where the setting's Clifford gates U make ``U P U+`` a product of Z.
        """
        rows, odd = self._parities(setting)
        found: Mask = ((bits.astype(np.int64) @ rows.T + odd) & 1 == 0).all(axis=1)
        return found & self._electrons(bits) if self._counted(setting) else found

    def keep(self, setting: Setting, sample: Sample) -> Sample:
        """The samples that are right; all where the setting shows nothing.

        Raises:
            BackendError: fewer than two are right.
        """
        right = self.right(setting, sample.bits)
        check_enough(int(sample.counts[right].sum()), sample.shots)
        return Sample(sample.bits[right], sample.counts[right])

    def _counted(self, setting: Setting) -> bool:
        return self.electrons is not None and (not setting.turns or (self.local and setting.conserves))

    def _electrons(self, bits: Bits) -> Mask:
        assert self.electrons is not None
        occupied = (bits.astype(np.int64) @ self.occupations.T + self.shifts) & 1
        alpha, beta = np.split(occupied, 2, axis=1)
        found: Mask = (alpha.sum(axis=1) == self.electrons[0]) & (beta.sum(axis=1) == self.electrons[1])
        return found

    def _parities(self, setting: Setting) -> tuple[Bits, Bits]:
        """Products of Z that a setting's bits show, and whether each is -1."""
        if not setting.turns or not len(self.odd):
            return self.parities, self.odd
        n = self.parities.shape[1]
        if not all(turn.name in CLIFFORD for turn in setting.turns):
            return np.zeros((0, n), dtype=np.uint8), np.zeros(0, dtype=np.uint8)
        # Products of parities whose X cancel after the turns.
        x = _turned(self.parities, setting).x
        products = _kernel((_mask(np.flatnonzero(x[:, q])) for q in range(n)), len(x))
        chosen = np.array([[p >> k & 1 for k in range(len(x))] for p in products], dtype=np.uint8).reshape(-1, len(x))
        table = _turned((chosen @ self.parities & 1).astype(np.uint8), setting)
        shown = table.z.any(axis=1)
        odd = (chosen @ self.odd & 1) ^ table.minus
        return table.z[shown].astype(np.uint8), odd[shown].astype(np.uint8)


def check_enough(right: float, shots: int) -> None:
    """Raise BackendError where too few of the samples are right for a standard error."""
    if right < LEAST:
        raise BackendError(
            f"of {shots} samples {right:.3g} have the circuit's numbers of electrons and parities: the circuit is too "
            "deep for this device, or the shots too few; take a shorter circuit, a better device or more shots, or "
            "leave mitigation by symmetry out"
        )


def _turned(products: Bits, setting: Setting) -> Tableau:
    """Products of Z, shape (m, n), conjugated by a setting's Clifford gates."""
    table = Tableau(np.zeros(products.shape, dtype=np.bool_), products.astype(np.bool_))
    for turn in setting.turns:
        getattr(table, turn.name)(*turn.qubits)
    return table


def _flips(circuit: FermionicCircuit) -> set[int]:
    """Modes whose occupation each generator changes, as masks."""
    found = set()
    for factor in circuit.factors:
        g = factor.generator
        if isinstance(g, Excitation):
            parts = [_mask(part.creations) ^ _mask(part.annihilations) for part in (g.alpha, g.beta)]
            found.add(parts[0] | parts[1] << circuit.n_orbitals)
    return found


def _read(encoding: Encoding, modes: list[int]) -> tuple[Bits, Bits]:
    """For masks of modes, the qubits whose parity is theirs, shape (m, n_qubits), and what is to be added."""
    found = [encoding.pauli(0, mask) for mask in modes]
    rows = [[z >> q & 1 for q in range(encoding.n_qubits)] for _, z, _ in found]
    signs = np.array([sign < 0 for _, _, sign in found], dtype=np.uint8)
    return np.array(rows, dtype=np.uint8).reshape(len(modes), encoding.n_qubits), signs


def _kernel(rows: Iterable[int], width: int) -> list[int]:
    """Independent masks of `width` bits that have an even number of bits in common with each row."""
    found = [1 << k for k in range(width)]
    for row in rows:
        odd = [mask for mask in found if (mask & row).bit_count() & 1]
        if odd:
            found = [mask ^ odd[0] if mask in odd else mask for mask in found if mask != odd[0]]
    return found


def _mask(places: Iterable[int]) -> int:
    return sum(1 << int(place) for place in places)


def _strings(n_qubits: int) -> Bits:
    return (np.arange(1 << n_qubits)[:, None] >> np.arange(n_qubits) & 1).astype(np.uint8)
