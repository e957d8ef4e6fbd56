"""Calls to a vendor: each with a deadline of our own, made again where its error says that this may help."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hybridq.contract.errors import BackendError, HybridqError, InputError
from hybridq.contract.ticket import Stopped
from hybridq.hardware.device import Device, Remedy

T = TypeVar("T")
LISTEN = 0.2  # seconds between looks at whether to stop, while nothing can be done


@dataclass(frozen=True)
class Patience:
    """How long to wait for what.

    Attributes:
        call_seconds: for the answer to one call; clients of some vendors would wait for ever.
        trouble_seconds: for a vendor's service that fails, before giving up (the run can be resumed).
        first_pause, longest_pause: seconds before a call is made again; doubled from the first to the longest.
        poll_seconds, longest_poll: seconds between looks at a job; grow from the first to the longest.
        offline: what to do while the device is away: "wait" for ever, or "stop" (the run can be resumed).

    Raises:
        InputError: a time is not positive, or `offline` is something else.
    """

    call_seconds: float = 120.0
    trouble_seconds: float = 900.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    poll_seconds: float = 1.0
    longest_poll: float = 30.0
    offline: str = "wait"

    def __post_init__(self) -> None:
        for name in ("call_seconds", "trouble_seconds", "first_pause", "longest_pause", "poll_seconds", "longest_poll"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is in seconds and must be positive, got {getattr(self, name)!r}")
        if self.offline not in ("wait", "stop"):
            raise InputError(f'offline is "wait" or "stop", got {self.offline!r}')


class Late(Exception):
    """A call gave no answer in time; it may still be at work, and its answer is thrown away."""


class Answer(Generic[T]):
    """A call at work in a thread of its own, which does not keep the process alive."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._done = threading.Event()
        self._value: list[T] = []
        self._error: list[BaseException] = []
        self.began = time.monotonic()
        threading.Thread(target=self._work, args=(call,), daemon=True).start()

    def _work(self, call: Callable[[], T]) -> None:
        try:
            self._value.append(call())
        except BaseException as error:
            self._error.append(error)
        self._done.set()

    def wait(self, seconds: float) -> bool:
        """Whether there is an answer, after at most so long."""
        return self._done.wait(max(0.0, seconds))

    def get(self) -> T:
        """The answer, where there is one; raises what the call raised."""
        if self._error:
            raise self._error[0]
        return self._value[0]


class Caller:
    """Makes calls of one device.

    Args:
        device: whose `remedy` says what to do about an error.
        patience: how long to wait.
        should_stop: a reason to stop, or None.
    """

    def __init__(self, device: Device, patience: Patience, should_stop: Callable[[], str | None]) -> None:
        self.device = device
        self.patience = patience
        self.should_stop = should_stop

    def once(self, call: Callable[[], T]) -> T:
        """One try.

        Raises:
            Late: no answer in time.
            Stopped: the run is to stop meanwhile; the call may still be at work.
            Whatever the call raises.
        """
        answer = Answer(call)
        while not answer.wait(LISTEN):
            if time.monotonic() - answer.began > self.patience.call_seconds:
                raise Late(f"no answer in {self.patience.call_seconds:g} s")
        return answer.get()

    def read(self, what: str, call: Callable[[], T]) -> T:
        """A call that changes nothing at the vendor's, again and again while that may help.

        Raises:
            BackendError: it failed for good; the message names `what` and says what to do.
            Stopped: the run is to stop meanwhile.
        """
        trouble = Trouble(self, what)
        while True:
            try:
                return self.once(call)
            except HybridqError:
                raise
            except Exception as error:
                trouble.met(error)

    def remedy(self, error: Exception) -> Remedy:
        """What to do about an error; a device that cannot say is taken to be in trouble."""
        if isinstance(error, Late):
            return Remedy.LOOK
        try:
            return self.device.remedy(error)
        except Exception:
            return Remedy.GIVE_UP


class Trouble:
    """Errors of one request, one after the other: pauses that grow, and an end to patience."""

    def __init__(self, caller: Caller, what: str) -> None:
        self._caller = caller
        self._what = what
        self._began = time.monotonic()
        self._pause = caller.patience.first_pause

    def met(self, error: Exception) -> Remedy:
        """Wait as long as the error asks for, then say what its remedy was.

        Raises:
            BackendError: there is no point in trying again.
            Stopped: the run is to stop meanwhile.
        """
        patience = self._caller.patience
        remedy = self._caller.remedy(error)
        told = f"{self._caller.device.name}: {self._what} failed: {described(error)}"
        if remedy is Remedy.GIVE_UP:
            raise BackendError(f"{told}; the same request would fail again") from error
        if remedy is Remedy.ASK:
            raise BackendError(f"{told}; this needs you: check access, account and limits, then resume") from error
        if remedy is Remedy.WAIT and patience.offline == "stop":
            raise BackendError(f"{told}; the device is away: resume when it is back", retryable=True) from error
        if remedy is not Remedy.WAIT and time.monotonic() - self._began > patience.trouble_seconds:
            raise BackendError(
                f"{told}; this has lasted {patience.trouble_seconds:g} s: resume when the service is well again",
                retryable=True,
            ) from error
        self.pause(self._pause)
        self._pause = min(2 * self._pause, patience.longest_pause)
        return remedy

    def pause(self, seconds: float) -> None:
        """Wait, and listen.

        Raises:
            Stopped: the run is to stop.
        """
        until = time.monotonic() + seconds
        while True:
            reason = self._caller.should_stop()
            if reason is not None:
                raise Stopped(reason)
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, LISTEN))


def described(error: BaseException) -> str:
    """An error in one line of at most 300 characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def json_able(value: Any) -> Any:
    """The same with NumPy's numbers and arrays as Python's."""
    if isinstance(value, dict):
        return {str(k): json_able(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_able(v) for v in value]
    return value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value
