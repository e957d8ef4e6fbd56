"""The backend that a command line asks for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hybridq.cli.options import as_options
from hybridq.contract.errors import InputError

if TYPE_CHECKING:
    from hybridq.contract.backend import Backend


def asked_backend(asked: argparse.Namespace) -> str | Backend:
    """ "auto", or the backend of `--backend` with the options of `--backend-option`.

    Raises:
        InputError: no such backend or option, or options without a backend.
    """
    from hybridq.registry import backend

    options = as_options(asked.backend_option)
    if asked.backend.lower() != "auto":
        return backend(asked.backend, **options)
    if options:
        raise InputError(f"--backend-option {', '.join(options)} needs a --backend that it is for, got 'auto'")
    return "auto"
