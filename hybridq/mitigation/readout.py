"""Readout: errors of reading, measured on all 0 and all 1, and values without them.

Each qubit is taken to be misread by itself (a tensored model). Then a product of Z is corrected factor by factor: with
p the probability to read 1 for 0, and q to read 0 for 1, the numbers ``(1 - q + p) / (1 - p - q)`` for a 0 read and
``-(1 - p + q) / (1 - p - q)`` for a 1 have means +1 and -1 (the inverse of the confusion matrix: Bravyi et al.,
arXiv:2006.14044, doi:10.1103/PhysRevA.103.042605). Values stay one number a sample, so that their variance is seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import BackendError, InputError
from hybridq.measurement import Sample, Setting
from hybridq.mitigation.subspace import Subspace

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Array = NDArray[np.float64]
WORST = 0.95  # p + q above which a qubit's reading says nothing
BLOCK = 1 << 22  # values of terms held at once


def calibration_circuits(n_qubits: int) -> tuple[QuantumCircuit, QuantumCircuit]:
    """Circuits that leave all qubits in 0, and all in 1; without measurements."""
    from qiskit import QuantumCircuit

    zero, one = QuantumCircuit(n_qubits), QuantumCircuit(n_qubits)
    one.x(range(n_qubits))
    return zero, one


@dataclass(frozen=True, eq=False)
class Readout:
    """Measured errors of reading.

    Attributes:
        errors: shape (n_qubits, 2): probability to read 1 for 0, and 0 for 1.
        shots: samples from which each of the two columns was measured.

    Raises:
        BackendError: a qubit's reading says nothing about it.
        InputError: the errors are no probabilities, or of no shots.
    """

    errors: Array
    shots: tuple[int, int]

    def __post_init__(self) -> None:
        errors = np.array(self.errors, dtype=np.float64)
        if errors.ndim != 2 or errors.shape[1] != 2 or not ((errors >= 0) & (errors <= 1)).all():
            raise InputError(f"errors of reading are probabilities of shape (n_qubits, 2), got {self.errors!r}")
        if len(self.shots) != 2 or not min(self.shots) > 0:
            raise InputError(f"errors of reading are measured with shots for 0 and for 1, got {self.shots!r}")
        errors.setflags(write=False)
        object.__setattr__(self, "errors", errors)
        bad = np.flatnonzero(errors.sum(axis=1) > WORST)
        if len(bad):
            raise BackendError(
                f"qubit {bad[0]} of the circuit is read wrongly so often ({errors[bad[0], 0]:.2f} of its 0, "
                f"{errors[bad[0], 1]:.2f} of its 1) that its reading says nothing; choose other qubits"
            )

    @classmethod
    def of(cls, zero: Sample, one: Sample) -> Readout:
        """From what was read where all qubits were 0, and where all were 1.

        Raises:
            BackendError: a qubit's reading says nothing about it.
            InputError: the two are of different numbers of qubits.
        """
        widths = zero.bits.shape[1], one.bits.shape[1]
        if widths[0] != widths[1]:
            raise InputError(f"0 and 1 must be read on the same qubits, got {widths[0]} and {widths[1]} of them")
        p = zero.counts @ zero.bits / zero.shots
        q = one.counts @ (1 - one.bits) / one.shots
        return cls(np.column_stack([p, q]), (zero.shots, one.shots))

    def signs(self) -> Array:
        """What replaces +1 and -1 where 0 and 1 are read, shape (n_qubits, 2)."""
        p, q = self.errors.T
        rest = 1.0 - p - q
        return np.column_stack([(1.0 - q + p) / rest, -(1.0 - p + q) / rest])

    def values(self, setting: Setting, sample: Sample) -> Array:
        """The corrected value of a setting's part for each string, shape (m,).

        Raises:
            InputError: they are of different qubits.
        """
        parts = [weighted.sum(axis=1) for _, _, weighted in self._blocks(setting, sample)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def estimate(self, setting: Setting, sample: Sample) -> tuple[float, float]:
        """Mean of a setting's part and the variance of that mean, that of the calibration included to first order.

        Raises:
            InputError: fewer than two samples, or of other qubits.
        """
        shots = sample.shots
        if shots < 2:
            raise InputError(f"{shots} samples of a setting show no standard error; at least 2 are needed")
        p, q = self.errors.T
        rest = (1.0 - p - q)[:, None] ** 2
        # Derivatives of `signs` by p and by q, relative to `signs`.
        signs = self.signs()
        by_p = np.column_stack([2.0 * (1.0 - q), -2.0 * q]) / rest / signs
        by_q = np.column_stack([2.0 * p, -2.0 * (1.0 - p)]) / rest / signs
        values, slopes = [], np.zeros(self.errors.shape)
        qubits = np.arange(len(signs))
        for at, bits, weighted in self._blocks(setting, sample):
            values.append(weighted.sum(axis=1))
            of_qubit = weighted @ setting.support * (sample.counts[at] / shots)[:, None]  # terms with a Z on each
            slopes[:, 0] += (of_qubit * by_p[qubits, bits]).sum(axis=0)
            slopes[:, 1] += (of_qubit * by_q[qubits, bits]).sum(axis=0)
        all_values = np.concatenate(values)
        mean = float(sample.counts @ all_values / shots)
        variance = float(sample.counts @ (all_values - mean) ** 2 / (shots - 1) / shots)
        return mean, variance + self.variance_of(slopes)

    def variance_of(self, slopes: Array) -> float:
        """What the errors' own uncertainty adds to a variance.

        Args:
            slopes: derivatives of the value by each of `errors`, shape (n_qubits, 2).
        """
        shots = np.array(self.shots, dtype=np.float64)
        # At least one event in the calibration: none seen does not mean that there can be none.
        probability = np.maximum(self.errors, 1.0 / shots)
        return float((slopes**2 * probability * (1.0 - probability) / shots).sum())

    def bounded(self, sample: Sample) -> Array:
        """Weights of the strings that were seen, shape (m,), not negative and adding up to 1; see `Subspace`.

        Raises:
            InputError: the sample is of other qubits.
        """
        return self.subspace(sample).weights

    def subspace(self, sample: Sample) -> Subspace:
        """The strings that were seen, with weights without errors of reading.

        Raises:
            InputError: the sample is of other qubits.
        """
        self._check(sample.bits.shape[1])
        return Subspace.of(self, sample)

    def _blocks(self, setting: Setting, sample: Sample) -> Iterator[tuple[slice, NDArray[np.intp], Array]]:
        """Some strings at a time: where they are, their bits, and their corrected terms, shape (some, n_terms)."""
        self._check(sample.bits.shape[1])
        self._check(setting.n_qubits)
        sizes, support = np.log(np.abs(self.signs())), setting.support.T.astype(np.float64)
        qubits = np.arange(len(sizes))
        step = max(1, BLOCK // max(1, len(setting.coefficients)))
        for first in range(0, len(sample.bits), step):
            at = slice(first, first + step)
            bits = sample.bits[at].astype(np.intp)
            minus = (bits @ support) % 2
            yield at, bits, np.exp(sizes[qubits, bits] @ support) * (1.0 - 2.0 * minus) * setting.coefficients

    def _check(self, n_qubits: int) -> None:
        if n_qubits != len(self.errors):
            raise InputError(f"errors of reading of {len(self.errors)} qubits do not go with samples of {n_qubits}")
