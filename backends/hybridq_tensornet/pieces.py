"""Pieces: contractions whose values add up to an energy, evaluated unit by unit."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.paulis import PauliSum
from hybridq_tensornet.executors import Executor, Workplace, executor
from hybridq_tensornet.leaves import leaf_program
from hybridq_tensornet.network import Network
from hybridq_tensornet.pauli_apply import apply, pauli_table
from hybridq_tensornet.plan import Plan

Array = NDArray[np.float64]
UNITS = 64  # at most so many sums of slices, whatever the number of ranks, so that their sum has the same bits


class Piece(Protocol):
    """A part of an energy."""

    @property
    def n_units(self) -> int:
        """Parts of it that may be evaluated by different threads and ranks."""
        ...

    def run(self, angles: Array, unit: int, *, gradient: bool) -> tuple[float, Array | None]:
        """What a unit adds to the energy, and its derivatives by the angles, shape (n_angles,)."""
        ...


class Contraction:
    """One network, slice by slice.

    Args:
        network: what is contracted; its dtype follows from leaves and constants.
        plan: how.
        by: what carries it out; None takes the compiled loops.
    """

    def __init__(self, network: Network, plan: Plan, by: Executor | None = None) -> None:
        self.network, self.plan = network, plan
        self.program = leaf_program(network.structure.leaves)
        self.dtype: type = np.float64 if network.real else np.complex128
        self.n_units = min(UNITS, plan.n_slices)
        self._make = (by or executor("compiled")).prepare(network, plan, self.dtype)
        self._free: list[Workplace] = []
        self._lock = threading.Lock()

    def take(self) -> Workplace:
        """A place to work in, for one thread; `give` it back."""
        with self._lock:
            return self._free.pop() if self._free else self._make()

    def give(self, place: Workplace) -> None:
        """Keep a place for the next."""
        place.rest()
        with self._lock:
            self._free.append(place)

    def slices(self, unit: int) -> range:
        """The slices of a unit."""
        n = self.plan.n_slices
        return range(n * unit // self.n_units, n * (unit + 1) // self.n_units)

    def run(self, angles: Array, unit: int, *, gradient: bool) -> tuple[float, Array | None]:
        """See `Piece`."""
        place = self.take()
        try:
            place.load(self.program.values(angles), gradient=gradient)
            total = 0.0
            for count, index in enumerate(self.slices(unit)):
                total += float(np.real(place.value(index, gradient=gradient, again=count > 0)))
                if gradient:
                    place.pull(index, np.ones(()))
            if not gradient:
                return total, None
            # The bra's leaves are the conjugates of the ket's, and add the conjugate of what these give.
            return total, 2.0 * np.real(self.program.gradient(angles, place.cotangents))
        finally:
            self.give(place)

    def run_rows(self, angles: Array, unit: int, *, gradient: bool) -> tuple[Array, Array | None]:
        """As `run`, of several rows at once, for executors that do so: shapes (n_rows,) and (n_rows, n_angles)."""
        place = self.take()
        try:
            place.load(np.array([self.program.values(row) for row in angles]), gradient=gradient)
            total = np.zeros(len(angles))
            for count, index in enumerate(self.slices(unit)):
                total += np.real(place.value(index, gradient=gradient, again=count > 0))
                if gradient:
                    place.pull(index, np.ones(()))
            if not gradient:
                return total, None
            pairs = zip(angles, place.cotangents, strict=True)
            return total, 2.0 * np.real([self.program.gradient(row, given) for row, given in pairs])
        finally:
            self.give(place)

    def tensor(self, angles: Array, constants: NDArray[Any] | None = None) -> NDArray[Any]:
        """The whole tensor of an open network, all slices added up."""
        place = self.take()
        try:
            place.load(self.program.values(angles), constants=constants)
            total = place.value(0)
            for index in range(1, self.plan.n_slices):
                total += place.value(index, again=True)
            return total
        finally:
            self.give(place)


class State:
    """The whole state vector, and the observable applied to it.

    Args:
        network: open on all qubits that gates act on; see `state_network`.
        plan: unsliced.
        observable: measured on all qubits.
        by: as for a `Contraction`.
    """

    n_units = 1

    def __init__(self, network: Network, plan: Plan, observable: PauliSum, by: Executor | None = None) -> None:
        self._contraction = Contraction(network, plan, by)
        self._program = self._contraction.program
        self._n_qubits = observable.n_qubits
        self._ends: Sequence[int | None] = network.structure.ends
        self._table = pauli_table(observable)

    def vector(self, angles: Array) -> NDArray[np.complex128]:
        """The state vector, shape (2^n,), qubit 0 the lowest bit."""
        return self._spread(self._contraction.tensor(angles))

    def _spread(self, tensor: NDArray[Any]) -> NDArray[np.complex128]:
        """With the qubits that stay in 0."""
        index = tuple(0 if mode is None else slice(None) for mode in reversed(self._ends))
        whole = np.zeros((2,) * self._n_qubits, complex)
        whole[index] = tensor
        return whole.ravel()

    def run(self, angles: Array, unit: int, *, gradient: bool) -> tuple[float, Array | None]:
        """See `Piece`."""
        if not gradient:
            psi = self.vector(angles)
            return float(np.real(np.vdot(psi, apply(self._table, psi)))), None
        place = self._contraction.take()
        try:
            place.load(self._program.values(angles), gradient=True)
            psi = self._spread(place.value(0, gradient=True))
            image = apply(self._table, psi)
            index = tuple(0 if mode is None else slice(None) for mode in reversed(self._ends))
            given = image.conj().reshape((2,) * self._n_qubits)[index]
            place.pull(0, given if self._contraction.dtype == np.complex128 else given.real)
            slopes = 2.0 * np.real(self._program.gradient(angles, place.cotangents))
            return float(np.real(np.vdot(psi, image))), slopes
        finally:
            self._contraction.give(place)
