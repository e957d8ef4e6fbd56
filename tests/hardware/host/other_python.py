"""Other environments, made of this one: its Python behind a script that adds a plugin, or says something else."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLUGIN = """
from folder_device import FolderDevice
from hybridq.hardware import DeviceBackend

class FolderBackend(DeviceBackend):
    def __init__(self, folder: str, *, searchable: bool = True, **options):
        print("the vendor greets you")
        device = FolderDevice(folder, searchable=searchable)
        super().__init__(device, **options)
"""


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def with_plugin(folder, first=":"):
    """A Python that has a backend "folder", whose vendor is a folder; `first` is run before it."""
    site = folder / "site"
    info = site / "a_folder-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-folder\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hybridq.backends]\nfolder = a_folder:FolderBackend\n")
    (site / "a_folder.py").write_text(PLUGIN)
    path = f"{site}:{HERE.parent}"
    return script(folder / "python", f'{first}\nPYTHONPATH="{path}" exec "{sys.executable}" "$@"')


def saying(folder, *lines, after=""):
    """A Python that says these lines and then, for each request, `after`."""
    told = "\n".join(f"echo '{line}'" for line in lines)
    return script(folder / "python", f"{told}\nwhile read request; do echo '{after}'; done")
