"""ADAPT-VQE: pool gradients against commutators, growth to full CI, batches, and runs that go on."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import hybridq as hq
from hybridq.comm import Comm
from hybridq.contract import pool_file
from hybridq.evaluate import Evaluator
from hybridq.loops.pool_gradients import pool_gradients
from hybridq.loops.resume import open_run
from hybridq.registry import pool
from hybridq.testing.oracle import Oracle

POOLS = ["sd", "gsd", "spin-adapted", "qubit-excitations", "paired"]


@cache
def chain(n: int, apart: float = 1.0) -> hq.Problem:
    return hq.Problem.from_xyz("; ".join(f"H 0 0 {apart * i}" for i in range(n)), "sto-3g")


class EnergyOnly(hq.LocalBackend):
    """The sector engine with everything but energies taken away."""

    name = "energy-only"
    capabilities = hq.Capabilities(max_qubits=24, drivers=frozenset({"energy"}))

    def __init__(self):
        super().__init__()
        self.inner = hq.backend("sector")

    def cost(self, tasks):
        return self.inner.cost(tasks)

    def run(self, task):
        return self.inner.submit([task]).result()[0]


@pytest.mark.parametrize("name", POOLS)
def test_pool_gradients_are_the_commutators(name):
    problem = chain(4)
    circuit = hq.ansatz("pccd").build(problem)
    row = 0.3 * np.cos(np.arange(circuit.n_parameters))
    elements = pool(name).build(problem)
    evaluator = Evaluator(hq.backend("sector"), circuit, problem.hamiltonian, Comm())
    found = pool_gradients(evaluator, elements, row, 0)
    oracle = Oracle(circuit)
    psi, h = oracle.state(row), oracle.hamiltonian(problem.hamiltonian)
    operators = [sum(scale * oracle.generator(g) for g, scale in element.terms) for element in elements]
    commutators = [(psi.conj() @ (h @ a - a @ h) @ psi).real for a in operators]
    np.testing.assert_allclose(found, commutators, atol=1e-11)
    derived = Evaluator(EnergyOnly(), circuit, problem.hamiltonian, Comm())
    np.testing.assert_allclose(pool_gradients(derived, elements, row, 0), found, atol=1e-10)


@pytest.mark.parametrize("name", ["gsd", "qubit-excitations", "spin-adapted"])
def test_a_generalized_pool_reaches_full_ci(name):
    result = hq.ADAPT(chain(4), name, pool_tolerance=1e-5).run()
    assert result.converged
    assert result.energy == pytest.approx(result.references["casci"], abs=1e-6)
    assert result.n_parameters == sum(len(g.labels) for g in result.growths)


def test_each_growth_takes_the_largest_gradient_and_lowers_the_energy():
    problem = chain(4)
    result = hq.ADAPT(problem, "sd", max_operators=6).run()
    assert len(result.growths) == 6
    assert "limit of 6 operators" in result.reason
    energies = [g.energy for g in result.growths]
    assert energies == sorted(energies, reverse=True)
    elements = pool("sd").build(problem)
    empty = hq.FermionicCircuit(4, ((0, 1), (0, 1)), (), 0)
    evaluator = Evaluator(hq.backend("sector"), empty, problem.hamiltonian, Comm())
    first = np.abs(pool_gradients(evaluator, elements, np.zeros(0), 0))
    assert result.growths[0].gradient == pytest.approx(first.max(), abs=1e-12)
    assert first[result.growths[0].indices[0]] == pytest.approx(first.max(), abs=1e-9)


def test_its_energy_is_that_of_a_vqe_of_the_grown_circuit():
    result = hq.ADAPT(chain(4), "sd", max_operators=5).run()
    again = hq.VQE(chain(4), result.circuit).run()
    assert again.energy == pytest.approx(result.energy, abs=1e-9)
    assert again.evaluations <= 3


def test_batches_need_fewer_growths_and_respect_their_ratio_and_disjointness():
    one = hq.ADAPT(chain(6), "sd", max_operators=12).run()
    four = hq.ADAPT(chain(6), "sd", max_operators=12, batch=4).run()
    assert (len(one.growths), len(four.growths)) == (12, 3)
    assert four.evaluations < one.evaluations
    narrow = hq.ADAPT(chain(6), "sd", max_operators=4, batch=4, batch_ratio=1.0).run()
    assert max(len(g.labels) for g in narrow.growths) < 4
    elements = pool("sd").build(chain(6))
    apart = hq.ADAPT(chain(6), "sd", max_operators=8, batch=3, disjoint=True).run()
    for growth in apart.growths:
        named = [p for k in growth.indices for p in elements[k].orbitals]
        assert len(named) == len(set(named))


@pytest.mark.parametrize("limit", [1, 2, 7, 23, 40])
def test_a_run_cut_anywhere_goes_on_to_the_same_bits(tmp_path, limit):
    options = {"pool": "gsd", "pool_tolerance": 1e-2}
    whole = hq.ADAPT(chain(4), run=tmp_path / "whole", **options).run()
    hq.ADAPT(chain(4), run=tmp_path / "cut", max_evaluations=limit, **options).run()
    again = hq.resume(tmp_path / "cut", max_evaluations=10**6).run()
    assert again.energy == whole.energy
    assert again.growths == whole.growths
    assert np.array_equal(again.parameters, whole.parameters)
    ours, theirs = (
        [{k: v for k, v in r.items() if k != "seconds"} for r in open_run(tmp_path / name).records if r["kind"] == kind]
        for name, kind in (("cut", "growth"), ("whole", "growth"))
    )
    assert ours == theirs
    assert len(open_run(tmp_path / "cut").of_kind("evaluation")) == len(
        open_run(tmp_path / "whole").of_kind("evaluation")
    )


def test_another_pool_or_growth_is_refused_with_the_difference(tmp_path):
    hq.ADAPT(chain(4), "sd", run=tmp_path / "run", max_operators=2).run()
    with pytest.raises(hq.JournalMismatch, match=r"pool\.digest is"):
        hq.ADAPT(chain(4), "gsd", run=tmp_path / "run").run()
    with pytest.raises(hq.JournalMismatch, match=r"growth\.batch is 2 now and was 1"):
        hq.ADAPT(chain(4), "sd", batch=2, run=tmp_path / "run").run()
    with pytest.raises(hq.JournalMismatch, match="loop is 'vqe' now and was 'adapt'|another run"):
        hq.VQE(chain(4), run=tmp_path / "run").run()


def test_an_adapt_with_noisy_energies_gains_what_its_noise_allows():
    class Noisy(EnergyOnly):
        capabilities = hq.Capabilities(max_qubits=24, drivers=frozenset({"energy"}), exact=False)

        def run(self, task):
            exact = self.inner.submit([hq.Task(task.circuit, task.params, task.observable)]).result()[0]
            rng = np.random.default_rng(task.seed)
            spread = np.full(task.n_rows, 1e-4)
            return hq.Result(exact.value + rng.normal(0, 1e-4, task.n_rows), spread)

    result = hq.ADAPT(
        chain(2), "sd", backend=Noisy(), precision=1e-4, pool_tolerance=0.05,
        optimizer_options={"iterations": 60}, max_operators=2,
    ).run()  # fmt: skip
    assert result.energy == pytest.approx(result.references["casci"], abs=5e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool": ()}, "the pool is empty"),
        ({"pool": "nothing"}, "unknown operator pool 'nothing'"),
        ({"pool": [1, 2]}, "made of PoolElement, got 1"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"batch_ratio": 1.5}, "from 0 to 1, got 1.5"),
        ({"pool_tolerance": 0.0}, "pool_tolerance must be positive"),
        ({"max_operators": 0}, "max_operators must be at least 1"),
        ({"seed": -1}, "seed must be between"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(hq.InputError, match=message):
        hq.ADAPT(chain(2), **options)


@pytest.mark.parametrize("name", POOLS)
def test_a_pool_survives_its_file(name):
    elements = pool(name).build(chain(4))
    assert pool_file.from_text(pool_file.to_text(elements)) == elements


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema_version":9,"elements":[]}', '{"schema_version":1}'])
def test_a_text_that_is_no_pool_is_refused(text):
    with pytest.raises(hq.InputError):
        pool_file.from_text(text)
