"""``hybridq circuits``: circuit families and their options."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from typing import Any

from hybridq.cli import ending
from hybridq.cli.output import print_json, speaks, stdout_kept_clean


def run(asked: argparse.Namespace) -> int:
    """List the circuit families; a broken one is listed with the reason.

    Raises:
        InputError: two distributions offer the same name.
    """
    if not speaks():
        return ending.OK
    with stdout_kept_clean():
        found = describe()
    if asked.json:
        print_json({"circuits": found})
        return ending.OK
    for one in found:
        print(f"{one['name']:<22} {one['distribution']} {one['version']}")
        if one["broken"] is not None:
            print(f"  broken: {one['broken']}")
            continue
        print(f"  {one['about']}")
        for option in one["options"]:
            default = "" if option["required"] else f" = {option['default']!r}"
            kind = f": {option['type']}" if option["type"] else ""
            print(f"    {option['name']}{kind}{default}")
    if not found:
        print("no circuit family is installed")
    return ending.OK


def describe() -> list[dict[str, Any]]:
    """Each installed family as JSON can hold it, with its options and their defaults.

    Raises:
        InputError: two distributions offer the same name.
    """
    from hybridq.registry import circuit_family, circuit_names

    found = []
    for entry in circuit_names(load=True):
        about: dict[str, Any] = {
            "name": entry.name,
            "distribution": entry.distribution,
            "version": entry.version,
            "broken": entry.broken,
        }
        if entry.broken is None:
            family = circuit_family(entry.name)
            about["about"] = (inspect.getdoc(family) or "no description").splitlines()[0]
            about["options"] = _options(family)
        found.append(about)
    return found


def _options(family: Callable[..., Any]) -> list[dict[str, Any]]:
    parameters = list(inspect.signature(family).parameters.values())[1:]  # the first is the problem
    return [
        {
            "name": p.name,
            "type": "" if p.annotation is p.empty else str(p.annotation),
            "default": None if p.default is p.empty else _plain(p.default),
            "required": p.default is p.empty,
        }
        for p in parameters
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]


def _plain(default: Any) -> Any:
    return default if default is None or isinstance(default, bool | int | float | str) else repr(default)
