"""A batch job's quantum processor through QRMI's real client, against IBM's service of ours."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("qrmi", reason="QRMI is not installed: the extra qrmi")
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector
from qrmi_lent import KEY, NAME
from test_qiskit_backend import exact, h2, rows

import hybridq as hq
from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, CapacityError, InputError, JobNotFound
from hybridq.contract.ticket import Ticket
from hybridq.hardware import Remedy, Run
from hybridq.hardware.calls import Answer
from hybridq.registry import backend
from hybridq_qrmi import QRMIBackend, QRMIDevice
from hybridq_qrmi.resources import QRMIError

QUICK = {
    "call_seconds": 2.0, "trouble_seconds": 5.0, "first_pause": 0.02, "longest_pause": 0.2, "poll_seconds": 0.02,
    "longest_poll": 0.1,
}  # fmt: skip


def circuit():
    t = Parameter("t")
    made = QuantumCircuit(3)
    made.x(0)
    made.ry(t, 1)
    made.cx(1, 2)
    return made


def runs(device, shots=200, angles=(0.0, np.pi), layout=None):
    (program,) = device.compile(circuit(), [QuantumCircuit(3)], layout).programs
    return [Run(program, np.array([angle]), shots) for angle in angles]


def tasks(n=2, shots=2000):
    problem, made = h2()
    return [hq.Task(made, rows(n), problem.hamiltonian, shots=shots)]


def right(result, n=2):
    return np.abs((result.value - exact(rows(n))) / result.stderr).max() < 5


def test_energies_agree_with_exact_ones_and_each_job_goes_out_once(service):
    made = backend("qrmi", patience=QUICK)
    assert made.name == f"qrmi:{NAME}"
    job = made.submit(tasks())
    assert right(job.result(60)[0])
    assert sorted(service.jobs()) == sorted(job.vendor_ids)
    assert all(one["program"] == "sampler" for one in service.jobs().values())


@pytest.mark.parametrize("layout", [None, (4, 2, 3)])
def test_each_bit_is_that_of_its_qubit_wherever_it_was_put(service, layout):
    device = QRMIDevice()
    these = runs(device, angles=(0.0, np.pi, 0.7), layout=layout)
    job_id = device.submit(these, "tag")
    assert device.status(job_id) is Status.DONE
    for run, counts in zip(these, device.counts(job_id), strict=True):
        weights = Statevector(circuit().assign_parameters(run.values)).probabilities()
        found = np.array([counts.get(format(k, "03b"), 0) for k in range(8)])
        assert found.sum() == 200
        assert np.abs(found / 200 - weights).max() < 6 * np.sqrt(0.25 / 200) * (weights.max() < 0.99) + 1e-9
    assert all("$" in pub[0] for pub in service.sent()["pubs"])


def test_a_program_that_forgot_its_places_is_sent_on_the_qubits_it_is_on(service):
    from hybridq_qrmi.device import on_physical_qubits

    made = QuantumCircuit(5, 1)
    made.x(3)
    made.measure(3, 0)
    assert made.layout is None
    text = on_physical_qubits(made)
    assert "x $3;" in text
    assert "c[0] = measure $3;" in text


@pytest.mark.parametrize("fault", ["refuse", "later"])
def test_what_was_refused_for_now_is_handed_in_again(service, fault):
    made = QRMIBackend(NAME, patience=QUICK)
    service.plan("fault-submit", [fault, fault])
    job = made.submit(tasks())
    assert right(job.result(60)[0])
    assert sorted(service.jobs()) == sorted(job.vendor_ids)


@pytest.mark.parametrize(("fault", "taken"), [("lose", 1), ("drop", 1), ("cut", 0), ("500", 0), ("503", 0)])
def test_what_may_have_been_taken_is_never_handed_in_twice_without_the_users_word(service, fault, taken):
    notes = []
    service.plan("fault-submit", [fault])
    made = QRMIBackend(patience=QUICK)
    with pytest.raises(BackendError, match="cannot be asked for it.*resubmit_lost"):
        made.submit_once(tasks(), Ticket("a-key", note=notes.append))
    assert len(service.jobs()) == taken
    # The next life knows only what was noted, and stops for the same reason.
    with pytest.raises(BackendError, match="resubmit_lost"):
        QRMIBackend(patience=QUICK).submit_once(tasks(), Ticket("a-key", tuple(notes)))
    assert len(service.jobs()) == taken
    again = QRMIBackend(patience=QUICK, resubmit_lost=True).submit_once(tasks(), Ticket("a-key", tuple(notes)))
    assert right(again.result(60)[0])
    assert len(service.jobs()) == taken + 1


@pytest.mark.parametrize("what", ["fault-status", "fault-results"])
@pytest.mark.parametrize("fault", ["500", "503", "refuse", "later", "drop", "hang"])
def test_a_fault_while_waiting_is_waited_for_and_ends(service, what, fault):
    made = QRMIBackend(patience=QUICK | {"call_seconds": 0.5})
    service.plan("fate", ["Queued 3"])
    job = made.submit(tasks())
    service.plan(what, [fault])
    began = time.monotonic()
    assert right(job.result(60)[0])
    assert time.monotonic() - began < 20
    assert len(service.jobs()) == 1


def test_a_call_that_hangs_takes_no_other_out_of_use(service):
    device = QRMIDevice()
    job_id = device.submit(runs(device), "tag")
    service.plan("fault-status", ["hang"])
    hanging = Answer(lambda: device.status(job_id))
    while (service.folder / "fault-status").read_text() != "[]":
        time.sleep(0.01)
    began = time.monotonic()
    assert device.status(job_id) is Status.DONE
    assert time.monotonic() - began < 5
    assert not hanging.wait(0)


def test_a_job_goes_on_when_its_objects_are_gone_and_another_process_fetches_it(service):
    service.plan("fate", ["Queued 2"])
    script = (
        "from test_qrmi import *\n"
        "device = QRMIDevice(); print(device.submit(runs(device), 'from another')); del device; gc.collect()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.strip()
    device = QRMIDevice()
    assert [device.status(job_id) for _ in range(3)] == [Status.QUEUED, Status.QUEUED, Status.DONE]
    assert device.counts(job_id) == [{"001": 200}, {"111": 200}]
    del device
    gc.collect()
    assert service.jobs()[job_id]["fate"] == "Queued 2"
    with pytest.raises(JobNotFound, match="another account"):
        QRMIDevice().status("no-such-job")


def test_jobs_are_cancelled_and_failures_told(service):
    device = QRMIDevice()
    service.plan("fate", ["Queued 99", "Failed"])
    waiting, failed = (device.submit(runs(device), f"tag-{k}") for k in range(2))
    assert device.status(waiting) is Status.QUEUED
    device.cancel(waiting)
    assert device.status(waiting) is Status.CANCELLED
    device.cancel(waiting)
    assert device.status(failed) is Status.FAILED
    assert "as planned" in device.failure(failed)
    assert device.find("tag-0") == [waiting]
    assert device.find("elsewhere") is None


def test_a_job_that_failed_there_is_submitted_again(service):
    service.plan("fate", ["Failed"])
    assert right(QRMIBackend(patience=QUICK).submit(tasks()).result(60)[0])
    assert len(service.jobs()) == 2


def test_a_malformed_result_ends_in_a_clear_stop(service):
    service.plan("fate", ["malformed"])
    job = QRMIBackend(patience=QUICK).submit(tasks())
    with pytest.raises(BackendError, match="malformed"):
        job.result(60)


@pytest.mark.parametrize(("fault", "remedy"), [("401", Remedy.ASK), ("refuse", Remedy.RETRY), ("500", Remedy.LOOK),
                                               ("drop", Remedy.LOOK)])  # fmt: skip
def test_errors_have_the_remedy_of_what_happened(service, fault, remedy):
    device = QRMIDevice()
    service.plan("fault-submit", [fault])
    with pytest.raises(QRMIError) as told:
        device.submit(runs(device), "tag")
    assert device.remedy(told.value) is remedy
    assert told.value.__cause__ is None
    assert told.value.__context__ is None


def test_the_key_is_never_told(service):
    made = QRMIBackend(patience=QUICK)
    said = [repr(made), repr(made.device), str(made.options), str(made.device.facts()), str(vars(made.device))]
    job = QRMIBackend(patience=QUICK | {"trouble_seconds": 0.2}).submit(tasks())
    (service.folder / "sent.json").write_text(KEY)
    (service.folder / "echo").touch()
    with pytest.raises(BackendError, match="500") as told:
        job.result(60)
    with pytest.raises(BackendError, match="the service said nothing"):
        QRMIBackend()
    error = told.value
    while error is not None:
        said += [str(error), repr(error), str(vars(error))]
        error = error.__cause__ or error.__context__
    assert "***" in str(told.value)
    assert not any(KEY in text for text in said)


def test_options_reach_the_sampler_and_unknown_ones_are_refused(service):
    device = QRMIDevice(dynamical_decoupling="XY4", twirling=True)
    device.submit(runs(device), "tag")
    assert service.sent()["options"] == {
        "dynamical_decoupling": {"enable": True, "sequence_type": "XY4"},
        "twirling": {"enable_gates": True, "enable_measure": True},
    }
    for options, told in (
        ({"dynamical_decoupling": "YY"}, "dynamical_decoupling is XX"),
        ({"dollars_per_second": -1.0}, "not negative"),
        ({"apikey": "x"}, "unknown option of backend 'qrmi' 'apikey'"),
    ):
        with pytest.raises(InputError, match=told):
            QRMIBackend(**options)


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("", {"QRMI_JOB_QPU_RESOURCES": None}, "no batch job that has a quantum processor.*ask the batch system"),
        ("", {"QRMI_JOB_QPU_RESOURCES": "a,b", "QRMI_JOB_QPU_TYPES": "x,y"}, "several: a, b; name one"),
        ("", {"QRMI_JOB_QPU_RESOURCES": "a,b"}, "no batch job"),
        ("ibm_manilla", {}, "did you mean 'ibm_manila'"),
        (NAME, {"QRMI_JOB_QPU_TYPES": "pasqal-cloud"}, "of the type 'pasqal-cloud'"),
        (NAME, {f"{NAME}_QRMI_IBM_QCS_ENDPOINT": None}, "ENDPOINT environment variable is not set"),
    ],
)
def test_a_job_without_what_it_needs_is_told_so(service, monkeypatch, name, changes, told):
    for variable, value in changes.items():
        monkeypatch.setenv(variable, value) if value is not None else monkeypatch.delenv(variable)
    with pytest.raises(InputError, match=told):
        QRMIBackend(name)


def test_a_service_that_is_down_is_told(service, monkeypatch):
    monkeypatch.setenv(f"{NAME}_QRMI_IBM_QCS_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BackendError, match="does not describe itself") as told:
        QRMIBackend()
    assert told.value.retryable


def test_circuits_of_a_job_have_shots_of_their_own(service):
    device = QRMIDevice()
    few, many = runs(device, 30)[0], runs(device, 70)[1]
    assert device.counts(device.submit([few, many], "tag")) == [{"001": 30}, {"111": 70}]
    assert not device.limits.same_shots


def test_limits_prices_and_widths_are_those_of_the_processor(service):
    device = QRMIDevice(dollars_per_second=1.6, max_shots=1000)
    assert (device.n_qubits, device.limits.shots, device.limits.circuits) == (5, 1000, 1000)
    price = device.price(runs(device, 1000))
    assert 2 + 2000 * 250e-6 <= price.qpu_seconds < 3
    assert price.dollars == pytest.approx(1.6 * price.qpu_seconds)
    with pytest.raises(CapacityError, match="6 qubits and the device 5"):
        device.compile(QuantumCircuit(6), [QuantumCircuit(6)])


def test_a_processor_that_is_away_is_told(service):
    device = QRMIDevice()
    assert device.away() is None
    (service.folder / "away").touch()
    assert "maintenance" in device.away()
