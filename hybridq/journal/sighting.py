"""Who writes a run folder, as a process that only looks can tell."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridq.journal.owner import OWNER, STALE, _alive, _read


@dataclass(frozen=True)
class Sighting:
    """The owner of a run folder, seen from outside.

    Attributes:
        host, pid, since: who writes, where, and since when (UTC); None where the file does not say.
        alive: whether that process lives; None where it cannot be looked up from here.
        age: seconds since the owner renewed its file, by the clock of this machine.
        token: tells one ownership from the next.
    """

    host: str | None
    pid: int | None
    since: str | None
    alive: bool | None
    age: float
    token: str | None

    @property
    def fresh(self) -> bool:
        """Whether the file was renewed so lately that an owner who cannot be looked up counts as living."""
        return self.age < STALE


def sight(folder: Path) -> Sighting | None:
    """Look at the owner of a run folder; None where it has none. Writes nothing and waits for nothing."""
    path = folder / OWNER
    try:
        renewed = path.stat().st_mtime
    except OSError:
        return None
    said: dict[str, Any] = _read(path)
    pid = said.get("pid")
    return Sighting(
        host=said.get("host"),
        pid=pid if isinstance(pid, int) else None,
        since=said.get("since"),
        alive=_alive(said),
        age=max(0.0, time.time() - renewed),
        token=said.get("token"),
    )
