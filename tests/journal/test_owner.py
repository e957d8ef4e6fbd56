"""Who owns a run after its process ended in an unusual way."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from hybridq.contract.errors import InputError
from hybridq.journal import RunFolder, owner
from hybridq.journal.owner import OWNER

SPEC = {"loop": "test"}
HOLDER = """
import sys, time
from hybridq.journal import RunFolder
folder = RunFolder(sys.argv[1], {"loop": "test"})
print("open", flush=True)
time.sleep(60)
"""


def test_a_killed_owner_whose_parent_did_not_notice_yet_is_dead(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(InputError, match=f"being written by process {holder.pid} "):
            RunFolder(tmp_path / "run", SPEC)
        os.kill(holder.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while (state := os.popen(f"ps -o state= -p {holder.pid}").read().strip()) != "Z":  # nobody has waited for it
            assert time.monotonic() < deadline, state
            time.sleep(0.01)
        RunFolder(tmp_path / "run", SPEC).close()
    finally:
        holder.kill()
        holder.wait()


def test_an_owner_that_died_before_it_wrote_its_name_is_waited_for_shortly(tmp_path, monkeypatch):
    monkeypatch.setattr(owner, "NAMELESS", 1.0)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / OWNER).touch()
    began = time.monotonic()
    RunFolder(tmp_path / "run", SPEC).close()
    assert 0.5 < time.monotonic() - began < 10


def test_a_disk_without_room_for_the_owner_is_told_and_leaves_no_owner(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(InputError, match="cannot write the run folder .*: No space left"):
        RunFolder(tmp_path / "run", SPEC)
    assert not (tmp_path / "run" / OWNER).exists()


def test_one_line_of_something_else_is_not_overwritten(tmp_path):
    (tmp_path / "journal.jsonl").write_text("precious\n")
    with pytest.raises(InputError, match="is not a journal of hybridq"):
        RunFolder(tmp_path, SPEC)
    assert (tmp_path / "journal.jsonl").read_text() == "precious\n"
