"""Orbital rotations as products of single excitations between neighbouring orbitals.

A rotation with matrix U takes ``a+_q`` to ``sum_p U[p, q] a+_p``. Givens rotations that clear U column by column write
it as ``R_1 ... R_M D``, M = n (n - 1) / 2, D diagonal (Kivlichan et al., arXiv:1711.04789). Here each R is the
exponential of a real single times that of an imaginary one on the same two orbitals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation, Generator, NumberProduct, single

UNITARY = 1e-8  # largest element of U+ U - 1 that is let pass


@dataclass(frozen=True)
class Givens:
    """``exp(real G) exp(imaginary G')`` with G the single from `lower` to `lower + 1`, G' the imaginary one.

    Attributes:
        lower: the lower orbital.
        real, imaginary: radians; G' acts first.
    """

    lower: int
    real: float
    imaginary: float


@dataclass(frozen=True)
class OrbitalRotation:
    """``R_1 ... R_M D``; D acts first, R_M next, R_1 last.

    Attributes:
        rotations: R_1 to R_M.
        phases: angles of D, radians, one for each orbital.
    """

    rotations: tuple[Givens, ...]
    phases: tuple[float, ...]

    def factors(self, spin: str) -> list[tuple[Generator, float]]:
        """Generators and angles (radians) in the order in which they act on `spin`, "alpha" or "beta"."""
        found: list[tuple[Generator, float]] = []
        for p, angle in enumerate(self.phases):
            if angle:
                found.append((NumberProduct((p,), ()) if spin == "alpha" else NumberProduct((), (p,)), angle))
        for r in reversed(self.rotations):
            found += [(neighbours(r.lower, spin, imaginary=True), r.imaginary), (neighbours(r.lower, spin), r.real)]
        return found


def neighbours(p: int, spin: str, *, imaginary: bool = False) -> Excitation:
    """The single from orbital p to p + 1."""
    g = single(p, p + 1, spin)
    return Excitation(g.alpha, g.beta, imaginary)


def order(n_orbitals: int) -> list[int]:
    """Lower orbitals of R_1 to R_M: columns from the left, each cleared from below."""
    return [p for column in range(n_orbitals - 1) for p in range(n_orbitals - 2, column - 1, -1)]


def givens(matrix: ArrayLike) -> OrbitalRotation:
    """Decompose the rotation of orbitals with a unitary matrix, shape (n, n).

    Where the matrix is real, all imaginary angles are 0, and all phases but the last, which is pi where the
    determinant is -1.

    Raises:
        InputError: the matrix is not square, not finite or not unitary to 1e-8.
    """
    given = np.array(matrix)
    u = given.astype(complex)
    if u.ndim != 2 or u.shape[0] != u.shape[1] or not u.size:
        raise InputError(f"an orbital rotation needs a square matrix, got shape {u.shape}")
    off = float(np.abs(u.conj().T @ u - np.eye(len(u))).max()) if np.isfinite(u).all() else math.nan
    if not off <= UNITARY:
        raise InputError(f"an orbital rotation needs a unitary matrix, U+ U differs from 1 by {off:.2g}")
    real = not np.iscomplexobj(given) or not given.imag.any()
    rotations = []
    column, left = 0, len(u) - 1
    for p in order(len(u)):
        a, b = u[p, column], u[p + 1, column]
        theta, phi = _angles(a, b, real)
        rotations.append(Givens(p, theta, phi))
        u[p : p + 2] = _matrix(theta, phi).conj().T @ u[p : p + 2]
        left -= 1
        if not left:
            column += 1
            left = len(u) - 1 - column
    phases = tuple(float(x) for x in np.angle(np.diag(u)))
    return OrbitalRotation(tuple(rotations), tuple(0.0 if abs(x) < 1e-15 else x for x in phases))


def _angles(a: complex, b: complex, real: bool) -> tuple[float, float]:
    """Angles with which R+ clears b: the two turns that take the Bloch vector of (a, b) to the pole."""
    if real:
        return math.atan2(b.real, a.real), 0.0
    x, y, z = 2 * (a.conjugate() * b).real, 2 * (a.conjugate() * b).imag, abs(a) ** 2 - abs(b) ** 2
    return math.atan2(x, z) / 2, math.atan2(y, math.hypot(x, z)) / 2


def _matrix(theta: float, phi: float) -> NDArray[np.complex128]:
    c, s, e, f = math.cos(theta), math.sin(theta), math.cos(phi), math.sin(phi)
    found: NDArray[np.complex128] = np.array([[c, -s], [s, c]]) @ np.array([[e, 1j * f], [1j * f, e]])
    return found
