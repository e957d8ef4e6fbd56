"""Arguments of the commands that look at a run: status, export and plot."""

from __future__ import annotations

import argparse


def add_look(parser: argparse.ArgumentParser) -> None:
    """The folder of a run to look at."""
    parser.add_argument("folder", metavar="RUN", help="the folder of the run, whether it is living, finished or dead")


def add_export(parser: argparse.ArgumentParser) -> None:
    """Which records of a run, how, and where to."""
    add_look(parser)
    parser.add_argument(
        "--what",
        choices=("steps", "evaluations", "parameters", "growths", "points"),
        help="steps (default); evaluations, a line for each row of parameters; parameters, the same with the "
        "parameters; growths of an ADAPT-VQE; points of a scan (its default)",
    )
    parser.add_argument("--format", choices=("csv", "json"), help="default csv; json with --json or for a file *.json")
    parser.add_argument("--output", metavar="FILE", help="write there and not to stdout")
    parser.add_argument("--force", action="store_true", help="replace the file where it is there already")


def add_plot(parser: argparse.ArgumentParser) -> None:
    """Where a plot of a run goes."""
    add_look(parser)
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="png, pdf or svg; replaced where it is there (default: the run's name and .png)",
    )
