"""Problem: an active-space Hamiltonian, its electrons, and where it came from."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.chem import symmetry
from hybridq.contract.errors import InputError
from hybridq.contract.hamiltonian import Hamiltonian

if TYPE_CHECKING:
    from hybridq.chem.references import References
    from hybridq.qubits import Encoding, QubitProblem

CasciChoice = Literal["auto", "always", "never"]


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """The electrons to correlate and the Hamiltonian that they feel.

    Attributes:
        hamiltonian: integrals over the active orbitals, hartree.
        n_alpha: alpha electrons in the active orbitals.
        n_beta: beta electrons in the active orbitals.
        irreps: point-group irrep of each active orbital (PySCF's ids modulo 10, so that products are exclusive
            ors), or None where unknown or where all are the same.
        name: a label for people.
        source: where it came from, such that JSON can hold it: atoms, basis, active space, notes.
        known: energies known already, hartree, by name ("hf", "ccsd", "casci", or the user's own).

    The reference determinant occupies the lowest `n_alpha` and `n_beta` orbitals. Two problems are equal when
    Hamiltonian, electrons and irreps agree.

    Raises:
        InputError: electrons do not fit the orbitals, irreps contradict the integrals, `source` is not JSON-able
            or a known energy is not finite.
    """

    hamiltonian: Hamiltonian
    n_alpha: int
    n_beta: int
    irreps: tuple[int, ...] | None = None
    name: str = "problem"
    source: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, float] = field(default_factory=dict)
    _cache: dict[str, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        n = self.hamiltonian.n_orbitals
        for spin in ("n_alpha", "n_beta"):
            object.__setattr__(self, spin, whole_number(spin, getattr(self, spin)))
        if not (0 <= self.n_alpha <= n and 0 <= self.n_beta <= n):
            raise InputError(
                f"{self.n_alpha} alpha and {self.n_beta} beta electrons do not fit: {n} orbitals hold between 0 and "
                f"{n} of each spin"
            )
        if self.n_alpha + self.n_beta == 0:
            raise InputError("a problem needs at least one electron, got none")
        if self.irreps is not None:
            object.__setattr__(self, "irreps", _checked_irreps(self.irreps, self.hamiltonian))
        try:
            json.dumps(self.source)
        except (TypeError, ValueError) as error:
            raise InputError(f"source must be what JSON can hold: {error}") from None
        for label, energy in self.known.items():
            if not math.isfinite(energy):
                raise InputError(f"the known energy {label!r} is {energy}; leave it out or give a finite number")
        object.__setattr__(self, "source", dict(self.source))
        object.__setattr__(self, "known", {label: float(energy) for label, energy in self.known.items()})

    @property
    def n_orbitals(self) -> int:
        """Active spatial orbitals."""
        return self.hamiltonian.n_orbitals

    @property
    def n_electrons(self) -> int:
        """Active electrons."""
        return self.n_alpha + self.n_beta

    @property
    def n_qubits(self) -> int:
        """Qubits under an encoding without reduction: one for each spin orbital."""
        return 2 * self.n_orbitals

    @property
    def spin(self) -> int:
        """Unpaired electrons, n_alpha - n_beta (PySCF's `spin`, not the multiplicity)."""
        return self.n_alpha - self.n_beta

    @property
    def n_determinants(self) -> int:
        """Determinants with these electron numbers: the dimension of the full active space."""
        return math.comb(self.n_orbitals, self.n_alpha) * math.comb(self.n_orbitals, self.n_beta)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of Hamiltonian, electrons and irreps, hexadecimal."""
        text = f"problem 1 {self.hamiltonian.digest} {self.n_alpha} {self.n_beta} {self.irreps}"
        return hashlib.sha256(text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def references(self, casci: CasciChoice = "auto") -> References:
        """HF, CCSD and CASCI energies of the active space in hartree, computed once for each problem.

        Args:
            casci: "auto" diagonalizes up to `references.MAX_DETERMINANTS` determinants, "always" whatever the
                size, "never" not at all.

        Returns:
            a mapping with the keys "hf", "ccsd" and "casci"; a value is None where it could not be had, and
            `reasons` says why.

        Raises:
            InputError: an unknown choice for `casci`.
        """
        from hybridq.chem.references import compute

        return compute(self, casci)

    @classmethod
    def from_pyscf(
        cls,
        mf: Any,
        active_electrons: int | tuple[int, int] | None = None,
        active_orbitals: int | None = None,
        orbitals: Sequence[int] | None = None,
        frozen_core: bool = False,
        *,
        allow_unconverged: bool = False,
        name: str | None = None,
    ) -> Problem:
        """The active space of a PySCF RHF, ROHF, RKS or ROKS calculation; see `hybridq.chem.scf_problem`.

        Args:
            mf: a converged mean-field object.
            active_electrons: electrons to correlate, or (alpha, beta); default: all that are not frozen.
            active_orbitals: number of orbitals to correlate; default: all that are not frozen.
            orbitals: the active orbitals themselves, counted from 0 in the order of `mf.mo_coeff`.
            frozen_core: leave the chemical core (as PySCF counts it) doubly occupied.
            allow_unconverged: go on from a calculation that did not converge.
            name: a label; default: formula, basis and active space.

        Raises:
            InputError: an unsuitable reference or an impossible active space.
            ConvergenceError: the calculation did not converge and `allow_unconverged` is False.
        """
        from hybridq.chem.scf_problem import from_pyscf

        return from_pyscf(
            mf,
            active_electrons,
            active_orbitals,
            orbitals,
            frozen_core,
            allow_unconverged=allow_unconverged,
            name=name,
        )

    @classmethod
    def from_xyz(
        cls,
        geometry: str | Path,
        basis: Any,
        charge: int = 0,
        spin: int = 0,
        active_electrons: int | tuple[int, int] | None = None,
        active_orbitals: int | None = None,
        orbitals: Sequence[int] | None = None,
        frozen_core: bool = False,
        *,
        symmetry: bool = True,
        allow_unconverged: bool = False,
        max_cycle: int = 100,
        name: str | None = None,
    ) -> Problem:
        """RHF (spin 0) or ROHF on a geometry, then its active space.

        Args:
            geometry: path of an xyz file, xyz text, or PySCF's one line "N 0 0 0; N 0 0 1.1"; angstrom.
            basis: name of a basis set known to PySCF, or its dictionary.
            charge: total charge.
            spin: unpaired electrons, n_alpha - n_beta.
            active_electrons: see `from_pyscf`.
            active_orbitals: see `from_pyscf`.
            orbitals: see `from_pyscf`.
            frozen_core: see `from_pyscf`.
            symmetry: find the point group and use it.
            allow_unconverged: go on where SCF did not converge, also by second order.
            max_cycle: SCF cycles, for each of the two solvers.
            name: a label; default: formula, basis and active space.

        Raises:
            InputError: a bad geometry, basis, charge, spin or active space.
            ConvergenceError: SCF did not converge and `allow_unconverged` is False.
        """
        from hybridq.chem.molecule import run_scf
        from hybridq.chem.scf_problem import from_pyscf

        mf = run_scf(geometry, basis, charge, spin, symmetry=symmetry, max_cycle=max_cycle)
        return from_pyscf(
            mf,
            active_electrons,
            active_orbitals,
            orbitals,
            frozen_core,
            allow_unconverged=allow_unconverged,
            name=name,
        )

    @classmethod
    def from_fcidump(cls, path: str | Path, point_group: str | None = None) -> Problem:
        """Read an FCIDUMP file; see `hybridq.chem.fcidump.read`.

        Raises:
            InputError: no such file, or not a whole FCIDUMP; names the file and the line.
        """
        from hybridq.chem.fcidump import read

        return read(path, point_group)

    def to_qubits(
        self, mapping: str | Encoding = "jordan_wigner", *, taper: bool = False, cutoff: float = 1e-12
    ) -> QubitProblem:
        """The same problem on qubits, hartree.

        Args:
            mapping: "jordan_wigner", "parity", "parity_reduced" (two qubits less), "bravyi_kitaev", or an `Encoding`.
            taper: leave out one more qubit for each Z2 symmetry of the Hamiltonian, in the reference determinant's
                sector (arXiv:1701.08213).
            cutoff: Pauli strings with a coefficient up to this size, hartree, are left out, also where symmetries
                are looked for.

        Returns:
            the observable. Its `encoding` lowers circuits (`hybridq.to_qiskit`); its `source` names the mapping, the
            symmetries used ("modes" with an even (+1) or odd (-1) "parity" of electrons) and the "reference"
            determinant's bits, qubit 0 the rightmost.

        Raises:
            InputError: an unknown mapping, one made for other electrons, or a negative cutoff.
        """
        from hybridq.qubits import mapped

        return mapped(self, mapping, taper=taper, cutoff=cutoff)

    def to_fcidump(self, path: str | Path) -> None:
        """Write an FCIDUMP file, whole or not at all; every number is read back to the last bit.

        Raises:
            InputError: the file cannot be written.
        """
        from hybridq.chem.fcidump import write

        write(self, path)

    @classmethod
    def from_integrals(
        cls,
        one_body: ArrayLike,
        two_body: ArrayLike,
        n_electrons: int | tuple[int, int],
        constant: float = 0.0,
        irreps: Sequence[int] | None = None,
        *,
        name: str = "integrals",
    ) -> Problem:
        """A problem from integrals over real orthonormal orbitals, ordered as they are to be filled.

        Args:
            one_body: h_pq, shape (n, n), hartree.
            two_body: (pq|rs) in chemists' order, shape (n, n, n, n), hartree.
            n_electrons: electrons, or (alpha, beta); of an odd number alpha gets one more.
            constant: scalar energy (nuclei, frozen core), hartree.
            irreps: irrep of each orbital; what they forbid must be below 1e-8 hartree, and is set to zero.
            name: a label.

        Raises:
            InputError: wrong shapes, broken symmetries, or electrons that do not fit.
        """
        n_alpha, n_beta = electron_pair(n_electrons)
        return assemble(
            Hamiltonian(constant, np.asarray(one_body), np.asarray(two_body)),
            (n_alpha, n_beta),
            irreps,
            name=name,
            source={"kind": "integrals"},
        )

    def __str__(self) -> str:
        group = "unknown or trivial" if self.irreps is None else "irreps " + " ".join(map(str, self.irreps))
        lines = [
            f"{self.name}: {self.n_alpha}+{self.n_beta} electrons in {self.n_orbitals} orbitals "
            f"({self.n_qubits} qubits, {self.n_determinants:,} determinants)",
            f"  constant    {self.hamiltonian.constant:.10f} hartree",
            f"  symmetry    {group}",
        ]
        lines += [f"  {label:<11} {energy:.10f} hartree" for label, energy in self.known.items()]
        lines += [f"  note        {note}" for note in self.source.get("notes", ())]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"<Problem {self.name!r}: {self.n_alpha}+{self.n_beta} electrons in {self.n_orbitals} orbitals, "
            f"{self.digest[:12]}>"
        )


def assemble(
    hamiltonian: Hamiltonian,
    n_electrons: tuple[int, int],
    irreps: Sequence[int] | None,
    *,
    name: str,
    source: Mapping[str, Any],
    known: Mapping[str, float] | None = None,
) -> Problem:
    """A problem whose forbidden integrals are exactly zero.

    Raises:
        InputError: as for `Problem`.
    """
    one, two = hamiltonian.one_body, hamiltonian.two_body
    ids = None if irreps is None else _checked_irreps(irreps, hamiltonian)
    if ids is not None:
        one, two = symmetry.cleaned(one, two, ids)
    # Adding 0 turns -0.0 into 0.0, which text formats and other programs do not tell apart.
    clean = Hamiltonian(hamiltonian.constant + 0.0, one + 0.0, two + 0.0)
    return Problem(clean, *n_electrons, irreps=ids, name=name, source=source, known=known or {})


def electron_pair(n_electrons: int | tuple[int, int]) -> tuple[int, int]:
    """(alpha, beta) of a number of electrons or of a pair; of an odd number alpha gets one more.

    Raises:
        InputError: not whole numbers, or negative.
    """
    if isinstance(n_electrons, Sequence | np.ndarray):
        if len(n_electrons) != 2:
            raise InputError(f"electrons must be a number or (alpha, beta), got {n_electrons!r}")
        pair = (whole_number("n_alpha", n_electrons[0]), whole_number("n_beta", n_electrons[1]))
    else:
        total = whole_number("the number of electrons", n_electrons)
        pair = (total - total // 2, total // 2)
    if min(pair) < 0:
        raise InputError(f"the number of electrons must not be negative, got {n_electrons!r}")
    return pair


def whole_number(label: str, value: Any) -> int:
    """`value` as an int.

    Raises:
        InputError: it is a bool, a float or no number at all.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        return index(value)
    except TypeError:
        raise InputError(f"{label} must be a whole number, got {value!r}") from None


def _checked_irreps(irreps: Sequence[int], hamiltonian: Hamiltonian) -> tuple[int, ...] | None:
    ids = tuple(whole_number("an irrep", irrep) for irrep in irreps)
    if len(ids) != hamiltonian.n_orbitals or any(not 0 <= irrep < 8 for irrep in ids):
        raise InputError(
            f"irreps must be {hamiltonian.n_orbitals} ids between 0 and 7, one for each orbital, got {ids}"
        )
    worst, where = symmetry.violation(hamiltonian.one_body, hamiltonian.two_body, ids)
    if worst > symmetry.FORBIDDEN_TOLERANCE:
        raise InputError(
            f"irreps {ids} forbid the integral at {list(where)}, which is {worst:.3g} hartree; give irreps that fit "
            "the orbitals, or none"
        )
    return ids if len(set(ids)) > 1 else None


def energy_of_determinant(
    hamiltonian: Hamiltonian, alpha: Sequence[int] | NDArray[np.intp], beta: Sequence[int] | NDArray[np.intp]
) -> float:
    """Energy in hartree of the determinant with these occupied orbitals (doi:10.1002/9781119019572, eq. 5.4.7)."""
    a, b = np.asarray(alpha, dtype=np.intp), np.asarray(beta, dtype=np.intp)
    one = np.diagonal(hamiltonian.one_body)
    coulomb = np.einsum("ppqq->pq", hamiltonian.two_body)
    exchange = np.einsum("pqqp->pq", hamiltonian.two_body)
    energy = hamiltonian.constant + one[a].sum() + one[b].sum() + coulomb[np.ix_(a, b)].sum()
    for same in (a, b):
        energy += 0.5 * (coulomb[np.ix_(same, same)] - exchange[np.ix_(same, same)]).sum()
    return float(energy)
