"""A problem of electrons as a problem of qubits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from hybridq.contract.errors import InputError
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.qubits.encoding import Electrons, Encoding, encoding_for
from hybridq.qubits.hamiltonian import pauli_strings
from hybridq.qubits.problem import QubitProblem
from hybridq.qubits.tapering import fixed_parities, tapered


class Electronic(Electrons, Protocol):
    """What is mapped: `hybridq.Problem`."""

    @property
    def hamiltonian(self) -> Hamiltonian:
        """Integrals, hartree."""
        ...

    @property
    def name(self) -> str:
        """A label for people."""
        ...

    @property
    def source(self) -> Mapping[str, Any]:
        """Where it came from."""
        ...

    @property
    def known(self) -> Mapping[str, float]:
        """Energies known already, hartree."""
        ...


def mapped(
    problem: Electronic, mapping: str | Encoding = "jordan_wigner", *, taper: bool = False, cutoff: float = 1e-12
) -> QubitProblem:
    """The problem's Hamiltonian on qubits, hartree, with what is known of it; see `Problem.to_qubits`.

    Raises:
        InputError: an unknown mapping, one made for other electrons, or a negative cutoff.
    """
    if not cutoff >= 0:
        raise InputError(f"cutoff must be zero or positive (hartree), got {cutoff}")
    code = encoding_for(mapping, problem)
    occupation = ((1 << problem.n_alpha) - 1) | ((1 << problem.n_beta) - 1) << problem.n_orbitals
    if taper:
        code = tapered(code, pauli_strings(problem.hamiltonian, code.whole, cutoff=cutoff), occupation)
    source = {
        **problem.source,
        "mapping": code.name,
        "encoding": {"flips": [hex(mask) for mask in code.flips], "removed": [list(pair) for pair in code.removed]},
        "symmetries": [{"modes": modes, "parity": sign} for modes, sign in fixed_parities(code)],
        "reference": format(code.basis_state(occupation), f"0{code.n_qubits}b"),
    }
    observable = pauli_strings(problem.hamiltonian, code, cutoff=cutoff)
    return QubitProblem(observable, f"{problem.name}, {code.name}", "hartree", source, problem.known)
