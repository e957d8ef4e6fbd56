"""Drive a search: evaluate what it asks for, record it, and report its steps."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.backend import Cost
from hybridq.contract.errors import BudgetExceeded, InputError
from hybridq.evaluate import Batch, Evaluator, StopRequested
from hybridq.loops.ledger import Arrays, Compute, Jobs, Ledger, Settle
from hybridq.loops.optimizers import Ask, Iterate, Outcome, Search
from hybridq.loops.step import Step
from hybridq.loops.stopping import Stopping

Array = NDArray[np.float64]
T = TypeVar("T")
REMEMBERED = 1000
PARTS = tuple(f.name for f in fields(Batch))


class LimitReached(Exception):
    """The loop used up its evaluations, or its budget; the text says which, empty for the evaluations."""


@dataclass
class Point:
    """A row and what is known there."""

    row: Array
    energy: float
    stderr: float
    gradient: float | None


@dataclass(frozen=True)
class Turn:
    """What a search says to an answer.

    Attributes:
        steps: points that it accepts.
        message: what it asks for next, or its outcome.
        reason: why the loop must stop before that is evaluated; None where it need not.
    """

    steps: tuple[Step, ...]
    message: Ask | Outcome
    reason: str | None


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
        self.steps = 0
        self.stopping = stopping
        self._expected = expected
        self._limit = max_evaluations
        self._reported = reported
        self._seen: dict[bytes, tuple[Ask, Batch, int]] = {}
        self._last: tuple[Ask, Batch] | None = None
        self._cost: Cost | None = None

    def drive(self, search: Search) -> Generator[Step, None, Outcome]:
        """Yield the search's steps; returns its outcome.

        Raises:
            LimitReached: before an evaluation beyond `max_evaluations`.
            StopRequested: before an evaluation, where a signal or the wall time asks for the end.
            JournalMismatch: the search asks for something else than was recorded.
        """
        try:
            turn = self.evaluator.comm.once(lambda: self._turn(search, None))
            while True:
                for step in turn.steps:
                    self.steps = step.number
                    self.ledger.keep("step", step.number, step.to_dict())
                    if step.number > self._reported:
                        yield step
                if isinstance(turn.message, Outcome):
                    return turn.message
                if not self.ledger.replaying:
                    self._stop(turn.reason)
                turn = self._evaluate(turn.message, lambda batch: self._turn(search, batch))
        finally:
            search.close()

    def _turn(self, search: Search, reply: Batch | None) -> Turn:
        """The search's answer, on rank 0. Only there is it asked, so that ranks cannot drift apart by rounding."""
        steps: list[Step] = []
        while True:
            try:
                message = search.send(reply)
            except StopIteration as stop:
                return Turn(tuple(steps), stop.value, None)
            if isinstance(message, Ask):
                return Turn(tuple(steps), message, None if self.ledger.replaying else self._why_stop())
            steps.append(self._step(message, self.steps + len(steps) + 1))
            self.ledger.note_on_root("step", steps[-1].number, steps[-1].to_dict())
            reply = None

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
        return self._evaluate(ask, lambda batch: batch)

    def _evaluate(self, ask: Ask, then: Callable[[Batch], T]) -> T:
        """What rank 0 makes of the values of some rows."""
        if not self.ledger.replaying:
            self._check_limit(len(ask.rows))
            self._check_budget(ask)
        driver = "metric" if ask.metric else "gradient" if ask.gradient else "energy"
        evaluations = self.evaluations + len(ask.rows)

        def settle(answer: Arrays) -> T:
            batch = _batch(answer)
            self.evaluations = evaluations
            self._remember(ask, batch)
            return then(batch)

        answer, said = self.ledger.take(driver, ask.rows, self._computing(ask), settle)
        if not self.evaluator.comm.is_root:
            self.evaluations = evaluations
            self._remember(ask, _batch(answer))
        return said

    def _check_limit(self, n_rows: int) -> None:
        if self._limit is not None and self.evaluations + n_rows > self._limit:
            raise LimitReached

    def _check_budget(self, ask: Ask) -> None:
        if self.ledger.budget is None:
            return
        budget, number = self.ledger.budget, self.ledger.number

        def lacking() -> str | None:
            self._cost = self.evaluator.cost(ask.rows, ask.gradient)
            return budget.lacks(self.ledger.spent(but=number), self._cost)

        reason = self.evaluator.comm.once(lacking)
        if reason is not None:
            if self.best is None:
                raise BudgetExceeded(f"{reason}, so that not one fits; raise the budget, or ask for fewer shots")
            raise LimitReached(reason)

    def _computing(self, ask: Ask) -> Compute:
        def compute(number: int, jobs: Jobs, settle: Settle[Any]) -> tuple[Arrays, Any]:
            jobs.should_stop = self.stopping.by_own_signal
            jobs.cost = self._cost
            try:
                batch, said = self.evaluator.followed(
                    ask.rows, ask.gradient, number, lambda batch: settle(_arrays(batch)), metric=ask.metric, jobs=jobs
                )
            except BudgetExceeded as error:
                if self.best is None:
                    raise
                raise LimitReached(str(error)) from None
            return _arrays(batch), said

        return compute

    def at(self, row: Array) -> Point:
        """What is known at a row; evaluates it where nothing is."""
        point = self._known(row)
        if point is None:
            self.evaluate(Ask(row[None]))
            point = self._known(row)
        assert point is not None
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
                self._check_budget(ask)
                self.check()
            values = self.ledger.take_closing("energy", ask.rows, self._computing(ask))
        self.evaluations += 1
        self._remember(ask, _batch(values))
        return _point(*self._seen[row.tobytes()])

    def _known(self, row: Array) -> Point | None:
        if self.best is not None and self.best.row.tobytes() == row.tobytes() and not self.evaluator.noisy:
            return self.best
        seen = self._seen.get(row.tobytes())
        return None if seen is None else _point(*seen)

    def _remember(self, ask: Ask, batch: Batch) -> None:
        for k, row in enumerate(ask.rows):
            self._seen[row.tobytes()] = (ask, batch, k)
        lowest = int(np.argmin(batch.energies))
        if self.best is None or batch.energies[lowest] < self.best.energy:
            self.best = _point(ask, batch, lowest)
        self._last = (ask, batch)
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def _step(self, iterate: Iterate, number: int) -> Step:
        assert self.best is not None
        assert self._last is not None
        seen = self._seen.get(iterate.row.tobytes())
        known = _mean(*self._last) if seen is None else _point(*seen)
        return Step(
            number,
            known.energy if iterate.energy is None else iterate.energy,
            known.stderr,
            self.best.energy,
            known.gradient,
            self.evaluations,
            self.watch.total,
            iterate.row,
        )


def _point(ask: Ask, batch: Batch, k: int) -> Point:
    gradient = None if batch.gradients is None else float(np.abs(batch.gradients[k]).max(initial=0.0))
    return Point(np.array(ask.rows[k]), float(batch.energies[k]), float(batch.stderrs[k]), gradient)


def _mean(ask: Ask, batch: Batch) -> Point:
    """The mean of the rows, at the first of them."""
    error = float(np.sqrt(np.sum(batch.stderrs**2))) / len(batch.stderrs)
    return Point(np.array(ask.rows[0]), float(np.mean(batch.energies)), error, None)


def _arrays(batch: Batch) -> Arrays:
    """What is recorded of a batch; gradients without errors are known to be exact."""
    found = {name: getattr(batch, name) for name in PARTS}
    if batch.gradient_stderrs is not None and not batch.gradient_stderrs.any():
        del found["gradient_stderrs"]
    return {name: values for name, values in found.items() if values is not None}


def _batch(arrays: Arrays) -> Batch:
    if "gradients" in arrays and "gradient_stderrs" not in arrays:
        arrays = {**arrays, "gradient_stderrs": np.zeros_like(arrays["gradients"])}
    return Batch(**{name: values for name, values in arrays.items()})
