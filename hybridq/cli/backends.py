"""``hybridq backends``: what is installed and what it takes."""

from __future__ import annotations

import argparse
from typing import Any

from hybridq.cli import ending
from hybridq.cli.output import print_json, speaks, stdout_kept_clean
from hybridq.contract.errors import HybridqError


def run(asked: argparse.Namespace) -> int:
    """List the backends; a broken one is listed with the reason.

    Raises:
        InputError: two distributions offer the same name.
    """
    if not speaks():
        return ending.OK
    with stdout_kept_clean():
        found = describe()
    if asked.json:
        print_json({"backends": found})
        return ending.OK
    for one in found:
        print(f"{one['name']:<22} {one['distribution']} {one['version']}")
        if one["broken"] is not None:
            print(f"  broken: {one['broken']}")
            continue
        if one["by_device"] is not None:
            print(f"  by device    {one['name']}:DEVICE. {one['by_device']}")
            continue
        print(f"  takes        {', '.join(one['languages'])}, up to {one['max_qubits']} qubits")
        print(f"  brings back  {', '.join(one['drivers'])} ({'exact' if one['exact'] else 'with statistical errors'})")
        durable = ", jobs can be found again" if one["durable_jobs"] else ""
        print(f"  under MPI    {one['placement']}{durable}")
    if not found:
        print("no backend is installed")
    return ending.OK


def describe() -> list[dict[str, Any]]:
    """Each installed backend as JSON can hold it; `broken` says why one cannot be used, and is None where it can.

    Raises:
        InputError: two distributions offer the same name.
    """
    from hybridq.registry import backend_names

    return [_one(entry.name, entry.distribution, entry.version, entry.broken) for entry in backend_names(load=True)]


def _one(name: str, distribution: str, version: str, broken: str | None) -> dict[str, Any]:
    from hybridq.registry import backend, by_device

    about: dict[str, Any] = {"name": name, "distribution": distribution, "version": version, "broken": broken}
    about["by_device"] = None if broken is not None else by_device(name)
    if broken is None and about["by_device"] is None:
        try:
            claims = backend(name).capabilities
        except HybridqError as error:
            return {**about, "broken": str(error)}
        except Exception as error:  # a plugin's constructor may raise anything; the others are still to be listed
            return {**about, "broken": f"it cannot be made: {type(error).__name__}: {error}"}
        about |= {
            "max_qubits": claims.max_qubits,
            "languages": sorted(claims.languages),
            "drivers": sorted(claims.drivers),
            "exact": claims.exact,
            "placement": claims.placement.value,
            "durable_jobs": claims.durable_jobs,
        }
    return about
