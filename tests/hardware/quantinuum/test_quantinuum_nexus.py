"""Quantinuum's machines through Nexus's real client, against a service of ours: right, once, and without secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("pytket.extensions.quantinuum", reason="pytket-quantinuum is not installed: its extra quantinuum")
pytest.importorskip("qnexus", reason="Quantinuum's client of Nexus is not installed: pip install qnexus")
from nexus_service import ACCESS, REFRESH
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from test_qiskit_backend import exact, h2, rows

import hybridq as hq
from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, BudgetExceeded, InputError, JobNotFound
from hybridq.contract.ticket import Ticket
from hybridq.hardware import Remedy, Run
from hybridq.registry import backend
from hybridq_quantinuum import NexusDevice, QuantinuumBackend
from hybridq_quantinuum.service import NexusError

QUICK = {
    "call_seconds": 3.0, "trouble_seconds": 5.0, "first_pause": 0.02, "longest_pause": 0.2, "poll_seconds": 0.02,
    "longest_poll": 0.1,
}  # fmt: skip


def energy(made, n=1, shots=900):
    problem, circuit = h2()
    return made.submit([hq.Task(circuit, rows(n), problem.hamiltonian, shots=shots)])


def right(result, n=1):
    return np.abs((result.value - exact(rows(n))) / result.stderr).max() < 5


def runs(device, shots=(100, 50)):
    t = Parameter("t")
    circuit = QuantumCircuit(3)
    circuit.x(0)
    circuit.ry(t, 1)
    circuit.cx(1, 2)
    (program,) = device.compile(circuit, [QuantumCircuit(3)]).programs
    return [Run(program, np.array([angle]), n) for angle, n in zip((0.0, np.pi), shots, strict=True)]


def submissions(service):
    return [job["attributes"]["name"] for job in service.jobs.values()]


def test_energies_are_right_and_each_job_goes_out_once_with_its_tag_as_name(service):
    made = backend("quantinuum:H2-1", patience=QUICK)
    job = energy(made, n=2)
    (result,) = job.result(60)
    assert right(result, 2)
    assert sorted(service.jobs) == sorted(job.vendor_ids)
    assert all(name.startswith(f"hybridq-{job.id}-") for name in submissions(service))
    (sent,) = service.jobs.values()
    config = sent["attributes"]["definition"]["backend_config"]
    assert (config["device_name"], config["no_opt"]) == ("H2-1", True)
    assert [project["attributes"]["name"] for project in service.projects.values()] == ["hybridq"]


def test_counts_belong_to_their_circuits_in_whatever_order_results_come(service):
    device = NexusDevice("H2-1E", noisy=False, max_hqc=40.0, project="mine")
    job_id = device.submit(runs(device), "a-tag")
    assert device.status(job_id) is Status.DONE
    assert device.counts(job_id) == [{"001": 100}, {"111": 50}]
    definition = service.jobs[job_id]["attributes"]["definition"]
    assert definition["backend_config"]["noisy_simulation"] is False
    assert [item["max_cost"] for item in definition["items"]] == [40.0, 40.0]
    assert device.find("a-tag") == [job_id]
    assert device.find("a") == []


@pytest.mark.parametrize(
    ("what", "fault"),
    [("execute", 429), ("execute", 503), ("execute", "drop"), ("execute", "lose"), ("upload", 500), ("upload", "lose")],
)
def test_a_fault_of_a_submission_neither_loses_nor_doubles_a_job(service, fault, what):
    made = QuantinuumBackend("H2-1", patience=QUICK, grouping="commuting")
    service.faults[what] = [fault, None, fault]
    (result,) = energy(made).result(60)
    assert right(result)
    names = submissions(service)
    assert len(names) == len(set(names)) == 1


def test_the_client_itself_asks_once(service):
    device = NexusDevice("H2-1")
    these = runs(device)
    device.submit(these, "first")
    for what, call in (("execute", lambda: device.submit(these, "tag")), ("find", lambda: device.find("first"))):
        service.faults[what] = [503] * 9
        before = len(service.requests)
        began = time.monotonic()
        with pytest.raises(NexusError, match="503") as told:
            call()
        assert sum(kind == what for kind, _ in service.requests[before:]) == 1
        assert time.monotonic() - began < 2
        assert device.remedy(told.value) is Remedy.LOOK
        service.faults[what] = []


def test_a_submission_that_is_never_answered_is_found_by_its_name(service):
    made = QuantinuumBackend("H2-1", patience=QUICK | {"call_seconds": 0.6}, grouping="commuting")
    service.faults["execute"] = ["mute"]
    job = energy(made)
    assert job.vendor_ids == list(service.jobs)
    assert right(job.result(60)[0])
    assert len(service.jobs) == 1


def test_what_a_life_submitted_and_could_not_note_is_found_by_the_next(service):
    class Killed(BaseException):
        pass

    notes = []

    def note(one):
        if "id" in one:
            raise Killed
        notes.append(one)

    problem, circuit = h2()
    tasks = [hq.Task(circuit, rows(1), problem.hamiltonian, shots=900)]
    with pytest.raises(Killed):
        QuantinuumBackend("H2-1", patience=QUICK).submit_once(tasks, Ticket("a-key", note=note))
    (job_id,) = service.jobs
    again = QuantinuumBackend("H2-1", patience=QUICK).submit_once(tasks, Ticket("a-key", tuple(notes)))
    assert again.vendor_ids == list(service.jobs) == [job_id]
    assert right(again.result(60)[0])


@pytest.mark.parametrize(("what", "fault"), [("job", "hang"), ("job", "drop"), ("job", 500), ("job", 429),
                                             ("results", 503), ("results", "drop")])  # fmt: skip
def test_a_fault_while_waiting_is_waited_for_and_ends(service, what, fault):
    made = QuantinuumBackend("H2-1", patience=QUICK | {"call_seconds": 1.0}, grouping="commuting")
    service.fates = ["QUEUED 2"]
    job = energy(made)
    service.faults[what] = [fault, None, fault]
    began = time.monotonic()
    (result,) = job.result(60)
    assert time.monotonic() - began < 20
    assert right(result)


def test_an_answer_that_is_malformed_ends_in_a_clear_stop(service):
    made = QuantinuumBackend("H2-1", patience=QUICK, grouping="commuting")
    job = energy(made)
    service.faults["results"] = ["malformed"]
    with pytest.raises(BackendError, match="asking for a job failed"):
        job.result(60)


def test_no_token_is_ever_told(service):
    made = QuantinuumBackend("H2-1", patience=QUICK | {"trouble_seconds": 0.2}, grouping="commuting")
    said = [repr(made), repr(made.device), str(made.options), str(made.device.facts())]
    service.faults["execute"] = ["echo"] * 200
    with pytest.raises(BackendError, match="500") as told:
        energy(made)
    error = told.value
    while error is not None:
        said += [str(error), repr(error), str(vars(error))]
        error = error.__cause__ or error.__context__
    assert any("***" in text for text in said)
    assert not any(secret in text for text in said for secret in (REFRESH, ACCESS))


def test_without_a_login_the_message_says_how_to_get_one(service, monkeypatch, tmp_path):
    from qnexus.client import get_nexus_client

    monkeypatch.setenv("HOME", str(tmp_path))
    get_nexus_client(reload=True)
    with pytest.raises(InputError, match="qnx login"):
        QuantinuumBackend("H2-1")
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_is_down_is_told(service):
    service.close()
    with pytest.raises(BackendError, match="does not list its machines") as told:
        QuantinuumBackend("H2-1")
    assert told.value.retryable


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("H2-9", {}, "did you mean.*machines that this account sees"),
        ("Helios-1", {}, "takes programs of Guppy"),
        ("H2-1", {"max_hqc": -1.0}, "max_hqc must be positive"),
        ("H2-1", {"max_shots": 0}, "max_shots must be positive"),
        ("H2-1", {"project": ""}, "name of a project"),
        ("H2-1", {"dollars_per_hqc": -2.0}, "dollars_per_hqc is a price"),
        ("H2-1", {"refresh_token": "x"}, "unknown option of backend 'quantinuum' 'refresh_token'"),
    ],
)
def test_what_makes_no_sense_is_refused(service, name, options, told):
    with pytest.raises(InputError, match=told):
        QuantinuumBackend(name, **options)


def test_jobs_are_cancelled_and_failures_told(service):
    device = NexusDevice("H2-1")
    service.fates = ["QUEUED 9", "ERROR", "DEPLETED", "COMPLETED"]
    ids = [device.submit(runs(device), f"tag-{k}") for k in range(4)]
    assert device.status(ids[0]) is Status.QUEUED
    assert device.waiting(ids[0]) == "3 jobs ahead"
    device.cancel(ids[0])
    assert device.status(ids[0]) is Status.CANCELLED
    device.cancel(ids[0])
    assert [device.status(one) for one in ids[1:]] == [Status.FAILED, Status.FAILED, Status.DONE]
    assert device.failure(ids[1]) == "ERROR: the ions left"
    assert device.failure(ids[2]) == "DEPLETED: "
    assert device.failure(ids[3]) is None
    assert sum(kind == "cancel" for kind, _ in service.requests) == 1


def test_a_job_that_failed_there_is_submitted_again(service):
    made = QuantinuumBackend("H2-1", patience=QUICK, grouping="commuting")
    service.fates = ["ERROR"]
    (result,) = energy(made).result(60)
    assert right(result)
    assert len(service.jobs) == 2


def test_a_job_of_another_process_is_found_by_its_id(service, home):
    script = (
        "from test_quantinuum_nexus import *\n"
        "device = NexusDevice('H2-1'); print(device.submit(runs(device), 'from another'))\n"
    )
    place = {"NEXUS_PROTOCOL": "http", "NEXUS_DOMAIN": "127.0.0.1", "NEXUS_PORT": str(service.port)}
    environment = {**os.environ, **place, "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.strip()
    device = NexusDevice("H2-1")
    assert device.find("from another") == [job_id]
    assert device.status(job_id) is Status.DONE
    assert device.counts(job_id) == [{"001": 100}, {"111": 50}]
    for unknown in ("00000000-0000-0000-0000-00000000ffff", "no-uuid"):
        with pytest.raises(JobNotFound, match="another account"):
            device.status(unknown)


def test_a_machine_that_is_away_is_told(service):
    device = NexusDevice("H2-1")
    assert device.away() is None
    service.state = "in maintenance"
    assert device.away() == "in maintenance"
    assert NexusDevice("H2-1E").away() is None


def test_dollars_are_credits_times_their_price_and_a_budget_keeps_them(service):
    device = NexusDevice("H2-1", dollars_per_hqc=10.0)
    these = runs(device, (1000, 2000))
    assert device.price(these).dollars == pytest.approx(10 * device.hqc(these))
    assert device.hqc(these) > 2 * 5
    made = QuantinuumBackend("H2-1", dollars_per_hqc=10.0, patience=QUICK)
    run = hq.VQE(h2()[0], backend=made, shots=1000, budget={"dollars": 20.0}, progress=False)
    with pytest.raises(BudgetExceeded, match="dollars"):
        run.run()
    assert submissions(service) == []


def test_limits_and_widths_are_those_of_the_machine(service):
    device = NexusDevice("H2-1E")
    assert (device.n_qubits, device.limits.shots, device.limits.same_shots) == (32, 10_000, False)
    assert NexusDevice("H2-1", max_shots=7, max_circuits=3).limits.circuits == 3


def test_what_is_told_of_the_device_is_plain_data(service):
    device = NexusDevice("H2-1")
    told = json.loads(json.dumps({**device.facts(), **device.compile(QuantumCircuit(1), [QuantumCircuit(1)]).facts}))
    assert told["device"] == "quantinuum:H2-1"
    assert told["qnexus"]
