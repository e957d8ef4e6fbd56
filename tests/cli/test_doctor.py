"""`hybridq doctor`: every line is right on this machine, and what is broken on purpose is found."""

from __future__ import annotations

import os
import re
import sys
import time
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest

from hybridq.cli.checks import mpi
from hybridq.cli.checks.finding import ask, collected

ROOT = Path(__file__).parents[2]
QUICK = ("doctor", "--json", "--no-mpi-test")


def by_subject(done):
    return {finding["subject"]: finding for finding in done.json()["findings"]}


@pytest.fixture
def doctor(command):
    def run(*arguments):
        done = command(*QUICK, *arguments)
        report = done.json()
        failed = [finding for finding in report["findings"] if finding["level"] == "fail"]
        assert report["ok"] == (not failed)
        assert done.code == (1 if failed else 0)
        assert not re.search(r"pip install '?hybridq\[", done.out)
        return by_subject(done)

    return run


def test_every_package_of_the_project_file_is_told_with_its_version(doctor):
    found = doctor()
    needs = [text for text in requires("hybridq-sdk") if "extra == 'all'" not in text]
    assert len(needs) > 20
    for requirement in needs:
        name, extra = re.match(r"[\w.-]+", requirement)[0], re.search(r"extra == '([\w-]+)'", requirement)
        if "sys_platform" in requirement and sys.platform != "linux":
            continue
        try:
            assert found[name]["text"].startswith(version(name))
        except PackageNotFoundError:
            assert found[name]["text"] == f"not installed (extra {extra[1]})"


def test_python_hybridq_and_the_machine_are_told(doctor, monkeypatch):
    monkeypatch.setenv("HYBRIDQ_NUM_THREADS", "3")
    monkeypatch.setenv("HYBRIDQ_MEMORY", "5GiB")
    found = doctor()
    assert sys.version.split()[0] in found["Python"]["text"]
    assert str(ROOT / "hybridq") in found["hybridq"]["text"]
    assert found["threads"]["text"] == "3 (HYBRIDQ_NUM_THREADS=3)"
    assert found["memory"]["text"] == "5.0 GiB may be taken (HYBRIDQ_MEMORY)"
    assert found["backend sector"]["level"] == found["circuit uccsd"]["level"] == "ok"


def test_the_real_process_prints_a_line_for_each_finding(process):
    done = process("doctor", "--no-mpi-test")
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert all(re.match(r"(ok|warn|fail) +\S", line) for line in lines[:-1])
    assert done.returncode == (1 if any(line.startswith("fail") for line in lines) else 0)


def test_the_namesake_is_warned_about(doctor, distribution):
    distribution("hybridq", "0.8.1")
    found = doctor()["hybridq, the namesake"]
    assert found["level"] == "warn"
    assert "0.8.1" in found["text"]
    assert "pip uninstall hybridq hybridq-sdk" in found["remedy"]


def test_a_dependency_that_is_too_old_fails(doctor, distribution):
    distribution("pyscf", "1.7")
    found = doctor()["pyscf"]
    assert (found["level"], found["text"]) == ("fail", "1.7 at hand, >=2.8 needed")
    assert "pip install 'pyscf>=2.8'" in found["remedy"]


def test_a_broken_backend_and_a_doubled_name_fail(doctor, distribution):
    entry = "[hybridq.backends]\nwreck = no_such_module_anywhere:Backend\n"
    distribution("wreckers", "1.2", entry)
    found = doctor()["backend wreck"]
    assert found["level"] == "fail"
    assert "wreckers" in found["remedy"]
    distribution("more-wreckers", "3.4", entry)
    assert doctor()["backends"]["level"] == "fail"


def test_variables_that_make_no_sense_fail(doctor, monkeypatch):
    monkeypatch.setenv("HYBRIDQ_NUM_THREADS", "many")
    monkeypatch.setenv("HYBRIDQ_MEMORY", "plenty")
    found = doctor()
    assert "many" in found["threads"]["text"]
    assert "plenty" in found["memory"]["text"]
    assert found["threads"]["level"] == found["memory"]["level"] == "fail"


def test_a_cache_folder_that_cannot_be_written_is_warned_about(doctor, monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    assert doctor()["Numba cache"]["level"] == "ok"
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    found = doctor()["Numba cache"]
    assert found["level"] == "warn"
    assert "NUMBA_CACHE_DIR" in found["remedy"]


@pytest.mark.parametrize("crash", ["import os; os.abort()", "raise RuntimeError('cannot load MPI library')"])
def test_an_mpi_library_that_takes_its_process_down_does_not_take_the_doctor_down(
    doctor, distribution, monkeypatch, tmp_path, crash
):
    distribution("mpi4py", "4.9")
    package = tmp_path / "site" / "mpi4py"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "MPI.py").write_text(crash)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    found = doctor()
    assert found["MPI library"]["level"] == "fail"
    assert "mpi4py 4.9" in found["MPI library"]["text"]
    assert "GPU" in found


def test_a_launcher_whose_ranks_do_not_find_each_other_is_found_out(tmp_path):
    stranger = tmp_path / "mpiexec"
    stranger.write_text('#!/bin/sh\nshift 2\n"$@"\n"$@"\n')  # two processes that know nothing of each other
    stranger.chmod(0o755)
    found = mpi.two_ranks(str(stranger))
    assert found.level == "fail"
    assert "mpiexec -n 2 does not work" in found.text
    assert "launcher" in found.remedy


@pytest.mark.mpi
@pytest.mark.skipif(mpi.find_mpiexec() is None, reason="no mpiexec: python -m pip install mpi4py mpich")
def test_two_real_ranks_are_seen(process):
    done = process("doctor")
    assert re.search(r"^ok +two MPI ranks .* works$", done.stdout, re.MULTILINE), done.stdout


def test_a_command_that_hangs_is_ended_with_its_children():
    started = time.monotonic()
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    answer = ask([sys.executable, "-c", child], 1.0)
    assert time.monotonic() - started < 20
    assert answer.code is None
    assert "no answer within 1 s" in answer.err


def test_a_command_that_is_not_there_is_an_answer():
    answer = ask([os.path.join("no", "such", "tool")], 1.0)
    assert answer.code is None
    assert "No such file" in answer.err


def test_a_check_that_fails_itself_does_not_stop_the_others():
    def wrong():
        raise ZeroDivisionError("oops")

    first, second = collected([("one", wrong), ("two", wrong)])
    assert (first.level, first.subject, second.subject) == ("fail", "one", "two")
    assert "ZeroDivisionError: oops" in first.text
