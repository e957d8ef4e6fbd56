"""IonQ's service on this machine: what its client asks for, with faults on request."""

from __future__ import annotations

import itertools
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import HGate, PhaseGate, RXGate, RYGate, RZGate, SXGate, XGate, YGate, ZGate
from qiskit.quantum_info import Statevector
from qiskit_ionq import GPI2Gate, GPIGate, MSGate, ZZGate

KEY = "a-key-that-nobody-may-see"
BACKENDS = {"simulator": 29, "qpu.forte-1": 36}
FIXED = {"h": "h", "x": "x", "y": "y", "z": "z", "s": "s", "si": "sdg", "t": "t", "ti": "tdg", "v": "sx", "vi": "sxdg"}
PAIRS = {"xx": "rxx", "yy": "ryy", "zz": "rzz"}
CONTROLLED = {"x": XGate, "y": YGate, "z": ZGate, "h": HGate, "v": SXGate}
NATIVE = {"gpi": GPIGate, "gpi2": GPI2Gate, "ms": MSGate, "zz": ZZGate}
TURNED = {"rx": RXGate, "ry": RYGate, "rz": RZGate, "z": PhaseGate}


def probabilities(n, gates):
    """Of the little-endian outcomes of a circuit in IonQ's JSON."""
    circuit = QuantumCircuit(n)
    for gate in gates:
        name, angle = gate["gate"], gate.get("rotation")
        targets = gate.get("targets") or [gate["target"]]
        if name in NATIVE and angle is None and not gate.get("controls") and ("phase" in gate or "angle" in gate):
            turns = [gate["phase"]] if "phase" in gate else [*gate.get("phases", []), gate["angle"]]
            circuit.append(NATIVE[name](*turns), targets)
            continue
        controls = gate.get("controls") or []
        if controls:
            kind = TURNED[name](angle) if angle is not None else CONTROLLED[name]()
            circuit.append(kind.control(len(controls)), [*controls, *targets])
        elif name in PAIRS:
            getattr(circuit, PAIRS[name])(angle, *targets)
        elif name == "swap":
            circuit.swap(*targets)
        elif angle is not None:
            circuit.append(TURNED[name](angle), targets)
        else:
            getattr(circuit, FIXED[name])(*targets)
    weights = Statevector(circuit).probabilities()
    return {str(k): float(p) for k, p in enumerate(weights) if p > 1e-14}


class Service:
    """The service, listening on a free port of this machine until it is closed.

    Faults are kept in `faults`: for "POST", "GET", "LIST", "PUT" a list of what the next requests meet: an HTTP status,
    "lose" (done, and the connection dropped), "drop" (not done, dropped), "hang", "trickle", "echo" (401 that repeats
    the key), or None.
    """

    def __init__(self):
        self.jobs = {}
        self.faults = {"POST": [], "GET": [], "LIST": [], "PUT": []}
        self.requests = []
        self.polls_until_done = 0
        self.fail_next = []
        self.lists_names = True
        self.page = 100
        self._count = itertools.count()
        self._open = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *words):
                pass

            def do_GET(self):
                service.answer(self, "LIST" if urlparse(self.path).path.endswith("/jobs") else "GET")

            def do_POST(self):
                service.answer(self, "POST")

            def do_PUT(self):
                service.answer(self, "PUT")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v0.4"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._open.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request, kind):
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        path = urlparse(request.path).path.removeprefix("/v0.4")
        self.requests.append((kind, path))
        about_jobs = path.startswith("/jobs")
        fault = self.faults[kind].pop(0) if self.faults[kind] and about_jobs else None
        if fault == "hang":
            self._open.wait(60)
            return
        if fault == "trickle":
            self.trickle(request)
            return
        if fault == "drop":
            request.close_connection = True
            return
        if fault == "echo":
            self.say(request, 401, {"statusCode": 401, "error": "x", "message": request.headers["Authorization"]})
            return
        if isinstance(fault, int):
            self.say(request, fault, {"statusCode": fault, "error": "trouble", "message": "on request"})
            return
        if about_jobs and request.headers.get("Authorization") != f"apiKey {KEY}":
            self.say(request, 401, {"statusCode": 401, "error": "Unauthorized", "message": "Invalid key provided."})
            return
        status, found = self.do(kind, path, body, parse_qs(urlparse(request.path).query))
        if fault == "lose":
            request.close_connection = True
            return
        self.say(request, status, found)

    def say(self, request, status, found):
        data = json.dumps(found).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def trickle(self, request):
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        try:
            while not self._open.wait(0.05):
                request.wfile.write(b" ")
                request.wfile.flush()
        except OSError:
            pass

    def do(self, kind, path, body, query):
        parts = path.strip("/").split("/")
        if parts[0] == "backends":
            shown = [{"backend": name, "status": "available", "qubits": n} for name, n in BACKENDS.items()]
            if len(parts) == 1:
                return 200, shown
            found = [one for one in shown if one["backend"] == parts[1]]
            return (200, found[0]) if found else (404, {"statusCode": 404, "error": "NotFound", "message": "none"})
        if kind == "POST":
            return 200, self.take(body)
        if kind == "LIST":
            return 200, self.listed(query)
        job = self.jobs.get(parts[1])
        if job is None:
            return 404, {"statusCode": 404, "error": "NotFound", "message": "no such job"}
        if kind == "PUT":
            job["status"] = "canceled" if job["status"] != "completed" else "completed"
            return 200, {"id": job["id"], "status": job["status"]}
        if parts[2:3] == ["results"]:
            return 200, job["answer"]
        if job["status"] in ("ready", "started"):
            job["looks"] += 1
            job["status"] = job["fate"] if job["looks"] > self.polls_until_done else "started"
        return 200, {key: value for key, value in job.items() if key not in ("answer", "fate", "looks")}

    def take(self, body):
        job_id = str(uuid.UUID(int=next(self._count) + 1))
        given = body["input"]
        circuits = [one["circuit"] for one in given["circuits"]] if "circuits" in given else [given["circuit"]]
        shots = body["shots"]
        answers = []
        for k, circuit in enumerate(circuits):
            exact = probabilities(given["qubits"], circuit)
            if body["backend"] != "simulator":  # a computer gives fractions of its shots
                rng = np.random.default_rng([len(self.jobs), k])
                weights = np.array(list(exact.values()))
                drawn = rng.multinomial(shots, weights / weights.sum())
                exact = {key: int(m) / shots for key, m in zip(exact, drawn, strict=True) if m}
            answers.append(exact)
        many = "circuits" in given
        children = [f"{job_id}-{k}" for k in range(len(circuits))] if many else None
        fate = self.fail_next.pop(0) if self.fail_next else "completed"
        job = {
            "id": job_id,
            "name": body["name"],
            "backend": body["backend"],
            "status": "ready",
            "shots": shots,
            "metadata": body["metadata"],
            "settings": body.get("settings"),
            "submitted_at": f"2026-01-01T00:00:{len(self.jobs):02d}Z",
            "stats": {"qubits": given["qubits"], "circuits": len(circuits)},
            "execution_duration_ms": 10,
            "failure": {"code": "InternalError", "error": "the ions left"} if fate == "failed" else None,
            "results": {"probabilities": {"url": f"/v0.4/jobs/{job_id}/results/probabilities"}},
            "child_job_ids": children,
            "answer": dict(zip(children, answers, strict=True)) if children else answers[0],
            "fate": fate,
            "looks": 0,
        }
        self.jobs[job_id] = job
        return {"id": job_id, "status": "ready"}

    def listed(self, query):
        jobs = [job for job in self.jobs.values() if job["backend"] in query.get("target", [job["backend"]])]
        first = int(query.get("next", ["0"])[0])
        last = first + min(self.page, int(query.get("limit", ["10"])[0]))
        keys = ("id", "status", "name") if self.lists_names else ("id", "status")
        page = [{key: job[key] for key in keys} for job in jobs[first:last]]
        return {"jobs": page, **({"next": str(last)} if last < len(jobs) else {})}


if __name__ == "__main__":
    service = Service()
    print(service.url, flush=True)
    while True:
        time.sleep(60)
