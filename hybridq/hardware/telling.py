"""Telling: where a job stands in the vendor's queue, and what time it used, for people."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from hybridq.contract.backend import Status
from hybridq.contract.ticket import Ticket
from hybridq.hardware.device import Device

EVERY = 30.0  # seconds between questions about the queue


class Teller:
    """Asks a device that has `waiting` or `usage`, and notes what changed; nothing depends on the answers.

    A note is ``{"about": job id, "queue": text}`` or ``{"about": job id, "used_seconds": seconds of the processor}``.

    Args:
        device: whose jobs they are. ``waiting(job_id)`` gives a text or None, ``usage(job_id)`` seconds or None.
        ticket: where it is noted.
    """

    def __init__(self, device: Device, ticket: Ticket) -> None:
        self._waiting = getattr(device, "waiting", None)
        self._usage = getattr(device, "usage", None)
        self._ticket = ticket
        self._said = {str(note["about"]): dict(note) for note in ticket.known if "about" in note}
        self._next = 0.0

    def ask(self, job_id: str, status: Status) -> Mapping[str, Any]:
        """What is to be said of a job; asks the vendor, at most every 30 seconds while it is queued."""
        try:
            if status is Status.DONE:
                if self._usage is None or "used_seconds" in self._said.get(job_id, {}):
                    return {}
                seconds = self._usage(job_id)
                return {} if seconds is None else {"used_seconds": float(seconds)}
            if self._waiting is None or status is not Status.QUEUED or time.monotonic() < self._next:
                return {}
            self._next = time.monotonic() + EVERY
            told = self._waiting(job_id)
            return {"queue": str(told)[:200]} if told else {}
        except Exception:  # it is for people alone: the job is well whether this can be told or not
            return {}

    def note(self, job_id: str, told: Mapping[str, Any]) -> None:
        """Keep what was said, where it is new."""
        note = {"about": job_id, **told}
        if told and self._said.get(job_id) != note:
            self._said[job_id] = note
            self._ticket.note(note)
