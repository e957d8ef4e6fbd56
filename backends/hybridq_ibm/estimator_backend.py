"""IBMEstimatorBackend: energies from IBM's own estimator, as jobs that are safe."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridq.contract.backend import Capabilities, Cost
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import BackendError, CapacityError, InputError
from hybridq.contract.paulis import PauliSum
from hybridq.contract.task import Result, Task
from hybridq.hardware import Compiled, Counts, DeviceBackend, Run
from hybridq.hardware.dividing import divided
from hybridq.hardware.preparing import check_width, encoding_of
from hybridq.qubits import pauli_strings, to_qiskit
from hybridq_ibm.estimator import STEP, IBMEstimatorDevice, Pub

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

OURS = ("grouping", "allocation", "mitigation", "readout_shots")  # what `ibm:` does itself, and IBM does here


@dataclass(frozen=True, eq=False)
class PreparedPub:
    """A circuit and its observable, made ready once.

    Attributes:
        pub: what is sent.
        compiled: how it was compiled.
        constant: of the observable, which is not measured.
        spread: standard error that one shot in each basis would have at most, in the observable's unit.
    """

    pub: Pub
    compiled: Compiled
    constant: float
    spread: float
    measurement: None = None


class IBMEstimatorBackend(DeviceBackend):
    """Energies of a device by IBM's own estimator.

    It chooses settings and mitigates by itself; all rows of a task are one job. Jobs are as safe as those of
    `IBMBackend`. A `precision` is reached at level 0; levels 1 and 2 take the same shots in each basis, and the
    standard error that comes back, larger there, is IBM's.

    Args:
        backend: "ibm_torino" and the like, or "least_busy".
        **options: those of `IBMEstimatorDevice`; encoding, patience, resubmit_lost and store of `DeviceBackend`.

    Raises:
        InputError: no credentials, an unknown device, or an option that makes no sense.
        BackendError: the service does not answer.
        MissingPackage: qiskit-ibm-runtime is not installed.
    """

    def __init__(self, backend: str = "least_busy", **options: Any) -> None:
        for_device, for_backend = divided("backend 'ibm-estimator'", IBMEstimatorDevice, options)
        mine = sorted(set(for_backend) & set(OURS))
        if mine:
            raise InputError(
                f"{', '.join(mine)}: IBM's estimator measures and mitigates in its own way; take the backend 'ibm' for "
                "these, or resilience_level=0, 1 or 2"
            )
        device = IBMEstimatorDevice(backend, **for_device)
        super().__init__(device, **for_backend)
        self.device: IBMEstimatorDevice = device
        self._recipe = _Values()  # type: ignore[assignment]

    @property
    def options(self) -> dict[str, Any]:
        """What values depend on."""
        return {"encoding": self._encoding, **self.device.options}

    @property
    def capabilities(self) -> Capabilities:
        """Energies; durable; rank 0 only."""
        return replace(super().capabilities, drivers=frozenset({"energy"}))

    def cost(self, tasks: Sequence[Task]) -> Cost:
        """Counted from the bases; runs nothing.

        Raises:
            CapacityError: too many qubits.
            InputError: the shots are too few.
        """
        total = Cost(0.0, 0)
        for task in tasks:
            ready = self._ready(task)
            shots, n = self._shots(task, ready), task.n_rows
            price = self.device.price([Run(ready.pub, np.zeros(task.circuit.n_parameters), shots)] * n)
            circuits = n * self.device.circuits(ready.pub)
            total += Cost(price.qpu_seconds, 0, n * shots, price.dollars, price.qpu_seconds, circuits)
        return total

    def _shots(self, task: Task, ready: Any) -> int:
        """Of a row, in all bases and factors together: a multiple of 64 in each."""
        each = self.device.circuits(ready.pub)
        if task.shots is not None:
            steps = task.shots // (STEP * each)
            if steps < 1:
                raise InputError(
                    f"{task.shots} shots are too few: the observable takes {each} circuits a row, and IBM's estimator "
                    f"{STEP} shots of each at least; ask for at least {STEP * each}"
                )
        elif task.precision is None:
            raise InputError(f"{self.name} measures with noise: ask for shots, or for a precision in hartree")
        else:
            steps = max(1, math.ceil((ready.spread / task.precision) ** 2 / STEP))
        if steps * STEP * each > 10**12:
            raise CapacityError(
                f"{steps * STEP * each:.3g} shots a row are more than any device takes; ask for a larger precision"
            )
        return steps * STEP * each

    def _prepared(self, task: Task) -> Any:
        return self._ready(task)

    def _ready(self, task: Task) -> PreparedPub:
        if task.driver != "energy":
            raise BackendError(f"backend {self.name!r} offers energies, not {task.driver!r}")
        key: Any = (task.circuit, task.observable)
        kept: Any = self._kept
        if key not in kept:
            kept[key] = self._made(task)
            while len(kept) > 32:
                kept.popitem(last=False)
        kept.move_to_end(key)
        found: PreparedPub = kept[key]
        return found

    def _made(self, task: Task) -> PreparedPub:
        from qiskit import QuantumCircuit

        circuit, strings = self._on_qubits(task)
        compiled = self.device.compile(circuit, [QuantumCircuit(circuit.num_qubits)])
        bare = compiled.programs[0].remove_final_measurements(inplace=False)
        bare.metadata = compiled.programs[0].metadata
        known = (strings.x | strings.z).any(axis=1)
        constant = float(strings.coefficients[~known].sum()) if known.any() else 0.0
        operator = strings.to_sparse_pauli_op()[known if known.any() else ~known]
        groups = operator.group_commuting(qubit_wise=True)
        # In a basis all strings may agree, so that their sizes add up; bases are independent.
        spread = math.sqrt(sum(float(np.abs(group.coeffs).sum()) ** 2 for group in groups))
        placed = operator.apply_layout(list(compiled.qubits[0]), bare.num_qubits)
        return PreparedPub(Pub(bare, placed, len(groups)), compiled, constant, spread)

    def _on_qubits(self, task: Task) -> tuple[QuantumCircuit, PauliSum]:
        if not isinstance(task.circuit, FermionicCircuit):
            check_width(self.device, task.circuit.n_qubits, task.circuit.name)
            return task.qubits.to_qiskit(), task.paulis
        code = encoding_of(task.circuit, self._encoding)
        check_width(self.device, code.n_qubits, task.circuit.name)
        assert task.hamiltonian is not None
        return to_qiskit(task.circuit, code, synthesize=False), pauli_strings(task.hamiltonian, code)


class _Values:
    """In the place of a `Recipe`: values come as they are."""

    def evaluation(
        self, tasks: Sequence[Task], prepared: Sequence[PreparedPub], shots: Sequence[int]
    ) -> Generator[Sequence[Run], Sequence[Counts], list[Result]]:
        """Yields all rows, is sent their values, and returns the results."""
        runs = [
            Run(ready.pub, row, number)
            for task, ready, number in zip(tasks, prepared, shots, strict=True)
            for row in task.params
        ]
        read: list[Any] = list((yield runs))
        results = []
        for task, ready in zip(tasks, prepared, strict=True):
            mine, read = read[: task.n_rows], read[task.n_rows :]
            values = np.array([ready.constant + one["value"] for one in mine])
            errors = np.array([one["stderr"] for one in mine])
            told = {"compiled": dict(ready.compiled.facts), "bases": ready.pub.bases}
            results.append(Result(values, errors, provenance=told))
        return results
