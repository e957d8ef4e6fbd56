"""``hybridq export``: the records of a run as CSV or JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hybridq.cli import ending
from hybridq.cli.output import print_json, speaks
from hybridq.contract.errors import InputError


def run(asked: argparse.Namespace) -> int:
    """Write a table of a run to stdout or to a file; only reads the run.

    Raises:
        InputError: there is no run, it is damaged or has no such table, or the file cannot be written.
        JournalMismatch: a newer hybridq wrote it.
    """
    if not speaks():
        return ending.OK
    from hybridq.loops.inspection import table

    if asked.json and asked.format == "csv" and asked.output is None:
        raise InputError("--json asks for JSON and --format for csv on the same stdout; give one of them, or --output")
    if asked.output is not None:
        check_outside(asked.output, asked.folder)
    found = table(asked.folder, asked.what)
    as_json = asked.json if asked.output is None else Path(asked.output).suffix.lower() == ".json"
    if asked.format is not None:
        as_json = asked.format == "json"
    text = found.to_json() if as_json else found.to_csv()
    if asked.output is None:
        sys.stdout.write(text)
        return ending.OK
    _write(Path(asked.output), text, force=asked.force)
    if asked.json:
        print_json({"run": found.run, "what": found.what, "rows": len(found.rows), "output": asked.output})
    return ending.OK


def check_outside(output: str, folder: str) -> None:
    """Hold a file that is to be written apart from the run, which has a writer of its own.

    Raises:
        InputError: it lies in the run folder.
    """
    run = Path(folder).resolve()
    run = run.parent if run.is_file() else run
    if run.is_dir() and Path(output).resolve().is_relative_to(run):
        raise InputError(f"{output} is in the run folder {folder}, where only the run writes; give a place outside it")


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        with open(path, "w" if force else "x") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{path} is there already; give another --output, or --force to replace it") from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
