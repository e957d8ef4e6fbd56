"""``python -m hybridq.testing NAME``: hold an installed backend to its promises."""

from __future__ import annotations

import argparse
import ast
import sys
import time
from collections.abc import Sequence
from typing import Any

from hybridq.contract.errors import HybridqError, InputError
from hybridq.registry import backend
from hybridq.testing.installed import InstalledConformance
from hybridq.testing.promises import check


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each promise with pass, fail or skip.

    Returns:
        0 where no promise failed, 1 where one did, 2 where the backend is not known or cannot be made.
    """
    parser = argparse.ArgumentParser(prog="python -m hybridq.testing", description=__doc__)
    parser.add_argument("name", help="backend, as registered by its distribution")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="option of the backend")
    parser.add_argument("--only", default="", metavar="WORDS", help="only promises whose name contains these words")
    parser.add_argument("--qubits", type=int, default=8, help="of the widest circuit; 6 spares slow or paid hardware")
    asked = parser.parse_args(arguments)
    try:
        options = dict(_option(text) for text in asked.option)
        backend(asked.name, **options)
    except HybridqError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2

    tally = {"pass": 0, "fail": 0, "skip": 0}
    start = time.perf_counter()
    for outcome in check(InstalledConformance(asked.name, options, asked.qubits), asked.only.strip().replace(" ", "_")):
        tally[outcome.verdict] += 1
        print(
            f"{outcome.verdict}  {outcome.promise}" + (f"\n      {outcome.reason}" if outcome.reason else ""),
            flush=True,
        )
    seconds = time.perf_counter() - start
    print(f"{asked.name}: {tally['pass']} kept, {tally['fail']} broken, {tally['skip']} skipped in {seconds:.1f} s")
    if not sum(tally.values()):
        print(f"error: no promise contains {asked.only!r}", file=sys.stderr)
        return 2
    return 1 if tally["fail"] else 0


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--option takes KEY=VALUE, got {text!r}")
    try:
        return key.strip(), ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key.strip(), value


if __name__ == "__main__":
    sys.exit(main())
