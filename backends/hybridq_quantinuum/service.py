"""Quantinuum Nexus by its own client: its login, its machines, a project, and errors without secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hybridq.contract.errors import BackendError, InputError, MissingPackage, unknown_name
from hybridq.hardware.calls import described
from hybridq.hardware.device import Remedy
from hybridq.hardware.remedies import remedy_of, status_of
from hybridq_quantinuum.device import NEEDS

T = TypeVar("T")
LOGIN = "log in once with Quantinuum's own command, qnx login; hybridq neither asks for nor keeps what it gives"
TIMES = {"connect": 10.0, "read": 90.0, "write": 90.0, "pool": 90.0}  # seconds
SHORTEST = 6  # characters of a secret


class NexusError(Exception):
    """What Nexus or the way to it answered.

    Attributes:
        status_code: of HTTP; None where there was no answer.
        remedy: what to do about it.
        kind: the class of the client's error.
    """

    def __init__(self, message: str, status_code: int | None, remedy: Remedy, kind: str) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.remedy = remedy
        self.kind = kind


def nexus() -> Any:
    """Nexus's client, which now waits for no answer for ever; it never repeats a request by itself.

    Raises:
        MissingPackage: qnexus is not installed.
    """
    try:
        import httpx
        import qnexus
        from qnexus.client import get_nexus_client
    except ImportError as error:
        raise MissingPackage(NEEDS.format(package="qnexus", error=error)) from error
    get_nexus_client().timeout = httpx.Timeout(**TIMES)
    return qnexus


def asked(call: Callable[[], T]) -> T:
    """What a call gives.

    Raises:
        NexusError: it failed; no token is in the message.
    """
    try:
        return call()
    except Exception as error:
        kind = type(error).__name__
        message = described(error)
        for secret in _secrets():
            message = message.replace(secret, "***")
        remedy = Remedy.ASK if kind == "AuthenticationError" else remedy_of(error)
        clean = NexusError(message, status_of(error), remedy, kind)
    # Outside of the handler, so that what the client raised, whose request holds the token, is not carried along.
    raise clean


def machine_of(client: Any, name: str) -> Any:
    """What Nexus says of a machine: pytket's ``BackendInfo``.

    Raises:
        InputError: no login, or this account sees no such machine; the message lists those it sees.
        BackendError: Nexus does not answer.
    """
    issuers = [client.models.IssuerEnum.QUANTINUUM]
    try:
        shown = asked(lambda: client.devices.get_all(issuers=issuers))
    except NexusError as error:
        if error.remedy is Remedy.ASK:
            raise InputError(f"Quantinuum Nexus does not let you in ({error}); {LOGIN}") from None
        raise BackendError(f"Quantinuum Nexus does not list its machines: {error}; try again", retryable=True) from None
    by_name = {str(one.device_name): one for one in shown}
    if name not in by_name:
        raise unknown_name(
            "machine of Quantinuum's", name, by_name, hint="These are the machines that this account sees."
        )
    return by_name[name].backend_info


def project_named(client: Any, name: str, *, make: bool) -> Any:
    """The oldest project of this name; where there is none, a new one or None.

    Raises:
        NexusError: Nexus failed.
    """
    order = [_oldest_first()]
    found = asked(lambda: client.projects.get_all(name_exact=[name], sort_filters=order).list())
    if found or not make:
        return found[0] if found else None
    return asked(lambda: client.projects.create(name=name, description="hybridq: variational quantum chemistry"))


def jobs_named(client: Any, project: Any, name: str) -> list[str]:
    """Ids of the execute jobs with this name, oldest first.

    Raises:
        NexusError: Nexus failed.
    """
    from qnexus.models.references import JobType

    order = [_oldest_first()]
    words = {"name_exact": [name], "project": project, "job_type": [JobType.EXECUTE], "sort_filters": order}
    found = asked(lambda: client.jobs.get_all(**words).list())
    return [str(job.id) for job in found if job.annotations.name == name]


def _oldest_first() -> Any:
    from qnexus.models.filters import SortFilterEnum

    return SortFilterEnum.CREATED_ASC


def _secrets() -> list[str]:
    """The tokens that the client sends, longest first."""
    from qnexus.client import get_nexus_client

    cookies = getattr(getattr(get_nexus_client(), "auth", None), "cookies", None)
    values = [str(cookie.value) for cookie in getattr(cookies, "jar", ())]
    return sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)
