"""HostBackend: a backend of another environment, by name."""

from __future__ import annotations

import inspect
import os
import re
from typing import Any

from hybridq.contract.errors import InputError
from hybridq.contract.options import check_options
from hybridq.hardware import DeviceBackend
from hybridq_host.device import HostedDevice


class HostBackend(DeviceBackend):
    """Energies and counts of a device in another environment; see `HostedDevice`.

    Args:
        name: the backend there, such as "aqt:offline_simulator_no_noise".
        python: that environment's interpreter; None takes the environment variable HYBRIDQ_HOST_AQT (for "aqt...").
        **options: those of `DeviceBackend`; others are for the backend there.

    Raises:
        InputError: no name, no interpreter, or an option that makes no sense.
        BackendError: the host does not start, or the backend cannot be made there.
    """

    def __init__(self, name: str = "", *, python: str | None = None, **options: Any) -> None:
        if not name:
            raise InputError("which backend of the other environment? Ask for it as host:NAME, such as host:aqt:NAME")
        known = inspect.signature(DeviceBackend).parameters
        ours = {key: value for key, value in options.items() if key in known}
        check_options("backend 'host'", DeviceBackend, ours, skip=1)
        theirs = {key: value for key, value in options.items() if key not in known}
        device = HostedDevice(interpreter(name, python), name, theirs)
        # What ended with its host cannot be found again, and is free to be done again.
        ours.setdefault("resubmit_lost", device.local)
        super().__init__(device, **ours)


def interpreter(name: str, python: str | None) -> str:
    """The Python of the environment for a backend.

    Raises:
        InputError: it is given nowhere.
    """
    variable = variable_for(name)
    found = python or os.environ.get(variable)
    if not found:
        raise InputError(
            f"where is the environment of {name!r}? Give its Python as the option python=/path/to/bin/python, or set "
            f"{variable}"
        )
    return os.path.expanduser(found)


def variable_for(name: str) -> str:
    """The environment variable that leads to a backend's environment: HYBRIDQ_HOST_AQT for "aqt:..."."""
    return "HYBRIDQ_HOST_" + re.sub(r"\W", "_", name.partition(":")[0]).upper()
