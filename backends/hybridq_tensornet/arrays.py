"""Contractions pair by pair with a library of arrays: values, and cotangents of leaves by one sweep back.

The tensors given are arranged on the host as their steps read them, and go to the device in one transfer, of which
they are views; a few kilobytes an evaluation. What does not change is done once: products of constants for good, those
that no slice changes once for all slices, and so on the way back. Rows of parameters done at once are one more mode.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hybridq_tensornet.array_memory import Memory
from hybridq_tensornet.array_modules import ArrayModule
from hybridq_tensornet.network import Network
from hybridq_tensornet.pairwise import ANGLES, FIXED, SLICES
from hybridq_tensornet.plan import Plan

Complex = NDArray[np.complex128]
KEPT = 2  # sets of buffers, for numbers of rows that change


class Arrays:
    """A plan in the memory of a device; for one thread at a time.

    Args:
        network: what is contracted.
        plan: how.
        module: the library and the device.
        dtype: a real one only where all leaves and constants are real.
    """

    def __init__(self, network: Network, plan: Plan, module: ArrayModule, dtype: DTypeLike = np.complex128) -> None:
        self.network, self.plan, self.module = network, plan, module
        self.dtype = np.dtype(dtype)
        flat = [np.asarray(c).ravel() for c in network.constants]
        self._constants = self._number(np.concatenate(flat) if flat else np.zeros(0))
        self._memories: dict[tuple[int, bool], Memory] = {}
        self._memory: Memory | None = None
        self._rows: int | None = None

    def load(self, values: Complex, *, gradient: bool = False, constants: NDArray[Any] | None = None) -> None:
        """Take the leaves' values, and other constants than the network's where given (flat); make room.

        Args:
            values: shape (leaf_size,), or (n_rows, leaf_size) for several rows at once. What is asked for later has
                that axis too.
            gradient: whether `pull` will be called.
            constants: the same for all rows.

        Raises:
            CapacityError: the device has too little memory.
        """
        self._rows = None if values.ndim == 1 else len(values)
        key = (self._rows or 1, gradient)
        with self.module.active():
            if key not in self._memories:
                while len(self._memories) >= KEPT:
                    self._memories.pop(next(iter(self._memories)))
                self._memory = None
                self._memories[key] = Memory(self.network, self.plan, self.module, self.dtype, *key)
            self._memory = memory = self._memories[key]
            leaves = self._number(np.atleast_2d(values))
            own = self._constants if constants is None else self._number(constants)
            memory.load(leaves, own)
            memory.send(FIXED)
            memory.send(ANGLES)

    def value(self, index: int, *, gradient: bool = False, again: bool = False) -> NDArray[Any]:
        """The product of one slice, in the network's order of modes; rows first where there are several.

        What no slice changes is done at the first call after `load`, whatever `again` says; `gradient` is as it was
        there.
        """
        memory = self._loaded
        with self.module.active():
            memory.forward(FIXED)
            memory.forward(ANGLES)
            if self.plan.n_slices > 1:
                memory.send(SLICES, index)
                memory.forward(SLICES)
            found = memory.result()
        return found[None] if self._rows == 1 else found

    def rest(self) -> None:
        """Keep everything: buffers belong to what was captured with them."""

    def pull(self, index: int, cotangent: NDArray[Any]) -> None:
        """Add to the leaves' cotangents what this slice, whose value was the last one asked for, gives.

        Args:
            index: the slice.
            cotangent: in the shape of the value, or in that of one row for all.
        """
        memory = self._loaded
        given = self._number(np.broadcast_to(cotangent, (*((self._rows,) if self._rows else ()), *memory.out_shape)))
        with self.module.active():
            memory.back(given[0] if self._rows == 1 else given, index)

    @property
    def cotangents(self) -> NDArray[Any]:
        """Of the leaves' values, summed over the slices that were pulled; shape (leaf_size,) or (n_rows, leaf_size)."""
        memory = self._loaded
        with self.module.active():
            found = memory.cotangents()
        return found[0] if self._rows is None else found

    @property
    def _loaded(self) -> Memory:
        assert self._memory is not None, "load comes first"
        return self._memory

    def _number(self, values: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(values if self.dtype.kind == "c" else values.real, self.dtype)
