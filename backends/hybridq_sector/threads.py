"""A few threads that share one piece of compiled work."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Team:
    """`size` threads, the caller's among them; made when first used, and again after a fork."""

    def __init__(self, size: int) -> None:
        self.size = max(1, size)
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0

    def run(self, work: Callable[[int, int, int], object], n_units: int, grain: int) -> None:
        """Call ``work(thread, first, last)`` so that the ranges cover n_units; ends are multiples of grain."""
        blocks = -(-n_units // grain)
        members = min(self.size, blocks)
        if members <= 1:
            if n_units:
                work(0, 0, n_units)
            return
        if self._pool is None or self._pid != os.getpid():
            self._pool = ThreadPoolExecutor(self.size - 1, thread_name_prefix="hybridq-sector")
            self._pid = os.getpid()
        edges = [min(n_units, grain * (blocks * m // members)) for m in range(members + 1)]
        others = [self._pool.submit(work, m, edges[m], edges[m + 1]) for m in range(1, members)]
        try:
            work(0, edges[0], edges[1])
        finally:
            for other in others:
                other.result()
