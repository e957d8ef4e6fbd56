"""Approximate mode: energies and counts of matrix product states with a limit on their bonds."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hybridq.comm import Comm
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq_tensornet.mpo import mpo
from hybridq_tensornet.mps import Mps, MpsSettings, energy_bound, evolve
from hybridq_tensornet.mps_program import mps_program
from hybridq_tensornet.mps_values import expectation, sample

Array = NDArray[np.float64]
T = TypeVar("T")
KEPT = 16
ROUNDING = 1e-20  # cutoffs up to this change no digit
EXACT = MpsSettings(None, 1e-26)
"""Settings that cut off rounding errors only."""


@dataclass(frozen=True)
class Values:
    """Energies of rows and what is known of their error.

    Attributes:
        energies: shape (n_rows,).
        errors: distance to the energy at half the bond dimension, as an estimate; 0 where nothing was cut off.
        bounds: no less than the true error, shape (n_rows,), often far more.
        discarded: relative squared weight that was cut off, shape (n_rows,).
        largest_bonds: shape (n_rows,).
    """

    energies: Array
    errors: Array
    bounds: Array
    discarded: Array
    largest_bonds: Array


class Approximate:
    """Evaluates rows by matrix product states, shared out over ranks and threads.

    Args:
        settings: where they are cut.
        threads: at most so many rows at a time.
        comm: ranks that all ask for the same; None for one process.
    """

    def __init__(self, settings: MpsSettings, threads: int, comm: Comm | None) -> None:
        self.settings, self._threads, self._comm = settings, threads, comm
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0  # of the process whose threads these are: a fork leaves them behind

    @property
    def truncates(self) -> bool:
        """Whether states may come out as others than the circuit's."""
        return self.settings.max_bond_dimension is not None or self.settings.cutoff > ROUNDING

    def coarser(self) -> MpsSettings:
        """Settings by which the error of truncation is judged; for a bond of 1 finer ones."""
        bond = self.settings.max_bond_dimension
        half = None if bond is None else 2 if bond == 1 else bond // 2
        cutoff = self.settings.cutoff
        return replace(
            self.settings, max_bond_dimension=half, cutoff=min(0.5, 100 * cutoff) if cutoff > ROUNDING else cutoff
        )

    def energies(self, circuit: QubitCircuit, observable: PauliSum, angles: Array) -> Values:
        """Energies of rows of angles, shape (n_rows, n_angles)."""
        program = self._get(circuit.digest, lambda: mps_program(circuit))
        operator = self._get((observable.digest, "operator"), lambda: mpo(observable))

        def one(row: Array) -> list[float]:
            state = evolve(program, row, self.settings)
            energy = expectation(state, operator)
            error = bound = 0.0
            if state.discarded > 0 and self.truncates:
                error = abs(energy - expectation(evolve(program, row, self.coarser()), operator))
                bound = energy_bound(state.angle, observable.bound)
            return [energy, error, bound, state.discarded, state.largest_bond]

        def work(rows: NDArray[Any]) -> NDArray[Any]:
            threads = min(self._threads, len(rows))
            if threads < 2:
                return np.array([one(angles[int(k)]) for k in rows])
            if self._pool is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="hybridq-tensornet")
            return np.array(list(self._pool.map(lambda k: one(angles[int(k)]), rows)))

        numbers = np.arange(len(angles))
        alone = self._comm is None or self._comm.size == 1 or not len(angles)
        found = work(numbers) if alone or self._comm is None else self._comm.map(work, numbers)
        return Values(*np.asarray(found, np.float64).reshape(len(angles), 5).T)

    def counts(
        self, circuit: QubitCircuit, angles: Array, shots: int, rng: np.random.Generator
    ) -> tuple[tuple[dict[str, int], ...], Array]:
        """Counts of each row, and the weight that was discarded."""
        program = self._get(circuit.digest, lambda: mps_program(circuit))
        states: list[Mps] = [evolve(program, row, self.settings) for row in angles]
        lost = np.array([state.discarded for state in states])
        return tuple(sample(state, shots, rng) for state in states), lost

    def _get(self, key: Any, make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        found: T = self._kept[key]
        return found


class Chain:
    """A `Piece`: the whole energy by a matrix product state of which nothing is cut off."""

    n_units = 1

    def __init__(self, circuit: QubitCircuit, observable: PauliSum) -> None:
        self._program, self._operator = mps_program(circuit), mpo(observable)

    def run(self, angles: Array, unit: int, *, gradient: bool) -> tuple[float, Array | None]:
        """See `Piece`; there are no gradients."""
        assert not gradient
        return expectation(evolve(self._program, angles, EXACT), self._operator), None
