"""Pace: when the points of a scan should stop, asked before each evaluation."""

from __future__ import annotations

import time

from hybridq.loops.stopping import Stopping


class Pace:
    """Watches the time between evaluations on one rank, so that the last of them ends before the wall time.

    Attributes:
        worked: pieces of work begun on this rank in this life.
    """

    def __init__(self, stopping: Stopping) -> None:
        self.worked = 0
        self._stopping = stopping
        self._last: float | None = None

    def begin(self) -> str | None:
        """A new piece of work comes next; a reason to stop before it, or None."""
        self._last = None
        return self()

    def __call__(self) -> str | None:
        """A reason to stop before the next evaluation, or None."""
        now = time.monotonic()
        lasted = 0.0 if self._last is None else now - self._last
        reason = self._stopping.by_own_signal() or (self._stopping.on_root(lasted) if lasted else None)
        if reason is None:
            self._last = now
            self.worked += 1
        return reason
