"""Variational: what every loop over one circuit shares: its folder, its steps and its ways to end."""

from __future__ import annotations

import abc
import sys
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from hybridq.chem import problem_file
from hybridq.chem.problem import Problem
from hybridq.comm import Comm
from hybridq.contract.backend import Backend
from hybridq.contract.budget import Budget
from hybridq.contract.errors import RootLost
from hybridq.evaluate import StopRequested
from hybridq.journal import RunFolder, read_journal
from hybridq.journal.reader import JOURNAL
from hybridq.loops.driver import LimitReached, Loop
from hybridq.loops.ledger import Ledger, new_run_id
from hybridq.loops.optimizers import Optimizer, Outcome
from hybridq.loops.progress import Progress
from hybridq.loops.step import Step
from hybridq.loops.stopping import Interrupted, Stopping
from hybridq.loops.summary import stopped
from hybridq.provenance import provenance
from hybridq.qubits.problem import QubitProblem

Callback = Callable[[Step], object]
Records = tuple[Mapping[str, Any], ...]
PROBLEM = "problem.json"


class Result(Protocol):
    """What a loop ends with."""

    @property
    def energy(self) -> float:
        """Hartree."""
        ...

    @property
    def converged(self) -> bool:
        """Whether the loop's own criterion was met."""
        ...

    @property
    def reason(self) -> str:
        """Why it ended."""
        ...

    def to_json(self, path: str | Path | None = None, *, references: bool = True) -> str:
        """The result as text."""
        ...

    def plot(self, path: str | Path | None = None, *, references: bool = True) -> Any:
        """A figure."""
        ...


R = TypeVar("R", bound=Result)


class Variational(abc.ABC, Generic[R]):
    """A loop of steps towards the lowest energy, in a run folder or without one.

    A subclass says what the run is (`spec`), what it does (`_search`) and what comes out (`_result`); opening the
    folder, replay, callbacks, progress and every way to end are here.
    """

    comm: Comm
    problem: Any  # a Problem or a QubitProblem
    backend: Backend
    optimizer: Optimizer
    run_path: Path | None
    callbacks: tuple[Callback, ...]
    progress: bool | None
    wall_time: float | None
    stop: Callable[[], str | None] | None
    budget: Budget | None = None
    result: R | None
    _run_id: str | None = None

    @abc.abstractmethod
    def spec(self) -> dict[str, Any]:
        """What the run is, as JSON can hold it; a journal is taken up only by the same spec."""

    @abc.abstractmethod
    def _files(self) -> Mapping[str, str]:
        """Files that a new run folder gets beside its journal, by name."""

    @abc.abstractmethod
    def _ends(self) -> dict[str, Any]:
        """Limits that may differ between two lives; for `hybridq resume`, which takes up those of the last one."""

    @abc.abstractmethod
    def _adopt(self, problem: Problem | QubitProblem, spec: Mapping[str, Any]) -> None:
        """Take the problem of an earlier life, to the last bit, and what follows from it."""

    @abc.abstractmethod
    def _loop(self, ledger: Ledger, stopping: Stopping, reported: int) -> Loop:
        """The loop, at its beginning."""

    @abc.abstractmethod
    def _search(self, loop: Loop) -> Generator[Step, None, Outcome]:
        """The steps; the outcome at their end.

        Raises:
            LimitReached: the loop used up its evaluations.
        """

    @abc.abstractmethod
    def _limit_reached(self, loop: Loop, history: list[Step], reason: str) -> Outcome:
        """The outcome where the evaluations are used up, or for another `reason` no more may be done."""

    @abc.abstractmethod
    def _result(self, loop: Loop, history: list[Step], outcome: Outcome, *, evaluate: bool = True) -> R:
        """The result; evaluates the final point where that is needed and allowed."""

    def steps(self) -> Generator[Step, None, R]:
        """The run, one `Step` at a time; its return value is the result, also kept as `self.result`.

        SIGINT (Ctrl-C), SIGTERM, SIGUSR1 and the wall time stop it before its next evaluation; so does a generator
        that is closed early, or an error, at once. Each leaves the best point so far in `self.result` and, where it
        can still be written, in the run folder.

        Raises:
            Interrupted: it was asked to stop.
            BackendError, CapacityError: from the backend.
            JournalMismatch, InputError: the run folder holds something else or cannot be written.
        """
        return (yield from self._lives(Stopping(self.comm, self.wall_time, self.stop)))

    def _lives(self, stopping: Stopping) -> Generator[Step, None, R]:
        self.result = None
        history: list[Step] = []
        memory: Records | None = None
        while True:
            with stopping.listening():
                folder, recorded = self._open() if memory is None else (None, memory)
            try:
                ledger = Ledger(self.comm, recorded, folder, self.run_path is not None, self._run_id, self.budget)
                loop = self._loop(ledger, stopping, len(history))
                return (yield from self._one_life(loop, history, folder))
            except RootLost:
                # Rank 0 and all that it held are gone; a new rank 0 begins again and is served from the record.
                if self.run_path is None:
                    memory = tuple(self.comm.agree(ledger.memory or []))
            finally:
                if folder is not None:
                    folder.close()

    def _one_life(self, loop: Loop, history: list[Step], folder: RunFolder | None) -> Generator[Step, None, R]:
        try:
            try:
                outcome = yield from self._reported(loop, history)
                finished = not outcome.cut
            except LimitReached as limit:
                outcome, finished = self._limit_reached(loop, history, str(limit)), False
            with loop.stopping.listening():
                self.result = self._result(loop, history, outcome)
                result = self.result
                self.comm.once(partial(self._write, folder, result, finished=finished))
            return result
        except RootLost:
            raise
        except StopRequested as stop:
            self._rescue(loop, history, folder, str(stop))
            raise self._interrupted(str(stop)) from None
        except KeyboardInterrupt:
            self._rescue(loop, history, folder, "interrupted")
            if self.comm.size > 1:  # this rank alone: the others wait, so that only an abort ends all
                raise
            raise self._interrupted("interrupted") from None
        except GeneratorExit:
            self._rescue(loop, history, folder, "stopped by the caller")
            raise
        except BaseException as error:  # SystemExit too: a callback may end the program
            self._rescue(loop, history, folder, f"failed: {type(error).__name__}: {error}")
            raise

    def run(self) -> R:
        """Run to the end, with progress and callbacks; see `steps` for what it raises.

        Signals are noted from beginning to end, so that there is no instant at which one kills the process.
        """
        stopping = Stopping(self.comm, self.wall_time, self.stop)
        with stopping.listening():
            steps = self._lives(stopping)
            try:
                with Progress(self.progress, self.comm.is_root) as shown:
                    while True:
                        try:
                            step = next(steps)
                        except StopIteration as stop:
                            result: R = stop.value
                            return result
                        try:
                            shown.show(step)
                        except KeyboardInterrupt as pressed:
                            steps.throw(pressed)
            except Interrupted as stopped:
                if self.comm.is_root:
                    print(f"hybridq: {stopped}", file=sys.stderr, flush=True)
                stopped.told = True
                raise
            finally:
                steps.close()

    def _reported(self, loop: Loop, history: list[Step]) -> Generator[Step, None, Outcome]:
        """The search's steps, kept, shown to the callbacks and yielded; signals are noted only in between."""
        driven = self._search(loop)
        try:
            while True:
                with loop.stopping.listening():
                    try:
                        step = next(driven)
                    except StopIteration as stop:
                        outcome: Outcome = stop.value
                        return outcome
                    history.append(step)
                    # On rank 0 only, and through a verb: an error in a callback then ends all ranks alike.
                    if self.callbacks and self._asked_to_stop(step):
                        return stopped(loop, history, "stopped by a callback")
                yield step
        finally:
            driven.close()

    def _asked_to_stop(self, step: Step) -> bool:
        return self.comm.once(lambda: any([bool(call(step)) for call in self.callbacks]))  # a list: all are called

    def _interrupted(self, reason: str) -> Interrupted:
        self.comm.clear_flags()
        return Interrupted(reason, self.result, None if self.run_path is None else str(self.run_path))

    def _rescue(self, loop: Loop, history: list[Step], folder: RunFolder | None, reason: str) -> None:
        """Keep what there is after an error; no other rank is spoken to, and nothing here may hide the error."""
        if self.result is not None:
            return
        with loop.stopping.listening(), suppress(Exception):
            if loop.best is None:
                if folder is not None:
                    folder.append({"kind": "end", "reason": reason, "converged": False, "finished": False})
                return
            self.result = self._result(loop, history, stopped(loop, history, reason), evaluate=False)
            if folder is not None:
                self._write(folder, self.result, references=False)

    def _backend_options(self) -> dict[str, Any]:
        """What a backend that tells its options was made with, for the spec."""
        options = dict(getattr(self.backend, "options", {}))
        return {"backend_options": options} if options else {}

    def _open(self) -> tuple[RunFolder | None, Records]:
        """The run folder (on rank 0) and the records that it holds already (on all)."""
        if self.run_path is None:
            return None, ()
        path = self.run_path
        stored = self.comm.once(lambda: self._stored_problem(path))
        if stored is not None:
            self._adopt(*stored)
        opened: list[RunFolder] = []

        def open_folder() -> Records:
            files = {PROBLEM: problem_file.to_text(self.problem) + "\n", **self._files()}
            folder = RunFolder(path, self.spec(), files)
            opened.append(folder)
            try:
                starts = folder.journal.of_kind("start")
                self._run_id = next((s["run_id"] for s in starts if "run_id" in s), None) or new_run_id()
                start = {"kind": "start", "provenance": provenance(self.comm.size), "torn_bytes": folder.journal.torn}
                start["run_id"] = self._run_id
                folder.append({**start, "limits": self._ends()})
            except BaseException:
                folder.close()
                raise
            return tuple(r for r in folder.journal.records if r["kind"] not in ("start", "end"))

        recorded = self.comm.once(open_folder)
        return (opened[0] if opened else None), recorded

    def _stored_problem(self, path: Path) -> tuple[Problem | QubitProblem, Mapping[str, Any]] | None:
        """Problem and spec of the run in the folder, where they are this run's but for the noise of SCF."""
        if not (path / PROBLEM).is_file() or not (path / JOURNAL).is_file():
            return None
        journal = read_journal(path / JOURNAL)
        if journal is None or journal.spec.get("problem") == self.problem.digest:
            return None
        problem = problem_file.from_text((path / PROBLEM).read_text())
        if journal.spec.get("problem") != problem.digest or not problem_file.same_physics(problem, self.problem):
            return None
        return problem, journal.spec

    def _write(self, folder: RunFolder | None, result: R, *, finished: bool = False, references: bool = True) -> None:
        """The end of the run in its folder (rank 0); a plot that fails costs no result."""
        if folder is None:
            return
        end = {"kind": "end", "reason": result.reason, "converged": result.converged, "energy": result.energy}
        folder.append({**end, "finished": finished}, durable=True)
        folder.write("result.json", result.to_json(references=references) + "\n")
        try:
            result.plot(folder.path / "convergence.png", references=references)
        except Exception as error:
            warnings.warn(f"the plot of {folder.path} failed: {type(error).__name__}: {error}", stacklevel=2)
