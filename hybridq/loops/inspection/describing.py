"""The status of a run, made from its folder."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hybridq.contract.errors import HybridqError
from hybridq.journal.reader import JOURNAL
from hybridq.loops.inspection.run_status import Growth, Life, PendingJob, Point, RunStatus
from hybridq.loops.inspection.snapshot import Record, Snapshot, read_json, rows_of, take
from hybridq.loops.inspection.verdict import FINISHED, KILLED, RUNNING, Verdict, judge, next_command
from hybridq.loops.variational import PROBLEM
from hybridq.loops.vqe import CIRCUIT


def status(path: str | Path) -> RunStatus:
    """How the run in a folder stands. Only reads, and may do so while the run goes on.

    Raises:
        InputError: there is no run, it has no record yet, it cannot be read, or it is damaged.
        JournalMismatch: a newer hybridq wrote it.
    """
    return describe(take(path))


def describe(seen: Snapshot) -> RunStatus:
    """The status of a run that was read."""
    journal, verdict = seen.journal, judge(seen)
    spec, steps = journal.spec, journal.of_kind("step")
    batches = journal.of_kind("evaluation")
    rows = [row for batch in batches if "energies" in batch for row in rows_of(batch)]
    known = [(energy, error) for _, energy, error in rows if energy is not None and math.isfinite(energy)]
    best = min(known, key=lambda pair: pair[0], default=(None, None))
    last = steps[-1] if steps else {}
    growths, points = _growths(journal.of_kind("growth")), _points(seen)
    limits, done = _limits(journal.of_kind("start")), {"iterations": len(steps), "evaluations": len(rows)}
    if growths:
        done["operators"] = growths[-1].n_parameters or 0
    left = {name: None if limit is None else max(0, limit - done.get(name, 0)) for name, limit in limits.items()}
    if points:
        best = min(((p.energy, None) for p in points if p.energy is not None), default=(None, None))
    wanted = {"evaluations": len(batches[-1].get("rows", ())) if batches else 1, "iterations": 1, "operators": 1}
    used_up = {
        name: limit for name, limit in limits.items() if limit is not None and (left[name] or 0) < wanted.get(name, 0)
    }
    if points and all(point.state == "done" for point in points) and verdict.state != FINISHED:
        # The limits of a scan are those of each point, and one of them was met.
        used_up = {name: limit for name, limit in limits.items() if limit is not None}
    circuit = read_json(seen.folder / CIRCUIT)
    problem = read_json(seen.folder / PROBLEM)
    result = read_json(seen.folder / ("scan.json" if seen.loop == "scan" else "result.json"))
    chosen = journal.of_kind("backend")  # what a scan took for "auto"
    owner = seen.owner
    return RunStatus(
        folder=str(seen.folder),
        state=verdict.state,
        certain=seen.certain,
        reason=verdict.reason,
        converged=verdict.converged,
        go_on=next_command(seen, verdict.state, used_up),
        owner=None
        if owner is None or (verdict.state != RUNNING and seen.certain)
        else {"host": owner.host, "pid": owner.pid, "since": owner.since, "renewed": owner.age},
        loop=seen.loop,
        molecule=_text(problem.get("name")) or _text(result.get("molecule")),
        circuit=_text(circuit.get("name")) or _name(spec.get("pool")) or _text(result.get("ansatz")) or _family(spec),
        backend=_text(chosen[-1].get("name")) if chosen else _name(spec.get("backend")),
        optimizer=_name(spec.get("optimizer")) or _text(result.get("optimizer")) or _wanted(spec),
        version=_text(spec.get("hybridq")),
        n_parameters=growths[-1].n_parameters if growths else circuit.get("n_parameters"),
        steps=len(steps),
        evaluations=len(rows) + sum(point.evaluations or 0 for point in points),
        batches=dict(Counter(str(batch.get("driver")) for batch in batches)),
        seconds=_seconds(batches) + math.fsum(point.seconds or 0.0 for point in points),
        energy=last.get("energy"),
        stderr=last.get("stderr"),
        gradient=last.get("gradient"),
        best_energy=best[0],
        best_stderr=best[1],
        references={**(problem.get("known") or {}), **(result.get("references") or {})},
        limits=limits,
        left=left,
        pending=_pending(journal.records),
        used_seconds=_used(journal.records),
        lives=_lives(journal.records, verdict),
        growths=growths,
        points=points,
        torn=journal.torn,
        journal_bytes=journal.length + journal.torn,
        folder_bytes=_size(seen.folder),
    )


def _limits(starts: Sequence[Record]) -> dict[str, int | None]:
    """The limits of the last life, by name without "max_"."""
    found = starts[-1].get("limits") if starts else None
    return {name.removeprefix("max_"): limit for name, limit in (found or {}).items()}


def _lives(records: Sequence[Record], verdict: Verdict) -> tuple[Life, ...]:
    parts: list[list[Record]] = []
    for record in records:
        if record["kind"] == "start":
            parts.append([])
        if parts:
            parts[-1].append(record)
    return tuple(_life(part, verdict if part is parts[-1] else None) for part in parts)


def _life(part: Sequence[Record], verdict: Verdict | None) -> Life:
    """A life from its records; `verdict` for the last one."""
    made = part[0].get("provenance") or {}
    batches = [record for record in part if record["kind"] == "evaluation"]
    ends = [str(record.get("reason", "")) for record in part if record["kind"] == "end"]
    running = verdict is not None and verdict.state == RUNNING
    return Life(
        started=made.get("time"),
        host=made.get("host"),
        ranks=made.get("ranks"),
        evaluations=sum(len(rows_of(batch)) for batch in batches if "energies" in batch),
        seconds=_seconds(batches),
        end=ends[-1] if ends else None if running else KILLED,
    )


def _seconds(batches: Sequence[Record]) -> float:
    return round(math.fsum(batch.get("seconds") or 0.0 for batch in batches), 6)


def _pending(records: Sequence[Record]) -> tuple[PendingJob, ...]:
    """The last job for each part of an evaluation that has no record: a later one took the place of those before."""
    found = [r for r in records if r["kind"] == "job" and "n" in r and "id" in r]
    jobs = {(r["n"], str(r.get("package", ""))): str(r["id"]) for r in found}
    ended = {r.get("n") for r in records if r["kind"] == "evaluation"}
    queue = {str(r["about"]): str(r["queue"]) for r in records if r["kind"] == "job" and "about" in r and "queue" in r}
    return tuple(PendingJob(name, n, queue.get(name)) for (n, _), name in sorted(jobs.items()) if n not in ended)


def _used(records: Sequence[Record]) -> float | None:
    """Seconds of a processor, each job once."""
    told = {str(r["about"]): r["used_seconds"] for r in records if r["kind"] == "job" and "used_seconds" in r}
    return round(math.fsum(told.values()), 6) if told else None


def _growths(records: Sequence[Record]) -> tuple[Growth, ...]:
    return tuple(
        Growth(tuple(map(str, r.get("labels") or ())), r.get("energy"), r.get("n_parameters")) for r in records
    )


def _points(seen: Snapshot) -> tuple[Point, ...]:
    """The points of a scan: each is a run of its own, with a file of what the scan says of it once it is done."""
    if seen.loop != "scan":
        return ()
    values = enumerate(seen.journal.spec.get("values") or [])
    return tuple(_point(seen.folder / "points" / f"{number:04d}", number, value) for number, value in values)


def _point(folder: Path, number: int, value: float) -> Point:
    done = read_json(folder / "point.json")
    if done:
        return Point(number, value, "done", done.get("energy"), done.get("evaluations"), done.get("seconds"))
    if not (folder / JOURNAL).exists():
        return Point(number, value, "waiting")
    try:
        run = status(folder)
    except HybridqError:  # not a matter of the scan: `hybridq status` on the point says what it is
        return Point(number, value, "damaged")
    return Point(number, value, run.state, run.best_energy, run.evaluations, run.seconds)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder; files that vanish meanwhile do not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _family(spec: Record) -> str | None:
    """The circuit family that a scan was asked for; its points have circuits of their own."""
    circuit = spec.get("circuit")
    return _text(circuit.get("family")) if isinstance(circuit, Mapping) else None


def _wanted(spec: Record) -> str | None:
    """The optimizer that a scan was asked for; None where each point chooses."""
    options = spec.get("options")
    name = _name(options.get("optimizer")) if isinstance(options, Mapping) else None
    return None if name is None or name.lower() == "auto" else name


def _name(value: Any) -> str | None:
    """The name in a spec: a text, or an object with one."""
    return _text(value.get("name")) if isinstance(value, Mapping) else _text(value)
