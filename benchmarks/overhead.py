"""What hybridq adds to the bare lightning.qubit device.

    python -m benchmarks.overhead

Energy and gradient of a QAOA of 20 nodes (3-regular, two layers), a hardware-efficient circuit on 20 qubits (two
layers, Ising chain) and one on 4 qubits, by hybridq's backend, by the device called with a tape that is made already (the bare
device), and by a QNode under `qml.grad` as the tutorials write it; by turns, several times, medians. Prints a table and
writes benchmarks/results/overhead.json; exits 1 where hybridq adds 10 % or more to the bare device at 20 qubits.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import machine
from benchmarks.workloads import task_of

LOADS = {
    "QAOA, 20 nodes": {"problem": "max-cut", "qubits": 20, "family": "qaoa", "options": {"layers": 2}},
    "HEA, 20 qubits": {"problem": "ising", "qubits": 20, "family": "hea", "options": {"layers": 2}},
    "HEA, 4 qubits": {"problem": "ising", "qubits": 4, "family": "hea", "options": {"layers": 2}},
}
MOST = 1.10


def ways(load: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """The three ways to the same energy and gradient."""
    import pennylane as qml
    from pennylane.devices import ExecutionConfig

    from hybridq_pennylane.backend import PennyLaneBackend
    from hybridq_pennylane.operations import observable

    task = task_of({**load, "name": "", "driver": "gradient"})
    circuit, row = task.qubits, task.params[0]
    backend = PennyLaneBackend()
    device = qml.device("lightning.qubit", wires=circuit.n_qubits)
    measured = observable(task.paulis)
    config = ExecutionConfig(gradient_method="adjoint", use_device_gradient=True)
    tape, _ = backend._tape(circuit, task.paulis, row)

    @qml.qnode(device, diff_method="adjoint")
    def qnode(angles: Any) -> Any:
        for gate in circuit.gates:
            _apply(qml, gate, angles)
        return qml.expval(measured)

    grad = qml.grad(qnode)
    angles = qml.numpy.array(circuit.angles(row), requires_grad=True)
    return {
        "hybridq": lambda: backend.run(task),
        "bare device": lambda: device.execute_and_compute_derivatives([tape], config),
        "QNode": lambda: (grad(angles), qnode(angles)),
    }


def _apply(qml: Any, gate: Any, angles: Any) -> None:
    from hybridq_pennylane.operations import FIXED, INVERSE, TURNS

    if gate.name in TURNS:
        getattr(qml, TURNS[gate.name])(gate.value if gate.angle is None else angles[gate.angle], wires=gate.qubits)
    elif gate.name in INVERSE:
        qml.adjoint(getattr(qml, INVERSE[gate.name]))(wires=gate.qubits)
    else:
        getattr(qml, FIXED[gate.name])(wires=gate.qubits)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    before, rows, good = machine.about(), [], True
    print(f"{'workload':<18}{'hybridq ms':>12}{'bare device ms':>16}{'ratio':>8}{'QNode ms':>12}")
    for name, load in LOADS.items():
        made = ways(load)
        times: dict[str, list[float]] = {way: [] for way in made}
        for work in made.values():
            work()
        for _ in range(options.repeats if load["qubits"] > 10 else 20 * options.repeats):
            for way, work in made.items():
                began = time.perf_counter()
                work()
                times[way].append(time.perf_counter() - began)
        typical = {way: 1e3 * statistics.median(seen) for way, seen in times.items()}
        ratio = typical["hybridq"] / typical["bare device"]
        good &= load["qubits"] < 10 or ratio < MOST
        rows.append({"name": name, "milliseconds": typical, "ratio": ratio})
        print(
            f"{name:<18}{typical['hybridq']:>12.2f}{typical['bare device']:>16.2f}{ratio:>8.2f}{typical['QNode']:>12.2f}"
        )
    machine.save("overhead", {**before, "load_after": machine.about()["load"], "rows": rows})
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
