"""PauliSum: a real combination of Pauli strings, the observable of qubit circuits."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError

if TYPE_CHECKING:
    from qiskit.quantum_info import SparsePauliOp

WORD = 64
HERMITIAN = 1e-10  # imaginary part, relative to the largest coefficient, that is taken for rounding
LETTERS = "IXZY"  # by 2 z + x
Words = NDArray[np.uint64]


@dataclass(frozen=True, eq=False, repr=False)
class PauliSum:
    """``sum_k c_k P_k`` with real c_k and Hermitian strings P_k of I, X, Y, Z, each string once.

    Make one with `PauliSum.of`, which takes what people have: labels, a SparsePauliOp, an OpenFermion QubitOperator.

    Attributes:
        n_qubits: number of qubits.
        x, z: bit masks, shape (n_terms, n_words), unsigned 64-bit words, lowest first; bit q of a row is set where
            qubit q carries X or Y (in x), Z or Y (in z). Rows ascend in (x, z).
        coefficients: shape (n_terms,), hartree for a Hamiltonian.
    """

    n_qubits: int
    x: Words
    z: Words
    coefficients: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in (self.x, self.z, self.coefficients):
            array.setflags(write=False)

    @property
    def n_terms(self) -> int:
        """Number of strings, the identity among them."""
        return len(self.coefficients)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of strings and coefficients, hexadecimal."""
        sha = hashlib.sha256(f"pauli-sum 1 {self.n_qubits} {self.n_terms} ".encode())
        for array, kind in ((self.x, "<u8"), (self.z, "<u8"), (self.coefficients, "<f8")):
            sha.update(np.ascontiguousarray(array, dtype=kind).tobytes())
        return sha.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PauliSum) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<PauliSum: {self.n_terms} strings on {self.n_qubits} qubits, {self.digest[:12]}>"

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The strings as Qiskit writes them: qubit 0 is the rightmost letter."""
        codes = 2 * bits(self.z, self.n_qubits).astype(np.uint8) + bits(self.x, self.n_qubits)
        letters = np.frombuffer(LETTERS.encode(), dtype=np.uint8)[codes[:, ::-1]]
        return tuple(row.tobytes().decode() for row in letters)

    @cached_property
    def bound(self) -> float:
        """Sum of the sizes of the coefficients: no value of the observable is larger in size."""
        return float(np.abs(self.coefficients).sum())

    def to_sparse_pauli_op(self) -> SparsePauliOp:
        """The same as a Qiskit operator.

        Raises:
            ImportError: Qiskit is not installed.
        """
        from qiskit.quantum_info import PauliList, SparsePauliOp

        paulis = PauliList.from_symplectic(bits(self.z, self.n_qubits), bits(self.x, self.n_qubits))
        return SparsePauliOp(paulis, self.coefficients.astype(complex), ignore_pauli_phase=True, copy=False)

    def to_matrix(self) -> Any:
        """The operator as a SciPy sparse matrix, shape (2^n, 2^n); qubit 0 is the lowest bit of an index.

        Raises:
            InputError: more than 20 qubits.
        """
        from scipy.sparse import coo_array

        if self.n_qubits > 20:
            raise InputError(f"the matrix of {self.n_qubits} qubits is too large; 20 qubits is the limit here")
        columns = np.arange(1 << self.n_qubits, dtype=np.uint64)
        found: dict[int, NDArray[np.complex128]] = {}  # strings with the same x share their places
        for x, z, c in zip(self.x[:, 0].tolist(), self.z[:, 0].tolist(), self.coefficients.tolist(), strict=True):
            signs = 1.0 - 2.0 * (np.bitwise_count(columns & np.uint64(z)) & 1)
            found.setdefault(x, np.zeros(len(columns), complex))
            found[x] += c * 1j ** ((x & z).bit_count() % 4) * signs
        rows = np.concatenate([columns ^ np.uint64(x) for x in found]).astype(np.int64)
        values = np.concatenate([*found.values()])
        where = np.tile(columns.astype(np.int64), len(found))
        return coo_array((values, (rows, where)), shape=(len(columns),) * 2).tocsr()

    @classmethod
    def of(cls, operator: Any, n_qubits: int | None = None) -> PauliSum:
        """The observable that `operator` stands for.

        Args:
            operator: a PauliSum; a Qiskit SparsePauliOp or Pauli; an OpenFermion QubitOperator; labels with
                coefficients, as a mapping or as pairs, qubit 0 the rightmost letter, such as ``{"ZZ": 1.0}``.
            n_qubits: number of qubits, where the operator does not say or says too few.

        Raises:
            InputError: it is none of these, not Hermitian, not finite, or on more qubits than `n_qubits`.
        """
        if isinstance(operator, PauliSum):
            found = operator
        else:
            x, z, values, width = _parts(operator)
            found = _hermitian(x, z, values, max(width, n_qubits or 0))
        if n_qubits is None or found.n_qubits == n_qubits:
            return found
        if found.n_qubits > n_qubits:
            raise InputError(f"the observable is on {found.n_qubits} qubits, and {n_qubits} are wanted")
        return cls.from_masks(n_qubits, integers(found.x), integers(found.z), found.coefficients)

    @classmethod
    def from_masks(cls, n_qubits: int, x: Iterable[int], z: Iterable[int], coefficients: Any) -> PauliSum:
        """From masks as whole numbers; equal strings are added up and zeros left out."""
        values = np.array(coefficients, dtype=np.float64).reshape(-1)
        return merged(n_qubits, [(words([*x], n_qubits), words([*z], n_qubits), values)], 0.0)


def words(masks: list[int], n_bits: int) -> Words:
    """Masks as little-endian words, shape (n_masks, n_words)."""
    n_words = -(-n_bits // WORD)
    raw = b"".join(mask.to_bytes(8 * n_words, "little") for mask in masks)
    return np.frombuffer(raw, dtype="<u8").reshape(-1, n_words).astype(np.uint64)


def integers(array: Words) -> list[int]:
    """Words as whole numbers."""
    raw = np.ascontiguousarray(array.astype("<u8"))
    return [int.from_bytes(row.tobytes(), "little") for row in raw]


def bits(array: Words, n_bits: int) -> NDArray[np.bool_]:
    """Words as bits, lowest first, shape (n_rows, n_bits)."""
    raw = np.ascontiguousarray(array.astype("<u8")).view(np.uint8)
    return np.unpackbits(raw, axis=1, count=n_bits, bitorder="little").view(np.bool_)


def merged(n_qubits: int, parts: list[tuple[Words, Words, NDArray[np.float64]]], cutoff: float) -> PauliSum:
    """Each string once, sorted, without those up to the cutoff; never empty."""
    x, z, value = (np.concatenate([part[k] for part in parts]) for k in range(3))
    if not len(value):
        x, z, value = np.zeros((1, x.shape[1]), np.uint64), np.zeros((1, x.shape[1]), np.uint64), np.zeros(1)
    columns = [*z.T, *x.T]  # lexsort: the last key counts first
    order = np.lexsort(columns)
    x, z, value = x[order], z[order], value[order]
    new = np.any((x[1:] != x[:-1]) | (z[1:] != z[:-1]), axis=1)
    starts = np.concatenate(([0], np.flatnonzero(new) + 1))
    sums = np.add.reduceat(value, starts)
    keep = np.abs(sums) > cutoff
    keep[0] |= not keep.any()
    return PauliSum(n_qubits, x[starts][keep], z[starts][keep], sums[keep])


def _parts(operator: Any) -> tuple[list[int], list[int], NDArray[np.complex128], int]:
    """Masks, coefficients and number of qubits of what people have."""
    if hasattr(operator, "paulis") and hasattr(operator, "coeffs"):  # Qiskit's SparsePauliOp
        if operator.coeffs.dtype == object:
            raise InputError("the observable has parameters in its coefficients; bind them first")
        return _from_labels(list(zip(operator.paulis.to_labels(), operator.coeffs.tolist(), strict=True)))
    if hasattr(operator, "to_label") and hasattr(operator, "num_qubits"):  # Qiskit's Pauli
        label = operator.to_label()
        body = label.lstrip("-i")
        return _from_labels([(body, complex(1j ** label.count("i") * (-1) ** label.count("-")))])
    if type(operator).__name__ == "QubitOperator" and hasattr(operator, "terms"):  # OpenFermion's
        return _from_openfermion(operator.terms)
    if type(operator).__module__.partition(".")[0] == "pennylane":
        raise InputError(
            "a PennyLane operator is to be mapped to Pauli strings first: "
            "hybridq.qubits.pennylane.observable_from_pennylane(operator)"
        )
    if type(operator).__name__ == "FermionOperator":
        raise InputError("a FermionOperator is to be mapped to Pauli strings first: hybridq.from_openfermion(operator)")
    pairs = operator.items() if isinstance(operator, Mapping) else operator
    try:
        listed = [(str(label), complex(value)) for label, value in pairs]
    except (TypeError, ValueError):
        raise InputError(
            f"an observable is a Pauli sum: a SparsePauliOp, a QubitOperator, or labels with numbers such as "
            f"{{'ZZ': 1.0}}; got {type(operator).__name__}"
        ) from None
    return _from_labels(listed)


def _from_labels(
    pairs: list[tuple[str, complex]],
) -> tuple[list[int], list[int], NDArray[np.complex128], int]:
    if not pairs:
        raise InputError("the observable has no terms")
    width = len(pairs[0][0])
    x, z = [], []
    for label, _ in pairs:
        if len(label) != width or set(label) - set("IXYZ") or not label:
            raise InputError(
                f"the label {label!r} does not fit: labels are made of I, X, Y, Z, all of one length ({width} here)"
            )
        x.append(int(label.translate(str.maketrans("IXYZ", "0110")), 2))
        z.append(int(label.translate(str.maketrans("IXYZ", "0011")), 2))
    return x, z, np.array([value for _, value in pairs], dtype=np.complex128), width


def _from_openfermion(
    terms: Mapping[tuple[tuple[int, str], ...], complex],
) -> tuple[list[int], list[int], NDArray[np.complex128], int]:
    x = [sum(1 << q for q, letter in term if letter in "XY") for term in terms]
    z = [sum(1 << q for q, letter in term if letter in "YZ") for term in terms]
    width = max((q + 1 for term in terms for q, _ in term), default=1)
    return x, z, np.array([complex(c) for c in terms.values()], dtype=np.complex128), width


def _hermitian(x: list[int], z: list[int], values: NDArray[np.complex128], n_qubits: int) -> PauliSum:
    if not np.isfinite(values).all():
        raise InputError("a coefficient of the observable is not finite")
    masks = words(x, n_qubits), words(z, n_qubits)
    found = merged(n_qubits, [(*masks, values.real.copy())], 0.0)
    rest = merged(n_qubits, [(*masks, values.imag.copy())], 0.0)
    worst = float(np.abs(rest.coefficients).max())
    if worst > HERMITIAN * max(1.0, float(np.abs(values).max())):
        k = int(np.abs(rest.coefficients).argmax())
        raise InputError(
            f"the observable is not Hermitian: the coefficient of {rest.labels[k]} has the imaginary part "
            f"{rest.coefficients[k]:.3g}; take (A + A^dagger) / 2, or measure both parts"
        )
    if not math.isfinite(found.bound):
        raise InputError("the coefficients of the observable add up to infinity")
    return found
