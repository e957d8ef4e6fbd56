"""Arrays of a library on a device: the few operations of which a contraction is made.

Buffers are made once. An operation on views of them is prepared once as a call without arguments, and run at each
evaluation; a sequence of such calls may be recorded by the device and replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import CapacityError, MissingPackage
from hybridq.contract.memory import available_memory

Call = Callable[[], object]
Order = tuple[tuple[int, int], ...]
"""Where a tensor's numbers lie: a length and a step for each group of modes, the innermost first; () for in a row."""


class ArrayModule(Protocol):
    """A library of arrays, and where they lie.

    Attributes:
        name: of the library.
        title: the device, for people.
        aligned: bytes; tensors begin at multiples of them.
    """

    name: str
    title: str
    aligned: int

    def room(self) -> int:
        """Bytes that are free there."""
        ...

    def empty(self, size: int, dtype: np.dtype[Any]) -> Any:
        """A buffer of so many numbers.

        Raises:
            CapacityError: there is too little memory.
        """
        ...

    def view(self, buffer: Any, begin: int, shape: tuple[int, ...]) -> Any:
        """A part of a buffer in C order."""
        ...

    def permuted(self, array: Any, axes: tuple[int, ...]) -> Any:
        """A view with its axes in another order."""
        ...

    def copy(self, out: Any, array: Any) -> Call:
        """Write an array into another of its shape, whatever their strides."""
        ...

    def product(self, out: Any, p: Any, q: Any) -> Call:
        """``out[b, i, j] = sum_k p[b, i, k] q[b, k, j]``.

        `out` is in C order, the others are so or with axes 1 and 2 exchanged.
        """
        ...

    def gathers(self, batch: int, rows: int, columns: int, summed: int) -> bool:
        """Whether a product of these lengths is best done with tensors where they lie, in whatever order."""
        ...

    def gathered(self, out: Any, p: Any, q: Any, orders: tuple[Order, Order, Order]) -> Call:
        """As `product`, for lengths that it `gathers`, with `out`, `p` and `q` in other orders.

        The first tells of each number of `out` in memory which one of [b, i, j] it is; the others where the numbers
        that p and q would have at a place lie instead.
        """
        ...

    def add(self, out: Any, array: Any) -> Call:
        """Add an array to another; both in C order."""
        ...

    def sequence(self, calls: Sequence[Call]) -> Call:
        """One call for all, in order."""
        ...

    def put(self, view: Any, values: NDArray[Any]) -> None:
        """Write numbers of the host, in C order, into a view."""
        ...

    def zero(self, view: Any) -> None:
        """Set to zero."""
        ...

    def get(self, view: Any) -> NDArray[Any]:
        """A copy on the host; waits for the device."""
        ...

    def active(self) -> AbstractContextManager[Any]:
        """Work is done on the device inside."""
        ...


class Copying:
    """A library whose products are of matrices in C order; tensors in other orders are copied first."""

    def gathers(self, batch: int, rows: int, columns: int, summed: int) -> bool:
        """Never: copies and BLAS are faster."""
        return False

    def gathered(self, out: Any, p: Any, q: Any, orders: tuple[Order, Order, Order]) -> Call:
        """See `ArrayModule`."""
        raise NotImplementedError("this library gathers nothing")


class NumPy(Copying):
    """Arrays of NumPy."""

    name = "numpy"
    title = "CPU"
    aligned = 64

    def room(self) -> int:
        """Bytes that are free."""
        return available_memory()

    def empty(self, size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """A buffer."""
        return np.empty(size, dtype)

    def view(self, buffer: Any, begin: int, shape: tuple[int, ...]) -> Any:
        """A part of it."""
        return buffer[begin : begin + int(np.prod(shape))].reshape(shape)

    def permuted(self, array: Any, axes: tuple[int, ...]) -> Any:
        """A view."""
        return array.transpose(axes)

    def copy(self, out: Any, array: Any) -> Call:
        """See `ArrayModule`."""
        return lambda: np.copyto(out, array)

    def product(self, out: Any, p: Any, q: Any) -> Call:
        """See `ArrayModule`."""
        if p.shape[2] == 1:
            return lambda: np.multiply(p, q, out=out)
        if len(out) == 1:
            out, p, q = out[0], p[0], q[0]
        return lambda: np.matmul(p, q, out=out)

    def add(self, out: Any, array: Any) -> Call:
        """See `ArrayModule`."""
        return lambda: np.add(out, array, out=out)

    def sequence(self, calls: Sequence[Call]) -> Call:
        """The calls one by one."""
        return one_by_one(calls)

    def put(self, view: Any, values: NDArray[Any]) -> None:
        """A copy."""
        view[...] = values

    def zero(self, view: Any) -> None:
        """Set to zero."""
        view[...] = 0

    def get(self, view: Any) -> NDArray[Any]:
        """A copy."""
        return np.array(view)

    def active(self) -> AbstractContextManager[Any]:
        """Nothing to do."""
        return nullcontext()


class Torch(Copying):
    """Tensors of PyTorch, on a GPU as CUDA graphs.

    Args:
        device: as PyTorch names it; None takes this rank's GPU where PyTorch can use one, else the CPU.
        graphs: whether sequences are captured on a GPU.

    Raises:
        MissingPackage: PyTorch is not installed, or cannot use the GPU that is asked for.
    """

    name = "torch"
    aligned = 256

    def __init__(self, device: str | None = None, *, graphs: bool = True) -> None:
        try:
            self.torch: Any = import_module("torch")
        except ImportError as error:
            raise MissingPackage(
                f"PyTorch is not installed ({error}): pip install torch, or take executor='compiled'"
            ) from error
        cuda = self.torch.cuda
        if device is None:
            device = f"cuda:{_gpu()}" if cuda.is_available() else "cpu"
        elif device.startswith("cuda") and not cuda.is_available():
            raise MissingPackage(
                f"PyTorch {self.torch.__version__} can use no GPU, and device is {device!r}; install a build of it for "
                "CUDA, or take device='cpu'"
            )
        self.device: Any = self.torch.device(device)
        self._on_gpu = self.device.type == "cuda"
        self._graphs = graphs and self._on_gpu
        self.stream: Any = cuda.Stream(self.device) if self._on_gpu else None
        self.title = cuda.get_device_name(self.device) if self._on_gpu else "CPU"

    def room(self) -> int:
        """Bytes that are free there; those that PyTorch keeps for itself among them."""
        if not self._on_gpu:
            return available_memory()
        cuda = self.torch.cuda
        free, _ = cuda.mem_get_info(self.device)
        return int(free + cuda.memory_reserved(self.device) - cuda.memory_allocated(self.device))

    def empty(self, size: int, dtype: np.dtype[Any]) -> Any:
        """A buffer.

        Raises:
            CapacityError: there is too little memory.
        """
        try:
            return self.torch.empty(size, dtype=getattr(self.torch, dtype.name), device=self.device)
        except self.torch.OutOfMemoryError as error:
            raise CapacityError(too_large(size * dtype.itemsize, self.title)) from error

    def view(self, buffer: Any, begin: int, shape: tuple[int, ...]) -> Any:
        """A part of it."""
        return buffer[begin : begin + int(np.prod(shape))].view(shape)

    def permuted(self, array: Any, axes: tuple[int, ...]) -> Any:
        """A view."""
        return array.permute(axes)

    def copy(self, out: Any, array: Any) -> Call:
        """See `ArrayModule`."""
        return lambda: out.copy_(array)

    def product(self, out: Any, p: Any, q: Any) -> Call:
        """See `ArrayModule`."""
        torch = self.torch
        if p.shape[2] == 1:
            return lambda: torch.mul(p, q, out=out)
        if len(out) == 1:
            out, p, q = out[0], p[0], q[0]
            return lambda: torch.mm(p, q, out=out)
        return lambda: torch.bmm(p, q, out=out)

    def add(self, out: Any, array: Any) -> Call:
        """See `ArrayModule`."""
        return lambda: out.add_(array)

    def sequence(self, calls: Sequence[Call]) -> Call:
        """One by one; on a GPU as one CUDA graph from the second time on, when all kernels are loaded."""
        every = one_by_one(calls)
        if not self._graphs or len(calls) < 2:
            return every
        graph: list[Any] = []
        times = 0

        def run() -> None:
            nonlocal times
            if times == 1:
                made = self.torch.cuda.CUDAGraph()
                with self.torch.cuda.graph(made, stream=self.stream):
                    every()
                graph.append(made)
            times += 1
            if graph:
                graph[0].replay()
            else:
                every()

        return run

    def put(self, view: Any, values: NDArray[Any]) -> None:
        """A copy there."""
        view.copy_(self.torch.from_numpy(values))

    def zero(self, view: Any) -> None:
        """Set to zero."""
        view.zero_()

    def get(self, view: Any) -> NDArray[Any]:
        """A copy here."""
        return np.array(view.cpu().numpy())

    def active(self) -> AbstractContextManager[Any]:
        """The stream is PyTorch's current one inside."""
        return nullcontext() if self.stream is None else self.torch.cuda.stream(self.stream)


def one_by_one(calls: Sequence[Call]) -> Call:
    """One call for several."""
    every = tuple(calls)

    def run() -> None:
        for call in every:
            call()

    return run


def too_large(needed: int, title: str) -> str:
    """What to say where a buffer does not fit."""
    from hybridq.contract.memory import shown

    return f"{title} has too little memory for a buffer of {shown(needed)}; set memory to less, for more slices"


def _gpu() -> int:
    from hybridq.contract.devices import gpu_of_rank

    return gpu_of_rank()
