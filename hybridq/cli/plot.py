"""``hybridq plot``: the convergence of a run, as far as it came."""

from __future__ import annotations

import argparse
from pathlib import Path

from hybridq.cli import ending
from hybridq.cli.export import check_outside
from hybridq.cli.output import print_json, speaks
from hybridq.cli.running import check_plot


def run(asked: argparse.Namespace) -> int:
    """Plot a run; only reads it.

    Raises:
        InputError: there is no run, it is damaged or has no step yet, or the file cannot be written.
        JournalMismatch: a newer hybridq wrote it.
    """
    if not speaks():
        return ending.OK
    from hybridq.loops.inspection import plot_run

    output = asked.output if asked.output is not None else f"{Path(asked.folder).resolve().name}.png"
    check_outside(output, asked.folder)
    check_plot(output)
    plot_run(asked.folder, output)
    if asked.json:
        print_json({"run": asked.folder, "plot": output})
    else:
        print(f"plot written to {output}")
    return ending.OK
