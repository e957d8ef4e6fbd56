"""IBM's estimator against the loopback service: values and errors that are right, and jobs as safe as the sampler's."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("qiskit_ibm_runtime")
pytest.importorskip("qiskit_aer")

from ibm import TOKEN, IBMQuantum
from qiskit import QuantumCircuit

import hybridq as hq
from hybridq.contract.errors import BackendError, BudgetExceeded, InputError
from hybridq.testing.once_promises import Killed, Life

QUICK = {"call_seconds": 20.0, "first_pause": 0.1, "longest_pause": 1.0, "poll_seconds": 0.05, "longest_poll": 0.2}


def started(folder, *words):
    made = IBMQuantum(folder, *words)
    kept = dict(os.environ)
    os.environ.update(made.environment())
    yield made
    made.stop()
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    yield from started(tmp_path_factory.mktemp("ibm"))


@pytest.fixture
def clean(service):
    for path in service.folder.iterdir():
        path.unlink()
    return service


def made(level, **options):
    return hq.backend("ibm-estimator:ibm_manila", resilience_level=level, patience=QUICK, **options)


@pytest.fixture(scope="module")
def plain(service):
    return made(0)


@pytest.fixture(scope="module")
def problem():
    return hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")


@pytest.fixture(scope="module")
def task(problem):
    circuit = hq.ansatz("uccsd").build(problem)
    rows = np.array([circuit.start, circuit.start + 0.2, circuit.start - 0.3])
    return hq.Task(circuit, rows, problem.hamiltonian, precision=0.02)


@pytest.fixture(scope="module")
def exact(task):
    return hq.backend("sector").submit([replace(task, precision=None)]).result()[0].value


@pytest.mark.parametrize("level", [0, 1, 2])
def test_all_rows_are_one_job_and_values_are_right_within_their_errors(level, clean, task, exact):
    backend = made(level)
    (result,) = backend.submit([task]).result(120)
    assert (np.abs(result.value - exact) < 6 * result.stderr).all()
    assert (result.stderr > 0).all()
    if level == 0:
        assert (result.stderr <= task.precision).all()
    assert len(clean.jobs()) == 1
    assert result.provenance["compiled"]["two_qubit_gates"] > 0


def test_the_plan_counts_circuits_and_shots_as_they_are_run(clean, plain, task):
    plain.submit([task]).result(60)
    (job,) = clean.jobs().values()
    cost = plain.cost([task])
    assert (job["circuits"], job["shots"]) == (cost.circuits, cost.shots)
    assert cost.qpu_seconds > 0


def test_rows_without_parameters_are_rows_all_the_same(clean, plain):
    two = hq.Task(QuantumCircuit(2), np.zeros((2, 0)), hq.PauliSum.of({"ZI": 1.0, "XX": 0.5, "II": 3.0}), precision=0.1)
    (result,) = plain.submit([two]).result(60)
    assert result.value == pytest.approx([4.0, 4.0], abs=0.6)


def test_levels_and_options_reach_the_service(clean, task):
    backend = made(2, dynamical_decoupling="XY4")
    (request,) = backend.requests([task])
    assert request["device"] == "ibm-estimator:ibm_manila"
    assert len(request["circuits"]) == task.n_rows
    assert "measured:" in request["circuits"][0]["program"]
    assert not clean.jobs()
    assert backend.options["resilience_level"] == 2
    sent = backend.device._estimator("tag").options
    assert sent.resilience_level == 2
    assert sent.dynamical_decoupling.sequence_type == "XY4"
    assert list(sent.environment.job_tags) == ["tag"]


def test_noise_is_mitigated_by_the_level(tmp_path, problem):
    circuit = hq.ansatz("uccsd").build(problem)
    row = hq.Task(circuit, circuit.start, problem.hamiltonian, precision=0.01)
    (truth,) = hq.backend("sector").submit([replace(row, precision=None)]).result()[0].value
    gaps = {}
    for _ in started(tmp_path / "noisy", "manila", "--noisy"):
        for level in (0, 1):
            (result,) = made(level).submit([row]).result(120)
            gaps[level] = (result.value[0] - truth, result.stderr[0])
    assert gaps[0][0] > 6 * gaps[0][1]
    assert gaps[1][0] < gaps[0][0] - 6 * gaps[0][1]


def test_a_job_is_found_again_in_another_object_by_id(clean, plain, task):
    job = plain.submit([task])
    first = job.result(60)[0]
    again = made(0).job(job.id).result(60)[0]
    assert (again.value == first.value).all()
    assert (again.stderr == first.stderr).all()
    assert len(clean.jobs()) == 1


@pytest.mark.parametrize("fault", ["lose", "drop", "500", "refuse"])
def test_whatever_happens_to_a_submission_there_is_one_job(clean, plain, task, fault):
    clean.plan("fault-submit", [fault])
    (result,) = plain.submit([task]).result(60)
    assert (result.stderr > 0).all()
    assert set(clean.paid().values()) == {1}


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("ends_at", [1, 2])
def test_an_evaluation_that_is_cut_short_pays_once(clean, plain, task, ends_at, keeps):
    life = Life(ends_at=ends_at, keeps=keeps)
    with pytest.raises(Killed):
        plain.submit_once([task], life.ticket)
    rest = Life(life.notes, key=life.key)
    (result,) = plain.submit_once([task], rest.ticket).result(60)
    assert (result.stderr > 0).all()
    assert len(clean.jobs()) == 1
    last = Life(rest.notes, key=rest.key)
    assert (plain.submit_once([task], last.ticket).result(60)[0].value == result.value).all()
    assert not last.ids
    assert len(clean.jobs()) == 1


def test_a_refused_budget_submits_nothing(clean, plain, task):
    with pytest.raises(BudgetExceeded):
        plain.submit_once([task], Life(poor=True).ticket)
    assert not clean.jobs()


def test_a_malformed_result_never_becomes_a_value(clean, plain, task):
    clean.plan("fate", ["malformed"])
    with pytest.raises(BackendError, match="ValidationError|malformed"):
        plain.submit([task]).result(60)


def test_a_run_is_replayed_without_the_service(clean, problem, tmp_path):
    def run():
        words = {"optimizer": "SPSA", "optimizer_options": {"iterations": 2, "calibration": 1}, "seed": 4}
        return hq.VQE(problem, backend=made(0), precision=0.05, run=tmp_path / "h2.run", progress=False, **words).run()

    first = run()
    jobs = len(clean.jobs())
    assert jobs > 0
    assert run().energy == first.energy
    assert len(clean.jobs()) == jobs
    assert TOKEN.encode() not in b"".join(p.read_bytes() for p in (tmp_path / "h2.run").iterdir() if p.is_file())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"resilience_level": 3}, "resilience_level is 0, 1 or 2, got 3"),
        ({"resilience_level": True}, "is True (bool); it takes int"),
        ({"grouping": "commuting"}, "grouping: IBM's estimator measures and mitigates in its own way"),
        ({"mitigation": "readout"}, "take the backend 'ibm'"),
        ({"resilience": 1}, "did you mean 'resilience_level'"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_words(service, options, words):
    with pytest.raises(InputError) as told:
        hq.backend("ibm-estimator:ibm_manila", **options)
    assert words in str(told.value)


def test_what_it_does_not_offer_is_refused_before_anything_is_sent(clean, plain, task):
    with pytest.raises(InputError, match="ask for at least"):
        plain.submit([replace(task, precision=None, shots=10)])
    with pytest.raises(InputError, match="shots, or for a precision"):
        plain.submit([replace(task, precision=None)])
    with pytest.raises(BackendError, match="offers energies, not 'counts'"):
        plain.submit([hq.Task(task.circuit, task.params, None, "counts", shots=100)])
    assert not clean.jobs()
