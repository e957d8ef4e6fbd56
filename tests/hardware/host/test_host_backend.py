"""A run on a backend of another environment: the same bits, also where the host is killed in mid-run."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest
from folder_device import FolderDevice
from other_python import with_plugin

import hybridq as hq
from hybridq.contract.errors import InputError
from hybridq.hardware import DeviceBackend, Patience
from hybridq.registry import backend
from hybridq_host import HostBackend
from hybridq_host.backend import interpreter, variable_for

# A host takes a second to start again, and more where others are at work.
PATIENT = Patience(first_pause=0.01, longest_pause=0.1, poll_seconds=0.01, longest_poll=0.05)


@pytest.fixture(scope="module")
def problem():
    from pyscf import M

    return hq.Problem.from_pyscf(M(atom="H 0 0 0; H 0 0 0.74", basis="sto-3g", verbose=0).RHF().run())


def vqe(problem, on, run=None, iterations=3):
    return hq.VQE(
        problem,
        backend=on,
        run=run,
        shots=2000,
        optimizer="SPSA",
        optimizer_options={"iterations": iterations, "calibration": 2},
        seed=5,
        progress=False,
    )


def killing(device, moments):
    """A thread that kills the host each time that a moment has come."""
    killed = []

    def watch():
        for moment in moments:
            while not moment():
                time.sleep(0.002)
            pid = device.pid
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread, killed


def test_a_run_gives_the_same_bits_as_in_this_environment(problem):
    pytest.importorskip("qiskit_aer")
    here = vqe(problem, backend("qiskit:aer", grouping="commuting", patience=PATIENT)).run()
    there = backend("host:qiskit:aer", python=sys.executable, grouping="commuting", patience=PATIENT)
    assert isinstance(there, DeviceBackend)
    assert not there.capabilities.durable_jobs
    assert vqe(problem, there).run().energy.hex() == here.energy.hex()


def test_a_run_on_a_simulator_ends_with_the_same_bits_though_its_host_is_killed(problem):
    pytest.importorskip("qiskit_aer")
    plain = vqe(problem, backend("qiskit:aer", patience=PATIENT)).run()
    there = backend("host:qiskit:aer", python=sys.executable, patience=PATIENT)
    jobs = there.device._jobs
    _, killed = killing(there.device, [lambda: len(jobs) > 3, lambda: len(jobs) > 9])
    assert vqe(problem, there).run().energy.hex() == plain.energy.hex()
    assert len(set(killed)) == 2


def test_a_run_whose_host_is_killed_pays_for_nothing_twice(problem, tmp_path):
    unharmed, harmed = FolderDevice(tmp_path / "unharmed"), FolderDevice(tmp_path / "harmed")
    # A tag is of a run, so that both have a folder of the same kind; energies depend on neither.
    plain = vqe(problem, DeviceBackend(unharmed, patience=PATIENT), tmp_path / "a.run").run()
    there = HostBackend(f"folder:{harmed.folder}", python=with_plugin(tmp_path), patience=PATIENT)
    thread, killed = killing(
        there.device, [lambda n=n: len(list(harmed.folder.glob("job-*.json"))) >= n for n in (2, 5, 8)]
    )
    found = vqe(problem, there, tmp_path / "b.run").run()
    thread.join(10)
    assert found.energy.hex() == plain.energy.hex()
    assert len(set(killed)) == 3
    tags = [job["tag"] for job in harmed.jobs().values()]
    assert len(set(tags)) == len(tags) == len(unharmed.jobs())


def test_a_run_is_resumed_from_its_folder_with_the_backend_of_the_other_environment(problem, tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDQ_HOST_FOLDER", with_plugin(tmp_path))
    name, run = f"host:folder:{tmp_path / 'vendor'}", tmp_path / "one.run"
    first = hq.VQE(
        problem, backend=backend(name, patience=PATIENT, grouping="commuting"), run=run, shots=500, seed=1,
        optimizer="SPSA", optimizer_options={"iterations": 3, "calibration": 2}, max_evaluations=8, progress=False,
    ).run()  # fmt: skip
    jobs = len(FolderDevice(tmp_path / "vendor").jobs())
    assert first.backend == name
    resumed = hq.resume(run, max_evaluations=40, progress=False).run()
    assert resumed.evaluations > first.evaluations
    assert len(FolderDevice(tmp_path / "vendor").jobs()) > jobs


def test_the_environment_is_found_by_option_or_by_a_variable_of_its_own(monkeypatch):
    assert variable_for("aqt:offline_simulator") == "HYBRIDQ_HOST_AQT"
    assert variable_for("my-vendor") == "HYBRIDQ_HOST_MY_VENDOR"
    monkeypatch.setenv("HYBRIDQ_HOST_AQT", "/opt/aqt/bin/python")
    assert interpreter("aqt", None) == "/opt/aqt/bin/python"
    assert interpreter("aqt", "/another/python") == "/another/python"
    monkeypatch.delenv("HYBRIDQ_HOST_AQT")
    with pytest.raises(InputError, match=r"python=/path/to/bin/python, or set HYBRIDQ_HOST_AQT"):
        backend("host:aqt")
    with pytest.raises(InputError, match="which backend"):
        backend("host")


def test_options_of_both_sides_are_checked():
    pytest.importorskip("qiskit_aer")
    with pytest.raises(InputError, match="grouping"):
        backend("host:qiskit:aer", python=sys.executable, grouping="by-colour")
    with pytest.raises(InputError, match="optimization_level"):
        backend("host:qiskit:aer", python=sys.executable, optimization_level="three")
