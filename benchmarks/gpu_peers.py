"""What a user would pick instead, on the GPU: each function gives an energy with its seconds. See `benchmarks.gpu`.

A peer that is not installed, or that fails, is a record that says so.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.gpu_cases import Case, case, evaluate
from hybridq.contract.qubit_circuit import Gate
from hybridq_tensornet.cuquantum_plan import operands_of
from hybridq_tensornet.elements import both
from hybridq_tensornet.executors import executor
from hybridq_tensornet.plan import Plan

Found = dict[str, Any]
TWO = {
    "cx": np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], complex),
    "cz": np.diag([1, 1, 1, -1]).astype(complex),
}  # of qubits (control, target), the control the higher bit


def matrix(gate: Gate, angle: float) -> np.ndarray:
    """A gate's unitary matrix."""
    if gate.name in TWO:
        return TWO[gate.name]
    parts, frequency = both(gate.name)
    return parts[0, 0] + np.cos(frequency * angle) * parts[1, 0] + np.sin(frequency * angle) * parts[2, 0]


def slope(gate: Gate, angle: float) -> np.ndarray:
    """Its derivative by the angle."""
    parts, frequency = both(gate.name)
    return frequency * (np.cos(frequency * angle) * parts[2, 0] - np.sin(frequency * angle) * parts[1, 0])


def repeated(work: Callable[[np.ndarray], Any], at: Case, repeats: int) -> Found:
    """The result for the first row; seconds of the first call and the median of later ones, each with other angles."""
    rows = at.rows(repeats + 1)
    began = time.perf_counter()
    value = work(rows[0])
    found: Found = {"first_s": time.perf_counter() - began, "value": value}
    times = []
    for row in rows[1:]:
        began = time.perf_counter()
        work(row)
        times.append(time.perf_counter() - began)
    return found | {"row_s": statistics.median(times)}


def _dressed(at: Case, plan: Plan, row: np.ndarray, xp: Any) -> tuple[list[Any], Any]:
    """All operands on the device, in cuTensorNet's order, and their description."""
    made = operands_of(at.network, plan)
    buffer = np.zeros(made.size, complex)
    made.pack(at.program.values(row), buffer)
    here = {**made.constants, **made.views(buffer)}
    return [xp.asarray(here[k]) for k in range(len(made.inputs))], made


def replanning(at: Case, repeats: int) -> Found:
    """`cuquantum.tensornet.contract` of the same network, which searches a path at every call."""
    import cupy
    from cuquantum.tensornet import contract

    plan = at.plan(1 << 36)

    def energy(row: np.ndarray) -> float:
        operands, made = _dressed(at, plan, row, cupy)
        return float((made.factor * contract(*made.interleaved(operands)).get()).real)

    return repeated(energy, at, repeats)


def replanning_gradient(at: Case, repeats: int) -> Found:
    """The same with PyTorch's autograd through cuTensorNet's own gradients."""
    import torch
    from cuquantum.tensornet import contract

    plan = at.plan(1 << 36)

    def energy(row: np.ndarray) -> float:
        operands, made = _dressed(at, plan, row, np)
        tensors = [torch.tensor(x, device="cuda") for x in operands]
        for k, _, _ in made.varying:
            tensors[k].requires_grad_(True)
        value = (made.factor * contract(*made.interleaved(tensors))).real
        value.backward()
        torch.cuda.synchronize()
        return float(value)

    return repeated(energy, at, repeats) | {"gradient": True}


def autograd(at: Case, repeats: int) -> Found:
    """Our path contracted by `torch.einsum` on the GPU, with PyTorch's autograd."""
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("PyTorch can use no GPU")
    plan = at.plan(1 << 36)
    if plan.n_slices > 1:
        raise RuntimeError("the plan is sliced")

    def energy(row: np.ndarray) -> float:
        operands, made = _dressed(at, plan, row, np)
        tensors = [torch.tensor(x, device="cuda") for x in operands]
        for k, _, _ in made.varying:
            tensors[k].requires_grad_(True)
        held = [(tensor, tuple(modes)) for tensor, modes in zip(tensors, made.inputs, strict=True)]
        for i, j in made.path:
            (y, ys), (x, xs) = held.pop(j), held.pop(i)
            others = {mode for _, modes in held for mode in modes} | set(made.output)
            keep = tuple(m for m in dict.fromkeys((*xs, *ys)) if m in others)
            local = {m: k for k, m in enumerate(dict.fromkeys((*xs, *ys)))}
            indices = [[local[m] for m in modes] for modes in (xs, ys, keep)]
            held.append((torch.einsum(x, indices[0], y, indices[1], indices[2]), keep))
        value = (made.factor * held[0][0]).real
        value.backward()
        torch.cuda.synchronize()
        return float(value)

    return repeated(energy, at, repeats) | {"gradient": True}


def circuit_to_einsum(at: Case, repeats: int) -> Found:
    """`CircuitToEinsum` of the bound Qiskit circuit and `contract`, string by string with light cones."""
    from cuquantum.tensornet import CircuitToEinsum, contract

    made = at.circuit.to_qiskit()
    names = list(made.parameters)

    def energy(row: np.ndarray) -> float:
        bound = made.assign_parameters(dict(zip(names, row, strict=True)))
        converter = CircuitToEinsum(bound, dtype="complex128", backend="cupy")
        total = 0.0
        for term, weight in at.terms:
            string = "".join(term.get(str(q), "I") for q in range(at.circuit.n_qubits))
            expression, operands = converter.expectation(string, lightcone=True)
            total += weight * float(contract(expression, *operands).get().real)
        return total

    return repeated(energy, at, repeats)


def network_state(at: Case, repeats: int) -> Found:
    """`NetworkState.compute_expectation_with_gradients`, kept alive, its gates changed in place."""
    import cupy
    from cuquantum.tensornet.experimental import NetworkOperator, NetworkState

    n = at.circuit.n_qubits
    ids: list[tuple[int, Gate]] = []
    row = at.rows(1)[0]
    strings = {"".join(term.get(str(q), "I") for q in range(n)): weight for term, weight in at.terms}
    with NetworkState((2,) * n, dtype="complex128") as state:
        for gate in at.circuit.gates:
            free = gate.angle is not None
            values = cupy.asarray(matrix(gate, row[gate.angle] if gate.angle is not None else gate.value))
            shape = (2,) * (2 * len(gate.qubits))
            number = state.apply_tensor_operator(
                gate.qubits, values.reshape(shape), immutable=not free, unitary=True, gradient=free
            )
            if free:
                ids.append((number, gate))
        with NetworkOperator.from_pauli_strings(strings, dtype="complex128", backend="cupy") as operator:

            def both_of(angles: np.ndarray) -> tuple[float, np.ndarray]:
                for number, gate in ids:
                    values = cupy.asarray(matrix(gate, angles[gate.angle]))
                    state.update_tensor_operator(number, values, unitary=True)
                value, given = state.compute_expectation_with_gradients(operator, 1.0)
                slopes = np.zeros(len(angles))
                for number, gate in ids:
                    assert gate.angle is not None
                    derivative = slope(gate, angles[gate.angle])
                    slopes[gate.angle] += 2 * np.real(np.vdot(cupy.asnumpy(given[number]), derivative))
                return complex(value).real, slopes

            found = repeated(both_of, at, repeats)
    found["value"], slopes = found["value"]
    plan = at.plan(1 << 36)
    place = executor("compiled").prepare(at.network, plan, np.complex128)()
    _, exact = evaluate(place, at, plan, at.rows(1), gradient=True)
    assert exact is not None
    return found | {"gradient": True, "gradient_error": float(np.abs(slopes - exact[0]).max())}


def pennylane(device: str, method: str | None) -> Callable[[Case, int], Found]:
    """A PennyLane device; with a method of gradients, energy and gradient."""

    def run(at: Case, repeats: int) -> Found:
        import pennylane as qml

        n = at.circuit.n_qubits
        if device == "lightning.gpu" and n > 32:
            raise RuntimeError(f"a state vector of {n} qubits fits no GPU")
        names = {"ry": qml.RY, "rz": qml.RZ, "cx": qml.CNOT}
        letters = {"X": qml.PauliX, "Z": qml.PauliZ}
        weights, products = [], []
        for term, weight in at.terms:
            weights.append(weight)
            products.append(qml.prod(*(letters[letter](int(q)) for q, letter in term.items())))
        observable = qml.dot(weights, products)

        @qml.qnode(qml.device(device, wires=n), diff_method=method)
        def node(angles: Any) -> Any:
            for gate in at.circuit.gates:
                arguments = () if gate.angle is None else (angles[gate.angle],)
                names[gate.name](*arguments, wires=gate.qubits)
            return qml.expval(observable)

        if method is None:
            return repeated(lambda row: float(node(row)), at, repeats)

        def with_gradient(row: np.ndarray) -> float:
            angles = qml.numpy.array(row, requires_grad=True)
            qml.grad(node)(angles)
            return float(node(angles))

        return repeated(with_gradient, at, repeats) | {"gradient": True}

    return run


PEERS: dict[str, Callable[[Case, int], Found]] = {
    "cuquantum contract, planned each call": replanning,
    "cuquantum contract, autograd, planned each call": replanning_gradient,
    "CircuitToEinsum": circuit_to_einsum,
    "NetworkState with gradients": network_state,
    "torch einsum and autograd": autograd,
    "lightning.gpu, adjoint": pennylane("lightning.gpu", "adjoint"),
    "lightning.tensor, energy": pennylane("lightning.tensor", None),
    "lightning.tensor, parameter shift": pennylane("lightning.tensor", "parameter-shift"),
}


def measured(names: Sequence[str], peers: Sequence[str], repeats: int, limit: float) -> Iterator[Found]:
    """Each peer on each case; its energy is held against ours. One that took over `limit` seconds gets no more."""
    late: set[str] = set()
    for name in names:
        for observable in ("z", "sum20"):
            at = case(name, observable)
            for peer in peers:
                record: Found = {"case": at.name, "executor": peer, "dtype": "complex128", "rows": 1}
                if peer in late:
                    yield record | {"why": f"an earlier case took over {limit:.0f} s"}
                    continue
                began = time.perf_counter()
                try:
                    record |= PEERS[peer](at, repeats)
                    record["error"] = abs(record["value"] - _energy(at))
                except ImportError as error:
                    record["why"] = f"not installed: {error}"
                except Exception as error:
                    record["why"] = f"{type(error).__name__}: {error}"
                if time.perf_counter() - began > limit:
                    late.add(peer)
                yield record


def _energy(at: Case) -> float:
    plan = at.plan(1 << 34)
    place = executor("compiled").prepare(at.network, plan, np.complex128)()
    return float(evaluate(place, at, plan, at.rows(1), gradient=False)[0][0])
