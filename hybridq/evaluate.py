"""Evaluator: rows of parameters to energies and gradients, on any backend and any number of ranks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hybridq.comm import Comm
from hybridq.contract.backend import Backend, Cost, Job, Status
from hybridq.contract.errors import BackendError, HybridqError, JobNotFound
from hybridq.contract.task import Circuit, Driver, Observable, Result, Task
from hybridq.contract.ticket import Durable, Stopped, Ticket
from hybridq.derive import derivable, gradient_from_result, gradient_task
from hybridq.distribution import Distribution

Array = NDArray[np.float64]
T = TypeVar("T")
PATIENCE = 0.5  # seconds between looks at whether to stop while a durable job is awaited
ATTEMPTS = 3  # times that a job which is over may say that it is not ready


@dataclass(frozen=True)
class Batch:
    """Energies of some rows, and their gradients where these were asked for.

    Attributes:
        energies, stderrs: shape (n_rows,), hartree.
        gradients, gradient_stderrs: shape (n_rows, n_parameters), hartree per radian; None where not asked for.
        overlaps: ``Re <d_k psi|P|d_l psi>``, shape (n_rows, n_parameters, n_parameters), with P and the derivatives of
            `hybridq.contract.task.Metric`; None where not asked for. Element (k, l) comes from column l, so the
            matrix is symmetric up to rounding only.
        hamiltonians: ``Re <d_k psi|P H P|d_l psi>``, same shape, hartree; None where not asked for.
    """

    energies: Array
    stderrs: Array
    gradients: Array | None = None
    gradient_stderrs: Array | None = None
    overlaps: Array | None = None
    hamiltonians: Array | None = None


class StopRequested(HybridqError):
    """A loop is to stop before its next evaluation, or while it waits for a durable job; the message says why."""


class JobBook(Protocol):
    """Where ids of durable jobs are kept before anyone waits for them; used on rank 0.

    Attributes:
        pending: ids that an earlier life submitted for this evaluation and did not see the end of.
        should_stop: a reason to stop waiting, or None.
    """

    pending: tuple[str, ...]
    should_stop: Callable[[], str | None]

    def note(self, job_id: str, *, found: bool = False) -> None:
        """Keep an id; `found` where an earlier life kept it already."""
        ...

    def ticket(self) -> Ticket:
        """The same for a backend that knows tickets."""
        ...


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
        ranks_per_group: see `Distribution`.
    """

    backend: Backend
    circuit: Circuit
    observable: Observable
    comm: Comm
    precision: float | None = None
    shots: int | None = None
    seed: int = 0
    ranks_per_group: int | None = None
    distribution: Distribution | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.distribution is None:
            made = Distribution(self.backend, self.comm, self.ranks_per_group)
            object.__setattr__(self, "distribution", made)

    def of(self, circuit: Circuit) -> Evaluator:
        """The same for another circuit."""
        return replace(self, circuit=circuit)

    @property
    def noisy(self) -> bool:
        """True where values carry a statistical error."""
        return not self.backend.capabilities.exact or self.shots is not None

    def __call__(
        self, rows: Array, gradient: bool, number: int, *, metric: bool = False, jobs: JobBook | None = None
    ) -> Batch:
        """Evaluate rows, shape (n_rows, n_parameters); `number` counts the evaluations of a run.

        Raises:
            BackendError: the backend failed, returned a number that is not finite, or has no gradient or metric.
            StopRequested: the loop is to stop, and the work goes on as a durable job that `jobs` knows.
        """
        return self.followed(rows, gradient, number, _nothing, metric=metric, jobs=jobs)[0]

    def followed(
        self,
        rows: Array,
        gradient: bool,
        number: int,
        then: Callable[[Batch], T],
        *,
        metric: bool = False,
        jobs: JobBook | None = None,
    ) -> tuple[Batch, T]:
        """The batch, and ``then(batch)``, called on rank 0 before the others hear of the batch; see `Comm.map_once`."""
        rows = self.circuit.rows(rows)
        m = rows.shape[1]
        if metric:
            return self._metrics(rows, number, then)
        if not gradient:
            return self._shared(rows, self._energies, number, jobs, lambda v: Batch(v[:, 0], v[:, 1]), then)
        if "gradient" in self.backend.capabilities.drivers:

            def batch(v: Array) -> Batch:
                return Batch(v[:, 0], v[:, 1], v[:, 2 : 2 + m], v[:, 2 + m :])

            return self._shared(rows, self._gradients, number, jobs, batch, then)
        if "gradient" not in derivable(self.backend.capabilities):
            raise BackendError(f"backend {self.backend.name!r} offers no gradient and none can be derived")
        asked = Task(self.circuit, rows, self.observable, "gradient", self.precision, self.shots)
        shifted = gradient_task(asked)

        def derived(flat: Batch) -> Batch:
            result = gradient_from_result(asked, Result(flat.energies, flat.stderrs))
            assert result.energy is not None
            assert result.energy_stderr is not None
            return Batch(result.energy, result.energy_stderr, result.value, result.stderr)

        by_energies = replace(self, circuit=shifted.circuit, precision=shifted.precision, shots=shifted.shots)
        flat, said = by_energies.followed(shifted.params, False, number, lambda flat: then(derived(flat)), jobs=jobs)
        return derived(flat), said

    def _shared(
        self,
        rows: Array,
        work: Work,
        number: int,
        jobs: JobBook | None,
        batch: Callable[[Array], Batch],
        then: Callable[[Batch], T],
    ) -> tuple[Batch, T]:
        numbered = np.column_stack([np.arange(len(rows), dtype=np.float64), rows])
        return self._distributed(
            lambda block: work(np.ascontiguousarray(block[:, 1:]), block[:, 0], number, jobs), numbered, batch, then
        )

    def _distributed(
        self,
        work: Callable[[Array], Array],
        items: Array,
        batch: Callable[[Array], Batch],
        then: Callable[[Batch], T],
    ) -> tuple[Batch, T]:
        assert self.distribution is not None

        def checked(values: Array) -> Batch:
            if not np.isfinite(values).all():
                bad = int(items[np.argwhere(~np.isfinite(values))[0][0], 0])
                raise BackendError(f"backend {self.backend.name!r} returned a number that is not finite for row {bad}")
            return batch(values)

        values, said = self.distribution(work, items, lambda values: then(checked(values)))
        return checked(values), said

    def _metrics(self, rows: Array, number: int, then: Callable[[Batch], T]) -> tuple[Batch, T]:
        """Energies, gradients and whole metrics: the gradient of a row and each of its columns are shared as one list.

        A column never depends on the columns beside it, so that any number of ranks gives the same bits.
        """
        claims = self.backend.capabilities
        if self.noisy or not {"metric", "gradient"} <= claims.drivers:
            raise BackendError(
                f"the metric needs a backend with exact values and the drivers 'metric' and 'gradient'; "
                f"{self.backend.name!r} offers {', '.join(sorted(claims.drivers))}, "
                f"{'with noise' if self.noisy else 'exact'}; take backend 'sector', or an optimizer that needs "
                "no metric: L-BFGS-B (exact values), SPSA (noise)"
            )
        n, m = rows.shape
        items = np.array([(i, column) for i in range(n) for column in range(-1, m)], dtype=np.float64).reshape(-1, 2)

        def work(block: Array) -> Array:
            return self._metric_items(rows, block.astype(np.intp))

        def batch(values: Array) -> Batch:
            values = values.reshape(n, 1 + m, 2 + 2 * m)
            energies, stderrs, gradients, errors = np.split(values[:, 0], [1, 2, 2 + m], axis=1)
            columns = np.ascontiguousarray(values[:, 1:].transpose(0, 2, 1))
            return Batch(energies[:, 0], stderrs[:, 0], gradients, errors, columns[:, 2 : 2 + m], columns[:, 2 + m :])

        return self._distributed(work, items, batch, then)

    def _metric_items(self, rows: Array, items: NDArray[np.intp]) -> Array:
        """Values of (row, column) pairs, one a line: energy, its error, gradient and errors where the column is -1."""
        m = rows.shape[1]
        values = np.zeros((len(items), 2 + 2 * m))
        for i in np.unique(items[:, 0]):
            here = np.flatnonzero(items[:, 0] == i)
            wanted = items[here, 1]
            if (wanted < 0).any():
                values[here[wanted < 0]] = self._gradients(rows[i : i + 1], np.array([float(i)]), 0, None)
            columns = tuple(int(column) for column in wanted[wanted >= 0])
            if columns:
                task = Task(self.circuit, rows[i], self.observable, "metric", columns=columns)
                found = self._here.submit([task]).result()[0].value[0]
                values[here[wanted >= 0], 2:] = np.concatenate([found.overlap, found.hamiltonian]).T
        return values

    def _energies(self, rows: Array, places: Array, number: int, jobs: JobBook | None) -> Array:
        results = self._run(rows, places, number, "energy", jobs)
        return np.column_stack(
            [
                np.concatenate([np.asarray(r.value) for r in results]),
                np.concatenate([np.asarray(r.stderr) for r in results]),
            ]
        )

    def _gradients(self, rows: Array, places: Array, number: int, jobs: JobBook | None) -> Array:
        results = self._run(rows, places, number, "gradient", jobs)
        columns: list[Any] = [
            np.concatenate([np.asarray(getattr(r, name)) for r in results])
            for name in ("energy", "energy_stderr", "value", "stderr")
        ]
        return np.column_stack(columns)

    def cost(self, rows: Array, gradient: bool) -> Cost:
        """What the backend predicts for these rows.

        Raises:
            CapacityError: they can never fit.
        """
        return self.backend.cost(self.tasks(rows, gradient, 0))

    def tasks(self, rows: Array, gradient: bool, number: int) -> list[Task]:
        """What one rank alone would submit for these rows as the evaluation of this number."""
        rows = self.circuit.rows(rows)
        if gradient and "gradient" not in self.backend.capabilities.drivers:
            shifted = gradient_task(Task(self.circuit, rows, self.observable, "gradient", self.precision, self.shots))
            by_energies = replace(self, circuit=shifted.circuit, precision=shifted.precision, shots=shifted.shots)
            return by_energies.tasks(shifted.params, False, number)
        places = np.arange(len(rows), dtype=np.float64)
        return self._tasks(rows, places, number, "gradient" if gradient else "energy")

    def _tasks(self, rows: Array, places: Array, number: int, driver: Driver) -> list[Task]:
        if not self.noisy:
            return [Task(self.circuit, rows, self.observable, driver)]
        seeds = [self._seed(number, int(place)) for place in places]
        return [
            Task(self.circuit, row, self.observable, driver, self.precision, self.shots, seed)
            for row, seed in zip(rows, seeds, strict=True)
        ]

    def _run(self, rows: Array, places: Array, number: int, driver: Driver, jobs: JobBook | None) -> list[Result]:
        tasks = self._tasks(rows, places, number, driver)
        if jobs is None or not self.backend.capabilities.durable_jobs:
            return self._here.submit(tasks).result()
        try:
            return _wait(self._durable_job(tasks, jobs), jobs)
        except Stopped as stop:
            raise StopRequested(f"{stop} while {self.backend.name} was in trouble") from None

    @property
    def _here(self) -> Backend:
        """The backend that this rank submits to."""
        assert self.distribution is not None
        return self.distribution.backend

    def _durable_job(self, tasks: list[Task], jobs: JobBook) -> Job:
        """The job that an earlier life submitted for these tasks, where it still counts, else a new one."""
        if isinstance(self.backend, Durable):
            return self.backend.submit_once(tasks, jobs.ticket())
        for known in jobs.pending[-1:]:
            try:
                job = self.backend.job(known)
            except JobNotFound:
                break
            if job.status() in (Status.QUEUED, Status.RUNNING, Status.DONE):
                jobs.note(known, found=True)
                return job
        job = self.backend.submit(tasks)
        jobs.note(job.id)
        return job

    def _seed(self, number: int, row: int) -> int:
        return int(np.random.SeedSequence([self.seed, number, row]).generate_state(1, np.uint64)[0] >> 1)


Work = Callable[[Array, Array, int, JobBook | None], Array]


def _nothing(_: Batch) -> None:
    return None


def _wait(job: Job, jobs: JobBook) -> list[Result]:
    in_vain = 0
    while True:
        began = time.monotonic()
        try:
            return job.result(timeout=PATIENCE)
        except TimeoutError as error:
            status = job.status()
            reason = jobs.should_stop()
            if reason is not None:
                raise StopRequested(f"{reason} while job {job.id} was {status.value}") from None
            # A job may end between the two calls; one that is over again and again met a TimeoutError of its own.
            in_vain = 0 if status in (Status.QUEUED, Status.RUNNING) else in_vain + 1
            if in_vain == ATTEMPTS:
                raise BackendError(f"job {job.id} is {status.value} and gives no result: {error}") from error
            time.sleep(max(0.0, PATIENCE - (time.monotonic() - began)))


class Stopwatch:
    """Adds up wall time by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = time.perf_counter()

    def add(self, part: str, seconds: float) -> None:
        """Add to the time of a part."""
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds

    @property
    def total(self) -> float:
        """Seconds since this was made."""
        return time.perf_counter() - self._started
