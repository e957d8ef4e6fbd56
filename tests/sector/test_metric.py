"""The driver "metric": columns against the plain twin, differences of states, and the bookkeeping around them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from molecules import circuits, hydrogen_chain, random_hamiltonian, singles_and_doubles

from hybridq.comm import Comm
from hybridq.contract.circuit import Factor, FermionicCircuit, product
from hybridq.contract.errors import BackendError, CapacityError, InputError
from hybridq.contract.generators import Excitation, Ladder, NumberProduct, mixed_double, single
from hybridq.contract.task import Task
from hybridq.evaluate import Evaluator
from hybridq_sector import twin
from hybridq_sector.backend import SectorBackend
from hybridq_sector.engine import Engine
from hybridq_sector.program import compile_circuit
from hybridq_sector.sigma import compile_hamiltonian
from hybridq_sector.tangents import Tangents


class Columns:
    def __init__(self, engine):
        self.engine, self.made = engine, Tangents(engine)

    def columns(self, row, columns):
        return self.made.columns(self.engine, row, columns)


def tangents(circuit, h, threads=1):
    compiled = compile_circuit(circuit), compile_hamiltonian(h, circuit.n_alpha, circuit.n_beta)
    return Columns(Engine(*compiled, threads, threads))


def every(circuit):
    return tuple(range(circuit.n_parameters))


def shared_and_complex():
    generators = [
        Excitation(Ladder((1,), (0,)), Ladder(), imaginary=True),
        mixed_double((0, 2), (0, 3)),
        NumberProduct((0,), (1,)),
        single(1, 3, "beta"),
        Excitation(Ladder((2,), (1,)), Ladder((3,), (0,)), imaginary=True),
        NumberProduct((2,), ()),
        single(0, 1, "alpha"),
    ]
    parameters, scales = (0, 1, 2, 0, 3, 1, 2), (1.0, 1.0, 0.7, -0.5, 1.0, 2.0, -1.3)
    factors = tuple(Factor(g, k, s) for g, k, s in zip(generators, parameters, scales, strict=True))
    return FermionicCircuit(4, ((0, 1), (0,)), factors, 4)


@pytest.mark.parametrize("real", [True, False])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_circuit_gives_the_twins_columns(real, data):
    circuit = data.draw(circuits(real=real))
    seed = data.draw(st.integers(0, 2**32 - 1))
    row = np.random.default_rng(seed).uniform(-4, 4, size=circuit.n_parameters)
    h = random_hamiltonian(circuit.n_orbitals, seed, blocks=data.draw(st.booleans()))
    overlap, hamiltonian = tangents(circuit, h, data.draw(st.integers(1, 3))).columns(row, every(circuit))
    expected = twin.metric(circuit, row, h)
    np.testing.assert_allclose(overlap, expected[0], atol=1e-11)
    np.testing.assert_allclose(hamiltonian, expected[1], atol=1e-9)


@pytest.mark.parametrize("circuit", [shared_and_complex(), singles_and_doubles(4, 2, 1)], ids=["complex", "real"])
def test_columns_are_overlaps_of_differences_of_states(circuit):
    h = random_hamiltonian(circuit.n_orbitals, 2)
    row = np.random.default_rng(4).uniform(-1, 1, circuit.n_parameters)
    made = tangents(circuit, h)

    def state(at):
        made.engine.prepare(at)
        return made.engine.psi.astype(complex).ravel()

    psi, step = state(row), 1e-3
    moved = [
        sum(w * state(row + m * step * unit) for m, w in ((-2, 1), (-1, -8), (1, 8), (2, -1))) / (12 * step)
        for unit in np.eye(len(row))
    ]
    moved = np.array([v - psi * np.vdot(psi, v) for v in moved])
    dense = np.array(
        [
            twin.apply_hamiltonian(h, unit.reshape(made.engine.psi.shape), (circuit.n_alpha, circuit.n_beta)).ravel()
            for unit in np.eye(psi.size, dtype=complex)
        ]
    ).T
    overlap, hamiltonian = made.columns(row, every(circuit))
    np.testing.assert_allclose(overlap, (moved.conj() @ moved.T).real, atol=1e-9)
    np.testing.assert_allclose(hamiltonian, (moved.conj() @ dense @ moved.T).real, atol=1e-8)


def test_a_parameter_that_turns_only_the_phase_has_no_length():
    circuit = product(3, (1, 1), [NumberProduct((0,), ()), single(0, 2, "alpha"), mixed_double((0, 1), (0, 1))])
    overlap, hamiltonian = tangents(circuit, random_hamiltonian(3, 1)).columns(
        np.array([0.4, 0.3, -0.2]), every(circuit)
    )
    assert np.abs(overlap[0]).max() < 1e-14
    assert np.abs(hamiltonian[:, 0]).max() < 1e-13
    assert overlap[1, 1] > 0.5


def test_both_matrices_are_symmetric_and_the_metric_is_positive():
    circuit, h = singles_and_doubles(6, 3, 3), hydrogen_chain(6)
    row = np.random.default_rng(1).normal(scale=0.2, size=circuit.n_parameters)
    overlap, hamiltonian = tangents(circuit, h).columns(row, every(circuit))
    np.testing.assert_allclose(overlap, overlap.T, atol=1e-13)
    np.testing.assert_allclose(hamiltonian, hamiltonian.T, atol=1e-12)
    assert np.linalg.eigvalsh(overlap)[0] > -1e-12


@pytest.mark.parametrize("circuit", [singles_and_doubles(6, 3, 2), shared_and_complex()], ids=["real", "complex"])
def test_a_column_has_the_same_bits_alone_and_among_others_and_on_any_threads(circuit):
    h = random_hamiltonian(circuit.n_orbitals, 5)
    row = np.random.default_rng(3).normal(scale=0.3, size=circuit.n_parameters)
    together = tangents(circuit, h).columns(row, every(circuit))
    for threads in (1, 3):
        made = tangents(circuit, h, threads)
        for column in every(circuit)[::-5]:
            alone = made.columns(row, (column,))
            assert all(np.array_equal(a[:, 0], b[:, column]) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("circuit", [singles_and_doubles(6, 3, 2), shared_and_complex()], ids=["real", "complex"])
def test_predicted_bytes_are_the_bytes_that_are_kept(circuit):
    h = random_hamiltonian(circuit.n_orbitals, 4)
    backend = SectorBackend(threads=1)
    task = Task(circuit, circuit.start, h, "metric", columns=(0,))
    predicted = backend.cost([task]).bytes
    backend.submit([Task(circuit, circuit.start, h, "gradient"), task])
    assert predicted == backend._kept_bytes()
    whole = Task(circuit, circuit.start, h, "metric")
    assert backend.cost([whole]).bytes == predicted
    assert backend.cost([whole]).seconds == pytest.approx(circuit.n_parameters * backend.cost([task]).seconds)


def test_a_metric_that_does_not_fit_beside_a_kept_gradient_is_refused():
    circuit, h = singles_and_doubles(6, 3, 3), hydrogen_chain(6)
    gradient, metric = (Task(circuit, circuit.start, h, driver) for driver in ("gradient", "metric"))
    backend = SectorBackend(threads=1, memory=SectorBackend(threads=1).cost([gradient]).bytes)
    backend.submit([gradient])
    for ask in (backend.cost, backend.submit):
        with pytest.raises(CapacityError, match=r"6 orbitals need .* are free"):
            ask([metric])
    other = SectorBackend(threads=1, memory=SectorBackend(threads=1).cost([metric]).bytes)
    other.submit([gradient, metric])
    assert other._kept_bytes() <= other._memory


def test_the_vectors_are_freed_when_their_engine_is_let_go():
    import gc
    import weakref

    circuit, h = singles_and_doubles(4, 2, 2), random_hamiltonian(4, 0)
    backend = SectorBackend()
    backend.submit([Task(circuit, circuit.start, h, "metric", columns=(0,))])
    vector = weakref.ref(backend._engine(circuit, h).tangents.tangent)
    gc.disable()
    try:
        backend._engines.clear()
        assert vector() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"driver": "gradient", "columns": (0,)}, "columns belong to the driver 'metric'"),
        ({"driver": "metric", "columns": (0, 4)}, r"parameters from 0 to 3, got \(0, 4\)"),
        ({"driver": "metric", "columns": (1, 1)}, "distinct"),
        ({"driver": "metric", "columns": (-1,)}, "from 0 to 3"),
        ({"driver": "metric", "columns": (0.5,)}, "whole numbers"),
        ({"driver": "metric", "observable": None}, "needs an observable"),
    ],
)
def test_a_senseless_metric_task_is_refused(options, words):
    circuit = shared_and_complex()
    with pytest.raises(InputError, match=words):
        Task(circuit, np.zeros(4), **{"observable": random_hamiltonian(4, 0), **options})


def test_the_evaluator_brings_whole_matrices_with_energies_and_gradients():
    circuit, h = shared_and_complex(), random_hamiltonian(4, 7)
    rows = np.random.default_rng(2).uniform(-1, 1, (2, 4))
    evaluator = Evaluator(SectorBackend(), circuit, h, Comm())
    batch = evaluator(rows, True, 0, metric=True)
    plain = evaluator(rows, True, 0)
    assert np.array_equal(batch.energies, plain.energies)
    assert np.array_equal(batch.gradients, plain.gradients)
    assert not batch.stderrs.any()
    assert not batch.gradient_stderrs.any()
    for k, row in enumerate(rows):
        overlap, hamiltonian = twin.metric(circuit, row, h)
        np.testing.assert_allclose(batch.overlaps[k], overlap, atol=1e-12)
        np.testing.assert_allclose(batch.hamiltonians[k], hamiltonian, atol=1e-11)


def test_a_metric_of_a_circuit_without_parameters_is_empty():
    circuit = FermionicCircuit(2, ((0,), (0,)), (), 0)
    batch = Evaluator(SectorBackend(), circuit, random_hamiltonian(2, 0), Comm())(
        np.zeros((1, 0)), True, 0, metric=True
    )
    assert batch.overlaps.shape == batch.hamiltonians.shape == (1, 0, 0)
    assert batch.gradients.shape == (1, 0)


def test_a_backend_without_the_metric_is_refused_by_name_and_remedy():
    class GradientsOnly(SectorBackend):
        name = "gradients-only"

        @property
        def capabilities(self):
            from dataclasses import replace

            return replace(super().capabilities, drivers=frozenset({"energy", "gradient"}))

    circuit = shared_and_complex()
    evaluator = Evaluator(GradientsOnly(), circuit, random_hamiltonian(4, 7), Comm())
    with pytest.raises(BackendError, match=r"'gradients-only' offers energy, gradient, exact; take .*L-BFGS-B"):
        evaluator(np.zeros((1, 4)), True, 0, metric=True)
