"""Resources: what the batch system lends, by QRMI's client, and its errors without secrets.

QRMI ("Quantum resources in resource management systems", arXiv:2506.10052) finds addresses and keys in variables that
the site sets in the job's environment, such as ``QRMI_JOB_QPU_RESOURCES`` and ``ibm_torino_QRMI_IBM_QCS_ENDPOINT``.
"""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from hybridq.contract.errors import BackendError, InputError, MissingPackage, unknown_name
from hybridq.hardware.calls import described
from hybridq.hardware.device import Remedy
from hybridq.hardware.host.masking import masked
from hybridq.hardware.remedies import BY_STATUS

T = TypeVar("T")
KINDS = {
    "ibm-quantum-compute-service": "IBMQuantumComputeService",
    "qiskit-runtime-service": "IBMQiskitRuntimeService",
    "ibm-quantum-system": "IBMQuantumSystem",
}
"""The site's words for what takes circuits as IBM does, and QRMI's."""
HOW = "ask the batch system for a QPU, as your site describes it; it sets QRMI_JOB_QPU_RESOURCES and QRMI_JOB_QPU_TYPES"
STATUS = re.compile(r"response body: (\d{3})\b")
LOST = ("error in reqwest", "timed out", "connection")


class QRMIError(Exception):
    """What QRMI's client raised.

    Attributes:
        kind: the class of the client's error.
        remedy: what to do about it.
    """

    def __init__(self, message: str, kind: str, remedy: Remedy) -> None:
        super().__init__(message)
        self.kind = kind
        self.remedy = remedy


class Resource:
    """A resource of the job's, for many threads.

    An object of QRMI's serves one call at a time and refuses others meanwhile, so that a call which hangs would take
    it out of use; each call has one of its own here, and those that are free are used again.

    Args:
        name: of the resource; "" for the only one that the job has.

    Raises:
        InputError: this is no batch job with such a resource, or its variables are incomplete.
        MissingPackage: QRMI is not installed.
    """

    def __init__(self, name: str) -> None:
        try:
            qrmi: Any = importlib.import_module("qrmi")  # its parts in Rust have no types
        except ImportError as error:
            raise MissingPackage(
                f"this needs QRMI, which cannot be imported ({error}); install hybridq-sdk with its extra qrmi "
                "(pip install 'hybridq-sdk[qrmi]')"
            ) from error
        self._qrmi = qrmi
        self.name, kind = _chosen(qrmi, name)
        self._kind = getattr(qrmi.ResourceType, KINDS[kind])
        self._lock = threading.Lock()
        self._free: list[Any] = []
        try:
            self._free.append(self._made())
        except QRMIError as error:
            raise InputError(f"the resource {self.name!r} cannot be used: {error}; {HOW}") from None

    def ask(self, call: Callable[[Any], T]) -> T:
        """What a call of QRMI's ``QuantumResource`` gives.

        Raises:
            QRMIError: it failed; no key is in the message.
        """
        with self._lock:
            one = self._free.pop() if self._free else None
        if one is None:
            one = self._made()
        try:
            return asked(lambda: call(one))
        finally:
            with self._lock:
                self._free.append(one)

    def payload(self, text: str) -> Any:
        """A job for IBM's sampler."""
        return self._qrmi.Payload.QiskitPrimitive(input=text, program_id="sampler")

    def _made(self) -> Any:
        return asked(lambda: self._qrmi.QuantumResource(self.name, self._kind))


def backend_of(resource: Resource) -> Any:
    """The Qiskit `BackendV2` that describes a resource; it runs nothing.

    Raises:
        InputError: the keys of the job's environment are not taken.
        BackendError: the resource does not answer, or says nothing of itself.
        MissingPackage: qiskit-ibm-runtime is not installed.
    """
    try:
        describe: Any = importlib.import_module("qrmi.primitives.ibm").get_backend
    except ImportError as error:
        raise MissingPackage(
            f"QRMI reads what IBM's devices say of themselves with qiskit-ibm-runtime, which cannot be imported "
            f"({error}); pip install qiskit-ibm-runtime"
        ) from error
    try:
        return resource.ask(describe)
    except QRMIError as error:
        # QRMI passes on nothing where the service failed, and its reader then fails in some way of Python's.
        why = str(error) if error.kind != "TypeError" else "the service said nothing of its qubits and gates"
        told = f"the resource {resource.name!r} does not describe itself: {why}"
        if error.remedy is Remedy.ASK:
            raise InputError(f"{told}; ask your site about the job's credentials") from None
        raise BackendError(f"{told}; try again", retryable=True) from None


def asked(call: Callable[[], T]) -> T:
    """What a call gives.

    Raises:
        QRMIError: it failed; no key is in the message.
    """
    try:
        return call()
    except Exception as error:
        clean = QRMIError(masked(described(error)), type(error).__name__, _remedy(error))
    # Outside of the handler, so that what the client raised, which may hold a key, is not carried along.
    raise clean


def _remedy(error: Exception) -> Remedy:
    """By class, or by the HTTP status in the text: QRMI has neither codes nor a class for each."""
    kind, text = type(error).__name__, str(error)
    if kind in ("AuthenticationFailedError", "EnvVarNotSetError", "ConfigError"):
        return Remedy.ASK
    status = STATUS.search(text)
    if status:
        number = int(status[1])
        return Remedy.LOOK if number >= 500 else BY_STATUS.get(number, Remedy.GIVE_UP)
    # It does not say whether the connection was ever made, so that the job may have been taken.
    return Remedy.LOOK if any(word in text for word in LOST) or kind == "TaskNotReadyError" else Remedy.GIVE_UP


def _chosen(qrmi: Any, name: str) -> tuple[str, str]:
    """A resource of the job's, and its type in the site's words."""
    try:
        names, kinds = qrmi.get_job_qpu_resources_and_types()
    except (RuntimeError, ValueError) as error:
        raise InputError(f"this is no batch job that has a quantum processor ({error}); {HOW}") from None
    found = dict(zip(names, kinds, strict=True))
    if not name and len(found) == 1:
        name = next(iter(found))
    if not name:
        told = f"there are several: {', '.join(sorted(found))}; name one of them, qrmi:NAME" if found else HOW
        raise InputError(f"which quantum processor of the batch job? {told}")
    if name not in found:
        raise unknown_name("quantum processor of this batch job", name, found)
    if found[name] not in KINDS:
        raise InputError(
            f"the resource {name!r} is of the type {found[name]!r}, whose programs are not written here; those with "
            f"circuits are {', '.join(KINDS)}"
        )
    return name, found[name]
