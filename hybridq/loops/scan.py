"""scan: a curve of energies, its points shared over the ranks and started from one another."""

from __future__ import annotations

import contextlib
import math
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from hybridq.chem.diatomic import distance, reduced_mass
from hybridq.chem.problem import Problem
from hybridq.comm import Comm, world
from hybridq.contract.backend import Backend
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import InputError, RootLost, unknown_name
from hybridq.contract.options import check_options
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Circuit
from hybridq.journal import RunFolder
from hybridq.loops.optimizers import described, make_optimizer
from hybridq.loops.result import VQEResult
from hybridq.loops.scan_pace import Pace
from hybridq.loops.scan_points import Choice, Done, Solver
from hybridq.loops.scan_problems import AnyProblem, Make, Problems, aligned
from hybridq.loops.scan_result import ScanPoint, ScanResult
from hybridq.loops.scan_store import Store
from hybridq.loops.scan_tree import Forest, forest
from hybridq.loops.stopping import Interrupted, Stopping
from hybridq.loops.vqe import VQE
from hybridq.provenance import provenance
from hybridq.registry import Ansatz, ansatz, as_circuit, circuit_family
from hybridq.registry import backend as find_backend

TAKEN = ("initial", "run", "comm", "wall_time", "stop", "progress", "ranks_per_group")
FREE = ("callbacks", "max_evaluations", "max_iterations")  # may differ between lives, or the points know better


class ScanInterrupted(Interrupted):
    """A scan was asked to stop and did; `result` holds the points that are done, or is None."""

    def __str__(self) -> str:
        done = 0 if self.result is None else len(self.result.points)
        text = f"{self.reason}; {done} point{'' if done == 1 else 's'} of the scan {'is' if done == 1 else 'are'} done"
        return text + ("" if self.run is None else f", kept in {self.run}, and the same command goes on from there")


def scan(
    make: Make,
    values: Sequence[float],
    circuit: Circuit | Ansatz | str | Any = "uccsd",
    *,
    start: Choice = "auto",
    run: str | Path | None = None,
    ranks_per_group: int = 1,
    comm: Comm | None = None,
    wall_time: float | None = None,
    stop: Callable[[], str | None] | None = None,
    label: str = "r",
    unit: str = "angstrom",
    progress: bool | None = None,
    **options: Any,
) -> ScanResult:
    """A VQE at each value of a coordinate; the points are shared over the MPI ranks as these become free.

    All problems are made first, with their references, and their orbitals are aligned along the curve
    (`hybridq.chem.alignment`). Then the points are solved in trees (`hybridq.loops.scan_tree`), each starting from
    those solved before it. The same problems give the same bits on any number of ranks.

    Args:
        make: gives the problem at a value, such as ``lambda r: hq.Problem.from_xyz(f"N 0 0 0; N 0 0 {r}", "sto-3g")``;
            or the problems themselves. A second life of a run takes the problems that the first one kept. That they
            are still those that are meant is told by ``make.spec()`` (what JSON can hold) where `make` has it, else
            by making one of them again.
        values: the coordinate at each point, in any order.
        circuit: a family or its name, as for `VQE`; a circuit is used for every point as it is.
        start: "warm" starts from the line through two solved points, or from the nearest; "cold" from the circuit's
            own row, so that all points can run at once; "auto" evaluates both rows and takes the lower one (where
            values carry noise it is "warm").
        run: folder for all of it; the same scan goes on there where it stopped.
        ranks_per_group: ranks that work on one point together.
        comm: the ranks to use; None takes all.
        wall_time, stop: as for `VQE`; `stop` is called on the first rank of each group.
        label, unit: of the coordinate, for people.
        progress: write a line for each finished point on stderr; None does where stderr is a terminal.
        options: of `VQE`, for every point: backend, optimizer, optimizer_options, energy_tolerance, ...

    Raises:
        InputError: an argument makes no sense, or a problem cannot be made; the message names the value.
        ConvergenceError: SCF failed at a value; problems that were made are kept in `run`.
        JournalMismatch: the run folder holds another scan; the message names the difference.
        Interrupted: it was asked to stop; finished points are kept in `run`.
        BackendError, CapacityError: from the backend.
    """
    comm = comm if comm is not None else world()
    checked = _values(values)
    _check(make, checked, start, ranks_per_group, options, comm)
    given = ansatz(circuit) if isinstance(circuit, str) else circuit
    if not isinstance(given, Ansatz | FermionicCircuit):
        given = QubitCircuit.of(given)
    rest = dict(options)
    backend = rest.pop("backend", "auto")
    if not _is_auto(backend):
        backend = find_backend(backend)
    store = None if run is None else Store(Path(run))
    asked = _Scan(
        Problems(make, checked, label, store), given, backend, start, rest, store, ranks_per_group, comm, label, unit,
        sys.stderr.isatty() if progress is None else progress, forest(checked, warm=start != "cold"),
    )  # fmt: skip
    stopping = Stopping(comm, wall_time, stop)
    while True:
        try:
            with stopping.listening():
                return asked.run(stopping)
        except RootLost:  # what rank 0 held is gone: the new one goes on from the folder, or begins again
            continue


@dataclass(frozen=True)
class _Scan:
    """One scan, as it was asked for."""

    problems: Problems
    circuit: Circuit | Ansatz
    backend: str | Backend
    start: Choice
    options: Mapping[str, Any]
    store: Store | None
    ranks_per_group: int
    comm: Comm
    label: str
    unit: str
    progress: bool
    forest: Forest

    def spec(self) -> dict[str, Any]:
        """What the scan is, as JSON can hold it; a folder is taken up only by the same spec."""
        from hybridq import __version__

        told = {name: value for name, value in sorted(self.options.items()) if name not in FREE}
        if not isinstance(told.get("optimizer", ""), str):
            told["optimizer"] = described(told["optimizer"])
        return {
            "loop": "scan",
            "hybridq": __version__,
            "values": list(self.problems.values),
            "problems": self.problems.spec(),
            "circuit": _described(self.circuit),
            "start": self.start,
            "backend": self.backend if isinstance(self.backend, str) else self.backend.name,
            "options": told,
        }

    def run(self, stopping: Stopping) -> ScanResult:
        """The whole scan, on all ranks."""
        began = time.perf_counter()
        pace = Pace(stopping)
        folder = self._open()
        try:
            made = self.problems.get(self.comm, pace)
            problems, notes = self.comm.once(lambda: aligned(made, self.problems.values, self.label))
            halfway = time.perf_counter()
            backend = self._chosen(problems, folder)
            points, optimizer = self._solve(self._solver(problems, backend, pace))
            ended = time.perf_counter()
            seconds = {"problems": halfway - began, "points": ended - halfway, "total": ended - began}
            result = replace(self._result(points, problems, backend.name, optimizer, seconds), notes=tuple(notes))
            self.comm.once(lambda: self._end(folder, result))
            return replace(result, problems=tuple(problems))
        except Interrupted as stop:
            raise self._interrupted(stop, stopping, pace, folder) from None
        except Exception as error:
            with contextlib.suppress(Exception):  # no other rank is spoken to, and nothing may hide the error
                self._cut_off(folder, f"failed: {type(error).__name__}: {error}")
            raise
        finally:
            if folder is not None:
                folder.close()

    def _open(self) -> RunFolder | None:
        """The scan's folder, on rank 0 and where there is one."""
        store = self.store
        if store is None:
            return None
        opened: list[RunFolder] = []

        def open_folder() -> None:
            opened.append(store.open(self.spec()))
            try:
                self.problems.check_stored()
                limits = {name: self.options.get(name) for name in ("max_iterations", "max_evaluations")}
                opened[0].append(
                    {
                        "kind": "start",
                        "provenance": provenance(self.comm.size),
                        "torn_bytes": opened[0].journal.torn,
                        "limits": limits,
                        "coordinate": {"label": self.label, "unit": self.unit},
                    }
                )
            except BaseException:
                opened[0].close()
                raise

        self.comm.once(open_folder)
        return opened[0] if opened else None

    def _chosen(self, problems: Sequence[AnyProblem], folder: RunFolder | None) -> Backend:
        """One backend for all points and all lives."""
        if not isinstance(self.backend, str):
            return self.backend

        def choose() -> str:
            recorded = [] if folder is None else folder.journal.of_kind("backend")
            if recorded:
                return str(recorded[-1]["name"])
            first = problems[self.forest.order[0]]
            name = VQE(first, self.circuit, backend="auto", comm=Comm(), **self.options).backend.name
            if folder is not None:
                folder.append({"kind": "backend", "name": name}, durable=True)
            return name

        return find_backend(self.comm.once(choose))

    def _solver(self, problems: Sequence[AnyProblem], backend: Backend, pace: Pace) -> Solver:
        return Solver(
            problems, self.problems.values, _builder(self.circuit), backend, self.start, self.options, self.store, pace,
            self.problems.named, self.label, self.progress,
        )  # fmt: skip

    def _solve(self, solver: Solver) -> tuple[list[ScanPoint], str]:
        """All points in the order of the values, and the optimizer's name."""
        order = self.forest.order

        def one(place: int, given: Done | None, group: Comm) -> Done:
            return solver(order[place], () if given is None else given.solved, group)

        done = self.comm.share(one, len(order), after=self.forest.after, ranks_per_group=self.ranks_per_group)
        found = dict(zip(order, done, strict=True))
        return [found[k].point for k in range(len(order))], found[0].optimizer

    def _result(
        self,
        points: Sequence[ScanPoint],
        problems: Sequence[AnyProblem],
        backend: str,
        optimizer: str,
        seconds: Mapping[str, float],
    ) -> ScanResult:
        """A result of these points and their problems."""
        lowest = int(np.argmin([p.energy for p in points]))
        molecules = [problem for problem in problems if isinstance(problem, Problem)]
        gaps = [distance(problem) for problem in molecules] or [None]
        along = all(gap is not None and abs(gap - p.value) < 1e-6 for gap, p in zip(gaps, points, strict=False))
        return ScanResult(
            points=tuple(points),
            label=self.label,
            unit=self.unit,
            molecule=problems[lowest].name,
            ansatz=self.circuit.name,
            backend=backend,
            optimizer=optimizer,
            seconds={name: round(value, 6) for name, value in seconds.items()},
            reduced_mass=reduced_mass(molecules[0]) if along else None,
            provenance=provenance(self.comm.size),
            run=None if self.store is None else str(self.store.path),
        )

    def _end(self, folder: RunFolder | None, result: ScanResult) -> None:
        """The end of the scan in its folder, on rank 0; a plot that fails costs no result."""
        if folder is None:
            return
        assert self.store is not None
        self._record(folder)
        n = len(result.points)
        reason = f"all {n} points are done"
        end = {"kind": "end", "reason": reason, "converged": result.converged, "energy": float(result.energies.min())}
        folder.append({**end, "finished": self.store.all_finished(n)}, durable=True)
        folder.write("scan.json", result.to_json())
        folder.write("scan.csv", result.to_csv())
        try:
            result.plot(folder.path / "scan.png")
        except Exception as error:
            warnings.warn(f"the plot of {folder.path} failed: {type(error).__name__}: {error}", stacklevel=2)

    def _cut_off(self, folder: RunFolder | None, reason: str) -> None:
        """Tell the folder, on rank 0, why the scan ends before its end."""
        if folder is not None:
            folder.append({"kind": "end", "reason": reason, "converged": False, "finished": False}, durable=True)

    def _record(self, folder: RunFolder) -> dict[int, ScanPoint]:
        """Write the points that are done, and are not in the journal yet, into it."""
        assert self.store is not None
        done = self.store.points(len(self.problems.values))
        known = {record["n"]: record for record in folder.journal.of_kind("point")}
        for n, point in done.items():
            record = {"kind": "point", "n": n}
            names = ("value", "energy", "stderr", "evaluations", "seconds", "converged", "start", "warm")
            record.update({name: getattr(point, name) for name in names})
            if known.get(n, {}).get("energy") != point.energy:
                folder.append(record)
        return done

    def _interrupted(
        self, stop: Interrupted, stopping: Stopping, pace: Pace, folder: RunFolder | None
    ) -> BaseException:
        """What ends the scan on all ranks; they are in step here."""
        self.comm.clear_flags()
        mine = [float(pace.worked), float(stopping.short_of_time)]
        ranks = np.arange(self.comm.size)
        worked, short = self.comm.map(lambda block: np.tile(mine, (len(block), 1)), ranks).sum(axis=0)
        if worked == 0 and short:
            self.comm.once(lambda: self._cut_off(folder, stop.reason))
            return InputError(f"{stop.reason}, and nothing new was computed; give more wall time")
        result = self.comm.once(lambda: None if folder is None else self._partial(folder))
        self.comm.once(lambda: self._cut_off(folder, stop.reason))
        ending = ScanInterrupted(stop.reason, result, None if self.store is None else str(self.store.path))
        if self.comm.is_root:
            print(f"hybridq: {ending}", file=sys.stderr, flush=True)
        ending.told = True
        return ending

    def _partial(self, folder: RunFolder) -> ScanResult | None:
        """The points that are done, on rank 0."""
        assert self.store is not None
        done = self._record(folder)
        if not done:
            return None
        problems = [self.store.read_problem(k).problem for k in done]
        results = [VQEResult.from_json(self.store.point(k) / "result.json") for k in done]
        return self._result(list(done.values()), problems, results[0].backend, results[0].optimizer, {})


def _values(values: Sequence[float]) -> tuple[float, ...]:
    try:
        found = tuple(float(value) for value in np.asarray(values, dtype=np.float64).ravel())
    except (TypeError, ValueError):
        raise InputError(f"the values of a scan must be numbers, got {values!r}") from None
    if len(found) < 2:
        raise InputError(f"a scan needs at least two values, got {len(found)}; for one point use hybridq.VQE")
    bad = [value for value in found if not math.isfinite(value)]
    if bad:
        raise InputError(f"the values of a scan must be finite, got {bad[0]}")
    twice = sorted({value for value in found if found.count(value) > 1})
    if twice:
        raise InputError(f"the values of a scan must differ, and {twice[0]:g} comes {found.count(twice[0])} times")
    return found


def _check(
    make: Make, values: tuple[float, ...], start: str, ranks_per_group: int, options: Mapping[str, Any], comm: Comm
) -> None:
    """Everything that can be wrong is found before the first SCF."""
    if not callable(make) and len(make) != len(values):
        raise InputError(f"a scan got {len(make)} problems for {len(values)} values; give one for each")
    if start not in get_args(Choice):
        raise unknown_name("start of a scan", start, get_args(Choice))
    if not 1 <= ranks_per_group <= comm.size:
        raise InputError(f"ranks_per_group={ranks_per_group} does not fit: there are {comm.size} ranks")
    taken = [name for name in TAKEN if name in options]
    if taken:
        raise InputError(
            f"a scan sets {taken[0]!r} of each point itself; leave it out (start= says where points begin)"
        )
    check_options("a scan", VQE, options, skip=2)
    if options.get("budget") is not None:
        raise InputError(
            "a scan has no budget, since each of its points is a run of its own: run the points one by one, each VQE "
            "with a budget"
        )
    method = options.get("optimizer", "auto")
    if not (isinstance(method, str) and method.lower() == "auto"):
        make_optimizer(method, options.get("optimizer_options") or {})


def _described(circuit: Circuit | Ansatz) -> Any:
    """What the journal says of the circuit: a family with its options, or the digest of one for all points."""
    return {"family": circuit.name, "options": circuit.options} if isinstance(circuit, Ansatz) else circuit.digest


def _builder(circuit: Circuit | Ansatz) -> Callable[[AnyProblem], Circuit]:
    """Gives the circuit for a problem; the family is looked up once, which takes longer than many a VQE."""
    if not isinstance(circuit, Ansatz):
        return lambda problem: circuit
    family, options = circuit_family(circuit.name), dict(circuit.options)
    return lambda problem: as_circuit(circuit.name, family, problem, options)


def _is_auto(backend: str | Backend) -> bool:
    return isinstance(backend, str) and backend.lower() == "auto"
