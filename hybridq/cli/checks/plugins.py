"""Backends, circuit families and operator pools: which can be used, and why one cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hybridq.cli import backends as backend_list
from hybridq.cli import circuits as circuit_list
from hybridq.cli.checks.finding import Finding
from hybridq.contract.errors import InputError


def plugins() -> Iterator[Finding]:
    """Every installed backend, circuit family and operator pool."""
    yield from _one_kind("backend", backend_list.describe)
    yield from _one_kind("circuit", circuit_list.describe)
    yield from _one_kind("pool", circuit_list.describe_pools)


def _one_kind(kind: str, describe: Callable[[], list[dict[str, Any]]]) -> Iterator[Finding]:
    try:
        found = describe()
    except InputError as error:  # two distributions offer the same name
        yield Finding("fail", f"{kind}s", str(error), "uninstall one of them")
        return
    for one in found:
        subject, owner = f"{kind} {one['name']}", f"{one['distribution']} {one['version']}"
        if one["broken"] is None:
            yield Finding("ok", subject, owner)
        else:
            yield Finding("fail", subject, one["broken"], f"reinstall or uninstall {one['distribution']}")
    if not found:
        yield Finding(
            "fail",
            f"{kind}s",
            "none is installed",
            "install hybridq-sdk again: python -m pip install -e . in a checkout",
        )
