"""Remedies: what to do about an error of a vendor's client, by its HTTP status or by where a connection broke."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hybridq.hardware.device import Remedy

DEPTH = 8  # errors behind an error

BY_STATUS = {
    401: Remedy.ASK,
    402: Remedy.ASK,
    403: Remedy.ASK,
    407: Remedy.ASK,
    408: Remedy.LOOK,
    425: Remedy.RETRY,
    429: Remedy.RETRY,
}
NOT_REACHED = (
    "ConnectTimeout",
    "ConnectTimeoutError",
    "ConnectionRefusedError",
    "EndpointConnectionError",
    "NameResolutionError",
    "NewConnectionError",
    "gaierror",
)
FOR_THE_USER = ("NoCredentialsError", "PartialCredentialsError", "ProxyError", "SSLError", "SSLCertVerificationError")
LOST = (
    "ChunkedEncodingError",
    "ConnectionClosedError",
    "ConnectionError",
    "ContentDecodingError",
    "IncompleteRead",
    "JSONDecodeError",
    "ProtocolError",
    "ReadTimeout",
    "ReadTimeoutError",
    "RemoteDisconnected",
    "ResponseStreamingError",
    "Timeout",
    "TimeoutError",
)


def remedy_of(error: BaseException) -> Remedy:
    """What to do about an error, where nothing more is known than what HTTP clients in Python say.

    A server's own trouble (500 and above) is taken as an answer that may hide a yes: 502 and 504 come from machines in
    between, and 500 and 503 may come after the work was noted.
    """
    chain = list(_behind(error))
    for link in chain:
        status = status_of(link)
        if status is not None:
            return Remedy.LOOK if status >= 500 else BY_STATUS.get(status, Remedy.GIVE_UP)
    names = [{base.__name__ for base in type(link).__mro__} for link in chain]
    # The innermost error knows best: a connection that was never made is wrapped in more general ones.
    for kinds, remedy in ((FOR_THE_USER, Remedy.ASK), (NOT_REACHED, Remedy.RETRY), (LOST, Remedy.LOOK)):
        if any(name & set(kinds) for name in names):
            return remedy
    return Remedy.GIVE_UP


def status_of(error: Any) -> int | None:
    """The HTTP status that an error carries: in itself, or in its response."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        response = response.get("ResponseMetadata", {})
        found = response.get("HTTPStatusCode") if isinstance(response, dict) else None
        return _status(found)
    for place in (error, response):
        for name in ("status_code", "http_status", "status", "code"):
            status = _status(getattr(place, name, None))
            if status is not None:
                return status
    return None


def _status(value: Any) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600
    return int(value) if known else None


def _behind(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from, and what it wraps."""
    waiting: list[Any] = [error]
    seen: list[BaseException] = []
    while waiting and len(seen) < DEPTH:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or any(link is one for one in seen):
            continue
        seen.append(link)
        yield link
        inner = [getattr(link, name, None) for name in ("__cause__", "__context__", "reason", "_cause")]
        waiting += [*inner, *link.args]
