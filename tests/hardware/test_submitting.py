"""A package becomes one job of the vendor's, whatever happens between."""

from __future__ import annotations

import numpy as np
import pytest
from folder_device import FolderDevice
from qiskit import QuantumCircuit
from test_calls import QUICK

from hybridq.contract.budget import Budget
from hybridq.contract.errors import BackendError, BudgetExceeded
from hybridq.contract.ticket import Stopped, Ticket
from hybridq.hardware import Run
from hybridq.hardware.calls import Caller
from hybridq.hardware.packages import packages
from hybridq.hardware.submitting import Submitter


class Life:
    """One life of a process: what it notes is what the next one knows."""

    def __init__(self, device, notes=(), *, resubmit_lost=False, allow=lambda cost: None, dies_at=None):
        self.notes = list(notes)
        self.dies_at = dies_at
        self.ticket = Ticket("run-0-abc", tuple(notes), self.note, allow)
        caller = Caller(device, QUICK, lambda: None)
        self.submitter = Submitter(device, caller, self.ticket, resubmit_lost)
        program = device.compile(QuantumCircuit(1), [QuantumCircuit(1)]).programs[0]
        self.runs = [Run(program, np.zeros(0), 100, 1)]
        (self.package,) = packages(self.runs, device.limits, "run-0-abc 0")

    def note(self, note):
        if self.dies_at == len(self.notes):
            raise KeyboardInterrupt
        self.notes.append(dict(note))

    def submit(self, **words):
        return self.submitter.job_of(self.package, self.runs, **words)


def test_the_intention_and_then_the_id_are_noted(tmp_path):
    life = Life(FolderDevice(tmp_path))
    job_id = life.submit()
    intention, known = life.notes
    assert intention == {"package": life.package.mark, "tag": life.submitter.tag(life.package)}
    assert known == {
        "package": life.package.mark, "id": job_id, "shots": 100, "qpu_seconds": pytest.approx(0.1),
        "dollars": pytest.approx(1.0),
    }  # fmt: skip


@pytest.mark.parametrize("faults", [["lose"], ["drop"], ["refuse"], ["refuse", "drop", "lose"], ["away", "refuse"]])
def test_trouble_on_the_way_costs_no_second_job(tmp_path, faults):
    device = FolderDevice(tmp_path)
    device.plan_faults("submit", faults)
    life = Life(device)
    job_id = life.submit()
    assert list(device.jobs()) == [job_id]


def test_a_service_that_cannot_even_be_asked_does_not_lead_to_a_second_job(tmp_path):
    device = FolderDevice(tmp_path)
    device.plan_faults("submit", ["lose"])
    device.plan_faults("find", ["drop", "refuse"])
    life = Life(device)
    job_id = life.submit()
    assert list(device.jobs()) == [job_id]


def test_a_later_life_takes_the_job_whose_id_is_known(tmp_path):
    device = FolderDevice(tmp_path)
    first = Life(device)
    job_id = first.submit()
    second = Life(device, first.notes)
    assert second.submit() == job_id
    assert second.notes == first.notes
    assert len(device.jobs()) == 1


def test_a_process_that_dies_between_the_vendors_yes_and_its_note_leaves_no_orphan(tmp_path):
    device = FolderDevice(tmp_path)
    first = Life(device, dies_at=1)
    with pytest.raises(KeyboardInterrupt):
        first.submit()
    assert len(first.notes) == 1
    second = Life(device, first.notes)
    job_id = second.submit()
    assert list(device.jobs()) == [job_id]
    assert second.notes[-1]["id"] in device.jobs()


def test_a_vendor_that_cannot_be_asked_leaves_the_choice_to_the_user(tmp_path):
    device = FolderDevice(tmp_path, searchable=False)
    device.plan_faults("submit", ["lose"])
    life = Life(device)
    with pytest.raises(BackendError, match=r"resubmit_lost=True.*Its tag is hybridq-run-0-abc"):
        life.submit()
    assert len(device.jobs()) == 1
    chosen = Life(device, life.notes, resubmit_lost=True)
    chosen.submit()
    assert len(device.jobs()) == 2


def test_a_job_that_failed_or_was_cancelled_is_submitted_again(tmp_path):
    for fate in ("failed", "cancelled"):
        device = FolderDevice(tmp_path / fate)
        device.plan_fates([fate])
        first = Life(device)
        lost = first.submit()
        second = Life(device, first.notes)
        assert second.submit() != lost


def test_a_job_that_the_vendor_does_not_know_is_not_paid_for_again_unasked(tmp_path):
    first = Life(FolderDevice(tmp_path / "one account"))
    job_id = first.submit()
    elsewhere = FolderDevice(tmp_path / "another account")
    with pytest.raises(BackendError, match=rf"{job_id}.*not known there.*account"):
        Life(elsewhere, first.notes).submit()
    assert not elsewhere.jobs()
    again = Life(elsewhere, first.notes, resubmit_lost=True).submit()
    assert list(elsewhere.jobs()) == [again]


def test_jobs_that_do_the_same_are_cancelled_but_for_the_first(tmp_path):
    device = FolderDevice(tmp_path)
    device.plan_fates(["queued 9", "queued 9"])
    life = Life(device, dies_at=1)
    with pytest.raises(KeyboardInterrupt):
        life.submit()
    (first,) = device.jobs()
    device.submit(life.runs, life.submitter.tag(life.package))  # as a client that repeats a POST would
    assert Life(device, life.notes).submit() == first
    assert sorted(job["fate"] for job in device.jobs().values()) == ["cancelled", "queued 9"]


def test_nothing_is_submitted_beyond_the_budget(tmp_path):
    device = FolderDevice(tmp_path)

    def allow(cost):
        lacking = Budget(shots=99).lacks(type(cost)(0.0, 0), cost)
        if lacking:
            raise BudgetExceeded(lacking)

    with pytest.raises(BudgetExceeded, match="99 shots has 99 left, and the next evaluation needs 100"):
        Life(device, allow=allow).submit()
    assert not device.jobs()


def test_a_submission_without_an_answer_is_looked_for_and_not_repeated(tmp_path):
    device = FolderDevice(tmp_path)
    device.plan_faults("submit", ["hang"])
    with pytest.raises((BackendError, Stopped), match="resume"):
        Life(device).submit()
    assert not device.jobs()
