"""JobStore: jobs that were submitted outside a run, on disk, so that their id alone finds them again."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hybridq.contract import circuit_file
from hybridq.contract.calibration import cache_folder
from hybridq.contract.errors import InputError, JobNotFound
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.paulis import PauliSum
from hybridq.contract.task import Observable, Task
from hybridq.contract.ticket import Note, Ticket

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class JobStore:
    """A folder with a file for each job: what was asked, and what was noted.

    Attributes:
        folder: None takes ``jobs`` in `HYBRIDQ_CACHE`, else in the user's cache folder.
    """

    folder: Path | None = None

    def new(self, tasks: Sequence[Task], backend: str) -> tuple[str, Ticket]:
        """A new job's id, and the ticket under which to submit it.

        Raises:
            InputError: the folder cannot be written.
        """
        key = uuid.uuid4().hex[:20]
        first = {"schema_version": SCHEMA_VERSION, "backend": backend, "tasks": [_data(task) for task in tasks]}
        self._append(key, first, new=True)
        return key, self._ticket(key, ())

    def known(self, key: str, backend: str) -> tuple[list[Task], Ticket]:
        """The tasks of a job, and its ticket with all that was noted.

        Raises:
            JobNotFound: there is none with this id here, or another backend submitted it.
        """
        import orjson

        path = self._path(key)
        try:
            lines = path.read_bytes().splitlines() if key.isalnum() else []
        except OSError:
            lines = []
        records = []
        for line in lines:
            try:
                records.append(orjson.loads(line))
            except ValueError:
                break  # the end of a file whose writer was killed
        if not records:
            raise JobNotFound(
                f"backend {backend!r} has no job {key!r}: none with this id was submitted on this machine, by this "
                f"user, outside a run (jobs of runs are found by resuming the run); looked in {path.parent}"
            )
        if records[0]["backend"] != backend or records[0]["schema_version"] > SCHEMA_VERSION:
            raise JobNotFound(
                f"job {key!r} was submitted by backend {records[0]['backend']!r} (schema version "
                f"{records[0]['schema_version']}), not by {backend!r}"
            )
        tasks = [_task(data) for data in records[0]["tasks"]]
        return tasks, self._ticket(key, tuple(records[1:]))

    def _ticket(self, key: str, known: tuple[Note, ...]) -> Ticket:
        return Ticket(key, known, lambda note: self._append(key, note))

    def _path(self, key: str) -> Path:
        folder = self.folder if self.folder is not None else cache_folder() / "jobs"
        return folder / f"{key}.jsonl"

    def _append(self, key: str, record: Mapping[str, Any], *, new: bool = False) -> None:
        import orjson

        path = self._path(key)
        try:
            if new:
                path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "ab") as file:
                file.write(orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"cannot keep the job in {path}: {error.strerror or error}") from None


def _data(task: Task) -> dict[str, Any]:
    return {
        "circuit": circuit_file.to_text(task.circuit),
        "params": task.params.tolist(),
        "observable": None if task.observable is None else _observable_data(task.observable),
        "driver": task.driver,
        "precision": task.precision,
        "shots": task.shots,
        "seed": task.seed,
    }


def _task(data: Mapping[str, Any]) -> Task:
    circuit = circuit_file.from_text(data["circuit"])
    observable = None if data["observable"] is None else _observable(data["observable"])
    params = np.array(data["params"], dtype=np.float64).reshape(len(data["params"]), circuit.n_parameters)
    return Task(circuit, params, observable, data["driver"], data["precision"], data["shots"], data["seed"])


def _observable_data(observable: Observable) -> dict[str, Any]:
    if isinstance(observable, Hamiltonian):
        return {
            "constant": observable.constant,
            "one_body": observable.one_body.tolist(),
            "two_body": observable.two_body.tolist(),
        }
    return {"labels": list(observable.labels), "coefficients": observable.coefficients.tolist()}


def _observable(data: Mapping[str, Any]) -> Observable:
    if "labels" in data:
        return PauliSum.of(list(zip(data["labels"], data["coefficients"], strict=True)))
    return Hamiltonian(data["constant"], np.array(data["one_body"]), np.array(data["two_body"]))
