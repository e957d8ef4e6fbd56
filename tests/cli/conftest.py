from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from hybridq.cli.main import main

LAUNCHERS = ("OMPI_", "PMI", "PALS_", "MV2_", "MPI_LOCAL", "SLURM_", "PJM_", "FLUX_", "HYBRIDQ_")


def clean_environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **more}


@pytest.fixture
def environment():
    return clean_environment


@pytest.fixture
def process(tmp_path):
    """The real command in a process of its own, in an empty folder."""

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hybridq", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env=clean_environment(**environ),
        )

    return run


@pytest.fixture
def command(capsys):
    """The command in this process: exit code, stdout, stderr, and stdout as JSON."""

    def run(*arguments: str) -> SimpleNamespace:
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse
            code = end.code
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err, json=lambda: json.loads(out, parse_constant=_refuse))

    return run


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """Put the metadata of a distribution on the path, as an installer would."""

    def install(name: str, version: str, entry_points: str = "") -> None:
        site = tmp_path / "site"
        folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        if entry_points:
            (folder / "entry_points.txt").write_text(entry_points)
        monkeypatch.syspath_prepend(str(site))

    return install


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
