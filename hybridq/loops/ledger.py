"""Ledger: what a loop has asked and been answered, in order; first from the record, then anew."""

from __future__ import annotations

import hashlib
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
        evaluations = [r for r in recorded if r["kind"] == "evaluation"]
        self._answers = [r for r in evaluations if not r.get("closing")]
        self._closings = [r for r in evaluations if r.get("closing")]
        self._noted = Counter(r["kind"] for r in recorded)
        self._submitted = [r for r in recorded if r["kind"] == "job"]
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
            answer = self._compute(driver, rows, compute)
        self.number += 1
        return answer

    def known_closing(self, driver: str, rows: NDArray[np.float64]) -> Arrays | None:
        """What an earlier life recorded for this question at its end, where it asked it here; else None."""
        for record in self._closings:
            if record["n"] == self.number and _gap(record, driver, rows) is None:
                self.replayed += 1
                return _values(record)
        return None

    def take_closing(self, driver: str, rows: NDArray[np.float64], compute: Callable[[int, Jobs], Arrays]) -> Arrays:
        """The answer to a question at the end, computed; a later life that goes on from here does not ask it."""
        return self._compute(driver, rows, compute, closing=True)

    def _compute(
        self,
        driver: str,
        rows: NDArray[np.float64],
        compute: Callable[[int, Jobs], Arrays],
        *,
        closing: bool = False,
    ) -> Arrays:
        started = time.perf_counter()
        asked = _digest(driver, rows)
        jobs = Jobs(
            self, asked, [r["id"] for r in self._submitted if r["n"] == self.number and r.get("asked", asked) == asked]
        )
        answer = compute(self.number, jobs)
        self.fresh_seconds = time.perf_counter() - started
        self.watch.add("backend", started)
        record = {"kind": "evaluation", "n": self.number, "driver": driver, "rows": np.ascontiguousarray(rows)}
        record.update({name: np.ascontiguousarray(values) for name, values in answer.items()})
        record["seconds"] = round(self.fresh_seconds, 6)
        if jobs.ids:
            record["jobs"] = jobs.ids
        if closing:
            record["closing"] = True
        self.write(record)
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

    def __init__(self, ledger: Ledger, asked: str, pending: Sequence[str]) -> None:
        self._ledger = ledger
        self._asked = asked  # a digest: a job counts again for the same question only
        self.pending = tuple(pending)
        self.should_stop: Callable[[], str | None] = _never
        self.ids: list[str] = []

    def note(self, job_id: str, *, found: bool = False) -> None:
        """Keep an id, on rank 0: on disk when this returns; `found` where an earlier life recorded it."""
        self.ids.append(job_id)
        if not found:
            record = {"kind": "job", "n": self._ledger.number, "id": job_id, "asked": self._asked}
            self._ledger.write_on_root(record, durable=True)


def _never() -> str | None:
    return None


def _digest(driver: str, rows: NDArray[np.float64]) -> str:
    return hashlib.sha256(f"{driver} {rows.shape} ".encode() + np.ascontiguousarray(rows).tobytes()).hexdigest()[:16]


def _replay(record: Mapping[str, Any], driver: str, rows: NDArray[np.float64]) -> Arrays:
    gap = _gap(record, driver, rows)
    if gap is not None:
        raise JournalMismatch(
            f"evaluation {record['n']} of the journal ({record['driver']} of {len(record['rows'])} rows) is not what "
            f"the optimizer asks for now ({driver} of {len(rows)} rows{gap}); the journal was made with other versions "
            "of the optimizer or of linear algebra; start a new folder from its best point: initial= or --start-from"
        )
    return _values(record)


def _gap(record: Mapping[str, Any], driver: str, rows: NDArray[np.float64]) -> str | None:
    """How far a recorded question is from this one, in words; None where it is the same."""
    kept = np.array(record["rows"], dtype=np.float64).reshape(len(record["rows"]), -1)
    if record["driver"] == driver and kept.shape == rows.shape and np.array_equal(kept, rows):
        return None
    same = kept.shape == rows.shape and kept.size
    return f", parameters differ by up to {np.abs(kept - rows).max():.3g}" if same else ""


def _values(record: Mapping[str, Any]) -> Arrays:
    known = ("kind", "n", "driver", "rows", "seconds", "jobs", "closing")
    return {name: np.array(values, dtype=np.float64) for name, values in record.items() if name not in known}
