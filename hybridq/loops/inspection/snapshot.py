"""Snapshot: the journal of a run and who writes it, read at one moment without disturbing the writer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridq.contract.errors import InputError
from hybridq.journal import Journal
from hybridq.journal.reader import JOURNAL
from hybridq.journal.sighting import Sighting, sight
from hybridq.loops.resume import open_run

Record = Mapping[str, Any]
TRIES = 10


@dataclass(frozen=True)
class Snapshot:
    """A run as it was at one moment.

    Attributes:
        folder: the run folder.
        journal: its whole records.
        owner: who held the folder while the journal was read; None where no one did.
    """

    folder: Path
    journal: Journal
    owner: Sighting | None

    @property
    def loop(self) -> str:
        """The kind of loop: "vqe", "adapt", "scan", ..."""
        return str(self.journal.spec.get("loop", "run"))

    @property
    def living(self) -> bool:
        """Whether someone writes it: for sure, or because the owner's file was renewed lately."""
        owner = self.owner
        return owner is not None and (owner.fresh if owner.alive is None else owner.alive)

    @property
    def certain(self) -> bool:
        """False where the owner cannot be looked up from here."""
        return self.owner is None or self.owner.alive is not None


def take(path: str | Path) -> Snapshot:
    """Read a run folder; the last record may be half written meanwhile.

    Raises:
        InputError: there is no run, it has no whole record yet, it cannot be read, or it is damaged.
        JournalMismatch: a newer hybridq wrote it.
    """
    folder = Path(path)
    if folder.name == JOURNAL:
        folder = folder.parent
    if not folder.exists():
        raise InputError(f"there is no run at {folder}: no such folder")
    if not folder.is_dir():
        raise InputError(f"there is no run at {folder}: it is a file; give the folder of the run")
    # Owner and journal are two files. What was read between two looks at the same owner belongs together.
    before = sight(folder)
    for _ in range(TRIES):
        journal = _read(folder, before)
        after = sight(folder)
        if (before and before.token) == (after and after.token):
            return Snapshot(folder, journal, after)
        before = after
    raise InputError(f"the owner of {folder} changes again and again; look later")


def _read(folder: Path, owner: Sighting | None) -> Journal:
    try:
        return open_run(folder)
    except InputError:
        if owner is None or owner.alive is False:
            raise
        time.sleep(0.1)  # just created, or a torn end is being cut off at this instant
    try:
        return open_run(folder)
    except InputError as error:
        if _has_bytes(folder / JOURNAL):
            raise
        raise InputError(f"the run in {folder} is just beginning and has no record yet; look later") from error


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def rows_of(record: Record) -> list[tuple[list[float], float | None, float | None]]:
    """The rows of an evaluation with energy and standard error; None where it did not ask for energies."""
    rows = record.get("rows") or []
    energies, errors = (_padded(record.get(name), len(rows)) for name in ("energies", "stderrs"))
    return list(zip(rows, energies, errors, strict=True))


def _padded(values: Sequence[float] | None, n: int) -> list[float | None]:
    found = list(values or [])[:n]
    return found + [None] * (n - len(found))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file beside a journal; empty where it is missing or damaged, since the journal alone is the truth."""
    import orjson

    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
