"""Ledger: what a loop has asked and been answered, in order; first from the record, then anew."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.comm import Comm
from hybridq.contract.errors import JournalMismatch
from hybridq.evaluate import Stopwatch
from hybridq.journal import RunFolder

Arrays = dict[str, NDArray[np.float64]]


class Ledger:
    """Serves a deterministic loop from its record while that lasts, then computes and records.

    All ranks call the same methods; only rank 0 writes.

    Args:
        comm: the ranks.
        recorded: the records of an earlier life, in order, on all ranks.
        folder: where rank 0 records, None elsewhere and where nothing is recorded.
        recording: True on every rank where rank 0 has a folder.

    Attributes:
        number: questions answered so far; each has its number from 0.
        replayed: how many of them came from the record.
        fresh_seconds: seconds of the last one that was computed; None before the first.
    """

    def __init__(
        self,
        comm: Comm,
        recorded: Sequence[Mapping[str, Any]] = (),
        folder: RunFolder | None = None,
        recording: bool = False,
    ) -> None:
        self.comm = comm
        self.watch = Stopwatch()
        self.number = 0
        self.replayed = 0
        self.fresh_seconds: float | None = None
        self._answers = [r for r in recorded if r["kind"] == "evaluation"]
        self._noted = Counter(r["kind"] for r in recorded)
        self._pending = _pending(recorded, len(self._answers))
        self._folder = folder
        self._recording = recording
        self.memory: list[Mapping[str, Any]] | None = [] if comm.fault_tolerant and not recording else None

    @property
    def replaying(self) -> bool:
        """True while the next answer comes from the record."""
        return self.number < len(self._answers)

    @property
    def recorded_seconds(self) -> float | None:
        """Seconds that the last recorded evaluation took in the life that computed it."""
        return float(self._answers[-1].get("seconds", 0.0)) if self._answers else None

    def take(self, driver: str, rows: NDArray[np.float64], compute: Callable[[int, Jobs], Arrays]) -> Arrays:
        """The answer to a question: ``compute(number, jobs)``, or what was recorded for it.

        Args:
            driver: what is asked for.
            rows: where, shape (n_rows, n_parameters).
            compute: called on all ranks where there is no record.

        Raises:
            JournalMismatch: the record holds the answer to another question.
        """
        if self.replaying:
            answer = _replay(self._answers[self.number], driver, rows)
            self.replayed += 1
        else:
            started = time.perf_counter()
            jobs = Jobs(self, self._pending if self.number == len(self._answers) else ())
            answer = compute(self.number, jobs)
            self.fresh_seconds = time.perf_counter() - started
            self.watch.add("backend", started)
            record = {"kind": "evaluation", "n": self.number, "driver": driver, "rows": np.ascontiguousarray(rows)}
            record.update({name: np.ascontiguousarray(values) for name, values in answer.items()})
            record["seconds"] = round(self.fresh_seconds, 6)
            if jobs.ids:
                record["jobs"] = jobs.ids
            self.write(record)
        self.number += 1
        return answer

    def note(self, kind: str, number: int, record: Mapping[str, Any]) -> None:
        """Record what the loop says of itself, unless an earlier life did; `number` counts its kind from 1."""
        if number > self._noted[kind]:
            self.write({"kind": kind, "number": number, **record})

    def write(self, record: Mapping[str, Any], *, durable: bool = False) -> None:
        """Append a record on rank 0; all ranks learn whether that went well."""
        if self.memory is not None:
            self.memory.append(record)
        if self._recording:
            started = time.perf_counter()
            self.comm.once(lambda: self.write_on_root(record, durable=durable))
            self.watch.add("journal", started)

    def write_on_root(self, record: Mapping[str, Any], *, durable: bool = False) -> None:
        """Append a record, called on rank 0 alone."""
        if self._folder is not None:
            self._folder.append(record, durable=durable)


class Jobs:
    """Ids of the durable jobs behind one evaluation, recorded before anyone waits for them.

    Attributes:
        pending: ids that an earlier life submitted for this evaluation and did not see the end of.
        should_stop: a reason to stop waiting, or None.
        ids: ids of this life.
    """

    def __init__(self, ledger: Ledger, pending: Sequence[str]) -> None:
        self._ledger = ledger
        self.pending = tuple(pending)
        self.should_stop: Callable[[], str | None] = _never
        self.ids: list[str] = []

    def note(self, job_id: str, *, found: bool = False) -> None:
        """Keep an id, on rank 0: on disk when this returns; `found` where an earlier life recorded it."""
        self.ids.append(job_id)
        if not found:
            self._ledger.write_on_root({"kind": "job", "n": self._ledger.number, "id": job_id}, durable=True)


def _never() -> str | None:
    return None


def _pending(recorded: Sequence[Mapping[str, Any]], number: int) -> tuple[str, ...]:
    return tuple(r["id"] for r in recorded if r["kind"] == "job" and r["n"] == number)


def _replay(record: Mapping[str, Any], driver: str, rows: NDArray[np.float64]) -> Arrays:
    kept = np.array(record["rows"], dtype=np.float64).reshape(len(record["rows"]), -1)
    if record["driver"] != driver or kept.shape != rows.shape or not np.array_equal(kept, rows):
        same = kept.shape == rows.shape and kept.size
        gap = f", parameters differ by up to {np.abs(kept - rows).max():.3g}" if same else ""
        raise JournalMismatch(
            f"evaluation {record['n']} of the journal ({record['driver']} of {len(kept)} rows) is not what the "
            f"optimizer asks for now ({driver} of {len(rows)} rows{gap}); the journal was made with other versions of "
            "the optimizer or of linear algebra; start a new folder from its best point: initial= or --start-from"
        )
    known = ("kind", "n", "driver", "rows", "seconds", "jobs")
    return {name: np.array(values, dtype=np.float64) for name, values in record.items() if name not in known}
