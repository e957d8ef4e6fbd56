"""The passes of the sector engine by the kernels of ``gpu_kernels.cu``.

`launch` runs a kernel: on a GPU, or in tests the same source built by a C compiler. Arguments are arrays of `place` and
whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hybridq_sector.gpu_place import Place
from hybridq_sector.gpu_plan import Diagonal, Rows
from hybridq_sector.gpu_tables import SEGMENT, Pairs, Run, SigmaTables, SweepTables

SOURCE = Path(__file__).with_name("gpu_kernels.cu")
BLOCKS = 1024  # at most: fixed, so that sums are added in one order on every device
THREADS, MANY_THREADS = 256, 512
ROOM_FOR_FEW = 64 * 1024  # shared memory of a block beyond which few blocks share a multiprocessor


class Launch(Protocol):
    """Runs a kernel by name.

    Attributes:
        shared_limit: bytes of shared memory that a block can have.
    """

    shared_limit: int

    def __call__(self, name: str, blocks: int, threads: int, shared: int, *args: Any) -> None:
        """Queue it with so many blocks of so many threads and bytes of shared memory."""
        ...


class KernelPasses:
    """Passes over vectors of one program; `ArrayPasses` has the same members.

    Args:
        place: where the vectors are.
        launch: runs the kernels, which were built for `planes` and, where `is_narrow`, with NARROW.
        tables: of the program.
        shape: alpha strings x beta strings.
        planes: 1 for real vectors, 2 for complex ones.
    """

    def __init__(self, place: Place, launch: Launch, tables: SweepTables, shape: tuple[int, int], planes: int) -> None:
        self.place, self.launch, self.shape, self.planes = place, launch, shape, planes
        xp, n = place.xp, len(tables.kind)
        self.n_factors = n
        self._units = tuple(np.diff(p.start) for p in tables.pairs)
        self._first = tuple(p.start for p in tables.pairs)
        self._pairs = tuple(tuple(place.put(x) for x in (p.start, p.source, p.target)) for p in tables.pairs)
        self._alias = tuple(_aliased(p) for p in tables.pairs)
        self._ladder = tuple(place.put(x) for x in tables.ladder)
        self._kind, self._order = place.put(tables.kind), place.put(tables.order)
        self._strings = tuple(place.put(x) for x in tables.strings)
        self._runs = {first: _PutRun(place, run, max(shape)) for first, run in tables.runs.items()}
        self._angles = xp.zeros(n)
        self._c, self._wr, self._wi = xp.zeros(n), xp.zeros(n), xp.zeros(n)
        self._stride = min(BLOCKS, max(shape))
        self._partial = xp.zeros(n * self._stride)
        self._count = place.put(np.zeros(n, dtype=np.int64))
        self._dots, self._dot_count = xp.zeros(BLOCKS), place.put(np.array([BLOCKS], dtype=np.int64))
        self.result = xp.zeros(1 + n)

    @property
    def nbytes(self) -> int:
        """Bytes of the tables and buffers."""
        own = (self._kind, self._order, self._angles, self._c, self._wr, self._wi, self._partial, self._count)
        many = (*self._ladder, *self._strings, *(x for p in self._pairs for x in p), self._dots, self.result)
        return sum(int(x.nbytes) for x in (*own, *many)) + sum(run.nbytes for run in self._runs.values())

    def prepare(self, steps: tuple[Any, ...], order: NDArray[np.int64]) -> None:
        """Note how many blocks will write a part of each factor's derivative."""
        count = np.ones(self.n_factors, dtype=np.int64)
        for step in steps:
            if isinstance(step, Rows):
                units = int(self._units[step.transposed][step.shared])
                count[order[step.first : step.last]] = min(self._stride, units)
        self._count = self.place.put(count)

    def set_angles(self, angles: NDArray[np.float64]) -> None:
        """Angles of the factors for what is queued from now on."""
        self._angles[:] = self.place.put(angles)

    def coefficients(self) -> None:
        """Cosines and sines of the angles, on the device."""
        self._flat(
            "coefficients", self.n_factors, self._angles, self._kind, self.n_factors, self._c, self._wr, self._wi
        )

    def reference(self, psi: Any, place: int) -> None:
        """Set psi to one determinant."""
        self._flat("reference", psi.size, psi, psi.size, place)

    def rows_forward(self, psi: Any, step: Rows) -> None:
        """The factors of a step on psi."""
        args, units, bytes_of_rows = self._rows(step)
        if not units:
            return
        staged = self._staged(step, bytes_of_rows)
        threads = MANY_THREADS if staged and bytes_of_rows > ROOM_FOR_FEW else THREADS
        self.launch(
            "rows_forward", min(BLOCKS, units), threads, bytes_of_rows * staged, psi, psi.size // self.planes, *args,
            self._c, self._wr, self._wi, int(staged),
        )  # fmt: skip

    def rows_back(self, psi: Any, lam: Any, step: Rows) -> None:
        """The factors of a step undone on both; keeps the parts of their derivatives."""
        args, units, bytes_of_rows = self._rows(step)
        if not units:
            return
        staged = self._staged(step, 2 * bytes_of_rows + 16 * MANY_THREADS)
        threads = MANY_THREADS if staged and 2 * bytes_of_rows > ROOM_FOR_FEW else THREADS
        self.launch(
            "rows_back", min(self._stride, units), threads, 2 * bytes_of_rows * staged + 16 * threads, psi, lam,
            psi.size // self.planes, *args, self._c, self._wr, self._wi, int(staged), self._partial, self._stride,
        )  # fmt: skip

    def _staged(self, step: Rows, shared: int) -> bool:
        """Whether a step's rows go through shared memory: they fit, and are read more often than once."""
        return shared <= self.launch.shared_limit and step.loaded < step.touched

    def _rows(self, step: Rows) -> tuple[tuple[Any, ...], int, int]:
        rows, columns = (1, 0) if step.transposed else (0, 1)
        first, units = int(self._first[rows][step.shared]), int(self._units[rows][step.shared])
        _, source, target = self._pairs[rows]
        width = self.shape[columns]
        which = source[first : first + units], target[first : first + units]
        args = (
            width, *which, units, self._order, step.first, step.last, self._ladder[columns], self._kind,
            *self._pairs[columns],
        )  # fmt: skip
        return args, units, 8 * self.planes * width * (1 if self._alias[rows][step.shared] else 2)

    def transpose(self, source: Any, target: Any, rows: int, columns: int) -> None:
        """target (columns x rows) from source (rows x columns)."""
        tiles = -(-rows // 32) * -(-columns // 32) * self.planes
        self.launch("transpose", min(1 << 16, tiles), THREADS, 8 * 32 * 33, source, target, rows, columns)

    def diagonal_forward(self, psi: Any, step: Diagonal) -> None:
        """The phases of a run on psi; rows are alpha strings."""
        run = self._angles_of_run(step)
        rows, columns = self.shape
        self.launch(
            "run_forward", min(1 << 16, rows), THREADS, 0, psi, psi.size // self.planes, rows, columns, run.table,
            run.longest, run.lists, run.part, self._strings[0],
        )  # fmt: skip

    def diagonal_back(self, psi: Any, lam: Any, density: Any, step: Diagonal) -> None:
        """The same, undone on both; `density` is overwritten."""
        run = self._angles_of_run(step)
        rows, columns = self.shape
        self.launch(
            "run_back", min(1 << 16, rows), THREADS, 0, psi, lam, psi.size // self.planes, rows, columns, run.table,
            run.longest, run.lists, run.part, self._strings[0], density,
        )  # fmt: skip
        units = rows + (run.lists - 1) * -(-columns // THREADS)
        self.launch(
            "run_sums", min(1 << 16, units), THREADS, 8 * THREADS, density, rows, columns, run.lists, run.part,
            self._strings[0], run.longest, run.table,
        )  # fmt: skip
        self.launch(
            "run_derivatives", min(BLOCKS, run.entries), THREADS, 8 * THREADS, run.table, run.longest, run.list_of,
            run.factor, run.entries, run.held, *self._strings, rows, columns, self._partial, self._stride,
        )  # fmt: skip

    def _angles_of_run(self, step: Diagonal) -> _PutRun:
        run = self._runs[step.first]
        self.launch(
            "run_angles", run.lists, THREADS, 0, self._angles, run.start, run.factor, run.lists, run.held,
            *self._strings, *self.shape, run.longest, run.table,
        )  # fmt: skip
        return run

    def dot(self, x: Any, y: Any) -> None:
        """Set the first number of `result` to Re <x|y>."""
        self.launch("dot", BLOCKS, THREADS, 8 * THREADS, x, y, x.size, self._dots)
        self.launch("fold", 1, THREADS, 8 * THREADS, self._dots, BLOCKS, self._dot_count, 1, self.result)

    def derivatives(self) -> None:
        """Set the other numbers of `result` to Re <lambda|G|psi> of each factor."""
        n = self.n_factors
        if n:
            out = self.result[1:]
            self.launch("fold", n, THREADS, 8 * THREADS, self._partial, self._stride, self._count, n, out)

    def gather_rows(self, psi: Any, tables: SigmaTables, row: int, chunk: int, first: int, m: int, C: Any) -> None:
        """C (chunk, m, planes * width): the source rows of hops first to first + m of each row string."""
        width = psi.size // self.planes // len(tables.hop_source)
        self.launch(
            "gather_rows", min(1 << 16, chunk * m), THREADS, 0, psi, psi.size // self.planes, width, tables.hop_source,
            tables.hop_sign, tables.hop_source.shape[1], row, chunk, first, m, C,
        )  # fmt: skip

    def gather_integrals(self, tables: SigmaTables, row: int, chunk: int, block: tuple[int, ...], A: Any) -> None:
        """A (chunk, p, m): integrals between the pairs of a block and the hops of each row string."""
        p0, p, first, m = block
        self._flat(
            "gather_integrals", chunk * p * m, tables.g, len(tables.g), p0, p, tables.hop_pair,
            tables.hop_pair.shape[1], row, chunk, first, m, A,
        )  # fmt: skip

    def collect(self, W: Any, tables: SigmaTables, row: int, chunk: int, lam: Any) -> None:
        """Rows of lam from `row` on ``+= sum_P A_P W_P``."""
        width = lam.size // self.planes // len(tables.hop_source)
        segments, inner = -(-width // SEGMENT), tables.inner
        self.launch(
            "collect", min(1 << 16, chunk * segments), THREADS, 8 * self.planes * min(SEGMENT, width), W, chunk,
            len(tables.g), tables.block_first, tables.block_size, segments, SEGMENT, inner.start, inner.source,
            inner.target, lam, lam.size // self.planes, width, row,
        )  # fmt: skip

    def _flat(self, name: str, n: int, *args: Any) -> None:
        """One thread for each number, or for several."""
        if n:
            self.launch(name, min(1 << 16, -(-n // THREADS)), THREADS, 0, *args)


class _PutRun:
    """A run's lists on the device, and its table of angles or sums."""

    def __init__(self, place: Place, run: Run, longest: int) -> None:
        put: Callable[[NDArray[Any]], Any] = place.put
        self.start, self.factor, self.list_of = put(run.start), put(run.factor), put(run.list_of)
        self.held, self.part = put(run.held), put(run.part)
        self.lists, self.entries, self.longest = len(run.part), len(run.factor), longest
        self.table = place.xp.zeros(self.lists * longest)

    @property
    def nbytes(self) -> int:
        arrays = (self.start, self.factor, self.list_of, self.held, self.part, self.table)
        return sum(int(x.nbytes) for x in arrays)


def _aliased(pairs: Pairs) -> NDArray[np.bool_]:
    """Lists that keep every string; empty ones count as such."""
    source, target, _ = pairs.unpacked(slice(None))
    moved = np.concatenate([[0], np.cumsum(source != target)])
    return np.asarray(moved[pairs.start[1:]] == moved[pairs.start[:-1]])
