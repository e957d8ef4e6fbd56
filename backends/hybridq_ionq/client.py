"""IonQ's client, made to fail at once and without secrets."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from hybridq.contract.errors import BackendError, InputError, MissingPackage, unknown_name
from hybridq.hardware import Remedy
from hybridq.hardware.remedies import remedy_of, status_of

T = TypeVar("T")
ASKED = ("submit_job", "retrieve_job", "cancel_job", "get_results")
TIMEOUT = 30  # seconds, as the client has it
PAGE = 100
PAGES = 50


class ServiceError(Exception):
    """What IonQ's service or the way to it answered.

    Attributes:
        status_code: of HTTP; None where there was no answer.
        remedy: what to do about it.
    """

    def __init__(self, message: str, status_code: int | None, remedy: Remedy) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.remedy = remedy


def provider_from_environment() -> Any:
    """IonQ's provider, with the key and the address that its client finds.

    Raises:
        InputError: there is no key.
        MissingPackage: qiskit-ionq is not installed.
    """
    try:
        import qiskit_ionq
    except ImportError as error:
        raise MissingPackage(
            f"this needs qiskit-ionq, which cannot be imported ({error}); pip install qiskit-ionq"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for devices that nobody asked for, and advises on other settings
        provider = qiskit_ionq.IonQProvider()
    if not provider.credentials.get("token"):
        raise InputError("there is no key for IonQ; set IONQ_API_KEY to yours, from cloud.ionq.com")
    return provider


def backend_of(provider: Any, name: str, gateset: str, noise_model: str | None) -> Any:
    """A backend of IonQ's by the service's own name, such as "simulator" or "qpu.forte-1".

    Raises:
        InputError: the service has no such backend; the message lists those it shows.
        BackendError: the service does not say how many qubits it has.
    """
    words = {} if noise_model is None else {"noise_model": noise_model}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backend = provider.get_backend(name, gateset=gateset)
        client = quick(backend)
        if words:
            backend.set_options(**words)
    try:
        shown = asked(client, lambda: _get(client, "backends"))
    except ServiceError as error:
        told = "check the key in IONQ_API_KEY" if error.status_code in (401, 403) else "try again later"
        raise BackendError(f"IonQ does not list its backends: {error}; {told}", retryable=True) from None
    widths = {str(one.get("backend")): one.get("qubits") for one in shown if isinstance(one, dict)}
    if name not in widths:
        raise unknown_name("backend of IonQ", name, widths)
    if backend.num_qubits != widths[name]:
        raise BackendError(
            f"IonQ says that {name} has {widths[name]} qubits, and its client learned {backend.num_qubits}: the "
            "service was not well, or IONQ_API_URL is not where the client asks; try again",
            retryable=True,
        )
    return backend


def quick(backend: Any) -> Any:
    """The backend's client, which now tries once: trying again is `DeviceBackend`'s, which looks before it does.

    The client's own ways are to hand in a job five times without a pause, taken or not, and to ask for ever.
    """
    client = backend.client
    for name in ASKED:
        plain = getattr(getattr(type(client), name, None), "__wrapped__", None)
        if plain is not None:
            setattr(client, name, functools.partial(plain, client))
    return client


def asked(client: Any, call: Callable[[], T]) -> T:
    """What a call gives.

    Raises:
        ServiceError: it failed; the key is not in the message.
    """
    import requests
    from qiskit_ionq.exceptions import IonQError

    try:
        return call()
    except (IonQError, requests.exceptions.RequestException) as error:
        found = getattr(error, "_cause", error)
        message = " ".join(str(getattr(found, "message", None) or found).split())
        for secret in _secrets(client):
            message = message.replace(secret, "***")
        clean = ServiceError(f"{type(found).__name__}: {message[:300]}", status_of(found), remedy_of(found))
    # Outside of the handler, so that what the client raised, which may hold the key, is not carried along.
    raise clean


def jobs_named(client: Any, name: str, target: str) -> list[str] | None:
    """Ids of the jobs with this name, oldest first; None where the service shows too many to be sure.

    Raises:
        ServiceError: the service failed.
    """
    found: list[tuple[str, str]] = []
    cursor: str | None = None
    for _ in range(PAGES):
        words = {"target": target, "limit": PAGE, **({"next": cursor} if cursor else {})}
        page = asked(client, lambda words=words: _get(client, "jobs", **words))  # type: ignore[misc]
        jobs = page.get("jobs") if isinstance(page, dict) else None
        if not isinstance(jobs, list):
            return None
        for job in jobs:
            if "name" not in job:  # it lists less than it knows
                job = asked(client, lambda job=job: client.retrieve_job(job["id"]))  # type: ignore[misc]
            if job.get("name") == name:
                found.append((str(job.get("submitted_at", "")), str(job["id"])))
        cursor = page.get("next")
        if not cursor:
            return [job_id for _, job_id in sorted(found, key=lambda one: one[0])]
    return None


def _get(client: Any, *path: str, **params: Any) -> Any:
    from qiskit_ionq.exceptions import IonQAPIError

    response = client.get_with_retry(
        client.make_path(*path), params=params, headers=client.api_headers, timeout=TIMEOUT
    )
    IonQAPIError.raise_for_status(response)
    return response.json()


def _secrets(client: Any) -> list[str]:
    token = getattr(client, "_token", None)
    return [token] if isinstance(token, str) and len(token) > 3 else []
