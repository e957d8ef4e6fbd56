"""Rates of this host are kept whole, read back, and never an error where the file is damaged."""

from __future__ import annotations

import json

import pytest

import hybridq as hq
from hybridq.cli.main import main
from hybridq.contract import calibration


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDQ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_rates_come_back_for_this_host_and_backend_only():
    calibration.store("engine", {"a": 1e-9, "b": 2.0})
    assert calibration.stored("engine") == {"a": 1e-9, "b": 2.0}
    assert calibration.stored("engine", {"a": 0.0}) == {"a": 1e-9}
    assert calibration.stored("other") == {}


def test_the_sector_engine_predicts_with_the_rates_that_are_kept():
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g")
    circuit = hq.ansatz("uccsd").build(problem)
    task = hq.Task(circuit, circuit.start, problem.hamiltonian)
    usual = hq.backend("sector").cost([task]).seconds
    calibration.store("sector", {"call": 1.0})
    assert hq.backend("sector").cost([task]).seconds > 1.0 > usual


@pytest.mark.parametrize("rates", [{"a": -1.0}, {"a": float("nan")}, {"a": "x"}, {"a": True}])
def test_rates_that_make_no_sense_are_refused(rates):
    with pytest.raises(hq.InputError, match="positive and finite"):
        calibration.store("engine", rates)


def test_a_damaged_file_is_told_of_and_left_out(cache):
    calibration.store("engine", {"a": 1.0})
    calibration.file().write_text("{ torn")
    with pytest.warns(UserWarning, match="hybridq calibrate"):
        assert calibration.stored("engine") == {}
    calibration.file().write_text(json.dumps({"schema_version": 99, "hosts": {}}))
    assert calibration.stored("engine") == {}


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HYBRIDQ_CACHE", str(tmp_path / "file"))
    with pytest.raises(hq.InputError, match="HYBRIDQ_CACHE can name another folder"):
        calibration.store("engine", {"a": 1.0})


def test_the_command_measures_and_keeps(capsys):
    assert main(["calibrate", "sector", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert calibration.stored("sector") == told["backends"]["sector"]["rates"]
    assert main(["calibrate", "no-such"]) == 2
