"""Setting: one way of measuring, gates after which a part of an observable is a sum of products of Z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.contract.errors import InputError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

BLOCK = 1 << 22  # signs held at once


@dataclass(frozen=True)
class Turn:
    """A gate of a setting.

    Attributes:
        name: Qiskit's name of a standard gate, such as "h" or "rxx".
        qubits: in Qiskit's order.
        angle: radians; None for a gate without one.
    """

    name: str
    qubits: tuple[int, ...]
    angle: float | None = None


@dataclass(frozen=True, eq=False)
class Setting:
    """Gates U after which a part of an observable is diagonal: ``part = U+ (sum_k c_k prod_(q in k) Z_q) U``.

    Attributes:
        n_qubits: number of qubits n.
        turns: the gates of U in the order in which they act.
        support: shape (n_terms, n_qubits), 1 where the product has a Z.
        coefficients: c, shape (n_terms,), in the observable's unit.
        conserves: whether U conserves the number of electrons of each spin under Jordan-Wigner, alpha qubits first.
    """

    n_qubits: int
    turns: tuple[Turn, ...]
    support: NDArray[np.uint8]
    coefficients: NDArray[np.float64]
    conserves: bool

    def __post_init__(self) -> None:
        for array in (self.support, self.coefficients):
            array.setflags(write=False)

    @property
    def weight(self) -> float:
        """Sum of the sizes of the coefficients: no value is larger in size."""
        return float(np.abs(self.coefficients).sum())

    @property
    def norm(self) -> float:
        """Root of the sum of the squared coefficients: the standard deviation of a value for uniform random bits."""
        return float(np.linalg.norm(self.coefficients))

    def tail(self) -> QuantumCircuit:
        """The gates as a circuit on n qubits, without measurements.

        Raises:
            MissingPackage: Qiskit is not installed.
        """
        from hybridq.qubits.extra import require_qiskit

        require_qiskit()
        from qiskit import QuantumCircuit

        circuit = QuantumCircuit(self.n_qubits)
        apply_turns(circuit, self.turns)
        return circuit

    def values(self, bits: ArrayLike) -> NDArray[np.float64]:
        """Value of the part for each string of bits, shape (m,).

        Args:
            bits: 0 or 1, shape (m, n_qubits); column q is qubit q.

        Raises:
            InputError: the shape does not fit.
        """
        found = np.asarray(bits)
        if found.ndim != 2 or found.shape[1] != self.n_qubits:
            raise InputError(f"bits must have shape (m, {self.n_qubits}), got {found.shape}")
        support = self.support.T.astype(np.float32)
        out = np.empty(len(found))
        step = max(1, BLOCK // max(1, len(self.coefficients)))
        for first in range(0, len(found), step):
            sums = found[first : first + step].astype(np.float32) @ support  # whole numbers up to n: exact
            out[first : first + step] = (1.0 - 2.0 * (sums % 2)) @ self.coefficients
        return out


@dataclass(frozen=True, eq=False)
class Measurement:
    """An observable as a constant and the parts that its settings measure.

    Attributes:
        constant: what needs no measurement, in the observable's unit.
        settings: the ways of measuring; their parts and the constant add up to the observable.
        grouping: "qubit-wise", "commuting" or "basis-rotation".
    """

    constant: float
    settings: tuple[Setting, ...]
    grouping: str


def apply_turns(circuit: Any, turns: Sequence[Turn]) -> None:
    """Append gates to a Qiskit circuit."""
    for turn in turns:
        words = () if turn.angle is None else (turn.angle,)
        getattr(circuit, turn.name)(*words, *turn.qubits)
