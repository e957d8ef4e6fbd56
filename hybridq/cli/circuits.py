"""``hybridq circuits``: circuit families and operator pools, and their options."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hybridq.cli import ending
from hybridq.cli.output import print_json, speaks, stdout_kept_clean

if TYPE_CHECKING:
    from hybridq.registry import Entry


def run(asked: argparse.Namespace) -> int:
    """List the circuit families, then the operator pools; a broken one is listed with the reason.

    Raises:
        InputError: two distributions offer the same name.
    """
    if not speaks():
        return ending.OK
    with stdout_kept_clean():
        families, pools = describe(), describe_pools()
    if asked.json:
        print_json({"circuits": families, "pools": pools})
        return ending.OK
    _show(families, "no circuit family is installed")
    print("\noperator pools")
    _show(pools, "no operator pool is installed")
    return ending.OK


def describe() -> list[dict[str, Any]]:
    """Each installed circuit family as JSON can hold it, with its options and their defaults.

    Raises:
        InputError: two distributions offer the same name.
    """
    from hybridq.registry import circuit_family, circuit_names

    return _described(circuit_names(load=True), circuit_family)


def describe_pools() -> list[dict[str, Any]]:
    """The same for each installed operator pool.

    Raises:
        InputError: two distributions offer the same name.
    """
    from hybridq.registry import pool_function, pool_names

    return _described(pool_names(load=True), pool_function)


def _described(entries: Sequence[Entry], load: Callable[[str], Callable[..., Any]]) -> list[dict[str, Any]]:
    found = []
    for entry in entries:
        about: dict[str, Any] = {
            "name": entry.name,
            "distribution": entry.distribution,
            "version": entry.version,
            "broken": entry.broken,
        }
        if entry.broken is None:
            function = load(entry.name)
            about["about"] = (inspect.getdoc(function) or "no description").splitlines()[0]
            about["options"] = _options(function)
        found.append(about)
    return found


def _show(found: Sequence[dict[str, Any]], nothing: str) -> None:
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
        print(nothing)


def _options(function: Callable[..., Any]) -> list[dict[str, Any]]:
    parameters = list(inspect.signature(function).parameters.values())[1:]  # the first is the problem
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
