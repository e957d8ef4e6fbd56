"""What was measured on this host: rates of each backend, kept in the user's cache."""

from __future__ import annotations

import json
import math
import os
import platform
import secrets
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from hybridq.contract.errors import InputError

SCHEMA_VERSION = 1
FOLDER = "HYBRIDQ_CACHE"


@runtime_checkable
class Calibrating(Protocol):
    """What a backend has besides the members of a `Backend` where its predictions depend on the host."""

    def calibrate(self) -> Mapping[str, float]:
        """Measure this host, in at most ten seconds; numbers that `stored` gives back to the backend's constructor."""
        ...


def cache_folder() -> Path:
    """Where hybridq keeps what outlives a process: `HYBRIDQ_CACHE`, else a place in the user's cache folder."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hybridq"


def file() -> Path:
    """Where rates are kept."""
    return cache_folder() / "calibration.json"


def host() -> str:
    """What rates depend on besides the backend: processor, its model, and how many there are."""
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {os.cpu_count()} processors"


def stored(name: str, known: Mapping[str, float] | None = None) -> dict[str, float]:
    """The rates of a backend on this host; empty where none were measured.

    Args:
        name: of the backend.
        known: the rates that it has, with their defaults; others are left out, as of another version.
    """
    rates = _read().get(host(), {}).get(name, {})
    found = {key: float(value) for key, value in rates.items() if _is_rate(value)}
    return found if known is None else {key: value for key, value in found.items() if key in known}


def store(name: str, rates: Mapping[str, float]) -> Path:
    """Keep a backend's rates; the file that holds them.

    Raises:
        InputError: a rate is no positive number, or the file cannot be written.
    """
    wrong = {key: value for key, value in rates.items() if not _is_rate(value)}
    if wrong:
        raise InputError(f"the calibration of {name!r} gave {wrong}; rates are positive and finite numbers")
    target = file()
    hosts = _read()
    hosts.setdefault(host(), {})[name] = dict(rates)
    text = json.dumps({"schema_version": SCHEMA_VERSION, "hosts": hosts}, indent=1) + "\n"
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text)
        os.replace(temporary, target)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise InputError(
            f"cannot write {target}: {error.strerror or error}; {FOLDER} can name another folder"
        ) from None
    return target


def _read() -> dict[str, dict[str, dict[str, Any]]]:
    path = file()
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        warnings.warn(f"{path} cannot be read ({error}); rates by default are used: hybridq calibrate", stacklevel=4)
        return {}
    if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
        return {}
    hosts = data.get("hosts")
    return hosts if isinstance(hosts, dict) else {}


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
