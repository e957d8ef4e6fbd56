"""`hybridq status`, `export` and `plot`: what they print, and what they say of folders that are no run."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil

import pytest

import hybridq as hq
from hybridq.journal.record import SCHEMA_VERSION, encode

H2 = ("H 0 0 0; H 0 0 0.74", "--basis", "6-31g")


@pytest.fixture(scope="module")
def problem():
    return hq.Problem.from_xyz(H2[0], basis="6-31g")


@pytest.fixture(scope="module")
def made(tmp_path_factory, problem):
    run = tmp_path_factory.mktemp("made") / "h2.run"
    return run, hq.VQE(problem, "uccsd", run=run, progress=False).run()


def test_a_finished_run_is_told_in_text_and_as_json(command, made):
    run, result = made
    done = command("status", str(run))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{run}: finished: {result.reason}\n")
    assert f"{result.energy:.10f}" in done.out
    assert "go on with" not in done.out
    told = command("status", str(run), "--json").json()
    assert (told["state"], told["best_energy"], told["evaluations"]) == ("finished", result.energy, result.evaluations)
    assert told["lives"][0]["ranks"] == 1


def test_a_run_that_goes_on_is_looked_at_without_disturbing_it(command, problem, tmp_path):
    steps = hq.VQE(problem, "uccsd", run=tmp_path / "h2.run", progress=False).steps()
    next(steps)
    next(steps)  # a quick run writes a step together with the evaluation after it
    told = command("status", str(tmp_path / "h2.run"), "--json").json()
    assert (told["state"], told["steps"], told["owner"]["pid"]) == ("running", 1, os.getpid())
    assert f"running, by process {os.getpid()} on" in command("status", str(tmp_path / "h2.run")).out
    assert len(command("export", str(tmp_path / "h2.run")).out.splitlines()) == 2
    assert command("plot", str(tmp_path / "h2.run"), "--output", str(tmp_path / "now.png")).code == 0
    for _ in steps:
        pass
    assert command("status", str(tmp_path / "h2.run"), "--json").json()["state"] == "finished"


def test_steps_go_to_stdout_as_csv(command, made):
    run, result = made
    done = command("export", str(run))
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert list(rows[0]) == ["number", "energy", "stderr", "best", "gradient", "evaluations", "seconds"]
    assert [float(row["energy"]) for row in rows] == list(result.history.energies)


def test_parameters_go_to_a_file_as_json(command, made, tmp_path):
    run, result = made
    file = tmp_path / "rows.json"
    done = command("export", str(run), "--what", "parameters", "--output", str(file))
    assert (done.code, done.out) == (0, "")
    rows = json.loads(file.read_text())["rows"]
    best = min(rows, key=lambda row: row["energy"])
    assert [best[f"parameter_{k}"] for k in range(result.n_parameters)] == result.parameters.tolist()
    assert command("export", str(run), "--what", "parameters", "--json").json()["rows"] == rows


def test_a_file_is_replaced_only_by_force(command, made, tmp_path):
    run, _ = made
    file = tmp_path / "steps.csv"
    file.write_text("mine")
    refused = command("export", str(run), "--output", str(file))
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "--force" in refused.err
    assert file.read_text() == "mine"
    told = command("export", str(run), "--output", str(file), "--force", "--json").json()
    assert (told["rows"], told["output"]) == (len(file.read_text().splitlines()) - 1, str(file))


def test_a_plot_has_the_name_of_the_run_by_default(command, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = command("plot", str(made[0]))
    assert (done.code, done.out) == (0, "plot written to h2.run.png\n")
    assert (tmp_path / "h2.run.png").read_bytes().startswith(b"\x89PNG")
    assert command("plot", str(made[0]), "--output", "again.pdf", "--json").json()["plot"] == "again.pdf"
    assert (tmp_path / "again.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["export", "plot"])
def test_nothing_is_written_into_the_run_folder(command, made, name):
    run, _ = made
    before = (run / "journal.jsonl").read_bytes()
    force = ("--force",) if name == "export" else ()
    for target in ("journal.jsonl", "new.png"):
        done = command(name, str(run), "--output", str(run / target), *force)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "only the run writes" in done.err
    assert (run / "journal.jsonl").read_bytes() == before
    assert not (run / "new.png").exists()


@pytest.mark.parametrize("name", ["status", "export", "plot"])
def test_what_is_no_whole_run_is_an_error_in_one_line(command, made, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    shutil.copytree(made[0], tmp_path / "damaged")
    data = bytearray((tmp_path / "damaged" / "journal.jsonl").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged" / "journal.jsonl").write_bytes(data)
    (tmp_path / "newer").mkdir()
    spec = {"kind": "spec", "schema_version": SCHEMA_VERSION + 1, "spec": {}}
    (tmp_path / "newer" / "journal.jsonl").write_bytes(encode(spec, 0)[0])
    says = {
        "nowhere": "no such folder",
        "empty": "journal.jsonl is missing",
        "damaged": "is damaged: record",
        "newer": "install a newer hybridq",
    }
    for folder, words in says.items():
        done = command(name, folder)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), folder
        assert done.err.startswith("hybridq: ")
        assert words in done.err
        assert folder in done.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["damaged", "empty", "newer"]


def test_what_a_run_does_not_have_or_cannot_be_written_is_an_error(command, made, tmp_path):
    run = str(made[0])
    bad = {
        ("export", run, "--what", "points"): "it has steps",
        ("export", run, "--what", "stepps"): "invalid choice",
        ("export", run, "--output", str(tmp_path / "no" / "where.csv")): "No such file",
        ("export", run, "--json", "--format", "csv"): "give one of them",
        ("plot", run, "--output", str(tmp_path / "x.foo")): ".png",
        ("status",): "RUN",
    }
    for arguments, words in bad.items():
        done = command(*arguments)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), arguments
        assert words in done.err


def test_a_look_costs_no_heavy_import(process, made):
    done = process("status", str(made[0]), PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "hybridq.loops.inspection" in loaded
    assert loaded.isdisjoint({"pyscf", "numba", "scipy", "qiskit", "mpi4py", "matplotlib"})
