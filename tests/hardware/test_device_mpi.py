"""Under MPI a device is asked by rank 0 alone: each job is submitted, and paid for, once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from device_script import vqe
from folder_device import FolderDevice

import hybridq as hq

BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
SCRIPT = Path(__file__).with_name("device_script.py")
pytestmark = [pytest.mark.mpi, pytest.mark.skipif(MPIEXEC is None, reason="no mpiexec")]


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_what_one_of_them_paid_for(tmp_path, ranks):
    fcidump = tmp_path / "h2.fcidump"
    hq.Problem.from_xyz("H 0 0 0; H 0 0 0.8", "sto-3g").to_fcidump(fcidump)
    alone = vqe(tmp_path / "alone", fcidump, tmp_path / "alone.run").run()
    words = [str(path) for path in (SCRIPT, tmp_path / "vendor", fcidump, tmp_path / "run")]
    done = subprocess.run(
        [str(MPIEXEC), "-n", str(ranks), sys.executable, *words],
        capture_output=True, text=True, timeout=200, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout.split() == [alone.energy.hex(), str(alone.evaluations)] * ranks, done.stderr[-2000:]
    assert len(FolderDevice(tmp_path / "vendor").jobs()) == len(FolderDevice(tmp_path / "alone").jobs())
