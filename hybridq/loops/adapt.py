"""ADAPT-VQE: a circuit that grows by the operators that lower the energy fastest."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.chem.problem import Problem
from hybridq.comm import Comm, world
from hybridq.contract import pool_file
from hybridq.contract.backend import Backend
from hybridq.contract.budget import Budget, budget_of
from hybridq.contract.circuit import FermionicCircuit, product
from hybridq.contract.errors import InputError
from hybridq.contract.pool import PoolElement, grown
from hybridq.contract.task import Task
from hybridq.evaluate import Evaluator
from hybridq.loops.adapt_result import ADAPTResult, Growth
from hybridq.loops.driver import Loop
from hybridq.loops.ledger import Arrays, Jobs, Ledger, Settle
from hybridq.loops.optimizers import Limits, Optimizer, Outcome, described, make_optimizer
from hybridq.loops.pool_gradients import pool_gradients
from hybridq.loops.step import Step
from hybridq.loops.stopping import Stopping
from hybridq.loops.summary import stopped, summary
from hybridq.loops.variational import Callback, Variational
from hybridq.planning import choose
from hybridq.qubits.problem import QubitProblem
from hybridq.registry import Pool, backend, pool

Array = NDArray[np.float64]
POOL = "pool.json"
STALLED = 3  # growths without any gain after which the pool has nothing more to give


class ADAPT(Variational[ADAPTResult]):
    """Grow a circuit from a pool of operators, and optimize it after each growth (Grimsley et al., arXiv:1812.11173).

    Each growth takes the gradient ``<[H, A]>`` of every operator A of the pool at the optimized state, appends those
    with the largest, and optimizes all parameters from where they are. The ranks share the pool.

    Args:
        problem: the Hamiltonian and its electrons.
        pool: a pool (`hybridq.pool`), its name, or its elements.
        batch: operators appended in one growth, at most: those with the largest gradients.
        batch_ratio: of these only such whose gradient is at least this share of the largest.
        disjoint: a growth takes no two operators that share a spatial orbital (Anastasiou et al., arXiv:2209.10562).
        pool_tolerance: converged where no gradient of the pool is larger, hartree per radian.
        max_operators: parameters to grow to at most.
        pool_name: what to call a pool given by its elements.
        backend, optimizer, optimizer_options, energy_tolerance, gradient_tolerance, max_iterations: see `VQE`; the
            limits are those of each optimization.
        max_evaluations, budget, precision, shots, seed, run, wall_time, stop, ranks_per_group, callbacks, progress,
            comm: see `VQE`.

    Raises:
        InputError: an argument makes no sense; the message says which and why.
    """

    def __init__(
        self,
        problem: Problem,
        pool: str | Pool | Sequence[PoolElement] = "spin-adapted",
        *,
        batch: int = 1,
        batch_ratio: float = 0.0,
        disjoint: bool = False,
        pool_tolerance: float = 1e-3,
        max_operators: int | None = None,
        pool_name: str | None = None,
        backend: str | Backend = "auto",
        optimizer: str | Optimizer = "auto",
        optimizer_options: Mapping[str, Any] | None = None,
        energy_tolerance: float = 1e-10,
        gradient_tolerance: float = 1e-5,
        max_iterations: int | None = None,
        max_evaluations: int | None = None,
        budget: Budget | Mapping[str, Any] | None = None,
        precision: float | None = None,
        shots: int | None = None,
        seed: int = 0,
        run: str | Path | None = None,
        wall_time: float | None = None,
        stop: Callable[[], str | None] | None = None,
        ranks_per_group: int | None = None,
        callbacks: Sequence[Callback] | Callback = (),
        progress: bool | None = None,
        comm: Comm | None = None,
    ) -> None:
        began = time.perf_counter()
        if not isinstance(problem, Problem):
            raise InputError(f"ADAPT needs a hybridq.Problem, got {type(problem).__name__}")
        for label, number in (
            ("batch", batch), ("max_operators", max_operators),
            ("max_iterations", max_iterations), ("max_evaluations", max_evaluations),
        ):  # fmt: skip
            if number is not None and number < 1:
                raise InputError(f"{label} must be at least 1, got {number}")
        for label, value in (
            ("pool_tolerance", pool_tolerance), ("energy_tolerance", energy_tolerance),
            ("gradient_tolerance", gradient_tolerance),
        ):  # fmt: skip
            if not 0 < value < np.inf:
                raise InputError(f"{label} must be positive and finite, got {value}")
        if not 0 <= batch_ratio <= 1:
            raise InputError(f"batch_ratio is a share of the largest gradient, from 0 to 1, got {batch_ratio}")
        if not 0 <= seed < 2**63:
            raise InputError(f"seed must be between 0 and 2^63 - 1, got {seed}")
        self.comm = comm if comm is not None else world()
        self.problem: Problem = self.comm.agree(problem)
        self._asked_pool, self._given_name = pool, pool_name
        self.pool = self.comm.once(lambda: _elements(pool, self.problem))
        self.batch, self.batch_ratio, self.disjoint = batch, batch_ratio, disjoint
        self.pool_tolerance, self.max_operators = pool_tolerance, max_operators
        self.precision, self.shots, self.seed = precision, shots, seed
        self.limits = Limits(energy_tolerance, gradient_tolerance, max_iterations)
        self.max_evaluations = max_evaluations
        self.budget = budget_of(budget)
        self.run_path = None if run is None else Path(run)
        self.callbacks = (callbacks,) if callable(callbacks) else tuple(callbacks)
        self.progress, self.wall_time, self.stop = progress, wall_time, stop
        self.ranks_per_group = ranks_per_group
        self.result: ADAPTResult | None = None
        self.growths: list[Growth] = []
        self._circuits: dict[int, FermionicCircuit] = {}
        task = Task(self._trial(), self._trial().start, self.problem.hamiltonian, "gradient", precision, shots, seed)
        self.backend: Backend = self._choose(backend, task)
        noisy = not self.backend.capabilities.exact or shots is not None
        by_default = "SPSA" if noisy else "L-BFGS-B"
        asked = by_default if isinstance(optimizer, str) and optimizer.lower() == "auto" else optimizer
        self.optimizer: Optimizer = make_optimizer(asked, optimizer_options or {})
        self._setup = time.perf_counter() - began

    @property
    def reference(self) -> FermionicCircuit:
        """The circuit that grows: the reference determinant."""
        p = self.problem
        return product(p.n_orbitals, (p.n_alpha, p.n_beta), [], name=f"adapt({self._pool_name()})")

    def _trial(self) -> FermionicCircuit:
        """A circuit of the size that is to come, for choosing a backend."""
        return grown(self.reference, self.pool[: self.max_operators or max(1, len(self.pool) // 4)])

    def _choose(self, wanted: str | Backend, task: Task) -> Backend:
        if not isinstance(wanted, str):
            return backend(wanted)
        if wanted.lower() == "auto":
            wanted = self.comm.once(lambda: choose(task))
        return backend(wanted)

    def _pool_name(self) -> str:
        if self._given_name is not None:
            return self._given_name
        if isinstance(self._asked_pool, Pool):
            return str(self._asked_pool) if self._asked_pool.options else self._asked_pool.name
        return self._asked_pool if isinstance(self._asked_pool, str) else "own pool"

    def spec(self) -> dict[str, Any]:
        """What the run is, as JSON can hold it; a journal is taken up only by the same spec."""
        from hybridq import __version__

        return {
            "loop": "adapt",
            "hybridq": __version__,
            "problem": self.problem.digest,
            "pool": {"name": self._pool_name(), "digest": grown(self.reference, self.pool).digest},
            "growth": {
                "batch": self.batch,
                "ratio": self.batch_ratio,
                "disjoint": self.disjoint,
                "tolerance": self.pool_tolerance,
            },
            "backend": self.backend.name,
            **self._backend_options(),
            "optimizer": described(self.optimizer),
            "limits": {
                "energy": self.limits.energy,
                "gradient": self.limits.gradient,
                "iterations": self.limits.iterations,
            },
            "precision": self.precision,
            "shots": self.shots,
            "seed": self.seed,
        }

    def _ends(self) -> dict[str, Any]:
        ends = {"max_operators": self.max_operators, "max_evaluations": self.max_evaluations}
        return ends | ({} if self.budget is None else {"budget": asdict(self.budget)})

    def _files(self) -> Mapping[str, str]:
        return {POOL: pool_file.to_text(self.pool)}

    def _adopt(self, problem: Problem | QubitProblem, spec: Mapping[str, Any]) -> None:
        assert isinstance(problem, Problem)
        self.problem = problem
        self.pool = self.comm.once(lambda: _elements(self._asked_pool, problem))

    def _loop(self, ledger: Ledger, stopping: Stopping, reported: int) -> Loop:
        ledger.watch.seconds["setup"] = self._setup
        self.growths.clear()
        self._circuits = {0: self.reference}
        h = self.problem.hamiltonian
        start = Evaluator(
            self.backend, self.reference, h, self.comm, self.precision, self.shots, self.seed, self.ranks_per_group
        )
        return Loop(start, ledger, stopping, max_evaluations=self.max_evaluations, reported=reported)

    def _search(self, loop: Loop) -> Generator[Step, None, Outcome]:
        row = np.zeros(0)
        energy = loop.at(row).energy
        while True:
            gradients = self._pool_gradients(loop, row)
            chosen = self._chosen(gradients)
            largest = float(np.abs(gradients).max(initial=0.0))
            end = self._end(largest, chosen, row)
            if end is not None:
                return end
            circuit = grown(self._circuits[len(row)], [self.pool[k] for k in chosen])
            self._circuits[circuit.n_parameters] = circuit
            loop.evaluator = loop.evaluator.of(circuit)
            start = np.concatenate([row, np.zeros(len(chosen))])
            found = yield from loop.drive(self.optimizer.search(start, self.limits, self.seed))
            row = found.row
            if loop.evaluator.noisy:
                energy = loop.at(row).energy
            else:
                row, energy = _lowest(loop, row)
            labels = tuple(self.pool[k].label for k in chosen)
            growth = Growth(labels, tuple(chosen), largest, energy, circuit.n_parameters)
            self.growths.append(growth)
            loop.ledger.note("growth", len(self.growths), growth.to_dict())

    def _pool_gradients(self, loop: Loop, row: Array) -> Array:
        def compute(number: int, jobs: Jobs, settle: Settle[Any]) -> tuple[Arrays, Any]:
            answer = {"pool": pool_gradients(loop.evaluator, self.pool, row, number, jobs)[None]}
            return answer, self.comm.once(lambda: settle(answer))

        loop.check()
        answer, _ = loop.ledger.take("pool", row[None], compute, lambda answer: None)
        return np.asarray(answer["pool"][0])

    def _chosen(self, gradients: Array) -> list[int]:
        """The operators of one growth: largest gradients first, the earlier of equals."""
        sizes = np.abs(gradients)
        # Rounding must not decide between operators that symmetry makes equal: digits beyond the tenth are left out.
        order = np.lexsort((np.arange(len(sizes)), -np.round(sizes, 10)))
        chosen: list[int] = []
        taken: set[int] = set()
        for k in order:
            large = sizes[k] > self.pool_tolerance and sizes[k] >= self.batch_ratio * sizes[order[0]]
            if len(chosen) == self.batch or not large:
                break
            orbitals = self.pool[k].orbitals
            if not self.disjoint or not taken & orbitals:
                chosen.append(int(k))
                taken |= orbitals
        return chosen

    def _end(self, largest: float, chosen: list[int], row: Array) -> Outcome | None:
        """Why it does not grow on; None where it does."""
        if not chosen:
            told = f"largest gradient of the pool {largest:.1e} is within {self.pool_tolerance:.0e}"
            return Outcome(row, True, told)
        if self.max_operators is not None and len(row) + len(chosen) > self.max_operators:
            return Outcome(row, False, f"the limit of {self.max_operators} operators was reached", cut=True)
        recent = [g.energy for g in self.growths[-STALLED - 1 :]]
        if len(recent) == STALLED + 1 and recent[0] - recent[-1] < self.limits.energy:
            told = f"the last {STALLED} growths gained nothing; the largest gradient of the pool is {largest:.1e}"
            return Outcome(row, False, told)
        return None

    def _limit_reached(self, loop: Loop, history: list[Step], reason: str) -> Outcome:
        if loop.best is None:
            raise InputError(f"max_evaluations={self.max_evaluations} is less than ADAPT needs to begin; allow more")
        return stopped(loop, history, reason or f"the limit of {self.max_evaluations} evaluations was reached")

    def _result(self, loop: Loop, history: list[Step], outcome: Outcome, *, evaluate: bool = True) -> ADAPTResult:
        circuit = self._circuits[len(outcome.row)].with_initial(outcome.row)
        loop.evaluator = loop.evaluator.of(circuit)  # it may have grown beyond this one, and got no step there
        fields = summary(self, loop, history, outcome, circuit, self._setup, evaluate=evaluate)
        return ADAPTResult(**fields, growths=tuple(self.growths))


def _lowest(loop: Loop, row: Array) -> tuple[Array, float]:
    """The optimizer's last point, or a lower one that it has seen with this circuit."""
    here = loop.at(row).energy
    best = loop.best
    if best is not None and len(best.row) == len(row) and best.energy < here:
        return best.row, best.energy
    return row, here


def _elements(wanted: str | Pool | Sequence[PoolElement], problem: Problem) -> tuple[PoolElement, ...]:
    if isinstance(wanted, str):
        wanted = pool(wanted)
    elements = wanted.build(problem) if isinstance(wanted, Pool) else tuple(wanted)
    strange = [e for e in elements if not isinstance(e, PoolElement)]
    if strange:
        raise InputError(f"a pool is made of PoolElement, got {strange[0]!r}")
    if not elements:
        raise InputError("the pool is empty for this problem: there is nothing to grow by; take another pool")
    return elements
