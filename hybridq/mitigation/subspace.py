"""Subspace: weights of the strings that were seen, without errors of reading, by bounded least squares.

The confusion matrix over the strings seen, its columns made to add up to one (M3: Nation et al., arXiv:2108.12518,
doi:10.1103/PRXQuantum.2.040326); weights are not negative, and found by projected gradients with momentum (Beck and
Teboulle, doi:10.1137/080716542).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybridq.measurement import Sample

if TYPE_CHECKING:
    from hybridq.mitigation.readout import Readout

Array = NDArray[np.float64]
WHOLE = 1024  # strings up to which all pairs are looked at; beyond, those that differ in at most REACH qubits
REACH = 3
BLOCK = 1 << 22  # pairs held at once
TINY = 1e-12  # in place of a probability of 0
STEPS, CLOSE = 2000, 1e-11


@dataclass(frozen=True, eq=False)
class Subspace:
    """Corrected weights of a sample's strings.

    Attributes:
        readout: the errors of reading.
        sample: what was read.
        chance: sparse, shape (m, m): column t holds the probabilities to read each string where t is true.
        weights: shape (m,), not negative, adding up to 1.
    """

    readout: Readout
    sample: Sample
    chance: Any
    weights: Array

    @classmethod
    def of(cls, readout: Readout, sample: Sample) -> Subspace:
        """Solve for the weights of a sample's strings."""
        chance = _chance(readout.errors, sample.bits.astype(np.float32))
        weights = _solve(chance, sample.counts / sample.shots)
        return cls(readout, sample, chance, weights / weights.sum())

    def estimate(self, values: Array, kept: NDArray[np.bool_]) -> tuple[float, float]:
        """Mean of values over the strings that are kept, and its variance, that of the calibration included.

        To first order in the counts and in the errors of reading, and with the weights that are zero staying zero.

        Args:
            values: of each string, shape (m,).
            kept: shape (m,); some weight must be on these.
        """
        from scipy.sparse.linalg import LinearOperator, cg

        share = float(self.weights @ kept)
        mean = float(self.weights @ (kept * values)) / share
        # How the mean depends on what was seen: weights = (A+ seen) over the strings of positive weight.
        free = np.flatnonzero(self.weights > 0)
        a = self.chance[:, free]
        normal = LinearOperator((len(free), len(free)), matvec=lambda v: a.T @ (a @ v), dtype=np.float64)
        through, _ = cg(normal, (kept * (values - mean))[free] / share, rtol=1e-10, maxiter=STEPS)
        slope = a @ through
        seen, shots = self.sample.counts / self.sample.shots, self.sample.shots
        spread = float(seen @ (slope - seen @ slope) ** 2) / max(shots - 1, 1)
        return mean, spread + self.readout.variance_of(self._by_errors(slope))

    def _by_errors(self, slope: Array) -> Array:
        """Derivatives of the mean by the errors of reading, shape (n_qubits, 2)."""
        bits, a, x = self.sample.bits.astype(np.float64), self.chance, self.weights
        p, q = np.clip(self.readout.errors.T, TINY, 1 - TINY)
        found = np.empty((len(p), 2))
        inner = a.T @ slope  # columns add up to one whatever the errors are
        # d log(chance) by p where 0 is true, by q where 1 is
        for k, (true, by) in enumerate(
            ((1 - bits, bits / p - (1 - bits) / (1 - p)), (bits, (1 - bits) / q - bits / (1 - q)))
        ):
            told = x[:, None] * true
            found[:, k] = (by * (a @ (inner[:, None] * told) - slope[:, None] * (a @ told))).sum(axis=0)
        return found


def _chance(errors: Array, bits: NDArray[np.float32]) -> Any:
    from scipy import sparse

    p, q = np.clip(errors.T, TINY, 1 - TINY)
    m, n = bits.shape
    # log of the product over qubits of P(read r | true t), as a polynomial in the bits r and t
    both = np.log(1 - p) + np.log(1 - q) - np.log(p) - np.log(q)
    read = bits @ (np.log(p) - np.log(1 - p))
    true = bits @ (np.log(q) - np.log(1 - p))
    constant = float(np.log(1 - p).sum())
    ones = bits.sum(axis=1)
    reach = n if m <= WHOLE else REACH
    blocks = []
    step = max(1, BLOCK // m)
    for first in range(0, m, step):
        part = bits[first : first + step]
        differ = part.sum(axis=1)[:, None] + ones - 2 * (part @ bits.T)  # whole numbers up to n: exact
        r, t = np.nonzero(differ <= reach + 0.5)
        products = (part * both) @ bits.T.astype(np.float64)
        found = np.exp(products[r, t] + read[first + r] + true[t] + constant)
        blocks.append(sparse.csr_array((found, (r, t)), shape=(len(part), m)))
    whole = sparse.vstack(blocks, format="csr")
    return whole @ sparse.diags_array(1.0 / whole.sum(axis=0))


def _solve(a: Any, seen: Array) -> Array:
    """``min |a x - seen|`` for x >= 0."""
    step = 1.0 / (float(abs(a).sum(axis=0).max()) * float(abs(a).sum(axis=1).max()))
    x = ahead = seen
    momentum = 1.0
    for _ in range(STEPS):
        new = np.maximum(ahead - step * (a.T @ (a @ ahead - seen)), 0.0)
        moved = new - x
        if (ahead - new) @ moved > 0:  # it went too far: begin anew from here
            momentum = 1.0
        longer = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead, x, momentum = new + (momentum - 1) / longer * moved, new, longer
        if np.abs(moved).sum() < CLOSE:
            break
    return x
