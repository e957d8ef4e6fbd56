"""A plan laid out in memory: where each tensor lies, in which order of modes, and the tables of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, prod

import numpy as np
from numpy.typing import NDArray

from hybridq_tensornet import columns as k
from hybridq_tensornet.network import Network
from hybridq_tensornet.space import Space
from hybridq_tensornet.tree import Path, Step, steps_of

Index = NDArray[np.int64]
RUN = 12  # log2 of the longest inner loop
SHORT_RUN = 8  # numbers that must lie side by side for the inner loop to need no table
MATRIX_WORK = 1 << 14  # products from which a step is done by matrix multiplication ...
MATRIX_SIDE = 4  # ... where each side is at least this long


@dataclass(frozen=True, eq=False)
class Schedule:
    """What the compiled loops run.

    Attributes:
        steps: shape (n_steps, columns.WIDTH).
        tables: offsets, all in one.
        inputs_at: shape (n_inputs,), where the tensors given begin in the arena.
        slice_strides: shape (n_inputs, n_sliced), what an index of a sliced mode adds to that.
        slice_sizes: sizes of the sliced modes.
        keep_at, reuse_at: shape (n_inputs + n_steps,), where all tensors begin: each at a place of its own, for
            gradients, or with space used again.
        keep_size, reuse_size: numbers in the arena.
        back_at: where cotangents begin, -1 where none are needed.
        back_size: numbers in their arena; those of the ket's leaves come first.
        n_leaves, leaf_size: leaves of the ket, and their numbers.
        n_given: numbers in the tensors given.
        out: the number of the last tensor.
        out_shape, out_order: its layout, and the axes that bring it to the network's output.
    """

    steps: Index
    tables: Index
    inputs_at: Index
    slice_strides: Index
    slice_sizes: tuple[int, ...]
    keep_at: Index
    keep_size: int
    reuse_at: Index
    reuse_size: int
    back_at: Index
    back_size: int
    n_leaves: int
    leaf_size: int
    n_given: int
    out: int
    out_shape: tuple[int, ...]
    out_order: tuple[int, ...]

    @property
    def n_slices(self) -> int:
        """Slices that add up to the whole."""
        return prod(self.slice_sizes)


def schedule(network: Network, path: Path, sliced: Sequence[int] = ()) -> Schedule:
    """Lay out a path. `network` has at least one tensor; a single one must be its own output."""
    return _Layout(network, path, tuple(sliced)).made()


class _Tables:
    """Tables of offsets, equal ones once."""

    def __init__(self) -> None:
        self.parts: list[Index] = []
        self.size = 0
        self._known: dict[tuple[tuple[int, int], ...], int] = {}

    def start(self, modes: Sequence[tuple[int, int]]) -> int:
        """Where the table of modes (size, stride), the outermost first, begins."""
        key = tuple(modes)
        if key not in self._known:
            table = np.zeros(1, np.int64)
            for size, stride in key:
                table = (table[:, None] + np.arange(size) * stride).ravel()
            self._known[key] = self.size
            self.parts.append(table)
            self.size += len(table)
        return self._known[key]


class _Layout:
    def __init__(self, network: Network, path: Path, sliced: tuple[int, ...]) -> None:
        self.network, self.sizes, self.sliced = network, network.sizes, sliced
        self.steps = steps_of(network, path, sliced)
        self.tables = _Tables()
        self.strides: list[dict[int, int]] = []
        self.numbers: list[int] = []  # of each tensor
        self.inputs_at: list[int] = []
        self.slice_strides: list[list[int]] = []
        at = 0
        for modes in network.inputs:
            strides = _c_order(modes, self.sizes)
            self.slice_strides.append([strides.pop(mode, 0) for mode in sliced])
            self.strides.append(strides)
            self.inputs_at.append(at)
            whole = prod(self.sizes[m] for m in modes)
            self.numbers.append(whole)
            at += whole
        self.given = at
        self.death = {mode: i for i, step in enumerate(self.steps) for mode in step.summed}
        n = network.n_leaves
        has_angle = [any(e.angle is not None for e in leaf.elements) for leaf in network.structure.leaves]
        self.need = [i < n and has_angle[i] for i in range(len(network.inputs))]
        self.moves = [any(strides) for strides in self.slice_strides]
        rows = [self._row(step) for step in self.steps]
        # What no slice changes comes first, so that nothing that does change is ever laid where it stays.
        order = sorted(range(len(rows)), key=lambda i: self.moves[self.steps[i].out])
        self.steps, self.rows = [self.steps[i] for i in order], [rows[i] for i in order]

    def _row(self, step: Step) -> list[int]:
        x, y = step.left, step.right
        summed = set(step.summed)
        free = [
            [m for m in self.strides[t] if m not in self.strides[o] and m not in summed] for t, o in ((x, y), (y, x))
        ]
        size = [prod(self.sizes[m] for m in modes) for modes in free]
        if size[0] < size[1] or (size[0] == size[1] and self.numbers[x] < self.numbers[y]):
            x, y = y, x
            free.reverse()
            size.reverse()
        long, short = (sorted(modes, key=lambda m: -self.strides[t][m]) for modes, t in zip(free, (x, y), strict=True))
        both = [m for m in self.strides[x] if m in self.strides[y] and m not in summed]
        inner, in_a_row = self._inner(long, self.strides[x])
        outer = [m for m in long if m not in inner]
        # What is summed soonest lies outermost, so that the loops that remain are long.
        order = sorted([*both, *short, *outer], key=lambda m: (self.death.get(m, inf), m)) + inner
        strides = _c_order(order, self.sizes)
        self.strides.append(strides)
        self.numbers.append(prod(self.sizes[m] for m in order))
        self.need.append(self.need[x] or self.need[y])
        self.moves.append(self.moves[x] or self.moves[y])
        return self._filled(step, x, y, both, short, outer, inner, in_a_row)

    def _filled(
        self, step: Step, x: int, y: int, both: list[int], short: list[int], outer: list[int], inner: list[int],
        in_a_row: bool,
    ) -> list[int]:  # fmt: skip
        summed = sorted(step.summed, key=lambda m: -self.strides[x][m])

        def table(modes: list[int], tensor: int) -> int:
            return self.tables.start([(self.sizes[m], self.strides[tensor][m]) for m in modes])

        def size(modes: list[int]) -> int:
            return prod(self.sizes[m] for m in modes)

        row = [0] * k.WIDTH
        row[k.X], row[k.Y], row[k.C] = x, y, step.out
        row[k.NB], row[k.NK], row[k.NS], row[k.NH], row[k.NL] = map(size, (both, summed, short, outer, inner))
        row[k.XB], row[k.XK], row[k.XH] = table(both, x), table(summed, x), table(outer, x)
        row[k.XL] = -1 if in_a_row else table(inner, x)
        row[k.YB], row[k.YK], row[k.YS] = table(both, y), table(summed, y), table(short, y)
        row[k.CB], row[k.CS], row[k.CH] = table(both, step.out), table(short, step.out), table(outer, step.out)
        row[k.GRAD_X], row[k.GRAD_Y] = self.need[x], self.need[y]
        sides = row[k.NK], row[k.NS], row[k.NH] * row[k.NL]
        row[k.GEMM] = min(sides) >= MATRIX_SIDE and prod(sides) >= MATRIX_WORK
        row[k.FIXED] = not self.moves[step.out]
        return row

    def _inner(self, long: list[int], strides: dict[int, int]) -> tuple[list[int], bool]:
        """The innermost modes of the long tensor, outermost first, and whether they lie side by side."""
        inner: list[int] = []
        run = 1
        for mode in reversed(long):
            if strides[mode] != run or run * self.sizes[mode] > 1 << RUN:
                break
            run *= self.sizes[mode]
            inner.insert(0, mode)
        if run >= SHORT_RUN or len(inner) == len(long):
            return inner, True
        inner = []
        run = 1
        for mode in sorted(long, key=lambda m: (-self.death.get(m, inf), m)):
            if run * self.sizes[mode] > 1 << RUN:
                break
            run *= self.sizes[mode]
            inner.insert(0, mode)
        return inner, False

    def made(self) -> Schedule:
        network, n_inputs = self.network, len(self.network.inputs)
        keep_at = np.array(self.inputs_at + [0] * len(self.steps), np.int64)
        products = self.numbers[n_inputs:]
        keep_at[n_inputs:] = self.given + np.concatenate([[0], np.cumsum(products)[:-1]]) if products else 0
        reuse = Space(self.given)
        reuse_at = keep_at.copy()
        for step in self.steps:
            reuse_at[step.out] = reuse.take(self.numbers[step.out])
            for source in (step.left, step.right):
                # What no slice changes, and is met by what they do change, stays for the next slice.
                if source >= n_inputs and (self.moves[source] or not self.moves[step.out]):
                    reuse.give(int(reuse_at[source]), self.numbers[source])
        leaf_size = sum(self.numbers[: network.n_leaves])
        back_at, back_size = self._back(leaf_size)
        out = len(self.strides) - 1
        order = sorted(self.strides[out], key=lambda m: -self.strides[out][m])
        return Schedule(
            steps=np.array(self.rows, np.int64).reshape(-1, k.WIDTH),
            tables=np.concatenate(self.tables.parts) if self.tables.parts else np.zeros(1, np.int64),
            inputs_at=np.array(self.inputs_at, np.int64),
            slice_strides=np.array(self.slice_strides, np.int64).reshape(n_inputs, len(self.sliced)),
            slice_sizes=tuple(self.sizes[m] for m in self.sliced),
            keep_at=keep_at,
            keep_size=self.given + sum(products),
            reuse_at=reuse_at,
            reuse_size=reuse.size,
            back_at=back_at,
            back_size=back_size,
            n_leaves=network.n_leaves,
            leaf_size=leaf_size,
            n_given=self.given,
            out=out,
            out_shape=tuple(self.sizes[m] for m in order),
            out_order=tuple(order.index(m) for m in network.output),
        )

    def _back(self, leaf_size: int) -> tuple[Index, int]:
        """Where cotangents lie: leaves where they are in the arena, products for as long as they are needed."""
        space = Space(leaf_size)
        at = np.full(len(self.strides), -1, np.int64)
        at[: self.network.n_leaves] = self.inputs_at[: self.network.n_leaves]
        if self.steps and self.need[self.steps[-1].out]:
            last = self.steps[-1].out
            at[last] = space.take(self.numbers[last])
        for step in reversed(self.steps):
            if not self.need[step.out]:
                continue
            for source in (step.left, step.right):
                if source >= len(self.network.inputs) and self.need[source]:
                    at[source] = space.take(self.numbers[source])
            space.give(int(at[step.out]), self.numbers[step.out])
        return at, space.size


def _c_order(modes: Sequence[int], sizes: dict[int, int]) -> dict[int, int]:
    """Strides of modes, the outermost first."""
    strides: dict[int, int] = {}
    stride = 1
    for mode in reversed(modes):
        strides[mode] = stride
        stride *= sizes[mode]
    return strides
