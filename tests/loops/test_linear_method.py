"""The wide optimizers: fewer rounds than L-BFGS-B to the same minimum, never uphill, and the ways in which they end."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import hybridq as hq
from hybridq.comm import Comm
from hybridq.contract.circuit import product
from hybridq.contract.errors import BackendError, InputError
from hybridq.contract.generators import mixed_double, single
from hybridq.evaluate import Evaluator
from hybridq.loops.optimizers import Ask, Limits, described, optimizer
from hybridq.loops.optimizers.linear_method import LinearMethod, NaturalGradient, orthonormal
from hybridq.loops.optimizers.newton import Newton
from hybridq.loops.optimizers.wide_search import Model
from hybridq.testing.cases import cases, random_hamiltonian

WIDE = ("linear-method", "natural-gradient", "newton")


@cache
def chain(n: int, spacing: float = 1.0) -> hq.Problem:
    return hq.Problem.from_xyz("; ".join(f"H 0 0 {spacing * i}" for i in range(n)), "sto-3g")


def follow(name, circuit, hamiltonian, *, start=None, limits=None, backend=None):
    """Energies of the iterates, number of batches by kind, and the outcome."""
    made = optimizer(name) if isinstance(name, str) else name
    evaluator = Evaluator(backend or hq.backend("sector", threads=1), circuit, hamiltonian, Comm())
    search = made.search(circuit.start if start is None else start, limits or Limits(), 0)
    known, energies, rounds, reply = {}, [], {"metric": 0, "gradient": 0, "energy": 0}, None
    while True:
        try:
            message = search.send(reply)
        except StopIteration as stop:
            return energies, rounds, stop.value
        reply = None
        if isinstance(message, Ask):
            reply = evaluator(message.rows, message.gradient, sum(rounds.values()), metric=message.metric)
            rounds["metric" if message.metric else "gradient" if message.gradient else "energy"] += 1
            known.update({row.tobytes(): e for row, e in zip(message.rows, reply.energies, strict=True)})
        else:
            energies.append(known[message.row.tobytes()])


@pytest.mark.parametrize("name", ["linear-method", "newton"])
@pytest.mark.parametrize(
    ("problem", "family"),
    [(chain(4), "uccsd"), (chain(6), "uccsd"), (chain(4, 2.0), "uccsd"), (chain(6, 2.0), "uccsd"), (chain(6), "pccd")],
    ids=["H4", "H6", "stretched H4", "stretched H6", "H6 pccd"],
)
def test_the_minimum_of_lbfgs_is_reached_in_seven_tenths_of_its_rounds(name, problem, family):
    circuit = hq.ansatz(family).build(problem)
    reference, evaluations, _ = follow("L-BFGS-B", circuit, problem.hamiltonian)
    energies, rounds, outcome = follow(name, circuit, problem.hamiltonian)
    assert outcome.converged
    assert energies[-1] < reference[-1] + 1e-8
    assert len(energies) < 0.6 * len(reference)
    assert sum(rounds.values()) <= 0.7 * sum(evaluations.values())


def test_the_metric_is_made_once_where_the_state_is_close_to_an_eigenstate():
    problem = chain(4)
    _, rounds, outcome = follow("linear-method", hq.ansatz("uccsd").build(problem), problem.hamiltonian)
    assert outcome.converged
    assert rounds["metric"] == 1


@pytest.mark.parametrize("name", WIDE)
@settings(max_examples=8, deadline=None)
@given(which=st.integers(0, 4), seed=st.integers(0, 2**32 - 1))
def test_the_energy_never_rises_and_the_end_is_a_stationary_point(name, which, seed):
    case = cases()[which]
    assume(case.circuit.n_parameters > 0)
    start = np.random.default_rng(seed).uniform(-2, 2, case.circuit.n_parameters)
    energies, _, outcome = follow(name, case.circuit, case.hamiltonian, start=start, limits=Limits(1e-9, 1e-5, 60))
    evaluator = Evaluator(hq.backend("sector", threads=1), case.circuit, case.hamiltonian, Comm())
    at = evaluator(np.array([start, outcome.row]), True, 0)
    assert all(later < earlier for earlier, later in pairwise([at.energies[0], *energies]))
    assert not energies or at.energies[1] == energies[-1]
    if outcome.converged:
        slope = np.abs(at.gradients[1]).max()
        assert slope <= 1e-5 or "no longer changes" in outcome.reason
        assert slope < 2e-3
    else:
        assert "limit of 60 iterations" in outcome.reason


def test_redundant_parameters_do_no_harm():
    problem = chain(2)
    generators = [
        mixed_double((0, 1), (0, 1)),
        single(0, 1, "alpha"),
        single(0, 1, "beta"),
        mixed_double((0, 1), (0, 1)),
    ]
    circuit = product(2, (1, 1), generators)
    evaluator = Evaluator(hq.backend("sector", threads=1), circuit, problem.hamiltonian, Comm())
    overlap = evaluator(np.full((1, 4), 0.1), True, 0, metric=True).overlaps[0]
    basis = orthonormal(overlap)
    assert basis.shape == (4, 3)
    np.testing.assert_allclose(basis.T @ overlap @ basis, np.eye(3), atol=1e-10)
    energies, _, outcome = follow("linear-method", circuit, problem.hamiltonian, start=np.full(4, 0.1))
    assert outcome.converged
    assert energies[-1] == pytest.approx(problem.references()["casci"], abs=1e-9)


def test_the_step_is_the_lowest_state_of_a_hamiltonian_in_the_tangent_space():
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(6, 6))
    matrix = matrix + matrix.T + 5 * np.diag(np.arange(6))
    energy = matrix[0, 0]
    model = Model(np.eye(5), matrix[1:, 1:] - energy * np.eye(5))
    step, gain = model.step(2 * matrix[0, 1:], 0.0, 100.0)
    state = np.array([1.0, *step])
    assert energy - gain == pytest.approx(np.linalg.eigvalsh(matrix)[0], abs=1e-12)
    np.testing.assert_allclose(matrix @ state, (energy - gain) * state, atol=1e-11)
    cut, _ = model.step(2 * matrix[0, 1:], 0.0, 0.5 * np.linalg.norm(step))
    np.testing.assert_allclose(cut, 0.5 * step, atol=1e-12)


def test_the_models_hessian_is_that_of_the_energy():
    case = cases()[3]
    row = case.rows[0]
    newton = Newton()
    evaluator = Evaluator(hq.backend("sector", threads=1), case.circuit, case.hamiltonian, Comm())
    model = newton.model(evaluator(newton.ask(row).rows, True, 0))
    rng, h = np.random.default_rng(0), 1e-2
    for _ in range(3):
        d = rng.normal(size=len(row))
        e = evaluator(row + h * np.array([-2, -1, 0, 1, 2])[:, None] * d, False, 0).energies
        curvature = (-e[0] + 16 * e[1] - 30 * e[2] + 16 * e[3] - e[4]) / (12 * h * h)
        assert 2 * d @ model.curvature @ d == pytest.approx(curvature, rel=1e-3, abs=1e-3)


def test_newton_needs_nothing_but_exact_energies():
    class EnergyOnly(hq.LocalBackend):
        name = "energy-only"
        capabilities = hq.Capabilities(max_qubits=24, drivers=frozenset({"energy"}))
        inner = hq.backend("sector", threads=1)

        def cost(self, tasks):
            return self.inner.cost(tasks)

        def run(self, task):
            return self.inner.submit([task]).result()[0]

    problem = chain(2)
    circuit = hq.ansatz("uccsd").build(problem)
    energies, _, outcome = follow("newton", circuit, problem.hamiltonian, backend=EnergyOnly())
    assert outcome.converged
    assert energies[-1] == pytest.approx(problem.references()["casci"], abs=1e-9)


class Noisy(hq.LocalBackend):
    """The sector engine with Gaussian noise on energies and gradients."""

    name = "noisy"

    def __init__(self):
        super().__init__()
        self.inner = hq.backend("sector", threads=1)

    @property
    def capabilities(self):
        return hq.Capabilities(max_qubits=24, drivers=frozenset({"energy", "gradient", "metric"}), exact=False)

    def cost(self, tasks):
        return self.inner.cost(tasks)

    def run(self, task):
        found = self.inner.submit([task]).result()[0]
        if task.driver == "metric":
            return found
        rng, sigma = np.random.default_rng(task.seed), 1e-3
        noise = sigma * rng.normal(size=found.value.shape)
        errors = np.full_like(found.value, sigma)
        energy_errors = None if found.energy is None else np.full_like(found.energy, sigma)
        return hq.Result(found.value + noise, errors, found.energy, energy_errors)


def test_noise_is_refused_with_the_remedy():
    problem = chain(2)
    circuit = hq.ansatz("uccsd").build(problem)
    with pytest.raises(BackendError, match=r"'noisy' offers .* with noise; take backend 'sector', or .* SPSA"):
        follow("linear-method", circuit, problem.hamiltonian, backend=Noisy())
    with pytest.raises(
        InputError, match=r"'newton' needs exact values, .* standard errors of up to 1\.0e-03; take .*SPSA"
    ):
        follow("newton", circuit, problem.hamiltonian, backend=Noisy())


@pytest.mark.parametrize("name", WIDE)
def test_the_limit_of_iterations_and_a_finished_start_end_it(name):
    problem = chain(4, 2.0)
    circuit = hq.ansatz("uccsd").build(problem)
    energies, _, outcome = follow(name, circuit, problem.hamiltonian, limits=Limits(iterations=2))
    assert len(energies) == 2
    assert not outcome.converged
    assert outcome.reason == "the limit of 2 iterations was reached"
    none, rounds, outcome = follow(name, circuit, problem.hamiltonian, start=outcome.row, limits=Limits(gradient=1.0))
    assert none == []
    assert sum(rounds.values()) == 1
    assert outcome.converged


def test_a_gradient_tolerance_below_rounding_ends_by_the_energy():
    problem = chain(4)
    circuit = hq.ansatz("uccsd").build(problem)
    for name in ("linear-method", "newton"):
        energies, _, outcome = follow(name, circuit, problem.hamiltonian, limits=Limits(gradient=1e-15, energy=1e-13))
        assert outcome.converged, name
        assert outcome.reason == "the energy no longer changes"
        assert len(energies) < 15


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (LinearMethod, {"shifts": ()}),
        (LinearMethod, {"scales": (0.0,)}),
        (LinearMethod, {"shift": -1.0}),
        (LinearMethod, {"shift": np.inf}),
        (NaturalGradient, {"reuse": 1.0}),
        (Newton, {"longest": 0.0}),
        (Newton, {"difference": 0.0}),
        (Newton, {"shifts": ("a",)}),
    ],
)
def test_senseless_options_are_refused(kind, options):
    with pytest.raises(InputError, match=rf"needs .*{next(iter(options))}"):
        kind(**options)


@pytest.mark.parametrize("name", WIDE)
def test_options_come_back_from_a_journal(name):
    made = optimizer(name, shifts=[0.0, 1.0], scales=[0.5])
    told = json.loads(json.dumps(described(made)))
    assert optimizer(told["name"], **told["options"]) == made


@pytest.mark.parametrize("name", WIDE)
def test_a_run_that_was_cut_goes_on_from_its_folder_to_the_same_bits(tmp_path, name):
    problem = chain(4, 2.0)
    whole = hq.VQE(problem, optimizer=name, backend="sector", max_iterations=6).run()
    cut = hq.VQE(problem, optimizer=name, backend="sector", max_iterations=6, run=tmp_path / "run").steps()
    next(cut), next(cut)
    cut.close()
    resumed = hq.VQE(problem, optimizer=name, backend="sector", max_iterations=6, run=tmp_path / "run").run()
    assert resumed.replayed > 0
    assert np.array_equal(resumed.parameters, whole.parameters)
    assert resumed.energy == whole.energy
    assert resumed.history.energies == whole.history.energies
    again = hq.VQE(problem, optimizer=name, backend="sector", max_iterations=6, run=tmp_path / "run").run()
    assert again.energy == whole.energy


def test_a_circuit_without_parameters_ends_at_once():
    circuit = product(2, (1, 1), [])
    for name in WIDE:
        energies, _, outcome = follow(name, circuit, random_hamiltonian(2, 1))
        assert energies == []
        assert outcome.converged
