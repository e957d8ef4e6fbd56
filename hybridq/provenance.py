"""Who computed something: versions, host, commit, ranks."""

from __future__ import annotations

import os
import platform
import socket
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "scipy", "pyscf", "numba", "qiskit", "pennylane", "mpi4py")


def package_version(name: str) -> str | None:
    """Version of an installed distribution, without importing it; None where absent."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def commit() -> str | None:
    """The commit of the source tree that hybridq runs from, None where it is not a git checkout."""
    git = Path(__file__).resolve().parent.parent / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        ref = head.removeprefix("ref: ")
        loose = git / ref
        if loose.exists():
            return loose.read_text().strip()
        packed = (git / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {ref}")), None)
    except OSError:
        return None


def provenance(ranks: int = 1) -> dict[str, Any]:
    """What a result should carry, as JSON can hold it."""
    from hybridq import __version__

    found = {name: package_version(name) for name in PACKAGES}
    return {
        "hybridq": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "packages": {name: v for name, v in found.items() if v is not None},
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "ranks": ranks,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
