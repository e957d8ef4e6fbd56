"""Runs the dense orbital rotations and the diagonal passes of a program on state vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq_sector import diagonal_kernels, rotation_kernels
from hybridq_sector.program import LANES, ROTATE_ALPHA, Program
from hybridq_sector.threads import Team

Array = NDArray[Any]
assert LANES == rotation_kernels.WIDTH  # rotations borrow the sweeps' buffers


class Rotations:
    """Orbital rotations of one spin.

    Attributes:
        density: transition density of each block of lanes, shape (blocks, n, n).
    """

    def __init__(self, program: Program, team: Team, work: Array) -> None:
        self._program, self._team = program, team
        self._buffers = work.view(np.float64)  # (threads, 4, longest, 2 LANES)
        n, longest = program.circuit.n_orbitals, max(program.shape)
        pairs = n * (n - 1) // 2
        self._matrix = np.zeros((n, n), dtype=np.complex128)
        self._givens = (np.zeros(pairs, np.int64), np.zeros(pairs), np.zeros(pairs, np.complex128))
        self._phase = np.zeros(longest, dtype=np.complex128)
        self.density = np.zeros((-(-longest // LANES), n, n), dtype=np.complex128)

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers that are not borrowed."""
        return self._matrix.nbytes + sum(x.nbytes for x in self._givens) + self._phase.nbytes + self.density.nbytes

    def _prepare(self, group: Array, c: Array, w: Array) -> tuple[int, Any, Any, Array]:
        """Make the Givens rotations; returns spin, places of hops, table of strings, phase of each string."""
        p = self._program
        kind, _, first, last = (int(x) for x in group)
        alpha = kind == ROTATE_ALPHA
        hop, table = (p.hop_alpha, p.alpha) if alpha else (p.hop_beta, p.beta)
        rows = (table.start, table.source, table.target, table.sign)
        spin = 0 if alpha else 1
        phase = self._phase[: p.shape[spin]]
        rotation_kernels.compose(p.one_body, spin, first, last, c, w, self._matrix)
        rotation_kernels.decompose(self._matrix, *self._givens)
        rotation_kernels.row_phases(self._matrix, hop, rows, phase)
        return spin, hop, rows, phase

    def forward(self, psi: Array, group: Array, c: Array, w: Array) -> None:
        """Rotate psi in place."""
        spin, hop, rows, phase = self._prepare(group, c, w)
        view = _by_spin(psi, spin)

        def part(thread: int, first: int, last: int) -> None:
            rotation_kernels.forward(view, first, last, *self._givens, phase, hop, rows, self._buffers[thread, 0])

        self._team.run(part, view.shape[1], LANES)

    def back(self, psi: Array, lam: Array, group: Array, c: Array, w: Array, partial: Array) -> None:
        """Undo the rotation on both; adds the derivatives by the run's factors to `partial`, shape (n_factors,)."""
        spin, hop, rows, phase = self._prepare(group, c, w)
        x, u = _by_spin(psi, spin), _by_spin(lam, spin)
        self.density[:] = 0

        def part(thread: int, first: int, last: int) -> None:
            buffers = self._buffers[thread, 0], self._buffers[thread, 2]
            rotation_kernels.back(x, u, first, last, *self._givens, phase, hop, rows, *buffers, self.density)

        self._team.run(part, x.shape[1], LANES)
        p = self._program
        run = int(group[2]), int(group[3])
        rotation_kernels.derivatives(p.one_body, spin, *run, c, w, p.eta, self.density.sum(axis=0), partial)


def _by_spin(vector: Array, spin: int) -> Array:
    """Rows are strings of the spin; general strides, so that one compiled function serves both."""
    return vector[:, :] if spin == 0 else vector.T


class Diagonals:
    """Runs of number products."""

    def __init__(self, program: Program, team: Team) -> None:
        self._program, self._team = program, team
        tables = program.alpha, program.beta
        self._tables = tuple((t.start, t.source) for t in tables)

    def _arguments(self, group: Array) -> tuple[Any, ...]:
        p = self._program
        _, shared, first, last = (int(x) for x in group)
        slots = p.slots[shared]
        run = first, last, p.slot, p.alpha_ladder, p.beta_ladder, *self._tables
        return *run, slots.start, slots.item, slots.n_slots

    def forward(self, psi: Array, group: Array, w: Array) -> None:
        """Multiply psi by the phases of a run, in place."""
        run = self._arguments(group)
        kernel: Any = diagonal_kernels.forward

        def part(_: int, first: int, last: int) -> None:
            kernel(psi, first, last, *run, w)

        self._team.run(part, psi.shape[1], diagonal_kernels.WIDTH)

    def back(self, psi: Array, lam: Array, group: Array, w: Array, partial: Array) -> None:
        """Undo the run on both; adds to `partial`, shape (blocks, n_factors)."""
        run = self._arguments(group)
        kernel: Any = diagonal_kernels.back

        def part(_: int, first: int, last: int) -> None:
            kernel(psi, lam, first, last, *run, w, partial)

        self._team.run(part, psi.shape[1], diagonal_kernels.WIDTH)
