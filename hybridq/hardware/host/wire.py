"""What goes over the pipe: JSON, a message a line; circuits as QPY of a version that both sides read."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridq.contract.errors import BackendError, InputError
from hybridq.hardware.device import Run

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

PROTOCOL = 1
QPY = 13
"""Version of QPY, of Qiskit 1.3: the oldest that Qiskit 2.6 writes, and all since read it."""


@dataclass(frozen=True)
class Ref:
    """A program that is on the other side.

    Attributes:
        key: of what was compiled.
        index: of the tail.
        factor: how often its two-qubit gates are folded; see `hybridq.mitigation`.
    """

    key: str
    index: int
    factor: int = 1


def line_of(message: Mapping[str, Any]) -> bytes:
    """A message as a line; NumPy's numbers and arrays become Python's, and what JSON has no place for its text."""
    return json.dumps(message, separators=(",", ":"), default=_plain).encode() + b"\n"


def message_of(line: bytes) -> dict[str, Any] | None:
    """The message of a line; None where it is none."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def wire_version() -> int:
    """The version of QPY that this side writes.

    Raises:
        MissingPackage: there is no Qiskit.
    """
    from hybridq.qubits.extra import require_qiskit

    require_qiskit()
    from qiskit.qpy import common

    return max(QPY, int(getattr(common, "QPY_COMPATIBILITY_VERSION", QPY)))


def read_version() -> int:
    """The newest version of QPY that this side reads.

    Raises:
        MissingPackage: there is no Qiskit.
    """
    from hybridq.qubits.extra import require_qiskit

    require_qiskit()
    from qiskit.qpy import common

    return int(common.QPY_VERSION)


def circuits_text(circuits: Sequence[QuantumCircuit]) -> str:
    """Circuits as text.

    Raises:
        InputError: one holds what QPY has no place for.
    """
    from qiskit import qpy

    plain = []
    for circuit in circuits:
        bare = circuit.copy()
        bare.metadata = {}
        plain.append(bare)
    buffer = io.BytesIO()
    try:
        qpy.dump(plain, buffer, version=wire_version())
    except Exception as error:
        raise InputError(
            f"a circuit cannot be sent to a device in another process: {' '.join(str(error).split())[:300]}; "
            "decompose it into standard gates first"
        ) from error
    return base64.b64encode(buffer.getvalue()).decode()


def circuits_from(text: str) -> list[QuantumCircuit]:
    """Circuits from `circuits_text`.

    Raises:
        BackendError: they cannot be read.
    """
    from qiskit import qpy

    try:
        return list(qpy.load(io.BytesIO(base64.b64decode(text))))
    except Exception as error:
        import qiskit

        raise BackendError(
            f"Qiskit {qiskit.__version__} of the host cannot read the circuits that it was sent: "
            f"{' '.join(str(error).split())[:300]}"
        ) from error


def run_data(run: Run, program: Ref) -> dict[str, Any]:
    """A run for the pipe, its program by reference."""
    return {
        "program": [program.key, program.index, program.factor],
        "values": np.asarray(run.values, dtype=np.float64).reshape(-1).tolist(),
        "shots": int(run.shots),
        "seed": None if run.seed is None else int(run.seed),
    }


def run_from(data: Mapping[str, Any]) -> tuple[Ref, Run]:
    """A run of `run_data`, which has no program yet, and the reference to it."""
    values = np.array(data["values"], dtype=np.float64)
    return Ref(*data["program"]), Run(None, values, data["shots"], data["seed"])


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return list(value) if isinstance(value, set | frozenset) else str(value)
