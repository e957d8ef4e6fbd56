"""``H |psi>`` by matrix products.

With rows and columns of a vector the strings of the two spins, and the parts of H as in `hybridq_sector.sigma`:

    lambda = H_rows psi + psi H_columns + mixed part.

The same-spin parts are dense matrices here: 2 (n_rows + n_columns) flops an amplitude, at the rate of a large matrix
product. Of the mixed part (Knowles and Handy, doi:10.1016/0009-2614(84)85513-X, with the product restricted to the
hops that exist) the product W = A C takes 2 n_pairs n_hops flops an amplitude; copying C and reading W moves about
8 (2 n_hops + n_pairs + n_hops) bytes an amplitude, in chunks of rows whose C, A and W take `work` bytes at most. With
complex vectors the integrals stay real: real and imaginary parts are columns side by side, twice the work.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hybridq_sector.gpu_arrays import ArrayPasses
from hybridq_sector.gpu_passes import KernelPasses
from hybridq_sector.gpu_place import Place
from hybridq_sector.gpu_tables import Pairs, SigmaTables
from hybridq_sector.sigma import SparseRows

Passes = ArrayPasses | KernelPasses
ENTRIES = 1 << 22  # of a sparse matrix that are put in place at once


class GpuSigma:
    """A Hamiltonian on the device, and the buffers to apply it.

    Args:
        passes: of the program.
        tables: for the orientation in which vectors come.
        work: bytes that the chunks may take; at least one row is done at a time.
    """

    def __init__(self, passes: Passes, tables: SigmaTables, work: int) -> None:
        self.passes, place = passes, passes.place
        put, xp = place.put, place.xp
        self.constant = tables.constant
        self.blocks = [tuple(int(x) for x in block) for block in tables.blocks]
        self.rows = dense(place, tables.rows)
        same = tables.columns is tables.rows
        self.columns = self.rows if same else dense(place, tables.columns)
        inner = Pairs(*(put(x) for x in (tables.inner.start, tables.inner.source, tables.inner.target)))
        names = ("g", "block_first", "block_size", "hop_source", "hop_sign", "hop_pair")
        self.tables = replace(tables, inner=inner, **{name: put(getattr(tables, name)) for name in names})
        planes = passes.planes
        self.shape = len(self.rows), len(self.columns)
        n_hops, n_pairs, lanes = tables.hop_source.shape[1], len(tables.g), planes * self.shape[1]
        self.sizes = (n_hops * lanes, n_pairs * lanes, sum(p * m for _, p, _, m in self.blocks))
        self.chunk = rows_at_once(self.shape[0], self.sizes, work)
        mixed = self.chunk if self.blocks and len(tables.inner.source) else 0
        self._C, self._W, self._A = (xp.zeros(mixed * size) for size in self.sizes)
        self.mixes = bool(mixed)

    @property
    def nbytes(self) -> int:
        """Bytes of the tables and buffers."""
        t = self.tables
        arrays = [self.rows, t.g, t.block_first, t.block_size, t.hop_source, t.hop_sign, t.hop_pair]
        arrays += [t.inner.start, t.inner.source, t.inner.target, self._C, self._W, self._A]
        if self.columns is not self.rows:
            arrays.append(self.columns)
        return sum(int(x.nbytes) for x in arrays)

    def apply(self, psi: Any, lam: Any, scratch: Any) -> None:
        """``lam = (H - constant) psi``; three distinct flat vectors, rows and columns as the tables count them."""
        xp, planes = self.passes.place.xp, self.passes.planes
        x, y, z = (v.reshape(planes, *self.shape) for v in (psi, lam, scratch))
        for k in range(planes):
            xp.matmul(x[k], self.columns, out=y[k])
            xp.matmul(self.rows, x[k], out=z[k])
        lam += scratch
        if self.mixes:
            for row in range(0, self.shape[0], self.chunk):
                self._mixed(psi, lam, row, min(self.chunk, self.shape[0] - row))

    def _mixed(self, psi: Any, lam: Any, row: int, chunk: int) -> None:
        """Add the mixed part to some rows."""
        xp, passes = self.passes.place.xp, self.passes
        lanes = passes.planes * self.shape[1]
        used = 0
        for block in self.blocks:
            p0, p, first, m = block
            C = self._C[chunk * first * lanes :][: chunk * m * lanes].reshape(chunk, m, lanes)
            A = self._A[used:][: chunk * p * m].reshape(chunk, p, m)
            W = self._W[chunk * p0 * lanes :][: chunk * p * lanes].reshape(chunk, p, lanes)
            used += chunk * p * m
            passes.gather_rows(psi, self.tables, row, chunk, first, m, C)
            passes.gather_integrals(self.tables, row, chunk, block, A)
            xp.matmul(A, C, out=W)
        passes.collect(self._W, self.tables, row, chunk, lam)


def rows_at_once(n_rows: int, sizes: tuple[int, ...], work: int) -> int:
    """Rows of a chunk whose buffers take at most `work` bytes."""
    return max(1, min(n_rows, work // (8 * max(1, sum(sizes)))))


def dense(place: Place, sparse: SparseRows) -> Any:
    """The matrix with its zeros, on the device."""
    import numpy as np

    n = len(sparse.start) - 1
    out = place.xp.zeros((n, n))
    flat = out.reshape(-1)
    row = 0
    while row < n:
        stop = max(row + 1, int(np.searchsorted(sparse.start, sparse.start[row] + ENTRIES, side="right")) - 1)
        part = slice(int(sparse.start[row]), int(sparse.start[stop]))
        rows = np.repeat(np.arange(row, stop, dtype=np.int64), np.diff(sparse.start[row : stop + 1]))
        flat[place.put(rows * n + sparse.column[part].astype(np.int64))] = place.put(sparse.value[part])
        row = stop
    return out
