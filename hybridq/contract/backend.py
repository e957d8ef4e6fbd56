"""The backend contract: five members, and a mixin for backends that compute in the calling process."""

from __future__ import annotations

import abc
import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from hybridq.contract.errors import BackendError, JobNotFound
from hybridq.contract.task import Driver, Result, Task


class Placement(enum.Enum):
    """Who may call a backend when a run has several MPI ranks."""

    EACH = "each"  # every rank on rows of its own (simulators)
    ROOT = "root"  # rank 0 only, and the others receive what it got (hardware is billed once)
    TOGETHER = "together"  # all ranks of a communicator at once, with the same tasks (see `Spanning`)


class Status(enum.Enum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend claims; the conformance kit holds it to each claim.

    Attributes:
        max_qubits: the widest circuit it takes.
        drivers: what it brings back by itself; the core derives the rest where it can.
        languages: circuit types by class name, such as "FermionicCircuit".
        exact: True where values carry no statistical error unless shots are asked for.
        placement: who may call it under MPI.
        durable_jobs: True where `job(id)` finds a job again from a new process.
    """

    max_qubits: int
    drivers: frozenset[Driver]
    languages: frozenset[str] = frozenset({"FermionicCircuit"})
    exact: bool = True
    placement: Placement = Placement.EACH
    durable_jobs: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """A prediction for a batch of tasks.

    Attributes:
        seconds: wall time, seconds.
        bytes: peak memory beyond what the process already holds, bytes.
        shots: samples taken.
        dollars: money, US dollars.
        qpu_seconds: time of a quantum processor, which vendors bill, seconds.
        circuits: circuits that are sent.
    """

    seconds: float
    bytes: int
    shots: int = 0
    dollars: float = 0.0
    qpu_seconds: float = 0.0
    circuits: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.seconds + other.seconds,
            max(self.bytes, other.bytes),
            self.shots + other.shots,
            self.dollars + other.dollars,
            self.qpu_seconds + other.qpu_seconds,
            self.circuits + other.circuits,
        )


@runtime_checkable
class Job(Protocol):
    """Work handed to a backend."""

    @property
    def id(self) -> str:
        """Enough to find the work again; JSON can hold it."""
        ...

    def status(self) -> Status:
        """Where the job stands now."""
        ...

    def result(self, timeout: float | None = None) -> list[Result]:
        """One result for each task, in order; waits at most `timeout` seconds.

        Raises:
            TimeoutError: the job is not finished yet; it goes on.
            BackendError: the job failed or was cancelled.
        """
        ...

    def cancel(self) -> None:
        """Ask for the end of the job; no error where it has ended already."""
        ...


@runtime_checkable
class Backend(Protocol):
    """Runs tasks. A plugin author writes these five members (or `LocalBackend`'s three)."""

    @property
    def name(self) -> str:
        """The name it is found by."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it claims to do."""
        ...

    def cost(self, tasks: Sequence[Task]) -> Cost:
        """Predict a batch; runs nothing and allocates nothing large.

        Raises:
            CapacityError: the batch can never fit; the message says what would.
        """
        ...

    def submit(self, tasks: Sequence[Task]) -> Job:
        """Start the work; returns at once where it is remote.

        Raises:
            InputError, CapacityError, BackendError: by remedy.
        """
        ...

    def job(self, job_id: str) -> Job:
        """Find a job again.

        Raises:
            JobNotFound: no such job.
        """
        ...


@runtime_checkable
class Spanning(Protocol):
    """What a backend of placement `TOGETHER` has besides the members of a `Backend`."""

    def on(self, comm: Any) -> Backend:
        """The backend for the ranks of `comm`, a `hybridq.comm.Comm`: all of them then submit the same tasks.

        ``comm.mpi`` is the mpi4py communicator, None where there is one process alone.
        """
        ...


@dataclass(frozen=True)
class LocalJob:
    """A job that was finished, or had failed, by the time `submit` returned."""

    id: str
    results: tuple[Result, ...]

    def status(self) -> Status:
        """Always done: a failure is raised by `submit`."""
        return Status.DONE

    def result(self, timeout: float | None = None) -> list[Result]:
        """The results, at once."""
        return list(self.results)

    def cancel(self) -> None:
        """Nothing left to cancel."""


class LocalBackend(abc.ABC):
    """For simulators: give `name`, `capabilities`, `cost` and `run`; `submit` and `job` follow.

    The work is done inside `submit`. The last `KEPT_JOBS` jobs can be found again in the same process.
    """

    KEPT_JOBS = 16

    def __init__(self) -> None:
        self._jobs: dict[str, LocalJob] = {}
        self._numbers = itertools.count(1)

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The name it is found by."""

    @property
    @abc.abstractmethod
    def capabilities(self) -> Capabilities:
        """What it claims to do."""

    @abc.abstractmethod
    def cost(self, tasks: Sequence[Task]) -> Cost:
        """Predict a batch; runs nothing and allocates nothing large."""

    @abc.abstractmethod
    def run(self, task: Task) -> Result:
        """Do one task now."""

    def submit(self, tasks: Sequence[Task]) -> Job:
        """Run the tasks in order, then return a finished job.

        Raises:
            BackendError: the backend does not offer a task's driver.
        """
        drivers = self.capabilities.drivers
        for task in tasks:
            if task.driver not in drivers:
                raise BackendError(f"backend {self.name!r} offers {sorted(drivers)}, not {task.driver!r}")
        job = LocalJob(f"{self.name}-{next(self._numbers)}", tuple(self.run(task) for task in tasks))
        self._jobs[job.id] = job
        while len(self._jobs) > self.KEPT_JOBS:
            del self._jobs[next(iter(self._jobs))]
        return job

    def job(self, job_id: str) -> Job:
        """A job of this process.

        Raises:
            JobNotFound: another process made it, or it is no longer kept.
        """
        try:
            return self._jobs[job_id]
        except KeyError:
            raise JobNotFound(
                f"backend {self.name!r} has no job {job_id!r}: its jobs live in the process that made them, "
                f"and the last {self.KEPT_JOBS} are kept"
            ) from None
