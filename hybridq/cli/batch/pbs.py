"""PBS: a job that submits its script again."""

from __future__ import annotations

from hybridq.cli.batch import resubmission
from hybridq.cli.batch.job import Job, clock
from hybridq.cli.batch.scheduler import Scheduler


def _request(job: Job) -> list[str]:
    filesystems = job.filesystems or (None if job.site is None else job.site.filesystems)
    chunk = f"ncpus={job.ranks_per_node * job.threads_per_rank}:mpiprocs={job.ranks_per_node}"
    if job.site is not None and job.site.chunk is not None:
        chunk = job.site.chunk
    return [
        f"-N {job.name}",
        f"-l select={job.nodes}" + (f":{chunk}" if chunk else ""),
        f"-l walltime={clock(job.wall_time)}",
        *([] if filesystems is None else [f"-l filesystems={filesystems}"]),
        *([] if job.queue is None else [f"-q {job.queue}"]),
        *([] if job.account is None else [f"-A {job.account}"]),
        "-r y",
        "-j oe",
    ]


def _launcher(job: Job) -> str:
    return f'mpiexec -hostfile "$PBS_NODEFILE" -n {job.ranks} -ppn {job.ranks_per_node}'


PBS = Scheduler(
    shell="#!/bin/bash -l",
    mark="#PBS",
    submit="qsub",
    job_id="${PBS_JOBID:-$$}",
    request=_request,
    begin=lambda job: resubmission.begin(job, '"${PBS_O_WORKDIR:-.}"'),
    taken=resubmission.TAKEN,
    prepare=lambda job: [],
    launcher=_launcher,
    again=lambda job: resubmission.again("qsub"),
    forget=resubmission.forget,
)
