"""Dividing options: which are a device's and which are `DeviceBackend`'s, for backends of one vendor."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hybridq.contract.errors import unknown_name
from hybridq.contract.options import check_options
from hybridq.hardware.backend import DeviceBackend


def divided(
    owner: str, device: Callable[..., Any], options: Mapping[str, Any], *, reserved: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keyword arguments for a device and those for its `DeviceBackend`.

    Args:
        owner: whose options they are, for messages, such as "backend 'qiskit'".
        device: a device's class.
        options: by name.
        reserved: what the owner gives to the device itself, and users cannot.

    Raises:
        InputError: an option is unknown to both, or has a wrong type; the message lists the known ones.
    """
    theirs = [name for name in _keywords(device) if name not in reserved]
    ours = [name for name in _keywords(DeviceBackend) if name not in theirs]
    for name in options:
        if name not in theirs and name not in ours:
            raise unknown_name(f"option of {owner}", name, [*theirs, *ours])
    for_device = {name: value for name, value in options.items() if name in theirs}
    for_backend = {name: value for name, value in options.items() if name in ours}
    # Positional arguments are the owner's business, so that only what has a default is compared here.
    check_options(owner, DeviceBackend, for_backend, skip=1)
    check_options(owner, device, for_device, skip=1)
    return for_device, for_backend


def _keywords(function: Callable[..., Any]) -> list[str]:
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
