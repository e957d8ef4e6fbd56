"""Slurm: one job that is requeued under its own number."""

from __future__ import annotations

from hybridq.cli.batch.job import Job, clock
from hybridq.cli.batch.scheduler import Scheduler


def _request(job: Job) -> list[str]:
    queue = "--partition" if job.site is None else job.site.queue_option
    return [
        f"--job-name={job.name}",
        *([] if job.account is None else [f"--account={job.account}"]),
        *([] if job.queue is None else [f"{queue}={job.queue}"]),
        f"--nodes={job.nodes}",
        f"--ntasks-per-node={job.ranks_per_node}",
        f"--cpus-per-task={job.threads_per_rank}",
        f"--time={clock(job.wall_time, days=True)}",
        "--output=%x-%j.out",
        "--open-mode=append",
        "--requeue",
        f"--signal=B:USR1@{job.margin}",
    ]


def _begin(job: Job) -> list[str]:
    return ["lives=${SLURM_RESTART_COUNT:-0}"]


def _prepare(job: Job) -> list[str]:
    if job.launcher is not None:
        return []
    return [
        "# A life that was killed leaves shared memory on its nodes, named for job and step, and MPICH cannot start",
        "# over it. So each life takes a step number of its own.",
        "for ((life = 0; life < lives; life++)); do srun --nodes=1 --ntasks=1 true 2>/dev/null; done",
    ]


def _launcher(job: Job) -> str:
    # -K1: without it a step whose rank was killed waits for ever. srun does not take --cpus-per-task from sbatch.
    mpi = "" if job.mpi is None else f" --mpi={job.mpi}"
    return f"srun -K1{mpi} --cpus-per-task={job.threads_per_rank}"


def _again(job: Job) -> list[str]:
    return [
        'if scontrol requeue "$SLURM_JOB_ID"; then exit 0; fi',
        'say "this job cannot be requeued; submit the script again to go on"',
        "exit 75",
    ]


SLURM = Scheduler(
    shell="#!/bin/bash",
    mark="#SBATCH",
    submit="sbatch",
    job_id="${SLURM_JOB_ID:-$$}",
    request=_request,
    begin=_begin,
    # slurmd has sent SIGTERM to the ranks as well: a second signal would only disturb their last lines.
    taken="taken=1 signalled=1",
    prepare=_prepare,
    launcher=_launcher,
    again=_again,
    forget=lambda job: [],
)
