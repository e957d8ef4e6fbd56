"""Terms: what a family lists before it becomes a circuit."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hybridq.chem.amplitudes import first_order
from hybridq.chem.coupled_cluster import solve
from hybridq.chem.problem import Problem
from hybridq.contract.circuit import Factor, FermionicCircuit
from hybridq.contract.errors import InputError, unknown_name
from hybridq.contract.generators import Excitation


@dataclass(frozen=True, slots=True)
class Term:
    """One factor to be; terms with equal `key` share a parameter."""

    generator: Excitation
    key: Hashable
    scale: float = 1.0


class Amplitudes(Protocol):
    """Says where an excitation's parameter starts."""

    def amplitude(self, excitation: Excitation) -> float:
        """Starting value in radians."""
        ...


class Zero:
    """Starts at the reference determinant."""

    def amplitude(self, excitation: Excitation) -> float:
        """0 radians."""
        return 0.0


def starting_amplitudes(problem: Problem, name: str, known: Sequence[str]) -> Amplitudes:
    """Amplitudes by name, "mp2", "zero" or "ccsd", of which a family offers the `known`.

    Raises:
        InputError: another name.
        ConvergenceError: "ccsd", and CCSD did not converge.
    """
    if name not in known:
        raise unknown_name("choice of amplitudes", name, known)
    if name == "zero":
        return Zero()
    return solve(problem) if name == "ccsd" else first_order(problem)


def circuit(
    problem: Problem,
    terms: Iterable[Term],
    initial: Mapping[Hashable, float],
    *,
    name: str,
    notes: Sequence[str] = (),
) -> FermionicCircuit:
    """The product of `terms`, in their order; parameters are numbered by first use."""
    numbers: dict[Hashable, int] = {}
    factors = []
    for term in terms:
        factors.append(Factor(term.generator, numbers.setdefault(term.key, len(numbers)), term.scale))
    return FermionicCircuit(
        problem.n_orbitals,
        (tuple(range(problem.n_alpha)), tuple(range(problem.n_beta))),
        tuple(factors),
        len(numbers),
        tuple(float(initial[key]) for key in numbers),
        name,
        tuple(notes) if factors else (*notes, "no excitation is possible: the circuit is the reference determinant"),
    )


def check_problem(problem: object) -> None:
    """Refuse what is not a Problem.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(problem, Problem):
        raise InputError(
            f"a family needs a hybridq Problem, got {type(problem).__name__}; make one with Problem.from_pyscf or "
            "Problem.from_xyz"
        )


def require_closed_shell(problem: Problem, what: str) -> None:
    """Refuse open shells.

    Raises:
        InputError: alpha and beta electrons differ in number.
    """
    if problem.n_alpha != problem.n_beta:
        raise InputError(
            f"{what} needs as many alpha as beta electrons, this problem has {problem.n_alpha} and {problem.n_beta}; "
            "use uccsd without spin_adapted"
        )
