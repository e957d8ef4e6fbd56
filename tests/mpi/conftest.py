"""Ranks under pytest: one that fails a test has left the others' step, so it ends the run."""

from __future__ import annotations

import sys

import pytest

from hybridq.comm import world


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    comm = world()
    if report.failed and comm.size > 1 and "tests/mpi" in item.path.as_posix():
        print(
            f"\nrank {comm.rank} of {comm.size} failed {item.nodeid}\n{report.longreprtext}",
            file=sys.stderr,
            flush=True,
        )
        comm.mpi.Abort(1)
    return report
