"""``hybridq status``: how a run stands."""

from __future__ import annotations

import argparse

from hybridq.cli import ending
from hybridq.cli.output import print_json, speaks


def run(asked: argparse.Namespace) -> int:
    """Tell how a run stands; only reads.

    Raises:
        InputError: there is no run, or it is damaged.
        JournalMismatch: a newer hybridq wrote it.
    """
    if not speaks():
        return ending.OK
    from hybridq.loops.inspection import status

    found = status(asked.folder)
    if asked.json:
        print_json(found.to_dict())
    else:
        print(found)
    return ending.OK
