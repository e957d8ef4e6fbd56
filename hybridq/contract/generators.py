"""Anti-Hermitian generators: what stands in the exponent of a circuit's factor.

An operator on spin orbitals is written as a product of an alpha part and a beta part, each on spatial
orbitals. Every generator here conserves the number of alpha and of beta electrons, so each part holds
an even number of ladder operators and the two parts commute.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hybridq.contract.errors import InputError


@dataclass(frozen=True, slots=True, order=True)
class Ladder:
    """The product ``a+_{c0} a+_{c1} ... a_{r1} a_{r0}`` for one spin, on spatial orbitals.

    Attributes:
        creations: orbitals c0 < c1 < ..., ascending, no repeats.
        annihilations: orbitals r0 < r1 < ..., ascending, as many as there are creations.

    An orbital in both tuples counts: ``Ladder((1,), (1,))`` is the number operator of orbital 1. The
    empty ladder is the identity.

    Raises:
        InputError: indices are not ascending non-negative integers, or the two lengths differ.
    """

    creations: tuple[int, ...] = ()
    annihilations: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for label in ("creations", "annihilations"):  # lists and NumPy integers would compare and hash differently
            object.__setattr__(self, label, tuple(int(p) for p in getattr(self, label)))
        for label, orbitals in (("creations", self.creations), ("annihilations", self.annihilations)):
            if any(p < 0 for p in orbitals) or any(p >= q for p, q in pairwise(orbitals)):
                raise InputError(f"{label} of a ladder must be ascending orbitals without repeats, got {orbitals}")
        if len(self.creations) != len(self.annihilations):
            raise InputError(
                f"a ladder must create as many electrons as it annihilates for each spin, got creations "
                f"{self.creations} and annihilations {self.annihilations}"
            )

    @property
    def is_diagonal(self) -> bool:
        """True for the identity and for products of number operators."""
        return self.creations == self.annihilations

    @property
    def max_orbital(self) -> int:
        """The highest orbital named, -1 for the identity."""
        return max((*self.creations, *self.annihilations), default=-1)

    @property
    def adjoint(self) -> Ladder:
        """The Hermitian conjugate; for number-conserving ladders the tuples change places."""
        return Ladder(self.annihilations, self.creations)


@dataclass(frozen=True, slots=True, order=True)
class Excitation:
    """``G = T - T+``, or ``i (T + T+)`` where `imaginary`, with ``T = alpha * beta``.

    Its eigenvalues are 0 and plus or minus i, so ``exp(t G)`` is a set of independent plane rotations.

    Attributes:
        alpha, beta: the two parts of T.
        imaginary: see above.
        fermionic: False for a qubit excitation (Yordanov et al., arXiv:2011.10540): T moves the same electrons
            but without the sign of the electrons in between. Over determinants whose creation operators ascend,
            alpha before beta, every element of T is then +1 or 0; under Jordan-Wigner T is a product of
            ``(X + iY)/2`` and ``(X - iY)/2`` without strings of Z.

    Raises:
        InputError: both parts are diagonal (then ``T - T+`` vanishes; use `NumberProduct`).
    """

    alpha: Ladder = Ladder()
    beta: Ladder = Ladder()
    imaginary: bool = False
    fermionic: bool = True

    def __post_init__(self) -> None:
        for label in ("imaginary", "fermionic"):  # 0, 1 and NumPy booleans would be written to files differently
            value = getattr(self, label)
            if value not in (True, False):
                raise InputError(f"{label} of an excitation must be True or False, got {value!r}")
            object.__setattr__(self, label, bool(value))
        if self.alpha.is_diagonal and self.beta.is_diagonal:
            raise InputError(
                f"an excitation must move an electron, got alpha {self.alpha} and beta {self.beta}; "
                "use NumberProduct for a diagonal generator"
            )

    @property
    def is_real(self) -> bool:
        """True where the generator is a real matrix in the determinant basis."""
        return not self.imaginary

    @property
    def rank(self) -> int:
        """Number of electrons the operator acts on: 1 for a single, 2 for a double."""
        return len(self.alpha.creations) + len(self.beta.creations)

    @property
    def max_orbital(self) -> int:
        """The highest spatial orbital named."""
        return max(self.alpha.max_orbital, self.beta.max_orbital)

    def __str__(self) -> str:
        parts = []
        for ladder, spin in ((self.alpha, "a"), (self.beta, "b")):
            parts += [f"{r}{spin}" for r in ladder.annihilations]
        parts.append("->")
        for ladder, spin in ((self.alpha, "a"), (self.beta, "b")):
            parts += [f"{c}{spin}" for c in ladder.creations]
        return ("i " if self.imaginary else "") + ("" if self.fermionic else "qubit ") + " ".join(parts)


@dataclass(frozen=True, slots=True, order=True)
class NumberProduct:
    """``G = i n_p n_q ...`` over alpha and beta orbitals; eigenvalues 0 and i.

    Raises:
        InputError: no orbital, or orbitals not ascending.
    """

    alpha: tuple[int, ...] = ()
    beta: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", Ladder(self.alpha, self.alpha).creations)
        object.__setattr__(self, "beta", Ladder(self.beta, self.beta).creations)
        if not self.alpha and not self.beta:
            raise InputError("a number product needs at least one orbital; an empty one is only a global phase")

    @property
    def is_real(self) -> bool:
        """False: the factor is a phase."""
        return False

    @property
    def rank(self) -> int:
        """Number of number operators in the product."""
        return len(self.alpha) + len(self.beta)

    @property
    def max_orbital(self) -> int:
        """The highest spatial orbital named."""
        return max((*self.alpha, *self.beta))

    def __str__(self) -> str:
        return "i " + " ".join([f"n{p}a" for p in self.alpha] + [f"n{p}b" for p in self.beta])


Generator = Excitation | NumberProduct


def single(source: int, target: int, spin: str) -> Excitation:
    """``a+_target a_source - h.c.`` for ``spin`` "alpha" or "beta"."""
    ladder = Ladder((target,), (source,))
    return Excitation(alpha=ladder) if spin == "alpha" else Excitation(beta=ladder)


def mixed_double(alpha: tuple[int, int], beta: tuple[int, int]) -> Excitation:
    """``a+_a a+_b a_j a_i - h.c.`` with ``alpha = (i, a)`` and ``beta = (j, b)``, each (source, target)."""
    return Excitation(Ladder((alpha[1],), (alpha[0],)), Ladder((beta[1],), (beta[0],)))


def same_spin_double(sources: tuple[int, int], targets: tuple[int, int], spin: str) -> Excitation:
    """``a+_a a+_b a_j a_i - h.c.`` with ``sources = (i, j)``, ``targets = (a, b)``, both ascending."""
    ladder = Ladder(targets, sources)
    return Excitation(alpha=ladder) if spin == "alpha" else Excitation(beta=ladder)
