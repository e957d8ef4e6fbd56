"""How much memory one process may still take."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hybridq.contract import cgroup
from hybridq.contract.errors import InputError
from hybridq.contract.launcher import launch
from hybridq.contract.threads import OnNode, ranks_on_node

_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def available_memory(comm: OnNode | None = None) -> int:
    """Memory in bytes that this process may still take: its share of what its node has free.

    The least of what the operating system calls available, what the control groups leave (both divided by the
    MPI ranks on this node), and what the process's own limit on address space leaves. ``HYBRIDQ_MEMORY``
    (such as ``8GiB``, for each process) replaces all of these.

    Raises:
        InputError: HYBRIDQ_MEMORY cannot be read.
    """
    asked = os.environ.get("HYBRIDQ_MEMORY")
    if asked is not None:
        try:
            return parse_bytes(asked)
        except InputError as error:
            raise InputError(f"HYBRIDQ_MEMORY: {error}") from None
    import psutil

    ranks = comm.local_size if comm is not None else ranks_on_node(launch())
    room = int(psutil.virtual_memory().available)
    in_group = group_memory()
    room = (room if in_group is None else min(room, in_group)) // ranks
    in_process = _address_space_left()
    return max(0, room if in_process is None else min(room, in_process))


def parse_bytes(text: str) -> int:
    """Bytes in a text such as ``8GiB`` (1024^3), ``8GB`` (1000^3), ``512M`` (1024^2) or ``1000000``.

    Raises:
        InputError: the text has another form, or names no memory at all.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGTP]?)(I?B)?\s*", text.upper())
    if match is None or float(match[1]) <= 0:
        raise InputError(f"{text!r} is no amount of memory; write a positive number and a unit, such as 8GiB or 512MB")
    if not match[2]:
        return int(float(match[1]))
    base = 1000 if match[3] == "B" else 1024
    return int(float(match[1]) * base ** _POWERS[match[2]])


def shown(amount: int) -> str:
    """Bytes with a unit for people: ``1.5 GiB``."""
    value = float(amount)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:,.0f} B" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} GiB"


def group_memory(root: Path = Path("/")) -> int | None:
    """Bytes that the control groups leave, None where they set no limit.

    Page cache that the kernel would give back (`inactive_file`) does not count as used.
    """
    left = []
    for folder in cgroup.folders("memory", root):
        for limit_name, used_name, cache_name in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit, used = cgroup.number(folder / limit_name), cgroup.number(folder / used_name)
            # Version 1 writes "no limit" as the highest multiple of the page size.
            if limit is not None and used is not None and limit < 1 << 62:
                left.append(max(0, limit - max(0, used - _statistic(folder, cache_name))))
    return min(left, default=None)


def _statistic(folder: Path, name: str) -> int:
    try:
        for line in (folder / "memory.stat").read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        pass
    return 0


def _address_space_left() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    import psutil

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    return max(0, limit - int(psutil.Process().memory_info().vms))
