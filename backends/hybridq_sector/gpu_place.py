"""Where vectors live: this process's memory, or a GPU's through CuPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Calls = Sequence[Callable[[], None]]


class Place(Protocol):
    """What the passes need to know of the memory they work on.

    Attributes:
        xp: NumPy, or a module that does the same on the device.
    """

    xp: Any

    def put(self, array: NDArray[Any]) -> Any:
        """A copy there."""
        ...

    def get(self, array: Any) -> NDArray[Any]:
        """A copy here; waits for the work that is queued."""
        ...

    def active(self) -> AbstractContextManager[Any]:
        """Work is done there inside."""
        ...

    def sequence(self, calls: Calls) -> Callable[[], None]:
        """One call for a fixed sequence of launches whose arguments never change."""
        ...


class Host:
    """Arrays of NumPy."""

    xp: Any = np

    def put(self, array: NDArray[Any]) -> Any:
        """A copy."""
        return np.array(array, order="C")

    def get(self, array: Any) -> NDArray[Any]:
        """A copy."""
        return np.array(array)

    def active(self) -> AbstractContextManager[Any]:
        """Nothing to do."""
        return nullcontext()

    def sequence(self, calls: Calls) -> Callable[[], None]:
        """The calls in order."""

        def run() -> None:
            for call in calls:
                call()

        return run


class Gpu:
    """Arrays of CuPy on one GPU and one stream; nothing waits for the GPU but `get`.

    Args:
        cupy: the module.
        device: the GPU's index.
        graphs: capture fixed sequences of launches as CUDA graphs.
    """

    def __init__(self, cupy: Any, device: int, *, graphs: bool = True) -> None:
        self.xp = cupy
        self._device = cupy.cuda.Device(device)
        self._graphs = graphs
        with self._device:
            self.stream = cupy.cuda.Stream(non_blocking=True)

    def put(self, array: NDArray[Any]) -> Any:
        """A copy on the GPU."""
        return self.xp.asarray(np.ascontiguousarray(array))

    def get(self, array: Any) -> NDArray[Any]:
        """A copy on the host."""
        return np.asarray(array.get())

    @contextmanager
    def active(self) -> Iterator[None]:
        """The GPU and the stream are CuPy's current ones inside."""
        with self._device, self.stream:
            yield

    def room(self) -> int:
        """Bytes that may still be taken: free ones of the GPU, and those that CuPy keeps for itself."""
        with self._device:
            free, _ = self.xp.cuda.runtime.memGetInfo()
            return int(free + self.xp.get_default_memory_pool().free_bytes())

    def sequence(self, calls: Calls) -> Callable[[], None]:
        """The calls in order; from the second time on as one CUDA graph.

        The first time they run one by one, so that kernels are compiled and loaded before they are captured.
        """
        graph: list[Any] = []
        times = 0

        def run() -> None:
            nonlocal times
            if self._graphs and times == 1:
                self.stream.begin_capture()
                try:
                    for call in calls:
                        call()
                finally:
                    graph.append(self.stream.end_capture())
            times += 1
            if graph:
                graph[0].launch(self.stream)
            else:
                for call in calls:
                    call()

        return run
