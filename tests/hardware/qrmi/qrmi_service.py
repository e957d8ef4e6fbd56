"""The loopback service of IBM's as QRMI's client needs it: python qrmi_service.py FOLDER [DEVICE] [--noisy].

QRMI sends circuits as OpenQASM 3, takes results as plain text, and wants more words about devices and lists of jobs.
All else is `ibm_service`, faults too. Where the folder has a file ``echo``, GETs fail with an answer that repeats the
keys.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import ibm_programs
import ibm_service
from qiskit import qasm3

own_run = ibm_programs.run


def run(program: str, params: dict[str, Any], *words: Any) -> tuple[str, int, int]:
    """As the service runs it, with circuits read from OpenQASM 3 as IBM's own service does."""
    from qiskit_ibm_runtime import RuntimeEncoder

    (Service.folder / "sent.json").write_text(json.dumps(params))
    pubs = [[qasm3.loads(pub[0]), *pub[1:]] for pub in params["pubs"]]
    return own_run(program, json.loads(json.dumps({**params, "pubs": pubs}, cls=RuntimeEncoder)), *words)


class Service(ibm_service.Service):
    """One request."""

    def do_GET(self) -> None:  # noqa: N802
        if (self.folder / "echo").exists():
            known = (self.folder / "sent.json").read_text()
            return self.answer({"errors": [{"message": f"{self.headers['Authorization']} {known}"}]}, 500)
        return super().do_GET()

    def answer(self, data: Any, status: int = 200, later: bool = False) -> None:
        if isinstance(data, dict) and "devices" in data:
            data["devices"][0]["clops"]["type"] = "hardware"
            if (self.folder / "away").exists():
                data["devices"][0]["status"] = {"name": "paused", "reason": "maintenance"}
        if isinstance(data, dict) and "jobs" in data:
            data |= {"limit": 10, "offset": 0}
        super().answer(data, status, later)

    def send_header(self, keyword: str, value: str) -> None:
        plain = keyword == "Content-Type" and self.path.partition("?")[0].endswith(("/results", "/logs"))
        super().send_header(keyword, "text/plain" if plain else value)


if __name__ == "__main__":
    ibm_programs.run = run
    Service.folder = Path(sys.argv[1])
    Service.folder.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) > 2 and not sys.argv[2].startswith("-"):
        Service.device = sys.argv[2]
    Service.noisy = "--noisy" in sys.argv
    ibm_programs.files(Service.device)
    ibm_programs.simulator(Service.device, Service.noisy)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    ibm_service.work_for_ever()
