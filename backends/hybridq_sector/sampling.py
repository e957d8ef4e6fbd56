"""Determinants drawn from a state vector."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq_sector.strings import make_strings


def sample(
    psi: NDArray[Any], n_orbitals: int, n_electrons: tuple[int, int], shots: int, rng: np.random.Generator
) -> dict[str, int]:
    """Bit strings and how often each was drawn; spin orbital 0 (alpha orbital 0) is the rightmost bit.

    Args:
        psi: state vector, shape (alpha strings, beta strings), norm 1.
        n_orbitals: spatial orbitals n; a bit string has 2 n bits, beta on the left.
        n_electrons: alpha and beta electrons.
        shots: number of draws.
        rng: source of randomness.
    """
    weight = np.abs(psi.reshape(-1)) ** 2
    edges = np.cumsum(weight)
    drawn = np.searchsorted(edges, rng.random(shots) * edges[-1], side="right")
    places, numbers = np.unique(np.minimum(drawn, len(edges) - 1), return_counts=True)
    alpha, beta = (make_strings(n_orbitals, k) for k in n_electrons)
    rows, columns = np.divmod(places, psi.shape[1])
    return {
        f"{beta[c]:0{n_orbitals}b}{alpha[r]:0{n_orbitals}b}": int(m)
        for r, c, m in zip(rows, columns, numbers, strict=True)
    }
