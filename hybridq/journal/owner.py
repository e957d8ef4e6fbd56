"""One writer a run: a file that names the process that may write.

File locks are unreliable on network file systems, so ownership is a file created with O_EXCL. It names host,
process and a token, and the owner renews its time. A dead owner is told by its process number where that can be
looked up (same boot of the same host, same process namespace), else by a file time that stands still.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from hybridq.contract.errors import InputError

OWNER = "owner.json"
RENEW = 10.0  # seconds between renewals
STALE = 60.0  # seconds without renewal after which an owner that cannot be looked up counts as dead
NAMELESS = 10.0  # the same for a file that names no owner: its maker died before it could write into it
CHECK = 1.0  # seconds between looks at whether the file is still ours


class Owner:
    """Ownership of a run folder, from construction to `release`.

    Where an owner elsewhere cannot be looked up, construction waits: until its file is renewed (it lives) or
    has stood still for `STALE` seconds (it died), `NAMELESS` where the file does not say who owns.

    Raises:
        InputError: another living process owns the folder (named), or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / OWNER
        self.token = secrets.token_hex(8)
        self._checked = time.monotonic()
        self._stop = threading.Event()
        self._claim()
        self._thread = threading.Thread(target=self._renew, name="hybridq-owner", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise where another process has taken the run over; looks at the file at most every `CHECK` seconds."""
        if time.monotonic() - self._checked < CHECK:
            return
        self._checked = time.monotonic()
        if _read(self._path).get("token") != self.token:
            raise InputError(f"another process has taken over {self._folder}; this one stops writing")

    def release(self) -> None:
        """Give the folder up; safe to call twice."""
        self._stop.set()
        if _read(self._path).get("token") == self.token:
            with suppress(OSError):
                self._path.unlink()

    def _claim(self) -> None:
        for _ in range(20):
            try:
                fd = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                self._push_aside()
                continue
            except OSError as error:
                raise self._unwritable(error) from None
            try:
                with os.fdopen(fd, "w") as file:
                    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                    json.dump({**_here(os.getpid()), "token": self.token, "since": since}, file)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                with suppress(OSError):
                    self._path.unlink()
                raise self._unwritable(error) from None
            return
        raise InputError(f"{self._folder} is being taken over by other processes again and again; try later")

    def _push_aside(self) -> None:
        owner = _read(self._path)
        alive = _alive(owner)
        if alive is None:
            alive = self._renewed(STALE if owner else NAMELESS)
        if alive:
            owner = _read(self._path) or owner
            raise InputError(
                f"{self._folder} is being written by process {owner.get('pid')} on {owner.get('host')} since "
                f"{owner.get('since')}; wait for it or stop it first"
            )
        aside = self._path.with_name(f".{OWNER}.{self.token}")
        try:
            os.rename(self._path, aside)  # moves one file once: only one process gets past it
        except FileNotFoundError:
            return
        moved = _read(aside)
        if moved != owner:  # someone else was faster, and what was moved is a new owner's: give it back
            with suppress(FileExistsError):
                os.link(aside, self._path)
        aside.unlink()

    def _renewed(self, limit: float) -> bool:
        """Watch the file until it is renewed or released, or has stood still for `limit` seconds by its own clock."""
        try:
            first = self._path.stat().st_mtime
            while self._now() - first < limit:
                if self._path.stat().st_mtime != first:
                    return True
                time.sleep(min(1.0, limit / 10))
        except FileNotFoundError:
            return False
        return False

    def _now(self) -> float:
        """The file system's clock."""
        probe = self._folder / f".clock.{self.token}"
        try:
            probe.touch()
            now = probe.stat().st_mtime
            probe.unlink()
        except OSError as error:
            raise self._unwritable(error) from None
        return now

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(f"cannot write the run folder {self._folder}: {error.strerror or error}")

    def _renew(self) -> None:
        while not self._stop.wait(RENEW):
            with suppress(OSError):
                os.utime(self._path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _here(pid: int) -> dict[str, Any]:
    """Where a process number means this process: host, boot and process namespace, and when it began.

    One that has ended and waits for its parent to notice (a zombie) counts as gone: it writes no more.
    """
    place = {"host": socket.gethostname(), "pid": pid, "boot": None, "namespace": None, "started": None}
    with suppress(OSError, IndexError):
        place["boot"] = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        place["namespace"] = os.readlink("/proc/self/ns/pid")
        # After the command's name in parentheses: state is field 3, number of threads 20, start in ticks since boot 22.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ended = fields[0] in "ZX" and int(fields[17]) <= 1  # a thread that is stuck in a write may still finish it
        place["started"] = None if ended else fields[19]
    return place


def _alive(owner: dict[str, Any]) -> bool | None:
    """Whether the owner lives; None where this process cannot look it up."""
    pid = owner.get("pid")
    here = _here(pid if isinstance(pid, int) else os.getpid())
    if not isinstance(pid, int) or owner.get("host") != here["host"]:
        return None
    if here["boot"] is None:  # no /proc: ask for the number alone
        import psutil

        return bool(psutil.pid_exists(pid))
    if owner.get("boot") != here["boot"]:
        return False if owner.get("boot") else None
    return None if owner.get("namespace") != here["namespace"] else owner.get("started") == here["started"]
