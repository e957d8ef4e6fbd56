"""DeviceBackend: any `Device` as a backend."""

from __future__ import annotations

import json
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np

from hybridq.contract.backend import Capabilities, Cost, Placement
from hybridq.contract.errors import BackendError, CapacityError, InputError, JobNotFound
from hybridq.contract.task import Task
from hybridq.contract.ticket import Ticket
from hybridq.hardware.calls import Caller, Patience
from hybridq.hardware.device import Device, Run
from hybridq.hardware.job import DeviceJob
from hybridq.hardware.packages import levelled, packages
from hybridq.hardware.preparing import ALLOCATIONS, GROUPINGS, prepare
from hybridq.hardware.recipe import Prepared, Recipe
from hybridq.hardware.store import JobStore
from hybridq.hardware.submitting import Submitter
from hybridq.mitigation import Mitigation

KEPT = 32  # circuits made ready


class DeviceBackend:
    """Energies and counts of a device, by measured settings; jobs that survive, and are never submitted twice.

    Shots of a task are those of a row, over all settings and factors of noise; readout calibration comes on top. The
    seed of a task goes to the device, which takes no notice of it unless it is a simulator.

    Args:
        device: what runs circuits.
        grouping: how the strings of an observable are put together: see `hybridq.measurement`. "basis-rotation" is for
            fermionic circuits under Jordan-Wigner.
        allocation: how shots are shared among settings: see `Recipe`.
        mitigation: a `Mitigation`, or words that `Mitigation.of` takes, such as "readout,zne=linear,symmetry".
        readout_shots: samples for each of the two circuits that calibrate readout, in every job that needs them.
        encoding: how fermionic circuits are put on qubits; None takes "parity_reduced", which has two qubits fewer
            than the others and mostly fewer gates, where the circuit and the grouping allow that, else
            "jordan_wigner".
        resubmit_lost: submit again what may have been submitted already and cannot be found (it may be paid twice).
        patience: a `Patience`, or its fields as a mapping.
        store: where jobs outside a run are kept.

    Raises:
        InputError: an option makes no sense; the message says which and why.
    """

    speaks = ("FermionicCircuit", "QubitCircuit")
    automatic = False
    """"auto" never chooses what may cost money, or has to be named."""

    def __init__(
        self,
        device: Device,
        *,
        grouping: str = "qubit-wise",
        allocation: str = "prior",
        mitigation: Mitigation | str | None = None,
        readout_shots: int = 4096,
        encoding: str | None = None,
        resubmit_lost: bool = False,
        patience: Patience | Mapping[str, Any] | None = None,
        store: JobStore | None = None,
    ) -> None:
        for label, value, known in (("grouping", grouping, GROUPINGS), ("allocation", allocation, ALLOCATIONS)):
            if value not in known:
                raise InputError(f"{label} is one of {', '.join(known)}, got {value!r}")
        if grouping == "basis-rotation" and encoding not in (None, "jordan_wigner"):
            raise InputError(f"the grouping 'basis-rotation' needs the encoding 'jordan_wigner', got {encoding!r}")
        if isinstance(readout_shots, bool) or not isinstance(readout_shots, int) or readout_shots < 1:
            raise InputError(f"readout_shots is a whole number of at least 1, got {readout_shots!r}")
        self.device = device
        self._grouping, self._encoding = grouping, encoding
        made = mitigation if isinstance(mitigation, Mitigation) else Mitigation.of(mitigation or "")
        self._recipe = Recipe(made, allocation, readout_shots)
        self._resubmit_lost = resubmit_lost
        self._patience = _patience(patience)
        self._store = store if store is not None else JobStore()
        self._kept: OrderedDict[Any, Prepared] = OrderedDict()
        self._jobs: OrderedDict[str, DeviceJob] = OrderedDict()

    @property
    def name(self) -> str:
        """The device's."""
        return self.device.name

    @property
    def options(self) -> Mapping[str, Any]:
        """What values depend on, for the spec of a run; the device's own options among them, and no secrets."""
        return {
            "grouping": self._grouping,
            "allocation": self._recipe.allocation,
            "mitigation": self._recipe.mitigation.text,
            "readout_shots": self._recipe.readout_shots,
            "encoding": self._encoding,
            **getattr(self.device, "options", {}),
        }

    @property
    def capabilities(self) -> Capabilities:
        """Energies and counts with noise, of fermionic circuits and of circuits on qubits; durable; rank 0 only.

        A device whose jobs end with the process (`local`) is a simulator: not durable, and each rank has one.
        """
        return Capabilities(
            max_qubits=self.device.n_qubits,
            drivers=frozenset({"energy", "counts"}),
            languages=frozenset({"FermionicCircuit", "QubitCircuit"}),
            exact=False,
            placement=Placement.EACH if self._local else Placement.ROOT,
            durable_jobs=not self._local,
        )

    @property
    def _local(self) -> bool:
        return bool(getattr(self.device, "local", False))

    def cost(self, tasks: Sequence[Task]) -> Cost:
        """Shots, circuits, seconds of QPU and dollars; seconds are those of the QPU, as no queue can be foreseen.

        Raises:
            CapacityError: too many qubits.
            InputError: the shots are too few for the settings.
        """
        total = Cost(0.0, 0)
        seen: list[Prepared] = []
        for task in tasks:
            ready = self._prepared(task)
            shots = self._shots(task, ready)
            row = self._sample_runs(ready, task, shots)
            price = self.device.price(row)
            n, taken = task.n_rows, sum(run.shots for run in row)
            total += Cost(n * price.qpu_seconds, 0, n * taken, n * price.dollars, n * price.qpu_seconds, n * len(row))
            if ready not in seen:
                seen.append(ready)
                calibrating = [
                    Run(program, np.zeros(0), self._recipe.readout_shots)
                    for pair in (ready.calibration if self._recipe.mitigation.readout else ())
                    for program in pair
                ]
                if calibrating:
                    price = self.device.price(calibrating)
                    total += Cost(
                        price.qpu_seconds,
                        0,
                        sum(run.shots for run in calibrating),
                        price.dollars,
                        price.qpu_seconds,
                        len(calibrating),
                    )
        return total

    def submit(self, tasks: Sequence[Task]) -> DeviceJob:
        """Hand the work in, all of it, and return.

        Raises:
            InputError, CapacityError: the tasks cannot be done; nothing was submitted.
            BackendError: the vendor refused, or does not answer.
        """
        shots = [self._shots(task, self._prepared(task)) for task in tasks]
        if not self._local:
            key, ticket = self._store.new(tasks, self.name)
            return self._job(key, tasks, shots, ticket)
        key = uuid.uuid4().hex[:20]
        job = self._job(key, tasks, shots, Ticket(key))
        self._jobs[key] = job
        while len(self._jobs) > KEPT:
            self._jobs.popitem(last=False)
        return job

    def submit_once(self, tasks: Sequence[Task], ticket: Ticket) -> DeviceJob:
        """The job of a ticket; see `hybridq.contract.ticket.Durable`.

        Raises:
            InputError, CapacityError: the tasks cannot be done; nothing was submitted.
            BudgetExceeded, BackendError: see there.
        """
        shots = [self._shots(task, self._prepared(task)) for task in tasks]
        return self._job(ticket.key, tasks, shots, ticket)

    def job(self, job_id: str) -> DeviceJob:
        """A job that `submit` made, in this process or another on this machine; of a local device in this one.

        Raises:
            JobNotFound: there is none.
            BackendError: the vendor does not answer.
        """
        if self._local:
            try:
                return self._jobs[job_id]
            except KeyError:
                raise JobNotFound(
                    f"backend {self.name!r} has no job {job_id!r}: its jobs live in the process that made them, and "
                    f"the last {KEPT} are kept"
                ) from None
        tasks, ticket = self._store.known(job_id, self.name)
        shots = [self._shots(task, self._prepared(task)) for task in tasks]
        return self._job(job_id, tasks, shots, ticket)

    def requests(self, tasks: Sequence[Task]) -> list[dict[str, Any]]:
        """What `submit` would send, job by job, without sending it: programs as OpenQASM 3 where they are Qiskit's."""
        shots = [self._shots(task, self._prepared(task)) for task in tasks]
        evaluation = self._recipe.evaluation(tasks, [self._prepared(task) for task in tasks], shots)
        runs = next(evaluation)
        evaluation.close()
        limits = self.device.limits
        runs = [replace(r, shots=n) for r, n in zip(runs, levelled([r.shots for r in runs], limits), strict=True)]
        made = []
        for package in packages(runs, limits, "dry run"):
            pieces = [replace(runs[piece.run], shots=piece.shots) for piece in package.pieces]
            price = self.device.price(pieces)
            circuits = [
                {"shots": run.shots, "values": run.values.tolist(), "program": self._shown(run)} for run in pieces
            ]
            made.append({"device": self.name, "circuits": circuits, **asdict(price)})
        return made

    def _shown(self, run: Run) -> str:
        own = getattr(self.device, "show", None)  # a device whose programs are elsewhere
        return str(own(run.program)) if callable(own) else shown(run)

    def _job(self, key: str, tasks: Sequence[Task], shots: Sequence[int], ticket: Ticket) -> DeviceJob:
        prepared = [self._prepared(task) for task in tasks]
        caller = Caller(self.device, self._patience, ticket.should_stop)
        submitter = Submitter(self.device, caller, ticket, self._resubmit_lost)
        return DeviceJob(key, submitter, self._recipe.evaluation(tasks, prepared, shots))

    def _shots(self, task: Task, ready: Prepared) -> int:
        """Shots of each row of a task: what was asked for, or what its precision takes."""
        if task.shots is not None:
            shots = task.shots
        elif task.precision is None:
            raise InputError(f"{self.name} measures with noise: ask for shots, or for a precision in hartree")
        else:
            shots = self._recipe.shots_for(ready, task.precision)
        if ready.measurement is None:
            return shots
        least = self._recipe.least_shots(ready)
        if shots < least:
            if task.shots is None:
                return least
            raise InputError(
                f"{shots} shots are too few: the observable is measured in {len(ready.measurement.settings)} settings, "
                f"and each needs a few for a standard error; ask for at least {least}"
            )
        if shots > 10**12:
            raise CapacityError(f"{shots:.3g} shots a row are more than any device takes; ask for a larger precision")
        return shots

    def _sample_runs(self, ready: Prepared, task: Task, shots: int) -> list[Run]:
        """The runs of one row, for prices."""
        values = np.zeros(task.circuit.n_parameters)
        if ready.measurement is None:
            return [Run(ready.compiled.programs[0], values, shots)]
        given = self._recipe.shared(ready, shots)
        factors = self._recipe.factors
        return [Run(p, values, n) for f in factors for p, n in zip(ready.folded[f], given, strict=True) if n]

    def _prepared(self, task: Task) -> Prepared:
        if task.driver not in self.capabilities.drivers:
            raise BackendError(f"backend {self.name!r} offers energies and counts, not {task.driver!r}")
        observed = None if task.observable is None or task.driver == "counts" else task.observable
        key = (task.circuit, observed)
        if key not in self._kept:
            self._kept[key] = prepare(self.device, task.circuit, observed, self._grouping, self._encoding, self._recipe)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def _patience(given: Patience | Mapping[str, Any] | None) -> Patience:
    if given is None or isinstance(given, Patience):
        return given or Patience()
    known = [f.name for f in fields(Patience)]
    if not isinstance(given, Mapping) or set(given) - set(known):
        raise InputError(f"patience has {', '.join(known)}; got {json.dumps(given, default=str)}")
    return Patience(**given)


def shown(run: Run) -> str:
    """A program as OpenQASM 3, its parameters still free; its repr where it is not Qiskit's."""
    from qiskit import QuantumCircuit, qasm3

    return str(qasm3.dumps(run.program)) if isinstance(run.program, QuantumCircuit) else repr(run.program)
