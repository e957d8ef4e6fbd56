"""One writer a run: a file that names the process that may write.

File locks are unreliable on network file systems, so ownership is a file created with O_EXCL. It holds host,
process and a token; the owner renews the file's time. A dead owner on this host is told by its process number;
on another host, by a file time that is older than `STALE` by the file system's own clock.
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
RENEW = 20.0  # seconds between renewals
STALE = 120.0  # seconds without renewal after which an owner on another host counts as dead


class Owner:
    """Ownership of a run folder, from construction to `release`.

    Raises:
        InputError: another living process owns the folder (named), or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / OWNER
        self.token = secrets.token_hex(8)
        self._lost = False
        self._stop = threading.Event()
        self._claim(folder)
        self._thread = threading.Thread(target=self._renew, name="hybridq-owner", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise where another process has taken the run over."""
        if self._lost:
            raise InputError(f"another process has taken over {self._path.parent}; this one stops writing")

    def release(self) -> None:
        """Give the folder up; safe to call twice."""
        self._stop.set()
        if _read(self._path).get("token") == self.token:
            with suppress(OSError):
                self._path.unlink()

    def _claim(self, folder: Path) -> None:
        for _ in range(20):
            try:
                fd = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                self._push_aside(folder)
                continue
            except OSError as error:
                raise InputError(f"cannot write the run folder {folder}: {error.strerror or error}") from None
            with os.fdopen(fd, "w") as file:
                json.dump(self._identity(), file)
                file.flush()
                os.fsync(file.fileno())
            return
        raise InputError(f"{folder} is being taken over by other processes again and again; try later")

    def _identity(self) -> dict[str, Any]:
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "process_started": _process_started(os.getpid()),
            "token": self.token,
            "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }

    def _push_aside(self, folder: Path) -> None:
        owner = _read(self._path)
        alive = _alive_here(owner) if owner.get("host") == socket.gethostname() else self._recent(folder)
        if alive:
            raise InputError(
                f"{folder} is being written by process {owner.get('pid')} on {owner.get('host')} since "
                f"{owner.get('since')}; wait for it or stop it first"
            )
        aside = self._path.with_name(f"{OWNER}.{self.token}")
        with suppress(FileNotFoundError):  # a rename moves one file once: only one process gets past it
            os.rename(self._path, aside)
            if _read(aside).get("token") != owner.get("token"):  # someone else was faster and is alive
                os.rename(aside, self._path)
                time.sleep(0.05)
            else:
                aside.unlink()

    def _recent(self, folder: Path) -> bool:
        probe = folder / f".clock.{self.token}"
        try:
            probe.touch()
            now = probe.stat().st_mtime
            probe.unlink()
            return now - self._path.stat().st_mtime < STALE
        except FileNotFoundError:
            return False
        except OSError as error:
            raise InputError(f"cannot write the run folder {folder}: {error.strerror or error}") from None

    def _renew(self) -> None:
        while not self._stop.wait(RENEW):
            owner = _read(self._path)
            if owner and owner.get("token") != self.token:
                self._lost = True
                return
            with suppress(OSError):
                os.utime(self._path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _process_started(pid: int) -> float | None:
    import psutil

    try:
        return round(float(psutil.Process(pid).create_time()), 1)
    except psutil.Error:
        return None


def _alive_here(owner: dict[str, Any]) -> bool:
    pid = owner.get("pid")
    if not isinstance(pid, int):
        return False
    started = _process_started(pid)
    return started is not None and abs(started - float(owner.get("process_started") or 0)) < 1.0
