"""Evaluator: rows of parameters to energies and gradients, on any backend and any number of ranks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.comm import Comm
from hybridq.contract.backend import Backend, Placement
from hybridq.contract.errors import BackendError
from hybridq.contract.task import Circuit, Observable, Result, Task
from hybridq.derive import derivable, gradient_from_result, gradient_task

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    """Energies of some rows, and their gradients where these were asked for.

    Attributes:
        energies, stderrs: shape (n_rows,), hartree.
        gradients, gradient_stderrs: shape (n_rows, n_parameters), hartree per radian; None where not asked for.
    """

    energies: Array
    stderrs: Array
    gradients: Array | None = None
    gradient_stderrs: Array | None = None


@dataclass(frozen=True)
class Evaluator:
    """Shares rows over the ranks of `comm`, as the backend's placement allows.

    Every rank must call it with the same rows, and gets the same numbers. For a backend without gradients
    the rows of the shift rule are shared. Where results are random, each row has a seed of its own made from
    `seed`, the evaluation's number and the row's, so that they do not depend on the ranks.

    Attributes:
        backend, circuit, observable: what is evaluated, and on what.
        comm: the ranks.
        precision, shots: see `Task`.
        seed: seed of the run.
    """

    backend: Backend
    circuit: Circuit
    observable: Observable
    comm: Comm
    precision: float | None = None
    shots: int | None = None
    seed: int = 0

    @property
    def noisy(self) -> bool:
        """True where values carry a statistical error."""
        return not self.backend.capabilities.exact or self.shots is not None

    def __call__(self, rows: Array, gradient: bool, number: int) -> Batch:
        """Evaluate rows, shape (n_rows, n_parameters); `number` counts the evaluations of a run.

        Raises:
            BackendError: the backend failed, returned a number that is not finite, or has no gradient.
        """
        rows = self.circuit.rows(rows)
        if not gradient:
            values = self._shared(rows, self._energies, number)
            return Batch(values[:, 0], values[:, 1])
        if "gradient" in self.backend.capabilities.drivers:
            values = self._shared(rows, self._gradients, number)
            m = rows.shape[1]
            return Batch(values[:, 0], values[:, 1], values[:, 2 : 2 + m], values[:, 2 + m :])
        if "gradient" not in derivable(self.backend.capabilities):
            raise BackendError(f"backend {self.backend.name!r} offers no gradient and none can be derived")
        asked = Task(self.circuit, rows, self.observable, "gradient", self.precision, self.shots)
        shifted = gradient_task(asked)
        by_energies = Evaluator(
            self.backend, shifted.circuit, self.observable, self.comm, shifted.precision, shifted.shots, self.seed
        )
        flat = by_energies(shifted.params, False, number)
        result = gradient_from_result(asked, Result(flat.energies, flat.stderrs))
        assert result.energy is not None
        assert result.energy_stderr is not None
        return Batch(result.energy, result.energy_stderr, result.value, result.stderr)

    def _shared(self, rows: Array, work: Callable[[Array, Array, int], Array], number: int) -> Array:
        places = np.arange(len(rows), dtype=np.float64)
        placement = self.backend.capabilities.placement
        if placement is Placement.ROOT:
            values = self.comm.once(lambda: work(rows, places, number))
        elif placement is Placement.TOGETHER or self.comm.size == 1:
            values = work(rows, places, number)
        else:
            numbered = np.column_stack([places, rows])
            values = self.comm.map(
                lambda block: work(np.ascontiguousarray(block[:, 1:]), block[:, 0], number), numbered
            )
        values = np.asarray(values)
        if not np.isfinite(values).all():
            bad = int(np.argwhere(~np.isfinite(values))[0][0])
            raise BackendError(f"backend {self.backend.name!r} returned a number that is not finite for row {bad}")
        return values

    def _energies(self, rows: Array, places: Array, number: int) -> Array:
        results = self._run(rows, places, number, "energy")
        return np.column_stack(
            [
                np.concatenate([np.asarray(r.value) for r in results]),
                np.concatenate([np.asarray(r.stderr) for r in results]),
            ]
        )

    def _gradients(self, rows: Array, places: Array, number: int) -> Array:
        results = self._run(rows, places, number, "gradient")
        columns: list[Any] = [
            np.concatenate([np.asarray(getattr(r, name)) for r in results])
            for name in ("energy", "energy_stderr", "value", "stderr")
        ]
        return np.column_stack(columns)

    def _run(self, rows: Array, places: Array, number: int, driver: Any) -> list[Result]:
        if not self.noisy:
            tasks = [Task(self.circuit, rows, self.observable, driver)]
        else:
            tasks = [
                Task(
                    self.circuit,
                    row,
                    self.observable,
                    driver,
                    self.precision,
                    self.shots,
                    self._seed(number, int(place)),
                )
                for row, place in zip(rows, places, strict=True)
            ]
        return self.backend.submit(tasks).result()

    def _seed(self, number: int, row: int) -> int:
        return int(np.random.SeedSequence([self.seed, number, row]).generate_state(1, np.uint64)[0] >> 1)


class Stopwatch:
    """Adds up wall time by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = time.perf_counter()

    def add(self, part: str, since: float) -> None:
        """Add the time since `since` (of `time.perf_counter`) to a part."""
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - since

    @property
    def total(self) -> float:
        """Seconds since this was made."""
        return time.perf_counter() - self._started
