"""``hybridq doctor``: is all in place?"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from hybridq.cli import ending
from hybridq.cli.output import print_json, speaks, stdout_kept_clean

if TYPE_CHECKING:
    from hybridq.cli.checks.finding import Finding


def run(asked: argparse.Namespace) -> int:
    """Print what was found; exit code 1 where something does not work."""
    if not speaks():
        return ending.OK
    with stdout_kept_clean():
        findings = _findings(mpi_test=not asked.no_mpi_test)
    failed = sum(finding.level == "fail" for finding in findings)
    warned = sum(finding.level == "warn" for finding in findings)
    if asked.json:
        print_json({"ok": not failed, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            print(finding)
        print(f"{len(findings)} looked at: {failed} failed, {warned} to look into")
    return ending.FAILED_CHECK if failed else ending.OK


def _findings(mpi_test: bool) -> list[Finding]:
    from hybridq.cli.checks import gpu, install, machine, mpi, plugins
    from hybridq.cli.checks.finding import collected

    return collected(
        [
            ("Python", install.python),
            ("hybridq", install.itself),
            ("packages", install.packages),
            ("processors", machine.processors),
            ("memory", machine.memory),
            ("Numba cache", machine.compiled_code_cache),
            ("plugins", plugins.plugins),
            ("MPI", lambda: mpi.mpi(mpi_test)),
            ("GPU", gpu.gpu),
        ]
    )
