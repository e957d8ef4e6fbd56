"""A batch job's environment, and IBM's service of ours to which it leads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

KEY = "a-key-that-nobody-may-ever-see-44-characters"
NAME = "ibm_manila"
TYPE = "ibm-quantum-compute-service"
FILES = ("fault-submit", "fault-status", "fault-results", "fault-token", "fate", "away", "echo", "sent.json")


class Lent:
    """The service as a process, and a batch job's environment that leads to it."""

    def __init__(self, folder):
        self.folder = folder
        command = [sys.executable, str(Path(__file__).with_name("qrmi_service.py")), str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.base = self._process.stdout.readline().strip()

    def close(self):
        self._process.kill()
        self._process.wait()

    def environment(self):
        from ibm_service import CRN

        named = {"ENDPOINT": self.base, "IAM_ENDPOINT": self.base, "IAM_APIKEY": KEY, "SERVICE_CRN": CRN}
        found = {f"{NAME}_QRMI_IBM_QCS_{key}": value for key, value in named.items()}
        return {**found, "QRMI_JOB_QPU_RESOURCES": NAME, "QRMI_JOB_QPU_TYPES": TYPE}

    def plan(self, what, kinds):
        (self.folder / what).write_text(json.dumps(kinds))

    def jobs(self):
        return {p.stem.removeprefix("job-"): json.loads(p.read_text()) for p in self.folder.glob("job-*.json")}

    def sent(self):
        return json.loads((self.folder / "sent.json").read_text())

    def clear(self):
        for name in (*FILES, *(p.name for p in self.folder.glob("job-*.json"))):
            (self.folder / name).unlink(missing_ok=True)
