"""Paired doubles: pUCCD, unitary pair coupled cluster.

Limacher et al., doi:10.1021/ct300902c; Henderson et al., doi:10.1063/1.4904384; unitary: Lee et al.,
arXiv:1810.02327.
"""

from __future__ import annotations

from typing import Literal

from hybridq.chem.problem import Problem
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.generators import mixed_double
from hybridq_circuits.terms import Term, check_problem, circuit, require_closed_shell, starting_amplitudes


def pccd(problem: Problem, *, amplitudes: Literal["mp2", "zero"] = "mp2") -> FermionicCircuit:
    """Both electrons of an occupied orbital i move to an empty orbital a; one parameter for each (i, a).

    The state has no unpaired electron (seniority zero), so its energy depends on the choice of orbitals.

    Args:
        problem: what to solve; as many alpha as beta electrons.
        amplitudes: the starting row: first-order amplitudes, or zeros.

    Raises:
        InputError: an open shell, or unknown amplitudes.
    """
    check_problem(problem)
    require_closed_shell(problem, "pccd")
    start = starting_amplitudes(problem, amplitudes, ("mp2", "zero"))
    generators = [
        mixed_double((i, a), (i, a)) for i in range(problem.n_alpha) for a in range(problem.n_alpha, problem.n_orbitals)
    ]
    return circuit(problem, [Term(g, g) for g in generators], {g: start.amplitude(g) for g in generators}, name="pccd")
