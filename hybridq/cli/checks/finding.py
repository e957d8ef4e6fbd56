"""Finding: one line of the doctor's report."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hybridq.contract.errors import HybridqError

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        level: "ok"; "warn" where hybridq works with less; "fail" where something does not work.
        subject: what was looked at.
        text: what was found.
        remedy: what to do, empty where nothing is to be done.
    """

    level: Level
    subject: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.level:<5}{self.subject:<22} {self.text}"
        return f"{line}\n{'':<28}-> {self.remedy}" if self.remedy else line


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command that was asked something ended.

    Attributes:
        code: its exit code; None where it had to be stopped or could not be started.
        out: what it wrote to stdout.
        err: what it wrote to stderr, or why it could not be started.
    """

    code: int | None
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """The end of what it said, in one line."""
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        return " ".join(lines[-3:])[-400:] or "it said nothing"


def ask(command: Sequence[str], seconds: float, environ: Mapping[str, str] | None = None) -> Answer:
    """Run a command that may hang or crash, in a session of its own; it is killed with all it started."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environ,
            start_new_session=True,
        )
    except OSError as error:
        return Answer(None, "", f"cannot start {command[0]}: {error.strerror or error}")
    with process:
        try:
            out, err = process.communicate(timeout=seconds)
            return Answer(process.returncode, out, err)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Answer(None, "", f"no answer within {seconds:g} s")
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def collected(checks: Iterable[tuple[str, Callable[[], Iterable[Finding]]]]) -> list[Finding]:
    """The findings of all checks; one that fails itself becomes a finding and does not stop the others."""
    findings: list[Finding] = []
    for subject, check in checks:
        try:
            findings += check()
        except HybridqError as error:
            findings.append(Finding("fail", subject, str(error), "correct what it names"))
        except Exception as error:
            findings.append(
                Finding("fail", subject, f"could not be checked: {type(error).__name__}: {error}", "report this error")
            )
    return findings
