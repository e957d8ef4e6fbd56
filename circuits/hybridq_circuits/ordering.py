"""The order in which the factors of a product act; it matters, since they do not commute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index

from hybridq.contract.errors import InputError, unknown_name
from hybridq.contract.generators import Excitation
from hybridq_circuits.terms import Term

ORDERS = ("grouped", "doubles-first", "mp2", "lexicographic")


def ordered(
    terms: Sequence[Term], order: str | Sequence[int], n_orbitals: int, weight: Callable[[Excitation], float]
) -> list[Term]:
    """`terms`, which come grouped, in another order.

    Args:
        terms: in grouped order.
        order: "grouped"; "doubles-first", grouped otherwise; "mp2", the largest |first-order amplitude| first;
            "lexicographic", by sources, then targets, over blocked spin orbitals, singles first; or a permutation
            of the numbers of the terms.
        n_orbitals: spatial orbitals.
        weight: first-order amplitude of a generator.

    Raises:
        InputError: an unknown order, or no permutation.
    """
    if not isinstance(order, str):
        return _permuted(terms, order)
    if order == "grouped":
        return list(terms)
    if order == "doubles-first":
        return sorted(terms, key=lambda term: -term.generator.rank)
    if order == "mp2":
        # Rounded, so that amplitudes equal by spin symmetry keep their order on every machine.
        return sorted(terms, key=lambda term: -round(abs(weight(term.generator)), 9))
    if order == "lexicographic":
        return sorted(terms, key=lambda term: _spin_orbitals(term.generator, n_orbitals))
    raise unknown_name("order", order, ORDERS, hint="A permutation of the grouped order is taken too.")


def _permuted(terms: Sequence[Term], order: Sequence[int]) -> list[Term]:
    try:
        numbers = [index(k) for k in order]
    except TypeError:
        raise InputError(f"order must be a name ({', '.join(ORDERS)}) or whole numbers, got {order!r}") from None
    if sorted(numbers) != list(range(len(terms))):
        raise InputError(
            f"order must hold each number from 0 to {len(terms) - 1} once (one for each factor that is left after "
            f"screening), got {len(numbers)} numbers"
        )
    return [terms[k] for k in numbers]


def _spin_orbitals(g: Excitation, n: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    sources = (*g.alpha.annihilations, *(p + n for p in g.beta.annihilations))
    targets = (*g.alpha.creations, *(p + n for p in g.beta.creations))
    return g.rank, sources, targets
