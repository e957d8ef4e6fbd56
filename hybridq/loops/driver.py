"""Drive a search: evaluate what it asks for, record it, and report its steps."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError
from hybridq.evaluate import Batch, Evaluator, StopRequested
from hybridq.loops.ledger import Arrays, Jobs, Ledger
from hybridq.loops.optimizers import Ask, Iterate, Outcome, Search
from hybridq.loops.step import Step
from hybridq.loops.stopping import Stopping

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
    """Searches over one ledger, from their start to their end.

    Args:
        evaluator: evaluates rows on all ranks; a loop that grows its circuit sets another one between searches.
        ledger: answers from the record, or records.
        stopping: when to stop early.
        max_evaluations: rows to evaluate at most.
        reported: steps that were reported already; they are taken again in silence.
        expected: seconds that an evaluation should take, asked where none was seen yet.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        ledger: Ledger,
        stopping: Stopping,
        *,
        max_evaluations: int | None = None,
        reported: int = 0,
        expected: Callable[[], float] = float,
    ) -> None:
        self.evaluator = evaluator
        self.ledger = ledger
        self.watch = ledger.watch
        self.evaluations = 0  # rows
        self.best: Point | None = None
        self.last: Point | None = None
        self.steps = 0
        self.stopping = stopping
        self._expected = expected
        self._limit = max_evaluations
        self._reported = reported
        self._seen: dict[bytes, Point] = {}

    def drive(self, search: Search) -> Generator[Step, None, Outcome]:
        """Yield the search's steps; returns its outcome.

        Raises:
            LimitReached: before an evaluation beyond `max_evaluations`.
            StopRequested: before an evaluation, where a signal or the wall time asks for the end.
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
                    step = self._step(message)
                    if step.number > self._reported:
                        yield step
        finally:
            search.close()

    def _advance(self, search: Search, reply: Batch | None) -> Ask | Iterate | Outcome:
        """The search's next message. Only rank 0 searches, so that ranks cannot drift apart by rounding."""

        def step() -> tuple[Ask | Iterate | Outcome, str | None]:
            try:
                message = search.send(reply)
            except StopIteration as stop:
                outcome: Outcome = stop.value
                return outcome, None
            fresh = isinstance(message, Ask) and not self.ledger.replaying
            return message, self._why_stop() if fresh else None

        message, reason = self.evaluator.comm.once(step)
        if isinstance(message, Ask) and not self.ledger.replaying:
            self._stop(reason)
        return message

    def check(self) -> None:
        """Stop here where a signal or the wall time asks for it; all ranks call it.

        Raises:
            StopRequested: as asked.
        """
        reason = self.evaluator.comm.once(self._why_stop)
        if not self.ledger.replaying:
            self._stop(reason)

    def _why_stop(self) -> str | None:
        """On rank 0: the reason to stop before the next evaluation.

        Raises:
            InputError: the wall time does not hold one evaluation, so that to go on another time would never end.
        """
        if self.stopping.deadline is None:
            return self.stopping.on_root(0.0)
        seconds = self.ledger.fresh_seconds or self.ledger.recorded_seconds or self._expected()
        reason = self.stopping.on_root(seconds)
        if self.stopping.short_of_time and self.ledger.fresh_seconds is None:
            raise InputError(
                f"{reason}, and one evaluation takes about {seconds:.2g} s: nothing new was computed; give more time"
            )
        return reason

    def _stop(self, reason: str | None) -> None:
        reason = self.stopping.by_signal() or reason
        if reason is not None:
            raise StopRequested(reason)

    def evaluate(self, ask: Ask) -> Batch:
        """The values of some rows: from the record while it lasts, else from the backend."""
        if not self.ledger.replaying:
            self._check_limit(len(ask.rows))
        driver = "metric" if ask.metric else "gradient" if ask.gradient else "energy"
        batch = _batch(self.ledger.take(driver, ask.rows, self._computing(ask)))
        self.evaluations += len(ask.rows)
        self._remember(ask, batch)
        return batch

    def _check_limit(self, n_rows: int) -> None:
        if self._limit is not None and self.evaluations + n_rows > self._limit:
            raise LimitReached

    def _computing(self, ask: Ask) -> Callable[[int, Jobs], Arrays]:
        def compute(number: int, jobs: Jobs) -> Arrays:
            jobs.should_stop = self.stopping.by_own_signal
            return _arrays(self.evaluator(ask.rows, ask.gradient, number, metric=ask.metric, jobs=jobs))

        return compute

    def at(self, row: Array) -> Point:
        """What is known at a row; evaluates it where nothing is."""
        point = self._known(row)
        if point is None:
            self.evaluate(Ask(row[None]))
            point = self._seen[row.tobytes()]
        return point

    def closing(self, row: Array) -> Point:
        """The value at the last row of a walk, beside it: a later life may go on with the walk from here.

        Where values are random it is a new one, since the one that led here was picked for being low.

        Raises:
            LimitReached: there is no value, and no evaluation left.
            StopRequested: as `drive`.
        """
        known = None if self.evaluator.noisy else self._known(row)
        if known is not None:
            return known
        ask = Ask(row[None])
        values = self.ledger.known_closing("energy", ask.rows)
        if values is None:
            self._check_limit(1)
            if not self.ledger.replaying:
                self.check()
            values = self.ledger.take_closing("energy", ask.rows, self._computing(ask))
        self.evaluations += 1
        self._remember(ask, _batch(values))
        return self._seen[row.tobytes()]

    def _known(self, row: Array) -> Point | None:
        if self.best is not None and self.best.row.tobytes() == row.tobytes() and not self.evaluator.noisy:
            return self.best
        return self._seen.get(row.tobytes())

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
        step = Step(
            self.steps,
            known.energy if iterate.energy is None else iterate.energy,
            known.stderr,
            self.best.energy,
            known.gradient,
            self.evaluations,
            self.watch.total,
            iterate.row,
        )
        self.ledger.note("step", step.number, step.to_dict())
        return step


def _arrays(batch: Batch) -> Arrays:
    """What is recorded of a batch; gradients without errors are known to be exact."""
    found = {f.name: getattr(batch, f.name) for f in fields(Batch)}
    if batch.gradient_stderrs is not None and not batch.gradient_stderrs.any():
        del found["gradient_stderrs"]
    return {name: values for name, values in found.items() if values is not None}


def _batch(arrays: Arrays) -> Batch:
    if "gradients" in arrays and "gradient_stderrs" not in arrays:
        arrays = {**arrays, "gradient_stderrs": np.zeros_like(arrays["gradients"])}
    return Batch(**{name: values for name, values in arrays.items()})
