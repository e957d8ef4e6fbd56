"""Wide circuits in one engine: a JSON request on standard input, a record as the last line of standard output.

The request: n, gates [name, qubits, number of the angle or -1], terms [letters by qubit {q: letter}, coefficient],
n_angles, seed, engine, repeats, limit (seconds). An engine is a function that builds what can be built once, and
returns functions from a row of angles to the energy, and to energy and gradient (None where it has none).
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Energy = Callable[[np.ndarray], float]
Gradient = Callable[[np.ndarray], tuple[float, np.ndarray]]
LETTERS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


def hybridq(asked: dict[str, Any], form: str = "auto") -> tuple[Energy, Gradient | None]:
    """The tensornet backend."""
    import hybridq as hq
    from hybridq.contract.angles import Angles
    from hybridq.contract.qubit_circuit import Gate, QubitCircuit

    n, m = asked["n"], asked["n_angles"]
    gates = tuple(Gate(name, tuple(qubits), None if k < 0 else k) for name, qubits, k in asked["gates"])
    circuit = QubitCircuit(n, gates, Angles.separate(m), tuple(f"a{k}" for k in range(m)))
    labels = [("".join(letters.get(str(q), "I") for q in reversed(range(n))), c) for letters, c in asked["terms"]]
    observable = hq.PauliSum.of(labels)
    backend = hq.backend("tensornet" if form == "auto" else f"tensornet:{form}")

    def energy(row: np.ndarray) -> float:
        return float(backend.submit([hq.Task(circuit, row, observable)]).result()[0].value[0])

    def gradient(row: np.ndarray) -> tuple[float, np.ndarray]:
        found = backend.submit([hq.Task(circuit, row, observable, driver="gradient")]).result()[0]
        return float(found.energy[0]), found.value[0]

    return energy, gradient if form == "auto" else None


def aer(asked: dict[str, Any]) -> tuple[Energy, Gradient | None]:
    """Qiskit Aer's matrix product states; the circuit is translated once."""
    import qiskit_aer  # noqa: F401
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.quantum_info import SparsePauliOp
    from qiskit_aer import AerSimulator

    n = asked["n"]
    parameters = [Parameter(f"a{k}") for k in range(asked["n_angles"])]
    circuit = QuantumCircuit(n)
    for name, qubits, k in asked["gates"]:
        getattr(circuit, name)(*([] if k < 0 else [parameters[k]]), *qubits)
    labels = [("".join(letters.get(str(q), "I") for q in reversed(range(n))), c) for letters, c in asked["terms"]]
    circuit.save_expectation_value(SparsePauliOp.from_list(labels), list(range(n)))
    simulator = AerSimulator(method="matrix_product_state", max_parallel_threads=asked["threads"])

    def energy(row: np.ndarray) -> float:
        binds = [{p: [float(x)] for p, x in zip(parameters, row, strict=True)}]
        result = simulator.run(circuit, parameter_binds=binds).result()
        return float(np.real(result.data(0)["expectation_value"]))

    return energy, None


def tensorcircuit(asked: dict[str, Any]) -> tuple[Energy, Gradient | None]:
    """TensorCircuit-NG compiled by JAX; light cones, and a path found while it compiles."""
    import jax
    import tensorcircuit as tc

    tc.set_backend("jax")
    tc.set_dtype("complex128")
    jax.config.update("jax_enable_x64", True)

    def value(row: Any) -> Any:
        circuit = tc.Circuit(asked["n"])
        for name, qubits, k in asked["gates"]:
            getattr(circuit, name)(*qubits, **({} if k < 0 else {"theta": row[k]}))
        total = 0.0
        for letters, c in asked["terms"]:
            operators = [(getattr(tc.gates, letter.lower())(), [int(q)]) for q, letter in letters.items()]
            total = total + c * circuit.expectation(*operators, reuse=False, enable_lightcone=True)
        return jax.numpy.real(total)

    compiled, both = jax.jit(value), jax.jit(jax.value_and_grad(value))

    def energy(row: np.ndarray) -> float:
        return float(compiled(jax.numpy.asarray(row)))

    def gradient(row: np.ndarray) -> tuple[float, np.ndarray]:
        found, slopes = both(jax.numpy.asarray(row))
        return float(found), np.asarray(slopes)

    return energy, gradient


def quimb_contraction(asked: dict[str, Any]) -> tuple[Energy, Gradient | None]:
    """quimb's exact local expectations, light cones and cotengra paths that are kept between calls."""
    import cotengra
    import quimb.tensor as qtn

    finder = cotengra.ReusableHyperOptimizer(
        methods=["greedy"], max_repeats=32, max_time=5, parallel=False, progbar=False, reconf_opts={}
    )

    def energy(row: np.ndarray) -> float:
        circuit = _quimb(qtn.Circuit(asked["n"]), asked, row)
        total = 0.0
        for letters, c in asked["terms"]:
            operator, where = _product(letters)
            total += c * float(np.real(circuit.local_expectation(operator, where, optimize=finder)))
        return total

    return energy, None


def quimb_mps(asked: dict[str, Any]) -> tuple[Energy, Gradient | None]:
    """quimb's matrix product state, without a limit on bonds."""
    import quimb.tensor as qtn

    def energy(row: np.ndarray) -> float:
        circuit = _quimb(qtn.CircuitMPS(asked["n"], cutoff=1e-14), asked, row)
        total = 0.0
        for letters, c in asked["terms"]:
            operator, where = _product(letters)
            total += c * float(np.real(circuit.local_expectation(operator, where)))
        return total

    return energy, None


def _quimb(circuit: Any, asked: dict[str, Any], row: np.ndarray) -> Any:
    names = {"cx": "CX", "ry": "RY", "rz": "RZ"}
    for name, qubits, k in asked["gates"]:
        circuit.apply_gate(names[name], *([] if k < 0 else [float(row[k])]), *qubits)
    return circuit


def _product(letters: dict[str, str]) -> tuple[np.ndarray, tuple[int, ...]]:
    operator = np.eye(1)
    for letter in letters.values():
        operator = np.kron(operator, LETTERS[letter])
    return operator, tuple(int(q) for q in letters)


ENGINES: dict[str, tuple[Callable[[dict[str, Any]], tuple[Energy, Gradient | None]], tuple[str, ...]]] = {
    "hybridq": (hybridq, ("hybridq-sdk", "numpy", "numba", "cotengra")),
    "hybridq-mps": (lambda asked: hybridq(asked, "mps"), ("hybridq-sdk", "numpy")),
    "aer": (aer, ("qiskit", "qiskit-aer")),
    "tensorcircuit": (tensorcircuit, ("tensorcircuit-ng", "jax")),
    "quimb": (quimb_contraction, ("quimb", "cotengra")),
    "quimb-mps": (quimb_mps, ("quimb",)),
}


def timed(work: Callable[[np.ndarray], Any], asked: dict[str, Any], until: float) -> dict[str, Any]:
    """A first call and repeated ones, each at angles of its own."""
    rng = np.random.default_rng(asked["seed"])
    row = rng.uniform(-3, 3, asked["n_angles"])
    begin = time.perf_counter()
    found = work(row)
    first = time.perf_counter() - begin
    calls: list[float] = []
    while len(calls) < asked["repeats"] and time.perf_counter() + (max(calls) if calls else first) < until:
        moved = row + 0.01 * (len(calls) + 1)
        begin = time.perf_counter()
        work(moved)
        calls.append(time.perf_counter() - begin)
    return {"found": found, "first_s": first, "calls_s": calls}


def main() -> None:
    """Answer one request; a line is printed after each part, so that a late one loses nothing."""
    asked = json.loads(sys.stdin.read())
    until = time.perf_counter() + 0.9 * asked["limit"]
    build, packages = ENGINES[asked["engine"]]
    begin = time.perf_counter()
    energy, gradient = build(asked)
    versions = {"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in packages}}
    record: dict[str, Any] = {"build_s": time.perf_counter() - begin, "versions": versions}
    if asked["part"] == "energy":
        part = timed(energy, asked, until)
        record |= {"energy": part["found"], "first_s": part["first_s"], "calls_s": part["calls_s"]}
    elif gradient is not None:
        part = timed(gradient, asked, until)
        value, slopes = part["found"]
        record |= {"energy": value, "gradient": np.asarray(slopes).tolist()}
        record |= {"first_s": part["first_s"], "calls_s": part["calls_s"]}
    sys.stdout.write("\n" + json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
