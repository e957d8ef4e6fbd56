"""Leaving out excitations: by point group, or by the size of their first-order amplitude."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hybridq.chem.problem import Problem
from hybridq.chem.symmetry import product
from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation
from hybridq_circuits.terms import Term


def uses_point_group(problem: Problem, point_group: bool | None) -> bool:
    """Whether to screen: None means where the irreps are known.

    Raises:
        InputError: True, and they are not known.
    """
    if point_group and problem.irreps is None:
        raise InputError(
            f"point_group=True, but the irreps of {problem.name} are not known or are all the same; make the problem "
            "with symmetry on, or leave point_group out"
        )
    return problem.irreps is not None if point_group is None else point_group


def is_symmetric(excitation: Excitation, irreps: Sequence[int]) -> bool:
    """True where the excitation keeps the irrep of the state."""
    ladders = (excitation.alpha, excitation.beta)
    return product(irreps[p] for ladder in ladders for p in (*ladder.creations, *ladder.annihilations)) == 0


def by_point_group(terms: Sequence[Term], irreps: Sequence[int]) -> tuple[list[Term], list[str]]:
    """The terms that keep the irrep of the reference (exact: the others stay at zero), and a note."""
    kept = [term for term in terms if is_symmetric(term.generator, irreps)]
    return kept, _note(terms, kept, "forbidden by the point group")


def by_size(terms: Sequence[Term], size: Callable[[Term], float], threshold: float) -> tuple[list[Term], list[str]]:
    """Singles, and the doubles whose `size` is at least `threshold`, and a note.

    Raises:
        InputError: the threshold is negative or not finite.
    """
    if not (math.isfinite(threshold) and threshold >= 0):
        raise InputError(f"threshold must be a finite amplitude of at least 0, got {threshold}")
    if threshold == 0:
        return list(terms), []
    kept = [term for term in terms if term.generator.rank < 2 or size(term) >= threshold]
    return kept, _note(terms, kept, f"with a first-order amplitude below {threshold:g}")


def _note(before: Sequence[Term], after: Sequence[Term], why: str) -> list[str]:
    total = len({term.key for term in before})
    dropped = total - len({term.key for term in after})
    return [f"{dropped} of {total} parameters left out: {why}"] if dropped else []
