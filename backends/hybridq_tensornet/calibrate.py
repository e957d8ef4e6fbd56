"""Measure the rates of this host, in a few seconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hybridq.contract.angles import Angles
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import Gate, QubitCircuit
from hybridq_tensornet.forms import Rates
from hybridq_tensornet.mpo import mpo
from hybridq_tensornet.network import expectation_network
from hybridq_tensornet.pauli_apply import apply, pauli_table
from hybridq_tensornet.pieces import Contraction
from hybridq_tensornet.plan import Plan
from hybridq_tensornet.tree import quick

LEAST = 1e-12  # seconds: no rate is less


def layers(n: int, depth: int) -> QubitCircuit:
    """Rotations of all qubits and a chain of CX gates, `depth` times."""
    gates: list[Gate] = []
    angle = 0
    for _ in range(depth):
        for q in range(n):
            gates += [Gate("ry", (q,), angle), Gate("rz", (q,), angle + 1)]
            angle += 2
        gates += [Gate("cx", (q, q + 1)) for q in range(n - 1)]
    return QubitCircuit(n, tuple(gates), Angles.separate(angle), tuple(f"a{k}" for k in range(angle)))


def typical(work: Callable[[], object], seconds: float = 0.25) -> float:
    """Median of several calls, after one that is not counted."""
    work()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < until:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def calibrate() -> Rates:
    """Rates from a shallow and a deep chain, on one thread."""
    rng = np.random.default_rng(0)

    def measured(n: int, depth: int) -> tuple[float, float, float, Contraction]:
        """Seconds of an energy, of one with its gradient, and of the leaves."""
        circuit = layers(n, depth)
        network = expectation_network(
            circuit, mpo(PauliSum.from_masks(n, [0] * n, [1 << q for q in range(n)], [1.0] * n))
        )
        tree = quick(network)
        piece = Contraction(network, Plan(tree.path, (), 1, tree.work, tree.name))
        angles = rng.uniform(-3, 3, size=circuit.n_angles)
        return (
            typical(lambda: piece.run(angles, 0, gradient=False)),
            typical(lambda: piece.run(angles, 0, gradient=True)),
            typical(lambda: piece.program.values(angles)),
            piece,
        )

    tiny, _, _, tiny_piece = measured(2, 1)
    thin, _, leaves, thin_piece = measured(30, 1)
    thick, both, _, thick_piece = measured(16, 6)
    leaf = leaves / thin_piece.network.n_leaves
    default = Rates()
    products = thick_piece.plan.work.products
    # A step's own time shows in many small steps, a product's in few large ones.
    step = (thin - tiny - leaf * thin_piece.network.n_leaves) / (
        thin_piece.plan.work.steps - tiny_piece.plan.work.steps
    )
    product = (thick - step * thick_piece.plan.work.steps) / products
    psi = rng.normal(size=1 << 16) + 1j * rng.normal(size=1 << 16)
    one = pauli_table(PauliSum.from_masks(16, [5] * 40, range(0, 800, 20), np.ones(40)))
    forty = pauli_table(PauliSum.from_masks(16, range(1, 41), [0] * 40, np.ones(40)))
    strings, flips = typical(lambda: apply(one, psi), 0.1), typical(lambda: apply(forty, psi), 0.1)
    flip = (flips - strings) / (39 * 2**16)
    found = replace(
        default,
        call=tiny,
        leaf=leaf,
        step=step,
        product=product,
        backward=max(1.0, both / thick),
        string=strings / (40 * 2**16) - flip / 40,
        flip=flip,
    )
    return Rates(**{name: max(LEAST, value) for name, value in vars(found).items()})
