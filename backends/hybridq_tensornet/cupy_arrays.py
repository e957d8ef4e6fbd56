"""Arrays of CuPy on one GPU and one stream: small products by kernels of ours, large ones by cuBLAS.

CuPy refuses to call cuBLAS while a CUDA graph is captured, so a sequence becomes graphs of what lies between such
calls; one graph where all products are small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import groupby
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import CapacityError
from hybridq_tensornet.array_modules import Call, Order, one_by_one, too_large
from hybridq_tensornet.cupy_kernels import THREADS, source

LONG_SUM = 64  # terms of a sum that one thread adds up by itself
FEW = 4096  # numbers up to which each one of a product may have a block of threads for itself
WORK = 1 << 21  # products from which cuBLAS is worth its launch ...
SIDE = 16  # ... where each side is at least this long
MOST_BLOCKS = 1 << 16


class Library:
    """A call of cuBLAS, which no graph can hold."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def __call__(self) -> None:
        """Queue it."""
        self._call()


class CuPy:
    """A GPU through CuPy.

    Args:
        cupy: the module; see `hybridq.contract.devices.require_cupy`.
        device: index of the GPU.
        graphs: whether sequences are captured.
    """

    name = "cupy"
    aligned = 256

    def __init__(self, cupy: Any, device: int, *, graphs: bool = True) -> None:
        self.cupy = cupy
        self._device = cupy.cuda.Device(device)
        self._graphs = graphs
        self._kernels: dict[tuple[str, str], Any] = {}
        self._tables: dict[Order, Any] = {}
        with self._device:
            self.stream = cupy.cuda.Stream(non_blocking=True)
            self.title = str(cupy.cuda.runtime.getDeviceProperties(device)["name"].decode())

    def room(self) -> int:
        """Bytes that may still be taken: free ones of the GPU, and those that CuPy keeps for itself."""
        with self._device:
            free, _ = self.cupy.cuda.runtime.memGetInfo()
            return int(free + self.cupy.get_default_memory_pool().free_bytes())

    def empty(self, size: int, dtype: np.dtype[Any]) -> Any:
        """A buffer.

        Raises:
            CapacityError: there is too little memory.
        """
        try:
            return self.cupy.empty(size, dtype)
        except self.cupy.cuda.memory.OutOfMemoryError as error:
            raise CapacityError(too_large(size * dtype.itemsize, self.title)) from error

    def view(self, buffer: Any, begin: int, shape: tuple[int, ...]) -> Any:
        """A part of it."""
        return buffer[begin : begin + prod(shape)].reshape(shape)

    def permuted(self, array: Any, axes: tuple[int, ...]) -> Any:
        """A view."""
        return array.transpose(axes)

    def copy(self, out: Any, array: Any) -> Call:
        """See `ArrayModule`."""
        return lambda: self.cupy.copyto(out, array)

    def add(self, out: Any, array: Any) -> Call:
        """See `ArrayModule`."""
        return lambda: self.cupy.add(out, array, out=out)

    def product(self, out: Any, p: Any, q: Any) -> Call:
        """See `ArrayModule`."""
        batch, rows, columns = out.shape
        if self.gathers(batch, rows, columns, p.shape[2]):
            return self.gathered(out, p, q, ((), (), ()))
        return Library(self._gemm(out, p, q))

    def gathers(self, batch: int, rows: int, columns: int, summed: int) -> bool:
        """Whether it is too small for cuBLAS."""
        if summed > LONG_SUM:
            return batch * rows * columns <= FEW
        return batch * rows * columns * summed < WORK or min(rows, columns, summed) < SIDE

    def gathered(self, out: Any, p: Any, q: Any, orders: tuple[Order, Order, Order]) -> Call:
        """By a kernel; see `ArrayModule`."""
        if p.shape[2] > LONG_SUM:
            return self._kernel("shared_sum", out, p, q, orders, blocks=out.size)
        return self._kernel("each", out, p, q, orders, blocks=-(-out.size // THREADS))

    def _kernel(self, name: str, out: Any, p: Any, q: Any, orders: tuple[Order, Order, Order], *, blocks: int) -> Call:
        dtype = np.dtype(out.dtype).name
        if (dtype, name) not in self._kernels:
            self._kernels[dtype, name] = self.cupy.RawKernel(source(dtype), name)
        kernel = self._kernels[dtype, name]
        itemsize = np.dtype(out.dtype).itemsize
        sizes = (out.size, out.shape[1], out.shape[2], p.shape[2])
        steps = [s // itemsize for s in (*p.strides, *q.strides)]
        args: list[Any] = [out, p, q, *(np.int64(x) for x in (*sizes, *steps))]
        for order in orders:
            args += [self._table(order), np.int64(len(order))]
        grid = (min(MOST_BLOCKS, blocks),)
        every = tuple(args)
        return lambda: kernel(grid, (THREADS,), every)

    def _table(self, order: Order) -> Any:
        """An order on the GPU, equal ones once."""
        if order not in self._tables:
            self._tables[order] = self.cupy.asarray(np.array(order or ((1, 0),), np.int64))
        return self._tables[order]

    def _gemm(self, out: Any, p: Any, q: Any) -> Call:
        """By cuBLAS, which takes matrices column by column: ``out^T = q^T p^T``."""
        cublas: Any = import_module("cupy_backends.cuda.libs.cublas")
        device: Any = import_module("cupy.cuda.device")
        dtype = np.dtype(out.dtype)
        kind = {"f": 0, "d": 1, "F": 4, "D": 5}[dtype.char]  # cudaDataType, library_types.h
        one, zero = np.ones((), dtype), np.zeros((), dtype)
        n_b, n_i, n_j = out.shape
        n_k = p.shape[2]

        def side(array: Any) -> tuple[int, int, int]:
            """Whether it is turned, its leading dimension, and the step between matrices."""
            _, n_rows, n_columns = array.shape
            turned = n_columns > 1 and array.strides[2] != dtype.itemsize
            return int(turned), n_rows if turned else n_columns, n_rows * n_columns

        p_turned, p_lead, p_step = side(p)
        q_turned, q_lead, q_step = side(q)

        def call() -> None:
            cublas.gemmStridedBatchedEx(
                device.get_cublas_handle(), q_turned, p_turned, n_j, n_i, n_k,
                one.ctypes.data, q.data.ptr, kind, q_lead, q_step, p.data.ptr, kind, p_lead, p_step,
                zero.ctypes.data, out.data.ptr, kind, n_j, n_i * n_j, n_b, kind, cublas.CUBLAS_GEMM_DEFAULT,
            )  # fmt: skip

        return call

    def sequence(self, calls: Sequence[Call]) -> Call:
        """The calls in order; from the second time on, when all kernels are loaded, as CUDA graphs."""
        every = one_by_one(calls)
        if not self._graphs:
            return every
        parts = [(library, list(part)) for library, part in groupby(calls, lambda call: isinstance(call, Library))]
        replays: list[Call] = []
        times = 0

        def run() -> None:
            nonlocal times
            if times == 1:
                for library, part in parts:
                    replays.append(one_by_one(part) if library or len(part) == 1 else self._captured(part))
            times += 1
            for call in replays or (every,):
                call()

        return run

    def _captured(self, calls: Sequence[Call]) -> Call:
        """A CUDA graph of some calls."""
        self.stream.begin_capture()
        try:
            for call in calls:
                call()
        finally:
            graph = self.stream.end_capture()
        return lambda: graph.launch(self.stream)

    def put(self, view: Any, values: NDArray[Any]) -> None:
        """A copy there."""
        view.set(values, stream=self.stream)

    def zero(self, view: Any) -> None:
        """Set to zero."""
        if view.size:
            view.fill(0)

    def get(self, view: Any) -> NDArray[Any]:
        """A copy here; waits for what is queued."""
        return np.asarray(view.get(stream=self.stream))

    @contextmanager
    def active(self) -> Iterator[None]:
        """The GPU and the stream are CuPy's current ones inside."""
        with self._device, self.stream:
            yield
