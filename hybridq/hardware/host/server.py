"""The host's side: requests from a pipe, answered by a device, each in a thread of its own."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from hybridq.contract.errors import HybridqError, InputError
from hybridq.hardware.device import Device, Remedy
from hybridq.hardware.host.calls import Calls
from hybridq.hardware.host.masking import masked
from hybridq.hardware.host.wire import PROTOCOL, line_of, message_of, read_version

PARENT_POLL = 1.0  # seconds between looks at whether the parent lives
LONGEST = 2000  # characters of an error's text


def serve(
    make: Callable[[Mapping[str, Any]], Device], requests: BinaryIO, answers: BinaryIO, version: str = ""
) -> None:
    """Answer requests until there are no more.

    Requests are answered as they are done, not in their order: one that hangs at the vendor's holds up no other.

    Args:
        make: the device, from options.
        requests, answers: lines of JSON; see `private_streams`.
        version: of hybridq.
    """
    server = _Server(make, answers)
    server.say({**versions(), "hybridq": version, "protocol": PROTOCOL})
    for line in requests:
        message = message_of(line)
        if message is None:
            print(f"hybridq host: {line[:60]!r} is no request", file=sys.stderr, flush=True)
            continue
        threading.Thread(target=server.answer, args=(message,), daemon=True).start()


def versions() -> dict[str, Any]:
    """What this process runs on; `qpy` is the newest version that it reads, None where it has no Qiskit."""
    import platform

    told: dict[str, Any] = {"python": platform.python_version(), "pid": os.getpid()}
    try:
        told["qpy"] = read_version()
        import qiskit

        told["qiskit"] = qiskit.__version__
    except ImportError:
        told["qpy"] = told["qiskit"] = None
    return told


def private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and stdout for us alone: what libraries print goes to stderr, and they find nothing to read."""
    sys.stdout.flush()
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def end_with_parent() -> None:
    """End this process soon after its parent, even where the pipe stays open in another process."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


class _Server:
    def __init__(self, make: Callable[[Mapping[str, Any]], Device], answers: BinaryIO) -> None:
        self._make = make
        self._answers = answers
        self._lock = threading.Lock()
        self._calls: Calls | None = None

    def say(self, message: Mapping[str, Any]) -> None:
        line = line_of(message)
        try:
            with self._lock:
                self._answers.write(line)
                self._answers.flush()
        except (BrokenPipeError, ValueError):  # nobody listens any more, or the pipe is closed
            os._exit(0)

    def answer(self, message: Mapping[str, Any]) -> None:
        number = message.get("id")
        try:
            value = self._value(str(message.get("call")), dict(message.get("with") or {}))
            line = {"id": number, "value": value}
        except BaseException as error:
            line = {"id": number, "error": self._told(error)}
        self.say(line)

    def _value(self, call: str, words: dict[str, Any]) -> Any:
        if call == "open":
            self._calls = Calls(self._make(words["options"]))
            return self._calls.about()
        if self._calls is None:
            raise InputError("the first request to a host is to open its device")
        return self._calls.do(call, words)

    def _told(self, error: BaseException) -> dict[str, Any]:
        """An error for the other side, with what the device says is to be done about it, and without secrets."""
        remedy = Remedy.GIVE_UP
        if isinstance(error, Exception) and not isinstance(error, HybridqError) and self._calls is not None:
            remedy = self._calls.remedy(error)
        return {
            "class": type(error).__name__,
            "ours": isinstance(error, HybridqError),
            "message": masked(str(error))[:LONGEST],
            "remedy": remedy.value,
            "retryable": bool(getattr(error, "retryable", False)),
        }
