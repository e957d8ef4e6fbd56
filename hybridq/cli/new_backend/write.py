"""Writing the project of a new backend from the templates beside this file."""

from __future__ import annotations

import argparse
import importlib.util
import keyword
import re
from importlib import resources
from pathlib import Path
from string import Template

from hybridq import __version__
from hybridq.cli import ending
from hybridq.cli.output import print_json, speaks
from hybridq.contract.errors import InputError
from hybridq.contract.options import normal
from hybridq.registry import backend_names

BOTH = {
    "both/pyproject.toml.txt": "pyproject.toml",
    "both/gitignore.txt": ".gitignore",
    "both/tests.yml.txt": ".github/workflows/tests.yml",
    "{kind}/README.md.txt": "README.md",
    "{kind}/init.py.txt": "src/hybridq_{name}/__init__.py",
    "{kind}/test_conformance.py.txt": "tests/test_conformance.py",
}
DEVICE = {f"device/{part}.py.txt": f"src/hybridq_{{name}}/{part}.py" for part in ("backend", "device", "vendor")}


def run(asked: argparse.Namespace) -> int:
    """Write the project and say what to do next.

    Raises:
        InputError: the name cannot be one, or is taken; the folder is not empty or cannot be written.
    """
    if not speaks():
        return ending.OK
    name = checked_name(asked.name)
    dashed = name.replace("_", "-")
    folder = Path(asked.folder or f"hybridq-{dashed}")
    written = write_project(name, asked.kind, folder)
    if asked.json:
        print_json({"name": name, "kind": asked.kind, "folder": str(folder), "files": written})
        return ending.OK
    print(f"wrote {folder}: " + ", ".join(written))
    print(f'next: cd {folder}; pip install -e ".[dev]"; pytest; python -m hybridq.testing {name}')
    return ending.OK


def checked_name(given: str) -> str:
    """A name as a Python identifier: lower case, with "_" for "-".

    Raises:
        InputError: it cannot be one, or an installed backend or package has it.
    """
    name = normal(given).replace("-", "_").removeprefix("hybridq_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InputError(
            f"a backend's name begins with a letter and has letters, digits, - and _ only, and is no word of Python; "
            f"got {given!r}"
        )
    for entry in backend_names():
        if normal(entry.name) == normal(name):
            raise InputError(
                f"{entry.distribution} {entry.version} has a backend {entry.name!r} already; take another name"
            )
    if importlib.util.find_spec(f"hybridq_{name}") is not None:
        raise InputError(f"a package hybridq_{name} is installed already; take another name than {given!r}")
    return name


def write_project(name: str, kind: str, folder: Path) -> list[str]:
    """Write all files, and give their paths in the folder.

    Raises:
        InputError: the folder is not empty, or cannot be written.
    """
    words = {
        "name": name,
        "NAME": name.upper(),
        "dashed": name.replace("_", "-"),
        "Class": "".join(part.capitalize() for part in name.split("_")),
        "title": name.replace("_", " ").capitalize(),
        "version": __version__,
    }
    templates = resources.files("hybridq.cli.new_backend") / "templates"
    parts = {**BOTH, **(DEVICE if kind == "device" else {})}
    texts = {
        into.format(name=name): Template((templates / place.format(kind=kind)).read_text("utf-8")).substitute(words)
        for place, into in parts.items()
    }
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} exists and is not an empty folder; name another with --folder")
        for into, text in texts.items():
            path = folder / into
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from None
    return sorted(texts)
