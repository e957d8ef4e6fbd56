"""The service: credentials from the environment or Qiskit's account file, and a client that never repeats a POST."""

from __future__ import annotations

import os
from typing import Any

from hybridq.contract.errors import BackendError, HybridqError, InputError, MissingPackage, unknown_name
from hybridq.hardware.calls import described
from hybridq.hardware.remedies import status_of

TOKEN = "QISKIT_IBM_TOKEN"
INSTANCE = "QISKIT_IBM_INSTANCE"
URL = "QISKIT_IBM_URL"
ACCOUNT = "QISKIT_IBM_ACCOUNT"
CHANNEL = "ibm_quantum_platform"
HOW = (
    f"set {TOKEN} (an API key) and, where you have several, {INSTANCE} (its CRN); or save them once, with Qiskit's "
    "QiskitRuntimeService.save_account(...). hybridq neither asks for nor keeps them"
)
ANSWER = (5.0, 90.0)  # seconds to connect, and for an answer


def service_from_environment() -> Any:
    """A `QiskitRuntimeService` for the account of the environment, or of Qiskit's own account file.

    Raises:
        InputError: there are no credentials, or the service does not take them.
        BackendError: the service does not answer.
        MissingPackage: qiskit-ibm-runtime is not installed.
    """
    try:
        from qiskit_ibm_runtime import QiskitRuntimeService
        from qiskit_ibm_runtime.accounts import AccountNotFoundError
    except ImportError:
        raise MissingPackage(
            "IBM's devices need qiskit-ibm-runtime: install hybridq-sdk with its extra ibm "
            "(pip install 'hybridq-sdk[ibm]')"
        ) from None
    words: dict[str, Any] = {}
    if os.environ.get(TOKEN):
        words = {"channel": CHANNEL, "token": os.environ[TOKEN]}
        if os.environ.get(URL):
            words["url"] = os.environ[URL]
    elif os.environ.get(ACCOUNT):
        words = {"name": os.environ[ACCOUNT]}
    if os.environ.get(INSTANCE):
        words["instance"] = os.environ[INSTANCE]
    try:
        made = QiskitRuntimeService(**words)
    except AccountNotFoundError:
        raise InputError(f"no credentials for IBM Quantum were found; {HOW}") from None
    except Exception as error:
        raise _unable(error) from None
    careful(made)
    return made


def _unable(error: Exception) -> HybridqError:
    """What to say where no service could be made; its own message may blame the key for a server that is down."""
    told = without_secrets(described(error))
    if status_of(error) in (401, 403) or "nstance" in told:
        return InputError(f"IBM Quantum does not take the credentials: {told}; {HOW}")
    return BackendError(
        f"IBM Quantum gave no session ({told}): the service may be out of reach, or the API key wrong; {HOW}. Behind a "
        "proxy set HTTPS_PROXY",
        retryable=True,
    )


def without_secrets(text: str) -> str:
    """The same text without the API key, whoever put it there."""
    for name in (TOKEN, "IQP_API_TOKEN", "QISKIT_IBM_RUNTIME_TOKEN"):
        secret = os.environ.get(name)
        if secret:
            text = text.replace(secret, "...")
    return text


def careful(service: Any) -> None:
    """Make the client repeat no POST, and wait for no answer for ever.

    A POST that was answered by 502 or 504 may have been taken, and its repetition would be a second job to pay for;
    hybridq looks for the job instead. This reaches into the client; where its inside has changed nothing is done, and
    jobs that were submitted twice are found by their tag and cancelled.
    """
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    clients = [getattr(service, "_active_api_client", None), *getattr(service, "_api_clients", {}).values()]
    for client in clients:
        for inner in (client, getattr(client, "_api", None)):
            session = getattr(inner, "_session", None) or getattr(inner, "session", None)
            if session is None or not hasattr(session, "mount"):
                continue
            retry = Retry(
                total=3,
                connect=3,
                backoff_factor=0.5,
                status_forcelist=(500, 502, 503, 504, 520, 521, 522, 524),
                allowed_methods=frozenset({"GET", "HEAD"}),
            )
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=retry))
            if hasattr(session, "_timeout"):
                session._timeout = ANSWER


def backend_of(service: Any, name: str) -> Any:
    """A backend of the service.

    Raises:
        InputError: there is none of this name; the message lists those that the account sees.
        BackendError: the service does not answer.
    """
    try:
        visible = service.backends(simulator=False) if name == "least_busy" else service.backends()
    except Exception as error:
        told = without_secrets(described(error))
        raise BackendError(f"IBM Quantum does not list its devices: {told}; try again", retryable=True) from None
    careful(service)  # it may have made another client for another instance
    by_name = {str(backend.name): backend for backend in visible}
    if name == "least_busy":
        if not by_name:
            raise InputError("this account sees no device; check its instance and plan")
        return min(by_name.values(), key=_queue)
    if name not in by_name:
        raise unknown_name("device of IBM", name, by_name, hint="These are the devices that this account sees.")
    return by_name[name]


def _queue(backend: Any) -> tuple[bool, int]:
    status = backend.status()
    return not status.operational, int(status.pending_jobs)
