"""The part of CuPy that `CuPy` calls, on the CPU: kernels compiled by the host's C compiler, cuBLAS by SciPy's BLAS.

A stream that captures only notes what is called, and refuses cuBLAS, as CuPy does; a graph replays it.
"""

from __future__ import annotations

import ctypes
import subprocess
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace

import numpy as np
from scipy.linalg import blas

from hybridq_tensornet.cupy_kernels import THREADS, c_source

GEMM = {0: blas.sgemm, 1: blas.dgemm, 4: blas.cgemm, 5: blas.zgemm}
DTYPES = {0: np.float32, 1: np.float64, 4: np.complex64, 5: np.complex128}


class Array(np.ndarray):
    @property
    def data(self):
        return SimpleNamespace(ptr=self.__array_interface__["data"][0])

    def set(self, values, stream=None):
        assert values.dtype == self.dtype
        assert values.shape == self.shape
        self[...] = values

    def get(self, stream=None):
        return np.array(self, subok=False)


class Stream:
    def __init__(self, non_blocking=False):
        self.captured = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def begin_capture(self):
        self.captured = []

    def end_capture(self):
        calls, self.captured = self.captured, None
        return SimpleNamespace(launch=lambda stream: [call() for call in calls], nodes=len(calls))


class Twin(ModuleType):
    """The module; `log` says what was done."""

    def __init__(self, folder):
        super().__init__("cupy")
        self.folder, self.log = folder, []
        self.streams = []
        self.cuda = SimpleNamespace(
            Device=lambda index: nullcontext(),
            Stream=self._stream,
            runtime=SimpleNamespace(
                memGetInfo=lambda: (1 << 30, 1 << 31), getDeviceProperties=lambda index: {"name": b"a twin"}
            ),
            memory=SimpleNamespace(OutOfMemoryError=MemoryError),
        )
        self.cublas = SimpleNamespace(gemmStridedBatchedEx=self._gemm, CUBLAS_GEMM_DEFAULT=-1)
        self.device = SimpleNamespace(get_cublas_handle=lambda: 1)
        self._libraries = {}

    def _stream(self, non_blocking=False):
        assert non_blocking  # the only kind that can be captured
        self.streams.append(Stream())
        return self.streams[-1]

    def _do(self, name, call):
        for stream in self.streams:
            if stream.captured is not None:
                assert name != "gemm", "calling cuBLAS API during stream capture is currently unsupported"
                stream.captured.append(call)
                return
        self.log.append(name)
        call()

    def get_default_memory_pool(self):
        return SimpleNamespace(free_bytes=lambda: 0)

    def empty(self, size, dtype):
        if size * np.dtype(dtype).itemsize > 1 << 28:
            raise MemoryError
        return np.full(size, np.nan, dtype).view(Array)

    def asarray(self, values):
        return np.array(values).view(Array)

    def copyto(self, out, array):
        self._do("copy", lambda: np.copyto(out, array))

    def add(self, x, y, out):
        self._do("add", lambda: np.add(x, y, out=out))

    def RawKernel(self, source, name):  # noqa: N802
        dtype = next(d for d in ("float32", "float64", "complex64", "complex128") if _head(d) in source)
        if dtype not in self._libraries:
            text, library = self.folder / f"{dtype}.c", self.folder / f"{dtype}.so"
            text.write_text(c_source(dtype))
            subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, text], check=True)
            self._libraries[dtype] = ctypes.CDLL(str(library)).each_number
        function = self._libraries[dtype]

        def launch(grid, block, args):
            out, p, q, *numbers = args[:13]
            orders = args[13:]
            assert all(table.dtype == np.int64 for table in orders[::2])
            numbers = [*numbers, *orders[1::2]]
            assert block == (THREADS,)
            assert all(isinstance(number, np.int64) for number in numbers)
            pointers = [ctypes.c_void_p(x.data.ptr) for x in (out, p, q)]
            sizes = [ctypes.c_longlong(int(number)) for number in numbers[:10]]
            for table, n in zip(orders[::2], orders[1::2], strict=True):
                sizes += [ctypes.c_void_p(table.data.ptr), ctypes.c_longlong(int(n))]
            self._do(name + (" gathered" if any(orders[1::2]) else ""), lambda: function(*pointers, *sizes))

        return launch

    def _gemm(
        self, handle, turn_a, turn_b, m, n, k, one, a, kind_a, lda, step_a, b, kind_b, ldb, step_b, zero, c, kind_c,
        ldc, step_c, batch, compute, algorithm,
    ):  # fmt: skip
        """``C = op(A) op(B)``, column by column."""
        assert kind_a == kind_b == kind_c == compute
        dtype = np.dtype(DTYPES[compute])

        def matrix(pointer, number, step, rows, columns, lead):
            assert lead >= rows
            size = lead * (columns - 1) + rows
            address = pointer + number * step * dtype.itemsize
            flat = np.frombuffer((ctypes.c_char * (size * dtype.itemsize)).from_address(address), dtype)
            return np.lib.stride_tricks.as_strided(flat, (rows, columns), (dtype.itemsize, lead * dtype.itemsize))

        def run():
            for i in range(batch):
                x = matrix(a, i, step_a, *((k, m) if turn_a else (m, k)), lda)
                y = matrix(b, i, step_b, *((n, k) if turn_b else (k, n)), ldb)
                found = GEMM[compute](1.0, np.asfortranarray(x), np.asfortranarray(y), trans_a=turn_a, trans_b=turn_b)
                matrix(c, i, step_c, m, n, ldc)[...] = found

        self._do("gemm", run)


def _head(dtype):
    from hybridq_tensornet.cupy_kernels import TYPES

    real, is_complex = TYPES[dtype]
    return f"#define REAL {real}\n#define COMPLEX {is_complex}\n"
