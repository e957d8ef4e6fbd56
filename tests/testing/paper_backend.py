"""A correct noisy backend whose jobs are files: durable, with tickets; the broken ones are made from it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import numpy as np
from oracle_backend import OracleBackend

from hybridq.contract.backend import Capabilities, Cost, Placement, Status
from hybridq.contract.errors import BackendError, JobNotFound
from hybridq.contract.task import Result

SPREAD = 3.0  # hartree: of one shot


class PaperJob:
    def __init__(self, backend, job_id):
        self.backend, self.id = backend, job_id

    def _read(self):
        return json.loads((self.backend.folder / self.id).read_text())

    def _write(self, **changes):
        (self.backend.folder / self.id).write_text(json.dumps({**self._read(), **changes}))

    def status(self):
        return Status(self._read()["state"])

    def result(self, timeout=None):
        if self.status() is Status.CANCELLED:
            raise BackendError(f"job {self.id} was cancelled; submit it again")
        self._write(state="done")
        return [
            Result(
                tuple(data["value"]) if data["counts"] else np.array(data["value"]),
                np.array(data["stderr"]),
                provenance={"job": self.id},
            )
            for data in self._read()["results"]
        ]

    def cancel(self):
        if self.status() is Status.QUEUED:
            self._write(state="cancelled")


class PaperBackend(OracleBackend):
    """The folder is the vendor; what is submitted is computed at once and handed out later."""

    drivers = frozenset({"energy", "counts"})
    max_qubits = 6
    job_class = PaperJob

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)

    @property
    def capabilities(self):
        return Capabilities(self.max_qubits, self.drivers, exact=False, placement=Placement.ROOT, durable_jobs=True)

    def shots(self, task):
        return task.shots or int(np.ceil((SPREAD / task.precision) ** 2))

    def cost(self, tasks):
        return Cost(1.0, 0, sum(self.shots(task) * task.n_rows for task in tasks), dollars=1.0)

    def run(self, task):
        exact = super().run(task)
        if task.driver == "counts":
            return exact
        stderr = np.full(task.n_rows, SPREAD / np.sqrt(self.shots(task)))
        return Result(exact.value + stderr * np.random.default_rng().normal(size=task.n_rows), stderr)

    def sample(self, oracle, task, i):
        seed = np.random.default_rng().integers(1 << 30) if task.seed is None else task.seed
        return super().sample(oracle, _Seeded(task, seed), i)

    def submit(self, tasks):
        return self.job(self.post(tasks, uuid.uuid4().hex))

    def post(self, tasks, tag):
        for task in tasks:
            if task.driver not in self.drivers:
                raise BackendError(f"offers energies and counts, not {task.driver!r}")
        results = [(task.driver == "counts", self.run(task)) for task in tasks]
        kept = [
            {"counts": c, "value": list(r.value) if c else r.value.tolist(), "stderr": np.asarray(r.stderr).tolist()}
            for c, r in results
        ]
        name = f"job-{uuid.uuid4().hex}"
        (self.folder / name).write_text(json.dumps({"tag": tag, "state": "queued", "results": kept}))
        return name

    def find(self, tag):
        return [p.name for p in self.folder.glob("job-*") if json.loads(p.read_text())["tag"] == tag]

    def job(self, job_id):
        if not (self.folder / job_id).exists():
            raise JobNotFound(f"no job {job_id!r}")
        return self.job_class(self, job_id)

    def submit_once(self, tasks, ticket):
        known = [note["id"] for note in ticket.known if "id" in note]
        if known:
            return self.job(known[-1])
        cost = self.cost(tasks)
        found = self.find(ticket.key) if ticket.known else []
        if not found:
            ticket.allow(cost)
            ticket.note({"tag": ticket.key})
            found = [self.post(tasks, ticket.key)]
        ticket.note({"id": found[0], **self.spending(cost)})
        return self.job(found[0])

    def spending(self, cost):
        return {"shots": cost.shots, "qpu_seconds": 0.5, "dollars": cost.dollars}


class _Seeded:
    """A task with another seed."""

    def __init__(self, task, seed):
        self.params, self.shots, self.seed = task.params, task.shots, seed
