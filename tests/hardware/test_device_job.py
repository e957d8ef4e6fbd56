"""An evaluation over the vendor's jobs: results, errors that say what to do, and no answer that is made up."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from folder_device import FolderDevice
from qiskit import QuantumCircuit
from test_calls import QUICK

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, JobNotFound
from hybridq.contract.task import Result
from hybridq.contract.ticket import Ticket
from hybridq.hardware import Limits, Run
from hybridq.hardware.calls import Caller
from hybridq.hardware.job import DeviceJob, malformed
from hybridq.hardware.submitting import Submitter

SHOTS = (100, 100, 50)


def program(device):
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    return device.compile(bell, [QuantumCircuit(2)]).programs[0]


def evaluation(runs, *more):
    """Runs, then more runs; the value is how often 11 was read."""
    counts = list((yield runs))
    for later in more:
        counts += yield later
    return [Result(np.array([sum(c.get("11", 0) for c in counts)]), np.zeros(1))]


def job_on(device, stages=0, *, shots=SHOTS, notes=None, patience=QUICK, keep=lambda name, data: None):
    runs = [Run(program(device), np.zeros(0), n, k) for k, n in enumerate(shots)]
    later = [[replace(run, seed=10 + k) for run in runs] for k in range(stages)]
    notes = [] if notes is None else notes
    ticket = Ticket("run-1-abc", tuple(notes), notes.append, keep=keep)
    submitter = Submitter(device, Caller(device, patience, lambda: None), ticket)
    return DeviceJob("run-1-abc", submitter, evaluation(runs, *later))


def test_counts_of_all_jobs_come_back_as_one_result(tmp_path):
    device = FolderDevice(tmp_path, limits=Limits(circuits=1, shots=60))
    job = job_on(device)
    assert len(device.jobs()) == 5
    (result,) = job.result(10)
    assert 0 < result.value[0] < 250
    assert job.status() is Status.DONE
    assert job.result() == [result]


def test_all_jobs_are_handed_in_before_any_is_waited_for(tmp_path):
    device = FolderDevice(tmp_path, limits=Limits(circuits=1))
    device.plan_fates(["queued 1000"] * 3)
    job = job_on(device)
    assert len(device.jobs()) == 3
    assert job.status() is Status.QUEUED


def test_a_result_that_is_not_there_yet_ends_the_waiting_in_time(tmp_path):
    device = FolderDevice(tmp_path)
    device.plan_fates(["queued 100000"] * 2)
    job = job_on(device)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="0 of 2 jobs are done on folder"):
        job.result(0.3)
    assert time.monotonic() - began < 2


def test_a_service_that_hangs_does_not_hang_the_waiting(tmp_path):
    device = FolderDevice(tmp_path)
    job = job_on(device)
    device.plan_faults("status", ["hang"])
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        job.result(0.1)
    assert time.monotonic() - began < 2
    assert job.result(20)[0].value[0] > 0


def test_later_runs_may_depend_on_earlier_ones(tmp_path):
    device = FolderDevice(tmp_path)
    (result,) = job_on(device, 2).result(10)
    assert len(device.jobs()) == 6
    assert 0 < result.value[0] < 3 * sum(SHOTS)


class Mortal(list):
    """Notes of a process that dies as it makes its note of this number."""

    def __init__(self, dies_at):
        super().__init__()
        self.dies_at = dies_at

    def append(self, note):
        if len(self) == self.dies_at:
            raise KeyboardInterrupt
        super().append(note)


@pytest.mark.parametrize("dies_at", range(12))
def test_wherever_a_process_dies_the_next_one_submits_nothing_twice(tmp_path, dies_at):
    alone = job_on(FolderDevice(tmp_path / "alone"), 2).result(10)
    device = FolderDevice(tmp_path)
    notes = Mortal(dies_at)
    with pytest.raises(KeyboardInterrupt):
        job_on(device, 2, notes=notes).result(10)
    again = job_on(device, 2, notes=list(notes)).result(10)
    assert len(device.jobs()) == 6
    assert again[0].value == alone[0].value


def test_a_job_that_fails_is_submitted_again_and_then_given_up(tmp_path):
    device = FolderDevice(tmp_path)
    device.plan_fates(["failed", "", "failed"])
    assert job_on(device).result(10)[0].value[0] > 0
    assert len(device.jobs()) == 4
    device = FolderDevice(tmp_path / "hopeless")
    device.plan_fates(["failed"] * 9)
    job = job_on(device, shots=(100,))
    with pytest.raises(BackendError, match="failed there, as did 2 before it; resume to try again"):
        job.result(10)
    assert job.status() is Status.FAILED
    assert len(device.jobs()) == 3


def test_a_job_that_someone_cancelled_is_not_submitted_again_unasked(tmp_path):
    device = FolderDevice(tmp_path)
    device.plan_fates(["cancelled"])
    with pytest.raises(BackendError, match="was cancelled there; resume"):
        job_on(device, shots=(100,)).result(10)
    assert len(device.jobs()) == 1


def test_a_malformed_result_is_never_a_value(tmp_path):
    device = FolderDevice(tmp_path)
    device.plan_fates(["malformed"])
    with pytest.raises(BackendError, match="malformed: circuit 0 has no counts"):
        job_on(device, shots=(100,)).result(10)


def test_trouble_while_waiting_changes_nothing(tmp_path):
    device = FolderDevice(tmp_path)
    quiet = job_on(device).result(10)
    other = FolderDevice(tmp_path / "troubled")
    job = job_on(other)
    other.plan_faults("status", ["refuse", "drop", "", "lose"])
    other.plan_faults("counts", ["drop", "refuse"])
    assert job.result(20)[0].value == quiet[0].value
    assert len(other.jobs()) == 2


def test_cancelling_asks_the_vendor_for_the_end_of_what_is_not_done(tmp_path):
    device = FolderDevice(tmp_path)
    device.plan_fates(["queued 1000"] * 2)
    job = job_on(device)
    job.cancel()
    assert {found["fate"] for found in device.jobs().values()} == {"cancelled"}


def test_raw_counts_are_kept_as_soon_as_they_are_there(tmp_path):
    kept = {}
    device = FolderDevice(tmp_path)
    job_on(device, keep=kept.__setitem__).result(10)
    assert kept == {name: job["counts"] for name, job in device.jobs().items()}


def test_a_job_that_vanishes_is_told(tmp_path):
    device = FolderDevice(tmp_path)
    job = job_on(device, shots=(10,))
    for path in tmp_path.glob("job-*"):
        path.unlink()
    with pytest.raises(JobNotFound):
        job.result(10)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([], "counts of 0"),
        ([{"0x1": 10}], "no counts of bit strings"),
        ([{"0": 5, "01": 5}], "different lengths"),
        ([{"0": 11}], "add up to 11"),
        ([{"0": 0}], "add up to 0"),
        ([{"0": -1, "1": 11}], "no whole numbers"),
        ([{"0": 2.5}], "no whole numbers"),
    ],
)
def test_what_is_wrong_with_counts_is_named(counts, words):
    assert words in malformed([Run("program", np.zeros(0), 10)], counts)
    assert malformed([Run("program", np.zeros(0), 10)], [{"0": 4, "1": 6}]) is None
