"""UCCSD: unitary coupled cluster with singles and doubles, as a product of exponentials.

Peruzzo et al., arXiv:1304.3061; review: Anand et al., arXiv:2109.15176. Order matters: Grimsley et al.,
arXiv:1910.10329.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal

from hybridq.chem.amplitudes import first_order
from hybridq.chem.problem import Problem
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.generators import Excitation
from hybridq_circuits.excitations import spin_adapted_terms, spin_orbital_terms
from hybridq_circuits.ordering import ordered
from hybridq_circuits.screening import by_point_group, by_size, uses_point_group
from hybridq_circuits.terms import Term, check_problem, circuit, require_closed_shell, starting_amplitudes


def uccsd(
    problem: Problem,
    *,
    spin_adapted: bool = False,
    order: Literal["grouped", "doubles-first", "mp2", "lexicographic"] | Sequence[int] = "grouped",
    amplitudes: Literal["mp2", "zero", "ccsd"] = "mp2",
    point_group: bool | None = None,
    threshold: float = 0.0,
    singles: bool = True,
) -> FermionicCircuit:
    """Every single and double excitation out of the reference determinant, closed or open shell.

    Args:
        problem: what to solve; its lowest orbitals are occupied.
        spin_adapted: the parameters are the amplitudes t_ia and t_ijab = t_jiba of closed-shell coupled cluster,
            shared by all spin cases; a same-spin double, which needs t_ijab - t_ijba, is two factors of one
            generator. False: one parameter for each spin-orbital excitation. As with any product, the factors do
            not commute and the state is not exactly a singlet.
        order: see `hybridq_circuits.ordering.ordered`.
        amplitudes: the starting row: first-order amplitudes, zeros, or those of CCSD in the active space.
        point_group: leave out excitations that change the irrep; None: where the irreps are known.
        threshold: leave out doubles whose first-order amplitude (that of the alpha-beta double, where
            parameters are shared) is smaller.
        singles: False leaves out singles.

    Raises:
        InputError: an option is unknown or does not fit the problem.
        ConvergenceError: amplitudes="ccsd", and CCSD did not converge.
    """
    check_problem(problem)
    n = problem.n_orbitals
    terms: list[Term]
    if spin_adapted:
        require_closed_shell(problem, "spin_adapted=True")
        terms = list(spin_adapted_terms(n, problem.n_alpha, singles=singles))
    else:
        terms = list(spin_orbital_terms(n, problem.n_alpha, problem.n_beta, singles=singles))
    representative = _representatives(terms)
    notes: list[str] = []
    if uses_point_group(problem, point_group):
        terms, dropped = by_point_group(terms, problem.irreps or ())
        notes += dropped
    mp2 = first_order(problem)
    terms, dropped = by_size(terms, lambda term: abs(mp2.amplitude(representative[term.key])), threshold)
    notes += dropped
    start = starting_amplitudes(problem, amplitudes, ("mp2", "zero", "ccsd"))
    return circuit(
        problem,
        ordered(terms, order, n, mp2.amplitude),
        {key: start.amplitude(generator) for key, generator in representative.items()},
        name="uccsd" if singles else "uccd",
        notes=notes,
    )


def _representatives(terms: Sequence[Term]) -> dict[Hashable, Excitation]:
    """The generator whose amplitude is the parameter itself: the alpha single, the last alpha-beta double."""
    found: dict[Hashable, Excitation] = {}
    for term in terms:
        if term.generator.rank == 2 or term.key not in found:
            found[term.key] = term.generator
    return found
