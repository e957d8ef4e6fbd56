"""Problems as text, and when two count as the same."""

from __future__ import annotations

import numpy as np
import pytest

from hybridq.chem import problem_file
from hybridq.chem.problem import Problem
from hybridq.contract.errors import InputError

NITROGEN = "N 0 0 0; N 0 0 1.1"


def test_a_problem_comes_back_from_its_text_with_all_bits():
    problem = Problem.from_xyz(NITROGEN, "sto-3g", active_electrons=6, active_orbitals=6)
    back = problem_file.from_text(problem_file.to_text(problem))
    assert back == problem
    assert (back.name, back.source, back.known) == (problem.name, problem.source, problem.known)


@pytest.mark.parametrize("text", ["{}", "nonsense", '{"schema_version": 99}'])
def test_other_text_is_refused(text):
    with pytest.raises(InputError, match="no problem that hybridq wrote|newer hybridq"):
        problem_file.from_text(text)


def test_degenerate_orbitals_that_were_mixed_anew_are_the_same_physics():
    problem = Problem.from_xyz(NITROGEN, "sto-3g", active_electrons=6, active_orbitals=6, symmetry=False)
    energies = np.round(np.einsum("pppp->p", problem.hamiltonian.two_body), 8)
    pair = [p for p in range(3) if np.sum(energies == energies[p]) > 1][:2]
    turn = np.eye(problem.n_orbitals)
    turn[np.ix_(pair, pair)] = [[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]
    one = turn.T @ problem.hamiltonian.one_body @ turn
    two = np.einsum("pqrs,pa,qb,rc,sd->abcd", problem.hamiltonian.two_body, *[turn] * 4, optimize=True)
    again = Problem.from_integrals(one, two, (3, 3), problem.hamiltonian.constant)
    assert not problem_file.same_physics(problem, again)  # nothing says that it is the same molecule
    named = Problem(again.hamiltonian, 3, 3, None, problem.name, problem.source, problem.known)
    assert problem_file.same_physics(problem, named)


def test_another_geometry_or_space_is_another_problem():
    problem = Problem.from_xyz(NITROGEN, "sto-3g", active_electrons=6, active_orbitals=6)
    moved = Problem.from_xyz("N 0 0 0; N 0 0 1.1001", "sto-3g", active_electrons=6, active_orbitals=6)
    smaller = Problem.from_xyz(NITROGEN, "sto-3g", active_electrons=4, active_orbitals=4)
    assert not problem_file.same_physics(problem, moved)
    assert not problem_file.same_physics(problem, smaller)
