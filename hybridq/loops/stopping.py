"""Ending well: signals and wall time stop a loop before its next evaluation, never in the middle of one."""

from __future__ import annotations

import atexit
import contextlib
import math
import numbers
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from hybridq.comm import Comm
from hybridq.contract.errors import InputError

RESUMABLE = 75
"""EX_TEMPFAIL of sysexits.h: the run stopped in good order, and the same command goes on with it."""
INTERRUPTED = 130
"""128 + SIGINT: stopped in good order, with nothing to go on from."""
DEADLINE = "HYBRIDQ_DEADLINE"
SIGNALS: dict[int, int] = {1: signal.SIGINT, 2: signal.SIGTERM, 4: signal.SIGUSR1}
WRITING = 1.0  # seconds kept for the result and the plot
CAUTION = 1.25  # the next evaluation may take so many times the last
REPEATS = 30.0  # seconds after a stop in which its signal, sent again, is taken for the same one


class Interrupted(SystemExit):
    """A run was asked to stop and did, at a safe point: by a signal, its wall time or its caller.

    Left uncaught it ends the process with `code`, 75 where the run can be gone on with, on all ranks alike.

    Attributes:
        result: the best point so far; None where nothing was evaluated yet.
        reason: what stopped it, in words.
        code: 75 where there is a run folder, else 130.
        run: the run folder, or None.
        told: whether rank 0 has written on stderr that the run stopped.
    """

    def __init__(self, reason: str, result: Any = None, run: str | None = None) -> None:
        self.code: int = INTERRUPTED if run is None else RESUMABLE
        super().__init__(self.code)
        self.result = result
        self.reason = reason
        self.run = run
        self.told = False

    def __str__(self) -> str:
        energy = getattr(self.result, "energy", None)
        known = energy is not None and math.isfinite(energy)
        text = f"{self.reason}; "
        unit = getattr(self.result, "unit", "hartree")
        text += f"the best energy so far is {energy:.10f} {unit}".rstrip() if known else "no energy was evaluated yet"
        if self.run is not None:
            text += f"; all evaluations are kept in {self.run}, and the same command goes on from there"
        return text

    def __reduce__(self) -> Any:
        return type(self), (self.reason, self.result, self.run)


class Stopping:
    """Whether a loop should stop before its next evaluation.

    Args:
        comm: the ranks of the loop; a signal that reaches one of them stops all.
        wall_time: seconds from now; None where there is no limit. The environment variable `HYBRIDQ_DEADLINE`, a
            time in seconds since 1970, is a limit too.
        ask: called on rank 0 before each evaluation; a text that it returns stops the loop for that reason.

    Raises:
        InputError: wall time or deadline is no positive number of seconds.
    """

    def __init__(self, comm: Comm, wall_time: float | None = None, ask: Callable[[], str | None] | None = None) -> None:
        real = isinstance(wall_time, numbers.Real) and not isinstance(wall_time, bool)
        if wall_time is not None and not (real and math.isfinite(wall_time) and wall_time > 0):
            raise InputError(f"wall_time is in seconds and must be positive, got {wall_time!r}")
        self.comm = comm
        self.began = time.time()
        self.ask = ask
        limits = [limit for limit in (None if wall_time is None else self.began + wall_time, _deadline()) if limit]
        self.deadline = min(limits, default=None)
        self.short_of_time = False
        self._seen: set[int] = set()
        self._listening = False

    def on_root(self, next_seconds: float) -> str | None:
        """Why rank 0 alone would stop: its caller, or too little time for an evaluation of `next_seconds`."""
        reason = self.ask() if self.ask is not None else None
        if reason is None and self.deadline is not None:
            left = self.deadline - time.time()
            if left < CAUTION * next_seconds + WRITING:
                self.short_of_time = True
                return f"the wall time ends in {left:.0f} s" if left >= 0.5 else "the wall time has ended"
        return reason

    def by_signal(self) -> str | None:
        """Why the signals so far would stop it, as of the last verb; the same on all ranks."""
        return _told([number for bit, number in SIGNALS.items() if self.comm.flags & bit])

    def by_own_signal(self) -> str | None:
        """Why the signals that reached this rank, or too little time, would end its waiting."""
        return _told(sorted(self._seen)) or self.on_root(0.0)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take note of SIGINT, SIGTERM and SIGUSR1 meanwhile; a second SIGINT interrupts at once, as usual.

        Only the main thread can listen, and a handler of the program's own stays in place. A batch system may send
        SIGTERM or SIGUSR1 again while the process is on its way out: for `REPEATS` seconds that changes nothing.
        """
        kept: dict[int, Any] = {}
        if self._listening:  # already, as from the beginning to the end of `run`
            yield
            return
        if threading.current_thread() is threading.main_thread():
            for bit, number in SIGNALS.items():
                usual = signal.getsignal(number)
                if isinstance(usual, _Repeated):
                    usual = signal.SIG_DFL
                if usual in (signal.SIG_DFL, signal.default_int_handler):
                    kept[number] = usual
                    signal.signal(number, self._handler(bit))
        self._listening = bool(kept)
        try:
            yield
        finally:
            self._listening = False
            for number, usual in kept.items():
                heard = number in self._seen and number != signal.SIGINT
                signal.signal(number, _Repeated() if heard else usual)

    def _handler(self, bit: int) -> Callable[[int, FrameType | None], None]:
        def noted(number: int, frame: FrameType | None) -> None:
            again = number == signal.SIGINT and number in self._seen
            self._seen.add(number)
            self.comm.raise_flag(bit)
            if again:
                raise KeyboardInterrupt
            if number == signal.SIGINT and sys.stderr.isatty():
                os.write(2, b"\nhybridq: stopping after this evaluation; press Ctrl-C again to stop at once\n")

        return noted


class _Repeated:
    """Takes no notice of a signal for a while, nor when the program ends; else it does as the system by default."""

    def __init__(self) -> None:
        self._until = time.monotonic() + REPEATS
        atexit.register(self._at_exit)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if time.monotonic() > self._until:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _at_exit(self) -> None:
        # Python gives its handlers back to the system on its way out, but leaves alone what is ignored.
        for number in SIGNALS.values():
            if signal.getsignal(number) is self:
                signal.signal(number, signal.SIG_IGN)


def _told(heard: Sequence[int]) -> str | None:
    names = [signal.Signals(number).name for number in heard]
    if not names:
        return None
    return "interrupted" if names == ["SIGINT"] else f"stopped by {' and '.join(names)}"


def _deadline() -> float | None:
    text = os.environ.get(DEADLINE, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{DEADLINE} must be a time in seconds since 1970, as `date +%s` gives it; got {text!r}")
    return value
