"""VQE: the lowest energy that a circuit reaches on a problem."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.chem import problem_file
from hybridq.chem.problem import Problem
from hybridq.comm import Comm, world
from hybridq.contract.backend import Backend
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import InputError
from hybridq.contract.task import Driver, Task
from hybridq.evaluate import Evaluator
from hybridq.journal import RunFolder, read_journal
from hybridq.journal.reader import JOURNAL
from hybridq.loops.driver import LimitReached, Loop, Point
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
        precision: wanted standard error of an energy, hartree; exact backends give exact values all the same.
        shots: samples for each row; overrides `precision`.
        seed: seed of everything random in the run.
        run: folder for the journal, the result and the plot; None records nothing. The same run in the same
            folder goes on where it stopped.
        callbacks: called with each `Step` on rank 0; a true return value stops the run.
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
        energy_tolerance: float = 1e-10,
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
        began = time.perf_counter()
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
        if not 0 <= seed < 2**63:
            raise InputError(f"seed must be between 0 and 2^63 - 1, got {seed}")
        self.comm = comm if comm is not None else world()
        # Each rank ran its own SCF, and two of these agree to some digits only: all take rank 0's.
        self.problem = self.comm.agree(problem)
        self._family = ansatz(circuit) if isinstance(circuit, str) else circuit
        self.circuit = self.comm.agree(_circuit(self._family, self.problem))
        self._initial = initial
        self.start = self.comm.agree(_start(self.circuit, initial))
        self.precision, self.shots, self.seed = precision, shots, seed
        self.limits = Limits(energy_tolerance, gradient_tolerance, max_iterations)
        self.max_evaluations = max_evaluations
        self.run_path = None if run is None else Path(run)
        self.callbacks = (callbacks,) if callable(callbacks) else tuple(callbacks)
        self.progress = progress
        self.result: VQEResult | None = None
        wanted = None if isinstance(optimizer, str) and optimizer.lower() == "auto" else optimizer
        chosen = None if wanted is None else _optimizer(wanted, optimizer_options or {})
        self._driver: Driver = "gradient" if chosen is None or chosen.uses_gradient else "energy"
        self._asked_backend = backend
        self.backend: Backend = self._choose(backend)
        if chosen is None:
            chosen = _optimizer("SPSA" if self._evaluator().noisy else "L-BFGS-B", optimizer_options or {})
        self.optimizer: Optimizer = chosen
        self._setup = time.perf_counter() - began

    def _choose(self, wanted: str | Backend) -> Backend:
        task = self._task()  # shots, precision and observable are checked now, not after the first hour
        if not isinstance(wanted, str):
            return backend(wanted)
        if wanted.lower() == "auto":
            wanted = self.comm.once(lambda: choose(task).name)
        return backend(wanted)

    def _task(self) -> Task:
        """One evaluation of the kind that the optimizer asks for."""
        h = self.problem.hamiltonian
        return Task(self.circuit, self.start, h, self._driver, self.precision, self.shots, self.seed)

    def _evaluator(self) -> Evaluator:
        return Evaluator(
            self.backend, self.circuit, self.problem.hamiltonian, self.comm, self.precision, self.shots, self.seed
        )

    def plan(self) -> Plan:
        """What each installed backend predicts for one evaluation, and which one is taken; runs nothing."""
        task = self._task()
        if isinstance(self._asked_backend, str):
            return plan(task) if self._asked_backend.lower() == "auto" else plan(task, [self._asked_backend])
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

        A generator that is closed early, an error or Ctrl-C leaves the best point so far in `self.result` and,
        where it can still be written, in the run folder.

        Raises:
            Interrupted: on Ctrl-C.
            BackendError, CapacityError: from the backend.
            JournalMismatch, InputError: the run folder holds something else or cannot be written.
        """
        self.result = None
        folder, recorded = self._open()
        loop = Loop(
            self._evaluator(),
            recorded=recorded,
            folder=folder,
            recording=self.run_path is not None,
            max_evaluations=self.max_evaluations,
        )
        loop.watch.seconds["setup"] = self._setup
        history: list[Step] = []
        try:
            try:
                outcome = yield from self._search(loop, history)
            except LimitReached:
                if loop.best is None:
                    raise InputError(
                        f"max_evaluations={self.max_evaluations} is less than the first batch of "
                        f"{self.optimizer.name}; allow more, or take another optimizer"
                    ) from None
                outcome = self._stopped(loop, history, f"the limit of {self.max_evaluations} evaluations was reached")
            self.result = self._result(loop, history, outcome)
            result = self.result
            self.comm.once(partial(self._write, folder, result))
            return result
        except KeyboardInterrupt:
            self._rescue(loop, history, folder, "interrupted")
            if self.result is None:
                raise
            raise Interrupted(self.result) from None
        except GeneratorExit:
            self._rescue(loop, history, folder, "stopped by the caller")
            raise
        except Exception as error:
            self._rescue(loop, history, folder, f"failed: {error}")
            raise
        finally:
            if folder is not None:
                folder.close()

    def run(self) -> VQEResult:
        """Run to the end, with progress and callbacks; see `steps` for what it raises."""
        steps = self.steps()
        try:
            with Progress(self.progress, self.comm.is_root) as shown:
                while True:
                    try:
                        step = next(steps)
                    except StopIteration as stop:
                        result: VQEResult = stop.value
                        return result
                    try:
                        shown.show(step)
                    except KeyboardInterrupt as pressed:
                        steps.throw(pressed)
        finally:
            steps.close()

    def _search(self, loop: Loop, history: list[Step]) -> Generator[Step, None, Outcome]:
        if self.circuit.n_parameters == 0:
            loop.at(self.start)
            return Outcome(self.start, True, "the circuit has no parameters")
        driven = loop.drive(self.optimizer.search(self.start.copy(), self.limits, self.seed))
        try:
            while True:
                step = next(driven)
                history.append(step)
                # On rank 0 only, and through a verb: an error in a callback then ends all ranks alike.
                if self.callbacks and self.comm.once(partial(_any_asks_to_stop, self.callbacks, step)):
                    return self._stopped(loop, history, "stopped by a callback")
                yield step
        except StopIteration as stop:
            outcome: Outcome = stop.value
            if not loop.evaluator.noisy and loop.best is not None and loop.best.energy < loop.at(outcome.row).energy:
                return Outcome(loop.best.row, outcome.converged, outcome.reason)
            return outcome
        finally:
            driven.close()

    def _stopped(self, loop: Loop, history: list[Step], reason: str) -> Outcome:
        """The best point of exact values; of noisy ones the last step, since the lowest value is the luckiest."""
        if loop.evaluator.noisy and history:
            return Outcome(history[-1].row, False, reason)
        return Outcome(loop.best.row if loop.best is not None else self.start, False, reason)

    def _rescue(self, loop: Loop, history: list[Step], folder: RunFolder | None, reason: str) -> None:
        """Keep what there is after an error; no other rank is spoken to, and nothing here may hide the error."""
        if self.result is not None or loop.best is None:
            return
        self.result = self._result(loop, history, self._stopped(loop, history, reason), evaluate=False)
        if folder is not None:
            with suppress(Exception):
                self._write(folder, self.result, references=False)

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

    def _result(self, loop: Loop, history: list[Step], outcome: Outcome, *, evaluate: bool = True) -> VQEResult:
        known = self._point(loop, history, outcome, evaluate)
        seconds = dict(loop.watch.seconds)
        seconds["total"] = self._setup + loop.watch.total
        seconds["optimizer"] = max(0.0, seconds["total"] - sum(v for k, v in seconds.items() if k != "total"))
        return VQEResult(
            energy=known.energy,
            stderr=known.stderr,
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
            molecule=self.problem.name,
            n_electrons=(self.problem.n_alpha, self.problem.n_beta),
            provenance=provenance(self.comm.size),
            run=None if self.run_path is None else str(self.run_path),
            problem=self.problem,
            circuit=self.circuit,
            known=dict(self.problem.known),
            _backend=self.backend,
        )

    def _point(self, loop: Loop, history: list[Step], outcome: Outcome, evaluate: bool) -> Point:
        """The value at the final row; with noise a new one, since the one that led here was picked for being low."""
        assert loop.best is not None
        if evaluate:
            try:
                return loop.fresh(outcome.row) if loop.evaluator.noisy else loop.at(outcome.row)
            except LimitReached:
                pass
        if loop.evaluator.noisy and history:
            return Point(history[-1].row, history[-1].energy, history[-1].stderr, None)
        return loop.best

    def _write(self, folder: RunFolder | None, result: VQEResult, *, references: bool = True) -> None:
        """The end of the run in its folder (rank 0); a plot that fails costs no result."""
        if folder is None:
            return
        end = {"kind": "end", "reason": result.reason, "converged": result.converged, "energy": result.energy}
        folder.append(end, durable=True)
        folder.write("result.json", result.to_json(references=references) + "\n")
        try:
            result.plot(folder.path / "convergence.png", references=references)
        except Exception as error:
            warnings.warn(f"the plot of {folder.path} failed: {type(error).__name__}: {error}", stacklevel=2)


def _any_asks_to_stop(callbacks: Sequence[Callback], step: Step) -> bool:
    return any([bool(call(step)) for call in callbacks])  # a list: every callback is called


def _start(circuit: FermionicCircuit, initial: ArrayLike | None) -> NDArray[np.float64]:
    if initial is None:
        return circuit.start
    rows = circuit.rows(initial)
    if len(rows) != 1:
        raise InputError(f"initial is one row of {circuit.n_parameters} parameters, got {len(rows)} rows")
    return np.array(rows[0])


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
