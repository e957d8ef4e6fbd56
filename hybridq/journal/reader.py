"""Reading a journal: whole records, and what to do with a damaged end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridq.contract.errors import InputError, JournalMismatch
from hybridq.journal.record import SCHEMA_VERSION, DamagedLine, decode

JOURNAL = "journal.jsonl"
BEGINNING = b'{"kind":"spec","schema_version":'


@dataclass(frozen=True)
class Journal:
    """What a journal holds.

    Attributes:
        path: the file.
        spec: what was to be done, from the first record.
        records: all records after the first, in order.
        length: bytes of the file that are whole records.
        crc: checksum of the last whole record.
        torn: bytes after them, the rest of a record whose writing was cut short; 0 where the file is whole.
    """

    path: Path
    spec: Mapping[str, Any]
    records: tuple[Mapping[str, Any], ...]
    length: int
    crc: int
    torn: int

    def of_kind(self, kind: str) -> list[Mapping[str, Any]]:
        """The records of one kind, in order."""
        return [r for r in self.records if r["kind"] == kind]


def read_journal(path: Path) -> Journal | None:
    """Read a journal file; None where it holds no whole record (a run that died while it was created).

    Raises:
        InputError: no such file, it cannot be read, or a record before the last is damaged.
        JournalMismatch: a newer version of hybridq wrote it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"there is no run at {path.parent}: {path.name} is missing") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    records: list[dict[str, Any]] = []
    at, crc = 0, 0
    while at < len(data):
        end = data.find(b"\n", at)
        try:
            if end < 0:
                raise DamagedLine("it has no end")
            record, crc = decode(data[at:end], crc)
        except DamagedLine as error:
            # Only the last record can be cut short; anything after a damaged one means that the file was changed.
            if 0 <= end < len(data) - 1:
                raise InputError(
                    f"{path} is damaged: record {len(records)} (byte {at}) is not what was written, {error}; the "
                    f"{len(records)} records before it are whole. Restore the file from a copy, or start a new run "
                    "from its best parameters"
                ) from None
            break
        records.append(record)
        at = end + 1
    if not records:
        if not _begins(data):
            raise InputError(
                f"{path} is not a journal of hybridq; nothing was changed in it. Give the run another folder"
            )
        return None
    first = records[0]
    if first.get("kind") != "spec" or "schema_version" not in first:
        raise InputError(f"{path} is not a journal of hybridq: its first record is no spec")
    if first["schema_version"] > SCHEMA_VERSION:
        raise JournalMismatch(
            f"{path} has schema version {first['schema_version']}, and this hybridq reads up to {SCHEMA_VERSION}; "
            "install a newer hybridq"
        )
    return Journal(path, first["spec"], tuple(records[1:]), at, crc, len(data) - at)


def _begins(data: bytes) -> bool:
    """Whether this may be what is left of a first record, cut short or never brought to disk."""
    head = data[: len(BEGINNING)]
    return head == BEGINNING[: len(head)] or not data.strip(b"\0")


def describe_difference(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> str | None:
    """The first place where two specs differ, in words; None where they agree."""
    for key in sorted({*old, *new}):
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            inner = describe_difference(a, b, f"{prefix}{key}.")
            if inner is not None:
                return inner
        elif a != b:
            return f"{prefix}{key} is {_short(b)} now and was {_short(a)} in the journal"
    return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
