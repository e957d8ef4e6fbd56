"""The loopback service as a process of its own, for tests and drills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ibm_service import CRN

SERVICE = Path(__file__).with_name("ibm_service.py")
TOKEN = "a-key-that-nobody-may-ever-see-44-characters"


class IBMQuantum:
    """A service that can be stopped and started again."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self._words = words
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(SERVICE), str(self.folder), *self._words]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.base = self._process.stdout.readline().strip()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def environment(self) -> dict[str, str]:
        """What makes IBM's client use this service."""
        return {
            "IAM_URL": self.base,
            "GLOBAL_SEARCH_URL": self.base,
            "GLOBAL_CATALOG_URL": self.base + "/catalog",
            "QISKIT_IBM_URL": self.base + "/experimental/api/v1",
            "QISKIT_IBM_TOKEN": TOKEN,
            "QISKIT_IBM_INSTANCE": CRN,
        }

    def plan(self, what: str, kinds: list[str]) -> None:
        """Faults or fates, one for each of the next requests or jobs."""
        (self.folder / what).write_text(json.dumps(kinds))

    def jobs(self) -> dict[str, dict]:
        return {p.stem.removeprefix("job-"): json.loads(p.read_text()) for p in self.folder.glob("job-*.json")}

    def paid(self) -> Counter[str]:
        """How many jobs of each tag ran."""
        jobs = self.jobs().values()
        return Counter(job["tags"][0] for job in jobs if job["fate"] not in ("Failed", "Cancelled"))


def use(service: IBMQuantum) -> None:
    """Point this process to the service."""
    os.environ.update(service.environment())
