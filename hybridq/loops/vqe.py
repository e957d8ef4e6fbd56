"""VQE: the lowest energy that a circuit reaches on a problem."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hybridq.chem import problem_file
from hybridq.chem.problem import Problem
from hybridq.comm import Comm, world
from hybridq.contract.backend import Backend
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import InputError
from hybridq.contract.task import Task
from hybridq.evaluate import Evaluator
from hybridq.journal import RunFolder, read_journal
from hybridq.journal.reader import JOURNAL
from hybridq.loops.driver import LimitReached, Loop
from hybridq.loops.optimizers import Limits, Optimizer, Outcome, optimizer
from hybridq.loops.progress import Progress
from hybridq.loops.result import History, VQEResult
from hybridq.loops.step import Step
from hybridq.planning import Plan, choose, consider, plan
from hybridq.provenance import provenance
from hybridq.registry import Ansatz, ansatz, backend

Callback = Callable[[Step], object]
PROBLEM = "problem.json"
START_NOISE = 1e-3  # radians: what the starting amplitudes of two SCF calculations of one molecule differ by
PROBLEM = "problem.json"
START_NOISE = 1e-3  # radians: what the starting amplitudes of two SCF calculations of one molecule differ by


class Interrupted(KeyboardInterrupt):
    """Ctrl-C met a run. The best point so far is in `result`, and in the run folder where there is one."""

    def __init__(self, result: VQEResult) -> None:
        super().__init__(f"interrupted; the best energy so far is {result.energy:.10f} hartree")
        self.result = result


class VQE:
    """Minimize the energy of a circuit over its parameters.

    Every MPI rank makes the same VQE and calls the same methods; rows are shared over the ranks.

    Args:
        problem: the Hamiltonian and its electrons.
        circuit: a family (`hybridq.ansatz`), its name, or a circuit.
        backend: a name, a backend object, or "auto" for the cheapest that can do it.
        optimizer: a name, an optimizer object, or "auto": L-BFGS-B where values are exact, else SPSA.
        optimizer_options: options of the optimizer, by name.
        initial: first row, shape (n_parameters,), radians; None takes the circuit's own.
        energy_tolerance, gradient_tolerance, max_iterations: see `hybridq.loops.optimizers.Limits`.
        max_evaluations: rows to evaluate at most; the best point so far is the result then.
        precision: wanted standard error of an energy, hartree; None for exact values where a backend has them.
        shots: samples for each row; overrides `precision`.
        seed: seed of everything random in the run.
        run: folder for the journal, the result and the plot; None records nothing. The same run in the same
            folder goes on where it stopped.
        callbacks: called with each `Step` on every rank; a true return value from rank 0's call stops the run.
        progress: show a line of progress; None does where stderr is a terminal.
        comm: the ranks to use; None takes all.

    Raises:
        InputError: an argument makes no sense; the message says which and why.
    """

    def __init__(
        self,
        problem: Problem,
        circuit: FermionicCircuit | Ansatz | str = "uccsd",
        *,
        backend: str | Backend = "auto",
        optimizer: str | Optimizer = "auto",
        optimizer_options: Mapping[str, Any] | None = None,
        initial: ArrayLike | None = None,
        energy_tolerance: float = 1e-9,
        gradient_tolerance: float = 1e-5,
        max_iterations: int | None = None,
        max_evaluations: int | None = None,
        precision: float | None = None,
        shots: int | None = None,
        seed: int = 0,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
        comm: Comm | None = None,
    ) -> None:
        self._made = time.perf_counter()
        if not isinstance(problem, Problem):
            raise InputError(
                f"a VQE needs a hybridq.Problem, got {type(problem).__name__}; "
                "make one with Problem.from_pyscf(mf, ...)"
            )
        for label, value in (("energy_tolerance", energy_tolerance), ("gradient_tolerance", gradient_tolerance)):
            if not value > 0:
                raise InputError(f"{label} must be positive, got {value}")
        for label, number in (("max_iterations", max_iterations), ("max_evaluations", max_evaluations)):
            if number is not None and number < 1:
                raise InputError(f"{label} must be at least 1, got {number}")
        self.comm = comm if comm is not None else world()
        # Each rank ran its own SCF, and two of these agree to some digits only: all take rank 0's.
        self.problem = self.comm.agree(problem)
        self._family = ansatz(circuit) if isinstance(circuit, str) else circuit
        self.circuit = self.comm.agree(_circuit(self._family, self.problem))
        self._initial = initial
        self.start = self.comm.agree(self.circuit.start if initial is None else self.circuit.rows(initial)[0])
        self.precision, self.shots, self.seed = precision, shots, seed
        self.limits = Limits(energy_tolerance, gradient_tolerance, max_iterations)
        self.max_evaluations = max_evaluations
        self.run_path = None if run is None else Path(run)
        self.callbacks = (callbacks,) if callable(callbacks) else tuple(callbacks)
        self.progress = progress
        self.result: VQEResult | None = None
        self._wanted_backend = backend
        self._backend: Backend | None = None if isinstance(backend, str) else backend
        if isinstance(optimizer, str) and optimizer.lower() == "auto":
            optimizer = "SPSA" if self._evaluator().noisy else "L-BFGS-B"
        self.optimizer = _optimizer(optimizer, optimizer_options or {})
        self._task()  # shots, precision and observable are checked now, not after the first hour

    @property
    def backend(self) -> Backend:
        """The backend, chosen on first use where "auto" was asked for."""
        if self._backend is None:
            wanted = self._wanted_backend
            assert isinstance(wanted, str)
            if wanted.lower() == "auto":
                wanted = self.comm.once(lambda: choose(self._task("gradient")).name)
            self._backend = backend(wanted)
        return self._backend

    def _task(self, driver: Any = "energy") -> Task:
        return Task(self.circuit, self.start, self.problem.hamiltonian, driver, self.precision, self.shots, self.seed)

    def _evaluator(self) -> Evaluator:
        return Evaluator(
            self.backend, self.circuit, self.problem.hamiltonian, self.comm, self.precision, self.shots, self.seed
        )

    def plan(self) -> Plan:
        """What each installed backend predicts for one evaluation, and which one is taken; runs nothing."""
        task = self._task("gradient" if self.optimizer.uses_gradient else "energy")
        if isinstance(self._wanted_backend, str):
            return plan(task) if self._wanted_backend.lower() == "auto" else plan(task, [self._wanted_backend])
        one = consider(self.backend, task)
        return Plan(f"one {task.driver} of {self.circuit.name}", (one,), None if one.refused else one.name)

    def spec(self) -> dict[str, Any]:
        """What the run is, as JSON can hold it; a journal is taken up only by the same spec."""
        from hybridq import __version__

        return {
            "loop": "vqe",
            "hybridq": __version__,
            "problem": self.problem.digest,
            "circuit": self.circuit.digest,
            "start": [float(x) for x in self.start],
            "backend": self.backend.name,
            "optimizer": {
                "name": self.optimizer.name,
                "options": {k: v for k, v in sorted(vars(self.optimizer).items()) if k != "name"}
                if hasattr(self.optimizer, "__dict__")
                else {},
            },
            "limits": {
                "energy": self.limits.energy,
                "gradient": self.limits.gradient,
                "iterations": self.limits.iterations,
            },
            "precision": self.precision,
            "shots": self.shots,
            "seed": self.seed,
        }

    def steps(self) -> Generator[Step, None, VQEResult]:
        """The run, one `Step` at a time; its return value is the result, also kept as `self.result`.

        A generator that is closed early, an error or Ctrl-C leaves the best point so far in `self.result` and in
        the run folder.

        Raises:
            Interrupted: on Ctrl-C.
            BackendError, CapacityError: from the backend.
            JournalMismatch, InputError: the run folder holds something else or cannot be written.
        """
        folder, recorded = self._open()
        loop = Loop(
            self._evaluator(),
            recorded=recorded,
            folder=folder,
            recording=self.run_path is not None,
            max_evaluations=self.max_evaluations,
        )
        loop.watch.seconds["setup"] = time.perf_counter() - self._made
        history: list[Step] = []
        try:
            try:
                outcome = yield from self._search(loop, history)
            except LimitReached:
                outcome = self._stopped(loop, f"the limit of {self.max_evaluations} evaluations was reached")
            except KeyboardInterrupt:
                self.result = self._finish(loop, history, self._stopped(loop, "interrupted"), folder)
                raise Interrupted(self.result) from None
            except (Exception, GeneratorExit) as error:
                if loop.best is not None and not isinstance(error, InputError):
                    reason = "stopped by the caller" if isinstance(error, GeneratorExit) else f"failed: {error}"
                    self.result = self._finish(loop, history, self._stopped(loop, reason), None)
                raise
            self.result = self._finish(loop, history, outcome, folder)
            return self.result
        finally:
            if folder is not None:
                folder.close()

    def run(self) -> VQEResult:
        """Run to the end, with progress and callbacks; see `steps` for what it raises."""
        steps = self.steps()
        with Progress(self.progress, self.comm.is_root) as shown:
            while True:
                try:
                    step = next(steps)
                except StopIteration as stop:
                    result: VQEResult = stop.value
                    return result
                shown.show(step)

    def _search(self, loop: Loop, history: list[Step]) -> Generator[Step, None, Outcome]:
        if self.circuit.n_parameters == 0:
            loop.at(self.start)
            return Outcome(self.start, True, "the circuit has no parameters")
        driven = loop.drive(self.optimizer.search(self.start, self.limits, self.seed))
        try:
            while True:
                step = next(driven)
                history.append(step)
                if self.callbacks:
                    asked = [bool(call(step)) for call in self.callbacks]
                    if self.comm.agree(any(asked)):
                        return self._stopped(loop, "stopped by a callback")
                yield step
        except StopIteration as stop:
            outcome: Outcome = stop.value
            if not loop.evaluator.noisy and loop.best is not None and loop.best.energy < loop.at(outcome.row).energy:
                return Outcome(loop.best.row, outcome.converged, outcome.reason)
            return outcome
        finally:
            driven.close()

    def _stopped(self, loop: Loop, reason: str) -> Outcome:
        return Outcome(loop.best.row if loop.best is not None else self.start, False, reason)

    def _open(self) -> tuple[RunFolder | None, tuple[Mapping[str, Any], ...]]:
        """The run folder (on rank 0) and the evaluations that it holds already (on all)."""
        if self.run_path is None:
            return None, ()
        path = self.run_path
        stored = self.comm.once(lambda: self._stored_problem(path))
        if stored is not None:
            self._adopt(*stored)
        opened: list[RunFolder] = []

        def open_folder() -> list[Mapping[str, Any]]:
            folder = RunFolder(path, self.spec())
            opened.append(folder)
            try:
                if not (path / PROBLEM).exists():
                    folder.write(PROBLEM, problem_file.to_text(self.problem) + "\n")
                torn = folder.journal.torn
                folder.append({"kind": "start", "provenance": provenance(self.comm.size), "torn_bytes": torn})
            except BaseException:
                folder.close()
                raise
            return folder.journal.of_kind("evaluation")

        recorded = self.comm.once(open_folder)
        return (opened[0] if opened else None), tuple(recorded)

    def _stored_problem(self, path: Path) -> tuple[Problem, list[float]] | None:
        """Problem and start of the run in the folder, where they are this run's but for the noise of SCF."""
        if not (path / PROBLEM).is_file() or not (path / JOURNAL).is_file():
            return None
        journal = read_journal(path / JOURNAL)
        if journal is None or journal.spec.get("problem") == self.problem.digest:
            return None
        problem = problem_file.from_text((path / PROBLEM).read_text())
        if journal.spec.get("problem") != problem.digest or not problem_file.same_physics(problem, self.problem):
            return None
        return problem, list(journal.spec["start"])

    def _adopt(self, problem: Problem, start: list[float]) -> None:
        """Take the problem of an earlier life, to the last bit, and what follows from it."""
        self.problem = problem
        self.circuit = self.comm.agree(_circuit(self._family, problem))
        if self._initial is None and len(start) == self.circuit.n_parameters:
            fresh = self.circuit.start
            same = np.allclose(np.abs(fresh), np.abs(start), atol=START_NOISE)
            self.start = np.array(start) if same else fresh

    def _finish(self, loop: Loop, history: list[Step], outcome: Outcome, folder: RunFolder | None) -> VQEResult:
        seen = loop.best if loop.best is not None and np.array_equal(loop.best.row, outcome.row) else None
        known = seen or (loop.at(outcome.row) if outcome.converged else loop.best)
        seconds = dict(loop.watch.seconds)
        seconds["total"] = time.perf_counter() - self._made
        seconds["optimizer"] = max(0.0, seconds["total"] - sum(v for k, v in seconds.items() if k != "total"))
        result = VQEResult(
            energy=known.energy if known is not None else float("nan"),
            stderr=known.stderr if known is not None else 0.0,
            parameters=np.array(outcome.row),
            converged=outcome.converged,
            reason=outcome.reason,
            iterations=loop.steps,
            evaluations=loop.evaluations,
            replayed=loop.replayed,
            seconds=seconds,
            history=_history(history),
            backend=self.backend.name,
            optimizer=self.optimizer.name,
            ansatz=self.circuit.name,
            n_parameters=self.circuit.n_parameters,
            n_qubits=self.circuit.n_qubits,
            provenance=provenance(self.comm.size),
            run=None if self.run_path is None else str(self.run_path),
            problem=self.problem,
            circuit=self.circuit,
            known=dict(self.problem.known),
            _backend=self.backend,
        )
        if folder is not None:
            folder.append(
                {"kind": "end", "reason": result.reason, "converged": result.converged, "energy": result.energy},
                durable=True,
            )
            folder.write("result.json", result.to_json() + "\n")
            result.plot(folder.path / "convergence.png")
        return result


def _circuit(circuit: FermionicCircuit | Ansatz, problem: Problem) -> FermionicCircuit:
    if isinstance(circuit, Ansatz):
        return circuit.build(problem)
    if not isinstance(circuit, FermionicCircuit):
        raise InputError(f"a VQE needs a circuit, an ansatz or its name, got {type(circuit).__name__}")
    have = (circuit.n_orbitals, circuit.n_alpha, circuit.n_beta)
    want = (problem.n_orbitals, problem.n_alpha, problem.n_beta)
    if have != want:
        raise InputError(
            f"the circuit is for {have[1]}+{have[2]} electrons in {have[0]} orbitals, the problem has "
            f"{want[1]}+{want[2]} in {want[0]}"
        )
    return circuit


def _optimizer(wanted: str | Optimizer, options: Mapping[str, Any]) -> Optimizer:
    if not isinstance(wanted, str) and options:
        raise InputError(f"optimizer_options {sorted(options)} came with an optimizer object; give them to its class")
    return optimizer(wanted, **options)


def _history(steps: list[Step]) -> History:
    return History(
        tuple(s.energy for s in steps),
        tuple(s.stderr for s in steps),
        tuple(s.gradient for s in steps),
        tuple(s.evaluations for s in steps),
        tuple(round(s.seconds, 6) for s in steps),
    )
