"""Amazon Braket through its real client: simulators of its own, and a service of ours in place of Amazon's."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qiskit_braket_provider")
from braket_service import ARN, REGION, Service
from qiskit import QuantumCircuit
from test_qiskit_backend import QUICK, exact, h2, rows

import hybridq as hq
from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, InputError, JobNotFound
from hybridq.hardware import Remedy, Run
from hybridq_braket import BraketBackend, BraketDevice

SECRET = "a-secret-that-nobody-may-see"
S3 = "s3://a-bucket/results"
PATIENT = QUICK | {"first_pause": 0.02, "longest_pause": 0.1}


def energy(backend, n=2, shots=4000):
    problem, circuit = h2()
    return backend.submit([hq.Task(circuit, rows(n), problem.hamiltonian, shots=shots)])


def runs(device, shots=500):
    circuit = QuantumCircuit(2)
    circuit.x(0)
    (program,) = device.compile(circuit, [QuantumCircuit(2)]).programs
    return [Run(program, np.zeros(0), shots)]


@pytest.mark.parametrize("name", ["default", "braket_dm"])
def test_energies_of_the_simulators_agree_with_exact_ones(name):
    backend = BraketBackend(name)
    (result,) = energy(backend).result(60)
    assert np.abs((result.value - exact(rows(2))) / result.stderr).max() < 5
    assert backend.name == f"braket:{name}"
    assert backend.device.find("nothing") == []
    with pytest.raises(JobNotFound, match="in the process that submitted them"):
        backend.device.status("another")


@pytest.fixture
def service(monkeypatch):
    made = Service()
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA0000000000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    yield made
    made.close()


def test_energies_of_a_device_of_the_service_agree_with_exact_ones(service):
    backend = BraketBackend(ARN, s3=S3, patience=PATIENT)
    job = energy(backend)
    (result,) = job.result(60)
    assert np.abs((result.value - exact(rows(2))) / result.stderr).max() < 5
    assert sorted(job.vendor_ids) == sorted(service.tasks)
    assert all(task["tags"]["hybridq"].startswith(f"hybridq-{job.id}-") for task in service.tasks.values())


@pytest.mark.parametrize("fault", ["throttle", "lose"])
def test_a_fault_of_a_submission_neither_loses_nor_doubles_a_task(service, fault):
    backend = BraketBackend(ARN, s3=S3, patience=PATIENT)
    service.faults = [fault, None, fault]
    job = energy(backend)
    (result,) = job.result(60)
    assert np.abs((result.value - exact(rows(2))) / result.stderr).max() < 5
    tags = [task["tags"]["hybridq"] for task in service.tasks.values()]
    assert len(tags) == len(set(tags)) == len(job.vendor_ids)


def test_remedies_are_those_of_the_services_words(service):
    device = BraketDevice(ARN, s3=S3)
    met = {}
    for fault in ("offline", "throttle", "denied", "internal", "lose"):
        service.faults = [fault]
        with pytest.raises(Exception, match=r"request|closed") as told:
            device.submit(runs(device), fault)
        met[fault] = device.remedy(told.value)
        assert SECRET not in str(told.value)
    assert met == {
        "offline": Remedy.WAIT, "throttle": Remedy.RETRY, "denied": Remedy.ASK, "internal": Remedy.LOOK,
        "lose": Remedy.LOOK,
    }  # fmt: skip
    assert len(device.find("lose")) == 1
    assert device.find("offline") == []


def test_tasks_are_found_by_tag_over_many_pages_and_by_arn_from_anywhere(service):
    device = BraketDevice(ARN, s3=S3)
    ids = [device.submit(runs(device), f"tag-{k % 3}") for k in range(5)]
    other = BraketDevice(ARN, s3=S3)
    assert other.find("tag-1") == ids[1::3]
    assert other.status(ids[3]) is Status.DONE
    assert other.counts(ids[3]) == [{"01": 500}]
    with pytest.raises(JobNotFound, match="another account"):
        other.status(ids[0][:-3] + "fff")
    with pytest.raises(JobNotFound, match="known by ARN"):
        other.status("17")


def test_a_task_that_failed_says_why_and_one_that_is_cancelled_ends(service):
    device = BraketDevice(ARN, s3=S3)
    service.fail_next = ["FAILED"]
    job_id = device.submit(runs(device), "tag")
    assert device.status(job_id) is Status.FAILED
    assert device.failure(job_id) == "the service was tired"
    service.fail_next = ["RUNNING"]
    job_id = device.submit(runs(device), "tag")
    assert device.status(job_id) is Status.RUNNING
    device.cancel(job_id)
    assert device.status(job_id) is Status.CANCELLED


def test_a_device_that_is_away_says_so(service):
    device = BraketDevice(ARN, s3=S3)
    assert device.away() is None
    service.device_status = "OFFLINE"
    assert device.away() == "offline"


def test_a_task_costs_what_was_given(service):
    device = BraketDevice(ARN, s3=S3, dollars_per_task=0.3, dollars_per_shot=0.00035)
    assert device.limits.circuits == 1
    assert device.price(runs(device, 1000) * 2).dollars == pytest.approx(2 * 0.3 + 2000 * 0.00035)


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("defualt", {}, "did you mean 'default'"),
        ("default", {"s3": "bucket"}, "s3://BUCKET/FOLDER"),
        ("default", {"shots": 3}, "unknown option of backend 'braket' 'shots'"),
    ],
)
def test_what_makes_no_sense_is_refused(name, words, told):
    with pytest.raises(InputError, match=told):
        BraketBackend(name, **words)


def test_missing_credentials_and_a_service_that_is_down_are_told(service, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(BackendError, match="check the credentials"):
        BraketBackend(ARN)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA0000000000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    service.close()
    with pytest.raises(BackendError, match="try again") as told:
        BraketBackend(ARN)
    assert told.value.retryable
