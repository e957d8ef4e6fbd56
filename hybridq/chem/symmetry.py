"""Abelian point groups: which integrals and excitations the irreps of the orbitals allow.

Irreps are PySCF's ids modulo 10 (`pyscf.symm.param.IRREP_ID_TABLE`): 0 is totally symmetric and the product of two
irreps is the exclusive or of their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import xor

import numpy as np
from numpy.typing import NDArray

FORBIDDEN_TOLERANCE = 1e-8
"""Largest forbidden integral in hartree that is taken for rounding noise."""


def product(irreps: Iterable[int]) -> int:
    """Irrep of a product of irreps; 0 (totally symmetric) for none."""
    return reduce(xor, irreps, 0)


def allowed(irreps: Sequence[int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the integrals may differ from zero: masks of shapes (n, n) and (n, n, n, n)."""
    ids = np.asarray(irreps, dtype=np.int64)
    pairs = ids[:, None] ^ ids[None, :]
    return pairs == 0, (pairs[:, :, None, None] ^ pairs[None, None, :, :]) == 0


def violation(
    one_body: NDArray[np.float64], two_body: NDArray[np.float64], irreps: Sequence[int]
) -> tuple[float, tuple[int, ...]]:
    """The largest |integral| in hartree that `irreps` forbid, and its indices."""
    worst = 0.0
    where: tuple[int, ...] = ()
    for array, mask in zip((one_body, two_body), allowed(irreps), strict=True):
        forbidden = np.where(mask, 0.0, np.abs(array))
        if forbidden.size and forbidden.max() > worst:
            worst = float(forbidden.max())
            where = tuple(int(i) for i in np.unravel_index(int(forbidden.argmax()), forbidden.shape))
    return worst, where


def cleaned(
    one_body: NDArray[np.float64], two_body: NDArray[np.float64], irreps: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Copies of the integrals in which every forbidden entry is exactly zero."""
    one_mask, two_mask = allowed(irreps)
    return np.where(one_mask, one_body, 0.0), np.where(two_mask, two_body, 0.0)
