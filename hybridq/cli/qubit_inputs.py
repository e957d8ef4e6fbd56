"""Observables, graphs and circuits on qubits that a command line names by file."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridq.cli.inputs import GEOMETRY_ONLY, make_problem
from hybridq.cli.options import as_options
from hybridq.contract.errors import InputError
from hybridq.contract.paulis import PauliSum

if TYPE_CHECKING:
    from hybridq.chem.problem import Problem
    from hybridq.contract.qubit_circuit import QubitCircuit
    from hybridq.qubits.problem import QubitProblem
    from hybridq.registry import Ansatz

CIRCUIT_FILES = (".qasm", ".qasm2", ".qasm3", ".qpy")
TERM = re.compile(r"(?:\+\s*)?([-+]?\s*\(?[^\s()\[\]]+\)?)\s*\[([^\[\]]*)\]")


def named_circuit(asked: argparse.Namespace) -> Ansatz | QubitCircuit:
    """The family with its options, or the circuit in a file, that `asked.circuit` names.

    Raises:
        InputError: no such family or file, or options for a file.
        BackendError: the family cannot be imported.
        MissingPackage: Qiskit, or its reader of OpenQASM 3, is not installed.
    """
    options = as_options(asked.circuit_option)
    if Path(asked.circuit).suffix.lower() in CIRCUIT_FILES:
        from hybridq.qubits.importers import from_file

        if options:
            raise InputError(f"{asked.circuit} is a file; leave out --circuit-option {sorted(options)[0]}")
        return from_file(asked.circuit)
    from hybridq.registry import ansatz

    return ansatz(asked.circuit, **options)


def any_problem(asked: argparse.Namespace) -> Problem | QubitProblem:
    """The problem of --observable or --graph, or else the molecule; see `make_problem`.

    Raises:
        InputError: more than one of them, none, or a file that cannot be read.
        ConvergenceError: SCF did not converge.
    """
    given = {"FILE|XYZ": asked.input, "--observable": asked.observable, "--graph": asked.graph}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InputError(f"{named[0]} and {named[1]} name a problem each; give one of them")
    if not named:
        raise InputError("there is no problem; give a molecule (FILE|XYZ), --observable FILE, or --graph FILE")
    if asked.input is not None:
        return make_problem(asked)
    useless = [name for name in GEOMETRY_ONLY if getattr(asked, name) not in (None, False)]
    if useless:
        flags = ", ".join("--" + name.replace("_", "-") for name in useless)
        raise InputError(f"{flags} belongs to a molecule; leave it out with {named[0]}")
    from hybridq.qubits.graphs import max_cut
    from hybridq.qubits.problem import QubitProblem

    path = Path(asked.observable or asked.graph)
    text = _text(path)
    if asked.graph is not None:
        return max_cut(edges(text, str(path)), name=path.stem)
    return QubitProblem(observable(text, str(path)), path.stem)


def observable(text: str, label: str) -> PauliSum:
    """Labels and coefficients as JSON, or terms as OpenFermion prints them, ``0.5 [X0 Z1] +``.

    JSON is ``{"labels": ["ZZ"], "coefficients": [0.5]}``, ``{"ZZ": 0.5}`` or ``[["ZZ", 0.5]]``; qubit 0 is the
    rightmost letter.

    Raises:
        InputError: the text is neither, or no observable.
    """
    try:
        if text.lstrip().startswith(("{", "[")):
            return PauliSum.of(_pairs(json.loads(text)))
        return _openfermion(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{label} is no JSON: {error}") from None
    except InputError as error:
        raise InputError(f"{label}: {error}") from None


def edges(text: str, label: str) -> list[tuple[int, int, float]]:
    """Edges "i j" or "i j weight", one a line, with spaces or commas; "#" begins a comment.

    Raises:
        InputError: a line is something else, or there is none.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            i, j, w = int(words[0]), int(words[1]), float(words[2]) if len(words) == 3 else 1.0
            if len(words) > 3:
                raise ValueError
        except (ValueError, IndexError):
            raise InputError(
                f"line {number} of {label} is {line.strip()!r}; an edge is 'i j' or 'i j weight'"
            ) from None
        found.append((i, j, w))
    return found


def _pairs(data: Any) -> Any:
    if isinstance(data, dict) and {"labels", "coefficients"} <= data.keys():
        labels, values = data["labels"], data["coefficients"]
        if not isinstance(labels, list) or not isinstance(values, list) or len(labels) != len(values):
            raise InputError("labels and coefficients must be lists of one length")
        return list(zip(labels, values, strict=True))
    return data


def _openfermion(text: str) -> PauliSum:
    terms: list[tuple[dict[int, str], complex]] = []
    for value, inside in TERM.findall(text):
        found = re.findall(r"([XYZ])(\d+)", inside)
        if "".join(f"{letter}{q}" for letter, q in found) != re.sub(r"\s", "", inside):
            raise InputError(f"[{inside}] is no product of Pauli operators such as [X0 Z1]")
        if len({q for _, q in found}) != len(found):
            raise InputError(f"[{inside}] names a qubit twice")
        try:
            number = complex(re.sub(r"\s", "", value))
        except ValueError:
            raise InputError(f"the coefficient {value!r} of [{inside}] is no number") from None
        terms.append(({int(q): letter for letter, q in found}, number))
    if not terms or re.sub(r"[\s+]", "", TERM.sub("", text)):
        raise InputError('an observable is JSON such as {"ZZ": 0.5}, or terms such as 0.5 [X0 Z1] + 1.0 [Z0]')
    n = 1 + max((q for letters, _ in terms for q in letters), default=0)
    return PauliSum.of([("".join(letters.get(q, "I") for q in reversed(range(n))), c) for letters, c in terms])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
