"""Readings: what Qiskit's jobs say, in hybridq's words."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError

STATUSES = {
    "initializing": Status.QUEUED,
    "initialized": Status.QUEUED,
    "created": Status.QUEUED,
    "submitted": Status.QUEUED,
    "validating": Status.QUEUED,
    "queued": Status.QUEUED,
    "ready": Status.QUEUED,
    "pending": Status.QUEUED,
    "running": Status.RUNNING,
    "started": Status.RUNNING,
    "done": Status.DONE,
    "completed": Status.DONE,
    "cancelled": Status.CANCELLED,
    "canceled": Status.CANCELLED,
    "cancelling": Status.CANCELLED,
    "aborted": Status.CANCELLED,
    "error": Status.FAILED,
    "failed": Status.FAILED,
}


def status_from(value: Any) -> Status:
    """Where a job stands, from an enumeration's member or a word.

    Raises:
        BackendError: the word is not known.
    """
    word = str(getattr(value, "name", value)).strip().lower()
    if word not in STATUSES:
        raise BackendError(f"the vendor's client says that the job is {word[:40]!r}, which is not known here")
    return STATUSES[word]


def counts_from(found: Any, n_bits: int | None = None) -> dict[str, int]:
    """Counts with keys of "0" and "1" only, from Qiskit's in whatever form.

    Args:
        found: a mapping from bits (with spaces between registers, or hexadecimal "0x...") to numbers.
        n_bits: length of the keys; None takes that of the longest.

    Raises:
        BackendError: a key is no string of bits.
    """
    if not isinstance(found, Mapping):
        raise BackendError(f"the vendor's client gave a {type(found).__name__} where counts were due")
    texts: list[tuple[str, int]] = []
    for key, number in found.items():
        text = str(key).replace(" ", "")
        try:
            bits = format(int(text, 16), "b") if text.lower().startswith("0x") else text
        except ValueError:
            bits = text
        if not bits or set(bits) - {"0", "1"}:
            raise BackendError(f"the counts name {str(key)[:40]!r}, which is no string of bits")
        texts.append((bits, int(number)))
    width = n_bits if n_bits is not None else max((len(bits) for bits, _ in texts), default=0)
    merged: dict[str, int] = {}
    for bits, number in texts:
        if len(bits) > width and set(bits[: len(bits) - width]) == {"0"}:
            bits = bits[len(bits) - width :]
        merged[bits.zfill(width)] = merged.get(bits.zfill(width), 0) + number
    return merged


def version_of(thing: Any) -> str:
    """ "package version" of the distribution that an object's class comes from; the package alone where unknown."""
    package = type(thing).__module__.partition(".")[0]
    try:
        return f"{package} {importlib.metadata.version(package.replace('_', '-'))}"
    except importlib.metadata.PackageNotFoundError:
        return package
