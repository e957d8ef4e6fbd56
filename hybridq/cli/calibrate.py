"""``hybridq calibrate``: measure this host, so that predictions fit it."""

from __future__ import annotations

import argparse
import time
from typing import Any

from hybridq.cli import ending
from hybridq.cli.output import print_json, speaks


def run(asked: argparse.Namespace) -> int:
    """Measure the named backends, or all; one that cannot be measured is told of, and the others go on."""
    if not speaks():
        return ending.OK
    from hybridq.contract import calibration
    from hybridq.contract.calibration import Calibrating
    from hybridq.contract.errors import InputError
    from hybridq.registry import backend, backend_names

    found: dict[str, dict[str, Any]] = {}
    for name in asked.backends or [entry.name for entry in backend_names()]:
        began = time.perf_counter()
        try:
            made = backend(name)
            if not isinstance(made, Calibrating):
                found[name] = {"skipped": "its predictions do not depend on the host"}
                continue
            rates = made.calibrate()
            calibration.store(name, rates)
            found[name] = {"seconds": round(time.perf_counter() - began, 2), "rates": dict(rates)}
        except InputError:
            raise
        except Exception as error:
            if asked.backends:
                raise
            found[name] = {"skipped": f"{type(error).__name__}: {error}"}
    if asked.json:
        print_json({"host": calibration.host(), "file": str(calibration.file()), "backends": found})
        return ending.OK
    print(f"{calibration.host()}")
    for name, told in found.items():
        if "skipped" in told:
            print(f"{name:<12} skipped: {told['skipped']}")
        else:
            shown = ", ".join(f"{key} {value:.3g}" for key, value in told["rates"].items())
            print(f"{name:<12} {told['seconds']:.1f} s: {shown}")
    print(f"kept in {calibration.file()}")
    return ending.OK
