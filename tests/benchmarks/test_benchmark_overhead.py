"""Overhead: what the benchmark counts is what the pages say of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("qiskit_ibm_runtime")
sys.path.insert(0, str(Path(__file__).parents[1] / "hardware"))

from ibm import IBMQuantum

from benchmarks import overhead


@pytest.fixture
def service(tmp_path):
    made = IBMQuantum(tmp_path)
    kept = dict(os.environ)
    os.environ.update(made.environment())
    yield made
    made.stop()
    os.environ.clear()
    os.environ.update(kept)


@pytest.mark.filterwarnings("ignore")
def test_circuits_are_the_same_and_hybridq_transpiles_once_and_sends_no_more(service, monkeypatch):
    monkeypatch.setattr(overhead, "EVALUATIONS", 2)
    rows = {row.pop("way"): list(row.values()) for row in overhead.table("H2", service)}
    assert len({(single["circuits"], batch["circuits"]) for single, batch in rows.values()}) == 1
    for way in ("hybridq qiskit:", "hybridq ibm:"):
        assert rows[way][1]["transpilations"] == 0
    assert rows["BackendEstimatorV2"][1]["transpilations"] > 0
    for ours, peer in (("qiskit:", "BackendEstimatorV2"), ("ibm:", "IBM Estimator")):
        assert all(a["bytes"] < b["bytes"] for a, b in zip(rows[f"hybridq {ours}"], rows[peer], strict=True))
