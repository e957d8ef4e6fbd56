"""Take up a run from its folder alone, without the script that began it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hybridq.chem import problem_file
from hybridq.comm import Comm, world
from hybridq.contract import circuit_file, pool_file
from hybridq.contract.budget import Budget
from hybridq.contract.errors import HybridqError, InputError, JournalMismatch
from hybridq.journal import Journal, read_journal
from hybridq.journal.reader import JOURNAL
from hybridq.loops.adapt import ADAPT, POOL
from hybridq.loops.variational import PROBLEM
from hybridq.loops.vqe import CIRCUIT, VQE
from hybridq.registry import backend

LOOPS = ("vqe", "adapt")


def open_run(path: str | Path) -> Journal:
    """The journal of a run folder, without becoming its writer.

    Raises:
        InputError: there is no run, none of its records is whole, or it is damaged.
        JournalMismatch: a newer hybridq wrote it.
    """
    folder = Path(path)
    if folder.name == JOURNAL:
        folder = folder.parent
    journal = read_journal(folder / JOURNAL)
    if journal is None:
        raise InputError(f"the run in {folder} died before its first record; begin it again with its own command")
    return journal


def is_finished(journal: Journal) -> bool:
    """True where the run came to its own end; False where it was stopped, killed or cut off by a limit."""
    ends = journal.of_kind("end")
    return bool(ends and ends[-1].get("finished"))


def resume(
    path: str | Path,
    *,
    wall_time: float | None = None,
    stop: Callable[[], str | None] | None = None,
    max_evaluations: int | None = None,
    max_iterations: int | None = None,
    max_operators: int | None = None,
    budget: Budget | Mapping[str, Any] | None = None,
    ranks_per_group: int | None = None,
    callbacks: Any = (),
    progress: bool | None = None,
    comm: Comm | None = None,
) -> Any:
    """The loop of a run folder, ready to `run`: it goes on where the folder's journal ends.

    Args:
        path: the run folder.
        max_evaluations, max_iterations, max_operators, budget: new limits; None keeps those of the last life.
        wall_time, stop, ranks_per_group, callbacks, progress, comm: see `VQE`.

    Raises:
        InputError: no run there, or one whose backend or optimizer was an object of a script: run that again.
        JournalMismatch: another version of hybridq made it.
    """
    comm = comm if comm is not None else world()
    folder = Path(path)
    spec, limits, problem, subject = comm.once(lambda: _read(folder))
    now = {key: value for key, value in limits.items() if value is not None}
    if max_evaluations is not None:
        now["max_evaluations"] = max_evaluations
    if max_iterations is not None:
        now["max_iterations"] = max_iterations
    if budget is not None:
        now["budget"] = budget
    if max_operators is not None:
        if spec["loop"] != "adapt":
            raise InputError(f"max_operators is a limit of ADAPT, and {folder} holds a run of {spec['loop']}")
        now["max_operators"] = max_operators
    same = {
        "backend": backend(spec["backend"], **spec["backend_options"])
        if "backend_options" in spec
        else spec["backend"],
        "optimizer": spec["optimizer"]["name"],
        "optimizer_options": spec["optimizer"]["options"],
        "energy_tolerance": spec["limits"]["energy"],
        "gradient_tolerance": spec["limits"]["gradient"],
        "max_iterations": spec["limits"].get("iterations"),
        "precision": spec["precision"],
        "shots": spec["shots"],
        "seed": spec["seed"],
    }
    this = {
        "wall_time": wall_time,
        "stop": stop,
        "ranks_per_group": ranks_per_group,
        "callbacks": callbacks,
        "progress": progress,
        "comm": comm,
    }
    try:
        if spec["loop"] == "adapt":
            growth = spec["growth"]
            return ADAPT(
                problem,
                subject,
                pool_name=spec["pool"]["name"],
                batch=growth["batch"],
                batch_ratio=growth["ratio"],
                disjoint=growth["disjoint"],
                pool_tolerance=growth["tolerance"],
                run=folder,
                **{**same, **now},
                **this,
            )
        return VQE(problem, subject, initial=spec["start"], run=folder, **{**same, **now}, **this)
    except InputError as error:
        raise InputError(
            f"{folder} cannot be gone on with from the folder alone: {error}; run its script again"
        ) from None


def _backend(spec: Mapping[str, Any]) -> Any:
    """The backend of a spec: its name, or an object with the options that it was made with."""
    name = spec["backend"]
    return backend(name, **spec["backend_options"]) if "backend_options" in spec else name


def _read(folder: Path) -> tuple[Mapping[str, Any], Mapping[str, Any], Any, Any]:
    """Spec, limits of the last life, problem, and what the loop is about: a circuit or a pool."""
    from hybridq import __version__

    journal = open_run(folder)
    spec = journal.spec
    if spec.get("loop") == "scan":
        raise InputError(
            f"{folder} holds a scan; call hq.scan again with the same arguments, or `hybridq resume {folder}`"
        )
    if spec.get("loop") not in LOOPS:
        raise InputError(f"{folder} holds a run of {spec.get('loop')!r}; this hybridq resumes {', '.join(LOOPS)}")
    if spec["hybridq"] != __version__:
        raise JournalMismatch(
            f"{folder} was made by hybridq {spec['hybridq']} and this is {__version__}: install that version to go on, "
            f"or start a new run from its best point (--start-from {folder})"
        )
    adapt = spec["loop"] == "adapt"
    name = POOL if adapt else CIRCUIT
    subject: Any
    try:
        problem = problem_file.from_text((folder / PROBLEM).read_text())
        text = (folder / name).read_text()
        subject = pool_file.from_text(text) if adapt else circuit_file.from_text(text)
    except OSError as error:
        raise InputError(f"{folder} lacks a file of its run: {error.strerror} ({error.filename})") from None
    except HybridqError as error:
        raise InputError(f"a file of the run in {folder} is damaged: {error}") from None
    if problem.digest != spec["problem"] or (not adapt and subject.digest != spec["circuit"]):
        raise InputError(f"{PROBLEM} or {name} in {folder} is not what its journal was made with; restore it")
    starts = journal.of_kind("start")
    return spec, dict(starts[-1].get("limits", {})) if starts else {}, problem, subject
