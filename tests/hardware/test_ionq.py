"""IonQ through its real client, against a service of ours: right energies, and no fault loses or doubles a job."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("qiskit_ionq")
from ionq_service import KEY, Service
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector
from test_qiskit_backend import exact, h2, rows

import hybridq as hq
from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, CapacityError, InputError, JobNotFound
from hybridq.hardware import Remedy, Run
from hybridq_ionq import IonQBackend, IonQDevice
from hybridq_ionq.client import ServiceError
from hybridq_ionq.device import rounded

QUICK = {
    "call_seconds": 0.6, "trouble_seconds": 3.0, "first_pause": 0.02, "longest_pause": 0.2, "poll_seconds": 0.02,
    "longest_poll": 0.1,
}  # fmt: skip


@pytest.fixture
def service(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # the client looks for a .env file
    for name in ("QISKIT_IONQ_API_TOKEN", "IONQ_API_TOKEN", "QISKIT_IONQ_API_URL"):
        monkeypatch.delenv(name, raising=False)
    made = Service()
    monkeypatch.setenv("IONQ_API_KEY", KEY)
    monkeypatch.setenv("IONQ_API_URL", made.url)
    yield made
    made.close()


def circuit():
    t = Parameter("t")
    made = QuantumCircuit(3)
    made.x(0)
    made.ry(t, 1)
    made.cx(1, 0)
    made.rzz(t, 1, 2)
    made.h(2)
    return made


def runs(device, shots=2000, values=(0.4, 2.0)):
    (program,) = device.compile(circuit(), [QuantumCircuit(3)]).programs
    return [Run(program, np.array([value]), shots) for value in values]


def energy(backend, n=2, shots=4000):
    problem, circuit = h2()
    return backend.submit([hq.Task(circuit, rows(n), problem.hamiltonian, shots=shots)])


@pytest.mark.parametrize(("name", "gateset"), [("simulator", "qis"), ("qpu.forte-1", "qis"), ("qpu.forte-1", "native")])
def test_counts_are_those_of_the_state(service, name, gateset):
    device = IonQDevice(name, gateset=gateset)
    made = runs(device)
    job_id = device.submit(made, "tag")
    assert device.status(job_id) is Status.DONE
    for run, counts in zip(made, device.counts(job_id), strict=True):
        weights = Statevector(circuit().assign_parameters(list(run.values))).probabilities()
        assert sum(counts.values()) == 2000
        for k in range(8):
            error = np.sqrt(weights[k] * (1 - weights[k]) / 2000) + 1e-9
            assert abs(counts.get(format(k, "03b"), 0) / 2000 - weights[k]) < 6 * error


def test_energies_agree_with_exact_ones_and_folded_ones_too(service):
    for words in ({}, {"mitigation": "zne=linear"}):
        backend = IonQBackend("qpu.forte-1", patience=QUICK, **words)
        (result,) = energy(backend).result(60)
        assert np.abs((result.value - exact(rows(2))) / result.stderr).max() < 5
        assert all("pauliexp" not in str(job) for job in service.jobs.values())


def test_a_job_goes_out_once_with_its_tag_as_name(service):
    backend = IonQBackend("qpu.forte-1", patience=QUICK, debiasing=False)
    job = energy(backend)
    job.result(60)
    assert sorted(service.jobs) == sorted(job.vendor_ids)
    assert all(one["name"].startswith(f"hybridq-{job.id}-") for one in service.jobs.values())
    assert all(one["settings"] == {"error_mitigation": {"debiasing": False}} for one in service.jobs.values())


@pytest.mark.parametrize("fault", [429, 500, 502, 503, 504, 521, "drop", "lose"])
def test_a_fault_of_a_submission_neither_loses_nor_doubles_a_job(service, fault):
    backend = IonQBackend("simulator", patience=QUICK, grouping="commuting")
    service.faults["POST"] = [fault, None, fault]
    (result,) = energy(backend).result(60)
    assert np.abs((result.value - exact(rows(2))) / result.stderr).max() < 5
    tags = [job["name"] for job in service.jobs.values()]
    assert len(tags) == len(set(tags))


def test_the_client_itself_posts_once_and_asks_once(service):
    device = IonQDevice("simulator")
    for kind, call in (
        ("POST", lambda: device.submit(runs(device), "tag")),
        ("GET", lambda: device.status(str(next(iter(service.jobs))))),
    ):
        if kind == "GET":
            device.submit(runs(device), "tag")
        service.faults[kind] = [503] * 9
        before = sum(k == kind for k, _ in service.requests)
        began = time.monotonic()
        with pytest.raises(ServiceError, match="on request") as told:
            call()
        assert sum(k == kind for k, _ in service.requests) == before + 1
        assert time.monotonic() - began < 1
        assert device.remedy(told.value) is Remedy.LOOK
        service.faults[kind] = []


def test_a_submission_that_is_never_answered_is_found_by_its_name(service):
    backend = IonQBackend("simulator", patience=QUICK | {"call_seconds": 0.3})
    service.faults["POST"] = ["lose"]
    job = energy(backend)
    job.result(60)
    assert len(service.jobs) == len(set(job.vendor_ids))
    service.lists_names = False  # then each job is asked for its name
    service.page = 1
    name = next(iter(service.jobs.values()))["name"]
    assert backend.device.find(name) == [next(iter(service.jobs))]
    assert backend.device.find("hybridq-none") == []


@pytest.mark.parametrize("fault", ["hang", "trickle", "drop", 500, 503, 429])
def test_a_fault_while_waiting_is_waited_for_and_ends(service, fault):
    backend = IonQBackend("simulator", patience=QUICK)
    job = energy(backend)
    service.faults["GET"] = [fault, None, fault]
    began = time.monotonic()
    (result,) = job.result(60)
    assert time.monotonic() - began < 20
    assert np.abs((result.value - exact(rows(2))) / result.stderr).max() < 5


def test_a_service_that_stays_away_ends_in_a_clear_stop(service):
    backend = IonQBackend("simulator", patience=QUICK | {"trouble_seconds": 0.5})
    job = energy(backend)
    service.faults["GET"] = [503] * 10_000
    began = time.monotonic()
    with pytest.raises(BackendError, match="resume when the service is well again") as told:
        job.result(60)
    assert told.value.retryable
    assert time.monotonic() - began < 10


def test_the_key_is_never_told(service, monkeypatch):
    backend = IonQBackend("simulator", patience=QUICK)
    said = [repr(backend), repr(backend.device), str(backend.options), str(backend.device.facts())]
    service.faults["POST"] = ["echo"]
    with pytest.raises(BackendError, match="this needs you") as told:
        energy(backend)
    error = told.value
    while error is not None:
        said += [str(error), repr(error), str(vars(error))]
        error = error.__cause__ or error.__context__
    job = energy(backend)
    service.faults["GET"] = ["echo"]
    with pytest.raises(BackendError) as told:
        job.result(60)
    said.append(str(told.value))
    assert any("***" in text for text in said)
    assert not any(KEY in text for text in said)


def test_a_wrong_or_missing_key_is_told(service, monkeypatch):
    monkeypatch.setenv("IONQ_API_KEY", "wrong")
    with pytest.raises(BackendError, match=r"401|Invalid key.*this needs you"):
        energy(IonQBackend("simulator", patience=QUICK))
    monkeypatch.delenv("IONQ_API_KEY")
    with pytest.raises(InputError, match="set IONQ_API_KEY"):
        IonQBackend("simulator")


def test_a_job_of_another_process_is_found_by_its_id(service):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from ionq_service import *\nfrom test_ionq import *\n"
        "device = IonQDevice('simulator'); print(device.submit(runs(device), 'from another'))\n"
    )
    folder = __file__.rpartition("/")[0]
    done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.strip()
    device = IonQDevice("simulator")
    assert device.status(job_id) is Status.DONE
    assert [sum(counts.values()) for counts in device.counts(job_id)] == [2000, 2000]
    assert device.find("from another") == [job_id]
    with pytest.raises(JobNotFound, match="another account"):
        device.status("00000000-0000-0000-0000-00000000ffff")


def test_jobs_are_cancelled_and_failures_told(service):
    device = IonQDevice("simulator")
    service.polls_until_done = 5
    job_id = device.submit(runs(device), "tag")
    assert device.status(job_id) is Status.RUNNING
    device.cancel(job_id)
    assert device.status(job_id) is Status.CANCELLED
    device.cancel(job_id)
    service.polls_until_done = 0
    service.fail_next = ["failed"]
    job_id = device.submit(runs(device), "tag")
    assert device.status(job_id) is Status.FAILED
    assert device.status(job_id) is Status.FAILED
    assert device.failure(job_id) == "InternalError: the ions left"


def test_a_job_that_failed_there_is_submitted_again(service):
    backend = IonQBackend("simulator", patience=QUICK)
    service.fail_next = ["failed"]
    (result,) = energy(backend).result(60)
    assert np.abs((result.value - exact(rows(2))) / result.stderr).max() < 5


def test_limits_and_widths_are_the_services(service):
    assert IonQDevice("qpu.forte-1").limits.shots == 10_000
    assert IonQDevice("simulator").n_qubits == 29
    with pytest.raises(CapacityError, match="40 qubits and the device 36"):
        IonQDevice("qpu.forte-1").compile(QuantumCircuit(40), [QuantumCircuit(40)])


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("qpu.forte-2", {}, "did you mean 'qpu.forte-1'.*Known: qpu.forte-1, simulator"),
        ("simulator", {"gateset": "pulses"}, '"qis" or "native"'),
        ("qpu.forte-1", {"noise_model": "aria-1"}, "noise_model is for the simulator"),
        ("simulator", {"token": "x"}, "unknown option of backend 'ionq' 'token'"),
    ],
)
def test_options_that_make_no_sense_are_refused(service, name, words, told):
    with pytest.raises(InputError, match=told):
        IonQBackend(name, **words)


def test_a_service_that_is_down_is_told(service):
    service.close()
    with pytest.raises(BackendError, match="IonQ does not list its backends"):
        IonQBackend("simulator")


def test_prices_are_those_given(service):
    device = IonQDevice("simulator", dollars_per_shot=0.001, dollars_per_task=0.3)
    assert device.price(runs(device, 1000)).dollars == pytest.approx(2.6)


def test_rounding_never_makes_more_shots_than_were_run():
    weights = {"00": 0.336, "01": 0.336, "10": 0.328}
    counts = {key: round(10 * value) + 1 for key, value in weights.items()}
    assert sum(rounded(counts, weights, 10).values()) == 10
    assert rounded({"0": 4, "1": 6}, {"0": 0.4, "1": 0.6}, 10) == {"0": 4, "1": 6}
