"""Samplers and estimators of four makers as backends, against exact energies."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2, StatevectorEstimator, StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from test_qiskit_backend import QUICK, exact, h2, rows

import hybridq as hq
from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, CapacityError, InputError, JobNotFound
from hybridq_qiskit import QiskitEstimatorBackend, QiskitSamplerBackend

NOISELESS = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], noise_info=False)


def aer_sampler():
    return pytest.importorskip("qiskit_aer.primitives").SamplerV2(seed=1)


def aer_estimator():
    return pytest.importorskip("qiskit_aer.primitives").EstimatorV2()


def runtime(name):
    module = pytest.importorskip("qiskit_ibm_runtime")
    return getattr(module, name)(mode=NOISELESS)


def braket(name):
    module = pytest.importorskip("qiskit_braket_provider")
    return getattr(module, name)(module.BraketLocalBackend("default"))


SAMPLERS = {
    "statevector": lambda: StatevectorSampler(seed=1),
    "backend": lambda: BackendSamplerV2(backend=NOISELESS, options={"seed_simulator": 3}),
    "aer": aer_sampler,
    "runtime": lambda: runtime("SamplerV2"),
    "braket": lambda: braket("BraketSampler"),
}
ESTIMATORS = {
    "statevector": lambda: StatevectorEstimator(seed=1),
    "backend": lambda: BackendEstimatorV2(backend=NOISELESS),
    "aer": aer_estimator,
    "runtime": lambda: runtime("EstimatorV2"),
    "braket": lambda: braket("BraketEstimator"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("maker", SAMPLERS)
def test_energies_by_samplers_agree_with_exact_ones(maker):
    problem, circuit = h2()
    words = {"same_shots": maker == "braket", "optimization_level": 1}
    backend = QiskitSamplerBackend(SAMPLERS[maker](), patience=QUICK, **words)
    task = hq.Task(circuit, rows(3), problem.hamiltonian, shots=6000)
    (result,) = backend.submit([task]).result(60)
    assert (result.stderr > 0).all()
    assert np.abs((result.value - exact(rows(3))) / result.stderr).max() < 5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("maker", ESTIMATORS)
def test_energies_by_estimators_agree_with_exact_ones(maker):
    problem, circuit = h2()
    backend = QiskitEstimatorBackend(ESTIMATORS[maker](), optimization_level=1)
    n = 1 if maker == "braket" else 3  # which takes seconds for each
    tasks = [hq.Task(circuit, rows(n), problem.hamiltonian, precision=p) for p in (0.04, 0.03)[:n]]
    for result in backend.submit(tasks).result(60):
        assert (result.stderr > 0).all()
        assert np.abs((result.value - exact(rows(n))) / result.stderr).max() < 5
        assert result.stderr.max() < 0.1


def test_an_estimator_without_standard_errors_is_given_the_precision_that_was_asked_for():
    problem, circuit = h2()
    backend = QiskitEstimatorBackend(braket("BraketEstimator"))
    task = hq.Task(circuit, rows(1), problem.hamiltonian, precision=0.05)
    (result,) = backend.submit([task]).result(60)
    assert result.stderr == [0.05]
    assert "precision that was asked for" in result.provenance["stderr"]


def test_an_exact_estimator_is_exact_on_any_layout_and_with_a_parameter_less():
    t, u = Parameter("t"), Parameter("u")
    circuit = QuantumCircuit(3)
    circuit.ry(t, 2)
    circuit.cx(2, 0)
    circuit.rx(u - t, 1)
    circuit.ry(u, 0)
    table = {"ZIZ": 1.0, "XYZ": 0.4, "IXI": -0.3, "III": 2.0, "YIX": 0.8}
    values = np.random.default_rng(0).normal(size=(4, 2))
    task = hq.Task(circuit, values, table)
    wanted = hq.backend("aer").submit([task]).result()[0].value if _has_aer() else None
    if wanted is None:
        pytest.skip("qiskit-aer is not installed")
    (result,) = QiskitEstimatorBackend(StatevectorEstimator(), target=NOISELESS).submit([task]).result(60)
    np.testing.assert_allclose(result.value, wanted, atol=1e-9)
    assert (result.stderr == 0).all()


def _has_aer():
    try:
        import qiskit_aer  # noqa: F401
    except ImportError:
        return False
    return True


def test_a_sampler_gets_each_circuit_with_its_own_shots_and_free_parameters():
    class Spy(StatevectorSampler):
        def run(self, pubs, *, shots=None):
            self.pubs = list(pubs)
            return super().run(self.pubs, shots=shots)

    problem, circuit = h2()
    spy = Spy(seed=1)
    backend = QiskitSamplerBackend(spy, patience=QUICK)
    task = hq.Task(circuit, rows(2), problem.hamiltonian, shots=5000)
    job = backend.submit([task])
    job.result(60)
    assert len(job.vendor_ids) == 1
    assert all(program.num_parameters == len(values) > 0 for program, values, _ in spy.pubs)
    assert len({shots for *_, shots in spy.pubs}) > 1
    assert sum(shots for *_, shots in spy.pubs) <= 2 * 5000
    assert all(program.metadata == {} for program, *_ in spy.pubs)


def test_a_samplers_job_is_found_again_where_it_is_told_how():
    jobs = {}

    class Service(StatevectorSampler):
        def run(self, pubs, *, shots=None):
            job = super().run(pubs, shots=shots)
            jobs[job.job_id()] = job
            return job

    circuit = h2()[1]
    task = hq.Task(circuit, rows(1), driver="counts", shots=100)
    first = QiskitSamplerBackend(Service(seed=1), patience=QUICK)
    job = first.submit([task])
    second = QiskitSamplerBackend(Service(), retrieve=jobs.__getitem__)
    assert second.device.status(job.vendor_ids[0]) in (Status.DONE, Status.RUNNING)
    assert second.device.counts(job.vendor_ids[0]) == list(job.result(60)[0].value)
    with pytest.raises(JobNotFound, match="retrieve="):
        QiskitSamplerBackend(StatevectorSampler()).device.status(job.vendor_ids[0])


def test_jobs_of_an_estimator_say_where_they_stand_and_are_known_by_id():
    problem, circuit = h2()
    backend = QiskitEstimatorBackend(StatevectorEstimator())
    job = backend.submit([hq.Task(circuit, rows(1), problem.hamiltonian)])
    job.result(60)
    assert job.status() is Status.DONE
    assert backend.job(job.id) is job
    job.cancel()
    with pytest.raises(JobNotFound):
        backend.job("another")


def test_an_estimator_that_fails_or_gives_nonsense_is_told():
    class Failing(StatevectorEstimator):
        def run(self, pubs, *, precision=None):
            raise RuntimeError("no estimate today")

    class Short(StatevectorEstimator):
        def run(self, pubs, *, precision=None):
            return super().run(list(pubs)[:-1], precision=precision)

    problem, circuit = h2()
    task = hq.Task(circuit, rows(1), problem.hamiltonian)
    with pytest.raises(BackendError, match="no estimate today"):
        QiskitEstimatorBackend(Failing()).submit([task])
    with pytest.raises(BackendError, match="asked for 2 results and gave 1"):
        QiskitEstimatorBackend(Short()).submit([task, task]).result(10)


def test_tasks_that_an_estimator_cannot_do_are_refused():
    problem, circuit = h2()
    backend = QiskitEstimatorBackend(StatevectorEstimator(), target=GenericBackendV2(3))
    with pytest.raises(InputError, match="precision"):
        backend.submit([hq.Task(circuit, rows(1), problem.hamiltonian, shots=10)])
    with pytest.raises(BackendError, match="not 'counts'"):
        backend.submit([hq.Task(circuit, rows(1), driver="counts", shots=10)])
    with pytest.raises(CapacityError, match="4 qubits"):
        backend.cost([hq.Task(circuit, rows(1), problem.hamiltonian)])
    with pytest.raises(InputError, match="BaseEstimatorV2 is needed"):
        QiskitEstimatorBackend(StatevectorSampler())
    with pytest.raises(InputError, match="BaseSamplerV2 is needed"):
        QiskitSamplerBackend(StatevectorEstimator())
    with pytest.raises(InputError, match="precision"):
        QiskitEstimatorBackend(StatevectorEstimator(), precision=-1.0)


def test_a_vqe_runs_on_an_estimator():
    problem, _ = h2()
    backend = QiskitEstimatorBackend(StatevectorEstimator())
    result = hq.VQE(problem, backend=backend, optimizer="COBYLA", progress=False, max_evaluations=60).run()
    assert result.energy - problem.references()["casci"] < 5e-3
