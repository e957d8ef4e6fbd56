"""Take up a scan from its folder alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hybridq.comm import Comm, world
from hybridq.contract.errors import InputError, JournalMismatch
from hybridq.loops.optimizers import optimizer
from hybridq.loops.resume import open_run
from hybridq.loops.scan import scan
from hybridq.loops.scan_problems import AnyProblem
from hybridq.loops.scan_result import ScanResult
from hybridq.loops.scan_store import Store
from hybridq.registry import ansatz


class StoredProblems:
    """The problems that a scan's folder holds, as a function of the value.

    Args:
        path: the folder.
        spec: of its journal.
    """

    def __init__(self, path: Path, spec: Mapping[str, Any]) -> None:
        self._store = Store(path)
        self._spec = spec

    def __call__(self, value: float) -> AnyProblem:
        """The problem at a value of the scan.

        Raises:
            InputError: it was not made before the scan stopped.
        """
        number = list(self._spec["values"]).index(value)
        if not self._store.has_problem(number):
            raise InputError("this problem was not made before the scan stopped; run its script again")
        return self._store.read_problem(number).problem

    def spec(self) -> Any:
        """What the journal says of the problems."""
        return self._spec["problems"]


def resume_scan(
    path: str | Path,
    *,
    make: Callable[[float], AnyProblem] | None = None,
    max_evaluations: int | None = None,
    max_iterations: int | None = None,
    wall_time: float | None = None,
    stop: Callable[[], str | None] | None = None,
    ranks_per_group: int = 1,
    progress: bool | None = None,
    comm: Comm | None = None,
) -> ScanResult:
    """Go on with the scan in a folder; of a finished one, its result.

    Args:
        path: the run folder.
        make: gives the problems that are not made yet; None takes those that the folder holds.
        max_evaluations, max_iterations: new limits for each point; None keeps those of the last life.
        wall_time, stop, ranks_per_group, progress, comm: see `hybridq.scan`.

    Raises:
        InputError: no scan there, or one that was given objects of a script, or not all of its problems were made.
        JournalMismatch: another version of hybridq made it.
        Interrupted, BackendError, CapacityError: see `hybridq.scan`.
    """
    from hybridq import __version__

    comm = comm if comm is not None else world()
    folder = Path(path)
    journal = comm.once(lambda: open_run(folder))
    spec = journal.spec
    if spec.get("loop") != "scan":
        raise InputError(f"{folder} holds a run of {spec.get('loop')!r}, not a scan")
    if spec["hybridq"] != __version__:
        raise JournalMismatch(
            f"{folder} was made by hybridq {spec['hybridq']} and this is {__version__}: install that version to go on"
        )
    if not isinstance(spec["circuit"], Mapping):
        raise InputError(f"{folder} cannot be gone on with from the folder alone: it was given a circuit, not a family")
    starts = journal.of_kind("start")
    last: Mapping[str, Any] = starts[-1] if starts else {}
    limits = dict(last.get("limits", {}))
    wanted = {"max_evaluations": max_evaluations, "max_iterations": max_iterations}
    limits.update({name: limit for name, limit in wanted.items() if limit is not None})
    try:
        options = {**spec["options"], **limits}
        if isinstance(options.get("optimizer"), Mapping):
            made = options["optimizer"]
            options["optimizer"] = optimizer(made["name"], **made["options"])
        circuit = ansatz(spec["circuit"]["family"], **spec["circuit"]["options"])
    except InputError as error:
        raise InputError(
            f"{folder} cannot be gone on with from the folder alone: {error}; run its script again"
        ) from None
    return scan(
        make if make is not None else StoredProblems(folder, spec),
        spec["values"],
        circuit,
        start=spec["start"],
        run=folder,
        ranks_per_group=ranks_per_group,
        comm=comm,
        wall_time=wall_time,
        stop=stop,
        progress=progress,
        backend=spec["backend"],
        **last.get("coordinate", {}),
        **options,
    )
