"""Columns of the metric shared over the ranks: the same bits for any number of them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import hybridq as hq
from hybridq.comm import Comm, world
from hybridq.contract.errors import BackendError
from hybridq.evaluate import Evaluator


class Counting(hq.LocalBackend):
    """The sector engine, its columns counted."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = hq.backend("sector", threads=1)
        self.columns = 0

    name = "counting"

    @property
    def capabilities(self):
        return self.inner.capabilities

    def cost(self, tasks):
        return self.inner.cost(tasks)

    def run(self, task):
        if task.driver == "metric":
            self.columns += len(task.metric_columns)
        return self.inner.submit([task]).result()[0]


class FailsOnLastRank(Counting):
    def run(self, task):
        if task.driver == "metric" and world().rank == world().size - 1:
            raise BackendError("the tank is empty")
        return super().run(task)


def problem() -> hq.Problem:
    return world().agree(hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g"))


def test_each_rank_does_its_share_of_the_columns_and_all_get_the_bits_of_one_rank():
    chain, backend = problem(), Counting()
    circuit = hq.ansatz("uccsd").build(chain)
    rows = world().agree(np.random.default_rng(3).normal(scale=0.1, size=(2, circuit.n_parameters)))
    shared = Evaluator(backend, circuit, chain.hamiltonian, world())(rows, True, 0, metric=True)
    counts = world().map(lambda block: np.full(len(block), backend.columns), np.arange(world().size))
    assert counts.sum() == 2 * circuit.n_parameters
    assert counts.max() - counts.min() <= 3
    alone = Evaluator(backend, circuit, chain.hamiltonian, Comm())(rows, True, 0, metric=True)
    for name in ("energies", "stderrs", "gradients", "gradient_stderrs", "overlaps", "hamiltonians"):
        assert np.array_equal(getattr(shared, name), getattr(alone, name)), name


@pytest.mark.parametrize("optimizer", ["linear-method", "newton"])
def test_the_wide_optimizers_give_the_same_result_on_all_ranks(optimizer, capsys):
    result = hq.VQE(problem(), backend="sector", optimizer=optimizer).run()
    assert result.converged
    data = np.array([result.energy, *result.parameters, *result.history.energies])
    mark = hashlib.sha256(data.tobytes()).hexdigest()
    assert world().agree(mark) == mark
    if world().is_root:
        with capsys.disabled():
            print(f"\nfingerprint {optimizer} {mark}")


def test_a_rank_that_fails_on_its_columns_fails_all():
    chain = problem()
    circuit = hq.ansatz("uccsd").build(chain)
    evaluator = Evaluator(FailsOnLastRank(), circuit, chain.hamiltonian, world())
    with pytest.raises(BackendError, match="the tank is empty"):
        evaluator(circuit.start[None], True, 0, metric=True)
