"""Quantinuum Nexus on this machine: what its client asks for, jobs run by Quantinuum's emulator, faults on request."""

from __future__ import annotations

import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

from pytket.backends.backendresult import BackendResult
from pytket.circuit import Circuit
from pytket_pecos import Emulator

MACHINES = {"H2-1": 56, "H2-1E": 32, "Helios-1": 98}
REFRESH = "a-refresh-token-that-nobody-may-see"
ACCESS = "an-access-token-that-nobody-may-see"
TIMES = {"created": "2026-11-23T00:00:00+00:00", "modified": "2026-11-23T00:00:00+00:00"}


class Nexus:
    """The service, listening on a free port of this machine until it is closed.

    Faults are kept in `faults`: for "execute", "upload", "job", "results" and "find" a list of what the next requests
    meet: an HTTP status, "lose" (done, and the connection dropped), "drop" (not done, dropped), "mute" (done, and no
    answer), "hang" (not done, no answer), "echo" (500 that repeats the cookies), "malformed", or None.
    """

    def __init__(self, refresh_token):
        self.refresh_token = refresh_token
        self.faults = {"execute": [], "upload": [], "job": [], "results": [], "find": []}
        self.requests = []
        self.projects, self.circuits, self.jobs, self.results = {}, {}, {}, {}
        self.fates = []
        self.state = "online"
        self.expired = True  # the first request finds the access token expired
        self._open = threading.Event()
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words):
                pass

            def do_GET(self):
                service.answer(self, "GET")

            def do_POST(self):
                service.answer(self, "POST")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._open.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request, verb):
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        url = urlparse(request.path)
        kind = kind_of(verb, url.path)
        self.requests.append((kind, url.path))
        cookies = request.headers.get("Cookie", "")
        if url.path == "/auth/tokens/refresh":
            known = f"myqos_oat={self.refresh_token}" in cookies
            self.expired = self.expired and not known
            return self.say(request, 200 if known else 401, {}, cookie=known)
        if self.expired or f"myqos_id={ACCESS}" not in cookies:
            return self.say(request, 401, {"message": "expired"})
        fault = self.faults[kind].pop(0) if self.faults.get(kind) else None
        if fault == "hang":
            self._open.wait(60)
            return None
        if fault == "drop":
            return cut(request)
        if fault == "echo":
            return self.say(request, 500, {"message": cookies})
        if isinstance(fault, int):
            return self.say(request, fault, {"message": "on request"})
        if fault == "malformed":
            return self.say(request, 200, {"data": "?"})
        with self._lock:
            status, found = self.do(kind, url.path.strip("/").split("/"), body, parse_qs(url.query))
        if fault == "mute":
            self._open.wait(60)
        return cut(request) if fault in ("lose", "mute") else self.say(request, status, found)

    def say(self, request, status, found, cookie=False):
        data = json.dumps(found).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        if cookie:
            request.send_header("Set-Cookie", f"myqos_id={ACCESS}; Path=/; HttpOnly")
        request.end_headers()
        request.wfile.write(data)

    def do(self, kind, path, body, query):
        if kind == "devices":
            return 200, [{"is_local": False, "backend_info_list": [machine(*one) for one in MACHINES.items()]}]
        if kind == "state":
            return 200, {"state": self.state}
        if kind == "projects":
            named = [p for p in self.projects.values() if p["attributes"]["name"] in query["filter[name_exact]"]]
            return 200, {"data": named if query["page[number]"] == ["0"] else []}
        if kind == "project":
            return 201, {"data": self.made(self.projects, body, contents_modified=TIMES["created"], archived=False)}
        if kind == "upload":
            return 201, {"data": self.made(self.circuits, body)}
        if kind == "execute":
            return 202, {"data": self.take(body["data"])}
        if kind == "find":
            named = [job for job in self.jobs.values() if job["attributes"]["name"] in query["filter[name_exact]"]]
            page = named if query["page[number]"] == ["0"] else []
            return 200, {"data": page, "included": list(self.projects.values())}
        place = {"job": self.jobs, "cancel": self.jobs, "circuit": self.circuits, "results": self.results}[kind]
        found = place.get(path[3])
        if found is None:
            return 404, {"message": "no such thing"}
        if kind == "job":
            self.looked(found)
        if kind == "cancel":
            found["attributes"]["status"] = {"status": "CANCELLED", "message": "as asked"}
            return 202, {}
        if kind == "results":
            return 200, {"data": found, "included": [{"type": "backend_snapshot", "attributes": machine("H2-1", 56)}]}
        return 200, {"data": found, "included": list(self.projects.values())}

    def made(self, place, body, **more):
        made = {**body["data"], "id": str(uuid.uuid4())}
        made["attributes"] = {**made["attributes"], "timestamps": TIMES, **more}
        place[made["id"]] = made
        return made

    def take(self, asked):
        """A job: its circuits are run now, and it waits as long as planned."""
        fate = self.fates.pop(0) if self.fates else "COMPLETED"
        job = self.made(self.jobs, {"data": asked})
        definition = job["attributes"]["definition"]
        for k, item in enumerate(definition["items"]):
            circuit = self.circuits[item["program_id"]]
            shots = run(circuit["attributes"], item["n_shots"], seed=len(self.jobs) * 100 + k)
            program = {"data": {"id": item["program_id"], "type": "circuit"}}
            result_id = str(uuid.uuid4())
            self.results[result_id] = {
                "id": result_id, "attributes": shots.to_dict(), "relationships": {"program": program}
            }  # fmt: skip
            item |= {"status": {"status": "COMPLETED", "message": ""}, "item_id": k, "result_id": result_id}
            item["result_type"] = "PYTKET"
        # In another order than they came: nothing is to depend on it.
        definition["items"].reverse()
        programs = [{"id": item["program_id"], "type": "circuit"} for item in definition["items"]]
        job["relationships"]["programs"] = {"data": programs}
        job["attributes"]["status"] = {"status": "SUBMITTED", "message": "", "queue_position": 3}
        job["fate"] = fate
        return job

    def looked(self, job):
        name, _, looks = job["fate"].partition(" ")
        if job["attributes"]["status"]["status"] == "CANCELLED":
            return
        if name == "QUEUED" and looks != "0":
            job["attributes"]["status"] = {"status": "QUEUED", "message": "", "queue_position": 3}
            job["fate"] = f"QUEUED {int(looks) - 1}"
        else:
            ended = "COMPLETED" if name == "QUEUED" else name
            told = "the ions left" if ended == "ERROR" else None
            job["attributes"]["status"] = {"status": ended, "message": "", "error_detail": told, "cost": 7.5}


def kind_of(verb, path):
    """What a request is about."""
    parts = path.strip("/").split("/")
    if path.endswith("/available_devices"):
        return "devices"
    if "machines" in parts:
        return "state"
    if path.endswith("/rpc/cancel"):
        return "cancel"
    single = len(parts) == 4
    kinds = {"projects": ("projects", "project"), "circuits": ("circuit", "upload"), "results": ("results", "")}
    if "jobs" in parts:
        return "execute" if verb == "POST" else "job" if single else "find"
    return kinds.get(parts[1] if len(parts) > 1 else "", ("?", "?"))[verb == "POST"]


def cut(request):
    request.close_connection = True
    request.connection.close()


def run(attributes, n_shots, seed):
    """The vendor's emulator on a circuit as it was uploaded."""
    circuit = Circuit.from_dict({key: value for key, value in attributes.items() if key in CIRCUIT_KEYS})
    emulator = Emulator(circuit, qsim="state-vector", seed=seed)
    return BackendResult(c_bits=circuit.bits, shots=emulator.run(n_shots=n_shots))


CIRCUIT_KEYS = tuple(Circuit(1).to_dict())


def machine(name, n_qubits):
    """A machine as Nexus describes it."""
    nodes = [{"unitid": ["q", [k]], "average_error": None, "readout_error": None,
              "gate_errors": {}} for k in range(n_qubits)]  # fmt: skip
    device = {"nodes": nodes, "edges": [], "n_nodes": n_qubits, "fully_connected": True}
    return {
        "name": "QuantinuumBackend", "device_name": name, "version": "0.59.3", "device": device,
        "gate_set": ["PhasedX", "Rz", "ZZPhase", "ZZMax", "TK2", "Measure", "Reset", "Barrier"], "n_cl_reg": 4000,
        "supports_fast_feedforward": True, "supports_reset": True, "supports_midcircuit_measurement": True,
        "misc": {"max_n_shots": 10_000, "system_type": "hardware"},
    }  # fmt: skip
