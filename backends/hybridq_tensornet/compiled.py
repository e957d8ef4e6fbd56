"""Contractions on the CPU by the compiled loops: values, and cotangents of leaves by one sweep back."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq_tensornet.network import Network
from hybridq_tensornet.schedule import Schedule

Complex = NDArray[np.complex128]


class Arenas:
    """Memory that schedules run in one after another: each thread holds as much as the largest of them needs."""

    def __init__(self) -> None:
        self._free: list[NDArray[np.complex128]] = []
        self._lock = threading.Lock()

    def take(self, size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """At least `size` numbers of any value; the largest that is free, or a new one in its place."""
        whole = size if dtype == np.complex128 else -(-size // 2)
        with self._lock:
            found = self._free.pop() if self._free else None
        if found is None or len(found) < whole:
            del found
            found = np.empty(whole, np.complex128)
        return found if dtype == np.complex128 else found.view(dtype)

    def give(self, arena: NDArray[Any]) -> None:
        """Let another have it."""
        with self._lock:
            self._free.append(arena.view(np.complex128))
            self._free.sort(key=len)


class Compiled:
    """A schedule and the memory that it runs in; for one thread at a time.

    Args:
        network: what is contracted.
        plan: its schedule.
        dtype: float64 where all leaves and constants are real, else complex128.
        arenas: where memory comes from, and goes back to by `rest`; None for its own.
    """

    def __init__(
        self, network: Network, plan: Schedule, dtype: type = np.complex128, arenas: Arenas | None = None
    ) -> None:
        self._arenas = arenas or Arenas()
        self.plan = plan
        self.dtype = np.dtype(dtype)
        self._doubled = network.doubled
        constants = [np.asarray(c).ravel() for c in network.constants]
        flat = np.concatenate(constants) if constants else np.zeros(0)
        self._constants: NDArray[Any] = np.ascontiguousarray(flat if dtype == np.complex128 else flat.real, self.dtype)
        self._arena: NDArray[Any] = np.zeros(0, self.dtype)
        self._back: NDArray[Any] = np.zeros(0, self.dtype)

    def load(self, values: Complex, *, gradient: bool = False, constants: NDArray[Any] | None = None) -> None:
        """Take the leaves' values, and other constants than the network's where given (flat); make room."""
        plan = self.plan
        size = plan.keep_size if gradient else plan.reuse_size
        if len(self._arena) < size:
            self.rest()
            self._arena = self._arenas.take(size, self.dtype)
        leaves = values if self.dtype == np.complex128 else values.real
        arena, at = self._arena, plan.leaf_size
        arena[:at] = leaves
        if self._doubled:
            arena[at : 2 * at] = leaves.conj()
            at *= 2
        arena[at : plan.n_given] = self._constants if constants is None else constants
        if gradient:
            if len(self._back) < plan.back_size:
                self._back = self._arenas.take(plan.back_size, self.dtype)
            self._back[: plan.leaf_size] = 0.0

    def value(self, index: int, *, gradient: bool = False, again: bool = False) -> NDArray[Any]:
        """The product of one slice, in the network's order of modes; `again` where an earlier slice was done."""
        plan = self.plan
        where = self._where(index, gradient)
        from hybridq_tensornet.kernels import forward

        forward(plan.steps, plan.tables, where, self._arena, again)
        at = int(where[plan.out])
        whole = self._arena[at : at + int(np.prod(plan.out_shape))].reshape(plan.out_shape)
        return whole.transpose(plan.out_order).copy()

    def pull(self, index: int, cotangent: NDArray[Any]) -> None:
        """Add to the leaves' cotangents what this slice, whose value was the last one asked for, gives."""
        plan = self.plan
        where = self._where(index, True)
        back = plan.back_at.copy()
        back[: plan.n_leaves] += (where - plan.keep_at)[: plan.n_leaves]
        at = int(back[plan.out])
        if at < 0:
            return
        placed = np.asarray(cotangent, self.dtype).transpose(np.argsort(plan.out_order))
        self._back[at : at + placed.size] = placed.ravel()
        from hybridq_tensornet.kernels import backward

        backward(plan.steps, plan.tables, where, self._arena, back, self._back, plan.n_leaves)

    @property
    def cotangents(self) -> NDArray[Any]:
        """Of the leaves' values, summed over the slices that were pulled; shape (leaf_size,)."""
        return self._back[: self.plan.leaf_size].copy()

    def rest(self) -> None:
        """Give the memory back until the next `load`."""
        for held in (self._arena, self._back):
            if len(held):
                self._arenas.give(held)
        self._arena = self._back = np.zeros(0, self.dtype)

    def _where(self, index: int, gradient: bool) -> NDArray[np.int64]:
        plan = self.plan
        where = (plan.keep_at if gradient else plan.reuse_at).copy()
        if plan.slice_sizes:
            digits = np.array(np.unravel_index(index, plan.slice_sizes), np.int64)
            where[: len(plan.inputs_at)] += plan.slice_strides @ digits
        return where
