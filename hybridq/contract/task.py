"""Task and Result: work as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import index
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import InputError
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit

Driver = Literal["energy", "gradient", "counts", "rdm", "metric"]
DRIVERS: tuple[Driver, ...] = ("energy", "gradient", "counts", "rdm", "metric")
OBSERVED: tuple[Driver, ...] = ("energy", "gradient", "metric")  # drivers that need an observable

Circuit = FermionicCircuit | QubitCircuit
Observable = Hamiltonian | PauliSum


@dataclass(frozen=True, eq=False)
class Task:
    """Which circuit, which rows of parameters, which observable, and what to bring back.

    Attributes:
        circuit: the circuit to run; a Qiskit QuantumCircuit becomes a `QubitCircuit`.
        params: rows of parameters in radians, shape (n_rows, n_parameters); one row may come flat.
        observable: what is measured, a `Hamiltonian` for fermionic circuits and a `PauliSum` (or what
            `PauliSum.of` takes) for qubit circuits; None for the drivers "counts" and "rdm".
        driver: "energy", "gradient", "counts", "rdm" or "metric".
        precision: wanted standard error in hartree; None lets the backend choose (exact where it can).
        shots: number of samples for each row; overrides `precision`.
        seed: makes a sampling backend repeatable.
        columns: for the driver "metric", the parameters whose columns are wanted, distinct; None takes all.

    Raises:
        InputError: a field does not fit the others; the message names both.
    """

    circuit: Circuit
    params: NDArray[np.float64]
    observable: Observable | None = None
    driver: Driver = "energy"
    precision: float | None = None
    shots: int | None = None
    seed: int | None = None
    columns: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.circuit, FermionicCircuit):
            object.__setattr__(self, "circuit", QubitCircuit.of(self.circuit))
        object.__setattr__(self, "params", self.circuit.rows(self.params))
        if self.driver not in DRIVERS:
            raise InputError(f"unknown driver {self.driver!r}; known: {', '.join(DRIVERS)}")
        if self.columns is not None:
            self._check_columns()
        if self.driver in OBSERVED:
            if self.observable is None:
                raise InputError(f"driver {self.driver!r} needs an observable")
            object.__setattr__(self, "observable", fitting(self.circuit, self.observable))
        if self.driver == "rdm" and not isinstance(self.circuit, FermionicCircuit):
            raise InputError("the driver 'rdm' is for fermionic circuits; measure Pauli strings on a qubit circuit")
        if self.driver == "counts" and (self.shots is None or self.shots < 1):
            raise InputError(f"driver 'counts' needs shots of at least 1, got {self.shots}")
        if self.shots is not None and self.shots < 1:
            raise InputError(f"shots must be at least 1, got {self.shots}")
        if self.precision is not None and not self.precision > 0:
            raise InputError(f"precision is a standard error in hartree and must be positive, got {self.precision}")

    def _check_columns(self) -> None:
        if self.driver != "metric":
            raise InputError(f"columns belong to the driver 'metric', the driver is {self.driver!r}; leave them out")
        try:
            columns = tuple(index(column) for column in self.columns or ())
        except TypeError:
            raise InputError(f"columns are numbers of parameters, whole numbers, got {self.columns!r}") from None
        object.__setattr__(self, "columns", columns)
        m = self.circuit.n_parameters
        if len(set(columns)) != len(columns) or any(not 0 <= column < m for column in columns):
            raise InputError(f"columns must be distinct parameters from 0 to {m - 1}, got {columns}")

    @property
    def fermionic(self) -> FermionicCircuit:
        """The circuit, for a backend that takes fermionic ones.

        Raises:
            InputError: it is a qubit circuit.
        """
        if not isinstance(self.circuit, FermionicCircuit):
            raise InputError("this takes fermionic circuits only, got a circuit on qubits")
        return self.circuit

    @property
    def qubits(self) -> QubitCircuit:
        """The circuit, for a backend that takes qubit circuits.

        Raises:
            InputError: it is a fermionic circuit.
        """
        if not isinstance(self.circuit, QubitCircuit):
            raise InputError("this takes circuits on qubits only, got a fermionic one")
        return self.circuit

    @property
    def hamiltonian(self) -> Hamiltonian | None:
        """The observable of a fermionic circuit."""
        assert not isinstance(self.observable, PauliSum)
        return self.observable

    @property
    def paulis(self) -> PauliSum:
        """The observable of a qubit circuit; use where the driver has one."""
        assert isinstance(self.observable, PauliSum)
        return self.observable

    @property
    def n_rows(self) -> int:
        """Number of parameter rows."""
        return int(self.params.shape[0])

    @property
    def metric_columns(self) -> tuple[int, ...]:
        """The columns that the driver "metric" gives: `columns`, or those of all parameters."""
        return tuple(range(self.circuit.n_parameters)) if self.columns is None else self.columns


def fitting(circuit: Circuit, observable: Any) -> Observable:
    """The observable, where it can be measured on the circuit's state.

    Raises:
        InputError: fermions and qubits are mixed, or the sizes differ.
    """
    if isinstance(circuit, FermionicCircuit):
        if not isinstance(observable, Hamiltonian):
            raise InputError(
                f"a fermionic circuit is measured with a Hamiltonian, got a {type(observable).__name__}; for Pauli "
                "strings make a qubit circuit first: hybridq.to_qiskit(circuit)"
            )
        if observable.n_orbitals != circuit.n_orbitals:
            raise InputError(f"the observable has {observable.n_orbitals} orbitals, the circuit {circuit.n_orbitals}")
        return observable
    if isinstance(observable, Hamiltonian):
        raise InputError(
            "a qubit circuit is measured with Pauli strings, got a Hamiltonian of fermions; map it first, with "
            "problem.to_qubits()"
        )
    found = PauliSum.of(observable)
    if found.n_qubits != circuit.n_qubits:
        raise InputError(f"the observable is on {found.n_qubits} qubits, the circuit on {circuit.n_qubits}")
    return found


@dataclass(frozen=True)
class RDM:
    """Spin-summed reduced density matrices of one row.

    Attributes:
        one: ``<E_pq>``, shape (n, n).
        two: ``<E_pq E_rs> - delta_qr <E_ps>``, shape (n, n, n, n), chemists' order: the energy is
            ``constant + sum h_pq one_pq + 1/2 sum (pq|rs) two_pqrs``.
    """

    one: NDArray[Any]
    two: NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """Columns of the metric and of the Hamiltonian in the space of the tangents of one row.

    The tangent of parameter k is ``d_k psi``, the derivative of the normalized state by that parameter. With
    ``P = 1 - |psi><psi|``, which takes out what is only a change of phase (``<psi|d_k psi>`` is imaginary, and 0 for
    real circuits):

    Attributes:
        overlap: ``Re <d_k psi|P|d_l psi>``, shape (n_parameters, n_columns): columns of the Fubini-Study metric
            (Provost and Vallee, doi:10.1007/BF02193559).
        hamiltonian: ``Re <d_k psi|P H P|d_l psi>``, same shape, hartree.
    """

    overlap: NDArray[np.float64]
    hamiltonian: NDArray[np.float64]


Counts = Mapping[str, int]


@dataclass(frozen=True)
class Result:
    """What came back for one task; every sequence has one entry for each row.

    Attributes:
        value: by driver. "energy": hartree, shape (n_rows,). "gradient": hartree per radian, shape
            (n_rows, n_parameters). "counts": tuple of mappings from bit string to number; qubit 0, or spin
            orbital 0 (alpha orbital 0), is the rightmost bit, all alpha orbitals before all beta. "rdm": tuple of
            `RDM`. "metric": tuple of `Metric`.
        stderr: standard error of `value`, same shape; exactly 0 where the value is exact. For "counts",
            "rdm" and "metric" one number for each row: 0 where the state behind them was exact.
        energy: for "gradient", the energies at the rows, shape (n_rows,), hartree; else None.
        energy_stderr: standard error of `energy`.
        provenance: who computed it and how: strings and numbers that JSON can hold.
    """

    value: Any
    stderr: Any
    energy: NDArray[np.float64] | None = None
    energy_stderr: NDArray[np.float64] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
