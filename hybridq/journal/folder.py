"""RunFolder: where a run keeps its journal, its result and its plot."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from hybridq.contract.errors import InputError, JournalMismatch
from hybridq.journal.owner import OWNER, Owner
from hybridq.journal.reader import JOURNAL, Journal, describe_difference, read_journal
from hybridq.journal.record import SCHEMA_VERSION, as_json, encode

SYNC_SECONDS = 5.0
RAW = "counts.jsonl"


class RunFolder:
    """The single writer of a run's journal; a context manager.

    Opening an empty or absent folder starts a journal; opening one with a journal of the same spec takes it up.
    Every record is one write to the operating system, so a killed process loses nothing it has recorded; it
    reaches the disk at once for `append(durable=True)` and for the first record, else at most `SYNC_SECONDS`
    of activity later and at `close` (a machine that loses power may lose that much, and the replay redoes it).

    Args:
        path: the folder; made where absent.
        spec: what is to be done, as JSON can hold it; the journal's must equal it.
        files: texts of other files by name; they are there before the journal is.

    Raises:
        InputError: the folder cannot be written, holds other files, is owned by a living process, or its
            journal is damaged.
        JournalMismatch: the journal's spec differs; the message names the first difference.
    """

    def __init__(self, path: str | Path, spec: Mapping[str, Any], files: Mapping[str, str] | None = None) -> None:
        self.path = Path(path)
        files = files or {}
        plain = as_json(spec)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the run folder {self.path}: {error.strerror or error}") from None
        file = self.path / JOURNAL
        known = {OWNER, *files}
        if not file.exists() and any(not p.name.startswith(".") and p.name not in known for p in self.path.iterdir()):
            raise InputError(f"{self.path} has files but no {JOURNAL}; give a run a folder of its own")
        self._owner = Owner(self.path)
        self._fd = -1
        self._file = file
        self._later: list[Mapping[str, Any]] = []
        try:
            self.journal = self._open(file, plain, files)
        except BaseException:
            self.close()
            raise

    def _open(self, file: Path, spec: dict[str, Any], files: Mapping[str, str]) -> Journal:
        journal = read_journal(file) if file.exists() else None
        if journal is not None:
            difference = describe_difference(journal.spec, spec)
            if difference is not None:
                raise JournalMismatch(
                    f"{self.path} holds another run: {difference}; give this run a folder of its own, or the settings "
                    "of that one"
                )
        else:
            for name, text in files.items():
                self.write(name, text)
        try:
            self._fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            torn = os.fstat(self._fd).st_size  # of a run that died while it wrote its first record
            os.ftruncate(self._fd, journal.length if journal else 0)
        except OSError as error:
            raise InputError(f"cannot write {file}: {error.strerror or error}") from None
        self._crc = journal.crc if journal else 0
        self._length = journal.length if journal else 0
        self._synced = time.monotonic()
        if journal is None:
            self.append({"kind": "spec", "schema_version": SCHEMA_VERSION, "spec": spec}, durable=True)
            _sync_folder(self.path)
            journal = Journal(file, spec, (), self._length, self._crc, torn)
        return journal

    def append(self, record: Mapping[str, Any], *, durable: bool = False) -> None:
        """Write one record, and before it those that waited for it.

        Raises:
            InputError: the file cannot be written (a full disk, say); what it held before is still whole.
        """
        self._append([*self._later, record], durable)
        self._later.clear()

    def append_later(self, record: Mapping[str, Any]) -> None:
        """Write one record together with the next: for what follows from records before it, and may be lost."""
        self._later.append(record)

    def _append(self, records: Sequence[Mapping[str, Any]], durable: bool) -> None:
        self._owner.check()
        lines, crc = b"", self._crc
        for record in records:
            line, crc = encode(record, crc)
            lines += line
        try:
            try:
                written = os.write(self._fd, lines)
                while written < len(lines):  # a disk that fills up takes a part first, then says why it takes no more
                    taken = os.write(self._fd, lines[written:])
                    if taken == 0:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    written += taken
            except OSError:
                os.ftruncate(self._fd, self._length)
                raise
            self._crc, self._length = crc, self._length + len(lines)
            if durable or time.monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(self._fd)
                self._synced = time.monotonic()
        except OSError as error:
            raise InputError(
                f"cannot write {self._file}: {error.strerror or error}; what it holds is whole, and the run can be "
                "resumed once there is room"
            ) from None

    def write(self, name: str, text: str) -> Path:
        """Write another file of the folder, whole or not at all."""
        target = self.path / name
        temporary = target.with_name(f".{name}.{self._owner.token}")
        try:
            with open(temporary, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            raise InputError(f"cannot write {target}: {error.strerror or error}") from None
        return target

    def keep_raw(self, name: str, data: Any) -> None:
        """Append raw results to `RAW`, one line of JSON each; what is lost or torn here costs no run anything.

        Raises:
            InputError: the file cannot be written.
        """
        import orjson

        target = self.path / RAW
        try:
            with open(target, "ab") as file:
                file.write(orjson.dumps({"name": name, "data": data}, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
        except OSError as error:
            raise InputError(f"cannot write {target}: {error.strerror or error}") from None

    def close(self) -> None:
        """Bring all to disk and give the folder up; safe to call twice."""
        if self._fd >= 0:
            try:
                if self._later:
                    with suppress(InputError):  # a full disk was told of before
                        self._append(self._later, durable=False)
                os.fsync(self._fd)
            except OSError as error:
                raise InputError(f"cannot write {self.path / JOURNAL}: {error.strerror or error}") from None
            finally:
                os.close(self._fd)
                self._fd = -1
                self._owner.release()
        self._owner.release()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
