"""The problems of a scan: made on all ranks at once, kept, and aligned along the curve."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hybridq.chem import problem_file
from hybridq.chem.alignment import align, same_space
from hybridq.chem.problem import Problem, energy_of_determinant
from hybridq.chem.references import add_failures, failures
from hybridq.comm import Comm
from hybridq.contract.errors import HybridqError, InputError, JournalMismatch
from hybridq.contract.threads import available_threads
from hybridq.loops.scan_pace import Pace
from hybridq.loops.scan_store import Prepared, Store
from hybridq.loops.stopping import Interrupted
from hybridq.qubits.problem import QubitProblem

AnyProblem = Problem | QubitProblem
Make = Callable[[float], AnyProblem] | Sequence[AnyProblem]


@dataclass(frozen=True)
class Problems:
    """Where the problem at each value comes from.

    Attributes:
        make: a function of the value, or the problems.
        values: the coordinate of each point.
        label: its name.
        store: where problems are kept, or None.
    """

    make: Make
    values: tuple[float, ...]
    label: str
    store: Store | None

    def spec(self) -> Any:
        """What the problems are, as JSON can hold it."""
        if not callable(self.make):
            return "problems"
        told = getattr(self.make, "spec", None)
        return told() if callable(told) else "function"

    def check_stored(self) -> None:
        """Hold a stored problem against a new one where nothing else tells that `make` is still the same, on rank 0.

        Raises:
            JournalMismatch: they differ.
        """
        if self.store is None or self.spec() != "function":
            return
        k = next((k for k in range(len(self.values)) if self.store.has_problem(k)), None)
        if k is not None:
            with self.named(k):
                self._hold_against(k, self._made(k))

    def get(self, comm: Comm, pace: Pace) -> list[AnyProblem]:
        """The problem of each point, with its references, orbitals not aligned; all ranks call it.

        Raises:
            InputError, ConvergenceError: a problem cannot be made; the message names the value.
            JournalMismatch: a problem is not the one that the folder holds.
        """

        # Stretched geometries take longest (SCF, CCSD and CASCI hardly converge there): they come first.
        order = sorted(range(len(self.values)), key=lambda k: -self.values[k])

        def one(place: int, given: None, group: Comm) -> Prepared:
            k = order[place]
            reason = pace.begin()
            if reason is not None:
                raise Interrupted(reason)
            with self.named(k):
                return self._prepared(k)

        with _threads(comm):
            found = dict(zip(order, comm.share(one, len(order)), strict=True))
        for prepared in found.values():
            if isinstance(prepared.problem, Problem):
                add_failures(prepared.problem, prepared.missing)
        return [found[k].problem for k in range(len(order))]

    @contextlib.contextmanager
    def named(self, k: int) -> Iterator[None]:
        """Errors of the body name the value of point k."""
        where = f"at {self.label} = {self.values[k]:g}"
        try:
            yield
        except HybridqError as error:
            error.args = (f"{where}: {error}", *error.args[1:])
            raise
        except Exception as error:
            error.add_note(where)
            raise

    def _prepared(self, k: int) -> Prepared:
        if self.store is not None and self.store.has_problem(k):
            if not callable(self.make):
                self._hold_against(k, self.make[k])
            return self.store.read_problem(k)
        problem = self._made(k)
        references = problem.references()
        known = {**problem.known, **{name: energy for name, energy in references.items() if energy is not None}}
        missing = failures(problem) if isinstance(problem, Problem) else {}
        made = Prepared(replace(problem, known=known), missing)
        if self.store is not None:
            self.store.write_problem(k, made)
        return made

    def _made(self, k: int) -> AnyProblem:
        problem = self.make(self.values[k]) if callable(self.make) else self.make[k]
        if not isinstance(problem, Problem | QubitProblem):
            raise InputError(
                f"make gave a {type(problem).__name__}; a scan needs a hybridq.Problem or a QubitProblem at each value"
            )
        return problem

    def _hold_against(self, k: int, problem: AnyProblem) -> None:
        assert self.store is not None
        if not problem_file.same_physics(self.store.read_problem(k).problem, problem):
            raise JournalMismatch(
                f"{self.store.path} holds another scan: its problem there is not the one of now ({problem.name}); give "
                "this scan a folder of its own"
            )


def aligned(problems: Sequence[AnyProblem], values: Sequence[float], label: str) -> tuple[list[AnyProblem], list[str]]:
    """The problems with their orbitals aligned to each neighbour's, and notes on what looks suspicious.

    Problems of qubits have no orbitals, and stay as they are.

    The point of lowest reference energy keeps its orbitals, and alignment goes out from there both ways.

    Raises:
        InputError: active spaces of different size.
    """
    molecules = [problem for problem in problems if isinstance(problem, Problem)]
    if len(molecules) < len(problems):
        if molecules:
            raise InputError("a scan has molecules or observables on qubits, not both")
        return [*problems], []
    sequence = sorted(range(len(values)), key=lambda k: values[k])
    lowest = int(np.argmin([_reference_energy(molecules[k]) for k in sequence]))
    found = dict(enumerate(molecules))
    notes = []
    for here, before in _outwards(sequence, lowest):
        if not same_space(found[here], found[before]):
            notes.append(
                f"at {label} = {values[here]:g} the active orbitals are of other irreps than at {values[before]:g}, so "
                "the curve is not smooth in between; list the orbitals, or take a space that holds both"
            )
        try:
            found[here] = align(found[here], found[before])
        except InputError as error:
            raise InputError(f"at {label} = {values[here]:g}: {error}") from None
        add_failures(found[here], failures(molecules[here]))
    return [found[k] for k in range(len(problems))], notes


def _reference_energy(problem: Problem) -> float:
    return energy_of_determinant(problem.hamiltonian, range(problem.n_alpha), range(problem.n_beta))


def _outwards(sequence: list[int], middle: int) -> list[tuple[int, int]]:
    """Pairs of neighbours (here, before), from the middle to both ends."""
    up = [(sequence[k], sequence[k - 1]) for k in range(middle + 1, len(sequence))]
    down = [(sequence[k], sequence[k + 1]) for k in range(middle - 1, -1, -1)]
    return up + down


@contextlib.contextmanager
def _threads(comm: Comm) -> Iterator[None]:
    """Where several ranks calculate on one node at once, each takes its share of the processors."""
    if comm.size == 1:
        yield
        return
    from pyscf import lib
    from threadpoolctl import threadpool_limits

    share = available_threads(comm)
    with threadpool_limits(share, user_api="blas"), lib.with_omp_threads(share):
        yield
