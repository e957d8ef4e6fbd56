"""The passes of the sector engine by whole-array operations of NumPy, or of a module that does the same on a device.

Slower than `hybridq_sector.gpu_passes`, as each index pair moves several times; short, and what the kernels are held
against.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq_sector.gpu_place import Place
from hybridq_sector.gpu_plan import Diagonal, Rows
from hybridq_sector.gpu_tables import IMAGINARY_EXCITATION, NUMBER, SEGMENT, Pairs, SigmaTables, SweepTables


class ArrayPasses:
    """The members of `KernelPasses`; see there."""

    def __init__(self, place: Place, tables: SweepTables, shape: tuple[int, int], planes: int) -> None:
        self.place, self.shape, self.planes, self._tables = place, shape, planes, tables
        self.n_factors = len(tables.kind)
        self._strings = tuple(place.put(x) for x in tables.strings)
        xp = place.xp
        self._angles, self._c, self._w = xp.zeros(self.n_factors), xp.zeros(self.n_factors), xp.zeros(self.n_factors)
        self.result = xp.zeros(1 + self.n_factors)
        self._sums = xp.zeros(self.n_factors)

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers."""
        return sum(int(x.nbytes) for x in (self._angles, self._c, self._w, self.result, self._sums))

    def prepare(self, steps: tuple[Any, ...], order: NDArray[np.int64]) -> None:
        """Nothing to note."""

    def set_angles(self, angles: NDArray[np.float64]) -> None:
        """Angles of the factors."""
        self._angles = self.place.put(angles)

    def coefficients(self) -> None:
        """Cosines, and eta times sines or phases."""
        xp, kind = self.place.xp, self.place.put(self._tables.kind)
        c, s = xp.cos(self._angles), xp.sin(self._angles)
        self._c, self._w = c, s
        if self.planes == 2:
            self._w = xp.where(kind == NUMBER, c + 1j * s, xp.where(kind == IMAGINARY_EXCITATION, 1j * s, s + 0j))

    def reference(self, psi: Any, place: int) -> None:
        """Set psi to one determinant."""
        psi[:] = 0
        psi[place] = 1

    def _get(self, v: Any, rows: Any, columns: Any, width: int) -> Any:
        m = v.reshape(self.planes, -1, width)[:, rows[:, None], columns[None]]
        return m[0] if self.planes == 1 else m[0] + 1j * m[1]

    def _set(self, v: Any, rows: Any, columns: Any, width: int, value: Any) -> None:
        m = v.reshape(self.planes, -1, width)
        for k in range(self.planes):
            m[k, rows[:, None], columns[None]] = value.imag if k else value.real

    def _list(self, spin: int, ladder: int) -> tuple[Any, Any, Any]:
        pairs, put = self._tables.pairs[spin], self.place.put
        source, target, sign = pairs.unpacked(slice(pairs.start[ladder], pairs.start[ladder + 1]))
        return put(source), put(target), put(sign)

    def _factor(self, step: Rows, f: int, vectors: tuple[Any, ...], *, back: bool) -> None:
        rows, columns = (1, 0) if step.transposed else (0, 1)
        width = self.shape[columns]
        a, b, s = self._list(rows, step.shared)
        i, j, t = self._list(columns, int(self._tables.ladder[columns][f]))
        c, w = self._c[f], self._w[f]
        here = [self._get(v, a, i, width) for v in vectors]
        if self._tables.kind[f] == NUMBER:
            if back:
                self._sums[f] = -(here[1].conj() * here[0]).imag.sum()
            for v, x in zip(vectors, here, strict=True):
                self._set(v, a, i, width, x * (w.conj() if back else w))
            return
        sign = s[:, None] * t[None]
        there = [self._get(v, b, j, width) for v in vectors]
        if back:
            eta = 1j if self._tables.kind[f] == IMAGINARY_EXCITATION else 1
            z = there[1].conj() * here[0] - here[1] * there[0].conj()
            self._sums[f] = (eta * sign * z).real.sum()
        a_, c_ = (-w if back else w) * sign, c
        for v, x, y in zip(vectors, here, there, strict=True):
            self._set(v, a, i, width, c_ * x - a_.conj() * y)
            self._set(v, b, j, width, c_ * y + a_ * x)

    def rows_forward(self, psi: Any, step: Rows) -> None:
        """The factors of a step on psi."""
        for f in self._tables.order[step.first : step.last]:
            self._factor(step, int(f), (psi,), back=False)

    def rows_back(self, psi: Any, lam: Any, step: Rows) -> None:
        """The factors of a step undone on both; keeps their derivatives."""
        for f in self._tables.order[step.first : step.last][::-1]:
            self._factor(step, int(f), (psi, lam), back=True)

    def transpose(self, source: Any, target: Any, rows: int, columns: int) -> None:
        """target (columns x rows) from source (rows x columns)."""
        target.reshape(self.planes, columns, rows)[:] = source.reshape(self.planes, rows, columns).transpose(0, 2, 1)

    def _products(self, step: Diagonal) -> list[tuple[int, Any]]:
        """Each factor of a run, and where it is 1: rows x columns."""
        run, found = self._tables.runs[step.first], []
        for f, number, held in zip(run.factor, run.list_of, run.held, strict=True):
            masks = (int(held), 0) if number == 0 else (int(run.part[number]), int(held))
            rows, columns = ((x & m) == m for x, m in zip(self._strings, masks, strict=True))
            found.append((int(f), rows[:, None] & columns[None]))
        return found

    def diagonal_forward(self, psi: Any, step: Diagonal) -> None:
        """The phases of a run on psi; rows are alpha strings."""
        self._turn(psi, sum(self._angles[f] * where for f, where in self._products(step)))

    def _turn(self, v: Any, angle: Any) -> None:
        m = v.reshape(self.planes, *self.shape)
        turned = (m[0] + 1j * m[1]) * self.place.xp.exp(1j * angle)
        m[0], m[1] = turned.real, turned.imag

    def diagonal_back(self, psi: Any, lam: Any, density: Any, step: Diagonal) -> None:
        """The same, undone on both."""
        x, u = psi.reshape(self.planes, *self.shape), lam.reshape(self.planes, *self.shape)
        d = u[1] * x[0] - u[0] * x[1]
        total = 0
        for f, where in self._products(step):
            self._sums[f] = d[where].sum()
            total = total + self._angles[f] * where
        for v in (psi, lam):
            self._turn(v, -total)

    def dot(self, x: Any, y: Any) -> None:
        """Set the first number of `result` to Re <x|y>."""
        self.result[0] = x @ y

    def derivatives(self) -> None:
        """Set the other numbers of `result` to Re <lambda|G|psi> of each factor."""
        self.result[1:] = self._sums

    def gather_rows(self, psi: Any, tables: SigmaTables, row: int, chunk: int, first: int, m: int, C: Any) -> None:
        """C (chunk, m, planes * width): the source rows of hops first to first + m of each row string."""
        part = slice(row, row + chunk), slice(first, first + m)
        rows = psi.reshape(self.planes, len(tables.hop_source), -1)[:, tables.hop_source[part].astype(np.int64)]
        C[:] = (rows * tables.hop_sign[part][None, :, :, None]).transpose(1, 2, 0, 3).reshape(C.shape)

    def gather_integrals(self, tables: SigmaTables, row: int, chunk: int, block: tuple[int, ...], A: Any) -> None:
        """A (chunk, p, m): integrals between the pairs of a block and the hops of each row string."""
        p0, p, first, m = block
        pair = tables.hop_pair[row : row + chunk, first : first + m].astype(np.int64)
        A[:] = tables.g[p0 : p0 + p][:, pair].transpose(1, 0, 2)

    def collect(self, W: Any, tables: SigmaTables, row: int, chunk: int, lam: Any) -> None:
        """Rows of lam from `row` on ``+= sum_P A_P W_P``."""
        n_pairs, n_rows = len(tables.g), len(tables.hop_source)
        m = lam.reshape(self.planes, n_rows, -1)
        width = m.shape[2]
        get = self.place.get
        inner = Pairs(*(get(x) for x in (tables.inner.start, tables.inner.source, tables.inner.target)))
        first, size = get(tables.block_first), get(tables.block_size)
        for segment in range(-(-width // SEGMENT)):
            for P in range(n_pairs):
                a, b = inner.start[segment * n_pairs + P : segment * n_pairs + P + 2]
                if a == b:
                    continue
                block = W[chunk * first[P] * self.planes * width :][: chunk * size[P] * self.planes * width]
                w = block.reshape(chunk, size[P], self.planes, width)[:, P - first[P]]
                source, target, sign = (self.place.put(x) for x in inner.unpacked(slice(int(a), int(b))))
                m[:, row : row + chunk, target] += (w[:, :, source] * sign).transpose(1, 0, 2)
