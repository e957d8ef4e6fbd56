"""How a rank's command is put into a container."""

from __future__ import annotations

import shlex

from hybridq.cli.batch.job import Job

PASSED_IN = ("HYBRIDQ_*", "OMP_*", "OPENBLAS_*", "MKL_*")
"""Variables that podman does not hand on by itself; those of the launcher come with ``podman-hpc --mpi``."""


def before(job: Job) -> list[str]:
    """Shell lines that the container runtime needs before the launch."""
    if job.container is None or job.site is None or job.container_runtime != job.site.container_runtime:
        return []
    return list(job.site.container_setup)


def inside(job: Job) -> str:
    """What stands before the command so that it runs in the container, as shell text; empty where there is none."""
    if job.container is None:
        return ""
    own = (
        [] if job.site is None or job.container_runtime != job.site.container_runtime else [job.site.container_options]
    )
    options = [option for option in (*own, *job.container_options) if option]
    image = shlex.quote(job.container)
    if job.container_runtime == "shifter":
        return " ".join(["shifter", f"--image={image}", *options])
    if job.container_runtime == "podman-hpc":
        names = [*PASSED_IN, *(name for name, _ in job.env)]
        passed = [f"--env {shlex.quote(name)}" for name in names]
        return " ".join(["podman-hpc run --rm", *options, '--volume "$PWD:$PWD" --workdir "$PWD"', *passed, image])
    return " ".join(["apptainer exec", *options, '-B "$PWD"', image])
