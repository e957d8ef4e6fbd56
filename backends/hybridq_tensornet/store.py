"""Plans kept on disk, by what they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import warnings
from contextlib import suppress
from pathlib import Path as File
from typing import Any

from hybridq.contract.calibration import file
from hybridq_tensornet.network import Network
from hybridq_tensornet.plan import Plan
from hybridq_tensornet.tree import work_of

SCHEMA_VERSION = 1
KEPT = 500  # files; the oldest beyond are removed


def folder() -> File:
    """Where plans are kept: beside the calibration, in `HYBRIDQ_CACHE` or the user's cache folder."""
    return file().parent / "plans"


def load(network: Network, key: str) -> Plan | None:
    """The plan kept under a key for a network; None where there is none.

    One that is torn, of another version, or for another network counts as none, with a warning.
    """
    path = folder() / f"{key}.json"
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    except OSError as error:
        _warn(path, error.strerror or str(error))
        return None
    try:
        body, _, check = text.rpartition("\n")
        if hashlib.sha256(body.encode()).hexdigest() != check:
            raise ValueError("it is torn")
        data = json.loads(body)
        if data["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"it is of version {data['schema_version']}, this hybridq writes {SCHEMA_VERSION}")
        return _plan(network, data)
    except (ValueError, KeyError, TypeError) as error:
        _warn(path, str(error))
        return None


def save(key: str, plan: Plan) -> None:
    """Keep a plan; where that is not possible it will be made again."""
    body = json.dumps(
        {"schema_version": SCHEMA_VERSION, "path": plan.path, "sliced": plan.sliced, "source": plan.source}
    )
    target = folder() / f"{key}.json"
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(body + "\n" + hashlib.sha256(body.encode()).hexdigest())
        os.replace(temporary, target)
        _prune(target.parent)
    except OSError:
        with suppress(OSError):
            temporary.unlink()


def _plan(network: Network, data: dict[str, Any]) -> Plan:
    path = tuple((int(left), int(right)) for left, right in data["path"])
    sliced = tuple(int(mode) for mode in data["sliced"])
    n = len(network.inputs)
    used = sorted(k for pair in path for k in pair)
    if len(path) != n - 1 or used != list(range(2 * n - 2)) or any(max(p) >= n + i for i, p in enumerate(path)):
        raise ValueError("it is for another network")
    if any(mode not in network.sizes or mode in network.output for mode in sliced):
        raise ValueError("it slices modes that the network has not")
    n_slices = 1
    for mode in sliced:
        n_slices *= network.sizes[mode]
    return Plan(path, sliced, n_slices, work_of(network, path, sliced), str(data["source"]))


def _prune(where: File) -> None:
    files = sorted(where.glob("*.json"), key=lambda f: f.stat().st_mtime)
    for old in files[: max(0, len(files) - KEPT)]:
        with suppress(OSError):
            old.unlink()


def _warn(path: File, why: str) -> None:
    warnings.warn(f"the contraction plan {path} is not used: {why}; it is made again", stacklevel=4)
