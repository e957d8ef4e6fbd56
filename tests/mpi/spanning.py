"""A backend that spans the ranks of a group: each rank measures its own terms of the Hamiltonian, and they add up."""

from __future__ import annotations

import numpy as np

import hybridq as hq
from hybridq.comm import Comm


class TermsOverRanks(hq.LocalBackend):
    """Energies by the sector engine; rank r of the group takes the integrals of every orbital p = r (mod size)."""

    name = "terms-over-ranks"
    capabilities = hq.Capabilities(max_qubits=24, drivers=frozenset({"energy"}), placement=hq.Placement.TOGETHER)

    def __init__(self, comm: Comm | None = None) -> None:
        super().__init__()
        self.inner = hq.backend("sector", threads=1)
        self.comm = comm if comm is not None else Comm()
        self.rows = 0

    def on(self, comm):
        made = TermsOverRanks(comm)
        made.count = self.count = [0]
        return made

    def cost(self, tasks):
        return self.inner.cost(tasks)

    def run(self, task):
        h = task.observable
        mine = np.arange(h.n_orbitals) % self.comm.size == self.comm.rank
        share = hq.Hamiltonian(
            h.constant if self.comm.rank == 0 else 0.0,
            _symmetric(h.one_body * mine[:, None]),
            _symmetric4(h.two_body * mine[:, None, None, None]),
        )
        part = self.inner.submit([hq.Task(task.circuit, task.params, share)]).result()[0].value
        if hasattr(self, "count"):
            self.count[0] += task.n_rows
        whole = part if self.comm.mpi is None else _sum(self.comm.mpi, part)
        return hq.Result(np.round(whole, 12), np.zeros(task.n_rows))


def _sum(mpi, part):
    """In the order of the ranks, so that all of them get the same bits."""
    return np.sum(mpi.allgather(part), axis=0)


def _symmetric(one):
    return (one + one.T) / 2


def _symmetric4(two):
    two = (two + two.transpose(1, 0, 2, 3)) / 2
    two = (two + two.transpose(0, 1, 3, 2)) / 2
    return (two + two.transpose(2, 3, 0, 1)) / 2
