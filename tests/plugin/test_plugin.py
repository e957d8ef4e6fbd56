"""A backend from another distribution is found by its entry point and held to its promises."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hybridq.contract.task import Task
from hybridq.testing.cases import cases
from hybridq.testing.oracle import Oracle

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Environment in which the plugin is installed as pip installs it, without network."""
    if importlib.util.find_spec("hatchling") is None or importlib.util.find_spec("pip") is None:
        pytest.skip("needs pip and hatchling to build the plugin")
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "--target", str(site), str(HERE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}


def run(arguments, environment):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, timeout=120)


def test_an_installed_plugin_keeps_its_promises(installed):
    done = run(["-m", "hybridq.testing", "example"], installed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
    assert "pass  energy of any circuit" in done.stdout
    assert "pass  counts follow the state" in done.stdout
    assert "skip  gradient equals finite differences" in done.stdout


def test_options_and_names_reach_the_runner(installed):
    done = run(["-m", "hybridq.testing", "example", "--option", "max_qubits=8", "--only", "capacity error"], installed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept" in done.stdout
    done = run(["-m", "hybridq.testing", "example", "--option", "max_qubits=99"], installed)
    assert done.returncode == 2
    assert "max_qubits is 99" in done.stderr
    done = run(["-m", "hybridq.testing", "example", "--option", "qubits=4"], installed)
    assert done.returncode == 2
    assert "no option 'qubits'; did you mean 'max_qubits'" in done.stderr


def test_an_unknown_backend_is_exit_code_2_and_one_line(installed):
    done = run(["-m", "hybridq.testing", "exampel"], installed)
    assert done.returncode == 2
    assert "did you mean 'example'?" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_broken_plugin_is_exit_code_1_and_its_promise_is_named(installed, tmp_path):
    site = Path(installed["PYTHONPATH"])
    for source in site.rglob("*"):
        if source.is_file() and "__pycache__" not in source.parts:
            target = tmp_path / source.relative_to(site)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    module = tmp_path / "hybridq_example_backend" / "__init__.py"
    module.write_text(module.read_text().replace("1j * (up + down) if g.imaginary else up - down", "up - down"))
    done = run(["-m", "hybridq.testing", "example"], {**installed, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "fail  energy of any circuit" in done.stdout


def test_the_runner_refuses_python_without_assertions(installed):
    done = run(["-O", "-m", "hybridq.testing", "example"], installed)
    assert done.returncode != 0
    assert "python -O" in done.stdout + done.stderr


def test_the_core_derives_gradients_and_densities_for_the_plugin(installed):
    code = """
import numpy as np
from hybridq.contract.task import Task
from hybridq.derive import complete
from hybridq.registry import backend
from hybridq.testing.cases import cases
from hybridq.testing.oracle import Oracle
engine = backend("example")
case = cases(real=True)[1]
oracle = Oracle(case.circuit)
gradient = complete(engine, Task(case.circuit, case.rows, case.hamiltonian, "gradient"))
assert abs(gradient.value - oracle.gradients(case.hamiltonian, case.rows)).max() < 1e-9
rdm = complete(engine, Task(case.circuit, case.rows[:1], driver="rdm")).value[0]
assert abs(rdm.two - oracle.rdm(case.rows[0]).two).max() < 1e-12
print("agreed")
"""
    done = run(["-c", code], installed)
    assert done.stdout.strip() == "agreed", done.stderr


def test_oracle_and_plugin_are_two_engines_that_agree(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    from hybridq_example_backend import ExampleBackend

    for case in cases():
        result = ExampleBackend().run(Task(case.circuit, case.rows, case.hamiltonian))
        assert abs(result.value - Oracle(case.circuit).energies(case.hamiltonian, case.rows)).max() < 1e-12
