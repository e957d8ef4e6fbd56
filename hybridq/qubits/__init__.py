"""Fermions on qubits: encodings, circuits as Qiskit circuits, Hamiltonians as Pauli strings."""

from __future__ import annotations

from hybridq.qubits.encoding import (
    ENCODINGS,
    Encoding,
    bravyi_kitaev,
    encoding_for,
    jordan_wigner,
    parity,
    parity_reduced,
)
from hybridq.qubits.exponent import pauli_exponent
from hybridq.qubits.hamiltonian import pauli_strings, to_sparse_pauli_op
from hybridq.qubits.lowering import to_qiskit
from hybridq.qubits.mapping import mapped
from hybridq.qubits.problem import QubitProblem
from hybridq.qubits.tapering import fixed_parities, tapered, z_symmetries

__all__ = [
    "ENCODINGS",
    "Encoding",
    "QubitProblem",
    "bravyi_kitaev",
    "encoding_for",
    "fixed_parities",
    "jordan_wigner",
    "mapped",
    "parity",
    "parity_reduced",
    "pauli_exponent",
    "pauli_strings",
    "tapered",
    "to_qiskit",
    "to_sparse_pauli_op",
    "z_symmetries",
]
