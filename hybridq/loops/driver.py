"""Drive a search: evaluate what it asks for, record it, and report its steps."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import JournalMismatch
from hybridq.evaluate import Batch, Evaluator, Stopwatch
from hybridq.journal import RunFolder
from hybridq.loops.optimizers import Ask, Iterate, Outcome, Search
from hybridq.loops.step import Step

Array = NDArray[np.float64]
REMEMBERED = 1000


class LimitReached(Exception):
    """The loop used up its evaluations."""


@dataclass
class Point:
    """A row and what is known there."""

    row: Array
    energy: float
    stderr: float
    gradient: float | None


class Loop:
    """One search from its start to its end.

    Args:
        evaluator: evaluates rows on all ranks.
        recorded: evaluations of an earlier life, in order; they are given back before anything is evaluated.
        folder: where rank 0 records, None elsewhere and where nothing is recorded.
        recording: True on every rank where rank 0 has a folder.
        max_evaluations: rows to evaluate at most.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        *,
        recorded: Sequence[Mapping[str, Any]] = (),
        folder: RunFolder | None = None,
        recording: bool = False,
        max_evaluations: int | None = None,
    ) -> None:
        self.evaluator = evaluator
        self.watch = Stopwatch()
        self.evaluations = 0  # rows
        self.batches = 0
        self.replayed = 0  # batches
        self.best: Point | None = None
        self.last: Point | None = None
        self.steps = 0
        self._recorded = recorded
        self._folder = folder
        self._recording = recording
        self._limit = max_evaluations
        self._seen: dict[bytes, Point] = {}

    def drive(self, search: Search) -> Generator[Step, None, Outcome]:
        """Yield the search's steps; returns its outcome.

        Raises:
            LimitReached: before an evaluation beyond `max_evaluations`.
            JournalMismatch: the search asks for something else than was recorded.
        """
        try:
            reply: Batch | None = None
            while True:
                message = self._advance(search, reply)
                if isinstance(message, Outcome):
                    return message
                reply = None
                if isinstance(message, Ask):
                    reply = self.evaluate(message)
                else:
                    yield self._step(message)
        finally:
            search.close()

    def _advance(self, search: Search, reply: Batch | None) -> Ask | Iterate | Outcome:
        """The search's next message. Only rank 0 searches, so that ranks cannot drift apart by rounding."""

        def step() -> Ask | Iterate | Outcome:
            try:
                return search.send(reply)
            except StopIteration as stop:
                outcome: Outcome = stop.value
                return outcome

        return self.evaluator.comm.once(step)

    def evaluate(self, ask: Ask) -> Batch:
        """The values of some rows: from the record while it lasts, else from the backend."""
        number = self.batches
        if number < len(self._recorded):
            batch = self._replay(ask, self._recorded[number])
            self.replayed += 1
        else:
            if self._limit is not None and self.evaluations + len(ask.rows) > self._limit:
                raise LimitReached
            started = time.perf_counter()
            batch = self.evaluator(ask.rows, ask.gradient, number)
            self.watch.add("backend", started)
            self._record(ask, batch, number, time.perf_counter() - started)
        self.batches += 1
        self.evaluations += len(ask.rows)
        self._remember(ask, batch)
        return batch

    def at(self, row: Array) -> Point:
        """What is known at a row; evaluates it where nothing is."""
        point = self._seen.get(row.tobytes())
        if point is None:
            self.evaluate(Ask(row[None]))
            point = self._seen[row.tobytes()]
        return point

    def fresh(self, row: Array) -> Point:
        """A new value at a row, with a seed of its own: where values are random, the one that led here is biased."""
        self._seen.pop(row.tobytes(), None)
        return self.at(row)

    def _remember(self, ask: Ask, batch: Batch) -> None:
        for k, row in enumerate(ask.rows):
            gradient = None if batch.gradients is None else float(np.abs(batch.gradients[k]).max(initial=0.0))
            point = Point(np.array(row), float(batch.energies[k]), float(batch.stderrs[k]), gradient)
            self._seen[row.tobytes()] = point
            if self.best is None or point.energy < self.best.energy:
                self.best = point
        error_of_mean = float(np.sqrt(np.sum(batch.stderrs**2))) / len(batch.stderrs)
        self.last = Point(np.array(ask.rows[0]), float(np.mean(batch.energies)), error_of_mean, None)
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def _step(self, iterate: Iterate) -> Step:
        assert self.best is not None
        self.steps += 1
        known = self._seen.get(iterate.row.tobytes()) or self.last
        assert known is not None
        energy = known.energy if iterate.energy is None else iterate.energy
        return Step(
            self.steps,
            energy,
            known.stderr,
            self.best.energy,
            known.gradient,
            self.evaluations,
            self.watch.total,
            iterate.row,
        )

    def _replay(self, ask: Ask, record: Mapping[str, Any]) -> Batch:
        rows = np.array(record["rows"], dtype=np.float64).reshape(len(record["energies"]), -1)
        if record["gradient"] != ask.gradient or rows.shape != ask.rows.shape or not np.array_equal(rows, ask.rows):
            gap = (
                f", parameters differ by up to {np.abs(rows - ask.rows).max():.3g}"
                if rows.shape == ask.rows.shape
                else ""
            )
            raise JournalMismatch(
                f"evaluation {record['n']} of the journal is not what the optimizer asks for now{gap}; the journal was "
                "made with other versions of the optimizer or of linear algebra; start a new folder from its best point"
            )
        gradients = record.get("gradients")
        return Batch(
            np.array(record["energies"], dtype=np.float64),
            np.array(record["stderrs"], dtype=np.float64),
            None if gradients is None else np.array(gradients, dtype=np.float64).reshape(rows.shape),
        )

    def _record(self, ask: Ask, batch: Batch, number: int, seconds: float) -> None:
        if not self._recording:
            return
        started = time.perf_counter()

        def write() -> None:
            assert self._folder is not None
            record = {
                "kind": "evaluation",
                "n": number,
                "gradient": ask.gradient,
                "rows": np.ascontiguousarray(ask.rows),
                "energies": np.ascontiguousarray(batch.energies),
                "stderrs": np.ascontiguousarray(batch.stderrs),
                "seconds": round(seconds, 6),
            }
            if batch.gradients is not None:
                record["gradients"] = np.ascontiguousarray(batch.gradients)
            self._folder.append(record)

        self.evaluator.comm.once(write)
        self.watch.add("journal", started)
