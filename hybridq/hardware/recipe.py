"""Recipe: what is run for a task, and how its counts become values."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hybridq.contract.errors import InputError
from hybridq.contract.task import Result, Task
from hybridq.hardware.device import Compiled, Counts, Run
from hybridq.measurement import Measurement, Sample, refine, shares
from hybridq.mitigation import Mitigation, Readout, Symmetry, extrapolate, mitigated

Counted = Generator[Sequence[Run], Sequence[Counts], list[Result]]
LEAST = 2  # shots of a setting, without which it has no variance


@dataclass(frozen=True, eq=False)
class Prepared:
    """A circuit and an observable, made ready for a device once.

    Attributes:
        n_qubits: of the circuit on qubits.
        compiled: programs, one for each setting; for counts one.
        folded: programs by factor of noise, as `compiled.programs`; factor 1 among them.
        measurement: settings; None where counts are wanted.
        variances: of one shot of each setting, as expected in the circuit's reference state; None where it has none.
        symmetry: what every sample of a noiseless device keeps; None where nothing is checked.
        calibration: programs that read all 0 and all 1, and for each setting the number of its pair.
    """

    n_qubits: int
    compiled: Compiled
    folded: dict[int, tuple[Any, ...]]
    measurement: Measurement | None
    variances: tuple[float, ...] | None = None
    symmetry: Symmetry | None = None
    calibration: tuple[tuple[Any, Any], ...] = ()
    pair_of: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """How tasks are measured.

    Attributes:
        mitigation: what is done about noise.
        allocation: how shots are shared: see `hybridq.measurement.shares`; or "adaptive": a fifth of them first,
            the rest by the variances that these show.
        readout_shots: samples for each of the two circuits that calibrate readout.
    """

    mitigation: Mitigation = field(default_factory=Mitigation)
    allocation: str = "prior"
    readout_shots: int = 4096

    PILOT = 0.2

    @property
    def factors(self) -> tuple[int, ...]:
        """Factors of noise that every setting is run at."""
        return tuple(self.mitigation.factors) if self.mitigation.zne else (1,)

    def shared(self, prepared: Prepared, shots: int) -> tuple[int, ...]:
        """Shots of each setting, at each factor."""
        assert prepared.measurement is not None
        each = shots // len(self.factors)
        by = "norm" if self.allocation in ("prior", "adaptive") else self.allocation
        known = prepared.variances if self.allocation in ("prior", "adaptive") else None
        return shares(prepared.measurement, each, by=by, variances=known, least=LEAST)

    def shots_for(self, prepared: Prepared, precision: float) -> int:
        """Shots of a row from which a standard error of `precision`, hartree, is expected."""
        if prepared.measurement is None:
            raise InputError("counts need a number of shots")
        spread = prepared.variances or [setting.norm**2 for setting in prepared.measurement.settings]
        wanted = float(np.sqrt(spread).sum()) ** 2 / precision**2 * self.mitigation.shots_factor
        return max(math.ceil(wanted), self.least_shots(prepared))

    def least_shots(self, prepared: Prepared) -> int:
        """Fewest shots of a row from which all its settings get a standard error."""
        assert prepared.measurement is not None
        pilot = 1 / self.PILOT if self.allocation == "adaptive" else 1
        return math.ceil(pilot * LEAST * max(len(prepared.measurement.settings), 1)) * len(self.factors)

    def evaluation(self, tasks: Sequence[Task], prepared: Sequence[Prepared], shots: Sequence[int]) -> Counted:
        """Runs for the tasks, and results from their counts; see `hybridq.hardware.job.Evaluation`."""
        rows = [(t, row) for t, task in enumerate(tasks) for row in range(task.n_rows)]
        first: list[Run] = []
        calibrations: dict[tuple[int, int], int] = {}
        if self.mitigation.readout:
            for t, ready in enumerate(prepared):
                for pair, programs in enumerate(ready.calibration):
                    if prepared.index(ready) == t:
                        calibrations[t, pair] = len(first)
                        seeds = [_seed(tasks[t], 0, 1 << 20 | 2 * pair | k) for k in (0, 1)]
                        first += [
                            Run(p, np.zeros(0), self.readout_shots, s) for p, s in zip(programs, seeds, strict=True)
                        ]
        places: list[dict[tuple[int, int], int]] = []  # of (factor, setting), for each row
        given: list[tuple[int, ...]] = []
        for t, row in rows:
            task, ready = tasks[t], prepared[t]
            if ready.measurement is None:
                places.append({(1, 0): len(first)})
                given.append((shots[t],))
                first.append(Run(ready.compiled.programs[0], task.params[row], shots[t], _seed(task, row, 0)))
                continue
            pilot = int(self.PILOT * shots[t]) if self.allocation == "adaptive" else shots[t]
            given.append(self.shared(ready, pilot))
            places.append(self._add(first, task, ready, row, given[-1], 0))
        counted = list((yield first)) if first else []
        samples = [{k: [counted[at]] for k, at in place.items()} for place in places]
        if self.allocation == "adaptive":
            yield from self._second(tasks, prepared, shots, rows, samples)
        readouts = {
            key: Readout.of(*(Sample.of(counted[at + k], prepared[key[0]].n_qubits) for k in (0, 1)))
            for key, at in calibrations.items()
        }
        return self._results(prepared, rows, samples, readouts)

    def _add(
        self, runs: list[Run], task: Task, ready: Prepared, row: int, given: Sequence[int], stage: int
    ) -> dict[tuple[int, int], int]:
        """Append the runs of a row; where each is."""
        place = {}
        for factor in self.factors:
            for k, (program, number) in enumerate(zip(ready.folded[factor], given, strict=True)):
                if number:
                    place[factor, k] = len(runs)
                    seed = _seed(task, row, (stage * 16 + factor) << 24 | k + 1)
                    runs.append(Run(program, task.params[row], int(number), seed))
        return place

    def _second(
        self,
        tasks: Sequence[Task],
        prepared: Sequence[Prepared],
        shots: Sequence[int],
        rows: Sequence[tuple[int, int]],
        samples: list[dict[tuple[int, int], list[Counts]]],
    ) -> Generator[Sequence[Run], Sequence[Counts], None]:
        """The rest of the shots, shared by what the first have shown; adds to `samples`."""
        runs: list[Run] = []
        places: list[dict[tuple[int, int], int]] = []
        for (t, row), seen in zip(rows, samples, strict=True):
            ready = prepared[t]
            if ready.measurement is None or not ready.measurement.settings:
                places.append({})
                continue
            pilot = [Sample.of(seen[1, k][0], ready.n_qubits) for k in range(len(ready.measurement.settings))]
            rest = (shots[t] - int(self.PILOT * shots[t])) // len(self.factors)
            places.append(self._add(runs, tasks[t], ready, row, refine(ready.measurement, pilot, rest), 1))
        if runs:
            counted = yield runs
            for place, seen in zip(places, samples, strict=True):
                for key, at in place.items():
                    seen[key].append(counted[at])

    def _results(
        self,
        prepared: Sequence[Prepared],
        rows: Sequence[tuple[int, int]],
        samples: Sequence[dict[tuple[int, int], list[Counts]]],
        readouts: dict[tuple[int, int], Readout],
    ) -> list[Result]:
        results = []
        for t, ready in enumerate(prepared):
            mine = [seen for (owner, _), seen in zip(rows, samples, strict=True) if owner == t]
            told: dict[str, Any] = {"mitigation": self.mitigation.describe(), "compiled": dict(ready.compiled.facts)}
            if ready.measurement is None:
                results.append(Result(tuple(dict(s[1, 0][0]) for s in mine), np.zeros(len(mine)), provenance=told))
                continue
            first = prepared.index(ready)
            found = [self._value(ready, seen, first, readouts) for seen in mine]
            told |= {"settings": len(ready.measurement.settings), "grouping": ready.measurement.grouping}
            values, errors = (np.array(column) for column in zip(*found, strict=True))
            results.append(Result(values, errors, provenance=told))
        return results

    def _value(
        self,
        ready: Prepared,
        seen: dict[tuple[int, int], list[Counts]],
        owner: int,
        readouts: dict[tuple[int, int], Readout],
    ) -> tuple[float, float]:
        """Energy of a row and its standard error."""
        assert ready.measurement is not None
        totals, errors = [], []
        for factor in self.factors:
            total, variance = ready.measurement.constant, 0.0
            for k, setting in enumerate(ready.measurement.settings):
                sample = _sample(seen[factor, k], ready.n_qubits)
                readout = readouts.get((owner, ready.pair_of[k])) if ready.pair_of else None
                mean, spread = mitigated(setting, sample, readout, ready.symmetry, self.mitigation)
                total += mean
                variance += spread
            totals.append(total)
            errors.append(math.sqrt(variance))
        if not self.mitigation.zne:
            return totals[0], errors[0]
        return extrapolate(self.factors, totals, errors, self.mitigation.zne)


def _sample(parts: Sequence[Counts], n_qubits: int) -> Sample:
    merged: dict[str, int] = {}
    for counts in parts:
        for text, number in counts.items():
            merged[text] = merged.get(text, 0) + number
    return Sample.of(merged, n_qubits)


def _seed(task: Task, row: int, place: int) -> int | None:
    """A seed for one circuit of a task, for simulators."""
    if task.seed is None:
        return None
    return int(np.random.SeedSequence([task.seed, row, place]).generate_state(1)[0] >> 1)
