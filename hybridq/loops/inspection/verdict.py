"""How a run stands, and how to go on with it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hybridq.contract.errors import HybridqError
from hybridq.contract.options import normal
from hybridq.loops.inspection.snapshot import Snapshot
from hybridq.loops.optimizers import optimizer
from hybridq.loops.resume import LOOPS
from hybridq.loops.variational import PROBLEM
from hybridq.loops.vqe import CIRCUIT
from hybridq.registry import backend_names

RUNNING, FINISHED, STOPPED, KILLED = "running", "finished", "stopped", "killed"


@dataclass(frozen=True)
class Verdict:
    """How a run stands.

    Attributes:
        state: "running"; "finished", it came to its own end; "stopped", it was asked to, met a limit, or failed;
            "killed", it ended without a word.
        reason: why, in words; empty while it runs.
        converged: what the loop said at its end, None where it said nothing.
    """

    state: str
    reason: str = ""
    converged: bool | None = None


def judge(seen: Snapshot) -> Verdict:
    """How a run stands, by its records and its owner."""
    if seen.living:
        return Verdict(RUNNING)
    end: Mapping[str, Any] | None = None
    begun = worked = False
    for record in seen.journal.records:
        if record["kind"] == "end":
            end, begun, worked = record, False, False
        elif record["kind"] == "start":
            begun = True
        else:
            worked = True
    if (end is not None and not begun) or (end is not None and end.get("finished") and not worked):
        state = FINISHED if end.get("finished") else STOPPED
        return Verdict(state, str(end.get("reason", "")), end.get("converged"))
    if seen.loop == "scan":
        return Verdict(KILLED, "it recorded no end: it was stopped or killed")
    if not seen.journal.of_kind("evaluation"):
        return Verdict(KILLED, "it was stopped, failed or was killed before its first evaluation")
    return Verdict(KILLED, "its process ended without a word")


def next_command(seen: Snapshot, state: str, used_up: Mapping[str, int]) -> str | None:
    """What goes on with a run: a command, or words; None where there is nothing to do.

    Args:
        seen: the run.
        state: as judged.
        used_up: the limits that leave no room for more, by name: "evaluations", "iterations", "operators".
    """
    # Where the spec holds the iterations, the optimizer's walk depends on their number.
    extendable = "iterations" in used_up and "iterations" not in seen.journal.spec.get("limits", {})
    if state == RUNNING or (state == FINISHED and not extendable):
        return None
    hindrance = _hindrance(seen)
    if hindrance is not None:
        return f"run its own command or script again ({hindrance})"
    raised = ["iterations"] if state == FINISHED else ["evaluations", "operators"]
    more = "".join(f" --max-{limit} {2 * used_up[limit]}" for limit in raised if limit in used_up)
    return f"hybridq resume {shlex.quote(str(seen.folder))}{more}"


def _hindrance(seen: Snapshot) -> str | None:
    """Why `hybridq resume` cannot go on from the folder alone; None where nothing speaks against it."""
    from hybridq import __version__

    spec = seen.journal.spec
    if seen.loop not in (*LOOPS, "scan"):
        return f"hybridq resume does not take a run of {seen.loop!r}"
    if spec.get("hybridq") != __version__:
        return f"it needs hybridq {spec.get('hybridq')}, and this is {__version__}"
    missing = [name for name in (PROBLEM, CIRCUIT) if not (seen.folder / name).is_file()]
    if seen.loop == "vqe" and missing:
        return f"{missing[0]} is missing"
    if seen.loop == "scan" and (lacking := _scan_lacks(seen)) is not None:
        return lacking
    try:
        _make_optimizer(spec)
        installed = {normal(entry.name) for entry in backend_names()}
    except (HybridqError, TypeError) as error:
        return str(error)
    wanted = str(spec.get("backend"))
    if normal(wanted.partition(":")[0]) not in {"auto", *installed}:
        return f"no backend {wanted!r} is installed"
    return None


def _scan_lacks(seen: Snapshot) -> str | None:
    """What the folder of a scan lacks; None where it holds all that the scan was given."""
    spec = seen.journal.spec
    if not isinstance(spec.get("circuit"), Mapping):
        return "it was given a circuit, not a family"
    problems, n = spec.get("problems"), len(spec.get("values") or [])
    written = isinstance(problems, Mapping) and "geometry" in problems  # by the command line, which can make them again
    if not written and not all((seen.folder / "problems" / f"{k:04d}.json").is_file() for k in range(n)):
        return "not all of its problems were made"
    return None


def _make_optimizer(spec: Mapping[str, Any]) -> None:
    """Raise where the optimizer of a spec cannot be made again."""
    if spec.get("loop") != "scan":
        method = spec.get("optimizer", {})
        optimizer(str(method.get("name")), **method.get("options", {}))
        return
    options = spec.get("options") or {}
    wanted = options.get("optimizer", "auto")
    if isinstance(wanted, Mapping):
        optimizer(str(wanted.get("name")), **wanted.get("options", {}))
    elif str(wanted).lower() != "auto":
        optimizer(str(wanted), **(options.get("optimizer_options") or {}))
