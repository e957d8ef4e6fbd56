"""A host as a child process: requests to its stdin, answers from its stdout, its last words from stderr."""

from __future__ import annotations

import os
import subprocess
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from hybridq.contract import errors
from hybridq.contract.errors import BackendError, HybridqError
from hybridq.hardware.device import Remedy
from hybridq.hardware.host.masking import masked
from hybridq.hardware.host.wire import PROTOCOL, line_of, message_of, wire_version

HELLO_SECONDS = 120.0
END_SECONDS = 2.0
CHATTER = 200  # lines before the first message, such as a site's greeting
LAST_WORDS = 12  # lines of stderr
NOT_PASSED = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Environment variables of this environment, which would lead the other's Python to packages of this one."""


class HostLost(Exception):
    """The host ended while a request was under way; the vendor may have got it."""


class HostError(Exception):
    """An error of the vendor's client, met in the host; the text begins with the name of its class.

    Attributes:
        remedy: what the device says is to be done about it.
        kind: the name of its class.
    """

    def __init__(self, kind: str, message: str, remedy: Remedy) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind
        self.remedy = remedy


class Child:
    """A running host.

    Args:
        python: the other environment's interpreter.
        name: of the backend there.

    Raises:
        BackendError: it does not start, or does not speak as this side does; the message says why.
    """

    def __init__(self, python: str, name: str) -> None:
        self._what = f"the host of {name!r} in {python}"
        self._lock = threading.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._next = 0
        self._lost: str | None = None
        self._words: deque[str] = deque(maxlen=LAST_WORDS)
        try:
            # A session of its own, so that Ctrl-C at a terminal ends a run in good order and not its host first.
            self._process = subprocess.Popen(
                [python, "-P", "-m", "hybridq", "host", name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={key: value for key, value in os.environ.items() if key not in NOT_PASSED},
                start_new_session=True,
            )
        except OSError as error:
            raise BackendError(f"{self._what} cannot be started: {error}; is this a Python?") from error
        self._listening = threading.Thread(target=self._listen_to_stderr, daemon=True)
        self._listening.start()
        try:
            self.hello = self._hello()
        except BaseException:
            self.end()
            raise
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._lost is None and self._process.poll() is None

    def ask(self, call: str, words: Mapping[str, Any], seconds: float | None = None) -> Any:
        """The answer to a request.

        Args:
            call: see `hybridq.hardware.host.calls`.
            words: its arguments.
            seconds: to wait; None waits as long as the host lives.

        Raises:
            HostLost: the host ended, or spoke nonsense.
            HostError: the vendor's client raised something.
            HybridqError: as on the other side.
            BackendError: no answer in time.
        """
        with self._lock:
            if self._lost is not None:
                raise HostLost(self._lost)
            number, self._next = self._next, self._next + 1
            waiting = self._waiting[number] = _Waiting()
            try:
                assert self._process.stdin is not None
                self._process.stdin.write(line_of({"id": number, "call": call, "with": words}))
                self._process.stdin.flush()
            except (OSError, ValueError):
                pass  # it has ended; the reader finds that out, and why
        if not waiting.done.wait(seconds):
            raise BackendError(f"{self._what} gave no answer to {call!r} in {seconds:g} s", retryable=True)
        if waiting.error is not None:
            raise waiting.error
        return waiting.value

    def end(self) -> None:
        """Let it end; after a moment, end it."""
        for stream in (self._process.stdin,):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                pass
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _hello(self) -> dict[str, Any]:
        # Whoever does not speak in time is ended, which ends the reading below.
        timer = threading.Timer(HELLO_SECONDS, self._process.kill)
        timer.daemon = True
        timer.start()
        assert self._process.stdout is not None
        said: list[str] = []
        try:
            for line in self._process.stdout:
                message = message_of(line)
                if message is not None and "protocol" in message:
                    self._check(message)
                    return message
                said.append(line.decode(errors="replace").strip())
                if len(said) > CHATTER:
                    self._process.kill()
                    break
        finally:
            timer.cancel()
        raise BackendError(
            f"{self._what} did not begin to speak: {self._ending(said)}. That Python needs hybridq, as new as here, "
            "and Qiskit; try it: PYTHON -m hybridq backends"
        )

    def _check(self, hello: Mapping[str, Any]) -> None:
        from hybridq import __version__

        if hello["protocol"] != PROTOCOL:
            raise BackendError(
                f"{self._what} is hybridq {hello.get('hybridq')} and speaks protocol {hello['protocol']}; hybridq "
                f"{__version__} here speaks {PROTOCOL}: install the same hybridq in both"
            )
        if hello.get("qpy") is None:
            raise BackendError(f"{self._what} has no Qiskit; install the vendor's package there, which brings it")
        if hello["qpy"] < wire_version():
            raise BackendError(
                f"{self._what} has Qiskit {hello.get('qiskit')}, which reads circuits of QPY {hello['qpy']} at most, "
                f"and Qiskit here writes {wire_version()} at least; install a newer Qiskit there or an older one here"
            )

    def _read(self) -> None:
        assert self._process.stdout is not None
        nonsense = ""
        for line in self._process.stdout:
            message = message_of(line)
            if message is None or "id" not in message:
                nonsense = f" (it wrote {masked(line[:80].decode(errors='replace').strip())!r} where an answer was due)"
                self._process.kill()
                break
            self._deliver(message)
        self._process.wait()
        told = f"{self._what} ended{nonsense}: {self._ending([])}"
        with self._lock:
            self._lost = told
            left, self._waiting = self._waiting, {}
        for waiting in left.values():
            waiting.fail(HostLost(told))

    def _deliver(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            waiting = self._waiting.pop(message["id"], None)
        if waiting is None:
            return
        if "error" in message:
            waiting.fail(_error(message["error"]))
        else:
            waiting.value = message.get("value")
            waiting.done.set()

    def _listen_to_stderr(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._words.append(line.decode(errors="replace").strip())

    def _ending(self, said: list[str]) -> str:
        """How it ended, and its last words."""
        code = self._process.wait()
        self._listening.join(1.0)
        words = masked(" / ".join(word for word in [*said[-3:], *self._words] if word))[-600:]
        return f"{f'signal {-code}' if code < 0 else f'exit code {code}'}{f', last words: {words}' if words else ''}"


class _Waiting:
    """A request without an answer yet."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.value: Any = None
        self.error: Exception | None = None

    def fail(self, error: Exception) -> None:
        self.error = error
        self.done.set()


def _error(told: Mapping[str, Any]) -> Exception:
    """An error of the other side: as hybridq's own class, or as a `HostError`."""
    kind, message = str(told["class"]), str(told["message"])
    if told.get("ours"):
        found = getattr(errors, kind, BackendError)
        if found is BackendError:
            return BackendError(message, retryable=bool(told.get("retryable")))
        if isinstance(found, type) and issubclass(found, HybridqError):
            return found(message)
    return HostError(kind, message, Remedy(told.get("remedy", "give up")))
