"""Where and with what a measurement was made, and where its numbers go."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridq.provenance import package_version, provenance

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"


def about() -> dict[str, Any]:
    """Host, versions, commit, and how busy the machine is with other work now (load averages)."""
    found = provenance()
    del found["ranks"]
    return {**found, "mpich": package_version("mpich"), "load": [round(x, 2) for x in os.getloadavg()]}


def save(name: str, data: Mapping[str, Any]) -> Path:
    """Write the numbers of a benchmark; returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(dict(data), indent=1) + "\n")
    return path
