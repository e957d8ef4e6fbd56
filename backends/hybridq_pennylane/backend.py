"""PennyLaneBackend: circuits on qubits by any PennyLane device."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.backend import Capabilities, Cost, LocalBackend
from hybridq.contract.calibration import stored
from hybridq.contract.errors import BackendError, CapacityError, InputError
from hybridq.contract.memory import available_memory, shown
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Driver, Result, Task
from hybridq.contract.threads import available_threads
from hybridq_pennylane.cost import Rates, nbytes, seconds
from hybridq_pennylane.devices import DEFAULT, kind_of, opened
from hybridq_pennylane.operations import observable, operations, turned_to_z
from hybridq_pennylane.sampling import group_value, groups, shares

Array = NDArray[np.float64]
KEPT = 16  # circuits and observables made ready
MAX_QUBITS = 34
THREADED = 17  # qubits from which two threads are faster than one
SMALL = 14  # qubits up to which the free memory is not looked up again once the libraries are loaded: that takes 1 ms


class PennyLaneBackend(LocalBackend):
    """A PennyLane device.

    Energies are exact where no `shots` are asked for; gradients come from the device's adjoint method where it has one
    (doi:10.48550/arXiv.2009.02823), else from the core's shift rule. With shots, energies come from groups of strings
    that are measured together.

    Args:
        device: PennyLane's name of the device.
        options: of the device, as `pennylane.device` takes them.
        seed: for tasks with shots that have none of their own.
        memory: bytes at most; None asks `hybridq.contract.memory.available_memory` each time.
        rates: what `cost` predicts seconds with; None takes those of `hybridq calibrate`, else sound ones.

    Raises:
        MissingPackage: PennyLane or the device's package is not installed; the message says which.
        InputError: no such device.
    """

    speaks = ("QubitCircuit",)
    variants = (DEFAULT,)
    """What "auto" chooses among."""

    def __init__(
        self,
        device: str = DEFAULT,
        *,
        options: Mapping[str, Any] | None = None,
        seed: int | None = None,
        memory: int | None = None,
        rates: Rates | None = None,
    ) -> None:
        super().__init__()
        if memory is not None and memory < 1:
            raise InputError(f"memory is in bytes and must be positive, got {memory}")
        self._kind = kind_of(device)
        self._options = dict(options or {})
        self._seed = seed
        self._memory = memory
        self._rates = rates or replace(Rates(), **stored("pennylane", asdict(Rates())))
        self._lock = threading.Lock()
        self._pools: Any = None
        self._kept: OrderedDict[Any, Any] = OrderedDict()

    @property
    def name(self) -> str:
        """The entry point's name and the device."""
        return f"pennylane:{self._kind.name}"

    @property
    def capabilities(self) -> Capabilities:
        """Energies and counts, and gradients where the device has the adjoint method."""
        drivers: set[Driver] = {"energy", "counts"}
        return Capabilities(
            max_qubits=MAX_QUBITS,
            drivers=frozenset(drivers | {"gradient"} if self._kind.adjoint else drivers),
            languages=frozenset({"QubitCircuit"}),
            exact=self._kind.exact,
        )

    def calibrate(self) -> Mapping[str, float]:
        """The rates of this host, measured in a few seconds."""
        from hybridq_pennylane.calibrate import calibrate

        return asdict(calibrate(self._kind.name))

    def cost(self, tasks: Sequence[Task]) -> Cost:
        """Bytes by counting, seconds from the rates; refuses what does not fit.

        Raises:
            CapacityError: a circuit is too wide, or needs more memory than there is.
        """
        total = Cost(0.0, 0)
        for task in tasks:
            need = self._checked(task)
            paulis = None if task.observable is None else task.paulis
            held = replace(task.qubits, n_qubits=self._held(task.qubits.n_qubits))
            once = seconds(held, paulis, task.driver, self._rates)
            total += Cost(once * task.n_rows, need, (task.shots or 0) * task.n_rows)
        return total

    def run(self, task: Task) -> Result:
        """Do one task now.

        Raises:
            InputError: shots are too few for a standard error, or asked for with a gradient.
            CapacityError: it does not fit; nothing large was allocated.
            BackendError: PennyLane failed.
        """
        self._checked(task)
        with self._lock, self._threads(task.circuit.n_qubits):
            try:
                if task.driver == "counts":
                    return self._counts(task)
                if task.driver == "gradient":
                    return self._gradients(task)
                return self._energies(task) if task.shots is None else self._sampled(task)
            except (InputError, CapacityError, BackendError):
                raise
            except Exception as error:
                raise BackendError(f"the PennyLane device {self._kind.name!r} failed: {error}") from error

    def _threads(self, n_qubits: int) -> contextlib.AbstractContextManager[Any]:
        """Few threads for few qubits: OpenMP's threads, started for each small task, take ten times as long as it."""
        from threadpoolctl import ThreadpoolController

        if self._pools is None:
            self._device(1)  # loads the libraries, which are looked for now
            self._pools = ThreadpoolController()
        pools: ThreadpoolController = self._pools
        limit: contextlib.AbstractContextManager[Any] = pools.limit(
            limits=1 if n_qubits < THREADED else available_threads(), user_api="openmp"
        )
        return limit

    def _checked(self, task: Task) -> int:
        """Bytes of a task that fits."""
        circuit = task.qubits
        if task.driver == "gradient" and task.shots is not None:
            raise InputError("the adjoint method gives exact gradients and takes no shots; leave them out")
        if not self._kind.exact and task.shots is None and task.driver != "counts":
            raise InputError(f"the device {self._kind.name!r} is not known to give exact values; ask for shots")
        if circuit.n_qubits > MAX_QUBITS:
            raise CapacityError(f"a state vector of {circuit.n_qubits} qubits is too large; {MAX_QUBITS} is the limit")
        need = self._bytes(task, circuit.n_qubits)
        if self._memory is None and self._pools is not None and self._held(circuit.n_qubits) <= SMALL:
            return need
        limit = available_memory() if self._memory is None else self._memory
        if need > limit:
            fits = max((n for n in range(1, circuit.n_qubits) if self._bytes(task, n) <= limit), default=0)
            raise CapacityError(
                f"{circuit.n_qubits} qubits need {shown(need)}, and {shown(limit)} are free; {fits} qubits would fit, "
                "or a matrix product state: aer:mps"
            )
        return need

    def _held(self, n_qubits: int) -> int:
        """Qubits of a state vector as large as what the device holds."""
        return 2 * n_qubits if self._kind.mixed else n_qubits

    def _bytes(self, task: Task, n_qubits: int) -> int:
        held = replace(task.qubits, n_qubits=self._held(n_qubits), gates=())
        return nbytes(held, task.driver, available_threads())

    def _ready(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.popitem(last=False)
            self._kept[key] = make()
        self._kept.move_to_end(key)
        return self._kept[key]

    def _device(self, n: int, seed: int | None = None) -> Any:
        if seed is not None:
            return opened(self._kind, n, {**self._options, "seed": seed})
        return self._ready(("device", n), lambda: opened(self._kind, n, self._options))

    def _tape(self, circuit: QubitCircuit, paulis: PauliSum, row: Array) -> Any:
        """The circuit with its observable at a row; made once, then only angles are put in."""
        import pennylane as qml

        angles = circuit.angles(row)

        def make() -> Any:
            measured = self._ready(("observable", paulis), lambda: observable(paulis))
            tape = qml.tape.QuantumScript(operations(circuit, angles), [qml.expval(measured)])
            places, number = [], 0  # numbers of the turns' angles that parameters move, among all of the tape's
            for gate, operation in zip(circuit.gates, tape.operations, strict=True):
                if gate.angle is not None:
                    places.append(number)
                number += operation.num_params
            order = [gate.angle for gate in circuit.gates if gate.angle is not None]
            tape.trainable_params = places
            return tape, places, order

        tape, places, order = self._ready(("tape", circuit, paulis), make)
        return tape.bind_new_parameters(angles[order].tolist(), places) if places else tape, order

    def _energies(self, task: Task) -> Result:
        import pennylane as qml

        circuit, device = task.qubits, self._device(task.qubits.n_qubits)
        tapes = [self._tape(circuit, task.paulis, row)[0] for row in task.params]
        if self._kind.adjoint:
            found = device.execute(tapes, qml.devices.ExecutionConfig()) if tapes else ()
        else:
            found = qml.execute(tapes, device, diff_method=None) if tapes else ()
        values = np.array([float(np.real(value)) for value in found]).reshape(task.n_rows)
        return Result(values, np.zeros(task.n_rows), provenance=self._provenance())

    def _gradients(self, task: Task) -> Result:
        import pennylane as qml

        circuit, device = task.qubits, self._device(task.qubits.n_qubits)
        config = qml.devices.ExecutionConfig(gradient_method="adjoint", use_device_gradient=True)
        energies, gradients = np.zeros(task.n_rows), np.zeros((task.n_rows, circuit.n_parameters))
        for i, row in enumerate(task.params):
            tape, order = self._tape(circuit, task.paulis, row)
            if not order:
                energies[i] = float(np.real(device.execute([tape], qml.devices.ExecutionConfig())[0]))
                continue
            [energy], [slopes] = device.execute_and_compute_derivatives([tape], config)
            by_angle = np.zeros(circuit.n_angles)
            by_angle[order] = np.real(np.atleast_1d(np.squeeze(np.array(slopes, dtype=complex))))
            energies[i] = float(np.real(energy))
            gradients[i] = circuit.angles_map.gather(by_angle, row)
        zeros = np.zeros(task.n_rows)
        return Result(gradients, np.zeros_like(gradients), energies, zeros, self._provenance())

    def _samples(self, operations_: list[Any], n: int, shots: int, seed: int | None) -> NDArray[np.int64]:
        """Bits of each sample, shape (shots, n), qubit 0 first."""
        import pennylane as qml

        tape = qml.tape.QuantumScript(operations_, [qml.sample(wires=range(n))], shots=shots)
        [found] = qml.execute([tape], self._device(n, seed), diff_method=None)
        return np.asarray(found, dtype=np.int64).reshape(shots, n)

    def _seeds(self, task: Task) -> np.random.Generator | None:
        seed = task.seed if task.seed is not None else self._seed
        return None if seed is None else np.random.default_rng(seed)

    def _counts(self, task: Task) -> Result:
        circuit, shots, draw = task.qubits, task.shots or 0, self._seeds(task)
        counts: list[dict[str, int]] = []
        for row in task.params:
            seed = None if draw is None else int(draw.integers(2**31))
            bits = self._samples(operations(circuit, circuit.angles(row)), circuit.n_qubits, shots, seed)
            words = ("".join(map(str, line[::-1])) for line in bits.tolist())
            counts.append(dict(sorted(Counter(words).items())))
        return Result(tuple(counts), np.zeros(task.n_rows), provenance=self._provenance())

    def _sampled(self, task: Task) -> Result:
        circuit, paulis, draw = task.qubits, task.paulis, self._seeds(task)
        assert task.shots is not None
        grouped = self._ready(("groups", paulis), lambda: groups(paulis))
        if task.shots < 2 * len(grouped):
            raise InputError(
                f"{task.shots} shots are too few: the observable has {len(grouped)} groups, and each needs two for a "
                f"standard error; give at least {2 * len(grouped)}"
            )
        shot_numbers = shares(paulis, grouped, task.shots) if grouped else []
        constant = float(
            sum(c for c, label in zip(paulis.coefficients, paulis.labels, strict=True) if not label.strip("I"))
        )
        values, variances = np.full(task.n_rows, constant), np.zeros(task.n_rows)
        for i, row in enumerate(task.params):
            gates = operations(circuit, circuit.angles(row))
            for members, shots in zip(grouped, shot_numbers, strict=True):
                seed = None if draw is None else int(draw.integers(2**31))
                turned = turned_to_z([paulis.labels[k] for k in members])
                bits = self._samples([*gates, *turned], circuit.n_qubits, shots, seed)
                mean, variance = group_value(paulis, members, bits)
                values[i] += mean
                variances[i] += variance
        return Result(values, np.sqrt(variances), provenance=self._provenance())

    def _provenance(self) -> dict[str, Any]:
        import pennylane as qml

        return {"backend": self.name, "pennylane": qml.__version__}
