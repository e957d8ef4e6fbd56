"""``hybridq batch SCHEDULER``: make the script and write it."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hybridq.cli import ending
from hybridq.cli.batch.command import check_command
from hybridq.cli.batch.job import MARGIN, Job
from hybridq.cli.batch.script import scheduler, script
from hybridq.cli.batch.sites import Site, site
from hybridq.cli.output import print_json, speaks
from hybridq.contract.errors import InputError


def run(asked: argparse.Namespace) -> int:
    """Write a batch script to stdout or to a file.

    Raises:
        InputError: a request that no scheduler takes, a command that could not be gone on with, or a file that exists.
    """
    if not speaks():
        return ending.OK
    job = make_job(asked)
    text = script(job, scheduler(asked.scheduler))
    submit = shlex.join([scheduler(asked.scheduler).submit, job.script])
    if asked.output is not None:
        _write(Path(asked.output), text, asked.force)
    if asked.json:
        print_json({"scheduler": asked.scheduler, "output": asked.output, "submit": submit, "script": text})
    elif asked.output is None:
        print(text, end="")
    else:
        print(f"{asked.output} is written; submit it with: {submit}")
    return ending.OK


def make_job(asked: argparse.Namespace) -> Job:
    """The job that a command line asks for.

    Raises:
        InputError: as `run`.
    """
    name = check_command(asked.words)
    where = _site(asked)
    job_name = name if asked.job_name is None else asked.job_name
    launcher = asked.launcher
    _check_shell_text("--launcher", launcher)
    for option in asked.container_option:
        _check_shell_text("--container-option", option)
    if asked.container is None and (asked.container_option or asked.container_runtime):
        raise InputError("--container-option and --container-runtime need --container IMAGE")
    return Job(
        command=tuple(asked.words),
        script=asked.output if asked.output is not None else f"{job_name}.{asked.scheduler}",
        name=job_name,
        nodes=asked.nodes,
        ranks_per_node=asked.ranks_per_node,
        threads_per_rank=asked.threads_per_rank,
        wall_time=asked.wall_time,
        margin=min(MARGIN, asked.wall_time // 4) if asked.margin is None else asked.margin,
        max_requeues=asked.max_requeues,
        account=asked.account,
        queue=asked.queue,
        directives=tuple(asked.directive),
        modules=tuple(asked.module),
        venv=_venv(asked.venv),
        env=tuple(asked.env),
        setup=_setup(asked.setup),
        launcher="" if launcher == "none" else launcher,
        mpi=getattr(asked, "mpi", None),
        filesystems=getattr(asked, "filesystems", None),
        gfscache=getattr(asked, "gfscache", None),
        container=asked.container,
        container_runtime=asked.container_runtime or ("apptainer" if where is None else where.container_runtime),
        container_options=tuple(asked.container_option),
        site=where,
    )


def _site(asked: argparse.Namespace) -> Site | None:
    if asked.site is None:
        return None
    found = site(asked.site)
    if found.scheduler != asked.scheduler:
        raise InputError(
            f"{found.name} is run by {found.scheduler}, not by {asked.scheduler}: hybridq batch {found.scheduler}"
        )
    return found


def _venv(text: str | None) -> str | None:
    """The folder of an environment; no shell sees it before the script, which quotes it."""
    if text is not None and "$" in text:
        raise InputError(f"--venv is {text!r}, which the script would take to the letter; give the folder itself")
    return None if text is None else os.path.expanduser(text)


def _setup(lines: Sequence[str]) -> tuple[str, ...]:
    """Lines of shell, held against bash where there is one: an error in them would end the job in the queue."""
    bash = shutil.which("bash")
    if lines and bash is not None:
        held = subprocess.run([bash, "-n"], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=30)
        if held.returncode:
            why = held.stderr.strip().splitlines()
            raise InputError(f"--setup {list(lines)!r} is no shell text: {why[-1] if why else 'bash refuses it'}")
    return tuple(lines)


def _check_shell_text(option: str, text: str | None) -> None:
    try:
        shlex.split(text or "")
    except ValueError as error:
        raise InputError(f"{option} is {text!r}, which is no shell text: {error}") from None


def _write(path: Path, text: str, force: bool) -> None:
    """Write a new file; with `force`, in place of an old one."""
    try:
        with open(path, "w" if force else "x", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)
    except FileExistsError:
        raise InputError(f"{path} exists; give another --output, or --force to replace it") from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
