"""Limits of the Linux control groups that hold this process (versions 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def folders(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """Control groups of this process for `controller` ("cpu" or "memory"), innermost first, then their parents.

    Yields nothing where there are no control groups (macOS). `root` stands for the file system's root.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            mounts = [root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"]
        elif controller in controllers.split(","):
            mounts = [root / "sys/fs/cgroup" / controllers, root / "sys/fs/cgroup" / controller]
        else:
            continue
        for mount in mounts:
            # Inside a container the group's path is the host's and may not exist here: the mount itself is then ours.
            folder = mount / group.strip("/")
            while True:
                if folder.is_dir():
                    yield folder
                if folder == mount:
                    break
                folder = folder.parent


def number(path: Path, word: int = 0) -> int | None:
    """One integer in a control group's file; None where there is no file or it says "max"."""
    try:
        return int(path.read_text().split()[word])
    except (OSError, ValueError, IndexError):
        return None
