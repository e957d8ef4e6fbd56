"""Texts of the command line as values: options by name, lists of orbitals, numbers of electrons."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Sequence
from typing import Any

WORDS = {"true": True, "false": False, "none": None}


def key_value(text: str) -> tuple[str, Any]:
    """``key=value``; the value is a Python literal (``3``, ``1e-3``, ``[1, 2]``), true, false, none, or a text.

    Raises:
        argparse.ArgumentTypeError: there is no ``=`` or no key.
    """
    key, equals, value = text.partition("=")
    name = key.strip().replace("-", "_")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    word = value.strip()
    if word.lower() in WORDS:
        return name, WORDS[word.lower()]
    try:
        return name, ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return name, value


def as_options(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Options by name; the last of several for one name counts."""
    return dict(pairs)


def as_budget(pairs: Sequence[tuple[str, Any]] | None) -> dict[str, Any] | None:
    """Limits by name; None where none were given."""
    return None if pairs is None else dict(pairs)


def seed(text: str) -> int:
    """A whole number of at least 0.

    Raises:
        argparse.ArgumentTypeError: something else.
    """
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; give a whole number of at least 0")
    return int(text)


def duration(text: str) -> float:
    """Seconds: ``90``, ``1:30:00``, ``2-00:00:00`` (days first), ``90s``, ``90m``, ``1.5h`` or ``2d``.

    Raises:
        argparse.ArgumentTypeError: something else, or nothing above 0.
    """
    found = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d)(?::(\d\d))?", text)
    if found:
        days, first, second, third = (int(part or 0) for part in found.groups())
        clock = first * 3600 + second * 60 + third if found[4] or found[1] else first * 60 + second
        seconds = float(days * 86400 + clock)
    else:
        found = re.fullmatch(r"(\d+(?:\.\d*)?)([smhd]?)", text)
        seconds = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]] if found else 0.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write seconds, 1:30:00, 90m or 1.5h")
    return seconds


def electrons(text: str) -> int | tuple[int, int]:
    """``6`` or, for alpha and beta electrons, ``4,2``.

    Raises:
        argparse.ArgumentTypeError: something else.
    """
    try:
        numbers = [int(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        return numbers[0]
    if len(numbers) == 2:
        return numbers[0], numbers[1]
    raise argparse.ArgumentTypeError(f"{text!r} is no number of electrons; write 6, or 4,2 for alpha and beta")


def orbital_list(text: str) -> tuple[int, ...]:
    """``3,4,5``, counted from 0.

    Raises:
        argparse.ArgumentTypeError: something else.
    """
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of orbitals; write them with commas, from 0: 3,4,5"
        ) from None


def number_list(text: str) -> tuple[float, ...]:
    """``0.9,1.0,1.1``.

    Raises:
        argparse.ArgumentTypeError: something else.
    """
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers; write 0.9,1.0,1.1") from None
