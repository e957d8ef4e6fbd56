"""Problem: what every peer is given, in a file that needs NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Problem:
    """A closed-shell active space, an ordered product of excitations, and rows of parameters.

    Spin orbitals are blocked: alpha 0..n-1, then beta n..2n-1. Excitation k is ``exp(t_k (T - T+))`` with
    ``T = a+_a a+_b a_j a_i`` for ``sources[k] = (i, j)`` and ``targets[k] = (a, b)``, or ``T = a+_a a_i`` where
    the second entries are -1. The first excitation acts first on the determinant of the lowest orbitals.

    Attributes:
        name: the molecule.
        description: geometry, basis and active space in words.
        constant: scalar energy, hartree.
        one_body: h_pq, shape (n, n), hartree.
        two_body: (pq|rs) in chemists' order, shape (n, n, n, n), hartree.
        n_electrons: electrons in the active space, half of them alpha.
        sources: annihilated spin orbitals, shape (m, 2).
        targets: created spin orbitals, shape (m, 2).
        row: the parameters at which energies and gradients are compared, shape (m,), radians.
        start: first-order Moller-Plesset amplitudes, where optimizations start, shape (m,), radians.
    """

    name: str
    description: str
    constant: float
    one_body: NDArray[np.float64]
    two_body: NDArray[np.float64]
    n_electrons: int
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    row: NDArray[np.float64]
    start: NDArray[np.float64]

    @property
    def n_orbitals(self) -> int:
        """Spatial orbitals n."""
        return int(self.one_body.shape[0])

    @property
    def n_qubits(self) -> int:
        """Spin orbitals, 2 n."""
        return 2 * self.n_orbitals

    @property
    def n_parameters(self) -> int:
        """Excitations m."""
        return len(self.row)

    @property
    def occupied(self) -> tuple[int, ...]:
        """Spin orbitals of the reference determinant, ascending."""
        half = self.n_electrons // 2
        return (*range(half), *range(self.n_orbitals, self.n_orbitals + half))

    def excitations(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """(sources, targets) of each factor: one spin orbital each for a single, two each for a double."""
        return [
            (tuple(int(p) for p in s if p >= 0), tuple(int(p) for p in t if p >= 0))
            for s, t in zip(self.sources, self.targets, strict=True)
        ]

    def interleaved(self, p: int) -> int:
        """Another name of spin orbital p, for peers with the order alpha 0, beta 0, alpha 1, beta 1, ..."""
        return 2 * (p % self.n_orbitals) + p // self.n_orbitals

    def save(self, path: Path) -> None:
        """Write an npz file."""
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in vars(self).items()}
        np.savez(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Problem:
        """Read what `save` wrote."""
        with np.load(path) as data:
            scalars = {"name": str, "description": str, "constant": float, "n_electrons": int}
            return cls(**{key: scalars[key](data[key]) if key in scalars else data[key] for key in data.files})
