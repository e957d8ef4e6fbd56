"""The command that a batch script starts again and again: it must go on where it stopped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from hybridq.contract.errors import InputError

LAUNCHERS = ("srun", "mpiexec", "mpirun", "mpiexec.hydra", "aprun", "jsrun", "prterun")


def check_command(words: Sequence[str]) -> str:
    """Hold a command against what a batch job needs, before it waits in a queue.

    A command of hybridq is parsed as it would be in the job. Of any other, such as a Python script, only the launcher
    is looked at.

    Returns:
        A name for the job: that of the run folder or of the script.

    Raises:
        InputError: there is no command, it begins with a launcher, or it would keep nothing to go on from.
        SystemExit: an argument of a hybridq command is wrong; reported as that command reports it.
    """
    if not words:
        raise InputError(
            "there is no command to run; put it after --, such as: hybridq batch slurm --nodes 2 --wall-time 1:00:00 "
            "-- hybridq vqe n2.xyz --basis cc-pvdz --run n2.run"
        )
    program = PurePath(words[0]).name
    if program in LAUNCHERS:
        raise InputError(
            f"the command begins with the launcher {words[0]}, which the script adds itself; give what one rank runs, "
            "and another launcher by --launcher"
        )
    own = _own_arguments(words)
    if own is None:
        script = next((PurePath(word).stem for word in words[1:] if word.endswith(".py")), program)
        return _job_name(script)
    return _job_name(_run_folder(own))


def _own_arguments(words: Sequence[str]) -> Sequence[str] | None:
    """The arguments of hybridq's command line, where that is what the command runs."""
    program = PurePath(words[0]).name
    if program == "hybridq":
        return words[1:]
    if re.fullmatch(r"python[\d.]*", program) and list(words[1:3]) == ["-m", "hybridq"]:
        return words[3:]
    return None


def _run_folder(arguments: Sequence[str]) -> str:
    from hybridq.cli.main import make_parser

    asked = make_parser().parse_args(list(arguments))
    folder: str | None = getattr(asked, "run", getattr(asked, "folder", None))
    if folder is None and hasattr(asked, "run"):
        raise InputError(
            f"hybridq {asked.command} keeps nothing without a run folder, and the next job could not go on with it; "
            "add --run DIR"
        )
    return PurePath(folder or asked.command).name.removesuffix(".run")


def _job_name(text: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.")
    return name if name[:1].isalpha() else f"hq-{name}".strip("-")
