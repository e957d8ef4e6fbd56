"""A worker that stays alive: one line in, one line out, each within a time."""

from __future__ import annotations

import json
import selectors
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.running import ROOT, end, failure


class Late(Exception):
    """The answer did not come in time; the worker was ended."""


class Standing:
    """A process that answers each line of standard input by one line of JSON."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors, text=True, bufsize=1, start_new_session=True,
        )  # fmt: skip

    def ask(self, line: str, limit: float) -> dict[str, Any]:
        """Send a line and wait for the answer, at most `limit` seconds.

        Raises:
            Late: it took longer.
            RuntimeError: the worker ended, or answered something else; the message says why.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(self._why()) from None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(max(limit, 0.0)):
                self.close()
                raise Late
        answer = self._process.stdout.readline()
        try:
            return dict(json.loads(answer))
        except ValueError:
            raise RuntimeError(self._why() if not answer else f"answered {answer[:200]!r}") from None

    def close(self) -> None:
        """End the process with all its children."""
        end(self._process)
        self._errors.close()

    def _why(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        return failure(code, self._errors.read())
