"""AerBackend: circuits on qubits by Qiskit Aer."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.backend import Capabilities, Cost, LocalBackend, Placement
from hybridq.contract.calibration import stored
from hybridq.contract.errors import CapacityError, InputError
from hybridq.contract.memory import available_memory, shown
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Result, Task
from hybridq.contract.threads import available_threads
from hybridq.measurement import Measurement, Sample, Turn, estimate, measurement, shares
from hybridq_aer.bonds import Bonds, bonds
from hybridq_aer.cost import BY_STATE, Rates, nbytes, rows_at_once, seconds, value_seconds
from hybridq_aer.expectation import expectation, pauli_table
from hybridq_aer.program import Program, counts_program, state_program, value_program
from hybridq_aer.settings import MAX_QUBITS, ROUNDING, Settings, settings

T = TypeVar("T")
Array = NDArray[np.float64]
KEPT = 64  # circuits made ready, tables of observables, groups


class AerBackend(LocalBackend):
    """Qiskit Aer.

    Energies are exact where `shots` are not asked for: those of the state vector; with a noise model those of the
    noisy density matrix, without errors of readout, which counts and energies by shots have. With shots, energies come
    from counts of groups of Pauli strings, and carry the noise of the gates that turn the bases too. The noise of a
    gate is that of its qubits in the circuit; a device's connectivity is not looked at.

    A matrix product state may be truncated. Then `stderr` is the distance to the energy at half the bond dimension
    (and a hundred times the threshold), as an estimate of what truncation costs, and the provenance says so. Of
    counts it is 1, as the error is not known.

    Args:
        method: "statevector", "density_matrix" or "mps"; "auto" takes a density matrix where there is noise, else
            a state vector.
        noise_model: a `qiskit_aer.noise.NoiseModel`, for a density matrix. Circuits are written in its basis gates
            first.
        max_bond_dimension: of a matrix product state; None for no limit.
        truncation_threshold: squared weight that one gate may cost a matrix product state; None for rounding only.
        seed: for tasks with shots that have none of their own.
        threads: threads at most; None asks `hybridq.contract.threads.available_threads`.
        memory: bytes at most; None asks `hybridq.contract.memory.available_memory` each time.
        rates: what `cost` predicts seconds with; None takes those of `hybridq calibrate`, else sound ones.

    Raises:
        InputError: an option is wrong, or does not go with the method.
        MissingPackage: qiskit-aer is not installed.
    """

    speaks = ("QubitCircuit",)
    variants = ("statevector", "mps")
    """What "auto" chooses among."""

    def __init__(
        self,
        method: str = "auto",
        *,
        noise_model: Any = None,
        max_bond_dimension: int | None = None,
        truncation_threshold: float | None = None,
        seed: int | None = None,
        threads: int | None = None,
        memory: int | None = None,
        rates: Rates | None = None,
    ) -> None:
        super().__init__()
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, got {threads}")
        if memory is not None and memory < 1:
            raise InputError(f"memory is in bytes and must be positive, got {memory}")
        if seed is not None and seed < 0:
            raise InputError(f"seed must not be negative, got {seed}")
        self._settings = settings(
            method, max_bond_dimension, truncation_threshold, noise_model, threads or available_threads()
        )
        self._name = "aer" if method == "auto" else f"aer:{self._settings.method}"
        self._seed = seed
        self._memory = memory
        self._rates = rates or replace(Rates(), **stored("aer", asdict(Rates())))
        self._lock = threading.Lock()
        self._kept: OrderedDict[Any, Any] = OrderedDict()

    @property
    def name(self) -> str:
        """The entry point's name, and the method where one was asked for."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """Energies and counts of circuits on qubits; exact but for a matrix product state that may be truncated."""
        return Capabilities(
            max_qubits=MAX_QUBITS[self._settings.method],
            drivers=frozenset({"energy", "counts"}),
            languages=frozenset({"QubitCircuit"}),
            exact=not self._settings.truncates,
            placement=Placement.EACH,
        )

    def calibrate(self) -> Mapping[str, float]:
        """The rates of this host, measured in a few seconds."""
        from hybridq_aer.calibrate import calibrate

        return asdict(calibrate())

    def cost(self, tasks: Sequence[Task]) -> Cost:
        """Bytes by counting, seconds from the rates; refuses what does not fit.

        Raises:
            CapacityError: a circuit is too wide, or needs more memory than there is.
        """
        total = Cost(0.0, 0)
        for task in tasks:
            need = self._checked(task)
            total += Cost(self._seconds(task), need, self._samples(task))
        return total

    def run(self, task: Task) -> Result:
        """Do one task now.

        Raises:
            InputError: shots are too few for a standard error, or a circuit does not go with the noise model.
            CapacityError: it does not fit; nothing large was allocated.
            BackendError: Aer failed.
        """
        self._checked(task)
        angles = np.array([task.qubits.angles(row) for row in task.params]).reshape(task.n_rows, task.qubits.n_angles)
        with self._lock:
            if task.driver == "counts":
                return self._counts(task, angles)
            return self._exact(task, angles) if task.shots is None else self._sampled(task, angles)

    def _exact(self, task: Task, angles: Array) -> Result:
        values = self._values(task.qubits, task.paulis, angles, self._settings)
        return Result(values, self._lost(task, angles, values), provenance=self._provenance(task))

    def _lost(self, task: Task, angles: Array, values: Array | None = None) -> Array:
        """What truncation may have changed in energies, `values` where they are known."""
        if not self._may_truncate(task.qubits):
            return np.zeros(len(angles))
        if values is None:
            values = self._values(task.qubits, task.paulis, angles, self._settings)
        return np.abs(values - self._values(task.qubits, task.paulis, angles, self._settings.coarser()))

    def _values(self, circuit: QubitCircuit, observable: PauliSum, angles: Array, how: Settings) -> Array:
        """Energies of rows of angles."""
        if not _saves(circuit, how):
            key = (circuit.digest, observable.digest, how.max_bond_dimension, how.truncation_threshold)
            program = self._get(key, lambda: value_program(circuit, observable, how))
            found = program.run(angles)
            return np.array([float(np.real(found.data(i)["expectation_value"])) for i in range(len(angles))])
        key = (circuit.digest, "state", how.max_bond_dimension, how.truncation_threshold)
        program = self._get(key, lambda: state_program(circuit, how))
        table = self._get(observable.digest, lambda: pauli_table(observable))
        values: list[float] = []
        step = rows_at_once(circuit)
        for first in range(0, len(angles), step):
            rows = angles[first : first + step]
            found = program.run(rows)
            states = (np.asarray(found.data(i)["statevector"]) for i in range(len(rows)))
            values += [expectation(table, psi, how.threads) for psi in states]
        return np.array(values)

    def _counts(self, task: Task, angles: Array) -> Result:
        assert task.shots is not None
        program = self._counting(task.qubits, ())
        found = program.run(angles, task.shots, self._seed_of(task, 0))
        drawn = tuple(dict(found.get_counts(i)) for i in range(task.n_rows))
        errors = np.full(task.n_rows, 1.0 if self._may_truncate(task.qubits) else 0.0)
        return Result(drawn, errors, provenance=self._provenance(task))

    def _sampled(self, task: Task, angles: Array) -> Result:
        assert task.shots is not None
        found = self._measurement(task.paulis)
        values = np.full(task.n_rows, found.constant)
        variances = np.zeros(task.n_rows)
        for k, (setting, shots) in enumerate(zip(found.settings, shares(found, task.shots), strict=True)):
            result = self._counting(task.qubits, setting.turns).run(angles, shots, self._seed_of(task, k))
            for i in range(task.n_rows):
                mean, variance = estimate(setting, Sample.of(result.get_counts(i), task.qubits.n_qubits))
                values[i] += mean
                variances[i] += variance
        provenance = {**self._provenance(task), "groups": len(found.settings), "shots": task.shots}
        errors = np.hypot(np.sqrt(variances), self._lost(task, angles))
        return Result(values, errors, provenance=provenance)

    def _counting(self, circuit: QubitCircuit, turns: tuple[Turn, ...]) -> Program:
        key = (circuit.digest, "counts", turns)
        return self._get(key, lambda: counts_program(circuit, self._settings, turns))

    def _measurement(self, observable: PauliSum) -> Measurement:
        return self._get((observable.digest, "measurement"), lambda: measurement(observable))

    def _seed_of(self, task: Task, k: int) -> int | None:
        """A seed for the k-th call of a task; Aer adds a fixed step for each row."""
        seed = self._seed if task.seed is None else task.seed
        return None if seed is None else int(np.random.SeedSequence([seed, k]).generate_state(1)[0] >> 2)

    def _provenance(self, task: Task) -> dict[str, Any]:
        import qiskit_aer

        from hybridq import __version__

        how = self._settings
        told: dict[str, Any] = {
            "backend": self.name,
            "version": __version__,
            "qiskit_aer": qiskit_aer.__version__,
            "method": how.method,
            "threads": how.threads,
        }
        if how.noise_model is not None:
            sampled = task.shots is not None
            told["noise"] = sorted(how.noise_model.noise_instructions)
            told["readout_errors"] = "measure" in told["noise"] and sampled
        if how.truncates:
            told["max_bond_dimension"] = how.max_bond_dimension
            told["truncation_threshold"] = how.truncation_threshold
            told["may_be_truncated"] = self._may_truncate(task.qubits)
            if told["may_be_truncated"]:
                told["error_of_truncation"] = (
                    "not known" if task.driver == "counts" else "in stderr: distance to a coarser truncation's energy"
                )
        return told

    def _may_truncate(self, circuit: QubitCircuit) -> bool:
        """Whether the circuit can make bonds that the settings do not keep."""
        how = self._settings
        if not how.truncates:
            return False
        if how.truncation_threshold > ROUNDING:
            return True
        assert how.max_bond_dimension is not None
        return self._shape(circuit).largest > how.max_bond_dimension

    def _shape(self, circuit: QubitCircuit) -> Bonds:
        limit = self._settings.max_bond_dimension
        return self._get((circuit.digest, "bonds"), lambda: bonds(circuit, limit))

    def _checked(self, task: Task) -> int:
        """Bytes of a task that fits."""
        circuit, how = task.qubits, self._settings
        most = MAX_QUBITS[how.method]
        if circuit.n_qubits > most:
            raise CapacityError(
                f"the method {how.method!r} of backend 'aer' takes at most {most} qubits, the circuit has "
                f"{circuit.n_qubits}{_wider(how)}"
            )
        shape = self._shape(circuit) if how.method == "mps" else None
        saves = task.driver == "energy" and task.shots is None and _saves(circuit, how)
        need = nbytes(circuit, how, task.n_rows, shape, saves=saves)
        limit = available_memory() if self._memory is None else self._memory
        if need > limit:
            raise CapacityError(
                f"{circuit.n_qubits} qubits need {shown(need)} by the method {how.method!r}, and {shown(limit)} are "
                f"free; {_what_fits(circuit, how, limit)}"
            )
        return need

    def _samples(self, task: Task) -> int:
        return 0 if task.shots is None else task.shots * task.n_rows

    def _seconds(self, task: Task) -> float:
        circuit, how, rates = task.qubits, self._settings, self._rates
        shape = self._shape(circuit) if how.method == "mps" else None
        once = seconds(circuit, how, rates, shape, task.n_rows)
        if task.driver == "energy" and task.shots is None:
            once += task.n_rows * value_seconds(circuit, task.paulis, how, rates, shape)
            return once * (1.2 if self._may_truncate(circuit) else 1.0)
        repeats = 1 if task.driver == "counts" else len(self._measurement(task.paulis).settings)
        return repeats * once + self._samples(task) * circuit.n_qubits * rates.shot

    def _get(self, key: Any, make: Callable[[], T]) -> T:
        """What was made for this key before, or is made now; the last `KEPT` are kept."""
        if key not in self._kept:
            self._kept[key] = make()
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        found: T = self._kept[key]
        return found


def _saves(circuit: QubitCircuit, how: Settings) -> bool:
    """Whether energies come from saved state vectors: the fastest way wherever there is one of modest size."""
    return how.method == "statevector" or (how.method == "mps" and circuit.n_qubits <= BY_STATE)


def _wider(how: Settings) -> str:
    return "" if how.method == "mps" else "; 'aer:mps' takes wider ones where little is entangled"


def _what_fits(circuit: QubitCircuit, how: Settings, limit: int) -> str:
    if how.method == "mps":
        return "set max_bond_dimension to a smaller number, or take a machine with more memory"
    n = circuit.n_qubits
    while n > 1 and (16 << (n if how.method == "density_matrix" else 0) << n) > limit // 2:
        n -= 1
    return f"{n} qubits would fit; 'aer:mps' takes more where little is entangled"
