"""Runs on a device: killed, resumed, replayed and kept within their budget; no job is paid for twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from device_script import vqe
from folder_device import FolderDevice
from test_calls import QUICK

import hybridq as hq
from hybridq.contract.errors import BackendError, BudgetExceeded, InputError
from hybridq.journal import read_journal

SCRIPT = Path(__file__).with_name("device_script.py")


@cache
def h2() -> hq.Problem:
    return hq.Problem.from_xyz("H 0 0 0; H 0 0 0.8", "sto-3g")


@pytest.fixture
def fcidump(tmp_path):
    h2().to_fcidump(tmp_path / "h2.fcidump")
    return tmp_path / "h2.fcidump"


def jobs_by_tag(folder):
    jobs = FolderDevice(folder).jobs().values()
    return Counter(job["tag"] for job in jobs if job["fate"] not in ("failed", "cancelled"))


def test_a_vqe_reaches_the_ground_state_within_its_errors(tmp_path, fcidump):
    run = vqe(tmp_path / "vendor", fcidump, None, shots=8000, optimizer_options={"iterations": 60}, seed=2)
    result = run.run()
    assert result.stderr > 0
    true = hq.backend("sector").submit([hq.Task(result.circuit, result.parameters, h2().hamiltonian)]).result()[0]
    assert abs(result.energy - true.value[0]) < 5 * result.stderr
    assert true.value[0] - h2().references()["casci"] < 5e-3
    assert run.backend.device.compilations == 1


def test_a_run_goes_on_in_a_new_process_with_the_same_bits_and_no_job_twice(tmp_path, fcidump):
    whole = vqe(tmp_path / "alone", fcidump, tmp_path / "alone.run").run()
    vendor, run = tmp_path / "vendor", tmp_path / "run"
    rng = random.Random(5)
    for life in range(12):
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(vendor), str(fcidump), str(run)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        FolderDevice(vendor).plan_faults("submit", [rng.choice(["", "lose", "drop", "refuse"]) for _ in range(5)])
        FolderDevice(vendor).plan_faults("status", [rng.choice(["", "", "lose", "hang", "refuse"]) for _ in range(9)])
        if life == 11:
            break
        time.sleep(1.2 + rng.random())
        process.send_signal(signal.SIGKILL)
        said, _ = process.communicate()
        if said:
            break
    else:
        said = ""
    said = said or process.communicate(timeout=120)[0]
    energy, evaluations = said.split()
    assert float.fromhex(energy) == whole.energy
    assert int(evaluations) == whole.evaluations
    assert set(jobs_by_tag(vendor).values()) == {1}
    assert len(jobs_by_tag(vendor)) == len(jobs_by_tag(tmp_path / "alone"))


def test_a_finished_run_is_replayed_without_the_vendor(tmp_path, fcidump):
    first = vqe(tmp_path / "vendor", fcidump, tmp_path / "run").run()
    nowhere = tmp_path / "no vendor here"
    again = vqe(nowhere, fcidump, tmp_path / "run").run()
    assert again.energy.hex() == first.energy.hex()
    assert (again.parameters == first.parameters).all()
    assert not FolderDevice(nowhere).jobs()


def test_a_run_of_the_same_circuit_with_other_options_is_another_run(tmp_path, fcidump):
    vqe(tmp_path / "vendor", fcidump, tmp_path / "run").run()
    with pytest.raises(hq.JournalMismatch, match="grouping"):
        vqe(tmp_path / "vendor", fcidump, tmp_path / "run", backend_options={"grouping": "commuting"}).run()


def test_a_budget_holds_over_all_lives_and_the_best_point_is_kept(tmp_path, fcidump):
    def spent():
        return sum(job["shots"] for job in FolderDevice(tmp_path / "vendor").jobs().values())

    words = {"optimizer_options": {"iterations": 20, "calibration": 2}}
    budget = hq.Budget(shots=40_000)
    first = vqe(tmp_path / "vendor", fcidump, tmp_path / "run", budget=budget, **words).run()
    assert not first.converged
    assert "the budget of 40,000 shots has" in first.reason
    assert 30_000 < spent() <= 40_000
    before = spent()
    again = vqe(tmp_path / "vendor", fcidump, tmp_path / "run", budget=budget, **words).run()
    assert again.energy == first.energy
    assert spent() == before
    more = vqe(tmp_path / "vendor", fcidump, tmp_path / "run", budget={"shots": 60_000}, **words).run()
    assert 50_000 < spent() <= 60_000
    assert more.evaluations > first.evaluations
    noted = [r for r in read_journal(tmp_path / "run" / "journal.jsonl").of_kind("job") if "id" in r]
    assert sum(r["shots"] for r in noted) == spent()


@pytest.mark.parametrize("limit", [{"shots": 1000}, {"dollars": 1.0}, {"qpu_seconds": 0.5}])
def test_a_budget_smaller_than_one_evaluation_submits_nothing(tmp_path, fcidump, limit):
    with pytest.raises(BudgetExceeded, match="not one fits"):
        vqe(tmp_path / "vendor", fcidump, tmp_path / "run", budget=limit).run()
    assert not FolderDevice(tmp_path / "vendor").jobs()


@pytest.mark.parametrize("limit", [{}, {"shots": 0}, {"dollars": float("nan")}, {"euros": 3}])
def test_a_budget_that_makes_no_sense_is_refused(tmp_path, fcidump, limit):
    with pytest.raises(InputError, match="budget"):
        vqe(tmp_path / "vendor", fcidump, None, budget=limit)


def test_the_plan_says_what_will_be_submitted(tmp_path, fcidump):
    run = vqe(tmp_path / "vendor", fcidump, None, max_evaluations=5)
    (candidate,) = run.plan().candidates
    rows = run.start[None]
    run.backend.submit([hq.Task(run.circuit, rows, run.problem.hamiltonian, shots=2000, seed=1)]).result()
    jobs = FolderDevice(tmp_path / "vendor").jobs().values()
    assert candidate.cost.shots == sum(job["shots"] for job in jobs)
    assert candidate.cost.circuits == sum(len(job["counts"]) for job in jobs)
    assert candidate.cost.dollars == pytest.approx(0.01 * candidate.cost.shots)
    assert "s of QPU" in str(run.plan())
    assert "$" in str(run.plan())


def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(tmp_path, fcidump):
    run = vqe(tmp_path / "vendor", fcidump, None)
    task = hq.Task(run.circuit, run.start, run.problem.hamiltonian, shots=2000, seed=1)
    shown = run.backend.requests([task])
    assert not FolderDevice(tmp_path / "vendor").jobs()
    run.backend.submit([task])
    jobs = sorted(FolderDevice(tmp_path / "vendor").jobs().values(), key=lambda job: job["time"])
    assert [sum(c["shots"] for c in one["circuits"]) for one in shown] == [job["shots"] for job in jobs]
    assert all(c["program"].startswith("OPENQASM 3") for one in shown for c in one["circuits"])


def test_a_service_in_lasting_trouble_stops_the_run_and_it_can_be_resumed(tmp_path, fcidump):
    FolderDevice(tmp_path / "vendor").plan_faults("submit", ["", "", "", "", "", "", *["refuse"] * 500])
    with pytest.raises(BackendError, match="resume when the service is well again"):
        vqe(tmp_path / "vendor", fcidump, tmp_path / "run", patience=QUICK).run()
    FolderDevice(tmp_path / "vendor").plan_faults("submit", [])
    result = vqe(tmp_path / "vendor", fcidump, tmp_path / "run").run()
    whole = vqe(tmp_path / "alone", fcidump, None).run()
    assert result.energy == whole.energy
    assert set(jobs_by_tag(tmp_path / "vendor").values()) == {1}


def test_raw_counts_are_beside_the_journal(tmp_path, fcidump):
    vqe(tmp_path / "vendor", fcidump, tmp_path / "run").run()
    lines = (tmp_path / "run" / "counts.jsonl").read_text().splitlines()
    assert len(lines) == len(FolderDevice(tmp_path / "vendor").jobs())


def test_too_wide_a_circuit_is_refused_before_anything_is_sent(tmp_path, fcidump):
    backend = hq.hardware.DeviceBackend(FolderDevice(tmp_path / "vendor", n_qubits=1))
    with pytest.raises(hq.CapacityError, match="2 qubits, and folder has 1.*parity_reduced"):
        backend.cost([hq.Task(vqe(tmp_path / "x", fcidump, None).circuit, [0.0], h2().hamiltonian, shots=1000)])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"grouping": "sorted"}, "grouping is one of qubit-wise"),
        ({"allocation": "lucky"}, "allocation is one of"),
        ({"readout_shots": 0}, "readout_shots"),
        ({"patience": {"call": 3}}, "patience has call_seconds"),
        ({"grouping": "basis-rotation", "encoding": "parity"}, "needs the encoding 'jordan_wigner'"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, words, told):
    with pytest.raises(InputError, match=told):
        hq.hardware.DeviceBackend(FolderDevice(tmp_path), **words)
