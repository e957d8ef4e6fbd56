"""Promises about tickets: nothing is submitted, or paid for, twice."""

from __future__ import annotations

import json
import math
import unittest
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from hybridq.contract.backend import Backend, Cost
from hybridq.contract.errors import BackendError, BudgetExceeded
from hybridq.contract.task import Result, Task
from hybridq.contract.ticket import Durable, Note, Ticket
from hybridq.testing.asking import Asking
from hybridq.testing.compare import same
from hybridq.testing.promises import promise

ROUNDED = 1e-3  # part of the shots that may be lost where jobs have one number of shots for all circuits
MOST_ENDS = 4  # notes after which a life is ended; each costs two more evaluations


class Killed(BaseException):
    """The process would have ended here; nothing may catch it."""


class Life:
    """What one life of a run knows and keeps of an evaluation, as a run folder would.

    Args:
        known: notes of earlier lives.
        key: of the ticket; None makes a new one.
        ends_at: number of the note at which the process ends; None for none.
        keeps: whether that note still reaches the disk.
        poor: whether the budget refuses everything.

    Attributes:
        said: all notes, on disk or not.
        notes: those on disk.
        allowed: what was allowed.
    """

    def __init__(
        self,
        known: Sequence[Note] = (),
        *,
        key: str | None = None,
        ends_at: int | None = None,
        keeps: bool = True,
        poor: bool = False,
    ) -> None:
        self.key = key or f"kit-{uuid.uuid4().hex[:16]}"
        self.ticket = Ticket(self.key, tuple(known), self._note, self._allow)
        self.said: list[dict[str, Any]] = []
        self.notes: list[Note] = list(known)
        self.allowed: list[Cost] = []
        self._ends_at, self._keeps, self._poor = ends_at, keeps, poor

    @property
    def ids(self) -> list[str]:
        """Of the jobs that were noted in this life."""
        return [str(note["id"]) for note in self.said if "id" in note]

    def _note(self, note: Note) -> None:
        try:
            said = json.loads(json.dumps(dict(note), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise AssertionError(f"JSON cannot hold the note {note!r}: {error}") from None
        self.said.append(said)
        last = len(self.said) == self._ends_at
        if self._keeps or not last:
            self.notes.append(said)
        if last:
            raise Killed

    def _allow(self, cost: Cost) -> None:
        if self._poor:
            raise BudgetExceeded("the kit's budget is empty")
        self.allowed.append(cost)


class OncePromises(Asking):
    """For backends with `submit_once`: a ticket is redeemed once, whatever happens."""

    @promise
    def test_the_same_ticket_twice_submits_once(self) -> None:
        """A second life finds the job of the first: same results, nothing allowed or noted again."""
        backend = self._durable()
        tasks = [self._paid_task(backend)]
        first = Life()
        results = self._lived(tasks, first)
        assert first.ids, "submit_once noted no id: a later life cannot find the job"
        second = Life(first.notes, key=first.key)
        again = self._lived(tasks, second)
        assert not second.ids, f"the second life noted {second.ids}, and the first {first.ids}: both would be counted"
        assert not second.allowed, f"the second life asked to spend {second.allowed}, though the job is known"
        same(again, results, "the second life has other results: it was run again")

    @promise
    def test_different_tickets_are_different_jobs(self) -> None:
        """Equal tasks under two keys are two evaluations."""
        backend = self._durable()
        tasks = [self._paid_task(backend)]
        lives = (Life(), Life())
        for life in lives:
            self._lived(tasks, life)
        shared = set(lives[0].ids) & set(lives[1].ids)
        assert not shared, f"two tickets were given the same jobs {sorted(shared)}"

    @promise
    def test_an_interrupted_ticket_submits_nothing_twice(self) -> None:
        """The process ends at each note, before or after it is on disk; the next life finds what was submitted."""
        backend = self._durable()
        tasks = [self._paid_task(backend)]
        whole = Life()
        self._lived(tasks, whole)
        for ends_at in range(1, min(len(whole.said), MOST_ENDS) + 1):
            for keeps in (True, False):
                when = f"ended at note {ends_at}, {'just after' if keeps else 'before'} it was on disk"
                life = Life(ends_at=ends_at, keeps=keeps)
                try:
                    self._lived(tasks, life)
                except Killed:
                    pass
                else:
                    raise AssertionError(f"{when}: submit_once went on though its note could not be written")
                rest = Life(life.notes, key=life.key)
                refusal: BackendError | None = None
                try:
                    results = self._lived(tasks, rest)
                except BackendError as error:
                    refusal = error
                if refusal is not None:
                    # A vendor that cannot be asked for a job leaves the decision to the user.
                    known = keeps and "id" in life.said[-1]
                    assert not known, f"{when}: the job was known, yet resuming raised {refusal}"
                    assert not rest.ids, f"{when}: resuming raised {refusal}, after it had submitted {rest.ids}"
                    continue
                submitted = {*life.ids, *rest.ids}
                assert len(submitted) <= len(whole.ids), (
                    f"{when}: {len(submitted)} jobs were submitted for what takes {len(whole.ids)}"
                )
                self._right(backend, tasks[0], results[0], when)

    @promise
    def test_a_refused_budget_submits_nothing(self) -> None:
        """`allow` is asked first, and its refusal comes through; with money, the ticket is redeemed after all."""
        backend = self._durable()
        tasks = [self._paid_task(backend)]
        poor = Life(poor=True)
        try:
            self._lived(tasks, poor)
        except BudgetExceeded:
            pass
        else:
            raise AssertionError("the budget refused, and submit_once went on")
        assert not poor.ids, f"jobs {poor.ids} were submitted though the budget refused"
        rich = Life(poor.notes, key=poor.key)
        try:
            result = self._lived(tasks, rich)[0]
        except BackendError as error:
            raise AssertionError(f"after a refusal nothing is uncertain, yet resuming raised {error}") from error
        assert rich.allowed, "resuming asked for no money: the job had been submitted before the budget was asked"
        self._right(backend, tasks[0], result, "after a refusal")

    @promise
    def test_notes_say_what_was_spent(self) -> None:
        """Each with an id has shots, qpu_seconds and dollars; the shots are those of `allow`, never above `cost`."""
        backend = self._durable()
        for driver in sorted(backend.capabilities.drivers & {"counts", "energy"}):
            task = self._task(backend, self._cases(backend)[1], driver)
            cost = backend.cost([task])
            life = Life()
            self._lived([task], life)
            shots = sum(_spent(note) for note in life.said if "id" in note)
            assert (1 - ROUNDED) * cost.shots <= shots <= cost.shots, (
                f"cost says {cost.shots} shots for {driver!r}; {shots} were submitted"
            )
            allowed = sum(one.shots for one in life.allowed)
            assert allowed == shots, f"{allowed} shots were allowed for {driver!r}; {shots} were submitted"

    def _durable(self) -> Backend:
        backend = self._backend()
        if not isinstance(backend, Durable):
            raise unittest.SkipTest("knows no tickets (submit_once)")
        return backend

    def _paid_task(self, backend: Backend) -> Task:
        """Without a seed, so that what is run twice shows; counts where possible, which need no precision."""
        drivers = backend.capabilities.drivers
        driver = "counts" if "counts" in drivers else self._values(backend)
        case = self._cases(backend)[1]
        task = self._task(backend, case, driver)
        return Task(task.circuit, task.params, task.observable, driver, task.precision, task.shots)

    def _lived(self, tasks: Sequence[Task], life: Life) -> list[Result]:
        backend = self._backend()
        assert isinstance(backend, Durable)
        return backend.submit_once(tasks, life.ticket).result(self.timeout)


def _spent(note: Mapping[str, Any]) -> int:
    """Shots of a note, which has all that a budget needs."""
    for name in ("shots", "qpu_seconds", "dollars"):
        assert name in note, f"the note {note} has an id and no {name!r}: a budget cannot count it"
        value = note[name]
        good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
        assert good, f"{name} is {value!r} in the note {note}"
    assert note["shots"] == int(note["shots"]), f"shots are {note['shots']!r} in the note {note}"
    return int(note["shots"])
