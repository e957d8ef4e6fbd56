"""The GPU kernels' own source built by the C compiler, so that their arithmetic and indexing run without a GPU."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np

from hybridq_sector.gpu_passes import SOURCE

COMPILER = shutil.which("cc") or shutil.which("gcc")
ROOM = 1 << 15  # doubles of shared memory
SHIM = f"""
#include <math.h>
#include <pthread.h>
typedef long long Int;
static double shared_memory[{ROOM}];
static _Thread_local Int BLOCK, BLOCKS, THREAD, THREADS;
static pthread_barrier_t barrier;
#define GUARD 64
#define KERNEL void
#define INSIDE static inline
#define SYNC do {{ if (THREADS > 1) pthread_barrier_wait(&barrier); }} while (0)
void start_block(Int threads, Int used) {{
    for (Int i = 0; i < used + GUARD && i < {ROOM}; ++i) shared_memory[i] = i < used ? NAN : 1.25;
    if (threads > 1) pthread_barrier_init(&barrier, 0, (unsigned)threads);
}}
Int end_block(Int threads, Int used) {{
    if (threads > 1) pthread_barrier_destroy(&barrier);
    for (Int i = used; i < used + GUARD && i < {ROOM}; ++i) if (shared_memory[i] != 1.25) return 1;
    return 0;
}}
void enter(Int block, Int blocks, Int thread, Int threads) {{
    BLOCK = block; BLOCKS = blocks; THREAD = thread; THREADS = threads;
}}
"""


@cache
def library(planes: int, narrow: bool) -> ctypes.CDLL:
    """The kernels for so many planes and 16-bit places or not."""
    folder = Path(tempfile.mkdtemp(prefix="hybridq-kernels-"))
    source, target = folder / "kernels.c", folder / "kernels.so"
    source.write_text(f"#define PLANES {planes}\n#define NARROW {int(narrow)}\n{SHIM}\n{SOURCE.read_text()}")
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-unused-function"]
    subprocess.run(
        [str(COMPILER), *flags, "-shared", "-fPIC", str(source), "-o", str(target), "-lm", "-lpthread"], check=True
    )
    found = ctypes.CDLL(str(target))
    shutil.rmtree(folder)
    return found


class CLaunch:
    """Runs the blocks of a launch one after the other, each with `threads` threads whatever the launch asks for.

    `most_blocks`: kernels that keep nothing by block get so many at most, as if units were far more.
    """

    def __init__(
        self,
        planes: int,
        narrow: bool,
        threads: int = 1,
        shared_limit: int = 8 * ROOM,
        most_blocks: int = 1 << 31,
    ) -> None:
        self._most_blocks = most_blocks
        self._library, self._threads, self.shared_limit = library(planes, narrow), threads, shared_limit
        self._pool = ThreadPoolExecutor(threads)
        self.names: set[str] = set()

    def __call__(self, name, blocks, threads, shared, *args):
        assert 0 < blocks < 2**31
        assert threads in range(32, 513, 32)
        assert shared <= self.shared_limit
        self.names.add(name)
        if name not in ("rows_back", "dot"):
            blocks = min(blocks, self._most_blocks)
        call = getattr(self._library, name)
        given = []
        for x in args:
            if isinstance(x, np.ndarray):
                assert x.flags.c_contiguous
                given.append(ctypes.c_void_p(x.ctypes.data))
            else:
                given.append(ctypes.c_longlong(int(x)))

        number, used = ctypes.c_longlong(self._threads), ctypes.c_longlong(shared // 8)

        def work(block: int, thread: int) -> None:
            self._library.enter(ctypes.c_longlong(block), ctypes.c_longlong(blocks), ctypes.c_longlong(thread), number)
            call(*given)

        for block in range(blocks):
            self._library.start_block(number, used)
            if self._threads == 1:
                work(block, 0)
            else:
                list(self._pool.map(work, [block] * self._threads, range(self._threads)))
            assert not self._library.end_block(number, used), f"{name} wrote beyond its shared memory"
