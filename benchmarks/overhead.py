"""What hybridq adds to PennyLane's lightning.qubit: energy with its whole gradient, through the backend and by hand.

    python -m benchmarks.overhead

QAOA of 20 nodes (maximum cut of a 3-regular graph, two layers), a hardware-efficient circuit on 20 qubits (an Ising
chain in a transverse field) and the same on 4 qubits, each three ways in turn, at new parameters each time:

- hybridq: a Task submitted to the backend, its result taken;
- device: `execute_and_compute_derivatives` of the bare device on a tape that was made once and gets new angles, and
  the chain rule from angles to parameters by hand: the least that PennyLane can take;
- QNode: a QNode and its gradient by autograd, as in PennyLane's tutorials.

All three must agree to 1e-9. Prints the medians and the median of the ratios within a turn, and writes
benchmarks/results/overhead.json; exits 1 where hybridq takes 10 % more than the bare device on 20 qubits. Nothing else
should run on the machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hybridq as hq
from benchmarks import machine
from benchmarks.workloads import chain, regular_graph

Array = NDArray[np.float64]
Evaluation = Callable[[Array], tuple[float, Array]]
WAYS = ("hybridq", "device", "qnode")
ALLOWED, AGREEMENT, JUDGED_FROM = 1.10, 1e-9, 20


@dataclass(frozen=True)
class Case:
    """A circuit and an observable, once in hybridq's words and once in PennyLane's.

    Attributes:
        name: for people.
        task: a gradient at a row of zeros.
        layout: PennyLane's operations at a row of parameters.
        observable: PennyLane's.
        jacobian: d angle / d parameter, shape (n_angles, n_parameters).
    """

    name: str
    task: hq.Task
    layout: Callable[[Any], None]
    observable: Any
    jacobian: Array


def qaoa(n: int, layers: int) -> Case:
    import pennylane as qml

    from hybridq.qubits.graphs import max_cut

    edges = regular_graph(n)
    problem = max_cut(edges)
    circuit = hq.ansatz("qaoa", layers=layers).build(problem)

    def layout(t: Any) -> None:
        for q in range(n):
            qml.Hadamard(q)
        for layer in range(layers):
            for i, j in edges:
                qml.IsingZZ(t[2 * layer], wires=[i, j])  # exp(-i g (Z Z) / 2)
            for q in range(n):
                qml.RX(-2 * t[2 * layer + 1], q)  # exp(+i b X)

    pairs = [qml.Z(i) @ qml.Z(j) for i, j in edges]
    observable = qml.Hamiltonian([0.5] * len(edges) + [-0.5 * len(edges)], [*pairs, qml.Identity(0)])
    jacobian = np.zeros((layers * (len(edges) + n), 2 * layers))
    for layer in range(layers):
        first = layer * (len(edges) + n)
        jacobian[first : first + len(edges), 2 * layer] = 1.0
        jacobian[first + len(edges) : first + len(edges) + n, 2 * layer + 1] = -2.0
    task = hq.Task(circuit, np.zeros(circuit.n_parameters), problem.hamiltonian, "gradient")
    return Case(f"QAOA, {n} nodes, {layers} layers", task, layout, observable, jacobian)


def hea(n: int, layers: int) -> Case:
    import pennylane as qml

    field = 0.8
    problem = hq.QubitProblem(chain(n, field))
    circuit = hq.ansatz("hea", layers=layers).build(problem)

    def layout(t: Any) -> None:
        for layer in range(layers + 1):
            for q in range(n):
                qml.RY(t[layer * n + q], q)
            if layer < layers:
                for q in range(n - 1):
                    qml.CNOT([q, q + 1])

    pairs = [qml.Z(q) @ qml.Z(q + 1) for q in range(n - 1)]
    observable = qml.Hamiltonian([-1.0] * (n - 1) + [-field] * n, pairs + [qml.X(q) for q in range(n)])
    m = (layers + 1) * n
    task = hq.Task(circuit, np.zeros(m), problem.hamiltonian, "gradient")
    return Case(f"HEA, {n} qubits, {layers} layers", task, layout, observable, np.eye(m))


def by_hybridq(case: Case) -> Evaluation:
    backend = hq.backend("pennylane:lightning.qubit")

    def evaluate(row: Array) -> tuple[float, Array]:
        task = hq.Task(case.task.circuit, row, case.task.observable, "gradient")
        [found] = backend.submit([task]).result()
        assert found.energy is not None
        return float(found.energy[0]), np.asarray(found.value[0])

    return evaluate


def by_device(case: Case) -> Evaluation:
    import pennylane as qml

    device = qml.device("lightning.qubit", wires=case.task.circuit.n_qubits)
    config = qml.devices.ExecutionConfig(gradient_method="adjoint", use_device_gradient=True)
    with qml.queuing.AnnotatedQueue() as queue:
        case.layout(np.zeros(case.jacobian.shape[1]))
    tape = qml.tape.QuantumScript([*queue.queue], [qml.expval(case.observable)])
    places = list(range(len(case.jacobian)))
    tape.trainable_params = places

    def evaluate(row: Array) -> tuple[float, Array]:
        now = tape.bind_new_parameters((case.jacobian @ row).tolist(), places)
        [energy], [slopes] = device.execute_and_compute_derivatives([now], config)
        return float(energy), np.array(slopes, dtype=np.float64).ravel() @ case.jacobian

    return evaluate


def by_qnode(case: Case) -> Evaluation:
    import pennylane as qml
    from pennylane import numpy as pnp

    device = qml.device("lightning.qubit", wires=case.task.circuit.n_qubits)

    @qml.qnode(device, diff_method="adjoint")
    def energy(t: Any) -> Any:
        case.layout(t)
        return qml.expval(case.observable)

    gradient = qml.grad(energy)

    def evaluate(row: Array) -> tuple[float, Array]:
        slopes = gradient(pnp.array(row, requires_grad=True))
        return float(gradient.forward), np.asarray(slopes)

    return evaluate


def compared(case: Case, repeats: int) -> dict[str, Any]:
    """Seconds of each way, turn by turn; ends where they disagree."""
    ways = dict(zip(WAYS, (make(case) for make in (by_hybridq, by_device, by_qnode)), strict=True))
    rng = np.random.default_rng(3)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(-1, repeats):  # the first turn prepares, and is not counted
        row = rng.normal(size=case.task.circuit.n_parameters)
        found = {}
        order = WAYS if turn % 2 else WAYS[::-1]
        for way in order:
            began = time.perf_counter()
            found[way] = ways[way](row)
            if turn >= 0:
                seconds[way].append(time.perf_counter() - began)
        for way in WAYS[1:]:
            apart = max(abs(found[way][0] - found["hybridq"][0]), np.abs(found[way][1] - found["hybridq"][1]).max())
            if not apart <= AGREEMENT:
                raise SystemExit(f"{case.name}: hybridq and {way} differ by {apart:.3g}")
    medians = {way: statistics.median(times) for way, times in seconds.items()}
    ratios = {way: _ratio(seconds["hybridq"], seconds[way]) for way in WAYS[1:]}
    qubits = case.task.circuit.n_qubits
    return {"name": case.name, "qubits": qubits, "repeats": repeats, "median_s": medians, "ratio_to": ratios}


def _ratio(mine: Iterable[float], other: Iterable[float]) -> float:
    return statistics.median(a / b for a, b in zip(mine, other, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeats", type=int, default=11, help="turns on 20 qubits; 20 times as many on 4")
    parser.add_argument("--check", action="store_true", help="on 6 qubits, and nothing is written")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("--repeats must be at least 1")
    before = machine.about()
    wide = 6 if options.check else 20
    rows = []
    print(f"{'':<28}{'hybridq':>12}{'device':>12}{'QNode':>12}   ratio to device, to QNode")
    for case, repeats in (
        (qaoa(wide, 2), options.repeats),
        (hea(wide, 3), options.repeats),
        (hea(4, 2), 20 * options.repeats),
    ):
        row = compared(case, repeats)
        times = "".join(f"{1e3 * row['median_s'][way]:>9.2f} ms" for way in WAYS)
        ratios = ", ".join(f"{row['ratio_to'][way]:.3f}" for way in WAYS[1:])
        print(f"{row['name']:<28}{times}   {ratios}", flush=True)
        rows.append(row)
    if not options.check:
        machine.save("overhead", {**before, "load_after": machine.about()["load"], "rows": rows})
    return int(any(row["ratio_to"]["device"] >= ALLOWED for row in rows if row["qubits"] >= JUDGED_FROM))


if __name__ == "__main__":
    sys.exit(main())
