"""Amazon Braket and S3 on this machine: one simulator of the service's kind, tasks, and results, with faults."""

from __future__ import annotations

import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

from braket.devices import LocalSimulator
from braket.ir.openqasm import Program

ARN = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
REGION = "us-east-1"


def capabilities():
    """What the service says of a simulator: that of the local one, with the fields of a service."""
    from braket.default_simulator import StateVectorSimulator

    found = json.loads(StateVectorSimulator().properties.json())
    name = "braket.device_schema.simulators.gate_model_simulator_device_capabilities"
    found["braketSchemaHeader"] = {"name": name, "version": "1"}
    found["service"] |= {
        "deviceCost": {"price": 0.075, "unit": "minute"},
        "deviceLocation": "here",
        "updatedAt": "2026-01-01T00:00:00",
        "shotsRange": [0, 100000],
    }
    return json.dumps(found)


class Service:
    """Listens on a free port until it is closed; `faults` is what the next POSTs of tasks meet.

    "offline", "throttle", "denied" and "internal" are errors of the service; "lose" takes the task and drops the
    connection.
    """

    ERRORS = {  # noqa: RUF012
        "offline": (424, "DeviceOfflineException"),
        "throttle": (429, "ThrottlingException"),
        "denied": (403, "AccessDeniedException"),
        "internal": (500, "InternalServiceException"),
    }

    def __init__(self):
        self.tasks = {}
        self.tokens = {}
        self.results = {}
        self.faults = []
        self.fail_next = []
        self.device_status = "ONLINE"
        service = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *words):
                pass

            def do_GET(self):
                self.answer()

            def do_POST(self):
                self.answer()

            def do_PUT(self):
                self.answer()

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else {}
                status, found = service.do(self.command, unquote(urlparse(self.path).path), body)
                if status == 0:
                    self.close_connection = True
                    return
                data = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(status)
                if status >= 400:
                    self.send_header("x-amzn-ErrorType", found["code"])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def do(self, method, path, body):
        if path.startswith("/device/"):
            return 200, {
                "deviceArn": ARN, "deviceName": "SV1", "providerName": "Amazon Braket", "deviceType": "SIMULATOR",
                "deviceStatus": self.device_status, "deviceCapabilities": capabilities(), "deviceQueueInfo": [],
            }  # fmt: skip
        if path == "/quantum-task" and method == "POST":
            return self.posted(body)
        if path == "/quantum-tasks":
            return 200, self.listed(body)
        if path.startswith("/quantum-task/"):
            arn = path.removeprefix("/quantum-task/").removesuffix("/cancel")
            if arn not in self.tasks:
                return 404, {"code": "ResourceNotFoundException", "message": "no such task"}
            task = self.tasks[arn]
            if method == "PUT":
                task["status"] = "CANCELLED"
                return 200, {"quantumTaskArn": arn, "cancellationStatus": "CANCELLING"}
            if task["status"] == "QUEUED":
                task["status"] = task.pop("fate")
            return 200, {key: value for key, value in task.items() if key != "fate"}
        if path in self.results:
            return 200, self.results[path]
        return 404, {"code": "NoSuchKey", "message": "none"}

    def posted(self, body):
        fault = self.faults.pop(0) if self.faults else None
        if fault in self.ERRORS:
            status, code = self.ERRORS[fault]
            return status, {"code": code, "message": f"{fault}, on request"}
        token = body["clientToken"]
        if token not in self.tokens:  # the service takes a token once
            self.tokens[token] = self.take(body)
        return (0, None) if fault == "lose" else (201, {"quantumTaskArn": self.tokens[token]})

    def take(self, body):
        name = str(uuid.uuid4())
        arn = f"arn:aws:braket:{REGION}:123456789012:quantum-task/{name}"
        program = Program.parse_raw(body["action"])
        result = LocalSimulator("braket_sv").run(program, shots=body["shots"]).result()
        folder = f"{body['outputS3KeyPrefix']}/{name}"
        self.results[f"/{body['outputS3Bucket']}/{folder}/results.json"] = self.raw(result, arn, body).encode()
        self.tasks[arn] = {
            "quantumTaskArn": arn, "status": "QUEUED", "deviceArn": body["deviceArn"], "deviceParameters": "{}",
            "shots": body["shots"], "outputS3Bucket": body["outputS3Bucket"], "outputS3Directory": folder,
            "createdAt": f"2026-01-01T00:{len(self.tasks):02d}:00Z", "tags": body.get("tags", {}),
            "actionMetadata": {"actionType": "braket.ir.openqasm.program"},
            "failureReason": "the service was tired", "fate": self.fail_next.pop(0) if self.fail_next else "COMPLETED",
        }  # fmt: skip
        return arn

    def raw(self, result, arn, body):
        measurements = [[int(bit) for bit in row] for row in result.measurements]
        return json.dumps({
            "braketSchemaHeader": {"name": "braket.task_result.gate_model_task_result", "version": "1"},
            "measurements": measurements,
            "measuredQubits": [int(q) for q in result.measured_qubits],
            "resultTypes": [],
            "taskMetadata": {
                "braketSchemaHeader": {"name": "braket.task_result.task_metadata", "version": "1"},
                "id": arn, "shots": body["shots"], "deviceId": body["deviceArn"], "status": "COMPLETED",
            },
            "additionalMetadata": json.loads(result.additional_metadata.json()),
        })  # fmt: skip

    def listed(self, body):
        first = int(body.get("nextToken") or 0)
        tasks = [task for task in self.tasks.values() if task["deviceArn"] in body["filters"][0]["values"]]
        shown = [
            {
                key: value
                for key, value in task.items()
                if key not in ("fate", "failureReason", "deviceParameters", "actionMetadata")
            }
            for task in tasks[first : first + 2]
        ]
        return {"quantumTasks": shown, **({"nextToken": str(first + 2)} if first + 2 < len(tasks) else {})}
