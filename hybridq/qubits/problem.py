"""QubitProblem: an observable whose lowest value is sought."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hybridq.contract.errors import InputError
from hybridq.contract.paulis import PauliSum
from hybridq.qubits.encoding import Encoding

DIAGONAL = 22  # qubits up to which all values of an observable of Z alone are gone through
SPARSE = 14  # qubits up to which the lowest eigenvalue is found by Lanczos' method
SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False, repr=False)
class QubitProblem:
    """What a variational run on qubits minimizes.

    Attributes:
        hamiltonian: the observable; anything that `PauliSum.of` takes may be given.
        name: a label for people.
        unit: of its values, for people: "hartree" for a mapped molecule, "" for a cost function.
        source: where it came from, such that JSON can hold it.
        known: lowest values that are known already, by name.

    Two problems are equal when the observables agree.

    Raises:
        InputError: it is no Hermitian Pauli sum, or `source` or `known` cannot be kept.
    """

    hamiltonian: PauliSum
    name: str = "observable"
    unit: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, float] = field(default_factory=dict)
    _cache: dict[str, float | None] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hamiltonian", PauliSum.of(self.hamiltonian))
        try:
            json.dumps(self.source)
        except (TypeError, ValueError) as error:
            raise InputError(f"source must be what JSON can hold: {error}") from None
        for label, value in self.known.items():
            if not math.isfinite(value):
                raise InputError(f"the known value {label!r} is {value}; leave it out or give a finite number")
        object.__setattr__(self, "source", dict(self.source))
        object.__setattr__(self, "known", {label: float(value) for label, value in self.known.items()})

    @property
    def n_qubits(self) -> int:
        """Qubits of the observable."""
        return self.hamiltonian.n_qubits

    @property
    def digest(self) -> str:
        """SHA-256 of the observable, hexadecimal."""
        return hashlib.sha256(f"qubit-problem 1 {self.hamiltonian.digest}".encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QubitProblem) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<QubitProblem {self.name!r}: {self.hamiltonian.n_terms} strings on {self.n_qubits} qubits>"

    @property
    def encoding(self) -> Encoding:
        """How electrons are held, where this is a mapped problem; for `hybridq.to_qiskit`.

        Raises:
            InputError: it was not made by `Problem.to_qubits`.
        """
        kept = self.source.get("encoding")
        if kept is None:
            raise InputError(
                f"{self.name!r} does not say how it holds electrons; problems that Problem.to_qubits makes do"
            )
        removed = tuple((int(q), int(sign)) for q, sign in kept["removed"])
        return Encoding(self.source["mapping"], tuple(int(mask, 16) for mask in kept["flips"]), removed)

    def references(self, casci: str = "auto") -> Mapping[str, float | None]:
        """What is known, and "exact": the lowest eigenvalue, None where the observable is too large to find it.

        Args:
            casci: "never" looks for nothing that is not known; as in `Problem.references`.
        """
        if casci == "never":
            return dict(self.known)
        if "exact" not in self._cache:
            self._cache["exact"] = self.known["exact"] if "exact" in self.known else lowest(self.hamiltonian)
        return {**self.known, "exact": self._cache["exact"]}


def lowest(observable: PauliSum) -> float | None:
    """The lowest eigenvalue; None above `DIAGONAL` qubits (`SPARSE` where there is X or Y)."""
    n = observable.n_qubits
    if not observable.x.any():
        return _lowest_of_z(observable) if n <= DIAGONAL else None
    if n > SPARSE:
        return None
    matrix = observable.to_matrix()
    if n <= 5:
        return float(np.linalg.eigvalsh(matrix.toarray())[0])
    from scipy.sparse.linalg import eigsh

    start = np.random.default_rng(1).normal(size=1 << n)
    return float(eigsh(matrix, k=1, which="SA", v0=start, return_eigenvectors=False)[0])


def _lowest_of_z(observable: PauliSum) -> float:
    states = np.arange(1 << observable.n_qubits, dtype=np.uint64)
    values = np.zeros(len(states))
    for z, c in zip(observable.z[:, 0], observable.coefficients, strict=True):
        values += c * (1.0 - 2.0 * (np.bitwise_count(states & z) & 1))
    return float(values.min())


def to_data(problem: QubitProblem) -> dict[str, Any]:
    """The problem as JSON can hold it, with all its bits."""
    h = problem.hamiltonian
    return {
        "kind": "qubits",
        "schema_version": SCHEMA_VERSION,
        "name": problem.name,
        "unit": problem.unit,
        "source": problem.source,
        "known": problem.known,
        "labels": h.labels,
        "coefficients": h.coefficients.tolist(),
    }


def from_data(data: Mapping[str, Any]) -> QubitProblem:
    """The problem that `to_data` described.

    Raises:
        InputError: of a newer version.
        KeyError, TypeError, ValueError: something else.
    """
    if data["schema_version"] > SCHEMA_VERSION:
        raise InputError(f"the problem has schema version {data['schema_version']}; install a newer hybridq")
    observable = PauliSum.of(list(zip(data["labels"], data["coefficients"], strict=True)))
    return QubitProblem(observable, data["name"], data["unit"], data["source"], data["known"])
