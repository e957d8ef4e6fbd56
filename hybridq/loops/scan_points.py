"""One point of a scan: its circuit, its start, and its VQE in a folder of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hybridq.comm import Comm
from hybridq.contract.backend import Backend
from hybridq.contract.task import Circuit
from hybridq.derive import speaking
from hybridq.evaluate import Evaluator
from hybridq.journal import RunFolder
from hybridq.loops.result import VQEResult
from hybridq.loops.scan_pace import Pace
from hybridq.loops.scan_problems import AnyProblem
from hybridq.loops.scan_result import ScanPoint
from hybridq.loops.scan_start import Row, Solved, Start, starts
from hybridq.loops.scan_store import Store
from hybridq.loops.stopping import Interrupted
from hybridq.loops.vqe import VQE, observable_for

Choice = Literal["auto", "warm", "cold"]
CHOOSING = 1 << 32  # number of the evaluation that chooses a start: apart from those of the point's own run


@dataclass(frozen=True, eq=False)
class Done:
    """What becomes of a point: what is told of it, the solved points up to it and itself, the optimizer's name."""

    point: ScanPoint
    solved: tuple[Solved, ...]
    optimizer: str


@dataclass(frozen=True)
class Solver:
    """Solves the points of a scan, one at a time on one group of ranks.

    Attributes:
        problems: of all points, orbitals aligned.
        values: their coordinates.
        build: gives the circuit for a problem.
        backend: the same for all.
        start: how the first row is chosen; see `hybridq.loops.scan.scan`.
        options: of `VQE`.
        store: where points are kept, or None.
        pace: when to stop.
        named: makes errors name the value of a point.
        label: name of the coordinate.
        progress: whether the first rank of a group writes a line for each point.
    """

    problems: Sequence[AnyProblem]
    values: Sequence[float]
    build: Callable[[AnyProblem], Circuit]
    backend: Backend
    start: Choice
    options: Mapping[str, Any]
    store: Store | None
    pace: Pace
    named: Callable[[int], AbstractContextManager[None]]
    label: str
    progress: bool

    def __call__(self, k: int, solved: Sequence[Solved], group: Comm) -> Done:
        """Point k, which may start from the solved points; every rank of `group` calls it.

        Raises:
            Interrupted: it is time to stop.
            HybridqError: whatever went wrong; the message names the value.
        """
        with self.named(k):
            reason = group.once(self.pace.begin)
            if reason is not None:
                raise Interrupted(reason)
            circuit = group.agree(self.build(self.problems[k]))
            start, tried = self._start(k, circuit, solved, group)
            vqe = self._point_run(k, circuit, start.row, group)
            store = self.store
            result = None if store is None else group.once(lambda: store.finished(k, vqe.spec()))
            if result is None:
                result = _ended(vqe)
            point = self._point(k, result, start, tried)
            if group.is_root:
                self._tell(point)
            if store is not None:
                group.once(lambda: store.write_point(k, point))
        this = Solved(k, self.values[k], circuit, np.array(result.parameters))
        return Done(point, (*solved, this), result.optimizer)

    def _point_run(self, k: int, circuit: Circuit, row: Row, group: Comm) -> VQE:
        return _PointVQE(
            self.problems[k],
            circuit,
            backend=self.backend,
            initial=row,
            run=None if self.store is None else self.store.point(k),
            stop=self.pace,
            progress=False,
            comm=group,
            **self.options,
        )

    def _start(self, k: int, circuit: Circuit, solved: Sequence[Solved], group: Comm) -> tuple[Start, int]:
        """Where to begin, and how many rows were evaluated to choose. What an earlier life began with stays."""
        if self.start == "cold" or not solved:
            return Start("own", (), circuit.start), 0
        found = starts(circuit, self.values[k], solved)
        evaluator = self._evaluator(k, circuit, group)
        asks = self.start == "auto" and not evaluator.noisy and len(found) > 1
        tried = len(found) if asks else 0
        recorded = group.once(lambda: self._recorded(k, circuit))
        if recorded is not None:
            same = [s for s in found if np.array_equal(s.row, recorded)]
            return (same[0] if same else Start("recorded", (), recorded)), tried
        if not asks:
            return found[-1], 0
        energies = evaluator(np.array([s.row for s in found]), False, CHOOSING).energies
        return found[int(np.argmin(energies))], tried

    def _recorded(self, k: int, circuit: Circuit) -> Row | None:
        """The row that this point began with in an earlier life."""
        journal = None if self.store is None else self.store.begun(k)
        if journal is None or journal.spec.get("circuit") != circuit.digest:
            return None
        return np.array(journal.spec["start"], dtype=np.float64)

    def _evaluator(self, k: int, circuit: Circuit, group: Comm) -> Evaluator:
        o = self.options
        hamiltonian = observable_for(self.problems[k], circuit)
        noise = (o.get("precision"), o.get("shots"), o.get("seed", 0))
        return Evaluator(speaking(self.backend, circuit), circuit, hamiltonian, group, *noise)

    def _point(self, k: int, result: VQEResult, start: Start, tried: int) -> ScanPoint:
        known = self.problems[k].references("never")
        return ScanPoint(
            value=self.values[k],
            energy=result.energy,
            stderr=result.stderr,
            parameters=np.array(result.parameters),
            evaluations=result.evaluations + tried,
            seconds=round(result.seconds["total"], 6),
            converged=result.converged,
            reason=result.reason,
            start=start.kind,
            warm=start.points,
            references=dict(known),
        )

    def _tell(self, point: ScanPoint) -> None:
        if self.progress:
            where = f"{self.label} = {point.value:g}"
            print(f"{where}: {point.energy:.8f} hartree, {point.evaluations} evaluations", file=sys.stderr, flush=True)


class _PointVQE(VQE):
    """A VQE that draws no plot in its folder: that takes longer than many a point, and `hybridq plot` can do it."""

    def _write(
        self, folder: RunFolder | None, result: VQEResult, *, finished: bool = False, references: bool = True
    ) -> None:
        if folder is not None:
            end = {"kind": "end", "reason": result.reason, "converged": result.converged, "energy": result.energy}
            folder.append({**end, "finished": finished}, durable=True)
            folder.write("result.json", result.to_json(references=references) + "\n")


def _ended(vqe: VQE) -> VQEResult:
    """The VQE's result; unlike its `run` this says nothing when it is stopped, the scan will."""
    for _ in vqe.steps():
        pass
    assert vqe.result is not None
    return vqe.result
