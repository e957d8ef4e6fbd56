"""The problem that a command line names: a geometry with a basis set, or an FCIDUMP file."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hybridq.contract.errors import ConvergenceError, InputError

if TYPE_CHECKING:
    from hybridq.chem.problem import Problem

# Arguments that say how a geometry becomes a problem; an FCIDUMP file has settled all of these.
GEOMETRY_ONLY = (
    "basis",
    "charge",
    "spin",
    "active_electrons",
    "active_orbitals",
    "orbitals",
    "frozen_core",
    "max_cycle",
)


def make_problem(asked: argparse.Namespace) -> Problem:
    """Read the input that `asked.input` names and make its problem, by SCF where it is a geometry.

    Raises:
        InputError: no such file, a bad geometry or FCIDUMP, or arguments that do not fit it.
        ConvergenceError: SCF did not converge and --allow-unconverged was not given.
    """
    from hybridq.chem.problem import Problem

    if asked.input is None:
        raise InputError("there is no molecule; give a geometry, an xyz file or an FCIDUMP file")
    if is_fcidump(asked.input):
        given = [name for name in GEOMETRY_ONLY if not (getattr(asked, name) is None or getattr(asked, name) is False)]
        if given:
            flags = ", ".join("--" + name.replace("_", "-") for name in given)
            raise InputError(
                f"{asked.input} is an FCIDUMP file, which holds its own electrons and orbitals; leave out {flags}"
            )
        problem = Problem.from_fcidump(asked.input)
        return replace(problem, irreps=None) if asked.no_symmetry else problem
    if asked.basis is None:
        raise InputError(
            "a geometry needs a basis set; add --basis sto-3g for a quick look, or --basis cc-pvdz for a better one"
        )
    try:
        return Problem.from_xyz(
            asked.input,
            asked.basis,
            charge=asked.charge or 0,
            spin=asked.spin or 0,
            active_electrons=asked.active_electrons,
            active_orbitals=asked.active_orbitals,
            orbitals=asked.orbitals,
            frozen_core=asked.frozen_core,
            symmetry=not asked.no_symmetry,
            allow_unconverged=asked.allow_unconverged,
            **({} if asked.max_cycle is None else {"max_cycle": asked.max_cycle}),
        )
    except ConvergenceError as error:
        raise ConvergenceError(f"{error}; on the command line that is --allow-unconverged") from None


def is_fcidump(text: str) -> bool:
    """Whether `text` names an FCIDUMP file: by its name, or by the &FCI with which such a file begins."""
    if ";" in text or "\n" in text or len(text.split()) == 4:
        return False
    path = Path(text)
    if path.suffix.lower() == ".fcidump" or path.name.upper() == "FCIDUMP":
        return True
    try:
        with open(path, "rb") as file:
            return re.match(rb"\s*[&$]FCI\b", file.read(200), re.IGNORECASE) is not None
    except OSError:
        return False
