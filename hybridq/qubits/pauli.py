"""Sums of Pauli products in symplectic form, and ladder operators under Jordan-Wigner.

A Pauli product is a pair of bit masks (x, z) that stands for ``X^x Z^z``: Z on the qubits of z first, then X
on the qubits of x. In this form products and changes of encoding need no phases beyond signs. The Hermitian
string of the same masks, with ``Y = i X Z`` where both bits are set, is ``i^|x & z| X^x Z^z``.
Source: Dehaene and De Moor, arXiv:quant-ph/0304125.
"""

from __future__ import annotations

from collections.abc import Iterable

from hybridq.contract.generators import Excitation, Generator, Ladder

PauliTerms = dict[tuple[int, int], complex]
"""Coefficients of ``X^x Z^z`` by (x, z)."""


def multiply(left: PauliTerms, right: PauliTerms) -> PauliTerms:
    """``left @ right``."""
    out: PauliTerms = {}
    for (x1, z1), c1 in left.items():
        for (x2, z2), c2 in right.items():
            key = (x1 ^ x2, z1 ^ z2)
            out[key] = out.get(key, 0.0) + (-c1 * c2 if (z1 & x2).bit_count() & 1 else c1 * c2)
    return out


def add(left: PauliTerms, right: PauliTerms, scale: complex = 1.0) -> PauliTerms:
    """``left + scale * right``, without the terms that cancel."""
    out = dict(left)
    for key, c in right.items():
        out[key] = out.get(key, 0.0) + scale * c
    return {key: c for key, c in out.items() if c != 0}


def adjoint(terms: PauliTerms) -> PauliTerms:
    """The Hermitian conjugate."""
    return {(x, z): (-c if (x & z).bit_count() & 1 else c).conjugate() for (x, z), c in terms.items()}


def annihilation(mode: int, *, fermionic: bool = True) -> PauliTerms:
    """``a_mode = Z_0 ... Z_(mode-1) (X + iY)_mode / 2``, occupied = 1 (Jordan and Wigner, doi:10.1007/BF01331938).

    Without `fermionic`, without the Z: the lowering operator of the qubit alone.
    """
    bit = 1 << mode
    below = bit - 1 if fermionic else 0
    return {(bit, below): 0.5, (bit, below | bit): -0.5}


def creation(mode: int, *, fermionic: bool = True) -> PauliTerms:
    """``a+_mode``, the adjoint of `annihilation`."""
    bit = 1 << mode
    below = bit - 1 if fermionic else 0
    return {(bit, below): 0.5, (bit, below | bit): 0.5}


def number_product(modes: Iterable[int]) -> PauliTerms:
    """``n_p n_q ...`` with ``n = (1 - Z) / 2``."""
    out: PauliTerms = {(0, 0): 1.0}
    for mode in modes:
        out = multiply(out, {(0, 0): 0.5, (0, 1 << mode): -0.5})
    return out


def ladder_sum(ladder: Ladder, first_mode: int, *, fermionic: bool = True) -> PauliTerms:
    """A ladder of one spin whose orbital 0 is mode `first_mode`; without the strings of Z where not `fermionic`."""
    out: PauliTerms = {(0, 0): 1.0}
    for p in ladder.creations:
        out = multiply(out, creation(first_mode + p, fermionic=fermionic))
    for p in reversed(ladder.annihilations):
        out = multiply(out, annihilation(first_mode + p, fermionic=fermionic))
    return {key: c for key, c in out.items() if c != 0}


def generator_sum(generator: Generator, n_orbitals: int) -> PauliTerms:
    """An anti-Hermitian generator under Jordan-Wigner, alpha orbital p on mode p, beta on ``n_orbitals + p``."""
    if isinstance(generator, Excitation):
        alpha = ladder_sum(generator.alpha, 0, fermionic=generator.fermionic)
        t = multiply(alpha, ladder_sum(generator.beta, n_orbitals, fermionic=generator.fermionic))
        if generator.imaginary:
            return {key: 1j * c for key, c in add(t, adjoint(t)).items()}
        return add(t, adjoint(t), -1.0)
    modes = [*generator.alpha, *(n_orbitals + p for p in generator.beta)]
    return {key: 1j * c for key, c in number_product(modes).items()}
