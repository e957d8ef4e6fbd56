from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(HERE.parent)]


@pytest.fixture(scope="session")
def environment():
    """The Python of a vendor's environment."""

    def find(vendor):
        given = os.environ.get(f"HYBRIDQ_HOST_{vendor.upper()}")
        python = given or str(ROOT / f".venv-{vendor}" / "bin" / "python")
        if not Path(python).exists():
            pytest.skip(
                f"there is no environment for {vendor}: make venv-{vendor}, or set HYBRIDQ_HOST_{vendor.upper()}"
            )
        return python

    return find
