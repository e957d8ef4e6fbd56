"""A Problem as JSON text with all its bits, and whether two problems are the same up to the noise of SCF."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridq.chem.problem import Problem, energy_of_determinant
from hybridq.contract.errors import InputError
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.qubits import problem as qubit_problem
from hybridq.qubits.problem import QubitProblem

SCHEMA_VERSION = 1
NOISE = 1e-6  # hartree: what two converged SCF calculations of one molecule differ by at most


def to_text(problem: Problem | QubitProblem) -> str:
    """The problem as JSON; floats carry the digits that restore the same 64 bits."""
    import orjson

    if isinstance(problem, QubitProblem):
        return orjson.dumps(qubit_problem.to_data(problem)).decode()
    h = problem.hamiltonian
    data = {
        "schema_version": SCHEMA_VERSION,
        "name": problem.name,
        "source": problem.source,
        "known": problem.known,
        "n_alpha": problem.n_alpha,
        "n_beta": problem.n_beta,
        "irreps": problem.irreps,
        "constant": h.constant,
        "one_body": h.one_body,
        "two_body": h.two_body,
    }
    return orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def from_text(text: str) -> Problem | QubitProblem:
    """The problem that `to_text` wrote.

    Raises:
        InputError: the text is something else, or of a newer version.
    """
    import orjson

    try:
        data: dict[str, Any] = orjson.loads(text)
        if data.get("kind") == "qubits":
            return qubit_problem.from_data(data)
        if data["schema_version"] > SCHEMA_VERSION:
            raise InputError(f"the problem has schema version {data['schema_version']}; install a newer hybridq")
        h = Hamiltonian(data["constant"], np.array(data["one_body"]), np.array(data["two_body"]))
        irreps = None if data["irreps"] is None else tuple(data["irreps"])
        return Problem(h, data["n_alpha"], data["n_beta"], irreps, data["name"], data["source"], data["known"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"this is no problem that hybridq wrote: {error!r}") from None


def same_physics(a: Problem | QubitProblem, b: Problem | QubitProblem) -> bool:
    """True where `a` and `b` are one problem whose SCF was run twice.

    An SCF on several threads gives other last digits, orbitals of the other sign and other mixtures of
    degenerate orbitals each time. Same sizes are required, and besides either integrals that agree up to
    signs, or the same molecule and active space (`Problem.source`) with energies that agree.
    """
    if not isinstance(a, Problem) or not isinstance(b, Problem):
        return a == b
    if (a.n_orbitals, a.n_alpha, a.n_beta) != (b.n_orbitals, b.n_alpha, b.n_beta):
        return False
    ha, hb = a.hamiltonian, b.hamiltonian
    if abs(ha.constant - hb.constant) > NOISE:
        return False
    one = np.abs(np.abs(ha.one_body) - np.abs(hb.one_body)).max(initial=0.0)
    two = np.abs(np.abs(ha.two_body) - np.abs(hb.two_body)).max(initial=0.0)
    if max(one, two) <= NOISE:
        return True
    occupied = range(a.n_alpha), range(a.n_beta)
    close = abs(energy_of_determinant(ha, *occupied) - energy_of_determinant(hb, *occupied)) <= NOISE
    return close and a.source.get("kind") == "pyscf" and _molecule(a) == _molecule(b)


def _molecule(problem: Problem) -> dict[str, Any]:
    """The source without what differs from one SCF to the next."""
    source = {key: value for key, value in problem.source.items() if key != "notes"}
    source["scf"] = {key: value for key, value in source.get("scf", {}).items() if key != "energy"}
    return source
