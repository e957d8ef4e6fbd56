"""`hybridq new-backend` writes projects that install, are found, and keep their promises as they are written."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hybridq
from hybridq.cli.main import main
from hybridq.cli.new_backend.write import write_project


def run(arguments, folder, **environment):
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["simulator", "device"])
def test_a_written_project_installs_is_found_and_passes_its_tests(kind, tmp_path):
    if importlib.util.find_spec("hatchling") is None or importlib.util.find_spec("pip") is None:
        pytest.skip("needs pip and hatchling to build the project")
    name = f"written_{kind}"
    code, told = run(["-m", "hybridq", "new-backend", name, "--kind", kind, "--folder", "project"], tmp_path)
    assert code == 0, told
    project, site = tmp_path / "project", tmp_path / "site"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    code, told = run([*install, "--target", str(site), "."], project)
    assert code == 0, told
    own = {"PYTHONPATH": str(site), "HOME": str(tmp_path)}
    code, told = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], project, **own)
    assert code == 0, told[-3000:]
    assert " passed" in told
    _, told = run(["-m", "hybridq", "backends"], tmp_path, **own)
    assert f"hybridq-written-{kind} 0.1.0" in told
    code, told = run(["-m", "hybridq.testing", name, "--qubits", "6", "--only", "energy of"], tmp_path, **own)
    assert code == 0, told
    assert "pass  energy of any circuit" in told


@pytest.mark.parametrize("kind", ["simulator", "device"])
def test_a_written_project_is_checked_by_continuous_integration_and_needs_this_hybridq(kind, tmp_path):
    files = write_project("my_thing", kind, tmp_path / "project")
    assert ".github/workflows/tests.yml" in files
    texts = {file: (tmp_path / "project" / file).read_text() for file in files}
    for file, text in texts.items():
        if file.endswith(".py"):
            compile(text, file, "exec")
        assert "$" not in text.replace("${{ matrix.python }}", ""), file
    about = tomllib.loads(texts["pyproject.toml"])
    assert f"hybridq-sdk[qiskit]>={hybridq.__version__}" in about["project"]["dependencies"]
    assert about["project"]["entry-points"]["hybridq.backends"] == {"my_thing": "hybridq_my_thing:MyThingBackend"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("2qubits", "begins with a letter"),
        ("my backend", "letters, digits, - and _"),
        ("lambda", "no word of Python"),
        ("", "begins with a letter"),
        ("Sector", "has a backend 'sector' already"),
        ("hybridq-aer", "has a backend 'aer' already"),
        ("circuits", "package hybridq_circuits is installed already"),
    ],
)
def test_names_that_cannot_be_are_refused(name, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new-backend", name]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert not list(tmp_path.iterdir())


def test_nothing_that_is_there_is_written_over(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("hybridq-acme").mkdir()
    Path("hybridq-acme/mine.txt").write_text("mine")
    assert main(["new-backend", "acme"]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    Path("taken").write_text("a file")
    assert main(["new-backend", "acme", "--folder", "taken"]) == 2
    assert main(["new-backend", "acme", "--folder", "taken/inside"]) == 2
    assert [p.name for p in Path("hybridq-acme").iterdir()] == ["mine.txt"]
    assert Path("taken").read_text() == "a file"


def test_what_was_written_is_told_as_json_too(tmp_path, capsys):
    assert main(["new-backend", "acme", "--folder", str(tmp_path / "new"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "acme"
    assert all((tmp_path / "new" / file).is_file() for file in told["files"])
