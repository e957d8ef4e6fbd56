"""SectorBackend: exact simulation of fermionic circuits at fixed numbers of alpha and beta electrons."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

import numpy as np

from hybridq.contract.backend import Capabilities, Cost, LocalBackend, Placement
from hybridq.contract.calibration import stored
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import CapacityError, InputError
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.memory import available_memory, shown
from hybridq.contract.task import Metric, Result, Task
from hybridq.contract.threads import available_threads
from hybridq_sector.cost import (
    Rates,
    Threads,
    choose_threads,
    seconds,
    tangent_nbytes,
    total_nbytes,
    vector_nbytes,
)
from hybridq_sector.gpu_side import DRIVERS, NAME, GpuSide, Variants, open_gpu
from hybridq_sector.strings import MAX_ORBITALS

T = TypeVar("T")
KEPT = 8  # prepared circuits, and prepared Hamiltonians, that a backend keeps


class _Recent:
    """The last few things made, by key."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: OrderedDict[Any, Any] = OrderedDict()

    def __contains__(self, key: Any) -> bool:
        return key in self._items

    def values(self) -> list[Any]:
        """What is kept, oldest first."""
        return list(self._items.values())

    def clear(self) -> None:
        """Keep nothing."""
        self._items.clear()

    def get(self, key: Any, make: Callable[[], T]) -> T:
        if key in self._items:
            self._items.move_to_end(key)
        else:
            self._items[key] = make()
            while len(self._items) > self._size:
                self._items.popitem(last=False)
        found: T = self._items[key]
        return found


class SectorBackend(LocalBackend):
    """The embedded default: state vectors of (alpha strings x beta strings), adjoint gradients.

    Args:
        device: "cpu", or "gpu" for the GPU of this rank through CuPy, which takes the drivers "energy", "gradient",
            "counts" and "rdm"; as a name: ``"sector:gpu"``.
        threads: threads to use at most; None asks `hybridq.contract.threads.available_threads`.
        memory: bytes to use at most, of the device; None asks `hybridq.contract.memory.available_memory`, or the GPU,
            each time.
        rates: what `cost` predicts seconds with on the CPU; None takes those of `hybridq calibrate`, else sound ones.

    Raises:
        InputError: threads or memory is not positive, or there is no such device.
        CapacityError: there is no GPU that can be used.
        MissingPackage: CuPy is not installed.
    """

    variants = Variants()

    def __init__(
        self,
        device: str = "cpu",
        *,
        threads: int | None = None,
        memory: int | None = None,
        rates: Rates | None = None,
    ) -> None:
        super().__init__()
        if device not in ("cpu", "gpu"):
            raise InputError(f"the device of backend 'sector' is 'cpu' or 'gpu', got {device!r}")
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, got {threads}")
        if memory is not None and memory < 1:
            raise InputError(f"memory is in bytes and must be positive, got {memory}")
        self._threads = threads
        self._memory = memory
        self._rates = rates or replace(Rates(), **stored("sector", asdict(Rates())))
        self._gpu: GpuSide | None = open_gpu() if device == "gpu" else None
        self._lock = threading.Lock()
        self._programs = _Recent(KEPT)
        self._sigmas = _Recent(KEPT)
        self._engines = _Recent(KEPT)
        self._chosen = _Recent(64)

    @property
    def name(self) -> str:
        """The entry point's name, and the device where it is a GPU."""
        return "sector" if self._gpu is None else NAME

    def calibrate(self) -> Mapping[str, float]:
        """The rates of this host or its GPU, measured in a few seconds."""
        if self._gpu is not None:
            return asdict(self._gpu.calibrate())
        from hybridq_sector.calibrate import calibrate

        return asdict(calibrate())

    @property
    def capabilities(self) -> Capabilities:
        """Every driver, exact, on fermionic circuits; memory sets the limit below `max_qubits`."""
        return Capabilities(
            max_qubits=2 * MAX_ORBITALS,
            drivers=DRIVERS | (frozenset() if self._gpu is not None else {"metric"}),
            languages=frozenset({"FermionicCircuit"}),
            exact=True,
            placement=Placement.EACH,
        )

    def threads(self, circuit: FermionicCircuit) -> Threads:
        """Threads that each part of an evaluation of this circuit uses."""
        found: Threads = self._chosen.get(
            circuit.digest, lambda: choose_threads(circuit, self._threads or available_threads())
        )
        return found

    def cost(self, tasks: Sequence[Task]) -> Cost:
        """Bytes by counting, seconds from the rates; refuses what does not fit memory.

        Raises:
            CapacityError: a task needs more memory than there is.
        """
        total = Cost(0.0, 0)
        for task in tasks:
            self._check_kind(task)
            if self._gpu is not None:
                room = self._room() + self._kept_bytes()
                need = self._gpu.bytes(task.fermionic, task.hamiltonian, room)
                self._refuse_beyond(task.fermionic, need, room)
                total += Cost(task.n_rows * self._gpu.seconds(task.fermionic, task.driver), need, 0)
                continue
            threads = self.threads(task.fermionic)
            n_columns = len(task.metric_columns) if task.driver == "metric" else 0
            one_row = seconds(task.fermionic, task.driver, threads, self._rates, n_columns)
            need = self._bytes(task.fermionic, task.hamiltonian, threads)
            need += tangent_nbytes(task.fermionic) if task.driver == "metric" else 0
            self._refuse_beyond(task.fermionic, need, self._room() + self._kept_bytes())
            total += Cost(task.n_rows * one_row, need, 0)
        return total

    def run(self, task: Task) -> Result:
        """Do one task now.

        Raises:
            CapacityError: it does not fit memory; nothing large was allocated.
        """
        self._check_kind(task)
        with self._lock:
            return getattr(self, f"_{task.driver}")(task)  # type: ignore[no-any-return]

    def _energy(self, task: Task) -> Result:
        engine = self._engine(task.fermionic, task.hamiltonian)
        values = np.array([engine.energy(row) for row in task.params])
        return Result(values, np.zeros_like(values), provenance=self._provenance(task))

    def _gradient(self, task: Task) -> Result:
        engine = self._engine(task.fermionic, task.hamiltonian)
        values = np.empty(task.n_rows)
        gradients = np.empty(task.params.shape)
        for k, row in enumerate(task.params):
            values[k], gradients[k] = engine.energy_and_gradient(row)
        zeros = np.zeros_like(values)
        return Result(gradients, np.zeros_like(gradients), values, zeros, self._provenance(task))

    def _metric(self, task: Task) -> Result:
        engine = self._engine_with_tangents(task)
        values = tuple(Metric(*engine.tangents.columns(engine, row, task.metric_columns)) for row in task.params)
        return Result(values, np.zeros(task.n_rows), provenance=self._provenance(task))

    def _counts(self, task: Task) -> Result:
        from hybridq_sector.sampling import sample

        engine = self._engine(task.fermionic, None)
        circuit = task.fermionic
        assert task.shots is not None
        rng = np.random.default_rng(task.seed)
        drawn = []
        for row in task.params:
            engine.prepare(row)
            drawn.append(sample(engine.psi, circuit.n_orbitals, (circuit.n_alpha, circuit.n_beta), task.shots, rng))
        return Result(tuple(drawn), np.zeros(task.n_rows), provenance=self._provenance(task))

    def _rdm(self, task: Task) -> Result:
        from hybridq_sector.density import rdm

        engine = self._engine(task.fermionic, None)
        circuit = task.fermionic
        matrices = []
        for row in task.params:
            engine.prepare(row)
            matrices.append(rdm(engine.psi, circuit.n_orbitals, (circuit.n_alpha, circuit.n_beta)))
        return Result(tuple(matrices), np.zeros(task.n_rows), provenance=self._provenance(task))

    def _engine_with_tangents(self, task: Task) -> Any:
        """The engine of a task with the vectors that a metric needs besides, which are made when first asked for."""
        from hybridq_sector.tangents import Tangents

        engine = self._engine(task.fermionic, task.hamiltonian)
        if engine.tangents is None:
            need = tangent_nbytes(task.fermionic)
            if need > self._room():
                for kept in (self._engines, self._programs, self._sigmas):
                    kept.clear()
                need += _held(engine)
                del engine
                self._refuse_beyond(task.fermionic, need, self._room())
                engine = self._engine(task.fermionic, task.hamiltonian)
            engine.tangents = Tangents(engine)
        return engine

    def _engine(self, circuit: FermionicCircuit, observable: Hamiltonian | None) -> Any:
        from hybridq_sector.engine import Engine
        from hybridq_sector.program import compile_circuit
        from hybridq_sector.sigma import compile_hamiltonian

        threads = self.threads(circuit)
        sector = (circuit.n_alpha, circuit.n_beta)
        key = (circuit.digest, observable and observable.digest, threads)
        if key not in self._engines:
            need = self._bytes(circuit, observable, threads)
            if need > self._room():
                for kept in (self._engines, self._programs, self._sigmas):
                    kept.clear()
            self._refuse_beyond(circuit, need, self._room())

        def make() -> Any:
            program = self._programs.get(circuit.digest, lambda: compile_circuit(circuit))
            if self._gpu is not None:
                return self._gpu.engine(program, observable, self._room())
            sigma = None
            if observable is not None:
                sigma = self._sigmas.get((observable.digest, sector), lambda: compile_hamiltonian(observable, *sector))
            return Engine(program, sigma, threads.sweep, threads.sigma)

        return self._engines.get(key, make)

    def _provenance(self, task: Task) -> dict[str, Any]:
        from hybridq import __version__

        if self._gpu is not None:
            return {"backend": self.name, "version": __version__, "device": self._gpu.title}
        threads = self.threads(task.fermionic)
        return {"backend": self.name, "version": __version__, "threads": max(threads.sweep, threads.sigma)}

    def _bytes(self, circuit: FermionicCircuit, observable: Hamiltonian | None, threads: Threads) -> int:
        from hybridq_sector.sigma import count_blocks

        if self._gpu is not None:
            return self._gpu.bytes(circuit, observable, self._room())
        return total_nbytes(circuit, threads, None if observable is None else count_blocks(observable.two_body))

    def _check_kind(self, task: Task) -> None:
        circuit = task.fermionic
        if type(circuit).__name__ not in self.capabilities.languages:
            raise InputError(f"backend 'sector' takes FermionicCircuit, got {type(circuit).__name__}")
        if circuit.n_orbitals > MAX_ORBITALS:
            raise CapacityError(
                f"backend 'sector' takes at most {MAX_ORBITALS} orbitals, the circuit has {circuit.n_orbitals}; "
                "choose a smaller active space"
            )
        if task.shots is not None and task.driver != "counts":
            raise InputError(
                f"backend 'sector' gives exact energies and takes shots for counts only, got shots={task.shots} for "
                f"{task.driver!r}; leave shots out"
            )

    def _kept_bytes(self) -> int:
        """Bytes of all that is prepared; tables that engines share count once for each."""
        return sum(_held(engine) for engine in self._engines.values())

    def _room(self) -> int:
        """Bytes that may still be taken."""
        if self._memory is not None:
            return max(0, self._memory - self._kept_bytes())
        return available_memory() if self._gpu is None else self._gpu.room()

    def _refuse_beyond(self, circuit: FermionicCircuit, need: int, limit: int) -> None:
        if need > limit:
            on = "" if self._gpu is None else f" on the GPU ({self._gpu.title})"
            raise CapacityError(
                f"{circuit.n_alpha}+{circuit.n_beta} electrons in {circuit.n_orbitals} orbitals need "
                f"{shown(need)} (one state vector: {shown(vector_nbytes(circuit))}), and "
                f"{shown(limit)} are free{on}; {_what_fits(circuit, limit)}"
            )


def _held(engine: Any) -> int:
    """Bytes of an engine with its tables, on the device it works on."""
    return int(engine.held)


def _what_fits(circuit: FermionicCircuit, limit: int) -> str:
    """Words for the largest half-filled active space whose vectors fit."""
    from math import comb

    n = circuit.n_orbitals
    itemsize = 8 if circuit.is_real else 16
    while n > 1 and 5 * comb(n, n // 2) ** 2 * itemsize > limit:
        n -= 1
    return f"{n} electrons in {n} orbitals would fit: choose a smaller active space, or a machine with more memory"
