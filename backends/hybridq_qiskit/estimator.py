"""QiskitEstimatorBackend: any Qiskit `BaseEstimatorV2` as a backend."""

from __future__ import annotations

import itertools
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hybridq.contract.backend import Capabilities, Cost, Placement, Status
from hybridq.contract.errors import BackendError, CapacityError, InputError, JobNotFound
from hybridq.contract.paulis import PauliSum
from hybridq.contract.task import Result, Task
from hybridq.hardware.readings import status_from, version_of
from hybridq.hardware.transpile import compile_for, in_order, target_of
from hybridq.qubits import encoding_for, pauli_strings, to_qiskit
from hybridq_qiskit.sampler import target_behind

KEPT = 32
KEPT_JOBS = 1000
LISTEN = 0.05  # seconds between looks at a job


class QiskitEstimatorBackend:
    """Energies by any Qiskit `BaseEstimatorV2`, with its own ways of measuring and mitigating.

    Jobs are not durable: an estimator's jobs are known in the process that submitted them alone, so that what is
    paid for is safer with `QiskitSamplerBackend`, or with the vendor's own backend. Under MPI rank 0 asks.

    Args:
        estimator: a `BaseEstimatorV2`.
        target: what circuits are transpiled for; see `SamplerDevice`.
        name: None takes "qiskit:" and the estimator's class.
        precision: wanted standard error in hartree, for tasks that have none; None leaves it to the estimator.
        encoding: how fermionic circuits are put on qubits.
        seed, optimization_level, tries: see `compile_for`.

    Raises:
        InputError: it is no estimator, or an option makes no sense.
    """

    speaks = ("FermionicCircuit", "QubitCircuit")
    automatic = False

    def __init__(
        self,
        estimator: Any,
        *,
        target: Any = None,
        name: str | None = None,
        precision: float | None = None,
        encoding: str = "jordan_wigner",
        seed: int = 0,
        optimization_level: int = 2,
        tries: int = 4,
    ) -> None:
        from qiskit.primitives import BaseEstimatorV2

        if not isinstance(estimator, BaseEstimatorV2):
            raise InputError(f"a Qiskit BaseEstimatorV2 is needed, got {type(estimator).__name__}")
        if precision is not None and not (math.isfinite(precision) and precision >= 0):
            raise InputError(f"precision is a standard error in hartree and not negative, got {precision!r}")
        self.estimator = estimator
        self._target = target if target is not None else target_behind(estimator)
        self._n_qubits = int(target_of(self._target).num_qubits or getattr(self._target, "num_qubits", None) or 64)
        self._name = name or f"qiskit:{type(estimator).__name__}"
        self._precision, self._encoding = precision, encoding
        self._words: dict[str, Any] = {"seed": seed, "optimization_level": optimization_level, "tries": tries}
        self._kept: OrderedDict[Any, tuple[Any, Any, dict[str, Any]]] = OrderedDict()
        self._jobs: OrderedDict[str, EstimatorJob] = OrderedDict()
        self._numbers = itertools.count(1)

    @property
    def name(self) -> str:
        """Such as "qiskit:StatevectorEstimator"."""
        return self._name

    @property
    def options(self) -> dict[str, Any]:
        """What values depend on; the estimator's own options are not among them."""
        return {"encoding": self._encoding, "precision": self._precision, **self._words}

    @property
    def capabilities(self) -> Capabilities:
        """Energies of fermionic circuits and of circuits on qubits; rank 0 only."""
        return Capabilities(
            max_qubits=self._n_qubits,
            drivers=frozenset({"energy"}),
            languages=frozenset({"FermionicCircuit", "QubitCircuit"}),
            exact=False,
            placement=Placement.ROOT,
        )

    def cost(self, tasks: Sequence[Task]) -> Cost:
        """One circuit a row; how it is measured, and in how many shots, is the estimator's secret.

        Raises:
            CapacityError: too many qubits.
        """
        for task in tasks:
            self._prepared(task)
        return Cost(0.0, 0, circuits=sum(task.n_rows for task in tasks))

    def submit(self, tasks: Sequence[Task]) -> EstimatorJob:
        """Hand the rows in: one job for each precision that is asked for.

        Raises:
            InputError, CapacityError: the tasks cannot be done; nothing was submitted.
            BackendError: the estimator refused.
        """
        groups: dict[float | None, list[tuple[int, Any]]] = {}
        for t, task in enumerate(tasks):
            circuit, operator, _ = self._prepared(task)
            rows = np.array([in_order(circuit, row) for row in task.params]).reshape(
                task.n_rows, circuit.num_parameters
            )
            bare = circuit.copy()
            bare.metadata = {}
            wanted = task.precision if task.precision is not None else self._precision
            groups.setdefault(wanted, []).append((t, (bare, operator, rows)))
        facts = [self._prepared(task)[2] for task in tasks]
        jobs = []
        for precision, pubs in groups.items():
            try:
                made = self.estimator.run([pub for _, pub in pubs], precision=precision)
            except Exception as error:
                raise BackendError(f"{self.name}: {type(error).__name__}: {str(error)[:300]}") from error
            jobs.append((made, precision, [t for t, _ in pubs]))
        number = f"{self.name}-{next(self._numbers)}"
        job = EstimatorJob(number, self.name, jobs, [task.n_rows for task in tasks], facts, version_of(self.estimator))
        self._jobs[number] = job
        while len(self._jobs) > KEPT_JOBS:
            self._jobs.popitem(last=False)
        return job

    def job(self, job_id: str) -> EstimatorJob:
        """A job of this process.

        Raises:
            JobNotFound: another process made it, or it is no longer kept.
        """
        if job_id not in self._jobs:
            raise JobNotFound(
                f"{self.name} has no job {job_id!r}: an estimator's jobs are known in the process that submitted them"
            )
        return self._jobs[job_id]

    def _prepared(self, task: Task) -> tuple[Any, Any, dict[str, Any]]:
        """A task's circuit and operator on the target's qubits, and how it was compiled."""
        from qiskit import QuantumCircuit

        if task.driver != "energy":
            raise BackendError(f"backend {self.name!r} offers energies, not {task.driver!r}")
        if task.shots is not None:
            raise InputError(f"{self.name} chooses its shots itself: ask for a precision in hartree")
        key = (task.circuit, task.observable)
        if key not in self._kept:
            circuit, strings = self._on_qubits(task)
            if circuit.num_qubits > self._n_qubits:
                raise CapacityError(
                    f"the circuit has {circuit.num_qubits} qubits and {self.name} takes {self._n_qubits}; take a "
                    "smaller active space, or an encoding with fewer qubits"
                )
            made = compile_for(self._target, circuit, [QuantumCircuit(circuit.num_qubits)], **self._words)
            program = made.programs[0]
            order = program.metadata
            bare = program.remove_final_measurements(inplace=False)
            bare.metadata = order
            operator = strings.to_sparse_pauli_op().apply_layout(list(made.qubits[0]), bare.num_qubits)
            self._kept[key] = (bare, operator, dict(made.facts))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _on_qubits(self, task: Task) -> tuple[Any, PauliSum]:
        from hybridq.contract.circuit import FermionicCircuit

        if not isinstance(task.circuit, FermionicCircuit):
            return task.qubits.to_qiskit(), task.paulis
        code = encoding_for(self._encoding, task.circuit)
        assert task.hamiltonian is not None
        return to_qiskit(task.circuit, code, synthesize=False), pauli_strings(task.hamiltonian, code)


class EstimatorJob:
    """The estimator's jobs for some tasks, as one.

    Args:
        job_id: by which the backend knows it.
        backend: its name.
        jobs: the estimator's, with the precision asked for and the tasks in it.
        rows: of each task.
        facts: how each task's circuit was compiled.
        client: who made the estimator.
    """

    def __init__(
        self,
        job_id: str,
        backend: str,
        jobs: Sequence[tuple[Any, float | None, Sequence[int]]],
        rows: Sequence[int],
        facts: Sequence[dict[str, Any]],
        client: str,
    ) -> None:
        self.id = job_id
        self._backend, self._jobs, self._rows, self._facts, self._client = backend, jobs, rows, facts, client
        self._results: list[Result] | None = None

    def status(self) -> Status:
        """Where it stands now: as the one that is furthest behind."""
        found = [status_from(job.status()) for job, _, _ in self._jobs]
        for status in (Status.FAILED, Status.CANCELLED, Status.RUNNING):
            if status in found:
                return status
        if all(status is Status.DONE for status in found):
            return Status.DONE
        return Status.RUNNING if Status.DONE in found else Status.QUEUED

    def result(self, timeout: float | None = None) -> list[Result]:
        """Energies and their standard errors; waits at most `timeout` seconds.

        Raises:
            TimeoutError: not finished yet; it goes on.
            BackendError: it failed or was cancelled, or its result is malformed.
        """
        if self._results is not None:
            return list(self._results)
        end = None if timeout is None else time.monotonic() + timeout
        while self.status() in (Status.QUEUED, Status.RUNNING):
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"{self._backend} has not finished job {self.id}")
            time.sleep(LISTEN)
        found: dict[int, Result] = {}
        for job, precision, tasks in self._jobs:
            answers = self._asked(job.result)
            if len(answers) != len(tasks):
                raise BackendError(f"{self._backend} was asked for {len(tasks)} results and gave {len(answers)}")
            for t, answer in zip(tasks, answers, strict=True):
                found[t] = self._result(t, answer, precision)
        self._results = [found[t] for t in range(len(self._rows))]
        return list(self._results)

    def cancel(self) -> None:
        """Ask for its end; no error where it has ended."""
        for job, _, _ in self._jobs:
            if status_from(job.status()) in (Status.QUEUED, Status.RUNNING):
                job.cancel()

    def _asked(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            raise BackendError(f"{self._backend}: {type(error).__name__}: {str(error)[:300]}") from error

    def _result(self, t: int, answer: Any, precision: float | None) -> Result:
        values = np.asarray(getattr(answer.data, "evs", None), dtype=np.float64).reshape(-1)
        if len(values) != self._rows[t] or not np.isfinite(values).all():
            raise BackendError(f"{self._backend}'s result is malformed: {self._rows[t]} energies were due")
        stds = getattr(answer.data, "stds", None)
        given = np.zeros(0) if stds is None else np.abs(np.asarray(stds, dtype=np.float64).reshape(-1))
        told: dict[str, Any] = {"client": self._client, "compiled": self._facts[t], "stderr": "the estimator's"}
        known = (getattr(answer, "metadata", None) or {}).get("target_precision", precision)
        if len(given) != len(values) or not np.isfinite(given).all():
            if known is None:
                raise BackendError(
                    f"{self._backend} gives no standard errors, and none was asked for; ask for a precision in "
                    "hartree, which is then taken for the standard error"
                )
            given = np.full(len(values), float(known))
            told["stderr"] = "unknown to the estimator: the precision that was asked for"
        elif known and not given.any():  # some add noise of that size, and say that there is none
            given = np.full(len(values), float(known))
            told["stderr"] = "0 by the estimator: the precision that was asked for"
        return Result(values, given, provenance=told)
