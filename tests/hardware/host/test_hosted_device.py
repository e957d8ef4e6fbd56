"""A device in another process does what it does in this one, and outlives what can happen to that process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from folder_device import FolderDevice
from other_python import saying, script, with_plugin
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError, CapacityError, InputError, JobNotFound
from hybridq.hardware import Remedy, Run
from hybridq.hardware.host import PROTOCOL
from hybridq.hardware.host.wire import read_version
from hybridq.registry import backend
from hybridq_host import HostedDevice, HostError, HostLost

LINUX = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc, as on Linux")


def ansatz():
    t = ParameterVector("t", 2)
    circuit = QuantumCircuit(2)
    circuit.ry(t[0], 0)
    circuit.cx(0, 1)
    circuit.rx(2 * t[1] + t[0], 1)
    tail = QuantumCircuit(2)
    tail.h(0)
    return circuit, [QuantumCircuit(2), tail]


def done(device, job_id, seconds=60):
    until = time.monotonic() + seconds
    while (status := device.status(job_id)) in (Status.QUEUED, Status.RUNNING):
        assert time.monotonic() < until
        time.sleep(0.01)
    return status


def counts_of(device, compiled, seed=7):
    values = np.array([0.7, 0.4])
    job_id = device.submit([Run(p, values, 500, seed) for p in compiled.programs], "tag")
    assert done(device, job_id) is Status.DONE
    return [dict(c) for c in device.counts(job_id)]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def ends(pid, seconds=60):
    until = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not is_alive(pid)


@pytest.fixture(scope="module")
def aer():
    pytest.importorskip("qiskit_aer")
    device = HostedDevice(sys.executable, "qiskit:aer", {"seed": 3})
    yield device
    device.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A hosted device whose vendor is a folder, and the vendor."""
    path = tmp_path_factory.mktemp("vendor")
    device = HostedDevice(with_plugin(tmp_path_factory.mktemp("other")), f"folder:{path}")
    yield device, FolderDevice(path)
    device.close()


def test_it_gives_the_same_counts_as_in_this_process(aer):
    here = backend("qiskit:aer", seed=3).device
    assert aer.pid != os.getpid()
    assert (aer.n_qubits, aer.limits, aer.local) == (here.n_qubits, here.limits, here.local)
    made, there = here.compile(*ansatz()), aer.compile(*ansatz())
    assert there.qubits == made.qubits
    assert json.loads(json.dumps(made.facts)) == there.facts
    assert counts_of(aer, there) == counts_of(here, made)
    runs = [Run(there.programs[0], np.zeros(2), 100)]
    assert aer.price(runs) == here.price([Run(made.programs[0], np.zeros(2), 100)])


def test_its_facts_tell_the_versions_on_both_sides(aer):
    told = aer.facts()
    assert told["device"] == "qiskit:aer"
    assert set(told["host"]) == {"hybridq", "python", "qiskit"}
    json.dumps(told)


def test_programs_are_folded_and_shown_there(aer):
    program = aer.compile(*ansatz()).programs[0]
    folded = aer.fold(program, 3)
    assert aer.show(program).count("cx ") == 1
    assert aer.show(folded).count("cx ") == 3
    plain, noisier = (counts_of(aer, type("C", (), {"programs": (p,)})) for p in (program, folded))
    assert plain == noisier  # a simulator without noise
    with pytest.raises(InputError, match="odd"):
        aer.fold(program, 2)


def test_errors_of_hybridq_cross_as_they_are(aer):
    with pytest.raises(JobNotFound, match="nothing-like-that"):
        aer.status("nothing-like-that")
    wide = QuantumCircuit(aer.n_qubits + 1)
    with pytest.raises(CapacityError, match=str(aer.n_qubits)):
        aer.compile(wide, [QuantumCircuit(aer.n_qubits + 1)])


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("nobody", {}, "unknown backend 'nobody'"),
        ("sector", {}, "no quantum hardware"),
        ("qiskit:fake_nothing", {}, "unknown simulator"),
        ("qiskit:aer", {"colour": "red"}, "colour"),
    ],
)
def test_a_backend_that_cannot_be_had_is_refused_in_words(name, options, words):
    with pytest.raises(InputError, match=words):
        HostedDevice(sys.executable, name, options)


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [("refuse", "retry"), ("lose", "look"), ("away", "wait"), ("denied", "ask"), ("bug", "give up")],
)
def test_errors_of_the_vendor_cross_with_the_remedy_that_its_device_knows(folder, fault, remedy):
    device, vendor = folder
    program = device.compile(*ansatz()).programs[0]
    vendor.plan_faults("submit", [fault])
    with pytest.raises(HostError, match=f"Trouble: the service said: {fault}") as told:
        device.submit([Run(program, np.zeros(2), 10)], "a-tag")
    assert device.remedy(told.value) is Remedy(remedy)


def test_a_request_that_hangs_at_the_vendors_holds_up_no_other(folder):
    device, vendor = folder
    program = device.compile(*ansatz()).programs[0]
    job_id = device.submit([Run(program, np.zeros(2), 10)], "another-tag")
    vendor.plan_faults("find", ["hang"])

    def hang():
        with suppress(HostLost):  # when the host ends at last
            device.find("another-tag")

    hanging = threading.Thread(target=hang, daemon=True)
    hanging.start()
    while json.loads((vendor.folder / "fault-find").read_text()):
        time.sleep(0.01)
    assert device.status(job_id) is Status.DONE
    assert list(device.find("another-tag")) == [job_id]
    assert hanging.is_alive()


def test_secrets_in_what_the_vendor_says_stay_there(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDER_API_KEY", "nobody-may-see-this")
    device = HostedDevice(with_plugin(tmp_path), f"folder:{tmp_path / 'vendor'}")
    FolderDevice(tmp_path / "vendor").plan_faults("status", ["nobody-may-see-this"])
    with pytest.raises(HostError, match=r"the service said: \*\*\*") as told:
        device.status("a-job")
    assert "nobody" not in repr(told.value)
    assert device.remedy(told.value) is Remedy.GIVE_UP
    device.close()


def test_a_job_at_the_vendors_outlives_the_host(folder):
    device, vendor = folder
    vendor.plan_fates(["queued 3"])
    compiled = device.compile(*ansatz())
    job_id = device.submit([Run(compiled.programs[0], np.zeros(2), 10, 1)], "tag-of-a-job")
    before = device.pid
    os.kill(before, signal.SIGKILL)
    assert ends(before)
    until = time.monotonic() + 60
    while device.pid == before and time.monotonic() < until:  # its end is seen a moment after it
        time.sleep(0.01)
    assert device.pid != before
    assert done(device, job_id) is Status.DONE
    assert device.counts(job_id) == vendor.counts(job_id)
    # Programs are compiled anew where they are asked for.
    assert device.submit([Run(compiled.programs[1], np.zeros(2), 10, 1)], "next") in vendor.jobs()


def test_a_host_that_dies_during_a_submission_leaves_the_vendor_to_be_asked(folder):
    device, vendor = folder
    program = device.compile(*ansatz()).programs[0]
    vendor.plan_faults("submit", ["hang"])
    met = []

    def submit():
        try:
            device.submit([Run(program, np.zeros(2), 10)], "lost-tag")
        except HostLost as error:
            met.append(error)

    waiting = threading.Thread(target=submit)
    waiting.start()
    while json.loads((vendor.folder / "fault-submit").read_text()):
        time.sleep(0.01)
    os.kill(device.pid, signal.SIGKILL)
    waiting.join(10)
    assert "signal 9" in str(met[0])
    assert device.remedy(met[0]) is Remedy.LOOK
    assert list(device.find("lost-tag")) == []


def test_a_job_inside_a_host_that_died_has_failed_and_can_be_done_again(aer):
    compiled = aer.compile(*ansatz())
    job_id = aer.submit([Run(compiled.programs[0], np.zeros(2), 10, 1)], "tag")
    before = counts_of(aer, compiled)
    os.kill(aer.pid, signal.SIGKILL)
    time.sleep(0.1)
    assert done(aer, job_id) is Status.FAILED
    assert "ended" in aer.failure(job_id)
    aer.cancel(job_id)
    assert counts_of(aer, compiled) == before


PARENT = """
import os, sys, time
from hybridq_host import HostedDevice
device = HostedDevice(sys.executable, "qiskit:aer")
{more}
print(device.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("more", ["", "if os.fork() == 0: time.sleep(20); os._exit(0)"])
def test_the_host_ends_when_its_parent_is_killed(more):
    pytest.importorskip("qiskit_aer")
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT).format(more=more)], stdout=subprocess.PIPE, text=True
    )
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    assert ends(pid)


def test_the_host_ends_with_its_device():
    pytest.importorskip("qiskit_aer")
    device = HostedDevice(sys.executable, "qiskit:aer")
    pid = device.pid
    del device
    assert ends(pid)


@LINUX
def test_no_secret_and_no_option_is_among_the_arguments(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDER_API_KEY", "nobody-may-see-this")
    device = HostedDevice(with_plugin(tmp_path), f"folder:{tmp_path / 'vendor'}", {"searchable": False})
    arguments = Path(f"/proc/{device.pid}/cmdline").read_bytes().split(b"\0")
    passed = Path(f"/proc/{device.pid}/environ").read_bytes()
    assert b"nobody-may-see-this" in passed
    assert arguments[1:] == [b"-P", b"-m", b"hybridq", b"host", f"folder:{tmp_path / 'vendor'}".encode(), b""]
    assert device.find("any") is None  # the option arrived
    device.close()


def test_secrets_are_refused_as_options_and_as_arguments():
    with pytest.raises(InputError, match=r"token: options are written into run folders.*environment variable") as told:
        HostedDevice(sys.executable, "qiskit:aer", {"token": "nobody-may-see-this"})
    assert "nobody" not in str(told.value)
    ran = subprocess.run(
        [sys.executable, "-m", "hybridq", "host", "qiskit:aer", "--option", "token=nobody-may-see-this"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert ran.returncode == 2
    assert "token" in ran.stderr
    assert "nobody" not in ran.stderr


def hello(**other):
    return json.dumps({"protocol": PROTOCOL, "hybridq": "0.1.0", "qpy": read_version(), "qiskit": "2.4.1", **other})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"protocol": 99, "hybridq": "9.9"}, r"hybridq 9.9 and speaks protocol 99.*same hybridq in both"),
        ({"qpy": None}, "has no Qiskit"),
        ({"qpy": 7, "qiskit": "0.25"}, r"Qiskit 0.25, which reads circuits of QPY 7 at most"),
    ],
)
def test_a_host_that_does_not_fit_is_refused_in_words(tmp_path, said, words):
    with pytest.raises(BackendError, match=words):
        HostedDevice(saying(tmp_path, hello(**said)), "qiskit:aer")


def test_garbage_before_the_first_message_is_passed_over(tmp_path):
    device = HostedDevice(with_plugin(tmp_path, "echo Welcome to this cluster"), f"folder:{tmp_path / 'vendor'}")
    assert device.n_qubits == 12
    device.close()


def test_garbage_where_an_answer_is_due_ends_the_host(tmp_path):
    with pytest.raises(BackendError, match="it wrote 'nonsense' where an answer was due"):
        HostedDevice(saying(tmp_path, hello(), after="nonsense"), "qiskit:aer")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo no module named hybridq >&2; exit 1", r"exit code 1, last words: no module named hybridq"),
        ("exit 0", "did not begin to speak"),
        ("kill -9 $$", "signal 9"),
    ],
)
def test_a_host_that_does_not_start_says_why(tmp_path, text, words):
    with pytest.raises(BackendError, match=words):
        HostedDevice(script(tmp_path / "python", text), "qiskit:aer")


def test_an_interpreter_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="no Python interpreter at"):
        HostedDevice(str(tmp_path / "python"), "qiskit:aer")


def test_programs_that_nobody_holds_are_forgotten_there(aer):
    compiled = aer.compile(*ansatz())
    kept = aer.compile(*ansatz())
    gone = compiled.programs[0].ref.key
    del compiled
    assert gone in aer._forgotten
    counts_of(aer, kept)
    assert gone not in aer._forgotten
    with pytest.raises(HostError, match="UnknownProgram"):
        aer._living()[0].ask("show", {"program": [gone, 0, 1]})


def test_the_protocol_is_lines_of_json_on_stdin_and_stdout_and_nothing_else(tmp_path):
    python = with_plugin(tmp_path)  # its backend prints to stdout
    with subprocess.Popen(
        [python, "-m", "hybridq", "host", f"folder:{tmp_path / 'vendor'}", "--option", "searchable=false"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as host:  # fmt: skip

        def ask(number, call, **words):
            print(json.dumps({"id": number, "call": call, "with": words}), file=host.stdin, flush=True)
            return json.loads(host.stdout.readline())

        first = json.loads(host.stdout.readline())
        assert (first["protocol"], first["pid"]) == (PROTOCOL, host.pid)
        early = ask(0, "find", tag="x")["error"]
        assert (early["class"], early["ours"]) == ("InputError", True)
        assert ask(1, "open", options={})["value"] == {
            "name": "folder", "n_qubits": 12, "local": False,
            "limits": {"circuits": None, "shots": None, "same_shots": True},
        }  # fmt: skip
        assert ask(2, "find", tag="x") == {"id": 2, "value": None}
        assert ask(3, "dance")["error"]["class"] == "BackendError"
        host.stdin.write("nonsense\n")
        assert ask(4, "find", tag="x")["id"] == 4
        host.stdin.close()
        assert host.wait(10) == 0
        assert host.stdout.read() == ""
        assert "the vendor greets you" in host.stderr.read()
