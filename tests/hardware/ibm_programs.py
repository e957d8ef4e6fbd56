"""What the loopback service runs: IBM's programs "executor" and "sampler", by IBM's own code on Aer."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np


@cache
def device(name: str) -> Any:
    from qiskit_ibm_runtime import fake_provider

    return getattr(fake_provider, f"Fake{name.title()}V2")()


@cache
def simulator(name: str, noisy: bool) -> Any:
    from qiskit_aer import AerSimulator

    return AerSimulator.from_backend(device(name)) if noisy else AerSimulator()


def files(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and properties as the vendor publishes them."""
    fake = device(name)
    folder = Path(fake.dirname)
    read = [json.loads((folder / file).read_text()) for file in (fake.conf_filename, fake.props_filename)]
    read[0].update(simulator=False, backend_name=f"ibm_{name}")
    read[1].update(backend_name=f"ibm_{name}")
    return read[0], read[1]


def run(program: str, params: dict[str, Any], name: str, noisy: bool, seed: int) -> tuple[str, int, int]:
    """The result as text, circuits and shots in all."""
    if program == "executor":
        return _executor(params, simulator(name, noisy), seed)
    from qiskit.primitives import BackendSamplerV2
    from qiskit_ibm_runtime import RuntimeDecoder, RuntimeEncoder

    decoded = json.loads(json.dumps(params), cls=RuntimeDecoder)
    pubs = [tuple(pub) for pub in decoded["pubs"]]
    sampler = BackendSamplerV2(backend=simulator(name, noisy), options={"seed_simulator": seed})
    default = decoded.get("options", {}).get("default_shots") or decoded.get("shots") or 4096
    result = sampler.run(pubs, shots=default).result()
    shots = sum(pub.data[next(iter(pub.data))].num_shots for pub in result)
    return json.dumps(result, cls=RuntimeEncoder), len(pubs), shots


def items(params: dict[str, Any]) -> int:
    """Different circuits that were sent."""
    return len(params["quantum_program"]["items"] if "quantum_program" in params else params["pubs"])


def _executor(params: dict[str, Any], backend: Any, seed: int) -> tuple[str, int, int]:
    from ibm_quantum_schemas.common.tensor import CompressedTensorModel
    from ibm_quantum_schemas.executor import version_2_0 as v2
    from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS

    converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS["v2.0"]
    model = converter.model.model_validate(params)
    program, _ = converter.decoder(model)
    items, circuits = [], 0
    for k, item in enumerate(program.items):
        if hasattr(item, "samplex"):
            found = _twirled(item, program.shots, backend, seed + k)
            circuits += int(np.prod(item.shape))
        else:
            found, n = _rows(item.circuit.copy(), item.circuit_arguments, program.shots, backend)
            circuits += n
        results = {name: CompressedTensorModel.from_numpy(value) for name, value in found.items()}
        metadata = v2.models.ItemMetadataModel()
        items.append(v2.models.QuantumProgramResultItemModel(results=results, metadata=metadata))
    made = v2.models.QuantumProgramResultModel(
        data=items,
        metadata=v2.models.MetadataModel(chunk_timing=[]),
        passthrough_data=model.quantum_program.passthrough_data,
        semantic_role=model.quantum_program.semantic_role,
    )
    return made.model_dump_json(), circuits, program.shots * circuits


def _twirled(item: Any, shots: int, backend: Any, seed: int) -> dict[str, np.ndarray]:
    """What an item reads whose parameters are drawn by its samplex: for each of its rows, bases and randomizations."""
    from qiskit.primitives.containers.bindings_array import BindingsArray
    from qiskit.primitives.containers.sampler_pub import SamplerPub
    from qiskit_aer.primitives import SamplerV2
    from qiskit_ibm_runtime.fake_provider.executor.broadcast_sample import broadcast_sample

    item.samplex.finalize()
    drawn = broadcast_sample(item.samplex, item.samplex_arguments, item.shape, np.random.default_rng(seed))
    values = drawn.pop("parameter_values")
    plain = _anew(item.circuit)
    pub = SamplerPub(plain, BindingsArray({tuple(plain.parameters): values}), shots=shots)
    read = SamplerV2.from_backend(backend, seed=seed).run([pub]).result()[0].data
    return {**drawn, **{name: bits.to_bool_array(order="little") for name, bits in dict(read).items()}}


def _rows(circuit: Any, values: Any, shots: int, backend: Any) -> tuple[dict[str, np.ndarray], int]:
    """What `_read` gives for each row of values, and their number."""
    if values is None or np.ndim(values) < 2:
        return _read(circuit, values, shots, backend), 1
    read = [_read(circuit, row, shots, backend) for row in values]
    return {name: np.stack([one[name] for one in read]) for name in read[0]}, len(read)


def _read(circuit: Any, values: Any, shots: int, backend: Any) -> dict[str, np.ndarray]:
    """What each register reads, shape (shots, n_bits), bit 0 first; the same for the same circuit at any time."""
    plain = _anew(circuit)
    if plain.num_parameters:
        plain = plain.assign_parameters(np.ravel(values))
    seed = int.from_bytes(hashlib.sha256(f"{_content(plain)} {shots}".encode()).digest()[:4], "big") >> 1
    memory = backend.run(plain, shots=shots, seed_simulator=seed, memory=True).result().get_memory()
    out = {}
    for register, column in zip(reversed(circuit.cregs), range(len(circuit.cregs)), strict=True):
        texts = [line.split(" ")[column] for line in memory]
        out[register.name] = np.array([[character == "1" for character in reversed(text)] for text in texts])
    return out


def _content(circuit: Any) -> list[Any]:
    """Gates, angles and places."""
    return [
        (
            item.operation.name,
            [float(p) for p in item.operation.params],
            [circuit.find_bit(q).index for q in item.qubits],
        )
        for item in circuit.data
    ]


def _anew(circuit: Any) -> Any:
    """The same circuit, gate by gate: as it comes out of the request's models it crashes Qiskit 2.6 in Aer's thread."""
    from qiskit import ClassicalRegister, QuantumCircuit

    out = QuantumCircuit(circuit.num_qubits)
    for register in circuit.cregs:
        out.add_register(ClassicalRegister(register.size, register.name))
    for item in circuit.data:
        qubits = [circuit.find_bit(q).index for q in item.qubits]
        if item.operation.name == "measure":
            out.measure(qubits, [circuit.find_bit(c).index for c in item.clbits])
        elif item.operation.name == "barrier":
            out.barrier(qubits)
        else:
            getattr(out, item.operation.name)(*item.operation.params, *qubits)
    return out
