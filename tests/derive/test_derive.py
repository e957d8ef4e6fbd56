"""Derived gradients and density matrices against an engine that has them, and their standard errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridq.contract.backend import Capabilities, Cost, LocalBackend
from hybridq.contract.circuit import Factor, FermionicCircuit
from hybridq.contract.errors import BackendError, InputError
from hybridq.contract.generators import Excitation, Ladder, NumberProduct
from hybridq.contract.task import Result, Task
from hybridq.derive import complete, derivable, gradient_task, rdm_tasks
from hybridq.testing.cases import cases, random_hamiltonian
from hybridq.testing.oracle import Oracle


class EnergyOnly(LocalBackend):
    """Energies by the oracle, with optional Gaussian noise of the standard error asked for."""

    def __init__(self, noise_seed: int | None = None) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.rng = None if noise_seed is None else np.random.default_rng(noise_seed)

    name = "energy-only"
    capabilities = Capabilities(12, frozenset({"energy"}))

    def cost(self, tasks: Sequence[Task]) -> Cost:
        return Cost(0.0, 0)

    def submit(self, tasks):
        self.batches.append(len(tasks))
        return super().submit(tasks)

    def run(self, task: Task) -> Result:
        energies = Oracle(task.circuit).energies(task.observable, task.params)
        if self.rng is None:
            return Result(energies, np.zeros_like(energies), provenance={"engine": "oracle"})
        errors = np.full_like(energies, task.precision)
        return Result(energies + errors * self.rng.normal(size=errors.shape), errors)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.circuit.name)
def test_derived_gradient_equals_finite_differences_in_one_batch(case):
    backend = EnergyOnly()
    result = complete(backend, Task(case.circuit, case.rows, case.hamiltonian, "gradient"))
    oracle = Oracle(case.circuit)
    np.testing.assert_allclose(result.value, oracle.gradients(case.hamiltonian, case.rows), atol=1e-9)
    np.testing.assert_allclose(result.energy, oracle.energies(case.hamiltonian, case.rows), atol=1e-12)
    assert (result.stderr == 0).all()
    assert (result.energy_stderr == 0).all()
    assert backend.batches == [1]
    assert result.provenance["engine"] == "oracle"
    assert "shift" in result.provenance["derived"]


@st.composite
def ladders(draw, n):
    k = draw(st.integers(0, 2))
    pick = st.lists(st.integers(0, n - 1), min_size=k, max_size=k, unique=True).map(lambda x: tuple(sorted(x)))
    return Ladder(draw(pick), draw(pick))


@st.composite
def circuits(draw):
    n = 3
    excitation = (
        st.tuples(ladders(n), ladders(n), st.booleans(), st.booleans())
        .filter(lambda x: not (x[0].is_diagonal and x[1].is_diagonal))
        .map(lambda x: Excitation(*x))
    )
    orbitals = st.lists(st.integers(0, n - 1), max_size=2, unique=True).map(lambda x: tuple(sorted(x)))
    number = st.tuples(orbitals, orbitals).filter(any).map(lambda x: NumberProduct(*x))
    generators = draw(st.lists(st.one_of(excitation, number), min_size=1, max_size=5))
    m = draw(st.integers(1, len(generators)))
    scales = draw(st.lists(st.floats(-2, 2), min_size=len(generators), max_size=len(generators)))
    factors = tuple(Factor(g, k % m, s) for k, (g, s) in enumerate(zip(generators, scales, strict=True)))
    return FermionicCircuit(n, ((0, 1), (draw(st.integers(0, 2)),)), factors, m)


@settings(max_examples=40, deadline=None)
@given(circuits(), st.integers(0, 1000))
def test_shift_rule_is_exact_for_any_generator_scale_and_sharing(circuit, seed):
    row = np.random.default_rng(seed).uniform(-7, 7, size=(1, circuit.n_parameters))
    hamiltonian = random_hamiltonian(3, seed)
    result = complete(EnergyOnly(), Task(circuit, row, hamiltonian, "gradient"))
    np.testing.assert_allclose(result.value, Oracle(circuit).gradients(hamiltonian, row), atol=1e-8)


def test_gradient_standard_errors_are_those_seen_in_repeats_and_reach_the_precision_asked():
    case = cases()[1]
    row = case.rows[:1]
    exact = Oracle(case.circuit).gradients(case.hamiltonian, row)
    asked = 1e-3
    task = Task(case.circuit, np.repeat(row, 400, axis=0), case.hamiltonian, "gradient", precision=asked)
    result = complete(EnergyOnly(noise_seed=1), task)
    assert (result.stderr <= asked * (1 + 1e-12)).all()
    assert result.stderr.max() == pytest.approx(asked)
    pulls = (result.value - exact) / result.stderr
    # 400 repeats: the spread of the pulls is 1 within 5 standard deviations of 1 / sqrt(800).
    np.testing.assert_allclose(pulls.std(axis=0), 1.0, atol=5 / np.sqrt(800))
    assert np.abs(pulls.mean(axis=0)).max() < 5 / np.sqrt(400)


def test_number_of_rows_is_four_for_an_excitation_and_two_for_a_number_product():
    case = cases()[1]
    kinds = [isinstance(f.generator, NumberProduct) for f in case.circuit.factors]
    task = gradient_task(Task(case.circuit, case.rows, case.hamiltonian, "gradient"))
    assert task.n_rows == 3 * (1 + sum(2 if number else 4 for number in kinds))


def test_a_circuit_without_factors_has_an_empty_gradient():
    circuit = FermionicCircuit(2, ((0,), (0,)), (), 0)
    hamiltonian = random_hamiltonian(2, 3)
    result = complete(EnergyOnly(), Task(circuit, np.zeros((2, 0)), hamiltonian, "gradient"))
    assert result.value.shape == (2, 0)
    assert result.energy.shape == (2,)


@pytest.mark.parametrize("case", cases(real=True), ids=lambda case: case.circuit.name)
def test_derived_density_matrices_equal_the_oracle(case):
    result = complete(EnergyOnly(), Task(case.circuit, case.rows, driver="rdm"))
    oracle = Oracle(case.circuit)
    for row, rdm in zip(case.rows, result.value, strict=True):
        exact = oracle.rdm(row)
        np.testing.assert_allclose(rdm.one, exact.one.real, atol=1e-13)
        np.testing.assert_allclose(rdm.two, exact.two.real, atol=1e-13)
    assert (result.stderr == 0).all()


def test_derived_density_matrices_carry_a_standard_error_that_bounds_their_noise():
    case = cases(real=True)[1]
    result = complete(EnergyOnly(noise_seed=2), Task(case.circuit, case.rows, driver="rdm", precision=1e-3))
    assert (result.stderr >= 1e-3).all()
    for row, rdm, error in zip(case.rows, result.value, result.stderr, strict=True):
        exact = Oracle(case.circuit).rdm(row)
        assert 0 < np.abs(rdm.two - exact.two).max() < 6 * error
        assert np.abs(rdm.one - exact.one).max() < 6 * error


def test_density_matrices_of_complex_states_are_refused():
    case = cases()[1]
    with pytest.raises(InputError, match="real states only"):
        rdm_tasks(Task(case.circuit, case.rows, driver="rdm"))


def test_what_cannot_be_derived_is_refused_by_name():
    case = cases()[0]
    with pytest.raises(BackendError, match=r"energy-only.*'counts' cannot be derived"):
        complete(EnergyOnly(), Task(case.circuit, case.rows, driver="counts", shots=10))
    assert derivable(EnergyOnly.capabilities) == {"energy", "gradient", "rdm"}
    assert derivable(Capabilities(4, frozenset({"counts"}))) == {"counts"}


def test_a_driver_that_is_offered_runs_natively():
    case = cases()[0]
    result = complete(EnergyOnly(), Task(case.circuit, case.rows, case.hamiltonian))
    assert "derived" not in result.provenance


def test_the_two_halves_of_a_derivation_refuse_other_drivers():
    case = cases()[0]
    task = Task(case.circuit, case.rows, case.hamiltonian)
    with pytest.raises(InputError, match="gives gradients"):
        gradient_task(task)
    with pytest.raises(InputError, match="derives RDMs"):
        rdm_tasks(task)
