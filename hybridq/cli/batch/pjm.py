"""PJM (Fugaku and other Fujitsu machines): a job that submits its script again, or a step of a step job."""

from __future__ import annotations

from hybridq.cli.batch import resubmission
from hybridq.cli.batch.job import Job, clock
from hybridq.cli.batch.scheduler import Scheduler


def _request(job: Job) -> list[str]:
    group = [] if job.queue is None else [f"rscgrp={job.queue}"]
    resources = ",".join([*group, f"node={job.nodes}", f"elapse={clock(job.wall_time)}"])
    return [
        f"-N {job.name}",
        *([] if job.account is None else [f"-g {job.account}"]),
        f'-L "{resources}"',
        f'--mpi "max-proc-per-node={job.ranks_per_node}"',
        *([] if job.gfscache is None else [f"-x PJM_LLIO_GFSCACHE={job.gfscache}"]),
        "-j",
        "-S",
    ]


def _again(job: Job) -> list[str]:
    # The number of a step is that of its job, _ and a count; the next step starts where this one ends with 75.
    return ["case ${PJM_SUBJOBID:-} in *_*) exit 75 ;; esac", *resubmission.again("pjsub")]


PJM = Scheduler(
    shell="#!/bin/bash",
    mark="#PJM",
    submit="pjsub",
    job_id="${PJM_SUBJOBID:-$$}",
    request=_request,
    begin=lambda job: resubmission.begin(job, '"${PJM_O_WORKDIR:-.}"'),
    taken=resubmission.TAKEN,
    prepare=lambda job: [],
    launcher=lambda job: f"mpiexec -n {job.ranks}",
    again=_again,
    forget=resubmission.forget,
)
