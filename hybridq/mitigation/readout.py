"""Readout: errors of reading, measured on all 0 and all 1, and values without them.

Each qubit is taken to be misread by itself (a tensored model). Then a product of Z is corrected factor by factor: with
p the probability to read 1 for 0, and q to read 0 for 1, the numbers ``(1 - q + p) / (1 - p - q)`` for a 0 read and
``-(1 - p + q) / (1 - p - q)`` for a 1 have means +1 and -1 (the inverse of the confusion matrix: Bravyi et al.,
arXiv:2006.14044, doi:10.1103/PhysRevA.103.042605). Values stay one number a sample, so that their variance is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import BackendError
from hybridq.measurement import Sample, Setting

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Array = NDArray[np.float64]
WORST = 0.95  # p + q above which a qubit's reading says nothing


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
    """

    errors: Array
    shots: tuple[int, int]

    def __post_init__(self) -> None:
        bad = np.flatnonzero(self.errors.sum(axis=1) > WORST)
        if len(bad):
            raise BackendError(
                f"qubit {bad[0]} of the circuit is read wrongly so often ({self.errors[bad[0], 0]:.2f} of its 0, "
                f"{self.errors[bad[0], 1]:.2f} of its 1) that its reading says nothing; choose other qubits"
            )

    @classmethod
    def of(cls, zero: Sample, one: Sample) -> Readout:
        """From what was read where all qubits were 0, and where all were 1."""
        p = zero.counts @ zero.bits / zero.shots
        q = 1.0 - one.counts @ one.bits / one.shots
        return cls(np.column_stack([p, q]), (zero.shots, one.shots))

    def signs(self) -> Array:
        """What replaces +1 and -1 where 0 and 1 are read, shape (n_qubits, 2)."""
        p, q = self.errors.T
        rest = 1.0 - p - q
        return np.column_stack([(1.0 - q + p) / rest, -(1.0 - p + q) / rest])

    def values(self, setting: Setting, sample: Sample) -> Array:
        """The corrected value of a setting's part for each string, shape (m,)."""
        return self._terms(setting, sample) @ setting.coefficients

    def _terms(self, setting: Setting, sample: Sample) -> Array:
        """Corrected values of the terms for each string, shape (m, n_terms)."""
        read = np.take_along_axis(self.signs().T, sample.bits.astype(np.intp), axis=0)  # (m, n_qubits)
        terms = np.ones((len(sample.bits), len(setting.support)))
        for k, support in enumerate(setting.support):
            terms[:, k] = read[:, support.astype(bool)].prod(axis=1)
        return terms

    def estimate(self, setting: Setting, sample: Sample) -> tuple[float, float]:
        """Mean of a setting's part and the variance of that mean, that of the calibration included to first order."""
        terms = self._terms(setting, sample)
        values, shots = terms @ setting.coefficients, sample.shots
        mean = float(sample.counts @ values / shots)
        variance = float(sample.counts @ (values - mean) ** 2 / (shots - 1) / shots)
        return mean, variance + self._of_calibration(setting, sample, terms)

    def _of_calibration(self, setting: Setting, sample: Sample, terms: Array) -> float:
        """What the errors' own uncertainty adds, by the derivative of the mean by each of them."""
        p, q = self.errors.T
        rest = 1.0 - p - q
        # d/dp and d/dq of what replaces +1 and -1
        by_p = np.column_stack([2.0 * (1.0 - q), -2.0 * q]) / rest[:, None] ** 2
        by_q = np.column_stack([2.0 * p, -2.0 * (1.0 - p)]) / rest[:, None] ** 2
        signs = self.signs()
        weights = sample.counts / sample.shots
        total = 0.0
        for qubit in np.flatnonzero(setting.support.any(axis=0)):
            mine = setting.support[:, qubit].astype(bool)
            bits = sample.bits[:, qubit].astype(np.intp)
            part = weights * (terms[:, mine] @ setting.coefficients[mine]) / signs[qubit][bits]
            for slopes, error, shots in ((by_p, p, self.shots[0]), (by_q, q, self.shots[1])):
                slope = float(part @ slopes[qubit][bits])
                # At least one event in the calibration: none seen does not mean that there can be none.
                probability = max(float(error[qubit]), 1.0 / shots)
                total += slope**2 * probability * (1.0 - probability) / shots
        return total

    def bounded(self, sample: Sample) -> Sample:
        """Samples without errors of reading, by bounded least squares over the strings that were seen.

        Weights are at least 0 and add up to one (the subspace of M3: Nation et al., arXiv:2108.12518,
        doi:10.1103/PRXQuantum.2.040326); their standard error is no longer that of independent samples. Counts are
        scaled by `SCALE` and rounded.
        """
        from scipy.optimize import lsq_linear

        p, q = self.errors.T
        seen = sample.counts / sample.shots
        read, true = sample.bits[:, None, :], sample.bits[None, :, :]
        chance = np.where(true == 0, np.where(read == 1, p, 1 - p), np.where(read == 0, q, 1 - q)).prod(axis=2)
        chance = chance / chance.sum(axis=0)
        found = lsq_linear(chance, seen, bounds=(0.0, 1.0), tol=1e-12).x
        weights = found / found.sum()
        scaled = np.floor(weights * sample.shots * SCALE + 0.5).astype(np.int64)
        kept = scaled > 0
        return Sample(sample.bits[kept], scaled[kept])


SCALE = 1024  # parts of a sample that weights are rounded to
