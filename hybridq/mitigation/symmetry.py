"""Symmetry: samples that no state with the right electrons can give are thrown away.

Verification by measured strings (Bonet-Monroig et al., arXiv:1807.10050, doi:10.1103/PhysRevA.98.062339).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import BackendError
from hybridq.measurement import Sample, Setting
from hybridq.qubits import Encoding

Bits = NDArray[np.uint8]
LEAST = 2


@dataclass(frozen=True, eq=False)
class Symmetry:
    """What every string of a state with the right electrons has, where it is read in the encoding's own basis.

    Attributes:
        occupations: shape (n_modes, n_qubits): spin orbital k is occupied where the sum of the qubits of row k is odd;
            with `shifts` added.
        shifts: shape (n_modes,).
        electrons: numbers of alpha and beta electrons; the first half of the modes are alpha.
        local: True where a mode is a qubit, so that turned settings which conserve electrons can be checked too.
    """

    occupations: Bits
    shifts: Bits
    electrons: tuple[int, int]
    local: bool

    @classmethod
    def for_circuit(cls, circuit: FermionicCircuit, encoding: Encoding) -> Symmetry:
        """For the electrons of a circuit in an encoding, whose removed qubits have their known values."""
        n = encoding.n_modes
        matrix = np.array([[encoding.flips[mode] >> q & 1 for mode in range(n)] for q in range(n)], dtype=np.uint8)
        inverse = _inverse(matrix)
        removed = {q: 0 if sign > 0 else 1 for q, sign in encoding.removed}
        kept = [q for q in range(n) if q not in removed]
        shifts = np.zeros(n, dtype=np.uint8)
        for q, value in removed.items():
            shifts ^= inverse[:, q] * np.uint8(value)
        alpha, beta = circuit.reference
        local = not removed and bool((matrix == np.eye(n)).all())
        return cls(inverse[:, kept], shifts, (len(alpha), len(beta)), local)

    def applies(self, setting: Setting) -> bool:
        """Whether a setting's strings can be checked: nothing is turned, or what is turned conserves electrons."""
        return not setting.turns or (self.local and setting.conserves)

    def right(self, bits: Bits) -> NDArray[np.bool_]:
        """Whether each string has the right electrons, shape (m,)."""
        occupied = (bits.astype(np.int64) @ self.occupations.T.astype(np.int64) + self.shifts) & 1
        half = len(self.shifts) // 2
        alpha, beta = occupied[:, :half].sum(axis=1), occupied[:, half:].sum(axis=1)
        found: NDArray[np.bool_] = (alpha == self.electrons[0]) & (beta == self.electrons[1])
        return found

    def keep(self, setting: Setting, sample: Sample) -> Sample:
        """The samples with the right electrons; all where the setting cannot be checked.

        Raises:
            BackendError: fewer than two are right.
        """
        if not self.applies(setting):
            return sample
        right = self.right(sample.bits)
        kept = Sample(sample.bits[right], sample.counts[right])
        if kept.shots < LEAST:
            raise BackendError(
                f"of {sample.shots} samples {kept.shots} have {self.electrons[0]} alpha and {self.electrons[1]} beta "
                "electrons: the circuit is too deep for this device, or the shots too few; take a shorter circuit or a "
                "better device, or leave mitigation by symmetry out"
            )
        return kept


def _inverse(matrix: Bits) -> Bits:
    """Inverse over GF(2)."""
    n = len(matrix)
    work = np.concatenate([matrix, np.eye(n, dtype=np.uint8)], axis=1)
    for column in range(n):
        pivot = column + int(np.flatnonzero(work[column:, column])[0])
        work[[column, pivot]] = work[[pivot, column]]
        others = np.flatnonzero(work[:, column])
        work[others[others != column]] ^= work[column]
    return work[:, n:]
