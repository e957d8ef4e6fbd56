"""Circuits, and our executors on them: held against the compiled loops, then timed. See `benchmarks.gpu`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.wide_circuits import request
from hybridq.contract.angles import Angles
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import Gate, QubitCircuit
from hybridq_tensornet.executors import Executor, Workplace, executor
from hybridq_tensornet.leaves import LeafProgram, leaf_program
from hybridq_tensornet.mpo import mpo
from hybridq_tensornet.network import Network, expectation_network
from hybridq_tensornet.plan import Plan, make_plan
from hybridq_tensornet.tree import quick

TOLERANCE = {"complex128": 1e-10, "complex64": 2e-4}
"""Largest difference from the compiled loops, relative to the largest number compared (at least 1)."""
CHECKED = ("6-linear-2", "10-ring-3", "12-brick-4")
TIMED = ("40-linear-4", "60-ring-4", "60-linear-8", "24-ring-6", "60-brick-8")
QUICK = ("8-linear-2", "10-ring-2")


@dataclass(frozen=True, eq=False)
class Case:
    """A circuit with an observable.

    Attributes:
        name: qubits, pattern, layers, observable.
        terms: strings as {qubit: letter} with their coefficients.
    """

    name: str
    circuit: QubitCircuit
    observable: PauliSum
    terms: list[Any]

    @cached_property
    def network(self) -> Network:
        """Of the energy."""
        return expectation_network(self.circuit, mpo(self.observable))

    @cached_property
    def program(self) -> LeafProgram:
        """Of its leaves."""
        return leaf_program(self.network.structure.leaves)

    def plan(self, room: int) -> Plan:
        """One that fits so many bytes; of cotengra where that is installed and worth it."""
        try:
            return make_plan(self.network, room, 16, gradient=True, longest=60.0)
        except ImportError:
            found = quick(self.network)
            return Plan(found.path, (), 1, found.work, f"{found.name} (cotengra is not installed)")

    def rows(self, n: int, seed: int = 7) -> NDArray[np.float64]:
        """Angles, shape (n, n_angles)."""
        return np.random.default_rng(seed).uniform(-3, 3, (n, self.circuit.n_angles))


def case(name: str, observable: str) -> Case:
    """The circuit of `benchmarks.wide_circuits` with this name, with "z" or "sum20"."""
    asked = request(name, observable)
    gates = tuple(Gate(g, tuple(q), None if angle < 0 else angle) for g, q, angle in asked["gates"])
    n, angles = asked["n"], asked["n_angles"]
    circuit = QubitCircuit(n, gates, Angles.separate(angles), tuple(f"a{k}" for k in range(angles)))
    x = [sum(1 << int(q) for q, letter in term.items() if letter in "XY") for term, _ in asked["terms"]]
    z = [sum(1 << int(q) for q, letter in term.items() if letter in "ZY") for term, _ in asked["terms"]]
    found = PauliSum.from_masks(n, x, z, [weight for _, weight in asked["terms"]])
    return Case(f"{name} {observable}", circuit, found, asked["terms"])


def single(by: Executor) -> Executor:
    """The same in single precision; for executors of arrays."""
    return replace(by, prepare=lambda network, plan, dtype: by.prepare(network, plan, np.complex64))


def evaluate(
    place: Workplace,
    at: Case,
    plan: Plan,
    rows: NDArray[np.float64],
    *,
    gradient: bool,
    clock: Clock | None = None,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Energies of rows, all at once where there are several, and their derivatives by angle.

    A clock counts what is between the sending of the leaves and the last cotangent, gaps among it.
    """
    many = len(rows) > 1
    leaves = np.array([at.program.values(row) for row in rows])
    place.load(leaves if many else leaves[0], gradient=gradient)
    total = np.zeros(len(rows))
    if clock is not None:
        clock.begin()
    for index in range(plan.n_slices):
        total = total + np.real(place.value(index, gradient=gradient, again=index > 0))
        if gradient:
            place.pull(index, np.ones(()))
    given = np.atleast_2d(place.cotangents) if gradient else None
    if clock is not None:
        clock.end()
    if given is None:
        return total, None
    return total, np.array([2 * np.real(at.program.gradient(r, g)) for r, g in zip(rows, given, strict=True)])


def check(names: Sequence[str], executors: dict[str, Executor]) -> Iterator[dict[str, Any]]:
    """Differences of energies and gradients from the compiled loops' without slices, at random angles."""
    for name in names:
        for observable in ("z", "sum20"):
            at = case(name, observable)
            rows = at.rows(3, time.time_ns())
            whole = at.plan(1 << 34)
            mode = sorted(at.network.sizes)[len(at.network.sizes) // 2]
            cut = replace(whole, sliced=(mode,), n_slices=at.network.sizes[mode])
            place = executor("compiled").prepare(at.network, whole, np.complex128)()
            found = [evaluate(place, at, whole, rows[k : k + 1], gradient=True) for k in range(3)]
            exact = np.concatenate([np.column_stack(pair).ravel() for pair in found])
            for plan in (whole, cut):
                for label, by in executors.items():
                    for dtype in ("complex128", "complex64"):
                        if by.name == "compiled" and (dtype == "complex64" or plan is whole):
                            continue
                        record = {"case": at.name, "executor": label, "dtype": dtype, "slices": plan.n_slices}
                        try:
                            made = by if dtype == "complex128" else single(by)
                            error = _error(made, at, plan, rows, exact)
                            record |= {"error": error, "right": bool(error <= TOLERANCE[dtype])}
                        except Exception as problem:  # one executor must not lose the others
                            record |= {"why": f"{type(problem).__name__}: {problem}", "right": False}
                        yield record


def _error(by: Executor, at: Case, plan: Plan, rows: NDArray[np.float64], exact: NDArray[Any]) -> float:
    place = by.prepare(at.network, plan, np.complex128)()
    worst, scale = 0.0, max(1.0, float(np.abs(exact).max()))
    # Three times one by one (as recorded calls are replayed from the second time on), then all at once.
    alone = [evaluate(place, at, plan, rows[k : k + 1], gradient=True) for k in range(3)]
    found = [np.concatenate([np.column_stack(pair).ravel() for pair in alone])]
    if by.name != "compiled":
        together = evaluate(place, at, plan, rows, gradient=True)
        found.append(np.column_stack(together).ravel())
    for numbers in found:
        worst = max(worst, float(np.abs(numbers - exact).max()) / scale)
    return worst


def timed(
    names: Sequence[str], executors: dict[str, Executor], rates: dict[str, float], repeats: int
) -> Iterator[dict[str, Any]]:
    """Medians of whole calls, transfers and the leaves on the host among them, and what part the floors are."""
    for name in names:
        for observable in ("z", "sum20"):
            at = case(name, observable)
            room = min(by.room() if by.room is not None else 1 << 33 for by in executors.values())
            began = time.perf_counter()
            plan = at.plan(room)
            planned = time.perf_counter() - began
            for label, by in executors.items():
                for dtype in ("complex128", "complex64"):
                    if by.name == "compiled" and dtype == "complex64":
                        continue
                    for gradient in (False, True):
                        for n_rows in sorted({1, by.rows([plan], room, gradient=gradient)}):
                            record = {"case": at.name, "executor": label, "dtype": dtype, "gradient": gradient}
                            record |= {"rows": n_rows, "planned_s": planned, "planned_by": plan.source}
                            record |= {"slices": plan.n_slices, "steps": plan.work.steps}
                            if by.room is not None:
                                record |= floors(plan, dtype, rates, gradient=gradient)
                            made = by if dtype == "complex128" else single(by)
                            try:
                                record |= _seconds(made, at, plan, n_rows, repeats, gradient=gradient)
                            except Exception as problem:
                                record["why"] = f"{type(problem).__name__}: {problem}"
                            yield record


def floors(plan: Plan, dtype: str, rates: dict[str, float], *, gradient: bool) -> dict[str, float]:
    """Seconds that a row takes at least: its flops at the device's rate, its bytes at the device's bandwidth.

    A product of complex numbers is 8 flops, and the way back two products of the size of each forward. Each product
    is written and read once; back, its cotangent is too, and what it is multiplied with is read.
    """
    flops = 8 * plan.work.products * plan.n_slices * (3 if gradient else 1)
    moved = plan.work.written * plan.n_slices * np.dtype(dtype).itemsize * (5 if gradient else 2)
    found = {"flops": flops, "bytes": moved}
    if rates:
        found["floor_s"] = max(flops / rates[f"gemm {dtype}"], moved / rates["copy"])
    return found


def _seconds(by: Executor, at: Case, plan: Plan, n_rows: int, repeats: int, *, gradient: bool) -> dict[str, float]:
    place = by.prepare(at.network, plan, np.complex128)()
    rows = at.rows(n_rows * (repeats + 3)).reshape(repeats + 3, n_rows, -1)
    began = time.perf_counter()
    evaluate(place, at, plan, rows[0], gradient=gradient)
    first = time.perf_counter() - began
    for k in (1, 2):  # records, replays
        evaluate(place, at, plan, rows[k], gradient=gradient)
    wall, device = [], []
    for some in rows[3:]:
        began = time.perf_counter()
        evaluate(place, at, plan, some, gradient=gradient)
        wall.append(time.perf_counter() - began)
        clock = clock_of(by, place)
        if clock is not None:
            evaluate(place, at, plan, some, gradient=gradient, clock=clock)
            device.append(clock.seconds())
    found = {"first_s": first, "row_s": statistics.median(wall) / n_rows}
    if device:
        found["device_row_s"] = statistics.median(device) / n_rows
    return found


class Clock:
    """Seconds between two events that a stream of the device meets.

    Args:
        event: makes an event.
        elapsed: milliseconds from one event to another.
        stream: where the work is queued.
    """

    def __init__(self, event: Callable[[], Any], elapsed: Callable[[Any, Any], float], stream: Any) -> None:
        self._events, self._elapsed, self._stream = (event(), event()), elapsed, stream

    def begin(self) -> None:
        """What is queued from now on counts."""
        self._events[0].record(self._stream)

    def end(self) -> None:
        """Up to here."""
        self._events[1].record(self._stream)

    def seconds(self) -> float:
        """Waits for the end."""
        self._events[1].synchronize()
        return float(self._elapsed(*self._events)) / 1e3


def clock_of(by: Executor, place: Any) -> Clock | None:
    """The clock of an executor's stream; None where it has no device of its own."""
    if by.room is None:
        return None
    if by.name == "torch":
        import torch

        stream = place.module.stream
        return Clock(lambda: torch.cuda.Event(enable_timing=True), lambda a, b: a.elapsed_time(b), stream)
    import cupy

    stream = place.module.stream if by.name == "cupy" else cupy.cuda.get_current_stream()
    return Clock(cupy.cuda.Event, cupy.cuda.get_elapsed_time, stream)


def rates_of(xp: Any, wait: Callable[[], object], size: int) -> dict[str, float]:
    """Bytes a second of a copy (read and written), flops a second of a product of matrices of this size."""

    def best(work: Callable[[], object]) -> float:
        work()
        wait()
        times = []
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(4):
                work()
            wait()
            times.append((time.perf_counter() - began) / 4)
        return min(times)

    source = xp.ones(4 * size * size, "float64")
    target = xp.empty_like(source)
    found = {"copy": 2 * source.nbytes / best(lambda: xp.copyto(target, source))}
    for dtype, flops in (("float64", 2), ("complex128", 8), ("complex64", 8)):
        a, out = xp.ones((size, size), dtype), xp.empty((size, size), dtype)
        found[f"gemm {dtype}"] = flops * size**3 / best(lambda a=a, out=out: xp.matmul(a, a, out=out))
    return found
