"""Operator pools: the generators that a growing circuit chooses from, and how a circuit grows by them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hybridq.contract.circuit import Factor, FermionicCircuit
from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation, Generator, Ladder, NumberProduct


@dataclass(frozen=True, slots=True)
class PoolElement:
    """An anti-Hermitian operator ``A = sum_k s_k G_k`` that enters a circuit with one parameter.

    In a circuit it is the product of ``exp(s_k t G_k)``, the first term acting first: the exponential of ``t A``
    where the terms commute with each other, and equal to it to first order in t where they do not.

    Attributes:
        terms: generators G_k and their scales s_k.
        label: for people; made of the terms where empty.

    Raises:
        InputError: no term, something else than a generator, or a scale that is zero or not finite.
    """

    terms: tuple[tuple[Generator, float], ...]
    label: str = ""

    def __post_init__(self) -> None:
        try:
            terms = tuple((generator, float(scale)) for generator, scale in self.terms)
        except (TypeError, ValueError):
            raise InputError(f"the terms of a pool element are pairs (generator, scale), got {self.terms!r}") from None
        if not terms:
            raise InputError("a pool element needs at least one term")
        for generator, scale in terms:
            if not isinstance(generator, Excitation | NumberProduct):
                raise InputError(f"a pool element is made of Excitation and NumberProduct, got {generator!r}")
            if not math.isfinite(scale) or scale == 0:
                raise InputError(f"the scale of {generator} in a pool element is {scale}; it must be finite, not zero")
        object.__setattr__(self, "terms", terms)
        if not self.label:
            label = str(terms[0][0]) if len(terms) == 1 else " ".join(f"{s:+.3g} ({g})" for g, s in terms)
            object.__setattr__(self, "label", label)

    @property
    def max_orbital(self) -> int:
        """The highest spatial orbital named."""
        return max(generator.max_orbital for generator, _ in self.terms)

    @property
    def orbitals(self) -> frozenset[int]:
        """The spatial orbitals named."""
        found: set[int] = set()
        for generator, _ in self.terms:
            for part in (generator.alpha, generator.beta):
                found.update((*part.creations, *part.annihilations) if isinstance(part, Ladder) else part)
        return frozenset(found)

    def factors(self, parameter: int) -> tuple[Factor, ...]:
        """The factors of the element with this parameter, in the order in which they act."""
        return tuple(Factor(generator, parameter, scale) for generator, scale in self.terms)

    def __str__(self) -> str:
        return self.label


def grown(circuit: FermionicCircuit, elements: Iterable[PoolElement]) -> FermionicCircuit:
    """`circuit` followed by `elements`, each with a new parameter that starts at 0.

    At the starting row the new factors are the identity: the state psi is that of `circuit`, and the energy's
    derivative by the parameter of an element A is ``<psi| [H, A] |psi>``, for one element as for a whole pool. These
    are the pool gradients of ADAPT-VQE (Grimsley et al., arXiv:1812.11173).

    Raises:
        InputError: an element names an orbital that the circuit does not have.
    """
    added: list[Factor] = []
    n = circuit.n_parameters
    for element in elements:
        if not isinstance(element, PoolElement):
            raise InputError(f"a circuit grows by elements of a pool, got {element!r}")
        if element.max_orbital >= circuit.n_orbitals:
            raise InputError(
                f"pool element {element} names orbital {element.max_orbital}, and the circuit has "
                f"{circuit.n_orbitals}; make the pool for the same problem"
            )
        added += element.factors(n)
        n += 1
    start = tuple(float(x) for x in circuit.start) + (0.0,) * (n - circuit.n_parameters)
    return replace(circuit, factors=circuit.factors + tuple(added), n_parameters=n, initial=start)
