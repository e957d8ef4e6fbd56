"""The arguments of ``hybridq new-backend``."""

from __future__ import annotations

import argparse

KINDS = ("simulator", "device")


def add_new_backend(parser: argparse.ArgumentParser) -> None:
    """Name, kind and folder."""
    parser.add_argument("name", metavar="NAME", help="backend, as users will write it; letters, digits, - and _")
    parser.add_argument(
        "--kind", choices=KINDS, default="simulator", help="what computes: a library here, or jobs at a vendor's"
    )
    parser.add_argument("--folder", metavar="DIR", help="where to write it (default: hybridq-NAME)")
