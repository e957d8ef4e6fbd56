"""A circuit as JSON text from which it can be made again; one on qubits keeps its Qiskit circuit as QPY."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hybridq.contract.circuit import Factor, FermionicCircuit
from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation, Generator, Ladder, NumberProduct
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Circuit

SCHEMA_VERSION = 1


def to_text(circuit: Circuit) -> str:
    """The circuit as JSON; floats carry the digits that restore the same 64 bits."""
    import orjson

    if isinstance(circuit, QubitCircuit):
        return orjson.dumps({"kind": "qubits", "schema_version": SCHEMA_VERSION, **_qubit_data(circuit)}).decode()
    data = {
        "schema_version": SCHEMA_VERSION,
        "name": circuit.name,
        "notes": circuit.notes,
        "n_orbitals": circuit.n_orbitals,
        "reference": circuit.reference,
        "n_parameters": circuit.n_parameters,
        "initial": circuit.initial,
        "factors": [
            {**generator_to_data(f.generator), "parameter": f.parameter, "scale": f.scale} for f in circuit.factors
        ],
    }
    return orjson.dumps(data).decode()


def from_text(text: str) -> Circuit:
    """The circuit that `to_text` wrote.

    Raises:
        InputError: the text is something else, or of a newer version.
    """
    import orjson

    try:
        data: dict[str, Any] = orjson.loads(text)
        if data["schema_version"] > SCHEMA_VERSION:
            raise InputError(f"the circuit has schema version {data['schema_version']}; install a newer hybridq")
        if data.get("kind") == "qubits":
            return _qubit_circuit(data)
        alpha, beta = (tuple(occupied) for occupied in data["reference"])
        return FermionicCircuit(
            data["n_orbitals"],
            (alpha, beta),
            tuple(_factor(f) for f in data["factors"]),
            data["n_parameters"],
            tuple(data["initial"]),
            data["name"],
            tuple(data["notes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"this is no circuit that hybridq wrote: {error!r}") from None


def _qubit_data(circuit: QubitCircuit) -> dict[str, Any]:
    from qiskit import qpy

    buffer = io.BytesIO()
    qpy.dump(circuit.to_qiskit(), buffer)
    return {
        "name": circuit.name,
        "initial": circuit.initial,
        "digest": circuit.digest,
        "qpy": base64.b64encode(buffer.getvalue()).decode(),
    }


def _qubit_circuit(data: Mapping[str, Any]) -> QubitCircuit:
    from qiskit import qpy

    try:
        [kept] = qpy.load(io.BytesIO(base64.b64decode(data["qpy"])))
    except Exception as error:
        raise InputError(f"Qiskit cannot read the circuit again: {error}") from None
    made = QubitCircuit.of(kept, name=data["name"])
    if made.digest != data["digest"]:
        raise InputError("Qiskit reads the circuit as another one than was written; install the version that wrote it")
    return made.with_initial(data["initial"]) if data["initial"] else made


def generator_to_data(generator: Generator) -> dict[str, Any]:
    """A generator as JSON can hold it."""
    return {"kind": type(generator).__name__, **asdict(generator)}


def generator_from_data(data: Mapping[str, Any]) -> Generator:
    """The generator that `generator_to_data` described; other keys are ignored.

    Raises:
        KeyError, TypeError: something else.
    """
    if data["kind"] == "NumberProduct":
        return NumberProduct(tuple(data["alpha"]), tuple(data["beta"]))
    if data["kind"] != "Excitation":
        raise TypeError(f"unknown kind of generator {data['kind']!r}")
    return Excitation(Ladder(**data["alpha"]), Ladder(**data["beta"]), data["imaginary"], data["fermionic"])


def _factor(data: Mapping[str, Any]) -> Factor:
    return Factor(generator_from_data(data), data["parameter"], data["scale"])
