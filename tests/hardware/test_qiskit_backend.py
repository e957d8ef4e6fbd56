"""Energies and counts of Qiskit's backends through the whole path, against exact ones."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.providers.fake_provider import GenericBackendV2
from test_qiskit_device import Kept

import hybridq as hq
from hybridq.contract.errors import BackendError, InputError
from hybridq.hardware.dividing import divided
from hybridq.hardware.qiskit_device import QiskitDevice
from hybridq_qiskit import QiskitBackend

QUICK = {"poll_seconds": 0.01, "longest_poll": 0.05}


@cache
def h2():
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.8", "sto-3g")
    return problem, hq.VQE(problem, backend="sector", progress=False).circuit


def exact(rows):
    problem, circuit = h2()
    return hq.backend("sector").submit([hq.Task(circuit, rows, problem.hamiltonian)]).result()[0].value


def rows(n, seed=0):
    return np.random.default_rng(seed).normal(scale=0.3, size=(n, h2()[1].n_parameters))


def aer():
    return pytest.importorskip("qiskit_aer").AerSimulator()


@pytest.mark.parametrize("grouping", ["qubit-wise", "commuting", "basis-rotation"])
def test_energies_agree_with_exact_ones_within_their_errors(grouping):
    problem, circuit = h2()
    backend = QiskitBackend(aer(), grouping=grouping, patience=QUICK)
    task = hq.Task(circuit, rows(8), problem.hamiltonian, shots=20_000, seed=5)
    (result,) = backend.submit([task]).result(60)
    assert (result.stderr > 0).all()
    pulls = (result.value - exact(rows(8))) / result.stderr
    assert np.abs(pulls).max() < 5
    assert result.provenance["compiled"]["two_qubit_gates"] > 0


def test_the_same_seed_gives_the_same_energies_and_a_device_with_limits_the_same_shots():
    problem, circuit = h2()
    task = hq.Task(circuit, rows(3), problem.hamiltonian, shots=3000, seed=5)
    first, again = (QiskitBackend(aer(), patience=QUICK).submit([task]).result(60)[0] for _ in range(2))
    assert (first.value == again.value).all()
    small = QiskitBackend(aer(), patience=QUICK, max_circuits=4, max_shots=700)
    job = small.submit([task])
    assert len(job.vendor_ids) > 3
    pulls = (job.result(60)[0].value - exact(rows(3))) / first.stderr
    assert np.abs(pulls).max() < 5


def test_a_noisy_device_is_off_and_mitigation_brings_it_closer():
    pytest.importorskip("qiskit_ibm_runtime")
    problem, circuit = h2()
    task = hq.Task(circuit, rows(1), problem.hamiltonian, shots=20_000, seed=3)
    errors = []
    for words in ({}, {"mitigation": "readout,symmetry"}):
        backend = QiskitBackend("fake_manila", encoding="jordan_wigner", patience=QUICK, **words)
        (result,) = backend.submit([task]).result(60)
        errors.append(abs(result.value[0] - exact(rows(1))[0]))
    assert errors[0] > 0.05
    assert errors[1] < errors[0]


def test_counts_are_of_spin_orbitals_and_of_qubits():
    circuit = h2()[1]
    backend = QiskitBackend(GenericBackendV2(4, noise_info=False), local=True, patience=QUICK)
    (result,) = backend.submit(
        [hq.Task(circuit, np.zeros((1, circuit.n_parameters)), driver="counts", shots=50)]
    ).result()
    assert result.value == ({"0101": 50},)
    t = Parameter("t")
    plain = QuantumCircuit(2)
    plain.x(0)
    plain.rx(t, 1)
    plain.measure_all()
    (result,) = backend.submit([hq.Task(plain, [[0.0], [np.pi]], driver="counts", shots=9)]).result()
    assert result.value == ({"01": 9}, {"11": 9})


def test_circuits_of_different_widths_share_a_job():
    small, wide = QuantumCircuit(1), QuantumCircuit(3)
    small.x(0)
    wide.x(2)
    backend = QiskitBackend(aer())
    job = backend.submit([hq.Task(circuit, [[]], driver="counts", shots=10) for circuit in (small, wide)])
    assert len(job.vendor_ids) == 1
    assert [result.value for result in job.result(60)] == [({"1": 10},), ({"100": 10},)]


def test_a_circuit_on_qubits_is_measured_with_pauli_strings():
    t = Parameter("t")
    plain = QuantumCircuit(2)
    plain.ry(t, 0)
    plain.cx(0, 1)
    backend = QiskitBackend(aer(), patience=QUICK)
    task = hq.Task(plain, [[0.7]], {"ZZ": 1.0, "XX": 0.5, "IZ": -0.3}, shots=40_000, seed=1)
    (result,) = backend.submit([task]).result(60)
    expected = 1 + 0.5 * np.sin(0.7) - 0.3 * np.cos(0.7)
    assert abs(result.value[0] - expected) < 5 * result.stderr[0]


def test_a_vqe_takes_up_the_job_that_an_earlier_life_left_with_a_vendor(tmp_path):
    problem, _ = h2()
    vendor = {}

    def run():
        backend = QiskitBackend(Kept(vendor), patience=QUICK)
        options = {"iterations": 4, "calibration": 2}
        return hq.VQE(
            problem, backend=backend, run=tmp_path / "run", shots=500, seed=1, optimizer="SPSA",
            optimizer_options=options, progress=False,
        ).run()  # fmt: skip

    first = run()
    submitted = len(vendor)
    journal = tmp_path / "run" / "journal.jsonl"
    lines = journal.read_text().splitlines()
    last = max(k for k, line in enumerate(lines) if '"kind":"job"' in line)
    journal.write_text("\n".join(lines[: last + 1]) + "\n")  # as if the process had been killed while it waited
    (tmp_path / "run" / "result.json").unlink(missing_ok=True)
    assert run().energy == first.energy
    assert len(vendor) == submitted


def test_a_vqe_runs_on_a_simulator():
    problem, _ = h2()
    words = {"shots": 4000, "seed": 1, "optimizer": "SPSA", "optimizer_options": {"iterations": 20}}
    result = hq.VQE(problem, backend=QiskitBackend(aer()), progress=False, **words).run()
    assert abs(result.energy - problem.references()["casci"]) < 0.03


def test_names_are_known_or_the_error_lists_them():
    pytest.importorskip("qiskit_ibm_runtime")
    assert QiskitBackend("aer").name == "qiskit:aer"
    assert QiskitBackend("fake_manila").capabilities.max_qubits == 5
    with pytest.raises(InputError, match="did you mean 'fake_manila'"):
        QiskitBackend("fake_manilla")
    with pytest.raises(InputError, match="takes a name or a Qiskit BackendV2, got int"):
        QiskitBackend(3)


def test_options_are_divided_and_unknown_ones_named():
    device, backend = divided("backend 'x'", QiskitDevice, {"seed": 3, "grouping": "commuting"})
    assert (device, backend) == ({"seed": 3}, {"grouping": "commuting"})
    with pytest.raises(InputError, match="unknown option of backend 'x' 'grouping_'; did you mean 'grouping'"):
        divided("backend 'x'", QiskitDevice, {"grouping_": 1})
    with pytest.raises(InputError, match="optimization_level"):
        QiskitBackend("aer", optimization_level="high")
    with pytest.raises(InputError, match="local"):
        divided("backend 'x'", QiskitDevice, {"local": True}, reserved=("local",))


def test_only_simulators_of_this_process_are_done_again_unasked():
    assert QiskitBackend(aer()).device.local
    assert not QiskitBackend(Elsewhere(3)).device.local


class Elsewhere(GenericBackendV2.__mro__[1]):
    """A backend of a vendor that we know nothing of."""

    def __init__(self, n):
        super().__init__(name="elsewhere")
        self._target = GenericBackendV2(n).target

    @property
    def target(self):
        return self._target

    @property
    def max_circuits(self):
        return None

    @classmethod
    def _default_options(cls):
        from qiskit.providers import Options

        return Options()

    def run(self, circuits, **words):
        raise RuntimeError("401 without a number")


def test_what_a_vendors_client_says_is_told():
    problem, circuit = h2()
    backend = QiskitBackend(Elsewhere(4))
    with pytest.raises(BackendError, match="401 without a number.*would fail again"):
        backend.submit([hq.Task(circuit, rows(1), problem.hamiltonian, shots=1000)])
