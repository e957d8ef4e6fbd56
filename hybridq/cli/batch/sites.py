"""What sites ask of a batch script beyond their scheduler's language, as their public user guides tell it."""

from __future__ import annotations

from dataclasses import dataclass

from hybridq.contract.errors import unknown_name


@dataclass(frozen=True, slots=True)
class Site:
    """The habits of one machine.

    Attributes:
        name: as on the command line.
        scheduler: slurm, pbs or pjm.
        needs_account: whether a job without an account is turned away.
        directives: further request lines.
        chunk: PBS: what a node's share of ``-l select`` says.
        filesystems: PBS: ``-l filesystems`` where none is given.
        queue_option: Slurm: the option that names a queue.
        proxy: address through which compute nodes reach the internet.
        launch_env: assignment before the launcher.
        container_runtime: how a container is started.
        container_setup: shell lines before that.
        container_options: options of the container runtime, as shell text.
    """

    name: str
    scheduler: str
    needs_account: bool = False
    directives: tuple[str, ...] = ()
    chunk: str | None = None
    filesystems: str | None = None
    queue_option: str = "--partition"
    proxy: str | None = None
    launch_env: str | None = None
    container_runtime: str = "apptainer"
    container_setup: tuple[str, ...] = ()
    container_options: str = ""


ALCF_PROXY = "http://proxy.alcf.anl.gov:3128"

SITES = (
    Site(
        "polaris",
        "pbs",
        needs_account=True,
        directives=("-l place=scatter",),
        chunk="system=polaris",
        filesystems="home:eagle",
        proxy=ALCF_PROXY,
        container_setup=(
            "module use /soft/modulefiles || exit 2",
            "module load spack-pe-base apptainer cray-mpich-abi || exit 2",
            'export APPTAINERENV_LD_LIBRARY_PATH="$CRAY_LD_LIBRARY_PATH:$LD_LIBRARY_PATH:/opt/cray/pe/pals/1.2.12/lib"',
        ),
        container_options="-B /opt -B /var/run/palsd/",
    ),
    Site(
        "aurora",
        "pbs",
        needs_account=True,
        directives=("-l place=scatter",),
        chunk="",
        filesystems="home:flare",
        proxy=ALCF_PROXY,
        container_setup=("module load spack-pe-gcc apptainer fuse-overlayfs || exit 2",),
    ),
    Site(
        "perlmutter",
        "slurm",
        directives=("--constraint=cpu",),
        queue_option="--qos",
        container_runtime="podman-hpc",
        container_options="--mpi",
    ),
    Site("fugaku", "pjm", launch_env="LD_PRELOAD=/usr/lib/FJSVtcs/ple/lib64/libpmix.so"),
)


def site(name: str) -> Site:
    """The site of this name.

    Raises:
        InputError: no such site is known.
    """
    for known in SITES:
        if known.name == name.lower():
            return known
    raise unknown_name("site", name, [known.name for known in SITES], hint="Leave --site out for any other machine.")
