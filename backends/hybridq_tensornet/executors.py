"""Executors: what carries a plan out, and on which device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import unknown_name
from hybridq_tensornet.array_modules import ArrayModule
from hybridq_tensornet.network import Network
from hybridq_tensornet.plan import Plan, nbytes

EXECUTORS = ("compiled", "numpy", "torch", "cupy", "cuquantum")
MOST_ROWS = 64  # rows that are done at once at most; beyond, a device is busy with small products as well


class Workplace(Protocol):
    """A plan with the memory that it runs in, for one thread; see `hybridq_tensornet.arrays.Arrays`."""

    def load(
        self, values: NDArray[np.complex128], *, gradient: bool = False, constants: NDArray[Any] | None = None
    ) -> None:
        """Take the leaves' values."""
        ...

    def value(self, index: int, *, gradient: bool = False, again: bool = False) -> NDArray[Any]:
        """The product of one slice."""
        ...

    def pull(self, index: int, cotangent: NDArray[Any]) -> None:
        """Add what a slice gives to the leaves' cotangents."""
        ...

    @property
    def cotangents(self) -> NDArray[Any]:
        """Of the leaves' values."""
        ...

    def rest(self) -> None:
        """Give memory back that other plans may use meanwhile."""
        ...


Prepare = Callable[[Network, Plan, type], Callable[[], Workplace]]


@dataclass(frozen=True, eq=False)
class Executor:
    """A way to carry out plans.

    Attributes:
        name: one of `EXECUTORS`.
        title: the device, for people.
        prepare: makes a plan ready for numbers of a dtype, and gives what makes places to work in.
        room: bytes that are free on a device of its own; None where that is the host.
        most_rows: rows of parameters that it does at once at most.
    """

    name: str
    title: str
    prepare: Prepare = field(repr=False)
    room: Callable[[], int] | None = None
    most_rows: int = 1

    def rows(self, plans: Sequence[Plan], room: int, *, gradient: bool) -> int:
        """How many rows are done at once, so that they fit."""
        need = max((nbytes(plan, 16, gradient=gradient) for plan in plans), default=1)
        return max(1, min(self.most_rows, room // max(1, need)))


def executor(name: str) -> Executor:
    """An executor by name.

    Raises:
        InputError: no such executor.
        CapacityError: it needs a GPU, and none can be used.
        MissingPackage: a library is not installed.
    """
    made = {
        "compiled": _compiled,
        "numpy": _numpy,
        "torch": _torch,
        "cupy": _cupy,
        "cuquantum": _cuquantum,
    }
    if name not in made:
        raise unknown_name("executor of backend 'tensornet'", name, EXECUTORS)
    return made[name]()


def _compiled() -> Executor:
    from hybridq_tensornet.compiled import Arenas, Compiled
    from hybridq_tensornet.schedule import schedule

    arenas = Arenas()

    def prepare(network: Network, plan: Plan, dtype: type) -> Callable[[], Workplace]:
        made = schedule(network, plan.path, plan.sliced)
        return lambda: Compiled(network, made, dtype, arenas)

    return Executor("compiled", "CPU", prepare)


def _by_arrays(module: ArrayModule) -> Prepare:
    from hybridq_tensornet.arrays import Arrays

    def prepare(network: Network, plan: Plan, dtype: type) -> Callable[[], Workplace]:
        return lambda: Arrays(network, plan, module, dtype)

    return prepare


def _numpy() -> Executor:
    from hybridq_tensornet.array_modules import NumPy

    module = NumPy()
    return Executor("numpy", module.title, _by_arrays(module))


def _torch() -> Executor:
    from hybridq_tensornet.array_modules import Torch

    module = Torch()
    if module.device.type == "cpu":
        return Executor("torch", module.title, _by_arrays(module))
    return Executor("torch", module.title, _by_arrays(module), module.room, MOST_ROWS)


def _cupy() -> Executor:
    from hybridq.contract.devices import gpu_of_rank, require_cupy
    from hybridq_tensornet.cupy_arrays import CuPy

    module = CuPy(require_cupy(), gpu_of_rank())
    return Executor("cupy", module.title, _by_arrays(module), module.room, MOST_ROWS)


def _cuquantum() -> Executor:
    from hybridq_tensornet.cupy_arrays import CuPy
    from hybridq_tensornet.cuquantum_executor import CuQuantumWorkplace
    from hybridq_tensornet.cuquantum_network import CuTensorNet

    library = CuTensorNet()
    module = CuPy(library.cupy, library.device)

    def prepare(network: Network, plan: Plan, dtype: type) -> Callable[[], Workplace]:
        return lambda: CuQuantumWorkplace(network, plan, library, module, dtype)

    return Executor("cuquantum", module.title, prepare, module.room)
