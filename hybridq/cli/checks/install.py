"""Python, hybridq itself, and the distributions it lives with."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import hybridq
from hybridq.cli.checks.finding import Finding
from hybridq.provenance import commit, package_version

DISTRIBUTION = "hybridq-sdk"
NAMESAKE = "hybridq"
INSTALL = "python -m pip install -e . in a checkout"


def python() -> Iterator[Finding]:
    """Version and implementation."""
    from packaging.specifiers import SpecifierSet

    version, kind = platform.python_version(), platform.python_implementation()
    text = f"{kind} {version} at {sys.executable}"
    wanted = _metadata("Requires-Python")
    if kind != "CPython":
        yield Finding("fail", "Python", text, "Numba needs CPython: make the environment with that")
    elif wanted and not SpecifierSet(wanted).contains(version, prereleases=True):
        yield Finding("fail", "Python", text, f"hybridq supports {wanted}: make the environment with one of these")
    else:
        yield Finding("ok", "Python", text)


def itself() -> Iterator[Finding]:
    """Version, place and commit of hybridq, and the namesake that overwrites it."""
    place = Path(hybridq.__file__).resolve().parent
    text = f"{hybridq.__version__} at {place}"
    if (found := commit()) is not None:
        text += f", commit {found[:12]}"
    installed = package_version(DISTRIBUTION)
    if installed is None:
        yield Finding(
            "warn",
            "hybridq",
            f"{text}; the distribution {DISTRIBUTION} is not installed, so backends and circuits are not found",
            INSTALL,
        )
    elif installed != hybridq.__version__:
        yield Finding(
            "warn", "hybridq", f"{text}; {DISTRIBUTION} is installed as {installed}", f"install again: {INSTALL}"
        )
    else:
        yield Finding("ok", "hybridq", text)
    if (namesake := package_version(NAMESAKE)) is not None:
        yield Finding(
            "warn",
            "hybridq, the namesake",
            f"the unrelated distribution {NAMESAKE!r} {namesake} is installed, and overwrites files of the same import "
            "name",
            f"python -m pip uninstall {NAMESAKE} {DISTRIBUTION}, then install {DISTRIBUTION} again: {INSTALL}",
        )


def packages() -> Iterator[Finding]:
    """Every package of hybridq's dependencies and extras: its version, or which extra it belongs to."""
    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(text) for text in metadata.requires(DISTRIBUTION) or ()]
    except metadata.PackageNotFoundError:
        yield Finding("warn", "packages", f"{DISTRIBUTION} is not installed, so its packages are not known", INSTALL)
        return
    extras = [extra for extra in _extras() if extra != "all"]
    seen: set[str] = set()
    for extra in ["", *extras]:
        for need in requirements:
            if need.name not in seen and _belongs(need, extra):
                seen.add(need.name)
                yield _package(need, extra)


def _package(need: Any, extra: str) -> Finding:
    found = package_version(need.name)
    install = f"python -m pip install '{need.name}{need.specifier}'"
    if found is None and extra:
        return Finding("ok", need.name, f"not installed (extra {extra})")
    if found is None:
        return Finding("fail", need.name, "not installed, and hybridq needs it", install)
    if not need.specifier.contains(found, prereleases=True):
        level: Any = "warn" if extra else "fail"
        return Finding(level, need.name, f"{found} at hand, {need.specifier} needed", install)
    return Finding("ok", need.name, found + (f" (extra {extra})" if extra else ""))


def _belongs(need: Any, extra: str) -> bool:
    if need.marker is None:
        return not extra
    everywhere = bool(need.marker.evaluate({"extra": ""}))
    return everywhere if not extra else not everywhere and bool(need.marker.evaluate({"extra": extra}))


def _extras() -> list[str]:
    try:
        return metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return []


def _metadata(field: str) -> str | None:
    try:
        fields: Any = metadata.metadata(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return None
    found: str | None = fields.get(field)
    return found
