"""AQT and IQM, whose packages do not go together, each in its environment: their simulators, and their real clients."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from vendor_checks import h2_task
from vendor_services import CALIBRATION, TOKEN, AQTDirect, IQMServer

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, JobNotFound
from hybridq.hardware import DeviceBackend, Patience, Remedy, Run
from hybridq.registry import backend
from hybridq_host import HostBackend, HostedDevice, HostError

PATIENT = Patience(poll_seconds=0.01, longest_poll=0.1, first_pause=0.01)
CLOSED = "http://127.0.0.1:9"
HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def exact():
    """Energy of `h2_task`, hartree."""
    return float(backend("sector").submit([h2_task(None)]).result(60)[0].value[0])


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AQT_TOKEN", TOKEN)
        patch.setenv("IQM_TOKEN", TOKEN)
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="module")
def aqt(environment, variables):
    """A computer of AQT's, through its real client, and the service behind it."""
    with AQTDirect() as service:
        device = HostedDevice(environment("aqt"), "aqt:direct", {"url": service.url})
        yield device, service
        device.close()


@pytest.fixture(scope="module")
def iqm(environment, variables):
    """A computer of IQM's, through its real client, and the server behind it."""
    with IQMServer() as server:
        device = HostedDevice(environment("iqm"), "iqm:trio", {"url": server.url})
        yield device, server
        device.close()


@pytest.fixture(params=["aqt", "iqm"])
def vendor(request):
    device, service = request.getfixturevalue(request.param)
    service.jobs.clear()
    return device, service


def bell(device, shots=200):
    t = ParameterVector("t", 1)
    circuit = QuantumCircuit(3)
    circuit.ry(t[0], 0)
    circuit.cx(0, 1)
    program = device.compile(circuit, [QuantumCircuit(3)]).programs[0]
    return [Run(program, np.array([np.pi / 2]), shots, 1)]


def settled(device, job_id):
    while (status := device.status(job_id)) in (Status.QUEUED, Status.RUNNING):
        pass
    return status


def checks(python, cases):
    """What came of cases in a vendor's environment."""
    ran = subprocess.run(
        [python, str(HERE / "vendor_checks.py")], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout.splitlines()[-1])


def test_one_script_runs_the_same_molecule_on_two_vendors_at_once(environment, exact):
    ions = HostBackend("aqt:offline_simulator_no_noise", python=environment("aqt"))
    chip = HostBackend("iqm:fake_adonis", python=environment("iqm"), mitigation="readout")
    jobs = [one.submit([h2_task(20000)]) for one in (ions, chip)]
    on_ions, on_chip = (job.result(120)[0] for job in jobs)
    assert on_ions.provenance["compiled"]["gates"].keys() & {"rxx"}
    assert on_chip.provenance["compiled"]["gates"].keys() == {"r", "cz"}
    assert abs(on_ions.value[0] - exact) < 6 * on_ions.stderr[0]
    assert on_ions.stderr[0] < 0.01
    assert exact - 6 * on_chip.stderr[0] < on_chip.value[0] < exact + 0.2  # as noisy as that chip is
    versions = [one.device.facts()["host"]["qiskit"] for one in (ions, chip)]
    assert versions[0] != versions[1]
    # Through a host the bits are those of the vendor's own environment.
    ((bits, *_),) = checks(environment("aqt"), [{"name": "aqt", "shots": 20000}])
    assert float(on_ions.value[0]).hex() == bits


def test_folding_makes_ions_noisier(environment):
    device = HostedDevice(environment("aqt"), "aqt:offline_simulator_noise")
    runs = bell(device, 2000)
    folded = [Run(device.fold(runs[0].program, 9), runs[0].values, 2000, 1)]
    wrong = []
    for these in (runs, folded):
        job_id = device.submit(these, "tag")
        assert settled(device, job_id) is Status.DONE
        (counts,) = device.counts(job_id)
        wrong.append(2000 - counts["000"] - counts["011"])
    assert wrong[1] > 3 * wrong[0]


def test_energies_through_the_real_clients_are_right(vendor, exact):
    device, service = vendor
    there = DeviceBackend(device, patience=PATIENT)
    assert there.capabilities.durable_jobs
    found = there.submit([h2_task(8000)]).result(60)[0]
    assert abs(found.value[0] - exact) < 6 * found.stderr[0]
    assert found.stderr[0] < 0.02
    assert len(service.jobs) >= 1


def test_what_the_real_clients_say_of_their_computers_is_told(aqt, iqm):
    assert (aqt[0].n_qubits, aqt[0].limits.circuits, aqt[0].limits.shots) == (5, 1, 2000)
    assert iqm[0].n_qubits == 3
    assert iqm[0].facts()["calibration_set"] == CALIBRATION


def test_a_job_is_taken_up_again_by_another_process(vendor):
    device, service = vendor
    service.held.clear()
    job_id = device.submit(bell(device), "tag")
    assert device.status(job_id) is Status.RUNNING
    before = device.pid
    os.kill(before, signal.SIGKILL)
    while device._child.alive:
        pass
    assert device.status(job_id) is Status.RUNNING
    assert device.pid != before
    service.held.set()
    assert settled(device, job_id) is Status.DONE
    (counts,) = device.counts(job_id)
    assert set(counts) == {"000", "011"}
    assert sum(counts.values()) == 200
    assert 60 < counts["011"] < 140
    assert list(service.jobs) == [job_id]


@pytest.mark.parametrize("job_id", ["00000000-0000-0000-0000-000000000000", "no-such-thing"])
def test_a_job_that_is_not_there_is_told(vendor, job_id):
    with pytest.raises(JobNotFound, match=job_id):
        vendor[0].status(job_id)


@pytest.mark.parametrize(
    ("fault", "remedy", "taken"),
    [
        (429, "retry", 0),
        (401, "ask", 0),
        (422, "give up", 0),
        (503, "look", 0),
        ("lose", "look", 1),
        ("drop", "look", 0),
    ],
)
def test_trouble_of_the_real_clients_has_the_right_remedy(vendor, fault, remedy, taken):
    device, service = vendor
    runs = bell(device)
    service.faults.append(fault)
    with pytest.raises(HostError) as told:
        device.submit(runs, "tag")
    assert device.remedy(told.value) is Remedy(remedy)
    assert len(service.jobs) == taken
    assert TOKEN not in str(told.value)


def test_a_service_that_does_not_listen_is_tried_again(vendor):
    device, service = vendor
    runs = bell(device)
    with service.away(), pytest.raises(HostError) as told:
        device.submit(runs, "tag")
    assert device.remedy(told.value) is Remedy.RETRY
    assert settled(device, device.submit(runs, "tag")) is Status.DONE


def test_a_failed_job_is_told(vendor):
    device, service = vendor
    service.fail_next = 1
    job_id = device.submit(bell(device), "tag")
    assert settled(device, job_id) is Status.FAILED
    if device.name.startswith("host:iqm"):
        assert "the fridge is warm" in device.failure(job_id)


def test_iqm_cancels_and_aqt_says_that_it_cannot(aqt, iqm):
    for _, service in (aqt, iqm):
        service.held.clear()
    on_ions, on_chip = (device.submit(bell(device), "tag") for device, _ in (aqt, iqm))
    with pytest.raises(BackendError, match="cannot cancel"):
        aqt[0].cancel(on_ions)
    iqm[0].cancel(on_chip)
    for _, service in (aqt, iqm):
        service.held.set()
    assert iqm[0].status(on_chip) is Status.CANCELLED
    iqm[0].cancel(on_chip)


def test_a_lost_answer_leaves_the_decision_to_the_user(vendor):
    device, service = vendor
    service.faults.append("lose")
    with pytest.raises(BackendError, match="resubmit_lost=True"):
        DeviceBackend(device, patience=PATIENT).submit([h2_task(1000)])
    assert len(service.jobs) == 1


def test_what_cannot_be_had_of_aqt_is_told_with_what_to_do(environment, aqt, tmp_path):
    told = checks(
        environment("aqt"),
        [
            {"name": "aqt:offline_simulator_of_another"},
            {"name": "aqt:direct", "options": {"url": aqt[1].url}, "set": {"AQT_TOKEN": "another-token-altogether"}},
            {"name": "aqt:direct", "options": {"url": CLOSED}},
            {"name": "aqt:direct", "unset": ["AQT_DIRECT_URL"]},
            {"name": "aqt:direct", "options": {"url": CLOSED}, "unset": ["AQT_TOKEN"]},
            {"name": "aqt", "options": {"tries": "many"}},
            {"name": "aqt:space/ibex", "set": {"AQT_ARNICA_URL": aqt[1].url, "HOME": str(tmp_path)}},
        ],
    )
    words = [
        "offline_simulator_no_noise",
        "set AQT_TOKEN",
        "try again later",
        "AQT_DIRECT_URL",
        "set AQT_TOKEN",
        "tries",
        "log in first: python -c",
    ]
    assert [kind for kind, _ in told] == ["InputError"] * 2 + ["BackendError"] + ["InputError"] * 4
    assert all(word in text for word, (_, text) in zip(words, told, strict=True)), told
    assert "another-token" not in json.dumps(told)


def test_iqms_environment_alone_has_its_simulators_and_says_what_cannot_be_had(environment, iqm, exact):
    told = checks(
        environment("iqm"),
        [
            {"name": "iqm:fake_deneb", "shots": 20000},  # a star
            {"name": "iqm:fake_garnet", "shots": 20000},  # a square lattice
            {"name": "iqm:fake_nothing"},
            {"name": "iqm:quartet", "options": {"url": iqm[1].url}},
            {"name": "iqm:trio", "options": {"url": iqm[1].url}, "set": {"IQM_TOKEN": "another-token-altogether"}},
            {"name": "iqm:trio", "options": {"url": CLOSED}},
            {"name": "iqm:trio", "unset": ["IQM_SERVER_URL"]},
        ],
    )
    for value, _, compiled in (told.pop(0), told.pop(0)):
        assert exact < float.fromhex(value) < exact + 0.3  # as noisy as these chips are
        assert compiled["gates"]["cz"] <= 4
    words = ["fake_adonis", "trio", "set IQM_TOKEN", "try later", "IQM_SERVER_URL"]
    assert [kind for kind, _ in told] == ["InputError", "InputError", "InputError", "BackendError", "InputError"]
    assert all(word in text for word, (_, text) in zip(words, told, strict=True)), told
    assert "another-token" not in json.dumps(told)
