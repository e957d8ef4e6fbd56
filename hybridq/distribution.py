"""Distribution: which ranks work on which rows, as a backend's placement allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hybridq.comm import Comm
from hybridq.contract.backend import Backend, Placement, Spanning
from hybridq.contract.errors import InputError

Array = NDArray[np.float64]
T = TypeVar("T")
UNEVEN = 0.1  # share of the slowest rank's time that ranks wait on average, above which rows go out one by one
HANDING = 0.002  # seconds that a rank waits for a row
SERVING = 0.0003  # seconds of rank 0 for each row that it hands out


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

    def __call__(self, work: Callable[[Array], Array], rows: Array, then: Callable[[Array], T]) -> tuple[Array, T]:
        """``values = work(rows)``, shape (n_rows, n_values), and ``then(values)`` of rank 0; the same on all ranks."""
        if self.placement is Placement.ROOT or self.comm.size == 1:

            def whole() -> tuple[Array, T]:
                values = work(rows)
                return values, then(values)

            return self.comm.once(whole)
        if self.placement is Placement.TOGETHER:
            return self.comm.map_once(work, rows, then, ranks_per_group=self.size)
        each = len(rows) / self.comm.size
        many = each >= 2
        found = self.comm.map_once(work, rows, then, dynamic=self._one_by_one and many)
        if many and not self._one_by_one:
            # Rows that go out one by one end unevenly too, by half a row, and each has to be handed out.
            seen = self.comm.imbalance
            handing = HANDING * each + SERVING * len(rows)
            self._one_by_one = seen.excess > UNEVEN * seen.slowest + 0.5 * seen.slowest / each + handing
        return found
