"""What a task will take, before a plan is searched for."""

from __future__ import annotations

from collections.abc import Callable

from hybridq.contract.backend import Cost
from hybridq.contract.errors import CapacityError
from hybridq.contract.memory import shown
from hybridq.contract.task import Task
from hybridq_tensornet.engine import Engine
from hybridq_tensornet.forms import WIDEST_STATE, Rates, form_seconds, seconds
from hybridq_tensornet.mpo import mpo
from hybridq_tensornet.mps_cost import bonds, mps_bytes, mps_seconds
from hybridq_tensornet.network import marginal_network, state_network
from hybridq_tensornet.plan import MOST_SECONDS, work_bytes
from hybridq_tensornet.sampling import BLOCK, NARROW, WIDEST
from hybridq_tensornet.tree import quick

FIXED = 4 << 20  # Python's objects for a structure and its plan, bytes
PER_LEAF = 6000
MOST_GATES = 20_000  # beyond this a first look would itself take seconds; only the state vector is considered


def estimate(task: Task, engine: Engine, rates: Rates, room: Callable[[], int], threads: int) -> Cost:
    """Seconds and bytes of one task.

    Raises:
        CapacityError: it fits in no form.
    """
    circuit = task.qubits
    gradient = task.driver == "gradient"
    if task.driver == "counts":
        return _counts(task, rates)
    known = engine.known(circuit, task.paulis, gradient=gradient)
    if known is not None:
        small = FIXED + PER_LEAF * len(circuit.gates)
        shared = max(1, min(threads, task.n_rows * len(known.units)))
        return Cost(task.n_rows * known.seconds / shared, small + shared * known.bytes)
    if len(circuit.gates) > MOST_GATES:
        return _many_gates(task, rates, room)
    best: tuple[float, int, int] | None = None
    free = room()
    for form in engine.forms(circuit, task.paulis):
        need = 0
        for network, _ in form.parts:
            work = quick(network).work
            need = max(need, work_bytes(work, network.itemsize, gradient))
        shared = max(1, min(threads, task.n_rows * len(form.parts)))
        found = (form_seconds(form, rates, gradient=gradient) / shared, need, shared)
        if need * shared <= free and (best is None or found < best):
            best = found
    if best is None:
        return _sliced(task, engine, rates, room)
    return Cost(task.n_rows * best[0], FIXED + PER_LEAF * len(circuit.gates) + best[2] * best[1])


def _sliced(task: Task, engine: Engine, rates: Rates, room: Callable[[], int]) -> Cost:
    """Nothing fits at first sight: what slices cost needs a real plan, made by this rank alone."""
    ready = engine.alone().prepare(task.qubits, task.paulis, room, gradient=task.driver == "gradient")
    return Cost(task.n_rows * ready.seconds, FIXED + ready.bytes)


def _many_gates(task: Task, rates: Rates, room: Callable[[], int]) -> Cost:
    n, n_gates = task.qubits.n_qubits, len(task.qubits.gates)
    need = 16 * (n_gates if task.driver == "gradient" else 4) << min(n, WIDEST_STATE + 1)
    free = room()
    if n > WIDEST_STATE or need > free:
        raise CapacityError(
            f"{n_gates} gates on {n} qubits are too many to contract: their state vector needs {shown(need)}, and "
            f"{shown(free)} are free; take fewer layers"
        )
    once = 2.0 * n_gates * 2.0**n * rates.product * (rates.backward if task.driver == "gradient" else 1.0)
    return Cost(task.n_rows * once, FIXED + PER_LEAF * n_gates + need)


def _counts(task: Task, rates: Rates) -> Cost:
    circuit, shots = task.qubits, task.shots or 0
    if circuit.n_qubits <= WIDEST:
        network = state_network(circuit)
        work = quick(network).work
        once = seconds(rates, network, work, gradient=False) + 2.0**circuit.n_qubits * 5e-9
        need = work_bytes(work, network.itemsize, False)
    elif (shape := bonds(circuit, None)).largest <= NARROW:
        # A shot that differs from all others is a vector through the chain: 4 bond^2 products a qubit.
        each = 4.0 * circuit.n_qubits * float(shape.limited) ** 2 * rates.product
        once, need = mps_seconds(shape, circuit.n_qubits, 1) + shots * each, mps_bytes(shape, 1)
    else:
        first = circuit.n_qubits - BLOCK
        network = marginal_network(circuit, range(first), range(first, circuit.n_qubits))
        work = quick(network).work
        # Earlier blocks see fewer gates; half the last one's work is their mean.
        blocks = -(-circuit.n_qubits // BLOCK)
        once = 0.5 * shots * blocks * seconds(rates, network, work, gradient=False)
        need = work_bytes(work, network.itemsize, False)
    if once > MOST_SECONDS:
        raise CapacityError(
            f"{shots} samples of these {circuit.n_qubits} qubits would take {once / 86400:.2g} days; take fewer "
            "layers, or an approximate state: backend('tensornet', max_bond_dimension=256)"
        )
    return Cost(task.n_rows * once, FIXED + PER_LEAF * len(circuit.gates) + need, shots * task.n_rows)


def estimate_mps(task: Task, limit: int | None, room: Callable[[], int], threads: int) -> Cost:
    """Seconds and bytes of matrix product states, from the bonds that the circuit could make.

    Raises:
        CapacityError: they do not fit.
    """
    circuit = task.qubits
    shape = bonds(circuit, limit)
    operator_bond = 1 if task.driver == "counts" else max(mpo(task.paulis).bonds, default=1)
    shared = max(1, min(threads, task.n_rows))
    need, free = shared * mps_bytes(shape, operator_bond), room()
    if need > free:
        raise CapacityError(
            f"a matrix product state with bonds up to {shape.limited} needs {shown(need)}, and {shown(free)} are free; "
            "set max_bond_dimension to a smaller number"
        )
    once = mps_seconds(shape, circuit.n_qubits, operator_bond)
    if shape.largest > shape.limited and task.driver == "energy":
        once *= 1.3  # half the bond again, to judge the error
    shots = 0 if task.shots is None else task.shots
    each = 4.0 * circuit.n_qubits * float(shape.limited) ** 2 * 1e-9
    return Cost(task.n_rows * (once + shots * each) / shared, FIXED + need, shots * task.n_rows)
