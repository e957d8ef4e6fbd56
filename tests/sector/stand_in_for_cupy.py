"""The part of CuPy that the sector engine calls, over NumPy and the kernels built as C.

It shows that arguments, shared memory, streams and captured graphs are used as CuPy's own documentation says; nothing
about a GPU. The tests named "cupy" run on the real one where there is a GPU.
"""

from __future__ import annotations

import re
import time
from types import SimpleNamespace

import numpy as np
from kernels_in_c import CLaunch

from hybridq_sector.gpu_passes import SOURCE

STATIC_LIMIT, OPTIN_LIMIT = 48 * 1024, 227 * 1024


class DeviceArray(np.ndarray):
    """An array that must be fetched by `get`."""

    def get(self):
        assert Stream.current.captured is None, "a transfer in a capture"
        return np.array(self)


class Graph:
    def __init__(self, work):
        self._work = work

    def launch(self, stream=None):
        for call in self._work:
            call()


class Stream:
    """Collects launches while it captures."""

    current: Stream

    def __init__(self, *, non_blocking=False):
        self.captured, self.captures = None, 0

    def __enter__(self):
        self._outer, Stream.current = Stream.current, self
        return self

    def __exit__(self, *_):
        Stream.current = self._outer

    def begin_capture(self):
        self.captured = []

    def end_capture(self):
        work, self.captured = self.captured, None
        self.captures += 1
        return Graph(work)


Stream.current = Stream()


class Device:
    def __init__(self, index):
        assert index == 0
        self.attributes = {"MaxSharedMemoryPerBlockOptin": OPTIN_LIMIT}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class RawKernel:
    def __init__(self, launch, name, n_arguments):
        self._launch, self._name, self._n = launch, name, n_arguments
        self.max_dynamic_shared_size_bytes = STATIC_LIMIT

    def __call__(self, grid, block, args, *, shared_mem=0):
        assert len(args) == self._n
        assert all(isinstance(x, DeviceArray | np.int64) for x in args)
        assert shared_mem <= self.max_dynamic_shared_size_bytes <= OPTIN_LIMIT

        def work():
            self._launch(self._name, *grid, *block, shared_mem, *args)

        captured = Stream.current.captured
        work() if captured is None else captured.append(work)


class RawModule:
    def __init__(self, *, code, options):
        assert code == SOURCE.read_text()
        given = dict(re.findall(r"-D(\w+)=(\d)", " ".join(options)))
        self._launch = CLaunch(int(given["PLANES"]), given["NARROW"] == "1")
        self._arguments = {
            name: text.count(",") + 1 for name, text in re.findall(r"^KERNEL (\w+)\(([^)]*)\)", code, re.MULTILINE)
        }

    def get_function(self, name):
        return RawKernel(self._launch, name, self._arguments[name])


class Event:
    def record(self, stream):
        self.time = time.perf_counter()

    def synchronize(self):
        pass


def _zeros(shape):
    return np.zeros(shape).view(DeviceArray)


cupy = SimpleNamespace(
    zeros=_zeros,
    ones=lambda shape: np.ones(shape).view(DeviceArray),
    asarray=lambda x: np.array(x).view(DeviceArray),
    matmul=np.matmul,
    RawModule=RawModule,
    get_default_memory_pool=lambda: SimpleNamespace(free_bytes=lambda: 1 << 20),
    cuda=SimpleNamespace(
        Device=Device,
        Stream=Stream,
        Event=Event,
        get_elapsed_time=lambda a, b: 1e3 * (b.time - a.time),
        runtime=SimpleNamespace(memGetInfo=lambda: (8 << 30, 16 << 30)),
    ),
)
