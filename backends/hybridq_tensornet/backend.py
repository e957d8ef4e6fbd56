"""TensorNetBackend: wide circuits on qubits, contracted as tensor networks."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.comm import Comm
from hybridq.contract.backend import Backend, Capabilities, Cost, LocalBackend, Placement
from hybridq.contract.calibration import stored
from hybridq.contract.errors import CapacityError, InputError
from hybridq.contract.memory import available_memory, parse_bytes, shown
from hybridq.contract.options import normal
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Result, Task
from hybridq.contract.threads import available_threads
from hybridq_tensornet.approximate import EXACT, Approximate
from hybridq_tensornet.cost import estimate, estimate_mps
from hybridq_tensornet.engine import Engine, Prepared
from hybridq_tensornet.executors import executor as executor_named
from hybridq_tensornet.forms import FORMS, Rates
from hybridq_tensornet.mps import MpsSettings
from hybridq_tensornet.sampling import Sampler, amplitudes

Array = NDArray[np.float64]
MAX_QUBITS = 1000
KEPT = 16


class TensorNetBackend(LocalBackend):
    """Energies, gradients and counts by exact contraction.

    A circuit's tensors depend on its structure alone; one contraction plan is made for it, kept on disk where finding
    it took long, and used for all parameters. Gradients take one sweep back over the same plan. Over MPI ranks rows,
    then parts of the observable, then slices are shared; the sums have the same bits for any number of ranks.

    With the form "mps" the state is a matrix product state, which may be cut to a largest bond for circuits that fit no
    contraction. Then `stderr` is the distance to the energy at half that bond, as an estimate of what truncation
    costs, and the provenance holds a bound and the weight that was cut off; of counts it is 1, as the error is not
    known.

    Args:
        form: how ``<H>`` is contracted, "operator", "cones", "state" (see `Form`) or "mps"; "auto" takes the exact one
            that is predicted to be the fastest, and "mps" where its bonds are limited.
        max_bond_dimension: of a matrix product state; None for no limit.
        cutoff: squared weight, relative, that one truncation of a matrix product state may cost; None for rounding.
        seed: for counts of tasks that have none of their own.
        threads: threads at most; None asks `hybridq.contract.threads.available_threads`.
        memory: bytes at most, a number or a text such as "8GiB"; contractions are sliced to fit it. None asks
            `hybridq.contract.memory.available_memory` when a structure is first seen.
        search_seconds: how long the search for one plan may take; it takes about as long as twenty evaluations.
        rates: what `cost` predicts seconds with; None takes those of `hybridq calibrate`, else sound ones.
        executor: what carries plans out: "compiled" loops on the CPU ("auto"), "numpy", "torch" on this rank's GPU
            where PyTorch can use one, "cupy" or "cuquantum" on this rank's GPU. Predictions are for the compiled loops.

    Raises:
        InputError: an option is wrong.
        CapacityError: the executor needs a GPU, and none can be used.
        MissingPackage: the executor's library is not installed.
    """

    speaks = ("QubitCircuit",)

    def __init__(
        self,
        form: str = "auto",
        *,
        max_bond_dimension: int | None = None,
        cutoff: float | None = None,
        seed: int | None = None,
        threads: int | None = None,
        memory: int | str | None = None,
        search_seconds: float = 20.0,
        rates: Rates | None = None,
        executor: str = "auto",
        comm: Comm | None = None,
    ) -> None:
        super().__init__()
        limited = max_bond_dimension is not None or cutoff is not None
        chosen = ("mps" if limited else None) if normal(form) == "auto" else normal(form)
        if chosen is not None and chosen not in (*FORMS, "mps"):
            raise InputError(f"form is one of auto, {', '.join(FORMS)}, mps, got {form!r}")
        if limited and chosen != "mps":
            raise InputError(f"max_bond_dimension and cutoff belong to the form 'mps', the form is {form!r}")
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, got {threads}")
        if seed is not None and seed < 0:
            raise InputError(f"seed must not be negative, got {seed}")
        if not 0 <= search_seconds < float("inf"):
            raise InputError(f"search_seconds must be 0 or more, got {search_seconds}")
        by = executor_named("compiled" if normal(executor) == "auto" else normal(executor))
        if chosen == "mps" and by.name != "compiled":
            raise InputError(
                f"matrix product states are made on the CPU, and executor is {executor!r}; leave it out, or take "
                "another form"
            )
        self._memory = parse_bytes(memory) if isinstance(memory, str) else memory
        if self._memory is not None and self._memory < 1:
            raise InputError(f"memory is in bytes and must be positive, got {memory}")
        self._form, self._seed = chosen, seed
        self._name = "tensornet" if chosen is None else f"tensornet:{chosen}"
        # A device of its own does one thing after another.
        self._threads = threads or (available_threads() if by.room is None else 1)
        self._executor = by
        self._rates = rates or replace(Rates(), **stored("tensornet", asdict(Rates())))
        self._lock = threading.RLock()
        self._search = float(search_seconds)
        cut = MpsSettings(max_bond_dimension, EXACT.cutoff if cutoff is None else cutoff)
        self._states = Approximate(cut, self._threads, comm) if chosen == "mps" else None
        self._engine = Engine(chosen, self._threads, self._rates, comm, self._search, by)
        self._samplers: OrderedDict[str, Sampler] = OrderedDict()

    def on(self, comm: Comm) -> Backend:
        """The backend for ranks that all submit the same tasks."""
        return TensorNetBackend(
            self._form or "auto",
            max_bond_dimension=None if self._states is None else self._states.settings.max_bond_dimension,
            cutoff=None if self._states is None else self._states.settings.cutoff,
            seed=self._seed,
            threads=self._threads,
            memory=self._memory,
            search_seconds=self._search,
            rates=self._rates,
            executor=self._executor.name,
            comm=comm,
        )

    @property
    def name(self) -> str:
        """The entry point's name, and the form where one was asked for."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """Energies, gradients and counts of circuits on qubits, on all ranks together; exact unless bonds are cut."""
        return Capabilities(
            max_qubits=MAX_QUBITS,
            drivers=frozenset({"energy", "counts"} if self._states else {"energy", "gradient", "counts"}),
            languages=frozenset({"QubitCircuit"}),
            exact=self._states is None or not self._states.truncates,
            placement=Placement.TOGETHER,
        )

    def calibrate(self) -> Mapping[str, float]:
        """The rates of this host, measured in a few seconds."""
        from hybridq_tensornet.calibrate import calibrate

        return asdict(calibrate())

    def cost(self, tasks: Sequence[Task]) -> Cost:
        """Seconds and bytes of the plans that a first look gives; a search may find better ones.

        Raises:
            CapacityError: a circuit is far too large, or does not fit unsliced and cannot be sliced.
        """
        total = Cost(0.0, 0)
        for task in tasks:
            self._check(task)
            if self._states is not None:
                limit = self._states.settings.max_bond_dimension
                total += estimate_mps(task, limit, self._room, self._threads)
                continue
            total += estimate(task, self._engine, self._rates, self._room, self._threads)
        return total

    def run(self, task: Task) -> Result:
        """Do one task now; with several ranks all of them call this.

        Raises:
            InputError: shots for an energy.
            CapacityError: no plan fits the memory.
        """
        self._check(task)
        circuit = task.qubits
        angles = np.array([circuit.angles(row) for row in task.params]).reshape(task.n_rows, circuit.n_angles)
        with self._lock:
            if task.driver == "counts":
                return self._counts(task, angles)
            if self._states is not None:
                return self._approximate(task, self._states, angles)
            gradient = task.driver == "gradient"
            values, slopes, ready = self._engine.energies(circuit, task.paulis, angles, self._room, gradient=gradient)
        told = self._provenance(ready)
        zeros = np.zeros(task.n_rows)
        if slopes is None:
            return Result(values, zeros, provenance=told)
        rows = zip(slopes, task.params, strict=True)
        by_parameter = np.array([circuit.angles_map.gather(slope, row) for slope, row in rows])
        by_parameter = by_parameter.reshape(task.n_rows, circuit.n_parameters)
        return Result(by_parameter, np.zeros_like(by_parameter), values, zeros, told)

    def amplitudes(self, circuit: Any, row: ArrayLike, bits: Sequence[str]) -> NDArray[np.complex128]:
        """``<bits|psi>`` for bit strings, shape (len(bits),), up to the state's global phase.

        Args:
            circuit: a Qiskit QuantumCircuit or a QubitCircuit.
            row: its parameters in radians, shape (n_parameters,).
            bits: strings of 0 and 1, qubit 0 rightmost.

        Raises:
            InputError: a string is not one of that many bits.
            CapacityError: no plan fits the memory.
        """
        made = QubitCircuit.of(circuit)
        for text in bits:
            if len(text) != made.n_qubits or set(text) - {"0", "1"}:
                raise InputError(f"{text!r} is no string of {made.n_qubits} bits, as the circuit has qubits")
        angles = made.angles(made.rows(row)[0])
        with self._lock:
            return amplitudes(made, angles, bits, self._planner, self._executor)

    def _approximate(self, task: Task, states: Approximate, angles: Array) -> Result:
        estimate_mps(task, states.settings.max_bond_dimension, self._room, self._threads)  # refuses what does not fit
        found = states.energies(task.qubits, task.paulis, angles)
        told = {**self._about(), **_cut(states), "largest_bond": int(found.largest_bonds.max(initial=0))}
        if found.errors.any():
            told["discarded_weight"] = float(found.discarded.max())
            told["error_bound"] = float(found.bounds.max())
            told["error_of_truncation"] = "in stderr: distance to the energy at half the bond dimension"
        return Result(found.energies, found.errors, provenance=told)

    def _counts(self, task: Task, angles: Array) -> Result:
        assert task.shots is not None
        shots, comm = task.shots, self._engine.comm
        seed = self._seed if task.seed is None else task.seed

        def draw() -> tuple[tuple[dict[str, int], ...], Array]:
            if self._states is not None:
                return self._states.counts(task.qubits, angles, shots, np.random.default_rng(seed))
            sampler = self._sampler(task.qubits)
            rng = np.random.default_rng(seed)
            return tuple(sampler.draw(row, shots, rng) for row in angles), np.zeros(task.n_rows)

        drawn, lost = draw() if comm is None else comm.once(draw)
        cut = self._states is not None and self._states.truncates
        told = self._about() if self._states is None else {**self._about(), **_cut(self._states)}
        return Result(drawn, np.where((lost > 0) & cut, 1.0, 0.0), provenance=told)

    def _sampler(self, circuit: QubitCircuit) -> Sampler:
        if circuit.digest not in self._samplers:
            self._samplers[circuit.digest] = Sampler(circuit, self._planner, self._executor)
            while len(self._samplers) > KEPT:
                self._samplers.popitem(last=False)
        return self._samplers[circuit.digest]

    def _planner(self, network: Any) -> Any:
        return self._engine.plan(network, self._room() // self._threads, gradient=False)

    def _check(self, task: Task) -> None:
        circuit = task.qubits
        if circuit.n_qubits > MAX_QUBITS:
            raise CapacityError(f"backend 'tensornet' takes {MAX_QUBITS} qubits, the circuit has {circuit.n_qubits}")
        if task.shots is not None and task.driver != "counts":
            raise InputError(
                f"backend 'tensornet' computes the {task.driver} exactly, and shots={task.shots} was given; leave "
                "shots out, or ask for counts"
            )

    def _room(self) -> int:
        if self._memory is not None:
            return self._memory
        return available_memory() if self._executor.room is None else self._executor.room()

    def _about(self) -> dict[str, Any]:
        from hybridq import __version__

        return {"backend": self.name, "version": __version__, "threads": self._threads}

    def _provenance(self, ready: Prepared) -> dict[str, Any]:
        return {
            **self._about(),
            "executor": self._executor.name,
            "device": self._executor.title,
            "form": ready.form.name,
            "contractions": len(ready.plans),
            "slices": sum(plan.n_slices for plan in ready.plans),
            "products": sum(plan.work.products * plan.n_slices for plan in ready.plans),
            "planned_by": ", ".join(sorted({plan.source for plan in ready.plans})),
            "memory": shown(ready.bytes),
        }


def _cut(states: Approximate) -> dict[str, Any]:
    settings = states.settings
    return {"form": "mps", "max_bond_dimension": settings.max_bond_dimension, "cutoff": settings.cutoff}
