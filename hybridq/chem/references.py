"""Reference energies of an active space: Hartree-Fock determinant, CCSD, CASCI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from hybridq.chem.problem import CasciChoice, energy_of_determinant
from hybridq.contract.errors import ConvergenceError, unknown_name

if TYPE_CHECKING:
    from hybridq.chem.problem import Problem

MAX_DETERMINANTS = 1_000_000
"""CASCI is done by default up to this many determinants (seconds to a minute)."""

ENERGY_TOLERANCE = 1e-10


@dataclass(frozen=True)
class References(Mapping[str, "float | None"]):
    """Energies in hartree; None where one could not be had, and `reasons` says why.

    Attributes:
        hf: energy of the reference determinant.
        ccsd: RCCSD for closed shells, UCCSD on the same orbitals for open ones.
        casci: lowest energy in the active space with total spin (n_alpha - n_beta) / 2.
        reasons: why an energy is missing, by name.
    """

    hf: float
    ccsd: float | None
    casci: float | None
    reasons: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float | None:
        if name not in ("hf", "ccsd", "casci"):
            raise KeyError(name)
        value: float | None = getattr(self, name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(("hf", "ccsd", "casci"))

    def __len__(self) -> int:
        return 3


def compute(problem: Problem, casci: CasciChoice = "auto") -> References:
    """The references of `problem`; what it knows already is taken as it is.

    Raises:
        InputError: an unknown choice for `casci`.
    """
    if casci not in get_args(CasciChoice):
        raise unknown_name("choice for casci", casci, get_args(CasciChoice))
    reasons: dict[str, str] = {}
    hf = energy_of_determinant(problem.hamiltonian, range(problem.n_alpha), range(problem.n_beta))
    ccsd = _remembered(problem, "ccsd", _ccsd, reasons)
    if casci == "never" and "casci" not in problem.known:
        exact, reasons["casci"] = None, 'not asked for (casci="never")'
    elif casci == "auto" and "casci" not in problem.known and problem.n_determinants > MAX_DETERMINANTS:
        exact = None
        reasons["casci"] = (
            f'{problem.n_determinants:,} determinants are more than {MAX_DETERMINANTS:,}; casci="always" does it anyway'
        )
    else:
        exact = _remembered(problem, "casci", _casci, reasons)
    return References(hf, ccsd, exact, reasons)


def failures(problem: Problem) -> dict[str, str]:
    """Why references of `problem` could not be computed, by name, as far as that was tried."""
    return {name: reason for name, (_, reason) in problem._cache.items() if reason}


def add_failures(problem: Problem, reasons: Mapping[str, str]) -> None:
    """Let `problem` know that these references cannot be computed, so that no one tries again."""
    for name, reason in reasons.items():
        problem._cache.setdefault(name, (None, reason))


def _remembered(problem: Problem, name: str, solve: Any, reasons: dict[str, str]) -> float | None:
    if name in problem.known:
        return problem.known[name]
    if name not in problem._cache:
        try:
            problem._cache[name] = (solve(problem), "")
        except ConvergenceError as error:
            problem._cache[name] = (None, str(error))
    value: float | None
    value, reason = problem._cache[name]
    if reason:
        reasons[name] = reason
    return value


def _ccsd(problem: Problem) -> float:
    from hybridq.chem.coupled_cluster import solve

    return solve(problem).energy


def _casci(problem: Problem) -> float:
    """Lowest root with the wanted spin, by PySCF's Davidson with a penalty on other spins."""
    from pyscf import fci

    h, n = problem.hamiltonian, problem.n_orbitals
    pair = (problem.n_alpha, problem.n_beta)
    total = abs(problem.spin) / 2
    # A guess with something of every irrep: Davidson never leaves the symmetry that it starts in.
    shape = tuple(fci.cistring.num_strings(n, k) for k in pair)
    guess = np.random.default_rng(0).uniform(-1e-3, 1e-3, shape)
    guess[0, 0] += 1.0
    guess /= np.linalg.norm(guess)
    reached = total
    for shift in (0.2, 2.0):
        solver = fci.addons.fix_spin_(fci.direct_spin1.FCISolver(), shift=shift, ss=total * (total + 1))
        solver.verbose, solver.conv_tol, solver.max_cycle, solver.max_space = 0, ENERGY_TOLERANCE, 300, 20
        energy, state = solver.kernel(h.one_body, h.two_body, n, pair, ci0=guess, ecore=h.constant)
        square, _ = fci.spin_op.spin_square(state, n, pair)
        reached = (np.sqrt(4 * square + 1) - 1) / 2
        if bool(np.all(solver.converged)) and abs(reached - total) < 1e-3:
            return float(energy)
    raise ConvergenceError(
        f"CASCI of {problem.name} ({problem.n_determinants:,} determinants) did not converge to total spin {total:g}: "
        f"it reached {reached:.4f}"
    )
