"""IBMDevice: IBM's quantum computers by qiskit-ibm-runtime."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridq.contract.errors import BackendError, InputError, JobNotFound
from hybridq.hardware import Counts, Price, Remedy, Run
from hybridq.hardware.qiskit_device import QiskitDevice
from hybridq.hardware.remedies import BY_STATUS, remedy_of, status_of
from hybridq.hardware.transpile import in_order
from hybridq_ibm.service import backend_of, service_from_environment

if TYPE_CHECKING:
    pass

MODES = ("job", "batch", "session")
REGISTER = "c"
REPETITION = 250e-6  # seconds between shots where the device says nothing: its usual default
OVERHEAD = 2.0  # seconds of the processor for a job besides its shots
CODE = re.compile(r"\b(4\d\d|5\d\d)\b (?:Client|Server) Error|Error code: (\d{4})")


class IBMDevice(QiskitDevice):
    """A device of IBM's; results come from its sampler, and hybridq does the rest.

    The key comes from the environment or Qiskit's account file; see `hybridq_ibm.service`. A job carries its tag, by
    which it is found again.

    Args:
        backend: the device's name, or "least_busy".
        service: a `QiskitRuntimeService`; None makes one.
        mode: "job": each job queues by itself; "batch" or "session": the jobs of this process share one of these,
            which IBM opens with the first job and `close` ends.
        dynamical_decoupling: a sequence, "XX", "XpXm" or "XY4"; None for none.
        twirling: average over Pauli twirled gates and readings.
        max_execution_seconds: of one job, a limit that IBM keeps.
        dollars_per_second: price of the processor's time, US dollars.
        name, seed, optimization_level, tries, max_circuits, max_shots: as for `QiskitDevice`.

    Raises:
        InputError: no credentials, an unknown device, or an option that makes no sense.
        BackendError: the service does not answer.
        MissingPackage: qiskit-ibm-runtime is not installed.
    """

    def __init__(
        self,
        backend: str = "least_busy",
        *,
        service: Any = None,
        mode: str = "job",
        dynamical_decoupling: str | None = None,
        twirling: bool = False,
        max_execution_seconds: int | None = None,
        dollars_per_second: float = 0.0,
        name: str | None = None,
        seed: int = 0,
        optimization_level: int = 2,
        tries: int = 4,
        max_circuits: int | None = None,
        max_shots: int | None = None,
    ) -> None:
        if mode not in MODES:
            raise InputError(f"mode is one of {', '.join(MODES)}, got {mode!r}")
        if dynamical_decoupling not in (None, "XX", "XpXm", "XY4"):
            raise InputError(f"dynamical_decoupling is XX, XpXm or XY4, got {dynamical_decoupling!r}")
        if not dollars_per_second >= 0:
            raise InputError(f"dollars_per_second is a price and not negative, got {dollars_per_second!r}")
        self._service = service if service is not None else service_from_environment()
        made = backend_of(self._service, backend)
        super().__init__(
            made,
            name=name or f"ibm:{made.name}",
            seed=seed,
            optimization_level=optimization_level,
            tries=tries,
            max_circuits=max_circuits or 1000,
            max_shots=max_shots or getattr(made, "max_shots", None) or 100_000,
        )
        # Imported here: Qiskit 2.6 crashes where a thread that has ended was the first to import a part of it.
        self._sampler_class = _sampler_class()
        self._mode = mode
        self._opened: Any = None
        self._decoupling, self._twirling = dynamical_decoupling, twirling
        self._max_execution, self._dollars_per_second = max_execution_seconds, float(dollars_per_second)

    @property
    def options(self) -> Mapping[str, Any]:
        """What values depend on."""
        return {
            **super().options,
            "dynamical_decoupling": self._decoupling,
            "twirling": self._twirling,
            "mode": self._mode,
        }

    def find(self, tag: str) -> Sequence[str]:
        """Ids of the account's jobs with this tag, oldest first."""
        jobs = self._service.jobs(limit=None, job_tags=[tag], descending=False)
        return [str(job.job_id()) for job in jobs]

    def price(self, runs: Sequence[Run]) -> Price:
        """Seconds: shots times the circuit's duration and the device's pause between shots, and 2 s for the job."""
        pause = getattr(self.backend, "default_rep_delay", None) or REPETITION
        seconds = OVERHEAD + sum(run.shots * (self._duration(run.program) + pause) for run in runs)
        return Price(seconds, self._dollars_per_second * seconds)

    def usage(self, job_id: str) -> float | None:
        """Seconds of the processor that IBM charges for a job; None while it has not counted them to the end."""
        found = self._known(job_id)[0].metrics().get("usage") or {}
        seconds = found.get("qpu_charge_time_seconds", found.get("quantum_seconds"))
        return None if seconds is None or found.get("status") == "pending" else float(seconds)

    def waiting(self, job_id: str) -> str | None:
        """What people want to hear about a job in the queue; None where IBM says nothing."""
        metrics = self._known(job_id)[0].metrics()
        position = metrics.get("position_in_queue")
        begins = metrics.get("estimated_start_time")
        told = [f"{position} jobs ahead"] if position is not None else []
        return ", ".join([*told, *([f"expected to start at {begins}"] if begins else [])]) or None

    def away(self) -> str | None:
        """Why the device runs nothing now; None where it does."""
        status = self.backend.status()
        return None if status.operational else str(status.status_msg)

    def close(self) -> None:
        """End a batch or session, such that no more is charged for it; jobs in it go on."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def submit(self, runs: Sequence[Run], tag: str) -> str:
        """Hand in one job, each program once with all its rows of parameters, and return its id.

        Raises:
            InputError: runs of one job differ in shots, or there is none.
            Whatever IBM's client raises.
        """
        if not runs or len({run.shots for run in runs}) > 1:
            raise InputError("a job has at least one circuit and one number of shots for all of them")
        job = self._sampler(tag).run(pubs_of(runs, lambda program: (program,)), shots=runs[0].shots)
        job_id = str(job.job_id())
        self._keep(job_id, job, tag, ())
        return job_id

    def _sampler(self, tag: str) -> Any:
        """IBM's sampler with our options."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made = self._sampler_class(mode=self._place())
        self._apply(made.options, tag)
        return made

    def _apply(self, options: Any, tag: str) -> None:
        """Put the tag and our options into those of a primitive."""
        options.environment.job_tags = [tag]
        if self._decoupling is not None:
            options.dynamical_decoupling.enable = True
            options.dynamical_decoupling.sequence_type = self._decoupling
        if self._twirling:
            options.twirling.enable_gates = True
            options.twirling.enable_measure = True
        if self._max_execution is not None:
            options.max_execution_time = self._max_execution

    def _place(self) -> Any:
        """The backend, or the batch or session of this process."""
        if self._mode == "job":
            return self.backend
        if self._opened is None:
            import qiskit_ibm_runtime

            kind = qiskit_ibm_runtime.Batch if self._mode == "batch" else qiskit_ibm_runtime.Session
            self._opened = kind(backend=self.backend)
        return self._opened

    def _job(self, job_id: str) -> Any:
        from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound

        try:
            return self._service.job(job_id)
        except RuntimeJobNotFound:
            raise JobNotFound(
                f"{self.name} knows no job {job_id!r}; it may belong to another account or instance, or be deleted"
            ) from None

    def _counts(self, job: Any, n_bits: Sequence[int] | None) -> list[Counts]:
        result = job.result()
        try:
            return [counts for pub in result for counts in _counts_of(pub.data[REGISTER])]
        except Exception as error:
            raise BackendError(
                f"{self.name}: the result of job {job.job_id()} is malformed ({type(error).__name__}: {error}); resume "
                "to fetch it again, and tell IBM if this goes on"
            ) from None

    def _remedy(self, error: Exception) -> Remedy:
        """By HTTP status where the client tells it, in an attribute or in words; else by where the connection broke."""
        status = _status(error)
        if status is not None:
            return Remedy.LOOK if status >= 500 else BY_STATUS.get(status, Remedy.GIVE_UP)
        names = {base.__name__ for base in type(error).__mro__}
        if names & {"IBMNotAuthorizedError", "InvalidAccountError"}:
            return Remedy.ASK
        if names & {"RequestsApiError", "RuntimeJobTimeoutError"}:
            return Remedy.LOOK if remedy_of(error) is Remedy.GIVE_UP else remedy_of(error)
        if "paused" in str(error) or "is not operational" in str(error):
            return Remedy.WAIT
        found = remedy_of(error)
        lost = "IBMRuntimeError" in names and "Max retries" in str(error)
        return Remedy.LOOK if lost and found is Remedy.GIVE_UP else found


def pubs_of(runs: Sequence[Run], parts: Callable[[Any], tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Runs as primitives take them: a program that stands in several runs beside each other once, with all its rows.

    Args:
        runs: in order; that of the pubs and of the rows in them is the same.
        parts: of a program, its circuit first.
    """
    pubs = []
    for _, group in groupby(runs, lambda run: id(run.program)):
        rows = list(group)
        circuit, *others = parts(rows[0].program)
        bare = circuit.copy()
        bare.metadata = {}  # what is ours is not the vendor's
        if circuit.num_parameters:
            pubs.append((bare, *others, np.array([in_order(circuit, run.values) for run in rows])))
        else:  # rows without parameters would be one
            pubs += [(bare, *others)] * len(rows)
    return pubs


def _counts_of(read: Any) -> list[Counts]:
    """Counts of each row of a pub."""
    return [dict(read.get_counts(i)) for i in range(math.prod(read.shape))] if read.shape else [dict(read.get_counts())]


def _sampler_class() -> Any:
    """The newer class where there is one, else the older."""
    try:
        from qiskit_ibm_runtime.executor_sampler import Sampler
    except ImportError:
        from qiskit_ibm_runtime import SamplerV2 as Sampler
    return Sampler


def _status(error: BaseException | None) -> int | None:
    """HTTP status of an error or of one that it came from."""
    seen = 0
    while error is not None and seen < 8:
        status = status_of(error)
        if status is None:
            told = CODE.search(str(error))
            status = int(told[1]) if told and told[1] else None
        if status is not None:
            return status
        error, seen = error.__cause__ or error.__context__, seen + 1
    return None
