"""The values of leaves at given angles, and the chain rule from them back to the angles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq_tensornet.structure import Leaf

Complex = NDArray[np.complex128]
Index = NDArray[np.int64]
ZERO, MODE, DIAGONAL = 0, 1, 2  # as in leaf_kernels


@dataclass(frozen=True, eq=False)
class LeafProgram:
    """Leaves as arrays, for compiled loops.

    Attributes:
        parts: shape (n_elements, 3, 2, 2, 2), see `Element`.
        angles: shape (n_elements,), -1 where fixed.
        frequencies: shape (n_elements,).
        firsts: shape (n_leaves + 1,), the elements of each leaf.
        branches: shape (n_leaves,), 1 or 2.
        columns: shape (n_leaves,), `ZERO`, `MODE` or `DIAGONAL`.
        offsets: shape (n_leaves + 1,), where each leaf's values begin.
        real: whether all values are real at all angles.
    """

    parts: Complex
    angles: Index
    frequencies: NDArray[np.float64]
    firsts: Index
    branches: Index
    columns: Index
    offsets: Index
    real: bool

    @property
    def size(self) -> int:
        """Numbers in all leaves."""
        return int(self.offsets[-1])

    def values(self, angles: NDArray[np.float64]) -> Complex:
        """All leaves' values at angles of shape (n_angles,); shape (size,)."""
        out = np.empty(self.size, complex)
        from hybridq_tensornet import leaf_kernels

        run: Any = leaf_kernels.values
        run(*self._arrays, angles, out)
        return out

    def gradient(self, angles: NDArray[np.float64], cotangent: Complex) -> Complex:
        """``sum_i cotangent_i d values_i / d angle``, shape (n_angles,)."""
        out = np.zeros(len(angles), complex)
        from hybridq_tensornet import leaf_kernels

        run: Any = leaf_kernels.gradient
        run(*self._arrays, angles, np.ascontiguousarray(cotangent, complex), out)
        return out

    @property
    def _arrays(self) -> tuple[Any, ...]:
        return (self.parts, self.angles, self.frequencies, self.firsts, self.branches, self.columns, self.offsets)


def leaf_program(leaves: tuple[Leaf, ...]) -> LeafProgram:
    """The arrays of some leaves, one after another."""
    elements = [element for leaf in leaves for element in leaf.elements]
    parts = np.array([element.parts for element in elements]).reshape(-1, 3, 2, 2, 2)
    columns = [ZERO if leaf.start is None else DIAGONAL if leaf.end is None else MODE for leaf in leaves]
    sizes = [1 << len(leaf.modes) for leaf in leaves]
    return LeafProgram(
        parts=np.ascontiguousarray(parts, complex),
        angles=np.array([-1 if e.angle is None else e.angle for e in elements], np.int64),
        frequencies=np.array([e.frequency for e in elements], np.float64),
        firsts=np.cumsum([0, *(len(leaf.elements) for leaf in leaves)]).astype(np.int64),
        branches=np.array([1 if leaf.branch is None else 2 for leaf in leaves], np.int64),
        columns=np.array(columns, np.int64),
        offsets=np.cumsum([0, *sizes]).astype(np.int64),
        real=bool(not parts.size or np.abs(parts.imag).max() == 0),
    )


def plain_values(leaves: tuple[Leaf, ...], angles: NDArray[np.float64]) -> list[Complex]:
    """The same by NumPy, a leaf at a time, each of shape (2,) * number of its modes."""
    found = []
    for leaf in leaves:
        tensor = np.zeros((2, 2, 2), complex)  # branch, column, row
        for v in range(2):
            product = np.eye(2, dtype=complex)
            for e in leaf.elements:
                t = 0.0 if e.angle is None else e.frequency * float(angles[e.angle])
                product = (e.parts[0, v] + np.cos(t) * e.parts[1, v] + np.sin(t) * e.parts[2, v]) @ product
            tensor[v] = product.T
        if leaf.branch is None:
            tensor = tensor[0]
        if leaf.end is None:
            tensor = np.diagonal(tensor)
        elif leaf.start is None:
            tensor = tensor[..., 0, :]
        found.append(np.ascontiguousarray(tensor))
    return found
