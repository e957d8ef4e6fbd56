"""SectorBackend through the contract."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from molecules import hydrogen_chain, random_hamiltonian, singles_and_doubles

from hybridq.contract.circuit import product
from hybridq.contract.errors import CapacityError, InputError
from hybridq.contract.generators import Excitation, Ladder, NumberProduct, mixed_double, single
from hybridq.contract.task import Task
from hybridq.testing import BackendConformance
from hybridq_sector import twin
from hybridq_sector.backend import SectorBackend


class TestSectorKeepsThePromisesOfABackend(BackendConformance):
    def backend(self):
        return SectorBackend()


def complex_circuit():
    ring = [Excitation(Ladder((q,), (p,)), Ladder(), imaginary=True) for p in range(3) for q in range(p + 1, 4)]
    return product(4, (2, 1), [*ring, NumberProduct((0,), (1,)), mixed_double((0, 2), (0, 3)), single(0, 1, "beta")])


@pytest.mark.parametrize("circuit", [singles_and_doubles(5, 3, 2), complex_circuit()], ids=["real", "complex"])
def test_rdms_give_the_energy_and_the_right_traces(circuit):
    n, electrons = circuit.n_orbitals, circuit.n_alpha + circuit.n_beta
    h = random_hamiltonian(n, 4)
    row = np.random.default_rng(0).normal(size=circuit.n_parameters)
    backend = SectorBackend()
    energy, matrices = backend.submit([Task(circuit, row, h), Task(circuit, row, driver="rdm")]).result()
    one, two = matrices.value[0].one, matrices.value[0].two
    total = h.constant + np.einsum("pq,pq", h.one_body, one) + 0.5 * np.einsum("pqrs,pqrs", h.two_body, two)
    assert total == pytest.approx(energy.value[0], abs=1e-11)
    assert np.trace(one) == pytest.approx(electrons, abs=1e-12)
    assert np.einsum("ppqq", two) == pytest.approx(electrons * (electrons - 1), abs=1e-11)
    np.testing.assert_allclose(one, one.conj().T, atol=1e-12)
    np.testing.assert_allclose(np.einsum("pqrr->pq", two), (electrons - 1) * one, atol=1e-11)
    psi = twin.state(circuit, row)
    for p in range(n):
        for q in range(n):
            hop = Ladder((p,), (q,))
            moved = twin.apply_ladders(hop, Ladder(), psi, n, (circuit.n_alpha, circuit.n_beta))
            moved = moved + twin.apply_ladders(Ladder(), hop, psi, n, (circuit.n_alpha, circuit.n_beta))
            assert one[p, q] == pytest.approx(np.vdot(psi, moved), abs=1e-11)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("circuit", [singles_and_doubles(6, 3, 2), complex_circuit()], ids=["real", "complex"])
def test_predicted_bytes_are_the_bytes_that_are_kept(circuit, threads):
    h = random_hamiltonian(circuit.n_orbitals, 4, blocks=True)
    backend = SectorBackend(threads=threads)
    task = Task(circuit, circuit.start, h, "gradient")
    predicted = backend.cost([task]).bytes
    backend.submit([task])
    engine = backend._engine(circuit, h)
    assert predicted == engine.nbytes + engine.program.nbytes + engine.sigma.nbytes


def test_prediction_allocates_nothing_large():
    circuit, h = singles_and_doubles(10, 5, 5), random_hamiltonian(10, 0)
    task = Task(circuit, circuit.start, h, "gradient")
    backend = SectorBackend()
    tracemalloc.start()
    cost = backend.cost([task])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < cost.bytes / 2
    assert cost.seconds > 0


def test_too_large_a_problem_is_refused_before_anything_is_allocated():
    n = 20
    circuit = product(n, (10, 10), [single(0, 12, "alpha")])
    h = random_hamiltonian(n, 0)
    backend = SectorBackend(memory=8 * 2**30)
    tracemalloc.start()
    words = r"10\+10 electrons in 20 orbitals need .* GiB .* 8\.0 GiB are free; \d+ electrons in \d+ orbitals would fit"
    with pytest.raises(CapacityError, match=words):
        backend.submit([Task(circuit, circuit.start, h)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6


def test_batches_equal_rows_one_by_one_to_the_last_bit():
    circuit, h = singles_and_doubles(6, 3, 3), hydrogen_chain(6)
    rows = np.random.default_rng(3).normal(scale=0.1, size=(5, circuit.n_parameters))
    backend = SectorBackend()
    together = backend.submit([Task(circuit, rows, h, "gradient")]).result()[0]
    for k in range(5):
        alone = backend.submit([Task(circuit, rows[k], h, "gradient")]).result()[0]
        assert np.array_equal(alone.value[0], together.value[k])
        assert alone.energy[0] == together.energy[k]


@pytest.mark.parametrize("options", [{"threads": 0}, {"memory": -1}])
def test_senseless_options_are_refused(options):
    with pytest.raises(InputError, match=r"got (0|-1)"):
        SectorBackend(**options)


def test_what_is_kept_makes_room_for_what_comes():
    circuits = [singles_and_doubles(6, 3, k) for k in (3, 2, 1)]
    h = hydrogen_chain(6)
    tasks = [Task(c, c.start, h, "gradient") for c in circuits]
    need = max(SectorBackend(threads=1).cost([t]).bytes for t in tasks)
    backend = SectorBackend(threads=1, memory=need)
    for _ in range(2):
        for task in tasks:
            backend.cost([task])
            backend.submit([task])
            assert backend._kept_bytes() <= need


def test_shots_for_an_energy_are_refused_and_not_ignored():
    circuit = singles_and_doubles(4, 2, 2)
    with pytest.raises(InputError, match="exact energies and takes shots for counts only, got shots=10"):
        SectorBackend().submit([Task(circuit, circuit.start, hydrogen_chain(4), shots=10)])
