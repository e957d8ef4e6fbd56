"""QiskitDevice: any Qiskit `BackendV2` as a device."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, InputError, JobNotFound
from hybridq.hardware.device import Compiled, Counts, Limits, Price, Remedy, Run
from hybridq.hardware.readings import counts_from, status_from, version_of
from hybridq.hardware.remedies import remedy_of, status_of
from hybridq.hardware.transpile import bound, compile_for, finished, target_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

KEPT_JOBS = 1000
WIDEST = 64  # qubits of a backend that names no number


class QiskitDevice:
    """A device made of a Qiskit backend: circuits are transpiled once, bound for each run, and given to its ``run``.

    A vendor's device is a subclass that knows more: of jobs (`_submit`, `_job`, `find`) and of errors (`_remedy`).

    Args:
        backend: a `BackendV2`.
        name: None takes "qiskit:" and the backend's own.
        parametric: False where native gates take numbers only; see `compile_for`.
        seed: of the transpiler.
        optimization_level: of the transpiler, 0 to 3.
        tries: layouts tried; see `compile_for`.
        max_circuits: in a job; None asks the backend.
        max_shots: of a circuit; None asks the backend.
        dollars_per_shot: price of a sample, US dollars.
        dollars_per_task: price of a circuit, US dollars, on top.
        local: its jobs live and end with this process, and cost nothing.
        run_options: more keyword arguments for the backend's ``run``.

    Raises:
        InputError: it is no `BackendV2`, or an option makes no sense.
    """

    def __init__(
        self,
        backend: Any,
        *,
        name: str | None = None,
        parametric: bool = True,
        seed: int = 0,
        optimization_level: int = 2,
        tries: int = 4,
        max_circuits: int | None = None,
        max_shots: int | None = None,
        dollars_per_shot: float = 0.0,
        dollars_per_task: float = 0.0,
        local: bool = False,
        run_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.backend = backend
        self._name = name or f"qiskit:{getattr(backend, 'name', type(backend).__name__)}"
        self._n_qubits = target_of(backend).num_qubits or getattr(backend, "num_qubits", None) or WIDEST
        for label, value in (("max_circuits", max_circuits), ("max_shots", max_shots)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InputError(f"{label} is a whole number of at least 1, got {value!r}")
        for label, price in (("dollars_per_shot", dollars_per_shot), ("dollars_per_task", dollars_per_task)):
            if not (isinstance(price, int | float) and np.isfinite(price) and price >= 0):
                raise InputError(f"{label} is a price in US dollars and not negative, got {price!r}")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InputError(f"seed is a whole number, not negative, got {seed!r}")
        self._limits = Limits(
            max_circuits or getattr(backend, "max_circuits", None), max_shots or _most_shots(backend), same_shots=True
        )
        self._parametric, self._seed = parametric, seed
        self._optimization_level, self._tries = optimization_level, tries
        self._per_shot, self._per_task = float(dollars_per_shot), float(dollars_per_task)
        self.local = local
        self._run_options = dict(run_options or {})
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, tuple[Any, str, tuple[int, ...]]] = OrderedDict()  # job, tag, bits
        self._seconds: OrderedDict[int, tuple[Any, float]] = OrderedDict()

    @property
    def name(self) -> str:
        """Such as "qiskit:fake_manila"."""
        return self._name

    @property
    def n_qubits(self) -> int:
        """Qubits of the widest circuit."""
        return int(self._n_qubits)

    @property
    def limits(self) -> Limits:
        """What one job may hold."""
        return self._limits

    @property
    def options(self) -> Mapping[str, Any]:
        """What values depend on."""
        told = {"seed": self._seed, "optimization_level": self._optimization_level, "tries": self._tries}
        return {**told, **({"run_options": self._run_options} if self._run_options else {})}

    def compile(
        self, circuit: QuantumCircuit, tails: Sequence[QuantumCircuit], layout: Sequence[int] | None = None
    ) -> Compiled:
        """Transpile once; see `compile_for`.

        Raises:
            CapacityError: too many qubits.
            InputError: the device's gates cannot express it.
        """
        return compile_for(
            self._target(),
            circuit,
            tails,
            layout,
            seed=self._seed,
            optimization_level=self._optimization_level,
            tries=self._tries,
            parametric=self._parametric,
        )

    def submit(self, runs: Sequence[Run], tag: str) -> str:
        """Bind the parameters, hand in one job, and return its id.

        Raises:
            InputError: runs of one job differ in shots, or there is none.
            Whatever the vendor's client raises.
        """
        if not runs or len({run.shots for run in runs}) > 1:
            raise InputError("a job has at least one circuit and one number of shots for all of them")
        circuits = [bound(run.program, run.values) for run in runs]
        if not self._parametric:
            circuits = finished(self.backend, circuits, seed=self._seed)
        job = self._submit(circuits, runs[0].shots, _job_seed(runs), tag)
        job_id = str(job.job_id())
        self._keep(job_id, job, tag, tuple(circuit.num_clbits for circuit in circuits))
        return job_id

    def find(self, tag: str) -> Sequence[str] | None:
        """Ids of this process's jobs with this tag; None where there is none and others may have been lost."""
        with self._lock:
            found = [job_id for job_id, (_, known, _) in self._jobs.items() if known == tag]
        return found if found or self.local else None

    def status(self, job_id: str) -> Status:
        """Where a job stands.

        Raises:
            JobNotFound: it is not known, or its process has ended and the backend cannot look it up.
        """
        return status_from(self._known(job_id)[0].status())

    def counts(self, job_id: str) -> Sequence[Counts]:
        """Counts of a job that is done, one for each circuit.

        Raises:
            JobNotFound: as for `status`.
            BackendError: the result says that it failed, or is malformed.
        """
        job, n_bits = self._known(job_id)
        return self._counts(job, n_bits)

    def cancel(self, job_id: str) -> None:
        """Ask for its end; no error where it has ended."""
        if self.status(job_id) in (Status.QUEUED, Status.RUNNING):
            self._known(job_id)[0].cancel()

    def failure(self, job_id: str) -> str | None:
        """Why a job failed, where its client says so."""
        tell = getattr(self._known(job_id)[0], "error_message", None)
        told = tell() if callable(tell) else None
        return " ".join(str(told).split())[:300] if told else None

    def price(self, runs: Sequence[Run]) -> Price:
        """Seconds from the target's gate times, where it has them (no time between shots); dollars as given."""
        shots = sum(run.shots for run in runs)
        seconds = sum(run.shots * self._duration(run.program) for run in runs)
        return Price(seconds, self._per_shot * shots + self._per_task * len(runs))

    def remedy(self, error: Exception) -> Remedy:
        """By HTTP status, or by where the connection broke."""
        return self._remedy(error)

    def facts(self) -> Mapping[str, Any]:
        """Versions."""
        import qiskit

        told = {"device": self.name, "client": version_of(self.backend), "qiskit": qiskit.__version__}
        version = getattr(self.backend, "backend_version", None)
        return {**told, **({"backend_version": str(version)} if version else {})}

    def _target(self) -> Any:
        """What circuits are transpiled for: a `BackendV2` or a `Target`."""
        return self.backend

    def _submit(self, circuits: list[QuantumCircuit], shots: int, seed: int | None, tag: str) -> Any:
        """Hand in a job; the vendor's job object."""
        words = dict(self._run_options)
        if seed is not None and hasattr(self.backend.options, "seed_simulator"):
            words.setdefault("seed_simulator", seed)
        return self.backend.run(circuits, shots=shots, **words)

    def _job(self, job_id: str) -> Any:
        """A job of another process, from the vendor.

        Raises:
            JobNotFound: it cannot be looked up.
        """
        for place in (self.backend, getattr(self.backend, "provider", None)):
            for word in ("retrieve_job", "job"):
                look_up = getattr(place, word, None)
                if callable(look_up):
                    return look_up(job_id)
        raise JobNotFound(
            f"{self.name} has no job {job_id!r}: its backend ({type(self.backend).__name__}) cannot look jobs up, so "
            "that they are known in the process alone that submitted them"
        )

    def _remedy(self, error: Exception) -> Remedy:
        return remedy_of(error)

    def _counts(self, job: Any, n_bits: Sequence[int] | None) -> list[Counts]:
        result = job.result()
        if getattr(result, "success", True) is False:
            told = " ".join(str(getattr(result, "status", "")).split())[:300]
            raise BackendError(f"{self.name}: the job's result says that it failed: {told or 'no reason given'}")
        found = result.get_counts()
        each = found if isinstance(found, list) else [found]
        widths: Sequence[int | None] = n_bits or [None] * len(each)
        return [counts_from(one, bits) for one, bits in zip(each, widths, strict=False)]

    def _keep(self, job_id: str, job: Any, tag: str, n_bits: tuple[int, ...]) -> None:
        with self._lock:
            self._jobs[job_id] = (job, tag, n_bits)
            while len(self._jobs) > KEPT_JOBS:
                self._jobs.popitem(last=False)

    def _known(self, job_id: str) -> tuple[Any, tuple[int, ...] | None]:
        """A job and the numbers of bits in its counts, where this process made it."""
        with self._lock:
            if job_id in self._jobs:
                job, _, n_bits = self._jobs[job_id]
                return job, n_bits or None
        try:
            job = self._job(job_id)
        except Exception as error:
            if status_of(error) != 404:
                raise
            job = None
        if job is None:
            raise JobNotFound(f"{self.name} knows no job {job_id!r}; it may belong to another account")
        self._keep(job_id, job, "", ())
        return job, None

    def _duration(self, program: Any) -> float:
        """Seconds of one shot; 0 where the target has no times."""
        key = id(program)
        if key not in self._seconds:
            try:
                seconds = float(program.estimate_duration(target_of(self.backend), "s"))
            except Exception:  # no times, or not of all gates
                seconds = 0.0
            self._seconds[key] = (program, seconds if np.isfinite(seconds) else 0.0)
            while len(self._seconds) > KEPT_JOBS:
                self._seconds.popitem(last=False)
        return self._seconds[key][1]


def _most_shots(backend: Any) -> int | None:
    """Samples of a circuit at most, where the backend says so."""
    for place in (backend, getattr(backend, "options", None)):
        most = getattr(place, "max_shots", None)
        if isinstance(most, int) and most > 0:
            return most
    valid = getattr(getattr(backend, "options", None), "validator", {}).get("shots")
    return valid[1] if isinstance(valid, tuple) and len(valid) == 2 and isinstance(valid[1], int) else None


def _job_seed(runs: Sequence[Run]) -> int | None:
    """One seed for a job, from those of its runs."""
    if any(run.seed is None for run in runs):
        return None
    return int(np.random.SeedSequence([int(run.seed or 0) for run in runs]).generate_state(1)[0] >> 1)
