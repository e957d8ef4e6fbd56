"""Orbital rotations before a measurement, as gates between neighbouring qubits under Jordan-Wigner."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hybridq.measurement.setting import Turn

Array = NDArray[np.float64]
NOTHING = 1e-12  # radians: a smaller rotation is left out
PHASES = ((), ("s",), ("z",), ("sdg",))  # i^p on an occupied orbital p


def givens_angles(orbitals: Array) -> list[tuple[int, float]]:
    """Rotations (p, angle) of orbitals p and p + 1 whose product, the first leftmost, is `orbitals` up to signs.

    A rotation takes ``a+_p`` to ``cos a+_p + sin a+_(p+1)``. Columns are cleared from the left, each from below
    (Kivlichan et al., arXiv:1711.04789); columns that are unit vectors need none.

    Args:
        orbitals: orthogonal, shape (n, n).
    """
    u = orbitals.copy()
    found = []
    for column in range(len(u) - 1):
        for p in range(len(u) - 2, column - 1, -1):
            a, b = u[p, column], u[p + 1, column]
            if abs(b) <= NOTHING:
                continue
            angle = math.atan(b / a) if a else math.copysign(math.pi / 2, b)
            c, s = math.cos(angle), math.sin(angle)
            u[p : p + 2] = np.array([[c, s], [-s, c]]) @ u[p : p + 2]
            found.append((p, angle))
    return found


def turns_to(orbitals: Array) -> tuple[Turn, ...]:
    """Gates that take the occupations of rotated orbitals to those of the qubits: alpha on 0 to n - 1, beta on n on.

    Orbital i of the rotated basis is ``sum_p orbitals[p, i] a+_p``; after the gates qubit i holds its alpha electron.
    With phases i^p on the orbitals every real rotation becomes ``exp(-i angle/2 (X X + Y Y))``, whose two parts
    commute; phases after the last rotation do not matter.
    """
    n = len(orbitals)
    rotations = givens_angles(orbitals)
    touched = {q for p, _ in rotations for q in (p, p + 1)}
    turns = []
    for first in (0, n):
        turns += [Turn(name, (first + q,)) for q in sorted(touched) for name in PHASES[q % 4]]
        for p, angle in rotations:
            pair = (first + p, first + p + 1)
            turns += [Turn("rxx", pair, angle), Turn("ryy", pair, angle)]
    return tuple(turns)


def matched(vectors: Array) -> NDArray[np.intp]:
    """An order of the columns in which they are most like unit vectors, so that few and small rotations are left."""
    left = np.abs(vectors)
    order = np.zeros(len(left), dtype=np.intp)
    for _ in range(len(left)):
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        order[row] = column
        left[row], left[:, column] = -1.0, -1.0
    return order
