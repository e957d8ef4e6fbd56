"""Small Hamiltonians and random circuits for the engine's tests."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
from hypothesis import strategies as st

from hybridq.contract.circuit import Factor, FermionicCircuit, product
from hybridq.contract.generators import (
    Excitation,
    Generator,
    Ladder,
    NumberProduct,
    mixed_double,
    same_spin_double,
    single,
)
from hybridq.contract.hamiltonian import Hamiltonian


def random_hamiltonian(n: int, seed: int, *, blocks: bool = False) -> Hamiltonian:
    """Integrals with the right symmetries and nothing else; with `blocks`, odd orbital pairs vanish."""
    rng = np.random.default_rng(seed)
    one = rng.normal(size=(n, n))
    two = rng.normal(size=(n, n, n, n))
    two = two + two.transpose(1, 0, 2, 3)
    two = two + two.transpose(0, 1, 3, 2)
    two = two + two.transpose(2, 3, 0, 1)
    if blocks:
        odd = np.add.outer(np.arange(n), np.arange(n)) % 2
        two = two * (odd[:, :, None, None] == odd[None, None])
        one = one * (1 - odd)
    return Hamiltonian(rng.normal(), one + one.T, two / 8)


@cache
def hydrogen_chain(n: int, *, symmetry: bool = True) -> Hamiltonian:
    """H_n in STO-3G, 1 angstrom apart, RHF orbitals."""
    import pyscf
    from pyscf import ao2mo

    mol = pyscf.M(atom=[("H", (0, 0, float(i))) for i in range(n)], basis="sto-3g", verbose=0, symmetry=symmetry)
    mf = mol.RHF().run()
    one = mf.mo_coeff.T @ mf.get_hcore() @ mf.mo_coeff
    return Hamiltonian(mol.energy_nuc(), one, ao2mo.restore(1, ao2mo.full(mol, mf.mo_coeff), n))


def singles_and_doubles(n: int, n_alpha: int, n_beta: int, *, beta_outer: bool = True) -> FermionicCircuit:
    """Every spin-orbital single and double, in one of two orders of the mixed doubles."""
    moves = [[(i, a) for i in range(k) for a in range(k, n)] for k in (n_alpha, n_beta)]
    generators: list[Generator] = [single(i, a, s) for s, m in zip(("alpha", "beta"), moves, strict=True) for i, a in m]
    for spin, k in (("alpha", n_alpha), ("beta", n_beta)):
        for i in combinations(range(k), 2):
            generators += [same_spin_double(i, a, spin) for a in combinations(range(k, n), 2)]
    if beta_outer:
        generators += [mixed_double(a, b) for b in moves[1] for a in moves[0]]
    else:
        generators += [mixed_double(a, b) for a in moves[0] for b in moves[1]]
    return product(n, (n_alpha, n_beta), generators)


@st.composite
def ladders(draw: st.DrawFn, n: int, max_rank: int) -> Ladder:
    rank = draw(st.integers(0, min(n, max_rank)))
    chosen = st.sets(st.integers(0, n - 1), min_size=rank, max_size=rank).map(sorted).map(tuple)
    return Ladder(draw(chosen), draw(chosen))


@st.composite
def circuits(draw: st.DrawFn, *, real: bool, max_factors: int = 12) -> FermionicCircuit:
    """Any product of factors on up to 5 orbitals, with repeats (so that groups form), sharing and scales."""
    n = draw(st.integers(1, 5))
    electrons = draw(st.integers(0, n)), draw(st.integers(0, n))
    generators: list[Generator] = []
    for _ in range(draw(st.integers(0, max_factors))):
        a, b = draw(ladders(n, 2)), draw(ladders(n, 2))
        if a.is_diagonal and b.is_diagonal:
            if not real and (a.creations or b.creations):
                generators.append(NumberProduct(a.creations, b.creations))
            continue
        generators.append(Excitation(a, b, not real and draw(st.booleans()), draw(st.booleans())))
        for _ in range(draw(st.integers(0, 3))):  # a run that shares one ladder
            c = draw(ladders(n, 2))
            e = (a, c) if draw(st.booleans()) else (c, b)
            if not (e[0].is_diagonal and e[1].is_diagonal):
                generators.append(Excitation(*e, not real and draw(st.booleans()), draw(st.booleans())))
    n_parameters = draw(st.integers(1, len(generators))) if generators else 0
    factors = tuple(
        Factor(
            g,
            k if k < n_parameters else draw(st.integers(0, n_parameters - 1)),
            draw(st.sampled_from([1.0, -1.0, 0.5])),
        )
        for k, g in enumerate(generators)
    )
    reference = tuple(tuple(sorted(draw(st.permutations(range(n)))[:k])) for k in electrons)
    return FermionicCircuit(n, (reference[0], reference[1]), factors, n_parameters)
