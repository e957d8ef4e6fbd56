"""The status of a run in words."""

from __future__ import annotations

from collections.abc import Iterator

from hybridq.contract.memory import shown
from hybridq.loops.inspection.run_status import Life, RunStatus
from hybridq.loops.inspection.verdict import RUNNING


def report(run: RunStatus) -> str:
    """All that is known of a run, one thing a line."""
    lines = [f"{run.folder}: {_state(run)}"]
    lines += [f"  {name:<12} {text}" for name, text in _facts(run)]
    if len(run.lives) > 1:
        for number, life in enumerate(run.lives, 1):
            done = "" if run.points else f"{_many(life.evaluations, 'evaluation')} in {_time(life.seconds)}; "
            lines.append(f"  {number:>4}  {_begun(life)}: {done}{life.end or RUNNING}")
    for number, growth in enumerate(run.growths, 1):
        lines.append(f"  {number:>4}  {_energy(growth.energy)}  + {'; '.join(growth.operators)}")
    for point in run.points:
        value = "" if point.value is None else f"{point.value:g}"
        effort = "" if point.evaluations is None else _many(point.evaluations, "evaluation")
        effort += "" if point.seconds is None else f", {_time(point.seconds)}"
        line = f"  {point.number:>4}  {value:<10} {point.state:<9} {_energy(point.energy):<17} {effort}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def _state(run: RunStatus) -> str:
    perhaps = "" if run.certain else "perhaps "
    if run.state == RUNNING and run.owner is not None:
        if run.owner["pid"] is None:
            return f"{perhaps}running, just taken up"
        text = f"{perhaps}running, by process {run.owner['pid']} on {run.owner['host']} since {run.owner['since']}"
        if not run.certain:
            text += f" (it cannot be looked up from here; it was heard of {_time(run.owner['renewed'])} ago)"
        return text
    text = f"{perhaps}{run.state}" + (f": {run.reason}" if run.reason else "")
    if run.converged is False and run.state == "finished":
        text += " (not converged)"
    if not run.certain and run.owner is not None:
        where = f"process {run.owner['pid']} on {run.owner['host']}"
        text += f" ({where} cannot be looked up from here; it was heard of {_time(run.owner['renewed'])} ago)"
    return text


def _facts(run: RunStatus) -> Iterator[tuple[str, str]]:
    if run.go_on is not None:
        yield "go on with", run.go_on
    size = "" if run.n_parameters is None else f" ({_many(run.n_parameters, 'parameter')})"
    molecule = "" if run.points else f" on {run.molecule or 'unknown molecule'}"
    yield "run", f"{run.loop}: {run.circuit or 'unknown circuit'}{size}{molecule}"
    method = [f"backend {run.backend}"] * (run.backend is not None)
    method += [f"optimizer {run.optimizer}"] * (run.optimizer is not None)
    method += [f"hybridq {run.version}"] * (run.version is not None)
    if method:
        yield "with", ", ".join(method)
    if run.points:
        yield "points", f"{sum(point.state in ('done', 'finished') for point in run.points)} of {len(run.points)}"
    if run.energy is not None:
        gradient = "" if run.gradient is None else f", largest gradient component {run.gradient:.1e}"
        yield "energy", f"{_energy(run.energy)}{_spread(run.stderr)} hartree at step {run.steps}{gradient}"
    if run.best_energy is not None:
        yield "lowest", f"{_energy(run.best_energy)}{_spread(run.best_stderr)} hartree"
        for name, value in run.references.items():
            if value is not None:
                gap = 1e3 * (run.best_energy - value)
                yield name, f"{value:.10f} hartree, lowest {gap:+.4f} millihartree"
    each = "" if run.seconds_per_batch is None else f", {_time(run.seconds_per_batch)} each"
    batches = sum(run.batches.values())
    kinds = ", ".join(f"{count} {driver}" for driver, count in run.batches.items())
    in_batches = "" if batches in (0, run.evaluations) else f" in {_many(batches, 'batch', 'batches')} ({kinds})"
    steps = "" if run.points else f"{_many(run.steps, 'step')}, "
    yield "effort", f"{steps}{_many(run.evaluations, 'evaluation')}{in_batches}"
    yield "time", f"{_time(run.seconds)} in evaluations{each}"
    for name, limit in run.limits.items():
        if limit is not None:
            yield "limit", f"{run.left[name]} of {limit} {name} left"
    for job in run.pending:
        yield "pending", f"job {job.id} of evaluation {job.evaluation}{f', {job.queue}' if job.queue else ''}"
    if run.used_seconds is not None:
        yield "processor", f"{_time(run.used_seconds)} of the quantum processor, as its vendor says"
    if len(run.lives) == 1:
        yield "begun", _begun(run.lives[0])
    elif run.lives:
        yield "lives", str(len(run.lives))
    torn = ""
    if run.torn:
        what = "is being written" if run.state == RUNNING else "was cut short, and is dropped when the run goes on"
        torn = f"; its last {run.torn} bytes are a record that {what}"
    yield "folder", f"{shown(run.folder_bytes)}, of these {shown(run.journal_bytes)} journal{torn}"


def _begun(life: Life) -> str:
    ranks = "" if life.ranks is None else f", {_many(life.ranks, 'rank')}"
    return f"{life.started or 'unknown time'} on {life.host or 'unknown host'}{ranks}"


def _energy(value: float | None) -> str:
    return "" if value is None else f"{value:.10f}"


def _spread(error: float | None) -> str:
    return f" +- {error:.2g}" if error else ""


def _many(count: int, one: str, more: str | None = None) -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


def _time(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"
