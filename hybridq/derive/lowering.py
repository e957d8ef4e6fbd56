"""Fermionic circuits on backends that think in qubits: lowered exactly, under Jordan-Wigner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hybridq.contract.backend import Backend, Capabilities, Cost, Job, Spanning
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Circuit, Task
from hybridq.contract.ticket import Durable, Ticket

KEPT = 8  # lowered circuits and Hamiltonians


class Lowered:
    """A backend of qubit circuits that takes fermionic ones as well.

    Parameters, values and bit strings are those of the fermionic circuit: spin orbital k is qubit k.

    Args:
        inner: the backend that does the work.
    """

    def __init__(self, inner: Backend) -> None:
        self.inner = inner
        self._circuits: dict[FermionicCircuit, QubitCircuit] = {}
        self._observables: dict[Hamiltonian, PauliSum] = {}

    @property
    def name(self) -> str:
        """The inner backend's name."""
        return self.inner.name

    @property
    def capabilities(self) -> Capabilities:
        """The inner backend's, and fermionic circuits; density matrices are derived, as it knows no orbitals."""
        own = self.inner.capabilities
        return replace(own, languages=own.languages | {"FermionicCircuit"}, drivers=own.drivers - {"rdm"})

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that the inner backend was made with, where it tells."""
        return dict(getattr(self.inner, "options", {}))

    def cost(self, tasks: Sequence[Task]) -> Cost:
        """Predict the lowered tasks; see `Backend.cost`."""
        return self.inner.cost([self.lowered(task) for task in tasks])

    def submit(self, tasks: Sequence[Task]) -> Job:
        """Start the lowered tasks; see `Backend.submit`."""
        return self.inner.submit([self.lowered(task) for task in tasks])

    def job(self, job_id: str) -> Job:
        """Find a job again."""
        return self.inner.job(job_id)

    def lowered(self, task: Task) -> Task:
        """The same task on qubits.

        Raises:
            ImportError: Qiskit is not installed.
        """
        if isinstance(task.circuit, QubitCircuit):
            return task
        circuit = self._circuit(task.circuit)
        observable = None if task.hamiltonian is None else self._observable(task.hamiltonian)
        return replace(task, circuit=circuit, observable=observable)

    def _circuit(self, circuit: FermionicCircuit) -> QubitCircuit:
        from hybridq.qubits.lowering import to_qiskit

        if circuit not in self._circuits:
            _make_room(self._circuits)
            self._circuits[circuit] = QubitCircuit.of(to_qiskit(circuit), name=circuit.name)
        return self._circuits[circuit]

    def _observable(self, hamiltonian: Hamiltonian) -> PauliSum:
        from hybridq.qubits import jordan_wigner, pauli_strings

        if hamiltonian not in self._observables:
            _make_room(self._observables)
            self._observables[hamiltonian] = pauli_strings(hamiltonian, jordan_wigner(hamiltonian.n_orbitals))
        return self._observables[hamiltonian]


class LoweredSpanning(Lowered):
    """The same for a backend that spans ranks."""

    def on(self, comm: Any) -> Backend:
        """The backend for the ranks of `comm`; see `Spanning`."""
        assert isinstance(self.inner, Spanning)
        return Lowered(self.inner.on(comm))


class LoweredDurable(Lowered):
    """The same for a backend that knows tickets."""

    def submit_once(self, tasks: Sequence[Task], ticket: Ticket) -> Job:
        """Start the lowered tasks; see `Durable`."""
        assert isinstance(self.inner, Durable)
        return self.inner.submit_once([self.lowered(task) for task in tasks], ticket)


def speaking(backend: Backend, circuit: Circuit) -> Backend:
    """The backend as it is, or so that it takes fermionic circuits, where `circuit` is one and it knows qubits only."""
    languages = backend.capabilities.languages
    if not isinstance(circuit, FermionicCircuit) or "FermionicCircuit" in languages or "QubitCircuit" not in languages:
        return backend
    if isinstance(backend, Durable):
        return LoweredDurable(backend)
    return LoweredSpanning(backend) if isinstance(backend, Spanning) else Lowered(backend)


def _make_room(kept: dict[Any, Any]) -> None:
    while len(kept) >= KEPT:
        del kept[next(iter(kept))]
