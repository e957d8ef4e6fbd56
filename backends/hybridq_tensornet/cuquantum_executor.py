"""Contractions by cuQuantum: values by a kept network, gradients by its own sweep or pair by pair."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hybridq_tensornet.array_modules import ArrayModule
from hybridq_tensornet.arrays import Arrays
from hybridq_tensornet.cuquantum_network import CuQuantumNetwork, CuTensorNet
from hybridq_tensornet.network import Network
from hybridq_tensornet.plan import Plan


class CuQuantumWorkplace:
    """A plan as a kept network of cuTensorNet, for one thread at a time.

    cuTensorNet has gradients of whole contractions only, and constants that never change; slices with gradients, and
    other constants, are contracted pair by pair on the same GPU.

    Args:
        network: what is contracted.
        plan: how.
        library: cuTensorNet on a GPU.
        module: arrays on the same GPU.
        dtype: a real one only where all leaves and constants are real.
    """

    def __init__(
        self, network: Network, plan: Plan, library: CuTensorNet, module: ArrayModule, dtype: DTypeLike = np.complex128
    ) -> None:
        self._network, self._plan, self._library, self._dtype = network, plan, library, dtype
        self._pairs = Arrays(network, plan, module, dtype)
        self._by_pairs = False
        self._kept: dict[bool, CuQuantumNetwork] = {}
        self._gradient = False
        self._found: NDArray[Any] = np.zeros(0)

    def load(
        self, values: NDArray[np.complex128], *, gradient: bool = False, constants: NDArray[Any] | None = None
    ) -> None:
        """Take the leaves' values; see `Arrays.load`. Several rows at once are for `Arrays` only.

        Raises:
            CapacityError: the GPU has too little memory.
        """
        self._by_pairs = constants is not None or values.ndim > 1 or (gradient and self._plan.n_slices > 1)
        self._gradient = gradient
        if self._by_pairs:
            self._pairs.load(values, gradient=gradient, constants=constants)
            return
        if gradient not in self._kept:
            self._kept[gradient] = CuQuantumNetwork(
                self._network, self._plan, self._library, dtype=self._dtype, gradient=gradient
            )
        self._kept[gradient].update(values)
        self._found = np.zeros(len(values), self._dtype)

    def value(self, index: int, *, gradient: bool = False, again: bool = False) -> NDArray[Any]:
        """The product of one slice; see `Arrays.value`."""
        if self._by_pairs:
            return self._pairs.value(index, gradient=gradient, again=again)
        return self._kept[self._gradient].contract([index] if self._plan.n_slices > 1 else None)

    def rest(self) -> None:
        """Keep everything: buffers belong to what was captured with them."""

    def pull(self, index: int, cotangent: NDArray[Any]) -> None:
        """Add what this slice gives to the leaves' cotangents."""
        if self._by_pairs:
            self._pairs.pull(index, cotangent)
        else:
            self._found += self._kept[True].gradients(cotangent)

    @property
    def cotangents(self) -> NDArray[Any]:
        """Of the leaves' values, shape (leaf_size,)."""
        return self._pairs.cotangents if self._by_pairs else self._found.copy()
