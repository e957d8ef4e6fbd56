"""Orbital rotations that act on the reference determinant itself.

They turn it into a determinant of other orbitals, whose state is a vector over alpha strings times one over beta
strings. So they are done on the two vectors, and undone there as well: for the derivatives lambda is contracted with
one vector and meets the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq_sector.program import ROTATE_ALPHA, ROTATIONS, Program
from hybridq_sector.rotation_kernels import contract
from hybridq_sector.run_sweeps import Rotations

Array = NDArray[Any]


class Leading:
    """The rotations at the start of a program, at least one.

    Attributes:
        groups: one for each spin that is rotated.
    """

    def __init__(self, program: Program, rotations: Rotations) -> None:
        self.groups = [group for group in program.groups[:2] if group[0] in ROTATIONS and group[2] == 0]
        self._rotations, self._reference = rotations, program.reference
        n_alpha, n_beta = program.shape
        # As matrices of one column and of one row: what the kernels take.
        self._alpha, self._beta = (np.zeros(s, program.dtype) for s in ((n_alpha, 1), (1, n_beta)))
        self._lam_alpha, self._lam_beta = np.zeros_like(self._alpha), np.zeros_like(self._beta)

    @property
    def nbytes(self) -> int:
        """Bytes of the vectors."""
        return 2 * (self._alpha.nbytes + self._beta.nbytes)

    def forward(self, psi: Array, c: Array, w: Array) -> None:
        """Set psi to the rotated reference determinant."""
        self._rotate(c, w)
        np.multiply(self._alpha, self._beta, out=psi)

    def _rotate(self, c: Array, w: Array) -> None:
        self._alpha[:] = 0
        self._beta[:] = 0
        self._alpha[self._reference[0], 0] = self._beta[0, self._reference[1]] = 1
        for group in self.groups:
            self._rotations.forward(self._alpha if group[0] == ROTATE_ALPHA else self._beta, group, c, w)

    def back(self, lam: Array, c: Array, w: Array, partial: Array) -> None:
        """Add the derivatives by the rotations' factors to `partial`, shape (n_factors,); lambda stays behind them."""
        self._rotate(c, w)
        contract(lam, self._alpha[:, 0], self._beta[0], self._lam_alpha[:, 0], self._lam_beta[0])
        for group in self.groups:
            alpha = group[0] == ROTATE_ALPHA
            pair = (self._alpha, self._lam_alpha) if alpha else (self._beta, self._lam_beta)
            self._rotations.back(*pair, group, c, w, partial)
