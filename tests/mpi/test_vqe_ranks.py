"""A VQE on all ranks: every rank gets the same result, and an error ends all of them alike."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

import hybridq as hq
from hybridq.comm import world
from hybridq.contract.errors import BackendError


class EnergyOnly(hq.LocalBackend):
    """Energies of the sector engine, so that the shift rule's rows are shared over the ranks."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = hq.backend("sector", threads=1)
        self.rows = 0

    name = "energy-only"
    capabilities = hq.Capabilities(max_qubits=24, drivers=frozenset({"energy"}))

    def cost(self, tasks):
        return self.inner.cost(tasks)

    def run(self, task):
        self.rows += task.n_rows
        return self.inner.submit([task]).result()[0]


class FailsOnLastRank(EnergyOnly):
    def run(self, task):
        if world().rank == world().size - 1:
            raise BackendError("the tank is empty")
        return super().run(task)


def problem() -> hq.Problem:
    return hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g")


def fingerprint(result: hq.VQEResult) -> str:
    data = [result.energy, *result.parameters, *result.history.energies]
    return hashlib.sha256(np.array(data).tobytes()).hexdigest()


@pytest.mark.parametrize("optimizer", ["L-BFGS-B", "SPSA"])
def test_all_ranks_share_the_rows_and_get_the_same_result(optimizer, capsys):
    backend = EnergyOnly()
    result = hq.VQE(problem(), backend=backend, optimizer=optimizer, max_iterations=5).run()
    mark = fingerprint(result)
    assert world().agree(mark) == mark
    counts = world().map(lambda block: np.full(len(block), backend.rows), np.arange(world().size))
    # Where the machine is busy rows go out one by one, and ranks then do unequal shares; none does all, none nothing.
    assert counts.min() > 0
    assert counts.max() < counts.sum() or world().size == 1
    if world().is_root:
        with capsys.disabled():
            print(f"\nfingerprint {optimizer} {mark}")


def test_the_run_folder_is_written_by_rank_0_and_taken_up_by_all(tmp_path):
    folder = Path(world().agree(str(tmp_path))) / "run"
    first = hq.VQE(problem(), run=folder).run()
    world().barrier()
    again = hq.VQE(problem(), run=folder).run()
    assert again.replayed > 0
    assert fingerprint(again) == fingerprint(first)
    assert (folder / "result.json").exists()


def test_a_folder_that_only_rank_0_finds_wrong_is_refused_on_all_ranks(tmp_path):
    place = Path(world().agree(str(tmp_path))) / "file"
    world().once(lambda: place.write_text("in the way"))
    with pytest.raises(hq.InputError, match="cannot make the run folder"):
        hq.VQE(problem(), run=place).run()


def test_a_failing_rank_fails_all():
    with pytest.raises(BackendError, match="the tank is empty"):
        hq.VQE(problem(), backend=FailsOnLastRank(), optimizer="SPSA").run()


def test_progress_and_threads_know_the_ranks():
    from hybridq.contract.threads import available_threads

    assert 1 <= available_threads() <= (os.cpu_count() or 1)
