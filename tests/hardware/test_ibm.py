"""IBM's real client against a loopback service: no job twice, none lost, nothing secret told."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

pytest.importorskip("qiskit_ibm_runtime")
pytest.importorskip("qiskit_aer")

from ibm import TOKEN, IBMQuantum
from qiskit import QuantumCircuit

import hybridq as hq
from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, InputError, JobNotFound
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.hardware import Patience, Remedy, Run
from hybridq.loops.inspection import status
from hybridq.loops.stopping import Interrupted

QUICK = {"call_seconds": 20.0, "first_pause": 0.1, "longest_pause": 1.0, "poll_seconds": 0.05, "longest_poll": 0.2}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    made = IBMQuantum(tmp_path_factory.mktemp("ibm"))
    kept = dict(os.environ)
    os.environ.update(made.environment())
    yield made
    made.stop()
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(scope="module")
def shared(service):
    """One backend for tests that change nothing in it: making one takes two seconds."""
    return hq.backend("ibm:ibm_manila", patience=QUICK)


@pytest.fixture
def backend(service, shared):
    for path in service.folder.iterdir():
        path.unlink()
    return shared


@pytest.fixture(scope="module")
def problem():
    return hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")


@pytest.fixture(scope="module")
def task(problem):
    circuit = hq.ansatz("uccsd").build(problem)
    return hq.Task(circuit, circuit.start, problem.hamiltonian, shots=3000, seed=1)


def runs(backend, task, shots=100):
    program = backend._prepared(task).compiled.programs[0]
    return [Run(program, task.params[0], shots)]


def test_an_energy_comes_back_with_its_error(backend, service, task, problem):
    (result,) = backend.submit([task]).result(60)
    (exact,) = hq.backend("sector").submit([hq.Task(task.circuit, task.params, problem.hamiltonian)]).result()
    assert abs(result.value[0] - exact.value[0]) < 6 * result.stderr[0]
    assert sum(job["shots"] for job in service.jobs().values()) == backend.cost([task]).shots
    assert result.provenance["compiled"]["two_qubit_gates"] > 0


def test_a_circuit_is_sent_once_for_all_rows_and_its_counts_come_back_in_order(backend, service, task, problem):
    rows = np.array([task.params[0] + step for step in (0.0, 0.7, -0.9, 1.8)])
    several = hq.Task(task.circuit, rows, problem.hamiltonian, shots=4000, seed=1)
    (result,) = backend.submit([several]).result(60)
    (exact,) = hq.backend("sector").submit([hq.Task(task.circuit, rows, problem.hamiltonian)]).result()
    assert (np.abs(result.value - exact.value) < 6 * result.stderr).all()
    sent = service.jobs().values()
    assert sum(job["circuits"] for job in sent) == 4 * sum(job["items"] for job in sent)
    fixed = QubitCircuit.of(QuantumCircuit(2))
    two = hq.Task(fixed, np.zeros((2, 0)), hq.PauliSum.of({"ZI": 1.0, "XX": 0.5}), shots=400)
    assert backend.submit([two]).result(60)[0].value == pytest.approx([1.0, 1.0], abs=0.3)


def test_a_job_is_found_by_another_object_by_its_id_and_by_its_tag(backend, service, task):
    job_id = backend.device.submit(runs(backend, task), "tag-7")
    assert list(backend.device.find("tag-7")) == [job_id]
    assert list(backend.device.find("no such tag")) == []
    other = hq.backend("ibm:ibm_manila", patience=QUICK)
    assert other.device.status(job_id) is Status.DONE
    assert other.device.counts(job_id) == backend.device.counts(job_id)
    job = backend.submit([task])
    assert other.job(job.id).result(60)[0].value == job.result(60)[0].value
    assert len(service.jobs()) == 1 + len(job.vendor_ids)


def test_more_than_ten_jobs_of_a_tag_are_all_found(backend, task):
    made = [backend.device.submit(runs(backend, task, 5), "many") for _ in range(12)]
    assert list(backend.device.find("many")) == made


@pytest.mark.parametrize("fault", ["lose", "drop", "cut", "500", "503", "refuse", "later"])
def test_whatever_happens_to_a_submission_there_is_one_job(backend, service, task, fault):
    service.plan("fault-submit", [fault])
    (result,) = backend.submit([task]).result(60)
    assert result.stderr[0] > 0
    assert set(service.paid().values()) == {1}


@pytest.mark.parametrize("what", ["status", "results", "find"])
@pytest.mark.parametrize("faults", [["500"], ["later", "503"], ["refuse"], ["cut", "lose"]])
def test_trouble_while_waiting_is_waited_out(backend, service, task, what, faults):
    if what == "find":
        service.plan("fault-submit", ["drop"])
    service.plan(f"fault-{what}", faults)
    (result,) = backend.submit([task]).result(60)
    assert result.stderr[0] > 0
    assert set(service.paid().values()) == {1}


def test_a_service_that_never_answers_ends_at_the_deadline(service, task):
    hasty = hq.backend("ibm:ibm_manila", patience={**QUICK, "call_seconds": 1.0, "trouble_seconds": 2.0})
    job = hasty.submit([task])
    service.plan("fault-status", ["hang"] * 20)
    began = time.monotonic()
    with pytest.raises(BackendError, match="no answer in 1 s.*resume") as told:
        job.result(60)
    assert told.value.retryable
    assert time.monotonic() - began < 15
    service.plan("fault-status", [])


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [("401", Remedy.ASK), ("403", Remedy.ASK), ("400", Remedy.GIVE_UP), ("refuse", Remedy.RETRY), ("500", Remedy.LOOK),
     ("502", Remedy.LOOK), ("503", Remedy.LOOK), ("lose", Remedy.LOOK), ("drop", Remedy.LOOK), ("cut", Remedy.LOOK)],
)  # fmt: skip
def test_every_error_of_a_submission_has_its_remedy(backend, service, task, fault, remedy):
    service.plan("fault-submit", [fault] * 8)
    with pytest.raises(Exception) as told:  # noqa: PT011
        backend.device.submit(runs(backend, task), "tag")
    assert backend.device.remedy(told.value) is remedy
    assert len(service.jobs()) == (1 if fault in ("lose", "drop") else 0)
    service.plan("fault-submit", [])


def test_a_failed_job_is_told_and_a_cancelled_one_is(backend, service, task):
    service.plan("fate", ["Failed"] * 9)
    with pytest.raises(BackendError, match="failed there"):
        backend.submit([task]).result(60)
    service.plan("fate", ["Cancelled"] * 9)
    with pytest.raises(BackendError, match="was cancelled there"):
        backend.submit([task]).result(60)
    service.plan("fate", ["malformed"] * 9)
    with pytest.raises(BackendError):
        backend.submit([task]).result(60)
    service.plan("fate", [])


def test_a_queued_job_says_how_many_are_ahead_and_can_be_cancelled(backend, service, task):
    service.plan("fate", ["Queued 1000"] * 9)
    job = backend.submit([task])
    assert job.status() is Status.QUEUED
    assert backend.device.waiting(job.vendor_ids[0]) == "4 jobs ahead"
    job.cancel()
    assert backend.device.status(job.vendor_ids[0]) is Status.CANCELLED
    service.plan("fate", [])


def test_the_status_of_a_run_has_its_place_in_the_queue_and_then_the_time_it_used(backend, service, problem, tmp_path):
    def run(stop=None):
        words = {"optimizer": "SPSA", "optimizer_options": {"iterations": 1, "calibration": 1}, "shots": 500, "seed": 4}
        hq.VQE(problem, backend=backend, run=tmp_path / "h2.run", progress=False, stop=stop, **words).run()

    def queued():
        journal = tmp_path / "h2.run" / "journal.jsonl"
        return "that is enough" if journal.exists() and b"jobs ahead" in journal.read_bytes() else None

    service.plan("fate", ["Queued 100000"] * 9)
    with pytest.raises(Interrupted, match="that is enough while job"):
        run(queued)
    found = status(tmp_path / "h2.run")
    assert {job.queue for job in found.pending} == {None, "4 jobs ahead"}  # one of the jobs is asked for
    assert "4 jobs ahead" in str(found)
    assert found.used_seconds is None
    service.plan("fate", [])
    for job_id, job in service.jobs().items():
        (service.folder / f"job-{job_id}.json").write_text(json.dumps({**job, "fate": ""}))
    run()
    found = status(tmp_path / "h2.run")
    assert not found.pending
    assert found.used_seconds == 2 * len(service.jobs())
    assert found.to_dict()["used_seconds"] == found.used_seconds


def test_a_device_that_is_away_stops_the_run_where_that_was_asked_for(service, backend, task):
    stopping = hq.backend("ibm:ibm_manila", patience={**QUICK, "offline": "stop"})
    service.plan("fate", ["Queued 1000"] * 9)
    job = stopping.submit([task])
    (service.folder / "away").touch()
    with pytest.raises(BackendError, match="is away .*resume when it is back"):
        job.result(30)
    (service.folder / "away").unlink()
    service.plan("fate", [])


def test_unknown_devices_and_foreign_jobs_are_named(backend):
    with pytest.raises(InputError, match="'ibm_manilla'.*ibm_manila"):
        hq.backend("ibm:ibm_manilla")
    with pytest.raises(JobNotFound):
        backend.device.status("d0000000000000000")
    assert hq.backend("ibm:least_busy").name == "ibm:ibm_manila"


def test_without_credentials_the_error_says_how_to_give_them(service, monkeypatch, tmp_path):
    monkeypatch.delenv("QISKIT_IBM_TOKEN")
    monkeypatch.delenv("QISKIT_IBM_INSTANCE")
    monkeypatch.setenv("HOME", str(tmp_path))
    code = (
        "import hybridq as hq\ntry:\n    hq.backend('ibm:ibm_manila')\nexcept hq.InputError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "set QISKIT_IBM_TOKEN" in done.stdout, done.stderr
    assert "save_account" in done.stdout


def test_the_key_is_never_told(backend, service, task, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    texts = [repr(backend), repr(backend.device), str(backend.options), str(backend.device.facts())]
    service.plan("fault-submit", ["401"] * 9)
    with pytest.raises(BackendError) as told:
        backend.submit([task])
    texts += [str(told.value), repr(told.value.__cause__)]
    service.plan("fault-submit", [])
    run = tmp_path / "run"
    hq.VQE(
        hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g"), backend=backend, shots=500, run=run, progress=False,
        optimizer_options={"iterations": 1, "calibration": 1},
    ).run()  # fmt: skip
    texts += [path.read_text() for path in run.iterdir() if path.suffix in (".json", ".jsonl")]
    texts += [record.getMessage() for record in caplog.records if record.name.startswith("hybridq")]
    assert not [text for text in texts if TOKEN in text]


def test_a_run_that_is_killed_while_it_submits_pays_for_nothing_twice(service, tmp_path):
    for path in service.folder.iterdir():
        path.unlink()
    script = textwrap.dedent(f"""
        import hybridq as hq
        p = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")
        b = hq.backend("ibm:ibm_manila", patience={QUICK!r})
        r = hq.VQE(p, backend=b, shots=600, run={str(tmp_path / "run")!r}, progress=False, seed=3,
                   optimizer_options={{"iterations": 3, "calibration": 1}}).run()
        print(r.energy.hex(), r.evaluations)
    """)
    rng = np.random.default_rng(3)
    said = ""
    for life in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        service.plan("fault-submit", [str(f) for f in rng.choice(["", "lose", "drop", "refuse", "503"], 4)])
        if life == 5:
            said, errors = process.communicate(timeout=120)
            assert said, errors
            break
        time.sleep(float(rng.uniform(4.5, 6.5)))
        process.send_signal(signal.SIGKILL)
        said, _ = process.communicate()
        if said:
            break
    assert set(service.paid().values()) == {1}
    before = len(service.jobs())
    service.plan("fault-submit", [])
    again = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert again.stdout == said
    assert len(service.jobs()) == before


def test_patience_is_told_apart_from_the_clients_own(backend):
    assert isinstance(Patience(**QUICK), Patience)
    session = backend.device._service._active_api_client
    inner = getattr(session, "_session", None) or session._api.session
    assert not inner.get_adapter("https://x").max_retries.is_retry("POST", 502)
    assert inner.get_adapter("https://x").max_retries.is_retry("GET", 502)
    assert inner._timeout[1] is not None
