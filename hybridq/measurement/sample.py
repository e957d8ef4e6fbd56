"""Samples, and what they say of a setting's part: the mean and the variance of that mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import BackendError, InputError
from hybridq.measurement.setting import Setting


@dataclass(frozen=True, eq=False)
class Sample:
    """Strings of bits, and how often each was seen.

    Attributes:
        bits: 0 or 1, shape (m, n_qubits); column q is qubit q.
        counts: shape (m,).
    """

    bits: NDArray[np.uint8]
    counts: NDArray[np.int64]

    @property
    def shots(self) -> int:
        """Number of samples."""
        return int(self.counts.sum())

    @classmethod
    def of(cls, counts: Mapping[str, int], n_qubits: int) -> Sample:
        """From counts as Qiskit writes them: qubit 0 is the rightmost character.

        Raises:
            BackendError: they are no counts of strings of `n_qubits` bits, or there is none.
        """
        if not isinstance(counts, Mapping):
            raise BackendError(f"counts must map strings of {n_qubits} bits to whole numbers, got {_short(counts)}")
        for text, number in counts.items():
            if not isinstance(text, str) or len(text) != n_qubits or set(text) - {"0", "1"}:
                raise BackendError(
                    f"the counts name {_short(text)}, which is no string of {n_qubits} bits; the device's result is "
                    "malformed, or belongs to another circuit"
                )
            if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 0:
                raise BackendError(
                    f"the count of {text!r} is {_short(number)}; counts must be whole numbers, not negative: the "
                    "device's result is malformed, or holds probabilities"
                )
        numbers = np.array([int(number) for number in counts.values()], dtype=np.int64)
        if not numbers.sum():
            raise BackendError("the counts hold no sample; the device's result is empty")
        raw = np.frombuffer("".join(counts).encode(), dtype=np.uint8).reshape(len(counts), n_qubits)
        return cls(np.ascontiguousarray(raw[:, ::-1]) - np.uint8(ord("0")), numbers)


def estimate(setting: Setting, sample: Sample) -> tuple[float, float]:
    """Mean of a setting's part over the samples, and the variance of that mean, unbiased.

    The part is one number for each sample, so that its variance holds the covariances of the terms.

    Raises:
        InputError: fewer than two samples, or of other qubits.
    """
    shots = sample.shots
    if shots < 2:
        raise InputError(f"{shots} samples of a setting show no standard error; at least 2 are needed")
    values = setting.values(sample.bits)
    mean = float(sample.counts @ values / shots)
    return mean, float(sample.counts @ (values - mean) ** 2 / (shots - 1) / shots)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
