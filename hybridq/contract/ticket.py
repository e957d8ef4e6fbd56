"""Tickets: how a run hands paid work to a backend such that nothing is submitted, or paid for, twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from hybridq.contract.backend import Cost, Job
from hybridq.contract.task import Task

Note = Mapping[str, Any]


class Stopped(Exception):
    """A backend stopped waiting, as its ticket asked for; the text says why. The work may go on at the vendor's."""


def _nothing(_: Any) -> None:
    return None


def _go_on() -> str | None:
    return None


@dataclass(frozen=True)
class Ticket:
    """What a run knows of one evaluation, and where it keeps what the backend says of it.

    Attributes:
        key: names the evaluation: the same in every life of a run, different from every other (letters, digits and
            "-", at most 48).
        known: what earlier lives noted for it, in order.
        note: keep a mapping that JSON can hold; it is on disk when this returns. A job's note has an "id", and
            "shots", "qpu_seconds" and "dollars" for what it costs.
        allow: called with what is to be spent before it is; raises BudgetExceeded.
        keep: keep raw results beside the run, under a name; for people and for later analysis.
        should_stop: a reason to stop waiting, or None.
    """

    key: str
    known: tuple[Note, ...] = ()
    note: Callable[[Note], None] = _nothing
    allow: Callable[[Cost], None] = _nothing
    keep: Callable[[str, Any], None] = lambda name, data: None
    should_stop: Callable[[], str | None] = _go_on


@runtime_checkable
class Durable(Protocol):
    """What a backend of durable jobs may have besides the members of a `Backend`."""

    def submit_once(self, tasks: Sequence[Task], ticket: Ticket) -> Job:
        """The job of this ticket: what an earlier life submitted, where that still counts, and the rest anew.

        Raises:
            BudgetExceeded: from ``ticket.allow``; nothing was submitted after that.
            BackendError: the vendor refused, or it cannot be known whether it took a job; the message says what to do.
        """
        ...
