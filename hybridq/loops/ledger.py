"""Ledger: what a loop has asked and been answered, in order; first from the record, then anew."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hybridq.comm import Comm
from hybridq.contract.backend import Cost
from hybridq.contract.budget import Budget
from hybridq.contract.errors import BudgetExceeded, JournalMismatch
from hybridq.contract.ticket import Note, Ticket
from hybridq.evaluate import Stopwatch
from hybridq.journal import RunFolder

QUICK = 0.1  # seconds of an evaluation below which a note waits for the next record
Arrays = dict[str, NDArray[np.float64]]
T = TypeVar("T")
Settle = Callable[[Arrays], T]


class Ledger:
    """Serves a deterministic loop from its record while that lasts, then computes and records.

    All ranks call the same methods; only rank 0 writes.

    Args:
        comm: the ranks.
        recorded: the records of an earlier life, in order, on all ranks.
        folder: where rank 0 records, None elsewhere and where nothing is recorded.
        recording: True on every rank where rank 0 has a folder.
        run_id: names the run in all its lives; None makes a new name.
        budget: what may be spent in all lives together.

    Attributes:
        number: questions answered so far; each has its number from 0.
        replayed: how many of them came from the record.
        fresh_seconds: seconds of the last one that was computed; None before the first.
        computed: rows that a rank computed one after the other in this life, where they are shared evenly, by driver.
    """

    def __init__(
        self,
        comm: Comm,
        recorded: Sequence[Mapping[str, Any]] = (),
        folder: RunFolder | None = None,
        recording: bool = False,
        run_id: str | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.comm = comm
        self.run_id = run_id or new_run_id()
        self.budget = budget
        self.watch = Stopwatch()
        self.number = 0
        self.replayed = 0
        self.fresh_seconds: float | None = None
        self.computed: Counter[str] = Counter()
        evaluations = [r for r in recorded if r["kind"] == "evaluation"]
        self._answers = [r for r in evaluations if not r.get("closing")]
        self._closings = [r for r in evaluations if r.get("closing")]
        self._noted = Counter(r["kind"] for r in recorded)
        self._submitted = [r for r in recorded if r["kind"] == "job"]
        self._spent = sum((_cost(r) for r in evaluations if "spent" in r), Cost(0.0, 0))
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

    def spent(self, *, but: int | None = None) -> Cost:
        """What was spent so far, in all lives; without the jobs of the evaluation of number `but`. Known on rank 0."""
        return sum((_cost(r) for r in self._submitted if r["n"] != but), self._spent)

    def take(self, driver: str, rows: NDArray[np.float64], compute: Compute, then: Settle[T]) -> tuple[Arrays, T]:
        """The answer to a question, computed or as it was recorded, and ``then(answer)`` of rank 0.

        Args:
            driver: what is asked for.
            rows: where, shape (n_rows, n_parameters).
            compute: called on all ranks where there is no record, as ``compute(number, jobs, settle)``. It gives the
                answer and what ``settle(answer)`` gave, which it calls on rank 0 as soon as the answer is there.
            then: called on rank 0, once the answer is on record.

        Raises:
            JournalMismatch: the record holds the answer to another question.
        """
        if not self.replaying:
            return self._compute(driver, rows, compute, then)
        answer = _replay(self._answers[self.number], driver, rows)
        self.replayed += 1
        self.number += 1
        return answer, self.comm.once(lambda: then(answer))

    def known_closing(self, driver: str, rows: NDArray[np.float64]) -> Arrays | None:
        """What an earlier life recorded for this question at its end, where it asked it here; else None."""
        for record in self._closings:
            if record["n"] == self.number and _gap(record, driver, rows) is None:
                self.replayed += 1
                return _values(record)
        return None

    def take_closing(self, driver: str, rows: NDArray[np.float64], compute: Compute) -> Arrays:
        """The answer to a question at the end, computed; a later life that goes on from here does not ask it."""
        return self._compute(driver, rows, compute, _nothing, closing=True)[0]

    def _compute(
        self, driver: str, rows: NDArray[np.float64], compute: Compute, then: Settle[T], *, closing: bool = False
    ) -> tuple[Arrays, T]:
        started = time.perf_counter()
        self.watch.add("backend", 0.0)  # told first
        number = self.number
        jobs = Jobs(self, driver, rows, [r for r in self._submitted if r["n"] == number])

        def record(answer: Arrays, seconds: float) -> dict[str, Any]:
            made: dict[str, Any] = {"kind": "evaluation", "n": number, "driver": driver}
            made.update({k: np.ascontiguousarray(v) for k, v in (("rows", rows), *answer.items())})
            made["seconds"] = round(seconds, 6)
            if jobs.cost is not None and not jobs.ids:
                made["spent"] = _spending(jobs.cost)
                self._spent += jobs.cost
            return made | ({"jobs": jobs.ids} if jobs.ids else {}) | ({"closing": True} if closing else {})

        def goes_on(seconds: float) -> None:
            self.fresh_seconds = seconds
            self.number = number if closing else number + 1

        def settle(answer: Arrays) -> tuple[float, T]:
            seconds = time.perf_counter() - started
            self.write_on_root(record(answer, seconds))
            goes_on(seconds)
            return seconds, then(answer)

        answer, (seconds, said) = compute(number, jobs, settle)
        goes_on(seconds)
        self.watch.add("backend", seconds)
        self.computed[driver] += -(-len(rows) // self.comm.size)
        if self.memory is not None:
            self.memory.append(record(answer, seconds))
        return answer, said

    def note(self, kind: str, number: int, record: Mapping[str, Any]) -> None:
        """Record what the loop says of itself, unless an earlier life did; `number` counts its kind from 1."""
        if self._recording and number > self._noted[kind]:
            self.comm.once(lambda: self.note_on_root(kind, number, record))
        self.keep(kind, number, record)

    def note_on_root(self, kind: str, number: int, record: Mapping[str, Any]) -> None:
        """The same, called on rank 0 alone; the others, and it too, `keep` it."""
        if number > self._noted[kind] and self._folder is not None:
            noted = {"kind": kind, "number": number, **record}
            if self.fresh_seconds is not None and self.fresh_seconds < QUICK:
                self._folder.append_later(noted)
            else:
                self.write_on_root(noted)

    def keep(self, kind: str, number: int, record: Mapping[str, Any]) -> None:
        """Remember a note where there is no record but the ranks' memory."""
        if self.memory is not None and number > self._noted[kind]:
            self.memory.append({"kind": kind, "number": number, **record})

    def submitted(self, record: Mapping[str, Any]) -> None:
        """Remember a job's record, on rank 0; for `spent`."""
        self._submitted.append(record)

    def keep_raw(self, name: str, data: Any) -> None:
        """Keep raw results beside the journal, on rank 0."""
        if self._folder is not None:
            self._folder.keep_raw(name, data)

    def write_on_root(self, record: Mapping[str, Any], *, durable: bool = False) -> None:
        """Append a record, called on rank 0 alone."""
        if self._folder is not None:
            started = time.perf_counter()
            self._folder.append(record, durable=durable)
            self.watch.add("journal", time.perf_counter() - started)


class Jobs:
    """The durable jobs behind one evaluation, recorded before anyone waits for them.

    Attributes:
        pending: ids that an earlier life submitted for this evaluation and did not see the end of.
        should_stop: a reason to stop waiting, or None.
        ids: ids of this life.
        cost: what the evaluation costs, where it is no durable job and a budget is kept.
    """

    def __init__(
        self, ledger: Ledger, driver: str, rows: NDArray[np.float64], submitted: Sequence[Mapping[str, Any]]
    ) -> None:
        self._ledger = ledger
        self._question = driver, rows  # a job counts again for the same question only
        self._known = [r for r in submitted if r.get("asked") in (None, _digest(driver, rows))]
        self.pending = tuple(r["id"] for r in self._known if "id" in r)
        self.should_stop: Callable[[], str | None] = _never
        self.ids: list[str] = []
        self.cost: Cost | None = None

    def note(self, job_id: str, *, found: bool = False) -> None:
        """Keep an id, on rank 0: on disk when this returns; `found` where an earlier life recorded it."""
        if found:
            self.ids.append(job_id)
        else:
            self._record({"id": job_id})

    def ticket(self) -> Ticket:
        """The same for a backend that knows tickets."""
        known = tuple({k: v for k, v in r.items() if k not in ("kind", "n", "asked")} for r in self._known)
        self.ids.extend(r["id"] for r in known if "id" in r)
        return Ticket(
            f"{self._ledger.run_id}-{self._ledger.number}-{_digest(*self._question)[:8]}",
            known,
            self._record,
            self._allow,
            self._ledger.keep_raw,
            lambda: self.should_stop(),
        )

    def _record(self, note: Note) -> None:
        if "id" in note:
            self.ids.append(note["id"])
        record = {"kind": "job", "n": self._ledger.number, **note, "asked": _digest(*self._question)}
        self._ledger.write_on_root(record, durable=True)
        self._ledger.submitted(record)

    def _allow(self, cost: Cost) -> None:
        lacking = None if self._ledger.budget is None else self._ledger.budget.lacks(self._ledger.spent(), cost)
        if lacking is not None:
            raise BudgetExceeded(f"{lacking}; raise the budget to go on")


def new_run_id() -> str:
    """A name for a run that no other run has: 12 letters and digits."""
    return uuid.uuid4().hex[:12]


SPENDING = ("shots", "qpu_seconds", "dollars")


def _spending(cost: Cost) -> dict[str, float]:
    return {name: getattr(cost, name) for name in SPENDING}


def _cost(record: Mapping[str, Any]) -> Cost:
    told = record.get("spent", record)
    return Cost(0.0, 0, **{name: told.get(name, 0) for name in SPENDING})


Compute = Callable[[int, Jobs, Settle[Any]], tuple[Arrays, Any]]


def _nothing(_: Arrays) -> None:
    return None


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
    known = ("kind", "n", "driver", "rows", "seconds", "jobs", "closing", "spent")
    return {name: np.array(values, dtype=np.float64) for name, values in record.items() if name not in known}
