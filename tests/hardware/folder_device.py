"""A device whose vendor is a folder: jobs are files that outlive every process, counts are drawn from state vectors.

Faults are files in the folder too, so that another process may set them: ``fault-METHOD`` holds a list of what the
next calls of a method do, one a call: "refuse" (429), "lose" (the answer is lost after the work was done), "drop" (lost
before), "hang", "away", "denied", "bug"; "" is no fault. ``fate`` holds the same for jobs: "failed", "cancelled",
"malformed", "queued" (for so many looks as the number after it says).
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hybridq.contract.backend import Status
from hybridq.contract.errors import JobNotFound
from hybridq.hardware import Compiled, Counts, Limits, Price, Remedy, Run


class Trouble(Exception):
    """An error of the vendor's client."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"the service said: {kind}")
        self.kind = kind


REMEDIES = {
    "refuse": Remedy.RETRY,
    "lose": Remedy.LOOK,
    "drop": Remedy.LOOK,
    "away": Remedy.WAIT,
    "denied": Remedy.ASK,
    "bug": Remedy.GIVE_UP,
}


class FolderDevice:
    """See the module."""

    def __init__(
        self, folder: Path, *, limits: Limits | None = None, searchable: bool = True, n_qubits: int = 12
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._limits = limits or Limits()
        self._searchable = searchable
        self._n_qubits = n_qubits
        self.compilations = 0

    @property
    def name(self) -> str:
        return "folder"

    @property
    def n_qubits(self) -> int:
        return self._n_qubits

    @property
    def limits(self) -> Limits:
        return self._limits

    def compile(self, circuit: Any, tails: Sequence[Any], layout: Sequence[int] | None = None) -> Compiled:
        from qiskit import ClassicalRegister

        self.compilations += 1
        programs = []
        for tail in tails:
            whole = circuit.compose(tail).decompose(reps=3) if circuit.num_clbits == 0 else circuit
            whole = whole.copy()
            whole.add_register(ClassicalRegister(circuit.num_qubits, "c"))
            whole.measure(range(circuit.num_qubits), range(circuit.num_qubits))
            whole.metadata = {"order": [p.name for p in circuit.parameters]}
            programs.append(whole)
        place = tuple(layout) if layout is not None else tuple(range(circuit.num_qubits))
        return Compiled(tuple(programs), (place,) * len(programs), {"depth": circuit.depth()})

    def submit(self, runs: Sequence[Run], tag: str) -> str:
        fault = self._fault("submit")
        if fault in ("refuse", "drop", "away", "denied", "bug"):
            raise Trouble(fault)
        if fault == "hang":
            time.sleep(3600)
        job_id = uuid.uuid4().hex[:12]
        counts = [drawn(run) for run in runs]
        fate = self._take("fate") or "done"
        data = {"tag": tag, "counts": counts, "fate": fate, "looks": 0, "time": time.time_ns()}
        data["shots"] = sum(run.shots for run in runs)
        whole(self.folder / f"job-{job_id}.json", data)
        if fault == "lose":
            raise Trouble("lose")
        return job_id

    def find(self, tag: str) -> Sequence[str] | None:
        self._maybe_fail("find")
        if not self._searchable:
            return None
        found = [(job["time"], name) for name, job in self.jobs().items() if job["tag"] == tag]
        return [name for _, name in sorted(found)]

    def status(self, job_id: str) -> Status:
        self._maybe_fail("status")
        path, job = self._job(job_id)
        fate = job["fate"]
        if fate in ("failed", "cancelled"):
            return Status(fate)
        if fate.startswith("queued") and job["looks"] < int(fate[6:] or 1):
            job["looks"] += 1
            whole(path, job)
            return Status.QUEUED
        return Status.DONE

    def counts(self, job_id: str) -> Sequence[Counts]:
        self._maybe_fail("counts")
        job = self._job(job_id)[1]
        return [{}] if job["fate"] == "malformed" else job["counts"]

    def cancel(self, job_id: str) -> None:
        self._maybe_fail("cancel")
        path, job = self._job(job_id)
        if self.status(job_id) is not Status.DONE:
            whole(path, {**job, "fate": "cancelled"})

    def price(self, runs: Sequence[Run]) -> Price:
        shots = sum(run.shots for run in runs)
        return Price(1e-3 * shots, 0.01 * shots)

    def remedy(self, error: Exception) -> Remedy:
        return REMEDIES[error.kind] if isinstance(error, Trouble) else Remedy.GIVE_UP

    def facts(self) -> Mapping[str, Any]:
        return {"vendor": "folder"}

    def jobs(self) -> dict[str, dict[str, Any]]:
        """All jobs that were ever taken, by id."""
        return {p.stem.removeprefix("job-"): json.loads(p.read_text()) for p in self.folder.glob("job-*.json")}

    def plan_faults(self, method: str, kinds: Sequence[str]) -> None:
        """What the next calls of a method do."""
        whole(self.folder / f"fault-{method}", list(kinds))

    def plan_fates(self, kinds: Sequence[str]) -> None:
        """What becomes of the next jobs."""
        whole(self.folder / "fate", list(kinds))

    def _job(self, job_id: str) -> tuple[Path, dict[str, Any]]:
        path = self.folder / f"job-{job_id}.json"
        if not path.exists():
            raise JobNotFound(f"the folder has no job {job_id!r}")
        return path, json.loads(path.read_text())

    def _maybe_fail(self, method: str) -> None:
        fault = self._fault(method)
        if fault == "hang":
            time.sleep(3600)
        if fault:
            raise Trouble(fault)

    def _fault(self, method: str) -> str:
        return self._take(f"fault-{method}")

    def _take(self, name: str) -> str:
        path = self.folder / name
        if not path.exists():
            return ""
        kinds = json.loads(path.read_text())
        if not kinds:
            return ""
        whole(path, kinds[1:])
        return str(kinds[0])


def whole(path: Path, data: Any) -> None:
    """Write a file such that no other process reads half of it."""
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    temporary.write_text(json.dumps(data))
    os.replace(temporary, path)


def drawn(run: Run) -> dict[str, int]:
    """Counts of a run, from its state vector."""
    from qiskit.quantum_info import Statevector

    bare = run.program.remove_final_measurements(inplace=False)
    named = dict(zip(run.program.metadata["order"], run.values, strict=True))
    bound = bare.assign_parameters({p: named[p.name] for p in bare.parameters})
    weights = np.abs(Statevector(bound).data) ** 2
    rng = np.random.default_rng(run.seed)
    numbers = rng.multinomial(run.shots, weights / weights.sum())
    n = bound.num_qubits
    return {format(k, f"0{n}b"): int(number) for k, number in enumerate(numbers) if number}
