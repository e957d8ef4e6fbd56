"""Submitting: one package becomes one job of the vendor's, whatever happens on the way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from hybridq.contract.backend import Cost, Status
from hybridq.contract.errors import BackendError, HybridqError, JobNotFound
from hybridq.contract.ticket import Stopped, Ticket
from hybridq.hardware.calls import LISTEN, Answer, Caller, Late, Trouble, described
from hybridq.hardware.device import Device, Remedy, Run
from hybridq.hardware.packages import Package

ALIVE = (Status.QUEUED, Status.RUNNING, Status.DONE)


@dataclass(frozen=True)
class Submitter:
    """Hands packages to a device such that none is submitted twice.

    Before a package is handed in, the intention is noted; as soon as the vendor's id is known, that is. Where an
    intention has no id (the process was killed in between) or the vendor's answer was lost, the vendor is asked for
    jobs with the package's tag first. A vendor that cannot be asked that leaves the decision to the user.

    Attributes:
        device: where to.
        caller: makes the calls.
        ticket: what is known and where it is noted.
        resubmit_lost: submit again what may have been submitted already and cannot be found; it may be paid twice.
    """

    device: Device
    caller: Caller
    ticket: Ticket
    resubmit_lost: bool = False

    def tag(self, package: Package) -> str:
        """The text by which the vendor's job can be found."""
        return f"hybridq-{self.ticket.key}-{package.mark}"

    def job_of(self, package: Package, runs: Sequence[Run], *, again: bool = False) -> str:
        """The id of the vendor's job for a package: found, or handed in now.

        Args:
            package: what is to be run.
            runs: its pieces as runs.
            again: its last job failed, so that what is known of it does not count.

        Raises:
            BudgetExceeded: it would cost more than is left.
            BackendError: it cannot be submitted, or it cannot be known whether it was.
            Stopped: the run is to stop meanwhile.
        """
        notes = [] if again else [note for note in self.ticket.known if note.get("package") == package.mark]
        for job_id in reversed([str(note["id"]) for note in notes if "id" in note]):
            if self._alive(job_id, known=True):
                return job_id
        # An intention that no id follows: the process ended in between, or the answer was lost.
        noted = [note for note in notes if "id" in note or "tag" in note]
        uncertain = bool(noted) and "id" not in noted[-1]
        price = self.device.price(runs)
        shots = sum(run.shots for run in runs)
        cost = Cost(0.0, 0, shots, price.dollars, price.qpu_seconds, len(runs))
        tag = self.tag(package)
        spending = {"shots": shots, "qpu_seconds": price.qpu_seconds, "dollars": price.dollars}
        trouble = Trouble(self.caller, "submitting a job")
        intended = False
        while True:
            if uncertain:
                found = self._found(tag)
                if found is not None:
                    self.ticket.note({"package": package.mark, "id": found, **spending})
                    return found
            self.ticket.allow(cost)
            if not intended:
                self.ticket.note({"package": package.mark, "tag": tag})
                intended = True
            answer = Answer(lambda: self.device.submit(runs, tag))
            try:
                job_id = self._awaited(answer, tag)
            except (HybridqError, Stopped):
                raise
            except Exception as error:
                uncertain = trouble.met(error) is Remedy.LOOK
                continue
            self.ticket.note({"package": package.mark, "id": job_id, **spending})
            return job_id

    def _awaited(self, answer: Answer[str], tag: str) -> str:
        """The id, by the vendor's answer; or, where that does not come, by looking for the tag.

        It is not handed in again meanwhile: the answer that is late may still be a yes.
        """
        patience = self.caller.patience
        looked = time.monotonic()
        while not answer.wait(LISTEN):
            now = time.monotonic()
            if now - answer.began > patience.call_seconds and now - looked > patience.longest_pause:
                found = self._among(tag)
                looked = time.monotonic()
                if found is not None:
                    return found
            if now - answer.began > patience.call_seconds + patience.trouble_seconds:
                raise BackendError(
                    f"{self.device.name}: no answer to the submission of a job in {now - answer.began:.0f} s; it may "
                    "have been taken: resume, and it is looked for before anything is submitted again",
                    retryable=True,
                )
            reason = self.caller.should_stop()
            if reason is not None and now - answer.began > patience.call_seconds:
                raise Stopped(reason)
        return str(answer.get())

    def _found(self, tag: str) -> str | None:
        """A living job with this tag; None where there is none for sure."""
        found = self.caller.read("looking for a job", lambda: self.device.find(tag))
        if found is None:
            if self.resubmit_lost:
                return None
            raise BackendError(
                f"{self.device.name}: a job may have been submitted without its id being known (the process ended, or "
                "the answer was lost), and this vendor cannot be asked for it. Look at your jobs there; then resume "
                f"with the backend's option resubmit_lost=True to submit it (again). Its tag is {tag}"
            )
        return self._first_alive(found)

    def _among(self, tag: str) -> str | None:
        try:
            found = self.caller.once(lambda: self.device.find(tag))
        except (Late, HybridqError):
            return None
        except Exception as error:
            if isinstance(error, Stopped):
                raise
            return None
        return self._first_alive(found or ())

    def _first_alive(self, ids: Sequence[str]) -> str | None:
        """The first living one; the others with the same tag are cancelled, since they do the same."""
        alive = [job_id for job_id in ids if self._alive(job_id, known=False)]
        for extra in alive[1:]:
            self.caller.read("cancelling a job that was submitted twice", lambda extra=extra: self.device.cancel(extra))  # type: ignore[misc]
        return alive[0] if alive else None

    def _alive(self, job_id: str, *, known: bool) -> bool:
        try:
            return self.caller.read(f"asking for job {job_id}", lambda: self.device.status(job_id)) in ALIVE
        except JobNotFound as error:
            if not known or self.resubmit_lost:
                return False
            raise BackendError(
                f"{self.device.name}: job {job_id}, which this run submitted, is not known there ({described(error)}); "
                "use the account and instance that it was submitted with. If it is gone for good, resume with the "
                "backend's option resubmit_lost=True: it is submitted, and paid for, again"
            ) from error
