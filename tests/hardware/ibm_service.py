"""A loopback service that IBM's real client takes for IBM Quantum: python ibm_service.py FOLDER [DEVICE] [--noisy].

It prints its address, and runs until its standard input ends. Jobs are files in the folder, so that a service which is
started again on the same folder knows them. Faults are files too: ``fault-WHAT`` holds a list of what the next requests
do, one each; WHAT is "submit", "status", "results", "find", "backends" or "token", and the faults are

    lose       the work is done, the answer is 502              drop       the work is done, the connection is cut
    refuse     429                                              later      429 with Retry-After
    500, 503   that answer, nothing is done                     hang       no answer for an hour
    401        the token has expired                            cut        the connection is cut, nothing is done

``fate`` holds the same for jobs: "Failed", "Cancelled", "malformed", or "Queued N" for so many looks.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

sys.path.insert(0, str(Path(__file__).parent))

import ibm_programs

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/aaaa:bbbb::"
LOCK = threading.Lock()
WORK: queue.Queue[Any] = queue.Queue()


def in_main_thread(call: Any) -> Any:
    """Circuits that come from QPY crash Qiskit 2.6 in other threads."""
    done: queue.Queue[Any] = queue.Queue()
    WORK.put((call, done))
    value, error = done.get()
    if error is not None:
        raise error
    return value


def work_for_ever() -> None:
    while True:
        call, done = WORK.get()
        try:
            done.put((call(), None))
        except Exception as error:
            done.put((None, error))


class Service(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    folder: Path
    device = "manila"
    noisy = False

    def log_message(self, *words: Any) -> None:
        if os.environ.get("IBM_SERVICE_LOG"):
            with open(os.environ["IBM_SERVICE_LOG"], "a") as file:
                print(self.command, self.path, *words[1:], file=file)

    def do_GET(self) -> None:
        url = urlparse(self.path)
        path, query = url.path, parse_qs(url.query)
        name = f"ibm_{self.device}"
        if path.startswith("/catalog/"):
            plan = {"overview_ui": {"en": {"display_name": "open"}}, "metadata": {"pricing": {"type": "free"}}}
            return self.answer(plan)
        path = path.removeprefix("/experimental/api/v1").removeprefix("/api/v1")
        if path == "/backends":
            status = {"name": "online", "reason": ""}
            known = {
                "name": name, "status": status, "qubits": 5, "queue_length": 3, "is_simulator": False,
                "clops": {"type": "clops_h", "value": 1000}, "processor_type": {"family": "Falcon", "revision": "5"},
                "physical_qubits": 5,
            }  # fmt: skip
            return self.faulty("backends", lambda: self.answer({"devices": [known]}))
        if path == f"/backends/{name}/configuration":
            return self.answer(ibm_programs.files(self.device)[0])
        if path == f"/backends/{name}/properties":
            return self.answer(ibm_programs.files(self.device)[1])
        if path == f"/backends/{name}/status":
            away = (self.folder / "away").exists()
            found = {"state": not away, "status": "maintenance" if away else "active", "length_queue": 3}
            return self.answer({**found, "backend_version": "1.0.0", "message": "maintenance" if away else ""})
        if path == "/instances/usage":
            return self.answer(
                {"usage_consumed_seconds": 1, "usage_remaining_seconds": 599, "usage_limit_seconds": 600}
            )
        if path == "/jobs":
            return self.faulty("find", lambda: self.answer(self.listed(query)))
        parts = path.split("/")
        if path.startswith("/jobs/"):
            job = self.job(parts[2])
            if job is None:
                return self.answer({"errors": [{"code": 1291, "message": "Job not found", "solution": "Check"}]}, 404)
            if parts[3:] == ["results"]:
                return self.faulty("results", lambda: self.text(self.result(parts[2], job)))
            if parts[3:] == ["metrics"]:
                usage = {"qpu_charge_time_seconds": job["seconds"], "status": "completed"}
                return self.answer({"usage": usage, "position_in_queue": 4, "timestamps": {}})
            return self.faulty("status", lambda: self.answer(self.shown(parts[2], job)))
        return self.answer({"errors": [{"code": 1, "message": f"no such path {path}"}]}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlparse(self.path).path
        if path == "/identity/token":
            return self.faulty("token", lambda: self.answer(token()))
        if path == "/v3/resources/search":
            plan = {
                "crn": CRN,
                "name": "bench",
                "service_plan_unique_id": "plan",
                "doc": {"extensions": {"allocation": 1}},
                "tags": [],
            }
            return self.answer({"items": [plan]})
        path = path.removeprefix("/experimental/api/v1").removeprefix("/api/v1")
        if path == "/jobs":
            return self.faulty("submit", lambda: self.submitted(json.loads(body), len(body)), work=True)
        if path == "/sessions":
            return self.answer({"id": f"session-{uuid.uuid4().hex[:8]}"})
        if path.endswith("/cancel"):
            job_id = path.split("/")[2]
            job = self.job(job_id)
            if job is None:
                return self.answer({}, 404)
            if self.state(job_id, job, look=False)["status"] == "Completed":
                return self.answer({"errors": [{"code": 1, "message": "it has ended"}]}, 409)
            self.keep(job_id, {**job, "fate": "Cancelled"})
            return self.answer(None, 204)
        return self.answer({}, 404)

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer({}, 200)

    def do_DELETE(self) -> None:
        self.answer(None, 204)

    def submitted(self, asked: dict[str, Any], size: int) -> dict[str, Any]:
        job_id = f"d{uuid.uuid4().hex[:16]}"
        # For the program "sampler"; "executor" takes its seed from the circuits.
        seed = int.from_bytes(base64.b16encode(json.dumps(asked.get("tags")).encode())[-6:], "big") % 2**31
        words = (asked["program_id"], asked["params"], self.device, self.noisy, seed)
        result, circuits, shots = in_main_thread(lambda: ibm_programs.run(*words))
        job = {
            "tags": asked.get("tags") or [], "program": asked["program_id"], "result": result, "circuits": circuits,
            "shots": shots, "bytes": size, "items": ibm_programs.items(asked["params"]), "seconds": 2,
            "created": time.time_ns(), "looks": 0, "fate": self.take("fate"),
        }  # fmt: skip
        self.keep(job_id, job)
        return {"id": job_id, "backend": f"ibm_{self.device}"}

    def faulty(self, what: str, do: Any, *, work: bool = False) -> None:
        """Do something, or fail as planned."""
        fault = self.take(f"fault-{what}")
        if fault == "hang":
            time.sleep(3600)
        if fault == "cut":
            return self.cut()
        if fault in ("lose", "drop"):
            if work:
                do()
            return self.cut() if fault == "drop" else self.answer({"errors": [{"code": 0, "message": "lost"}]}, 502)
        if fault in ("refuse", "later"):
            return self.answer({"errors": [{"code": 1305, "message": "too many"}]}, 429, fault == "later")
        if fault:
            return self.answer({"errors": [{"code": 0, "message": "trouble"}]}, int(fault))
        try:
            done = do()
        except Exception as error:
            return self.answer({"errors": [{"code": 1, "message": f"{type(error).__name__}: {error}"}]}, 400)
        return self.answer(done) if work else None

    def cut(self) -> None:
        self.close_connection = True
        self.connection.close()

    def listed(self, query: dict[str, list[str]]) -> dict[str, Any]:
        wanted = query.get("tags", [])
        with LOCK:
            found = [(p.stem.removeprefix("job-"), json.loads(p.read_text())) for p in self.folder.glob("job-*.json")]
        found = [(i, job) for i, job in found if set(wanted) <= set(job["tags"])]
        found.sort(key=lambda pair: pair[1]["created"], reverse=query.get("sort") != ["ASC"])
        first, most = (int(query.get(key, [default])[0]) for key, default in (("offset", "0"), ("limit", "10")))
        page = found[first : first + most]
        return {"jobs": [self.shown(i, job, look=False) for i, job in page], "count": len(found)}

    def state(self, job_id: str, job: dict[str, Any], *, look: bool) -> dict[str, Any]:
        fate = job["fate"]
        if fate.startswith("Queued") and job["looks"] < int(fate[7:] or 1):
            if look:
                self.keep(job_id, {**job, "looks": job["looks"] + 1})
            return {"status": "Queued"}
        if fate in ("Failed", "Cancelled"):
            return {"status": fate, "reason": "as planned", "reasonCode": 1000}
        return {"status": "Completed"}

    def shown(self, job_id: str, job: dict[str, Any], *, look: bool = True) -> dict[str, Any]:
        state, name = self.state(job_id, job, look=look), f"ibm_{self.device}"
        return {
            "id": job_id, "backend": name, "state": state, "status": state["status"], "tags": job["tags"],
            "program": {"id": job["program"]}, "created": "2026-11-23T00:00:00Z", "runtime": "x", "cost": 1,
        }  # fmt: skip

    def result(self, job_id: str, job: dict[str, Any]) -> str:
        return '{"schema_version": "v2.0", "data": "?"}' if job["fate"] == "malformed" else job["result"]

    def job(self, job_id: str) -> dict[str, Any] | None:
        path = self.folder / f"job-{job_id}.json"
        with LOCK:
            return json.loads(path.read_text()) if path.exists() else None

    def keep(self, job_id: str, job: dict[str, Any]) -> None:
        with LOCK:
            temporary = self.folder / f".{job_id}"
            temporary.write_text(json.dumps(job))
            os.replace(temporary, self.folder / f"job-{job_id}.json")

    def take(self, name: str) -> str:
        path = self.folder / name
        with LOCK:
            kinds = json.loads(path.read_text()) if path.exists() else []
            if kinds:
                path.write_text(json.dumps(kinds[1:]))
        return str(kinds[0]) if kinds else ""

    def answer(self, data: Any, status: int = 200, later: bool = False) -> None:
        self.text("" if data is None else json.dumps(data), status, later)

    def text(self, text: str, status: int = 200, later: bool = False) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if later:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body)


def token() -> dict[str, Any]:
    """An access token as IBM's identity service gives it, for an hour."""
    now = int(time.time())
    parts = [{"alg": "HS256", "typ": "JWT"}, {"iat": now, "exp": now + 3600, "iam_id": "x"}]
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    jwt = ".".join([*texts, "c2lnbmVk"])
    known = {"access_token": jwt, "refresh_token": "x", "token_type": "Bearer", "expires_in": 3600}
    return {**known, "expiration": now + 3600}


if __name__ == "__main__":
    Service.folder = Path(sys.argv[1])
    Service.folder.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) > 2 and not sys.argv[2].startswith("-"):
        Service.device = sys.argv[2]
    Service.noisy = "--noisy" in sys.argv
    ibm_programs.files(Service.device)  # imported here: Qiskit crashes where threads that ended had imported it
    ibm_programs.simulator(Service.device, Service.noisy)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    work_for_ever()
