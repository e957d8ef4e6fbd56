"""Engine: energies and gradients of rows, shared out over ranks and threads unit by unit."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.comm import Comm
from hybridq.contract.errors import CapacityError
from hybridq.contract.paulis import PauliSum
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq_tensornet.approximate import Chain
from hybridq_tensornet.executors import Executor, executor
from hybridq_tensornet.forms import Form, Rates, apply_seconds, form_seconds, forms, seconds, without_identity
from hybridq_tensornet.mpo import mpo
from hybridq_tensornet.mps_cost import bonds, mps_bytes, mps_seconds
from hybridq_tensornet.network import Network
from hybridq_tensornet.pieces import Contraction, Piece, State
from hybridq_tensornet.plan import Plan, make_plan, nbytes
from hybridq_tensornet.store import load, save

Array = NDArray[np.float64]
KEPT = 32
FEW = 4  # circuits whose forms that were not taken are kept
LONG = 1.0  # predicted seconds of an evaluation from which plans of two forms are compared
SPARE = 8  # a kept plan that is sliced is made again where so many times its memory is free
SHARED = 2e-4  # predicted seconds of all units from which threads share them


@dataclass(frozen=True, eq=False)
class Prepared:
    """An energy made ready.

    Attributes:
        form: how it is contracted.
        plans: one for each part of the form.
        pieces: what is evaluated.
        seconds: predicted, of one row on one thread.
        bytes: of one thread.
        rows: that are done at once.
    """

    form: Form
    plans: tuple[Plan, ...]
    pieces: tuple[Piece, ...]
    seconds: float
    bytes: int
    rows: int = 1
    units: tuple[tuple[int, int], ...] = field(init=False)

    def __post_init__(self) -> None:
        units = [(k, unit) for k, piece in enumerate(self.pieces) for unit in range(piece.n_units)]
        object.__setattr__(self, "units", tuple(units))


class Engine:
    """Prepares energies once and evaluates them.

    Args:
        form: the form to take; None lets the predicted cost decide.
        threads: threads at most.
        rates: what seconds are predicted with.
        comm: ranks that all ask for the same; None for one process.
        longest: seconds that the search for one plan may take.
        by: what carries plans out; None takes the compiled loops.
    """

    def __init__(
        self,
        form: str | None,
        threads: int,
        rates: Rates,
        comm: Comm | None = None,
        longest: float = 20.0,
        by: Executor | None = None,
    ) -> None:
        self._form, self._threads, self._rates = form, threads, rates
        self.comm = comm
        self._longest = longest
        self.executor = by or executor("compiled")
        self._prepared: OrderedDict[Any, Prepared] = OrderedDict()
        self._forms: OrderedDict[Any, list[Form]] = OrderedDict()
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0  # of the process whose threads these are: a fork leaves them behind

    def energies(
        self, circuit: QubitCircuit, observable: PauliSum, angles: Array, room: Callable[[], int], *, gradient: bool
    ) -> tuple[Array, Array | None, Prepared]:
        """Energies of rows of angles, shape (n_rows,), and derivatives by angle, shape (n_rows, n_angles).

        The sums over units have the same order, and so the same bits, for any number of ranks and threads.

        Raises:
            CapacityError: it does not fit.
        """
        ready = self.prepare(circuit, observable, room, gradient=gradient)
        n_rows, n_units = len(angles), len(ready.units)
        width = 1 + (circuit.n_angles if gradient else 0)
        values = np.zeros((n_rows, width))
        values[:, 0] = ready.form.constant
        if n_units and n_rows:
            jobs = np.arange(n_rows * n_units)

            def work(numbers: NDArray[Any]) -> NDArray[Any]:
                return self._work(ready, angles, numbers.astype(np.intp), width, gradient=gradient)

            alone = self.comm is None or self.comm.size == 1
            found = work(jobs) if alone or self.comm is None else self.comm.map(work, jobs)
            for unit in range(n_units):
                values += found[unit::n_units]
        return values[:, 0], values[:, 1:] if gradient else None, ready

    def _work(
        self, ready: Prepared, angles: Array, numbers: NDArray[np.intp], width: int, *, gradient: bool
    ) -> NDArray[np.float64]:
        """The contributions of some pairs of row and unit, shape (n, width)."""
        out = np.zeros((len(numbers), width))
        n_units = len(ready.units)
        if ready.rows > 1 and len(angles) > 1:
            self._by_rows(ready, angles, numbers, out, gradient=gradient)
            return out

        def one(place: int) -> None:
            row, unit = divmod(int(numbers[place]), n_units)
            piece, part = ready.units[unit]
            value, slopes = ready.pieces[piece].run(angles[row], part, gradient=gradient)
            out[place, 0] = value
            if slopes is not None:
                out[place, 1:] = slopes

        threads = min(self._threads, len(numbers))
        if threads < 2 or ready.seconds * len(numbers) / n_units < SHARED:
            for place in range(len(numbers)):
                one(place)
            return out
        if self._pool is None or self._pid != os.getpid():
            self._pid = os.getpid()
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="hybridq-tensornet")
        list(self._pool.map(one, range(len(numbers))))
        return out

    def _by_rows(
        self, ready: Prepared, angles: Array, numbers: NDArray[np.intp], out: Array, *, gradient: bool
    ) -> None:
        """The same, several rows at once: always as many, so that numbers do not depend on who does them."""
        rows, units = np.divmod(numbers, len(ready.units))
        width = min(ready.rows, len(angles))
        for unit in np.unique(units).tolist():
            piece, part = ready.units[unit]
            places = np.flatnonzero(units == unit)
            work = ready.pieces[piece]
            for first in range(0, len(places), width):
                some = places[first : first + width]
                chosen = angles[rows[np.resize(some, width)]]
                if isinstance(work, Contraction):
                    values, slopes = work.run_rows(chosen, part, gradient=gradient)
                    out[some, 0] = values[: len(some)]
                    if slopes is not None:
                        out[some, 1:] = slopes[: len(some)]
                    continue
                for place, row in zip(some, chosen, strict=False):
                    out[place, 0], slope = work.run(row, part, gradient=gradient)
                    if slope is not None:
                        out[place, 1:] = slope

    def alone(self) -> Engine:
        """The same for one process."""
        if self.comm is None:
            return self
        return Engine(self._form, self._threads, self._rates, None, self._longest, self.executor)

    def known(self, circuit: QubitCircuit, observable: PauliSum, *, gradient: bool) -> Prepared | None:
        """What was prepared before; None where nothing was."""
        return self._prepared.get((circuit.digest, observable.digest, gradient))

    def forms(self, circuit: QubitCircuit, observable: PauliSum) -> list[Form]:
        """The forms that can be considered, made once.

        Raises:
            CapacityError: the one asked for is not for this size.
        """
        key = (circuit.digest, observable.digest)
        if key not in self._forms:
            self._forms[key] = forms(circuit, observable, self._rates, self._form)
            while len(self._forms) > FEW:
                self._forms.popitem(last=False)
        return self._forms[key]

    def prepare(
        self, circuit: QubitCircuit, observable: PauliSum, room: Callable[[], int], *, gradient: bool
    ) -> Prepared:
        """The fastest form that fits, with its plans; made once, and plans that took long kept on disk."""
        key = (circuit.digest, observable.digest, gradient)
        if key not in self._prepared:
            self._prepared[key] = self._make(circuit, observable, room() // self._threads, gradient=gradient)
            while len(self._prepared) > KEPT:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(key)
        return self._prepared[key]

    def _make(self, circuit: QubitCircuit, observable: PauliSum, room: int, *, gradient: bool) -> Prepared:
        def decide() -> tuple[str, tuple[Plan, ...]]:
            return self._decide(circuit, observable, room, gradient=gradient)

        name, plans = decide() if self.comm is None else self.comm.once(decide)
        if name == "mps":
            return self._chain(circuit, observable)
        # Other ranks may price forms otherwise, and need the chosen one alone.
        known = self.forms(circuit, observable) if self.comm is None or self.comm.is_root else []
        form = next((form for form in known if form.name == name), None)
        form = form or forms(circuit, observable, self._rates, name)[0]
        pieces: list[Piece] = []
        total, most = 0.0, 0
        for (network, strings), plan in zip(form.parts, plans, strict=True):
            piece: Piece = (
                State(network, plan, strings, self.executor)
                if name == "state"
                else Contraction(network, plan, self.executor)
            )
            pieces.append(piece)
            total += part_seconds(self._rates, name, network, strings, plan, gradient=gradient)
            most = max(most, nbytes(plan, network.itemsize, gradient=gradient))
        rows = self.executor.rows(plans, room, gradient=gradient)
        if self.executor.most_rows > 1 and self.comm is not None:
            rows = self.comm.once(lambda: rows)  # free memory may differ
        return Prepared(form, plans, tuple(pieces), total, most, rows)

    def _chain(self, circuit: QubitCircuit, observable: PauliSum) -> Prepared:
        constant, rest = without_identity(observable)
        assert rest is not None
        shape, bond = bonds(circuit, None), max(mpo(rest).bonds, default=1)
        pieces = (Chain(circuit, rest),)
        took = mps_seconds(shape, circuit.n_qubits, bond)
        return Prepared(Form("mps", constant, ()), (), pieces, took, mps_bytes(shape, bond))

    def _decide(
        self, circuit: QubitCircuit, observable: PauliSum, room: int, *, gradient: bool
    ) -> tuple[str, tuple[Plan, ...]]:
        """The form and its plans, on rank 0."""
        priced = sorted(
            self.forms(circuit, observable), key=lambda form: form_seconds(form, self._rates, gradient=gradient)
        )
        best: tuple[float, str, tuple[Plan, ...]] | None = None
        refused: CapacityError | None = None
        for place, form in enumerate(priced):
            if best is not None and (place > 1 or best[0] < LONG):
                break
            try:
                share = 1 / max(1, len(form.parts))
                plans = tuple(self.plan(net, room, gradient=gradient, share=share) for net, _ in form.parts)
            except CapacityError as error:
                refused = refused or error
                continue
            if form.name == "state" and any(plan.sliced for plan in plans):
                continue
            cost = sum(
                part_seconds(self._rates, form.name, network, strings, plan, gradient=gradient)
                for (network, strings), plan in zip(form.parts, plans, strict=True)
            )
            if best is None or cost < best[0]:
                best = (cost, form.name, plans)
        if (
            not gradient
            and self._form is None
            and self.executor.name == "compiled"
            and (best is None or best[0] > LONG)
        ):
            shape, bond = bonds(circuit, None), max(mpo(observable).bonds, default=1)
            took = mps_seconds(shape, circuit.n_qubits, bond)
            if mps_bytes(shape, bond) <= room and (best is None or took < best[0]):
                return "mps", ()
        if best is None:
            raise refused or CapacityError(
                f"the state vector of {circuit.n_qubits} qubits does not fit the memory that is free; leave form out"
            )
        return best[1], best[2]

    def plan(self, network: Network, room: int, *, gradient: bool, share: float = 1.0) -> Plan:
        """The plan for a network: from disk where it is there and fits, else made, and kept where that took long.

        Args:
            network: to be contracted.
            room: bytes.
            gradient: whether all products are kept.
            share: of the time that a search may take.

        Raises:
            CapacityError: none fits.
        """
        found = load(network, network.digest)
        need = inf if found is None else nbytes(found, network.itemsize, gradient=gradient)
        # One that was sliced for far less memory would be slow for ever.
        if found is not None and need <= room and not (found.sliced and SPARE * need <= room):
            return found
        made = make_plan(network, room, network.itemsize, gradient=gradient, longest=share * self._longest)
        if made.searched:
            save(network.digest, made)
        return made


def part_seconds(rates: Rates, form: str, network: Network, strings: PauliSum, plan: Plan, *, gradient: bool) -> float:
    """Of one part of a form, by its plan."""
    found = seconds(rates, network, plan.work, plan.n_slices, gradient=gradient)
    return found + (apply_seconds(rates, strings) if form == "state" else 0.0)
