"""RunStatus: what can be told of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Life:
    """One process, or one set of MPI ranks, that worked on a run.

    Attributes:
        started: when (UTC).
        host, ranks: where; None where it was not recorded.
        evaluations: rows that it evaluated.
        seconds: that these took.
        end: how it ended; None while it lives.
    """

    started: str | None
    host: str | None
    ranks: int | None
    evaluations: int
    seconds: float
    end: str | None


@dataclass(frozen=True)
class PendingJob:
    """A durable job whose result is not recorded.

    Attributes:
        id: the vendor's.
        evaluation: number of the evaluation that it is for.
        queue: where it stood when the vendor was last asked; None where it says nothing.
    """

    id: str
    evaluation: int
    queue: str | None = None


@dataclass(frozen=True)
class Growth:
    """A growth of an ADAPT-VQE: its operators, the energy after it (hartree) and the number of parameters then."""

    operators: tuple[str, ...]
    energy: float | None
    n_parameters: int | None


@dataclass(frozen=True)
class Point:
    """A point of a scan.

    Attributes:
        number: from 0.
        value: its coordinate.
        state: "done"; "waiting" where it was not begun; else as of a run, or "damaged".
        energy: of a done point its result, else its lowest so far, hartree.
        evaluations: rows so far.
        seconds: that these took.
    """

    number: int
    value: float | None
    state: str
    energy: float | None = None
    evaluations: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class RunStatus:
    """How a run stands; prints as a report.

    Attributes:
        folder: the run folder.
        state: "running"; "finished", it came to its own end; "stopped", it was asked to, met a limit, or failed;
            "killed", it ended without a word.
        certain: False where the process that owns the folder cannot be looked up from this machine.
        reason: why it ended; empty while it runs.
        converged: what the loop said at its end; None where it said nothing.
        go_on: the command that goes on with it, or what to do instead; None where there is nothing to do.
        owner: host, pid, since (UTC) and `renewed` (seconds ago) of the process that holds the folder, or None.
        loop: "vqe", "adapt", "scan", ...
        molecule, circuit, backend, optimizer: by name, None where unknown; of an ADAPT-VQE `circuit` is the pool.
        version: of hybridq, that made the run.
        n_parameters: of the circuit; of one that grows, so far.
        steps: iterations so far.
        evaluations: rows evaluated so far.
        batches: answers recorded so far, by what was asked for ("energy", "gradient", "metric", "pool").
        seconds: that all evaluations took, in all lives.
        energy, stderr, gradient: of the last step, hartree and hartree per radian; None before the first.
        best_energy, best_stderr: of the lowest row evaluated so far, hartree.
        references: energies known already, hartree, by name.
        limits: by name what was allowed in the last life, None where that was unlimited.
        left: by name what is left of the limits.
        pending: durable jobs whose results are not recorded yet.
        used_seconds: of a quantum processor, as the vendor says of the jobs that ended; None where it says nothing.
        lives: in order.
        growths, points: of an ADAPT-VQE and of a scan; else empty.
        torn: bytes at the end of the journal that are no whole record: one that is being written, or was cut short.
        journal_bytes, folder_bytes: on disk.
    """

    folder: str
    state: str
    certain: bool
    reason: str
    converged: bool | None
    go_on: str | None
    owner: Mapping[str, Any] | None
    loop: str
    molecule: str | None
    circuit: str | None
    backend: str | None
    optimizer: str | None
    version: str | None
    n_parameters: int | None
    steps: int
    evaluations: int
    batches: Mapping[str, int]
    seconds: float
    energy: float | None
    stderr: float | None
    gradient: float | None
    best_energy: float | None
    best_stderr: float | None
    references: Mapping[str, float | None]
    limits: Mapping[str, int | None]
    left: Mapping[str, int | None]
    pending: tuple[PendingJob, ...]
    used_seconds: float | None
    lives: tuple[Life, ...]
    growths: tuple[Growth, ...]
    points: tuple[Point, ...]
    torn: int
    journal_bytes: int
    folder_bytes: int

    @property
    def seconds_per_batch(self) -> float | None:
        """Mean seconds that one answer took; None before the first."""
        answers = sum(self.batches.values())
        return self.seconds / answers if answers else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self), "seconds_per_batch": self.seconds_per_batch}

    def __str__(self) -> str:
        from hybridq.loops.inspection.report import report

        return report(self)
