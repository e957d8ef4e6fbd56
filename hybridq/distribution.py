"""Distribution: which ranks work on which rows, as a backend's placement allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hybridq.comm import Comm
from hybridq.contract.backend import Backend, Placement, Spanning
from hybridq.contract.errors import InputError

Array = NDArray[np.float64]
UNEVEN = 0.1  # share of the slowest rank's time that ranks wait on average, above which rows go out one by one
WORTHWHILE = 0.005  # seconds of waiting below which handing rows out one by one costs more than it saves


class Distribution:
    """Hands rows to ranks; once their times prove uneven, one by one as ranks become free.

    How rows are handed out never changes a result: row i of a result depends on row i alone.

    Args:
        backend: what the rows are for.
        comm: the ranks.
        ranks_per_group: ranks that serve one row together; None: all of them for a backend that spans ranks, else 1.

    Attributes:
        backend: the backend that this rank submits to.

    Raises:
        InputError: groups for a backend that runs on one rank, or more ranks in a group than there are.
    """

    def __init__(self, backend: Backend, comm: Comm, ranks_per_group: int | None = None) -> None:
        self.comm = comm
        together = backend.capabilities.placement is Placement.TOGETHER
        if ranks_per_group is not None and ranks_per_group != 1 and not together:
            raise InputError(
                f"ranks_per_group={ranks_per_group} is for backends that span several ranks; {backend.name!r} runs on "
                "one: leave it out"
            )
        self.size = comm.size if together and ranks_per_group is None else ranks_per_group or 1
        self.placement = Placement.ROOT if backend.capabilities.durable_jobs else backend.capabilities.placement
        self.backend = backend
        if together and comm.size > 1:
            if not isinstance(backend, Spanning):
                raise InputError(
                    f"backend {backend.name!r} says that it spans ranks, but has no method on(comm) to be told which; "
                    "report this to its author"
                )
            self.backend = backend.on(comm.group(self.size))
        self._one_by_one = False

    def __call__(self, work: Callable[[Array], Array], rows: Array) -> Array:
        """``work(rows)``, shape (n_rows, n_values), the same on all ranks."""
        if self.placement is Placement.ROOT:
            return self.comm.once(lambda: work(rows))
        if self.comm.size == 1:
            return work(rows)
        if self.placement is Placement.TOGETHER:
            return self.comm.map(work, rows, ranks_per_group=self.size)
        many = len(rows) >= 2 * self.comm.size
        values = self.comm.map(work, rows, dynamic=self._one_by_one and many)
        if many and not self._one_by_one:
            seen = self.comm.imbalance
            self._one_by_one = seen.excess > max(WORTHWHILE, UNEVEN * seen.slowest)
        return values
