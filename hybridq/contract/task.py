"""Task and Result: work as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import InputError
from hybridq.contract.hamiltonian import Hamiltonian

Driver = Literal["energy", "gradient", "counts", "rdm"]
DRIVERS: tuple[Driver, ...] = ("energy", "gradient", "counts", "rdm")

Circuit = FermionicCircuit
Observable = Hamiltonian


@dataclass(frozen=True, eq=False)
class Task:
    """Which circuit, which rows of parameters, which observable, and what to bring back.

    Attributes:
        circuit: the circuit to run.
        params: rows of parameters in radians, shape (n_rows, n_parameters); one row may come flat.
        observable: what is measured; None for the drivers "counts" and "rdm".
        driver: "energy", "gradient", "counts" or "rdm".
        precision: wanted standard error in hartree; None lets the backend choose (exact where it can).
        shots: number of samples for each row; overrides `precision`.
        seed: makes a sampling backend repeatable.

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", self.circuit.rows(self.params))
        if self.driver not in DRIVERS:
            raise InputError(f"unknown driver {self.driver!r}; known: {', '.join(DRIVERS)}")
        if self.driver in ("energy", "gradient"):
            if self.observable is None:
                raise InputError(f"driver {self.driver!r} needs an observable")
            if self.observable.n_orbitals != self.circuit.n_orbitals:
                raise InputError(
                    f"the observable has {self.observable.n_orbitals} orbitals, the circuit {self.circuit.n_orbitals}"
                )
        if self.driver == "counts" and (self.shots is None or self.shots < 1):
            raise InputError(f"driver 'counts' needs shots of at least 1, got {self.shots}")
        if self.shots is not None and self.shots < 1:
            raise InputError(f"shots must be at least 1, got {self.shots}")
        if self.precision is not None and not self.precision > 0:
            raise InputError(f"precision is a standard error in hartree and must be positive, got {self.precision}")

    @property
    def n_rows(self) -> int:
        """Number of parameter rows."""
        return int(self.params.shape[0])


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


Counts = Mapping[str, int]


@dataclass(frozen=True)
class Result:
    """What came back for one task; every sequence has one entry for each row.

    Attributes:
        value: by driver. "energy": hartree, shape (n_rows,). "gradient": hartree per radian, shape
            (n_rows, n_parameters). "counts": tuple of mappings from bit string to number; spin orbital 0
            (alpha orbital 0) is the rightmost bit, all alpha orbitals before all beta. "rdm": tuple of `RDM`.
        stderr: standard error of `value`, same shape; exactly 0 where the value is exact. For "counts"
            and "rdm" one number for each row: 0 where the state behind them was exact.
        energy: for "gradient", the energies at the rows, shape (n_rows,), hartree; else None.
        energy_stderr: standard error of `energy`.
        provenance: who computed it and how: strings and numbers that JSON can hold.
    """

    value: Any
    stderr: Any
    energy: NDArray[np.float64] | None = None
    energy_stderr: NDArray[np.float64] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
