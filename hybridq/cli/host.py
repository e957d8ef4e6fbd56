"""``hybridq host``: serve a backend's device over a pipe, for a hybridq in another environment."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import Any

from hybridq.cli.options import as_options
from hybridq.cli.output import to_stderr
from hybridq.contract.errors import InputError
from hybridq.hardware.host.masking import secrets_among


def run(asked: argparse.Namespace) -> int:
    """Serve until stdin closes or the parent ends.

    Raises:
        InputError: an option holds a secret, which other users of this machine could read.
    """
    given = as_options(asked.option)
    secret = secrets_among(given)
    if secret:
        raise InputError(
            f"{', '.join(secret)}: arguments of a process can be read by others on this machine; set an environment "
            "variable of the vendor's instead"
        )
    from hybridq import __version__
    from hybridq.hardware.host.server import end_with_parent, private_streams, serve

    if sys.stdin is not None and sys.stdin.isatty():
        to_stderr("this is to be started by hybridq in another environment: backend host:NAME; Ctrl-D ends it")
    end_with_parent()
    requests, answers = private_streams()
    serve(lambda options: device_of(asked.name, {**given, **options}), requests, answers, __version__)
    # Threads may hang at the vendor's, and nobody waits for them any more.
    os._exit(0)


def device_of(name: str, options: Mapping[str, Any]) -> Any:
    """The device of a backend.

    Raises:
        InputError: the backend has none, or the name or an option is wrong.
        BackendError: it cannot be made.
    """
    from hybridq.registry import backend

    made = backend(name, **options)
    device = getattr(made, "device", None)
    if device is None or not callable(getattr(device, "remedy", None)):
        raise InputError(
            f"backend {name!r} is no quantum hardware (no DeviceBackend), and only hardware can be had through a host; "
            "install it where it is used"
        )
    return device
