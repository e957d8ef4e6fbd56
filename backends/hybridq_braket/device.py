"""BraketDevice: Amazon Braket by qiskit-braket-provider."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, InputError, JobNotFound, MissingPackage, unknown_name
from hybridq.hardware import Remedy
from hybridq.hardware.qiskit_device import QiskitDevice
from hybridq.hardware.remedies import remedy_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

LOCAL = ("default", "braket_sv", "braket_dm")
TAG = "hybridq"
PAGES = 100
BY_CODE = {
    "AccessDeniedException": Remedy.ASK,
    "ConflictException": Remedy.GIVE_UP,
    "DeviceOfflineException": Remedy.WAIT,
    "DeviceRetiredException": Remedy.GIVE_UP,
    "ExpiredTokenException": Remedy.ASK,
    "InternalServiceException": Remedy.LOOK,
    "InvalidSignatureException": Remedy.ASK,
    "ServiceQuotaExceededException": Remedy.ASK,
    "SlowDown": Remedy.RETRY,
    "ThrottlingException": Remedy.RETRY,
    "UnrecognizedClientException": Remedy.ASK,
    "ValidationException": Remedy.GIVE_UP,
}


class BraketDevice(QiskitDevice):
    """A simulator of Amazon Braket's on this machine, or a device of the service.

    Of the service each circuit is a task of its own, with the tag ``hybridq``, by which it is found again. Credentials
    and region are boto3's: the environment, or its files. The service compiles for quantum processors once more, unless
    ``run_options={"verbatim": True}`` forbids it; without that, folded gates may be taken out again.

    Args:
        device: "default", "braket_sv" or "braket_dm"; or an ARN.
        s3: where the service puts results, "s3://BUCKET/FOLDER"; None lets Braket's client choose its default bucket.
        backend: a backend of qiskit-braket-provider that is made already; `device` is then its name alone.
        name, seed, optimization_level, tries, max_shots, dollars_per_shot, dollars_per_task, run_options: as for
            `QiskitDevice`; a task is a circuit.

    Raises:
        InputError: an unknown device, no credentials, or an option that makes no sense.
        BackendError: the service does not answer.
        MissingPackage: qiskit-braket-provider is not installed.
    """

    def __init__(
        self,
        device: str = "default",
        *,
        s3: str | None = None,
        backend: Any = None,
        name: str | None = None,
        seed: int = 0,
        optimization_level: int = 2,
        tries: int = 4,
        max_shots: int | None = None,
        dollars_per_shot: float = 0.0,
        dollars_per_task: float = 0.0,
        run_options: Mapping[str, Any] | None = None,
    ) -> None:
        folder = None if s3 is None else _folder(s3)
        made = backend if backend is not None else _backend(device)
        local = type(made).__name__ == "BraketLocalBackend"
        super().__init__(
            made,
            name=name or f"braket:{device}",
            seed=seed,
            optimization_level=optimization_level,
            tries=tries,
            max_circuits=None if local else 1,
            max_shots=max_shots,
            dollars_per_shot=dollars_per_shot,
            dollars_per_task=dollars_per_task,
            local=local,
            run_options=run_options,
        )
        self._arn = None if local else str(made._device.arn)
        self._folder = folder

    def find(self, tag: str) -> Sequence[str] | None:
        """ARNs of the tasks with this tag, oldest first; None where there are too many tasks to be sure.

        Raises:
            Whatever Braket's client raises.
        """
        if self.local:
            return super().find(tag)
        asked: dict[str, Any] = {
            "filters": [{"name": "deviceArn", "operator": "EQUAL", "values": [self._arn]}],
            "maxResults": 100,
        }
        found: list[tuple[Any, str]] = []
        for _ in range(PAGES):
            page = self.backend._device.aws_session.braket_client.search_quantum_tasks(**asked)
            for task in page["quantumTasks"]:
                if (task.get("tags") or {}).get(TAG) == tag:
                    found.append((task["createdAt"], str(task["quantumTaskArn"])))
            if not page.get("nextToken"):
                return [arn for _, arn in sorted(found)]
            asked["nextToken"] = page["nextToken"]
        return None

    def status(self, job_id: str) -> Status:
        """Where a task stands.

        Raises:
            JobNotFound: the service knows no such task.
            Whatever Braket's client raises.
        """
        try:
            return super().status(job_id)
        except Exception as error:
            if _code(error) == "ResourceNotFoundException":
                raise JobNotFound(f"{self.name} knows no task {job_id!r}; it may belong to another account") from None
            raise

    def failure(self, job_id: str) -> str | None:
        """Why a task failed, as the service says."""
        if self.local:
            return super().failure(job_id)
        told = self.backend._device.aws_session.get_quantum_task(job_id).get("failureReason")
        return str(told)[:300] if told else None

    def away(self) -> str | None:
        """Why the device does nothing at present; None where it does, or runs here."""
        if self.local:
            return None
        found = self.backend._device.aws_session.get_device(self._arn)
        status = str(found.get("deviceStatus", "ONLINE"))
        return None if status == "ONLINE" else status.lower()

    def _submit(self, circuits: list[QuantumCircuit], shots: int, seed: int | None, tag: str) -> Any:
        words = dict(self._run_options)
        if not self.local:
            words["tags"] = {**words.get("tags", {}), TAG: tag}
            if self._folder is not None:
                words.setdefault("s3_destination_folder", self._folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on which of its simulators to take
            return self.backend.run(circuits, shots=shots, **words)

    def _job(self, job_id: str) -> Any:
        if self.local:
            raise JobNotFound(
                f"{self.name} has no job {job_id!r}: a simulator's jobs are known in the process that submitted them"
            )
        if not job_id.startswith("arn:"):
            raise JobNotFound(f"{self.name} has no job {job_id!r}: its jobs are known by ARN")
        return self.backend.retrieve_job(job_id)

    def _remedy(self, error: Exception) -> Remedy:
        code = _code(error)
        return BY_CODE[code] if code in BY_CODE else remedy_of(error)


def _backend(device: str) -> Any:
    try:
        import qiskit_braket_provider
    except ImportError as error:
        raise MissingPackage(
            f"this needs qiskit-braket-provider, which cannot be imported ({error}); pip install qiskit-braket-provider"
        ) from error
    if device in LOCAL:
        return qiskit_braket_provider.BraketLocalBackend(device)
    if not device.startswith("arn:"):
        raise unknown_name("device of Braket", device, LOCAL, hint="Devices of the service are named by their ARN.")
    try:
        return qiskit_braket_provider.BraketAwsBackend(device)
    except Exception as error:
        remedy = BY_CODE.get(_code(error) or "", remedy_of(error))
        told = f"Braket's client cannot open {device}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if remedy in (Remedy.RETRY, Remedy.LOOK):
            raise BackendError(f"{told}; try again", retryable=True) from error
        if remedy is Remedy.ASK:
            raise BackendError(f"{told}; check the credentials and what they allow") from error
        raise InputError(f"{told}; check the ARN, and the region in it") from error


def _folder(s3: str) -> tuple[str, str]:
    bucket, _, key = s3.removeprefix("s3://").partition("/")
    if not s3.startswith("s3://") or not bucket or not key:
        raise InputError(f's3 is "s3://BUCKET/FOLDER", got {s3!r}')
    return bucket, key.rstrip("/")


def _code(error: BaseException) -> str | None:
    """The service's name for an error."""
    response = getattr(error, "response", None)
    found = response.get("Error", {}) if isinstance(response, dict) else {}
    return found.get("Code") if isinstance(found, dict) else None
