"""The molecules, built once with PySCF and written as neutral problem files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.problem import Problem

SEED = 7
SPREAD = 0.05  # radians
CHAIN_SPACING = 1.0  # angstrom


@dataclass(frozen=True)
class Molecule:
    """Geometry in angstrom, basis, and the active space (electrons, orbitals), or None for all of them."""

    atom: str
    basis: str = "sto-3g"
    active: tuple[int, int] | None = None

    def __str__(self) -> str:
        space = "all electrons" if self.active is None else f"{self.active[0]} electrons in {self.active[1]} orbitals"
        return f"{self.atom} (angstrom), {self.basis}, {space}"


def chain(length: int) -> Molecule:
    """Hydrogen atoms on a line, 1.0 angstrom apart."""
    return Molecule("; ".join(f"H 0 0 {CHAIN_SPACING * k:.1f}" for k in range(length)))


MOLECULES = {
    "H4": chain(4),
    "LiH": Molecule("Li 0 0 0; H 0 0 1.6"),
    "BeH2": Molecule("Be 0 0 0; H 0 0 1.33; H 0 0 -1.33"),
    "H2O": Molecule("O 0 0 0; H 0 0.7572 0.5865; H 0 -0.7572 0.5865"),
    "N2": Molecule("N 0 0 0; N 0 0 1.1", active=(10, 8)),
    "H8": chain(8),
    "H10": chain(10),
    "N2-cc-pVDZ": Molecule("N 0 0 0; N 0 0 1.1", basis="cc-pvdz", active=(10, 10)),
    "H12": chain(12),
}


def make(name: str) -> Problem:
    """Restricted Hartree-Fock orbitals of one molecule, its integrals, excitations and parameters."""
    from pyscf import ao2mo, gto, mcscf, scf

    molecule = MOLECULES[name]
    mf = scf.RHF(gto.M(atom=molecule.atom, basis=molecule.basis, verbose=0)).run(conv_tol=1e-12)
    if not mf.converged:
        raise RuntimeError(f"Hartree-Fock for {name} did not converge")
    n_electrons, n_orbitals = molecule.active or (mf.mol.nelectron, mf.mol.nao)
    space = mcscf.CASCI(mf, n_orbitals, n_electrons)
    one_body, constant = space.get_h1eff()
    two_body = ao2mo.restore(1, space.get_h2eff(), n_orbitals)
    sources, targets = uccsd_excitations(n_orbitals, n_electrons // 2)
    return Problem(
        name=name,
        description=str(molecule),
        constant=float(constant),
        one_body=np.asarray(one_body),
        two_body=np.asarray(two_body),
        n_electrons=n_electrons,
        sources=sources,
        targets=targets,
        row=np.random.default_rng(SEED).normal(0, SPREAD, len(sources)),
        start=moller_plesset(one_body, two_body, n_electrons // 2, sources, targets),
    )


def write(name: str, folder: Path) -> Path:
    """Make a problem unless its file is there already; returns the file."""
    path = folder / f"{name}.npz"
    if not path.exists() or Problem.load(path).description != str(MOLECULES[name]):
        folder.mkdir(parents=True, exist_ok=True)
        make(name).save(path)
    return path


def uccsd_excitations(n_orbitals: int, n_pairs: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All spin-conserving singles and doubles, in the order in which they act.

    Alpha singles, beta singles, alpha-alpha doubles, beta-beta doubles, then alpha-beta doubles with the beta
    excitation outer and the alpha excitation inner. Shapes (m, 2); -1 where a single has no second orbital.
    """
    occupied, virtual = range(n_pairs), range(n_pairs, n_orbitals)
    singles = [(i, a) for i in occupied for a in virtual]
    pairs = [(ij, ab) for ij in combinations(occupied, 2) for ab in combinations(virtual, 2)]
    factors: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for spin in (0, n_orbitals):
        factors += [((i + spin, -1), (a + spin, -1)) for i, a in singles]
    for spin in (0, n_orbitals):
        factors += [((i + spin, j + spin), (a + spin, b + spin)) for (i, j), (a, b) in pairs]
    for j, b in singles:
        factors += [((i, j + n_orbitals), (a, b + n_orbitals)) for i, a in singles]
    table = np.array(factors, dtype=np.int64)
    return table[:, 0], table[:, 1]


def moller_plesset(
    one_body: NDArray[np.float64],
    two_body: NDArray[np.float64],
    n_pairs: int,
    sources: NDArray[np.int64],
    targets: NDArray[np.int64],
) -> NDArray[np.float64]:
    """First-order amplitudes ``<ab||ij> / (e_i + e_j - e_a - e_b)`` of the doubles, zero for singles.

    Source: Helgaker, Jorgensen, Olsen, doi:10.1002/9781119019572, 14.4.
    """
    n = len(one_body)
    occupied = slice(0, n_pairs)
    coulomb = np.einsum("ppii->p", two_body[:, :, occupied, occupied])
    exchange = np.einsum("piip->p", two_body[:, occupied, occupied, :])
    energy = np.diag(one_body) + 2 * coulomb - exchange
    start = np.zeros(len(sources))
    for k, ((i, j), (a, b)) in enumerate(zip(sources, targets, strict=True)):
        if j < 0:
            continue
        same = (i < n) == (j < n)
        i, j, a, b = i % n, j % n, a % n, b % n
        numerator = two_body[i, a, j, b] - (two_body[i, b, j, a] if same else 0.0)
        start[k] = numerator / (energy[i] + energy[j] - energy[a] - energy[b])
    return start
