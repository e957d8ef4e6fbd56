"""Reading and checking a molecular geometry."""

from __future__ import annotations

import difflib
import math
import re
from itertools import combinations
from pathlib import Path

from hybridq.contract.errors import InputError

Atom = tuple[str, tuple[float, float, float]]
"""Element and position in angstrom."""

SHORTEST = 0.1
"""Atoms nearer than this (angstrom) are taken for a mistake; no bond is shorter than 0.7."""


def read_geometry(geometry: str | Path) -> list[Atom]:
    """Atoms from the path of an xyz file, xyz text, or one line such as "N 0 0 0; N 0 0 1.1"; angstrom.

    Raises:
        InputError: no such file, a line that is not "element x y z", an unknown element, a wrong number of atoms,
            or two atoms on top of each other.
    """
    text, origin = _text(geometry)
    atoms = _atoms(text, origin)
    for (i, first), (j, second) in combinations(enumerate(atoms), 2):
        distance = math.dist(first[1], second[1])
        if distance < SHORTEST:
            raise InputError(
                f"atoms {i} ({first[0]}) and {j} ({second[0]}) of {origin} are {distance:.4f} angstrom apart, less "
                f"than {SHORTEST}; coordinates are in angstrom, so check units and repeated lines"
            )
    return atoms


def _text(geometry: str | Path) -> tuple[str, str]:
    if isinstance(geometry, str) and (";" in geometry or "\n" in geometry or len(geometry.split()) == 4):
        return geometry, "the geometry"
    if isinstance(geometry, str) and not geometry.strip():
        raise InputError('the geometry is empty; give an xyz file, its text, or a line such as "N 0 0 0; N 0 0 1.1"')
    try:
        return Path(geometry).read_text(encoding="utf-8"), str(geometry)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"cannot read the geometry {str(geometry)!r}: {reason}; give an xyz file, its text, or a line such as "
            '"N 0 0 0; N 0 0 1.1"'
        ) from None


def _atoms(text: str, origin: str) -> list[Atom]:
    lines = text.rstrip().splitlines()
    head = lines[0].strip() if lines else ""
    if re.fullmatch(r"\d+", head):
        body = list(enumerate(lines))[2:]
        if len(body) != int(head):
            raise InputError(
                f"{origin} promises {head} atoms in its first line and has {len(body)} lines of atoms after the "
                "comment line; one geometry is needed, whole"
            )
    else:
        body = [
            (number, part)
            for number, line in enumerate(lines)
            for part in line.split("#")[0].split(";")
            if part.strip()
        ]
    if not body:
        raise InputError(f"{origin} has no atoms")
    return [_atom(line, f"line {number + 1} of {origin}") for number, line in body]


def _atom(line: str, where: str) -> Atom:
    words = line.replace(",", " ").split()
    if len(words) < 4:
        raise InputError(f'{where} is {line.strip()!r}; "element x y z" is needed')
    try:
        x, y, z = (float(word) for word in words[1:4])
    except ValueError:
        raise InputError(f"{where} has coordinates {words[1:4]}; three numbers in angstrom are needed") from None
    if not all(map(math.isfinite, (x, y, z))):
        raise InputError(f"{where} has coordinates {words[1:4]}; they must be finite")
    return _element(words[0], where), (x, y, z)


def _element(word: str, where: str) -> str:
    from pyscf.data.elements import ELEMENTS

    elements: list[str] = ELEMENTS[1:]
    if word.isdigit() and 1 <= int(word) <= len(elements):
        return elements[int(word) - 1]
    symbol = re.sub(r"\d+$", "", word).capitalize()
    if symbol not in elements:
        near = difflib.get_close_matches(symbol, elements, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else "."
        raise InputError(
            f"unknown element {word!r} in {where}{hint} Use a symbol such as N or an atomic number up to "
            f"{len(elements)}"
        )
    return symbol
