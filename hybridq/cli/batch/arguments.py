"""Arguments of ``hybridq batch``."""

from __future__ import annotations

import argparse
import re

from hybridq.cli.batch.sites import SITES
from hybridq.cli.options import duration

SCHEDULERS = {
    "slurm": "a script for sbatch",
    "pbs": "a script for PBS's qsub",
    "pjm": "a script for Fujitsu's pjsub",
}
USAGE = "hybridq batch {name} --nodes N --wall-time TIME [options] -- COMMAND ..."


def variable(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` of the environment.

    Raises:
        argparse.ArgumentTypeError: something else.
    """
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def whole_seconds(text: str) -> int:
    """A time in whole seconds: ``1:00:00``, ``3600``, ``90m``, ``1-00:00:00``.

    Raises:
        argparse.ArgumentTypeError: something else.
    """
    return max(1, round(duration(text)))


def add_batch(parser: argparse.ArgumentParser) -> None:
    """One subcommand for each scheduler."""
    kinds = parser.add_subparsers(dest="scheduler", metavar="SCHEDULER", required=True, parser_class=type(parser))
    for name, summary in SCHEDULERS.items():
        one = kinds.add_parser(
            name, help=summary, description=summary, usage=USAGE.format(name=name), allow_abbrev=False
        )
        _add_request(one, name)
        _add_environment(one)
        _add_launch(one, name)
        _add_output(one)


def _add_request(parser: argparse.ArgumentParser, scheduler: str) -> None:
    group = parser.add_argument_group("request")
    group.add_argument("--nodes", type=int, required=True, metavar="N", help="nodes")
    group.add_argument("--ranks-per-node", type=int, default=1, metavar="N", help="MPI ranks on each (default 1)")
    group.add_argument("--threads-per-rank", type=int, default=1, metavar="N", help="threads of each (default 1)")
    group.add_argument("--wall-time", type=whole_seconds, required=True, metavar="TIME", help="1:00:00, 3600, 90m, 2d")
    group.add_argument(
        "--margin",
        type=whole_seconds,
        metavar="TIME",
        help="stop so long before the end; longer than one evaluation (default 120 s, or a quarter of the wall time)",
    )
    group.add_argument("--account", metavar="A", help="account, project or group that is charged")
    group.add_argument("--queue", "--partition", metavar="Q", help="queue, partition or resource group")
    group.add_argument("--job-name", metavar="NAME", help="default: that of the run folder or the script")
    group.add_argument(
        "--directive",
        action="append",
        default=[],
        metavar="TEXT",
        help="a further request line, such as --directive=--gpus-per-node=4; may be repeated",
    )
    sites = [site.name for site in SITES if site.scheduler == scheduler]
    group.add_argument("--site", metavar="NAME", help=f"follow the habits of a site: {', '.join(sites)}")
    if scheduler == "pbs":
        group.add_argument("--filesystems", metavar="A:B", help="file systems that the job needs: home:eagle")
    if scheduler == "pjm":
        group.add_argument("--gfscache", metavar="VOL", help="volumes for PJM_LLIO_GFSCACHE: /vol0004")


def _add_environment(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("environment (in this order)")
    group.add_argument("--module", action="append", default=[], metavar="M", help="module to load; may be repeated")
    group.add_argument("--venv", metavar="DIR", help="Python environment to activate")
    group.add_argument(
        "--env", action="append", default=[], type=variable, metavar="NAME=VALUE", help="to export; may be repeated"
    )
    group.add_argument("--setup", action="append", default=[], metavar="LINE", help="line of shell; may be repeated")


def _add_launch(parser: argparse.ArgumentParser, scheduler: str) -> None:
    group = parser.add_argument_group("launch")
    group.add_argument("--launcher", metavar="TEXT", help='another launcher, as shell text: "mpiexec -n 4"; or none')
    if scheduler == "slurm":
        group.add_argument("--mpi", metavar="TYPE", help="what srun --mpi gets: pmi2, pmix, cray_shasta")
    group.add_argument("--container", metavar="IMAGE", help="run the command in this image")
    group.add_argument("--container-runtime", choices=("apptainer", "podman-hpc", "shifter"), help="what starts it")
    group.add_argument(
        "--container-option",
        action="append",
        default=[],
        metavar="TEXT",
        help="option of the runtime, as shell text: --container-option=--nv; may be repeated",
    )
    group.add_argument(
        "--max-requeues", type=int, default=20, metavar="N", help="go into the queue again so often (default 20)"
    )
    parser.add_argument("words", nargs="*", metavar="COMMAND", help="what each rank runs, after --")


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("--output", metavar="FILE", help="write the script here (default: to stdout)")
    group.add_argument("--force", action="store_true", help="replace FILE where it exists")
    group.add_argument("--json", action="store_true", help="print exactly one JSON object on stdout, nothing else")
    group.add_argument("--traceback", action="store_true", help=argparse.SUPPRESS)
