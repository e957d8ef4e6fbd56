"""A backend whose jobs live on without the process that submitted them: each is a process of its own.

A job is a folder with its tasks; a detached Python process works on it with the sector engine and leaves the results.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
import uuid
from pathlib import Path

import hybridq as hq
from hybridq.contract.errors import JobNotFound

WORKER = """
import os, pickle, sys, time
import hybridq as hq
folder, pause = sys.argv[1], float(sys.argv[2])
tasks = pickle.load(open(os.path.join(folder, "tasks"), "rb"))
time.sleep(pause)
results = hq.backend("sector", threads=1).submit(tasks).result()
with open(os.path.join(folder, "part"), "wb") as file:
    pickle.dump(results, file)
os.replace(os.path.join(folder, "part"), os.path.join(folder, "results"))
"""


class Job:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name

    def status(self):
        if (self.folder / "cancelled").exists():
            return hq.Status.CANCELLED
        return hq.Status.DONE if (self.folder / "results").exists() else hq.Status.RUNNING

    def result(self, timeout=None):
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.status() is hq.Status.RUNNING:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"job {self.id} is still running")
            time.sleep(0.01)
        if self.status() is hq.Status.CANCELLED:
            raise hq.BackendError(f"job {self.id} was cancelled")
        return pickle.loads((self.folder / "results").read_bytes())

    def cancel(self):
        (self.folder / "cancelled").touch()


class Remote:
    name = "remote"

    def __init__(self, place: str | Path, pause: float = 0.0) -> None:
        self.place, self.pause = Path(place), pause
        self.place.mkdir(exist_ok=True)

    @property
    def capabilities(self):
        return hq.Capabilities(max_qubits=24, drivers=frozenset({"energy", "gradient"}), durable_jobs=True)

    def cost(self, tasks):
        return hq.Cost(self.pause, 0)

    def submit(self, tasks):
        folder = self.place / f"job-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        (folder / "tasks").write_bytes(pickle.dumps(list(tasks)))
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder), str(self.pause)],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HYBRIDQ_MPI": "off"},
        )
        return Job(folder)

    def job(self, job_id):
        if not (self.place / job_id).is_dir():
            raise JobNotFound(f"no job {job_id}")
        return Job(self.place / job_id)

    @property
    def submitted(self) -> int:
        return len(list(self.place.iterdir()))
