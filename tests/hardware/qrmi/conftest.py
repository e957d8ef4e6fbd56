from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    for package in ("qrmi", "qiskit_ibm_runtime", "qiskit_aer"):
        pytest.importorskip(package, reason=f"{package} is not installed: the extras qrmi and aer")
    from qrmi_lent import Lent

    made = Lent(tmp_path_factory.mktemp("qrmi"))
    yield made
    made.close()


@pytest.fixture
def service(running, monkeypatch):
    """IBM's service as a site's batch job reaches it."""
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)
    running.clear()
    return running
