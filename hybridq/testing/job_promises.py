"""Promises about jobs: found again, finished, cancelled, in order."""

from __future__ import annotations

import json
import math
import time
import unittest
from collections.abc import Mapping

import numpy as np

from hybridq.contract.backend import Job, Status
from hybridq.contract.circuit import product
from hybridq.contract.errors import BackendError, JobNotFound
from hybridq.contract.generators import single
from hybridq.testing.asking import Asking
from hybridq.testing.cases import Case, random_hamiltonian
from hybridq.testing.compare import same
from hybridq.testing.elsewhere import results_elsewhere
from hybridq.testing.oracle import Oracle
from hybridq.testing.promises import promise

MOST_ROWS = 100  # that are worth running to exceed what one job takes
SOME_ROWS = 12


class JobPromises(Asking):
    """A job is found again, ends, and brings back what was asked, in order."""

    @promise
    def test_a_job_is_found_again_by_its_id(self) -> None:
        """`job(id)` gives the same results; ids are texts that JSON can hold, and differ."""
        backend = self._backend()
        task = self._some_task(backend)
        first, second = backend.submit([task]), backend.submit([task])
        for job in (first, second):
            assert isinstance(job.id, str), f"job.id is a {type(job.id).__name__}, not a text that JSON can hold"
            assert json.loads(json.dumps(job.id)) == job.id
            assert job.id.strip(), "job.id is empty"
        assert first.id != second.id, f"two jobs have the same id {first.id!r}"
        results = first.result(self.timeout)
        found = backend.job(first.id)
        assert found.id == first.id, f"job({first.id!r}) came back with the id {found.id!r}"
        same(found.result(self.timeout), results, "the job found by its id has other results")

    @promise
    def test_a_finished_job_says_so(self) -> None:
        """Status is done after `result`, and `cancel` is then harmless."""
        backend = self._backend()
        job = backend.submit([self._some_task(backend)])
        assert isinstance(job.status(), Status), f"status is {job.status()!r}"
        results = job.result(self.timeout)
        assert job.status() is Status.DONE, f"status is {job.status()} after result() returned"
        job.cancel()
        same(job.result(self.timeout), results, "a finished job lost its results by cancel()")

    @promise
    def test_an_unknown_job_id_raises_job_not_found(self) -> None:
        """No other error, and no job."""
        backend = self._backend()
        name = "no such job 3f1b"
        try:
            job = backend.job(name)
        except JobNotFound:
            return
        raise AssertionError(f"job({name!r}) returned {job!r}; it must raise JobNotFound")

    @promise
    def test_a_durable_job_is_found_by_another_backend_object(self) -> None:
        """Where durable_jobs is claimed, the id alone is enough."""
        backend = self._backend()
        if not backend.capabilities.durable_jobs:
            raise unittest.SkipTest("claims no durable jobs")
        job = backend.submit([self._some_task(backend)])
        again = self._backend().job(job.id)
        same(again.result(self.timeout), job.result(self.timeout), "another backend object found other results")

    @promise
    def test_one_result_for_each_task_in_order(self) -> None:
        """Two different tasks in one job come back as they do alone."""
        backend = self._backend()
        driver = self._values(backend)
        tasks = [self._task(backend, case, driver) for case in self._cases(backend)[:2]]
        together = backend.submit(tasks).result(self.timeout)
        assert len(together) == 2, f"two tasks brought back {len(together)} results"
        for task, result in zip(tasks, together, strict=True):
            self._right(backend, task, result, "in a job of two tasks")

    @promise
    def test_provenance_can_be_held_by_json(self) -> None:
        """Texts and numbers, without NaN."""
        backend = self._backend()
        for driver in sorted(backend.capabilities.drivers):
            result = self._run(backend, self._task(backend, self._cases(backend)[0], driver))
            assert isinstance(result.provenance, Mapping), f"provenance is a {type(result.provenance).__name__}"
            held = json.loads(json.dumps(dict(result.provenance), allow_nan=False))
            assert set(held) == set(result.provenance), "keys of provenance must be texts"

    @promise
    def test_a_durable_job_is_found_in_another_process(self) -> None:
        """By its id alone, while it may still be at work. The subclass must stand at the top of a module."""
        backend = self._backend()
        if not backend.capabilities.durable_jobs:
            raise unittest.SkipTest("claims no durable jobs")
        job = backend.submit([self._some_task(backend)])
        found = results_elsewhere(self, job.id, self.timeout)
        same(found, job.result(self.timeout), "another process found other results")

    @promise
    def test_a_cancelled_job_is_cancelled_or_done(self) -> None:
        """Its status says which, without an error; no result of a cancelled one, the right result of the other."""
        backend = self._backend()
        task = self._some_task(backend)
        job = backend.submit([task])
        job.cancel()
        status = self._last_status(job)
        assert status in (Status.CANCELLED, Status.DONE), f"after cancel() the job ended as {status.value!r}"
        job.cancel()
        if status is Status.DONE:
            self._right(backend, task, job.result(self.timeout)[0], "of a job that was done before it was cancelled")
            return
        try:
            results = job.result(self.timeout)
        except BackendError:
            return
        raise AssertionError(f"a cancelled job brought back {results!r:.200}; result() must raise BackendError")

    @promise
    def test_more_rows_than_a_job_takes_come_back_in_order(self) -> None:
        """One more than the vendor takes circuits at once, or twelve where no limit is known."""
        backend = self._backend()
        self._cases(backend)  # skips where there are none
        device = getattr(getattr(backend, "inner", backend), "device", None)
        limit = getattr(getattr(device, "limits", None), "circuits", None)
        n = limit + 1 if limit is not None and SOME_ROWS < limit <= MOST_ROWS else SOME_ROWS
        circuit = product(2, (1, 1), [single(0, 1, "alpha"), single(0, 1, "beta")], name="four determinants")
        rows = np.random.default_rng(5).choice([0.0, math.pi / 2], size=(n, 2))
        case = Case(circuit, random_hamiltonian(2, 8), rows)
        if "counts" not in backend.capabilities.drivers:
            task = self._task(backend, case, self._values(backend))
            self._right(backend, task, self._run(backend, task), "over several jobs")
            return
        oracle = Oracle(circuit)
        for k, (row, counts) in enumerate(zip(rows, self._counts(backend, case), strict=True)):
            chances = oracle.probabilities(row)
            expected, most = max(chances, key=lambda bits: chances[bits]), max(counts, key=lambda bits: counts[bits])
            assert most == expected, f"row {k} of {n} was counted as {most}; it was prepared as {expected}"

    @promise
    def test_jobs_under_way_together_do_not_meet(self) -> None:
        """Two are handed in before either is asked for; the second is asked first."""
        backend = self._backend()
        driver = self._values(backend)
        tasks = [self._task(backend, case, driver) for case in self._cases(backend)[:2]]
        jobs = [backend.submit([task]) for task in tasks]
        for task, job in reversed(list(zip(tasks, jobs, strict=True))):
            self._right(backend, task, job.result(self.timeout)[0], "with another job under way")

    def _last_status(self, job: Job) -> Status:
        """Where a job ends, or stands when the patience does."""
        end, pause = time.monotonic() + self.timeout, 0.01
        while True:
            try:
                status = job.status()
            except Exception as error:
                raise AssertionError(f"status() raised {type(error).__name__} after cancel(): {error}") from error
            if status not in (Status.QUEUED, Status.RUNNING) or time.monotonic() > end:
                return status
            time.sleep(pause)
            pause = min(2 * pause, 2.0)
