"""Hamiltonian: a real spin-free one- and two-body operator on spatial orbitals."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.contract.errors import InputError

SYMMETRY_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class Hamiltonian:
    """``H = constant + sum h_pq E_pq + 1/2 sum (pq|rs) (E_pq E_rs - delta_qr E_ps)``.

    ``E_pq`` sums ``a+_p a_q`` over both spins (Helgaker, Jorgensen, Olsen, doi:10.1002/9781119019572, 2.2).

    Attributes:
        constant: scalar energy (nuclei, frozen core), hartree.
        one_body: h_pq, shape (n, n), real symmetric, hartree.
        two_body: (pq|rs) in chemists' order, shape (n, n, n, n), with the eightfold symmetry of real
            orbitals, hartree.

    The arrays are copied, symmetrized to the last bit and made read-only.

    Raises:
        InputError: a wrong shape, a value that is not finite, or a symmetry broken by more than 1e-8.
    """

    constant: float
    one_body: NDArray[np.float64]
    two_body: NDArray[np.float64]

    def __post_init__(self) -> None:
        one = _real("one_body", self.one_body, 2)
        two = _real("two_body", self.two_body, 4)
        n = one.shape[0]
        if one.shape != (n, n) or two.shape != (n, n, n, n):
            raise InputError(
                f"integrals must have shapes (n, n) and (n, n, n, n), got {one.shape} and {two.shape}; "
                "two-electron integrals packed by symmetry must be unpacked first (pyscf.ao2mo.restore(1, eri, n))"
            )
        if not np.isfinite(self.constant):
            raise InputError(f"the constant energy is {self.constant}; it must be finite")
        _symmetric("one_body", "h_pq = h_qp", one, one.T)
        _symmetric("two_body", "(pq|rs) = (qp|rs)", two, two.transpose(1, 0, 2, 3))
        _symmetric("two_body", "(pq|rs) = (pq|sr)", two, two.transpose(0, 1, 3, 2))
        _symmetric("two_body", "(pq|rs) = (rs|pq)", two, two.transpose(2, 3, 0, 1))
        one = (one + one.T) / 2
        two = (two + two.transpose(1, 0, 2, 3)) / 2
        two = (two + two.transpose(0, 1, 3, 2)) / 2
        two = np.ascontiguousarray((two + two.transpose(2, 3, 0, 1)) / 2)
        one.setflags(write=False)
        two.setflags(write=False)
        object.__setattr__(self, "constant", float(self.constant))
        object.__setattr__(self, "one_body", one)
        object.__setattr__(self, "two_body", two)

    @property
    def n_orbitals(self) -> int:
        """Number of spatial orbitals n."""
        return int(self.one_body.shape[0])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the numbers, hexadecimal."""
        sha = hashlib.sha256(f"hamiltonian 1 {self.n_orbitals} {self.constant.hex()}".encode())
        sha.update(self.one_body.astype("<f8").tobytes())
        sha.update(self.two_body.astype("<f8").tobytes())
        return sha.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hamiltonian) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<Hamiltonian: {self.n_orbitals} orbitals, constant {self.constant:.8f} hartree, {self.digest[:12]}>"


def _real(name: str, values: ArrayLike, ndim: int) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.ndim != ndim:
        raise InputError(f"{name} must have {ndim} indices, got an array of shape {array.shape}")
    if np.iscomplexobj(array):
        raise InputError(f"{name} is complex; hybridq's Hamiltonian takes real orbitals only")
    try:
        array = np.array(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be real numbers: {error}") from None
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{name}{list(where)} is {array[where]}; integrals must be finite")
    return array


def _symmetric(name: str, law: str, array: NDArray[np.float64], image: NDArray[np.float64]) -> None:
    gap = np.abs(array - image)
    worst = float(gap.max(initial=0.0))
    if worst > SYMMETRY_TOLERANCE:
        where = [int(i) for i in np.unravel_index(int(gap.argmax()), gap.shape)]
        raise InputError(
            f"{name} breaks {law} at {where} by {worst:.3g}; hybridq takes integrals over real orbitals in "
            "chemists' order (pq|rs)"
        )
