"""DeviceJob: an evaluation on a device, over as many of the vendor's jobs as it takes."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, HybridqError
from hybridq.contract.task import Result
from hybridq.hardware.calls import Answer, Late, Trouble
from hybridq.hardware.device import Counts, Run
from hybridq.hardware.packages import Package, levelled, packages
from hybridq.hardware.submitting import Submitter
from hybridq.hardware.telling import Teller

Evaluation = Generator[Sequence[Run], Sequence[Counts], list[Result]]
"""Yields runs, is sent their counts, and returns the results; more than once where later runs depend on earlier."""
Look = tuple[Status, Sequence[Counts] | None, Mapping[str, Any]]
"""Where a job stands, its counts where it is done, and what people want to hear of it."""
MALFORMED = 3  # times that a result may be malformed before that is believed
RESUBMISSIONS = 2  # times that a job which failed at the vendor's is submitted again


@dataclass
class Part:
    """A package and its job.

    Attributes:
        package: what is run.
        runs: its pieces.
        job_id: the vendor's.
        counts: once they are there.
        failed: jobs of it that failed.
    """

    package: Package
    runs: list[Run]
    job_id: str
    counts: Sequence[Counts] | None = None
    status: Status = Status.QUEUED
    failed: int = 0


class DeviceJob:
    """A job as the contract has it.

    Args:
        job_id: by which the backend finds it again.
        submitter: hands packages in; its device is where the work is done.
        evaluation: what to run.
    """

    def __init__(self, job_id: str, submitter: Submitter, evaluation: Evaluation) -> None:
        self.id = job_id
        self._submitter = submitter
        self._device = submitter.device
        self._patience = submitter.caller.patience
        self._evaluation = evaluation
        self._stage = 0
        self._runs: Sequence[Run] = ()
        self._parts: list[Part] = []
        self._results: list[Result] | None = None
        self._failure: BackendError | None = None
        self._teller = Teller(self._device, submitter.ticket)
        self._answer: tuple[Part, Answer[Look]] | None = None
        self._trouble: Trouble | None = None
        self._malformed = 0
        self._next = 0.0
        self._interval = self._patience.poll_seconds
        self._submit(next(evaluation))

    def _submit(self, runs: Sequence[Run]) -> None:
        limits = self._device.limits
        runs = [replace(r, shots=n) for r, n in zip(runs, levelled([r.shots for r in runs], limits), strict=True)]
        self._runs = runs
        made = packages(runs, limits, f"{self._submitter.ticket.key} {self._stage}")
        self._stage += 1
        self._parts = []
        # All are handed in before any is waited for, so that they queue together.
        for package in made:
            pieces = [replace(runs[piece.run], shots=piece.shots) for piece in package.pieces]
            self._parts.append(Part(package, pieces, self._submitter.job_of(package, pieces)))

    @property
    def vendor_ids(self) -> list[str]:
        """The vendor's ids, of what is under way or was last."""
        return [part.job_id for part in self._parts]

    def status(self) -> Status:
        """Where it stands, as of the last look; looks once where nothing is known."""
        if self._results is not None:
            return Status.DONE
        if self._failure is None and self._answer is None and time.monotonic() >= self._next:
            try:
                self._advance(self._patience.poll_seconds)
            except BackendError as error:
                self._failure = error
        return self._seen()

    def _seen(self) -> Status:
        if self._results is not None:
            return Status.DONE
        if self._failure is not None:
            cancelled = any(part.status is Status.CANCELLED for part in self._parts)
            return Status.CANCELLED if cancelled else Status.FAILED
        waiting = all(part.status is Status.QUEUED for part in self._parts)
        return Status.QUEUED if waiting else Status.RUNNING

    def result(self, timeout: float | None = None) -> list[Result]:
        """The results; waits at most `timeout` seconds.

        Raises:
            TimeoutError: not finished yet; it goes on.
            BackendError: a part failed or was cancelled, or its result is malformed, or the service stays in trouble.
            Stopped: the run is to stop, while something was submitted again.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while self._results is None:
            if self._failure is not None:
                raise self._failure
            left = 0.2 if end is None else min(0.2, end - time.monotonic())
            if left <= 0:
                done = sum(part.counts is not None for part in self._parts)
                raise TimeoutError(f"{done} of {len(self._parts)} jobs are done on {self._device.name}")
            try:
                self._advance(left)
            except BackendError as error:
                self._failure = error
        return list(self._results)

    def cancel(self) -> None:
        """Ask the vendor for the end of all parts that are not done."""
        for part in self._parts:
            if part.counts is None:
                self._submitter.caller.read("cancelling a job", lambda part=part: self._device.cancel(part.job_id))  # type: ignore[misc]

    def _advance(self, seconds: float) -> None:
        """Go on for about so long: look at a part, or wait for the answer to the last look."""
        if self._answer is None:
            wait = self._next - time.monotonic()
            if wait > 0:
                time.sleep(min(wait, seconds))
                return
            part = min((p for p in self._parts if p.counts is None), key=self._parts.index)
            self._answer = (part, Answer(lambda: self._look(part.job_id)))
        part, answer = self._answer
        if not answer.wait(seconds):
            if time.monotonic() - answer.began < self._patience.call_seconds:
                return
            self._answer = None
            self._met(Late(f"no answer in {self._patience.call_seconds:g} s"))
            return
        self._answer = None
        try:
            status, counts, told = answer.get()
        except HybridqError:
            raise
        except Exception as error:
            self._met(error)
            return
        self._trouble = None
        self._teller.note(part.job_id, told)
        self._take(part, status, counts)

    def _look(self, job_id: str) -> Look:
        status = self._device.status(job_id)
        counts = self._device.counts(job_id) if status is Status.DONE else None
        return status, counts, self._teller.ask(job_id, status)

    def _met(self, error: Exception) -> None:
        self._trouble = self._trouble or Trouble(self._submitter.caller, "asking for a job")
        self._trouble.met(error)

    def _take(self, part: Part, status: Status, counts: Sequence[Counts] | None) -> None:
        if status is not part.status:
            self._interval = self._patience.poll_seconds
        part.status = status
        if status is Status.CANCELLED:
            raise BackendError(
                f"job {part.job_id} on {self._device.name} was cancelled there; resume, and it is submitted again"
            )
        if status is Status.FAILED:
            self._failed(part)
        elif counts is None:
            away = getattr(self._device, "away", None)
            reason = away() if away is not None and self._patience.offline == "stop" else None
            if reason:
                raise BackendError(
                    f"{self._device.name} is away ({reason}) and job {part.job_id} waits there; resume when it is back",
                    retryable=True,
                )
            self._next = time.monotonic() + self._interval
            self._interval = min(1.5 * self._interval, self._patience.longest_poll)
        else:
            self._received(part, counts)

    def _failed(self, part: Part) -> None:
        part.failed += 1
        self._submitter.ticket.note({"package": part.package.mark, "ended": part.job_id})
        if part.failed > RESUBMISSIONS:
            why = getattr(self._device, "failure", lambda job_id: None)(part.job_id)
            raise BackendError(
                f"job {part.job_id} on {self._device.name} failed there{f' ({why})' if why else ''}, as did "
                f"{part.failed - 1} before it; resume to try again",
                retryable=True,
            )
        part.job_id = self._submitter.job_of(part.package, part.runs, again=True)
        part.status = Status.QUEUED

    def _received(self, part: Part, counts: Sequence[Counts]) -> None:
        # A device whose readings are no counts says itself what is wrong with them.
        wrong = getattr(self._device, "malformed", malformed)(part.runs, counts)
        if wrong is not None:
            self._malformed += 1
            if self._malformed >= MALFORMED:
                raise BackendError(
                    f"the result of job {part.job_id} on {self._device.name} is malformed: {wrong}; resume to fetch it "
                    "again, and tell the vendor if this goes on"
                )
            self._next = time.monotonic() + self._patience.poll_seconds
            return
        part.counts = counts
        self._submitter.ticket.keep(part.job_id, [dict(c) for c in counts])
        if all(p.counts is not None for p in self._parts):
            self._finish_stage()

    def _finish_stage(self) -> None:
        merged: list[dict[str, int]] = [{} for _ in self._runs]
        for part in self._parts:
            assert part.counts is not None
            for piece, counts in zip(part.package.pieces, part.counts, strict=True):
                into = merged[piece.run]
                for text, number in counts.items():
                    into[text] = into.get(text, 0) + number
        try:
            runs = self._evaluation.send(merged)
        except StopIteration as stop:
            self._results = stop.value
            return
        self._submit(runs)


def malformed(runs: Sequence[Run], counts: Sequence[Counts]) -> str | None:
    """What is wrong with the counts of some runs, in words; None where nothing is."""
    if len(counts) != len(runs):
        return f"{len(runs)} circuits were run, and it has counts of {len(counts)}"
    for k, (run, found) in enumerate(zip(runs, counts, strict=True)):
        if not found or not all(set(text) <= {"0", "1"} and text for text in found):
            return f"circuit {k} has no counts of bit strings"
        if len({len(text) for text in found}) > 1:
            return f"circuit {k} has bit strings of different lengths"
        if any(not isinstance(number, int) or number < 0 for number in found.values()):
            return f"circuit {k} has counts that are no whole numbers"
        # Some vendors drop samples that their own checks reject, so that there may be fewer.
        if not 0 < sum(found.values()) <= run.shots:
            return f"circuit {k} was run with {run.shots} shots, and its counts add up to {sum(found.values())}"
    return None
