"""The buffers of a plan on a device, and the calls that go over them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq_tensornet.array_modules import ArrayModule, Call, Order
from hybridq_tensornet.network import Modes, Network
from hybridq_tensornet.pairwise import ANGLES, FIXED, ROW, SLICES, Product, pairwise
from hybridq_tensornet.plan import Plan
from hybridq_tensornet.space import Space

LEVELS = (FIXED, ANGLES, SLICES)


class Memory:
    """One buffer for tensors, one for cotangents, and what the host sends and gets.

    Args:
        network, plan: what is contracted, and how.
        module: the library and the device.
        dtype: of all numbers.
        n_rows: rows that are done at once.
        gradient: whether the way back is asked for.

    Raises:
        CapacityError: the device has too little memory.
    """

    def __init__(
        self, network: Network, plan: Plan, module: ArrayModule, dtype: np.dtype[Any], n_rows: int, gradient: bool
    ) -> None:
        self._network, self._module, self._dtype, self._n_rows = network, module, dtype, n_rows
        self._sliced = plan.sliced
        self._steps = made = pairwise(network, plan.path, plan.sliced, n_rows)
        self._grain = max(1, module.aligned // dtype.itemsize)
        self._order = sorted(made.products, key=lambda product: made.level[product.out])
        self.out_shape = tuple(network.sizes[mode] for mode in network.output)
        self._given()
        plans = self._forward_plan(gradient)
        self._buffer = module.empty(self._size, dtype)
        self._forward = [module.sequence([self._call(self._buffer, step) for step in part]) for part in plans]
        self._sections = [module.view(self._buffer, a, (b - a,)) for a, b in self._bounds]
        self._pending = [False] * 3
        self._sent: NDArray[Any] | None = None  # the constants that are there
        self._gradient = gradient
        if gradient:
            self._prepare_back()

    # What is given.

    def _given(self) -> None:
        """Where the tensors given lie, and which numbers of the host's they are."""
        network, made = self._network, self._steps
        sizes = [prod(network.sizes[mode] for mode in modes) for modes in network.inputs]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._host = np.zeros((self._n_rows, int(starts[-1])), self._dtype)
        self._leaf_size = int(starts[network.n_leaves])
        self._at: dict[int, int] = {}
        self._bounds: list[tuple[int, int]] = []
        self._needed: list[tuple[int, int]] = []
        self._take: list[NDArray[np.int64]] = []
        self._by_slice: NDArray[np.int64] = np.zeros((0, len(self._sliced)), np.int64)
        at = 0
        for level in LEVELS:
            begin = end_of_needed = at
            tensors = [k for k in range(len(network.inputs)) if made.level[k] == level]
            parts, strides_by_slice = [], []
            for k in sorted(tensors, key=lambda k: not made.need[k]):
                strides: dict[int, int] = {ROW: self._host.shape[1]}
                step = 1
                for mode in reversed(network.inputs[k]):
                    strides[mode] = step
                    step *= network.sizes[mode]
                index = np.zeros(self._room(made.numbers(k)), np.int64)
                index[: made.numbers(k)] = starts[k] + _offsets(made.used[k], made.sizes, strides)
                parts.append(index)
                strides_by_slice.append(np.tile([strides.get(m, 0) for m in self._sliced], (len(index), 1)))
                self._at[k] = at
                at += len(index)
                if made.need[k]:
                    end_of_needed = at
            self._bounds.append((begin, at))
            self._needed.append((begin, end_of_needed))
            self._take.append(np.concatenate(parts) if parts else np.zeros(0, np.int64))
            if level == SLICES and parts:
                self._by_slice = np.concatenate(strides_by_slice).astype(np.int64)
        self._n_given = at

    def _room(self, numbers: int) -> int:
        return -(-numbers // self._grain) * self._grain

    def _indices(self, level: int, index: int) -> NDArray[np.int64]:
        """Which of the host's numbers a section holds."""
        if level != SLICES or not self._sliced:
            return self._take[level]
        digits = np.unravel_index(index, [self._network.sizes[mode] for mode in self._sliced])
        return np.asarray(self._take[level] + self._by_slice @ np.array(digits, np.int64))

    # Forward.

    def _forward_plan(self, gradient: bool) -> list[list[tuple[Any, ...]]]:
        """The steps of each level: products, and copies into the order in which they are read."""
        made, space = self._steps, Space(self._n_given)
        self._used_at = dict(self._at)
        parts: list[list[tuple[Any, ...]]] = [[], [], []]
        for step in self._order:
            size = self._room(made.numbers(step.out))
            level = made.level[step.out]
            at = space.take(size)
            moved = made.made[step.out] != made.used[step.out]
            gathers = moved and self._module.gathers(step.batch, step.rows, step.columns, step.summed)
            parts[level].append(("product", step, at, gathers))
            if moved and not gathers:
                to = space.take(size)
                parts[level].append(("copy", step.out, at, to))
                space.give(at, size)
                at = to
            self._used_at[step.out] = at
            for source in (step.p, step.q):
                if source not in self._at and not gradient and made.level[source] == level:
                    space.give(self._used_at[source], self._room(made.numbers(source)))
        self._size = max(1, space.size)
        return parts

    def _call(self, buffer: Any, step: tuple[Any, ...]) -> Call:
        module, made = self._module, self._steps
        if step[0] == "copy":
            _, tensor, source, target = step
            return self._copy(buffer, source, made.made[tensor], target, made.used[tensor])
        _, product, at, gathers = step
        out = module.view(buffer, at, (product.batch, product.rows, product.columns))
        if gathers:
            order = _order(made.used[product.out], made.made[product.out], made.sizes)
            return module.gathered(out, self._p(product), self._q(product), (order, (), ()))
        return module.product(out, self._p(product), self._q(product))

    def _copy(self, buffer: Any, source: int, before: Modes, target: int, after: Modes) -> Call:
        """A tensor into another order of modes; modes that stay together are moved as one."""
        module, (shape, axes) = self._module, _fused(before, after, self._steps.sizes)
        array = module.permuted(module.view(buffer, source, shape), axes)
        return module.copy(module.view(buffer, target, tuple(shape[axis] for axis in axes)), array)

    def _p(self, step: Product, *, turn: bool = False) -> Any:
        """P[b, p, k], or [b, k, p] where `turn`."""
        shape = (step.batch, step.summed, step.rows) if step.p_turned else (step.batch, step.rows, step.summed)
        array = self._module.view(self._buffer, self._used_at[step.p], shape)
        return self._module.permuted(array, (0, 2, 1)) if step.p_turned != turn else array

    def _q(self, step: Product, *, turn: bool = False) -> Any:
        """Q[b, k, q], or [b, q, k] where `turn`."""
        shape = (step.batch, step.columns, step.summed) if step.q_turned else (step.batch, step.summed, step.columns)
        array = self._module.view(self._buffer, self._used_at[step.q], shape)
        return self._module.permuted(array, (0, 2, 1)) if step.q_turned != turn else array

    # Backward.

    def _prepare_back(self) -> None:
        """The way back: cotangents are overwritten, but those that all slices add to."""
        made, module = self._steps, self._module
        first, second = self._needed[ANGLES], self._needed[SLICES]
        n_first = first[1] - first[0]
        at = {k: self._at[k] - first[0] for k in self._at if made.need[k] and made.level[k] == ANGLES}
        at |= {k: self._at[k] - second[0] + n_first for k in self._at if made.need[k] and made.level[k] == SLICES}
        space = Space(n_first + second[1] - second[0])
        last = len(made.made) - 1
        for step in self._order:
            for source in (step.p, step.q):
                if source not in at and made.need[source] and made.level[source] < made.level[step.out]:
                    at[source] = space.take(self._room(made.numbers(source)))
        self._zeroed = space.size
        if made.need[last] and last not in at:
            at[last] = space.take(self._room(made.numbers(last)))
        for_good = set(at)
        parts: list[list[tuple[Any, ...]]] = [[], [], []]
        for step in reversed(self._order):
            if not made.need[step.out]:
                continue
            part, size = parts[made.level[step.out]], self._room(made.numbers(step.out))
            source = at[step.out]
            moved = made.made[step.out] != made.used[step.out]
            gathers = moved and self._gathers_back(step)
            if moved and not gathers:
                given = space.take(size)
                part.append(("copy", source, made.used[step.out], given, made.made[step.out]))
                if step.out not in for_good:
                    space.give(source, size)
            else:
                given = source
            for tensor in (step.p, step.q):
                if not made.need[tensor]:
                    continue
                numbers = self._room(made.numbers(tensor))
                if made.level[tensor] < made.level[step.out]:
                    to = space.take(numbers)
                    part.append(("pull", step, tensor, given, to, gathers))
                    part.append(("add", at[tensor], to, made.numbers(tensor)))
                    space.give(to, numbers)
                    continue
                if tensor not in at:
                    at[tensor] = space.take(numbers)
                part.append(("pull", step, tensor, given, at[tensor], gathers))
            if given != source or step.out not in for_good:
                space.give(given, size)
        self._back_buffer = module.empty(max(1, space.size), self._dtype)
        self._back_calls = [module.sequence([self._back_call(step) for step in part]) for part in parts]
        self._first = module.view(self._back_buffer, 0, (n_first,))
        self._second = module.view(self._back_buffer, n_first, (second[1] - second[0],))
        self._accumulated = module.view(self._back_buffer, 0, (self._zeroed,))
        self._seed_at = at.get(last)
        self._found = np.zeros((self._n_rows, self._leaf_size), self._dtype)
        self._open = False
        self._mine = [self._numbers_of_leaves(level) for level in LEVELS]

    def _numbers_of_leaves(self, level: int) -> NDArray[np.int64]:
        """Which numbers of a section of cotangents are a leaf's; the others fill it up."""
        made, begin = self._steps, self._needed[level][0]
        leaves = [k for k in self._at if made.need[k] and made.level[k] == level]
        ranges = [np.arange(made.numbers(k), dtype=np.int64) + self._at[k] - begin for k in leaves]
        return np.concatenate(ranges) if ranges else np.zeros(0, np.int64)

    def _back_call(self, step: tuple[Any, ...]) -> Call:
        module, buffer = self._module, self._back_buffer
        if step[0] == "copy":
            _, source, before, target, after = step
            return self._copy(buffer, source, before, target, after)
        if step[0] == "add":
            _, to, source, numbers = step
            return module.add(module.view(buffer, to, (numbers,)), module.view(buffer, source, (numbers,)))
        _, product, tensor, source, target, gathers = step
        made = self._steps
        order = _order(made.made[product.out], made.used[product.out], made.sizes) if gathers else ()
        given = module.view(buffer, source, (product.batch, product.rows, product.columns))
        turned = module.permuted(given, (0, 2, 1))
        if tensor == product.p:
            if product.p_turned:  # dP[b, k, p] = sum_q Q[b, k, q] dC[b, p, q]
                out = module.view(buffer, target, (product.batch, product.summed, product.rows))
                return self._product(out, self._q(product), turned, (), order)
            out = module.view(buffer, target, (product.batch, product.rows, product.summed))
            return self._product(out, given, self._q(product, turn=True), order, ())
        if product.q_turned:  # dQ[b, q, k] = sum_p dC[b, p, q] P[b, p, k]
            out = module.view(buffer, target, (product.batch, product.columns, product.summed))
            return self._product(out, turned, self._p(product), order, ())
        out = module.view(buffer, target, (product.batch, product.summed, product.columns))
        return self._product(out, self._p(product, turn=True), given, (), order)

    def _product(self, out: Any, p: Any, q: Any, p_order: Order, q_order: Order) -> Call:
        if p_order or q_order:
            return self._module.gathered(out, p, q, ((), p_order, q_order))
        return self._module.product(out, p, q)

    def _gathers_back(self, step: Product) -> bool:
        """Whether the cotangent of a step's product is best read where it lies."""
        need, gathers = self._steps.need, self._module.gathers
        left = not need[step.p] or gathers(step.batch, step.rows, step.summed, step.columns)
        return left and (not need[step.q] or gathers(step.batch, step.summed, step.columns, step.rows))

    # An evaluation.

    def load(self, leaves: NDArray[Any], constants: NDArray[Any]) -> None:
        """Take the leaves' values, shape (n_rows, leaf_size), and the constants'."""
        host, n = self._host, self._leaf_size
        host[:, :n] = leaves
        if self._network.doubled:
            np.conjugate(leaves, out=host[:, n : 2 * n])
            n *= 2
        if self._sent is None or not np.array_equal(constants, self._sent):
            host[:, n:] = constants
            self._sent = constants.copy()
            self._pending[FIXED] = True
        self._pending[ANGLES] = True
        if self._gradient:
            self._found[:] = 0
            self._open = False
            self._module.zero(self._accumulated)

    def send(self, level: int, index: int = 0) -> None:
        """Send the tensors given that change at this level, where that is due."""
        if self._take[level].size and (level == SLICES or self._pending[level]):
            self._module.put(self._sections[level], self._host.ravel()[self._indices(level, index)])

    def forward(self, level: int) -> None:
        """The products of a level, where they are due."""
        if level == SLICES or self._pending[level]:
            self._forward[level]()
            self._pending[level] = False

    def result(self) -> NDArray[Any]:
        """The last product: rows, then the output's modes."""
        last = len(self._steps.made) - 1
        view = self._module.view(self._buffer, self._used_at[last], (self._steps.numbers(last),))
        found = self._module.get(view).reshape(self._steps.shape(self._steps.used[last]))
        if self._n_rows > 1 and ROW not in self._steps.used[last]:  # nothing depends on angles
            return np.broadcast_to(found, (self._n_rows, *found.shape)).copy()
        return found

    def back(self, cotangent: NDArray[Any], index: int) -> None:
        """Add what a slice gives, from its value's cotangent."""
        if self._seed_at is None:
            return
        last = len(self._steps.made) - 1
        seed = self._module.view(self._back_buffer, self._seed_at, (self._steps.numbers(last),))
        self._module.put(seed, np.array(cotangent, order="C").ravel())
        self._open = True
        if self._steps.level[last] == SLICES:
            self._back_calls[SLICES]()
            self._collect(SLICES, self._second, index)

    def cotangents(self) -> NDArray[Any]:
        """Of the leaves' values, shape (n_rows, leaf_size)."""
        if self._open:
            self._back_calls[ANGLES]()
            self._collect(ANGLES, self._first, 0)
            self._open = False
        return self._found.copy()

    def _collect(self, level: int, view: Any, index: int) -> None:
        """Add a section of cotangents to those on the host."""
        mine = self._mine[level]
        if mine.size:
            rows, places = np.divmod(self._indices(level, index)[mine], self._host.shape[1])
            self._found[rows, places] += self._module.get(view)[mine]


def _offsets(modes: Modes, sizes: dict[int, int], strides: dict[int, int]) -> NDArray[np.int64]:
    """Where the numbers of a tensor lie, in C order of its modes."""
    found = np.zeros(1, np.int64)
    for mode in modes:
        found = (found[:, None] + np.arange(sizes[mode]) * strides[mode]).ravel()
    return found


def _fused(before: Modes, after: Modes, sizes: dict[int, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape of a tensor with the modes fused that stay side by side, and the order of its axes afterwards."""
    place = {mode: k for k, mode in enumerate(before)}
    groups: list[list[int]] = []
    for mode in after:
        if groups and place[mode] == place[groups[-1][-1]] + 1:
            groups[-1].append(mode)
        else:
            groups.append([mode])
    first = sorted(range(len(groups)), key=lambda g: place[groups[g][0]])
    shape = tuple(prod(sizes[mode] for mode in groups[g]) for g in first)
    return shape, tuple(first.index(g) for g in range(len(groups)))


def _order(before: Modes, after: Modes, sizes: dict[int, int]) -> Order:
    """Of each number of a tensor in C order of `before`, its place in C order of `after`."""
    steps, step = {}, 1
    for mode in reversed(after):
        steps[mode] = step
        step *= sizes[mode]
    found: list[tuple[int, int]] = []
    for mode in reversed(before):
        if found and found[-1][0] * found[-1][1] == steps[mode]:
            found[-1] = (found[-1][0] * sizes[mode], found[-1][1])
        else:
            found.append((sizes[mode], steps[mode]))
    return tuple(found)
