"""Any Qiskit backend as a device: the Device's promises, on simulators that Qiskit's users have."""

from __future__ import annotations

import time

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.providers import JobStatus, JobV1, Options
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Statevector

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, CapacityError, InputError, JobNotFound
from hybridq.hardware import Remedy, Run
from hybridq.hardware.qiskit_device import QiskitDevice


class Kept(BasicSimulator):
    """A simulator whose jobs can be looked up from anywhere, as vendors' can; with limits."""

    def __init__(self, jobs):
        super().__init__()
        self.jobs = jobs
        self._options = self._default_options()

    @property
    def max_circuits(self):
        return 3

    @classmethod
    def _default_options(cls):
        options = Options(shots=1024, seed_simulator=None)
        options.set_validator("shots", (1, 500))
        return options

    def run(self, circuits, **words):
        job = super().run(circuits, **words)
        self.jobs[job.job_id()] = job
        return job

    def retrieve_job(self, job_id):
        if job_id not in self.jobs:
            error = RuntimeError("not found")
            error.status_code = 404
            raise error
        return self.jobs[job_id]


def circuit():
    t = Parameter("t")
    made = QuantumCircuit(3)
    made.x(0)
    made.ry(t, 1)
    made.cx(1, 0)
    made.h(2)
    return made


def backends():
    made = [BasicSimulator(), GenericBackendV2(4, noise_info=False), GenericBackendV2(5, seed=3, noise_info=False)]
    try:
        from qiskit_aer import AerSimulator

        made.append(AerSimulator())
    except ImportError:
        pass
    return made


def done(device, job_id):
    end = time.monotonic() + 30
    while (status := device.status(job_id)) in (Status.QUEUED, Status.RUNNING):
        assert time.monotonic() < end
        time.sleep(0.01)
    return status


def ran(device, runs, tag="hybridq-a-b"):
    job_id = device.submit(runs, tag)
    assert done(device, job_id) is Status.DONE
    return device.counts(job_id)


@pytest.mark.parametrize("backend", backends(), ids=lambda backend: backend.name)
@pytest.mark.parametrize("parametric", [True, False])
def test_counts_are_those_of_the_state_and_equal_seeds_give_equal_counts(backend, parametric):
    device = QiskitDevice(backend, parametric=parametric, local=True)
    tail = QuantumCircuit(3)
    tail.h(1)
    compiled = device.compile(circuit(), [QuantumCircuit(3), tail])
    runs = [Run(p, np.array([value]), 4000, seed) for seed, value in enumerate((0.4, 2.0)) for p in compiled.programs]
    found = ran(device, runs)
    for run, counts, end in zip(runs, found, [QuantumCircuit(3), tail] * 2, strict=True):
        exact = Statevector(circuit().assign_parameters(list(run.values)).compose(end)).probabilities()
        assert sum(counts.values()) == 4000
        for k in range(8):
            error = np.sqrt(exact[k] * (1 - exact[k]) / 4000) + 1e-9
            assert abs(counts.get(format(k, "03b"), 0) / 4000 - exact[k]) < 6 * error
    assert ran(device, runs) == found
    others = [Run(run.program, run.values, run.shots, 99 + (run.seed or 0)) for run in runs]
    assert ran(device, others) != found


def test_a_job_is_known_by_its_id_and_tag_while_the_process_lives():
    device = QiskitDevice(BasicSimulator(), local=True)
    (program,) = device.compile(circuit(), [QuantumCircuit(3)]).programs
    job_id = device.submit([Run(program, np.array([1.0]), 100)], "tag-1")
    assert device.find("tag-1") == [job_id]
    assert device.find("tag-2") == []
    done(device, job_id)
    device.cancel(job_id)
    assert device.status(job_id) is Status.DONE
    other = QiskitDevice(BasicSimulator())
    assert other.find("tag-1") is None
    with pytest.raises(JobNotFound, match="cannot look jobs up"):
        other.status(job_id)


def test_jobs_of_another_process_are_looked_up_where_the_backend_can():
    jobs = {}
    first, second = QiskitDevice(Kept(jobs)), QiskitDevice(Kept(jobs))
    (program,) = first.compile(circuit(), [QuantumCircuit(3)]).programs
    job_id = first.submit([Run(program, np.array([1.0]), 100, 5)], "tag")
    done(first, job_id)
    assert second.status(job_id) is Status.DONE
    assert second.counts(job_id) == first.counts(job_id)
    with pytest.raises(JobNotFound, match="another account"):
        second.status("none")


def test_limits_are_the_backends_or_those_given():
    assert (QiskitDevice(Kept({})).limits.circuits, QiskitDevice(Kept({})).limits.shots) == (3, 500)
    given = QiskitDevice(Kept({}), max_circuits=2, max_shots=50).limits
    assert (given.circuits, given.shots) == (2, 50)
    assert QiskitDevice(BasicSimulator()).limits.circuits is None


def test_the_price_follows_gate_times_and_what_was_given():
    device = QiskitDevice(GenericBackendV2(4, seed=1), dollars_per_shot=0.01, dollars_per_task=0.3)
    longer = circuit()
    longer.cx(0, 2)
    longer.cx(2, 1)
    short, long = (device.compile(c, [QuantumCircuit(3)]).programs[0] for c in (circuit(), longer))
    one, two = (device.price([Run(p, np.zeros(1), 1000)]) for p in (short, long))
    assert 0 < one.qpu_seconds < two.qpu_seconds
    assert one.dollars == pytest.approx(10.3)
    both = device.price([Run(short, np.zeros(1), 1000), Run(long, np.zeros(1), 1000)])
    assert both.qpu_seconds == pytest.approx(one.qpu_seconds + two.qpu_seconds)
    assert QiskitDevice(BasicSimulator()).price([Run(short, np.zeros(1), 1000)]).dollars == 0


def test_what_is_sent_has_no_metadata_of_ours():
    class Spy(BasicSimulator):
        def run(self, circuits, **words):
            self.seen = (circuits, words)
            return super().run(circuits, **words)

    spy = Spy()
    device = QiskitDevice(spy, run_options={"memory": True})
    (program,) = device.compile(circuit(), [QuantumCircuit(3)]).programs
    device.submit([Run(program, np.array([1.0]), 100)], "tag")
    circuits, words = spy.seen
    assert [c.metadata for c in circuits] == [{}]
    assert words == {"shots": 100, "memory": True}
    assert program.metadata == {"parameters": ["t"]}


class Broken(JobV1):
    """A job in a state of our choice."""

    def __init__(self, backend, state, result=None):
        super().__init__(backend, "broken-1")
        self.state, self.found, self.cancelled = state, result, False

    def submit(self):
        pass

    def status(self):
        return self.state

    def result(self):
        return self.found

    def cancel(self):
        self.cancelled = True

    def error_message(self):
        return "the  fridge\nis warm"


def test_states_of_jobs_reach_the_user():
    backend = Kept({})
    device = QiskitDevice(backend)
    backend.jobs["broken-1"] = job = Broken(backend, "RUNNING")
    assert device.status("broken-1") is Status.RUNNING
    device.cancel("broken-1")
    assert job.cancelled
    job.state = JobStatus.ERROR
    assert device.status("broken-1") is Status.FAILED
    assert device.failure("broken-1") == "the fridge is warm"
    job.state = "on holiday"
    with pytest.raises(BackendError, match="on holiday"):
        device.status("broken-1")


def test_a_result_that_says_it_failed_is_no_result():
    from qiskit.result import Result

    backend = Kept({})
    found = Result.from_dict(
        {"backend_name": "x", "backend_version": "1", "job_id": "1", "results": [], "success": False}
    )
    found.status = "no ions"
    backend.jobs["broken-1"] = Broken(backend, JobStatus.DONE, found)
    with pytest.raises(BackendError, match="no ions"):
        QiskitDevice(backend).counts("broken-1")


def test_too_wide_a_circuit_is_refused():
    with pytest.raises(CapacityError, match="3 qubits and the device 2"):
        QiskitDevice(GenericBackendV2(2)).compile(circuit(), [QuantumCircuit(3)])


def test_runs_of_different_shots_are_no_job():
    device = QiskitDevice(BasicSimulator())
    (program,) = device.compile(circuit(), [QuantumCircuit(3)]).programs
    with pytest.raises(InputError, match="one number of shots"):
        device.submit([Run(program, np.zeros(1), n) for n in (1, 2)], "tag")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"max_circuits": 0}, "max_circuits"),
        ({"max_shots": 1.5}, "max_shots"),
        ({"dollars_per_shot": -1}, "dollars_per_shot"),
        ({"dollars_per_task": float("nan")}, "dollars_per_task"),
        ({"seed": -1}, "seed"),
    ],
)
def test_options_that_make_no_sense_are_refused(words, told):
    with pytest.raises(InputError, match=told):
        QiskitDevice(BasicSimulator(), **words)


def test_what_is_no_backend_is_refused():
    with pytest.raises(InputError, match="BackendV2 or Target"):
        QiskitDevice("ibm_torino")


def test_facts_and_options_say_what_values_depend_on():
    device = QiskitDevice(GenericBackendV2(3), seed=4)
    assert device.options["seed"] == 4
    assert device.facts()["client"].startswith("qiskit ")
    assert device.remedy(ConnectionRefusedError()) is Remedy.RETRY
