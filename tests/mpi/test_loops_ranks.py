"""Loops at any number of ranks: groups, uneven rows, pools and the linear method share work and keep their bits."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from spanning import TermsOverRanks

import hybridq as hq
from hybridq.comm import world
from hybridq.distribution import Distribution

comm = world()
parallel = pytest.mark.skipif(comm.size < 2, reason="needs two ranks")


def problem() -> hq.Problem:
    return comm.once(lambda: hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g"))


def same_everywhere(*numbers) -> str:
    mark = hashlib.sha256(np.concatenate([np.ravel(n) for n in numbers]).tobytes()).hexdigest()
    assert comm.agree(mark) == mark
    return mark


def told(capsys, what, mark):
    if comm.is_root:
        with capsys.disabled():
            print(f"\nfingerprint {what} {mark}")


@pytest.mark.parametrize("per_group", [None, *range(1, comm.size + 1)])
def test_a_backend_that_spans_ranks_is_served_by_groups(per_group):
    backend = TermsOverRanks()
    asked = {"optimizer": "SPSA", "optimizer_options": {"iterations": 3, "calibration": 4}}
    result = hq.VQE(problem(), "pccd", backend=backend, ranks_per_group=per_group, **asked).run()
    alone = hq.VQE(problem(), "pccd", **asked).run()
    assert result.energy == pytest.approx(alone.energy, abs=1e-9)
    same_everywhere([result.energy], result.parameters)
    if comm.size > 1:
        groups = comm.size // (per_group or comm.size)
        rows = result.evaluations
        assert backend.count[0] <= -(-rows // groups) + 8  # each group has its share, and not all rows


@parallel
def test_groups_for_a_backend_of_one_rank_are_refused():
    with pytest.raises(hq.InputError, match="ranks_per_group=2 is for backends that span several ranks; 'sector'"):
        hq.VQE(problem(), ranks_per_group=2).run()


def test_pool_gradients_are_shared_and_the_growth_is_the_same(capsys):
    result = hq.ADAPT(problem(), "gsd", max_operators=6, batch=2).run()
    told(capsys, "adapt", same_everywhere([result.energy], result.parameters, [g.gradient for g in result.growths]))


@pytest.mark.parametrize("name", ["linear-method", "DE", "CMA-ES", "multi-start"])
def test_wide_optimizers_have_the_same_bits(name, capsys):
    options = {
        "DE": {"population": 10, "generations": 3},
        "CMA-ES": {"population": 10, "generations": 3},
        "multi-start": {"starts": 3},
    }.get(name, {})
    result = hq.VQE(problem(), "pccd", optimizer=name, optimizer_options=options, max_iterations=4, seed=5).run()
    told(capsys, name, same_everywhere([result.energy], result.parameters, result.history.energies))


class Uneven(hq.LocalBackend):
    """Rows that take longer the larger their first parameter is."""

    name = "uneven"
    capabilities = hq.Capabilities(max_qubits=24, drivers=frozenset({"energy"}))

    def __init__(self):
        super().__init__()
        self.inner = hq.backend("sector", threads=1)
        self.done = 0

    def cost(self, tasks):
        return self.inner.cost(tasks)

    def run(self, task):
        self.done += task.n_rows
        time.sleep(float(np.sum(np.abs(task.params[:, 0]))))
        return self.inner.submit([task]).result()[0]


@parallel
def test_uneven_rows_go_out_one_by_one_after_the_first_batch_and_give_the_same_values():
    circuit = hq.ansatz("pccd").build(problem())
    n = 4 * comm.size
    rows = np.zeros((n, circuit.n_parameters))
    rows[0, 0] = 0.3  # rank 0 has as many rows as the others where they are cut into blocks
    backend = Uneven()
    share = Distribution(backend, comm)
    h = problem().hamiltonian

    def work(block):
        result = backend.submit([hq.Task(circuit, block, h)]).result()[0]
        return np.column_stack([result.value])

    first, _ = share(work, rows, len)
    before = backend.done
    again, total = share(work, rows, len)
    assert total == n
    assert np.array_equal(first, again)
    mine = backend.done - before
    counts = comm.map(lambda block: np.full(len(block), float(mine)), np.arange(comm.size))
    assert counts.sum() == n
    assert counts.max() > n // comm.size  # those without the long row took more of the others


@parallel
def test_a_signal_on_one_rank_stops_all_at_the_same_point(tmp_path):
    folder = Path(comm.agree(str(tmp_path))) / "run"
    last = comm.size - 1

    vqe = hq.VQE(problem(), optimizer="COBYLA", run=folder)
    before = signal.getsignal(signal.SIGUSR1)

    def until_it_stops():
        for step in vqe.steps():
            if step.number == 5 and comm.rank == last:
                comm.raise_flag(4)

    with pytest.raises(hq.Interrupted) as stopped:
        until_it_stops()
    assert signal.getsignal(signal.SIGUSR1) == before
    assert stopped.value.code == 75
    assert "SIGUSR1" in stopped.value.reason
    same_everywhere([stopped.value.result.evaluations])
    assert hq.VQE(problem(), optimizer="COBYLA", run=folder, max_evaluations=30).run().evaluations == 30
    assert os.path.exists(folder / "result.json")
