"""``import hybridq`` and the command line load no simulator, no vendor library and no MPI."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("qiskit", "pennylane", "pyscf", "numba", "cupy", "mpi4py", "scipy", "matplotlib", "cma")
CODE = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("module", ["hybridq", "hybridq.cli.main"])
def test_import_loads_nothing_heavy(module):
    done = subprocess.run([sys.executable, "-c", CODE, module], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "hybridq" in loaded
    assert loaded.isdisjoint(HEAVY), sorted(loaded.intersection(HEAVY))
