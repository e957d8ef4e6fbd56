"""AQT's direct access and IQM's server on this machine: what their clients ask for, with faults on request."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

TOKEN = "a-token-that-nobody-may-see"


class Service:
    """A service, listening on a free port of this machine until it is closed.

    `faults` holds what the next submissions meet: an HTTP status, "lose" (done, and the connection dropped), "drop"
    (not done, dropped), or None. `jobs` holds what was taken. `held` is cleared to let results wait.
    """

    def __init__(self):
        self.jobs = {}
        self.faults = []
        self.fail_next = 0
        self.held = threading.Event()
        self.held.set()
        self.requests = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *words):
                pass

            def do_GET(self):
                service.answer(self, "GET")

            def do_POST(self):
                service.answer(self, "POST")

            def do_PUT(self):
                service.answer(self, "PUT")

        self._handler = Handler
        self._listen(0)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _listen(self, port):
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self._handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @contextlib.contextmanager
    def away(self):
        """Nobody listens for a while."""
        self.server.shutdown()
        self.server.server_close()
        yield
        self._listen(self.server.server_port)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.held.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request, method):
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        path = urlparse(request.path).path
        self.requests.append((method, path))
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.say(request, 401, {"message": "who are you?", "detail": "who are you?", "source": "test"})
            return
        submits = body is not None
        fault = self.faults.pop(0) if submits and self.faults else None
        if isinstance(fault, int):
            self.say(request, fault, {"message": "on request", "source": "test"})
            return
        if fault == "drop":
            request.close_connection = True
            return
        status, value = self.do(method, path, body)
        if fault == "lose":
            request.close_connection = True
            return
        self.say(request, status, value)

    def say(self, request, status, value):
        data = json.dumps(value).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        with contextlib.suppress(OSError):  # it did not wait
            request.wfile.write(data)

    def fails(self):
        self.fail_next -= 1
        return self.fail_next >= 0

    def do(self, method, path, body):
        raise NotImplementedError


def samples(circuit, shots, seed):
    """Shots of a circuit, one list of bits a shot, that of qubit 0 first."""
    weights = Statevector(circuit).probabilities()
    found = np.random.default_rng(seed).choice(len(weights), size=shots, p=weights / weights.sum())
    return [[int(k) >> q & 1 for q in range(circuit.num_qubits)] for k in found]


class AQTDirect(Service):
    """AQT's direct access, with five ions; a result is given when it is there."""

    def do(self, method, path, body):
        if path == "/status/ions":
            return 200, {"num_ions": 5}
        if path == "/system/name":
            return 200, "ibex"
        if method == "PUT" and path == "/circuit":
            job_id = str(uuid.uuid4())
            circuit = QuantumCircuit(body["number_of_qubits"])
            for step in body["quantum_circuit"]:
                if step["operation"] == "RZ":
                    circuit.rz(np.pi * step["phi"], step["qubit"])
                elif step["operation"] == "R":
                    circuit.r(np.pi * step["theta"], np.pi * step["phi"], step["qubit"])
                elif step["operation"] == "RXX":
                    circuit.rxx(np.pi * step["theta"], *step["qubits"])
            outcome = {"status": "finished", "result": samples(circuit, body["repetitions"], len(self.jobs))}
            self.jobs[job_id] = {"status": "error"} if self.fails() else outcome
            return 200, job_id
        job_id = path.rpartition("/")[2]
        if job_id not in self.jobs:
            return 404, {"detail": "no such job"}
        self.held.wait(30)
        return 200, {"job_id": job_id, "payload": self.jobs[job_id]}


LOCI = [["QB1", "QB2"], ["QB2", "QB3"]]
QUBITS = ["QB1", "QB2", "QB3"]
CALIBRATION = "11111111-2222-3333-4444-555555555555"


def gate(loci):
    return {
        "implementations": {"plain": {"loci": loci}},
        "default_implementation": "plain",
        "override_default_implementation": {},
    }


class IQMServer(Service):
    """IQM's server, with one computer "trio" of three qubits in a row."""

    def do(self, method, path, body):
        path = path.removeprefix("/api/v1/")
        if path == "quantum-computers":
            one = {"id": str(uuid.UUID(int=1)), "alias": "trio", "display_name": "Trio", "proxy_path": None}
            return 200, {"quantum_computers": [one]}
        if path.endswith("/dynamic-quantum-architecture"):
            singles = [[q] for q in QUBITS]
            gates = {"prx": gate(singles), "cz": gate(LOCI), "measure": gate(singles)}
            return 200, {
                "calibration_set_id": CALIBRATION,
                "qubits": QUBITS,
                "computational_resonators": [],
                "gates": gates,
            }
        if method == "POST" and path == "jobs/trio/circuit":
            job_id = str(uuid.uuid4())
            self.jobs[job_id] = {"payload": body, "status": "failed" if self.fails() else "completed"}
            return 200, self.data(job_id, "waiting")
        words = path.split("/")
        job = self.jobs.get(words[1])
        if job is None:
            return 404, {"message": "no such job", "source": "test"}
        if words[2:] == ["cancel"]:
            job["status"] = "cancelled"
            return 200, {}
        if words[2:] == ["payload"]:
            return 200, job["payload"]
        if words[2:] == ["artifacts", "measurements"]:
            return 200, [self.measured(c, job["payload"]["shots"], k) for k, c in enumerate(job["payload"]["circuits"])]
        return 200, self.data(words[1], job["status"] if self.held.is_set() else "processing")

    def data(self, job_id, status):
        errors = [{"message": "the fridge is warm", "source": "test"}] if status == "failed" else []
        return {"id": job_id, "type": "circuit", "status": status, "errors": errors}

    def measured(self, asked, shots, seed):
        circuit, keys = QuantumCircuit(len(QUBITS)), {}
        for step in asked["instructions"]:
            on = [QUBITS.index(q) for q in step["locus"]]
            if step["name"] == "prx":
                circuit.r(step["args"]["angle"], step["args"]["phase"], on[0])
            elif step["name"] == "cz":
                assert sorted(step["locus"]) in LOCI
                circuit.cz(*on)
            elif step["name"] == "measure":
                keys[step["args"]["key"]] = on[0]
        drawn = samples(circuit, shots, seed)
        return {key: [[shot[q]] for shot in drawn] for key, q in keys.items()}
