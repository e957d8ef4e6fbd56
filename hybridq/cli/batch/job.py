"""What a batch script is asked for, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hybridq.cli.batch.sites import Site
from hybridq.contract.errors import InputError

MARGIN = 120
"""Seconds before the end at which a job stops, where the wall time holds four times as much."""

WORD = re.compile(r"[A-Za-z0-9_.:,@/+=%-]+")


@dataclass(frozen=True, slots=True)
class Job:
    """One batch job and the runs that follow it.

    Attributes:
        command: words of what each rank runs.
        script: file that the script is written to, by which it may submit itself again.
        name: of the job.
        nodes, ranks_per_node, threads_per_rank: how many.
        wall_time: seconds of one life.
        margin: seconds before its end at which hybridq is told to stop.
        max_requeues: lives after the first.
        account, queue: as the scheduler knows them, or None.
        directives: further request lines, without the scheduler's mark.
        modules: environment modules to load, in order.
        venv: Python environment to activate, or None.
        env: variables to export.
        setup: lines of shell before the launch.
        launcher: shell text in place of the scheduler's own launcher; "" for none.
        mpi: Slurm: what ``srun --mpi`` gets, or None.
        filesystems: PBS: file systems that the job needs, or None.
        gfscache: PJM: volumes for ``PJM_LLIO_GFSCACHE``, or None.
        container: image to run the command in, or None.
        container_runtime: apptainer, podman-hpc or shifter.
        container_options: its options as shell text.
        site: habits of a machine, or None.
    """

    command: tuple[str, ...]
    script: str
    name: str
    nodes: int
    ranks_per_node: int
    threads_per_rank: int
    wall_time: int
    margin: int
    max_requeues: int
    account: str | None = None
    queue: str | None = None
    directives: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    venv: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    setup: tuple[str, ...] = ()
    launcher: str | None = None
    mpi: str | None = None
    filesystems: str | None = None
    gfscache: str | None = None
    container: str | None = None
    container_runtime: str = "apptainer"
    container_options: tuple[str, ...] = ()
    site: Site | None = None

    @property
    def ranks(self) -> int:
        """Ranks on all nodes."""
        return self.nodes * self.ranks_per_node

    def __post_init__(self) -> None:
        """Check what the parser cannot.

        Raises:
            InputError: a number or a name that no scheduler takes, or a margin that leaves no time.
        """
        for label, count in (
            ("nodes", self.nodes),
            ("ranks-per-node", self.ranks_per_node),
            ("threads-per-rank", self.threads_per_rank),
        ):
            if count < 1:
                raise InputError(f"--{label} must be at least 1, got {count}")
        if self.max_requeues < 0:
            raise InputError(f"--max-requeues must be at least 0 (0: never requeue), got {self.max_requeues}")
        if not 0 < self.margin < self.wall_time:
            raise InputError(
                f"--margin is {self.margin} s and --wall-time {self.wall_time} s: the margin must be above 0 and leave "
                "time to compute; take it longer than one evaluation and much shorter than the wall time"
            )
        words = {
            "--job-name": self.name,
            "--account": self.account,
            "--queue": self.queue,
            "--mpi": self.mpi,
            "--filesystems": self.filesystems,
            "--gfscache": self.gfscache,
        }
        for option, word in words.items():
            if word is not None and not WORD.fullmatch(word):
                raise InputError(f"{option} is {word!r}; a scheduler takes one word of letters, digits and _.:,@/+=%-")
        for line in (*self.directives, self.launcher or "", self.script):
            if "\n" in line:
                raise InputError(f"{line!r} holds a line break; write it on one line")
        if self.site is not None and self.site.needs_account and self.account is None:
            raise InputError(f"{self.site.name} takes no job without an account; add --account PROJECT")


def clock(seconds: int, *, days: bool = False) -> str:
    """Seconds as ``HH:MM:SS``, or with `days` from one day on as ``D-HH:MM:SS``."""
    hours, rest = divmod(seconds, 3600)
    text = f"{rest // 60:02}:{rest % 60:02}"
    if days and hours >= 24:
        return f"{hours // 24}-{hours % 24:02}:{text}"
    return f"{hours:02}:{text}"
