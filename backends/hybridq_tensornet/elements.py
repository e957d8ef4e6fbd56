"""Gates as 2 x 2 matrices, written so that a parameter enters in one way only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.qubit_circuit import Gate
from hybridq_tensornet.lightcone import DIAGONAL

Complex = NDArray[np.complex128]
I2 = np.eye(2, dtype=complex)
X2 = np.array([[0, 1], [1, 0]], dtype=complex)
Y2 = np.array([[0, -1j], [1j, 0]])
Z2 = np.diag([1, -1]).astype(complex)
PAULI = {"x": X2, "y": Y2, "z": Z2}


@dataclass(frozen=True, eq=False)
class Element:
    """``M_v(t) = parts[0] + cos(f t) parts[1] + sin(f t) parts[2]``: a factor of a leaf.

    Attributes:
        parts: shape (3, 2, 2, 2): part, branch v, row (out), column (in).
        angle: number of the angle t; None where it is fixed, and then all of M is in parts[0].
        frequency: f.
        diagonal: both matrices are diagonal.
        name: tells elements apart together with angle.
    """

    parts: Complex
    angle: int | None
    frequency: float
    diagonal: bool
    name: str


def one_qubit(gate: Gate) -> Element:
    """A gate on one qubit; both branches are the same."""
    return _at(f"{gate.name}", gate, both(gate.name), gate.name in DIAGONAL)


def inserted(pauli: str, mode_of: str) -> Element:
    """``P^v``: the target's side of a controlled Pauli gate."""
    parts = np.zeros((3, 2, 2, 2), complex)
    parts[0] = I2, PAULI[pauli]
    return Element(parts, None, 1.0, pauli == "z", f"{mode_of}:{pauli}")


def split(gate: Gate, pauli: str) -> Element:
    """``cos(t/2) 1`` for v = 0 and ``-i sin(t/2) P`` for v = 1: the angle's side of ``exp(-i t/2 P P)``."""
    parts = np.zeros((3, 2, 2, 2), complex)
    parts[1, 0] = I2
    parts[2, 1] = -1j * PAULI[pauli]
    return _at(f"split:{pauli}", gate, (parts, 0.5), False)


def table(gate: Gate) -> Element:
    """A diagonal gate on two qubits: entry (b, a) of the matrix is its value at a, b."""
    return _at(gate.name, gate, both(gate.name), False)


@cache
def both(name: str) -> tuple[Complex, float]:
    """Parts and frequency of a gate by name, the same for both branches."""
    zero = np.zeros((2, 2), complex)
    fixed = {
        "x": X2,
        "y": Y2,
        "z": Z2,
        "h": (X2 + Z2) / np.sqrt(2),
        "s": np.diag([1, 1j]),
        "sdg": np.diag([1, -1j]),
        "t": np.diag([1, np.exp(0.25j * np.pi)]),
        "tdg": np.diag([1, np.exp(-0.25j * np.pi)]),
        "sx": 0.5 * np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]),
        "sxdg": 0.5 * np.array([[1 - 1j, 1 + 1j], [1 + 1j, 1 - 1j]]),
        "cz": np.array([[1, 1], [1, -1]], dtype=complex),
    }
    turning = {
        "rx": (zero, I2, -1j * X2, 0.5),
        "ry": (zero, I2, -1j * Y2, 0.5),
        "rz": (zero, I2, -1j * Z2, 0.5),
        "p": (np.diag([1, 0]), np.diag([0, 1]), np.diag([0, 1j]), 1.0),
        "cp": (np.array([[1, 1], [1, 0]]), np.diag([0, 1]), np.diag([0, 1j]), 1.0),
        "rzz": (zero, np.ones((2, 2)), -1j * np.array([[1, -1], [-1, 1]]), 0.5),
    }
    parts = np.zeros((3, 2, 2, 2), complex)
    if name in fixed:
        parts[0, :] = fixed[name]
        return parts, 1.0
    *three, frequency = turning[name]
    for part, matrix in zip(parts, three, strict=True):
        part[:] = matrix
    return parts, frequency


def _at(name: str, gate: Gate, made: tuple[Complex, float], diagonal: bool) -> Element:
    """The element of a gate; an angle that is fixed goes into the matrix."""
    parts, frequency = made
    if gate.angle is not None:
        return Element(parts, gate.angle, frequency, diagonal, name)
    t = frequency * gate.value
    whole = np.zeros_like(parts)
    whole[0] = parts[0] + np.cos(t) * parts[1] + np.sin(t) * parts[2]
    return Element(whole, None, 1.0, diagonal, f"{name}({float(gate.value).hex()})")
