"""Circuits and operators from other languages: OpenQASM 2 and 3, QPY files, OpenFermion's FermionOperator."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hybridq.contract.errors import InputError, MissingPackage
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.qubits.extra import require_qiskit
from hybridq.qubits.pauli import PauliTerms, add, annihilation, creation, multiply


def from_qasm(source: str | Path, *, name: str | None = None) -> QubitCircuit:
    """The circuit of an OpenQASM 2 or 3 program; in version 3, ``input float`` declares a parameter.

    Qiskit reads it, so parameters stand in its order: by name. Measurements at the end are left out.

    Args:
        source: the program, or the path of a file that holds it.
        name: None takes the name of the file, or "qasm".

    Raises:
        InputError: no such file, no OpenQASM, a syntax error, or a circuit that `QubitCircuit.of` refuses.
        MissingPackage: Qiskit is not installed; for version 3, qiskit-qasm3-import.
    """
    require_qiskit()
    text, folder, label = _program(source)
    # The version stands first, after comments and empty lines.
    found = re.match(r"(?:\s|//[^\n]*\n|/\*.*?\*/)*OPENQASM\s+(\d+)", text, re.DOTALL)
    if found is None or found[1] not in ("2", "3"):
        version = "has no line 'OPENQASM 2.0;' or 'OPENQASM 3.0;'" if found is None else f"is of version {found[1]}"
        raise InputError(f"{label} is no OpenQASM 2 or 3: it {version}")
    circuit = _qasm2(text, folder, label) if found[1] == "2" else _qasm3(text, label)
    return QubitCircuit.of(circuit, name=name or (Path(label).stem if folder is not None else "qasm"))


def from_file(path: str | Path) -> QubitCircuit:
    """The circuit in a file, by its name: .qasm, or .qpy as Qiskit writes it (its only circuit).

    Raises:
        InputError: no such file, another kind of file, or it cannot be read.
        MissingPackage: as `from_qasm`.
    """
    path = Path(path)
    if path.suffix.lower() in (".qasm", ".qasm2", ".qasm3"):
        return from_qasm(path)
    if path.suffix.lower() != ".qpy":
        raise InputError(f"{path} is no circuit file: its name must end with .qasm or .qpy")
    require_qiskit()
    from qiskit import qpy

    try:
        with open(path, "rb") as file:
            circuits = qpy.load(file)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception as error:
        raise InputError(f"Qiskit cannot read {path} as QPY: {_line(error)}") from None
    if len(circuits) != 1:
        raise InputError(f"{path} holds {len(circuits)} circuits; write the one that is wanted to a file of its own")
    return QubitCircuit.of(circuits[0], name=path.stem)


def from_openfermion(operator: Any, *, n_modes: int | None = None, interleaved: bool = False) -> PauliSum:
    """An OpenFermion operator as Pauli strings: a QubitOperator as it is, a FermionOperator under Jordan-Wigner.

    Args:
        operator: the operator.
        n_modes: number of modes and qubits; None takes those that the operator names.
        interleaved: modes alternate between alpha and beta, as in OpenFermion's molecules, and become hybridq's order,
            all alpha first. False keeps mode k on qubit k.

    Raises:
        InputError: it is neither, not Hermitian, has more modes than `n_modes`, or an odd number of modes that
            are to be interleaved.
    """
    kind = type(operator).__name__
    if kind == "QubitOperator":
        return PauliSum.of(operator, n_modes)
    if kind != "FermionOperator" or not hasattr(operator, "terms"):
        raise InputError(
            f"an OpenFermion FermionOperator or QubitOperator is wanted, got {kind}; apply get_fermion_operator to an "
            "InteractionOperator first"
        )
    named = 1 + max((mode for term in operator.terms for mode, _ in term), default=-1)
    n = max(named, 1) if n_modes is None else n_modes
    if named > n:
        raise InputError(f"the operator acts on mode {named - 1}, and only {n} modes are wanted")
    if interleaved and n % 2:
        raise InputError(f"{n} modes cannot alternate between alpha and beta; give an even n_modes")
    place = [k // 2 + (n // 2) * (k % 2) for k in range(n)] if interleaved else list(range(n))
    total: PauliTerms = {}
    for term, coefficient in operator.terms.items():
        strings: PauliTerms = {(0, 0): complex(coefficient)}
        for mode, creates in term:
            strings = multiply(strings, (creation if creates else annihilation)(place[mode]))
        total = add(total, strings)
    # X^x Z^z is (-i)^|x & z| times the Hermitian string.
    pairs = [(_label(x, z, n), c * (-1j) ** (x & z).bit_count()) for (x, z), c in total.items()]
    return PauliSum.of(pairs or [("I" * n, 0.0)])


def _program(source: str | Path) -> tuple[str, Path | None, str]:
    """Text of a program, the folder of its file, and what to call it."""
    if isinstance(source, str) and ("OPENQASM" in source or "\n" in source):
        return source, None, "the program"
    if not isinstance(source, str | Path):
        raise InputError(f"OpenQASM is a text or the path of a file, got {type(source).__name__}")
    path = Path(source)
    try:
        return path.read_text(encoding="utf-8"), path.absolute().parent, str(path)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {str(path)[:100]}: {getattr(error, 'strerror', None) or error}") from None


def _qasm2(text: str, folder: Path | None, label: str) -> Any:
    from qiskit import qasm2

    paths = (".",) if folder is None else (str(folder), ".")
    try:
        return qasm2.loads(text, include_path=paths, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    except qasm2.QASM2ParseError as error:
        raise InputError(f"{label} is no OpenQASM 2 that Qiskit can read: {_line(error)}") from None


def _qasm3(text: str, label: str) -> Any:
    try:
        import qiskit_qasm3_import
    except ImportError as error:
        raise MissingPackage(
            f"OpenQASM 3 needs qiskit-qasm3-import, which cannot be imported ({error}); install it: "
            "pip install 'qiskit-qasm3-import>=0.6'"
        ) from error
    try:
        return qiskit_qasm3_import.parse(text)
    except Exception as error:
        raise InputError(f"{label} is no OpenQASM 3 that Qiskit can read: {_line(error)}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).strip("'\"").split()) or type(error).__name__


def _label(x: int, z: int, n: int) -> str:
    return "".join("IXZY"[(x >> q & 1) | (z >> q & 1) << 1] for q in reversed(range(n)))
