"""Matrix product states: the approximate mode for circuits that are wide and deep.

A gate on two qubits widens the bonds between them by its number of terms, without any decomposition; the bonds are
compressed when they have become too wide, many gates at a time. Between compressions the state is exact.

All tensors but those of an interval are isometries that point to it, so what a compression cuts off is known: the
singular values at a cut are the state's Schmidt coefficients there (Schollwoeck, doi:10.1016/j.aop.2010.09.012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq_tensornet.mps_program import MpsProgram, mps_program

FREE = 16  # bonds up to this size are never compressed: it costs more than it saves
GROWTH = 4  # how much wider bonds may become than the last compression left them
ROUNDING = 8 * float(np.finfo(np.float64).eps)  # singular values of this size, relative, say nothing


@dataclass(frozen=True)
class MpsSettings:
    """How far a matrix product state is cut.

    Attributes:
        max_bond_dimension: the largest bond that a state has; None sets no limit. While gates act a bond may be
            twice as large, and four times while they swap.
        cutoff: squared weight, relative, that one truncation may cost where no limit asks for more.

    Raises:
        InputError: a limit below 1, or a cutoff that is not in [0, 1).
    """

    max_bond_dimension: int | None = None
    cutoff: float = 1e-26

    def __post_init__(self) -> None:
        limit = self.max_bond_dimension
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise InputError(f"max_bond_dimension must be a whole number of at least 1, or None, got {limit!r}")
        if not 0 <= self.cutoff < 1:
            raise InputError(f"cutoff is a squared weight from 0 to below 1, got {self.cutoff!r}")


@dataclass(frozen=True, eq=False, repr=False)
class Mps:
    """A normalized state as a chain of tensors, qubit 0 first.

    Attributes:
        tensors: for each qubit an array (left bond, 2, right bond); the outermost bonds are of size 1.
        discarded: sum of the relative squared weights that truncations cut off; 0 where there was none.
        angle: no less than the angle between this state and the one without truncation, radians, as
            ``|<exact|this>| = cos(angle)``; see `energy_bound`.
        largest_bond: of the tensors.
    """

    tensors: tuple[Any, ...]
    discarded: float
    angle: float
    largest_bond: int

    def __repr__(self) -> str:
        return f"<Mps: {len(self.tensors)} qubits, bonds up to {self.largest_bond}, discarded {self.discarded:.1e}>"


def evolve(circuit: QubitCircuit | MpsProgram, angles: NDArray[np.float64], settings: MpsSettings, xp: Any = np) -> Mps:
    """The state that a circuit makes of qubits in 0.

    Args:
        circuit: a circuit, or its program where it is run often.
        angles: shape (n_angles,), radians.
        settings: what is cut off.
        xp: the array module, NumPy or one with its interface.

    Raises:
        InputError: another number of angles.
    """
    program = circuit if isinstance(circuit, MpsProgram) else mps_program(circuit)
    matrices = program.matrices(angles)
    sides = {terms: tuple(xp.asarray(side) for side in pair) for terms, pair in matrices.sides.items()}
    chain = _Chain(program.n_qubits, settings, xp, matrices.ends.dtype)
    for crossing in program.crossings:
        low, high = sides[crossing.terms]
        chain.apply(crossing.low, crossing.high, crossing.terms, low[crossing.place], high[crossing.place])
    chain.finish()
    ends = xp.asarray(matrices.ends)
    tensors = [(ends[q] @ t.reshape(2, -1)).reshape(t.shape) for q, t in enumerate(chain.tensors)]
    return Mps(
        tuple(tensor.transpose(1, 0, 2) for tensor in tensors),
        chain.discarded,
        min(chain.angle, math.pi / 2),
        max(chain.bonds, default=1),
    )


def energy_bound(angle: float, bound: float) -> float:
    """No less than the error of a value that truncations of a state can make.

    A compression is a chain of projections, each into the range of the one before, which keep 1 - w_k of the weight:
    the angle a to the state before has ``cos(a)^2 = prod_k (1 - w_k)``. Gates keep angles, and angles add up at most.
    Two pure states at an angle a have the trace distance sin(a), so values of an operator of norm B differ by
    2 B sin(a) at most.

    Args:
        angle: of the state, `Mps.angle`, radians.
        bound: on the operator's norm, `PauliSum.bound`.
    """
    return 2 * bound * math.sin(min(angle, math.pi / 2))


class _Chain:
    """The state while gates act: tensors (2, left, right).

    They are isometries left of the site `first` and right of the last bond that was touched: a compression leaves the
    weight at the lowest bond that it cuts, and the gate that asked for it touches that bond or one further right.
    """

    def __init__(self, n: int, settings: MpsSettings, xp: Any, dtype: Any) -> None:
        zero = xp.asarray(np.array([1, 0], dtype).reshape(2, 1, 1))
        self.tensors: list[Any] = [zero] * n
        self.bonds = [1] * (n - 1)
        self.touched = [False] * (n - 1)  # bonds widened since they were last compressed
        self.first = n - 1
        self.settings = settings
        self.xp = xp
        self.free = self._width(1)
        self.pays = False  # whether the last compression made the bonds much smaller
        self.discarded = 0.0
        self.angle = 0.0

    def apply(self, low: int, high: int, terms: int, left: Any, right: Any) -> None:
        """A gate on the sites low and high; see `Matrices` for left and right."""
        if any(self.touched[k] and terms * self.bonds[k] > self.free for k in range(low, high)):
            self.compress()
        a, b = self.tensors[low], self.tensors[high]
        _, near, far = a.shape
        wide = (left @ a.reshape(2, -1)).reshape(terms, 2, near, far)
        self.tensors[low] = wide.transpose(1, 2, 0, 3).reshape(2, near, terms * far)
        _, near, far = b.shape
        self.tensors[high] = (right @ b.reshape(2, -1)).reshape(2, terms * near, far)
        for q in range(low + 1, high):
            t = self.tensors[q]
            _, near, far = t.shape
            passed = self.xp.zeros((2, terms, near, terms, far), t.dtype)
            for k in range(terms):
                passed[:, k, :, k, :] = t
            self.tensors[q] = passed.reshape(2, terms * near, terms * far)
        for k in range(low, high):
            self.bonds[k] *= terms
            self.touched[k] = True
        self.first = min(self.first, low)

    def finish(self) -> None:
        """Compress for the last time, where bonds are too large, or the next will most likely become much smaller."""
        largest, limit = max(self.bonds, default=1), self.settings.max_bond_dimension
        smaller = self.pays or 2 * self._possible() <= largest
        if (limit is not None and largest > limit) or (smaller and largest > FREE):
            self.compress()

    def compress(self) -> None:
        """Cut all bonds that were widened; the tensors are then isometries that point to the lowest of them."""
        wide = [k for k, touched in enumerate(self.touched) if touched]
        if not wide:
            return
        before = self._possible()
        lowest, highest = wide[0], wide[-1] + 1
        for q in range(self.first, highest):
            self._to_right(q)
        kept = 0.0  # log of the weight
        for q in range(highest, lowest, -1):
            kept += self._cut(q) if self.touched[q - 1] else self._to_left(q)
            self.touched[q - 1] = False
        self.angle += math.asin(math.sqrt(-math.expm1(kept)))
        self.pays = 2 * max(self.bonds) <= before
        self.first = lowest
        self.free = self._width(max(self.bonds))

    def _possible(self) -> int:
        """The largest bond, as far as the number of qubits on either side allows it."""
        n = len(self.tensors)
        return max((min(bond, 1 << min(k + 1, n - 1 - k)) for k, bond in enumerate(self.bonds)), default=1)

    def _width(self, bond: int) -> int:
        """How wide bonds may become before the next compression, where this one has left them at most so wide."""
        width, limit = max(FREE, GROWTH * bond), self.settings.max_bond_dimension
        return width if limit is None else min(width, 2 * limit)

    def _to_right(self, q: int) -> None:
        """Make the tensor at q an isometry, and give the rest to the next."""
        _, near, far = self.tensors[q].shape
        isometry, rest = self.xp.linalg.qr(self.tensors[q].reshape(2 * near, far))
        self.tensors[q] = isometry.reshape(2, near, -1)
        self.tensors[q + 1] = rest @ self.tensors[q + 1]
        self.bonds[q] = isometry.shape[1]

    def _to_left(self, q: int) -> float:
        t = self.tensors[q]
        _, near, far = t.shape
        isometry, rest = self.xp.linalg.qr(t.transpose(0, 2, 1).reshape(2 * far, near))
        self.tensors[q] = isometry.reshape(2, far, -1).transpose(0, 2, 1)
        self.tensors[q - 1] = self.tensors[q - 1] @ rest.T
        self.bonds[q - 1] = isometry.shape[1]
        return 0.0

    def _cut(self, q: int) -> float:
        """Cut the bond to the left of q, all weight being there; the log of the part that is kept."""
        _, near, far = self.tensors[q].shape
        matrix = self.tensors[q].transpose(1, 0, 2).reshape(near, 2 * far)
        u, s, v = _svd(matrix, self.xp)
        keep, lost = _kept(host(s), self.settings)
        self.tensors[q] = v[:keep].reshape(keep, 2, far).transpose(1, 0, 2)
        values = s[:keep] / self.xp.linalg.norm(s[:keep])
        self.tensors[q - 1] = self.tensors[q - 1] @ (u[:, :keep] * values)
        self.bonds[q - 1] = keep
        self.discarded += lost
        return math.log1p(-lost)


def _kept(values: NDArray[np.float64], settings: MpsSettings) -> tuple[int, float]:
    """How many singular values, descending, are kept, and the relative squared weight of the others."""
    weights = np.where(values > ROUNDING * values[0], values, 0.0) ** 2
    tails = np.append(np.cumsum(weights[::-1])[::-1], 0.0) / weights.sum()  # from each value on
    keep = max(1, int(np.count_nonzero(tails > settings.cutoff)))
    if settings.max_bond_dimension is not None:
        keep = min(keep, settings.max_bond_dimension)
    return keep, float(tails[keep])


def _svd(matrix: Any, xp: Any) -> Any:
    try:
        return xp.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError:  # divide and conquer fails on a few matrices that QR iterations take
        from scipy.linalg import svd

        return tuple(xp.asarray(part) for part in svd(host(matrix), full_matrices=False, lapack_driver="gesvd"))


def host(array: Any) -> NDArray[Any]:
    """The array in the memory of NumPy."""
    return np.asarray(array.get() if hasattr(array, "get") else array)
