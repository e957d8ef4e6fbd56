"""How much memory, by environment, groups and limits."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridq.contract.errors import InputError
from hybridq.contract.memory import available_memory, group_memory, parse_bytes

GIB = 1 << 30


@dataclass
class Node:
    local_size: int


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch):
    for name in ("HYBRIDQ_MEMORY", "PMI_SIZE", "PMI_RANK", "MPI_LOCALNRANKS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("8GiB", 8 * GIB), ("8 gib", 8 * GIB), ("8G", 8 * GIB), ("8GB", 8 * 10**9), ("1.5K", 1536), ("1000", 1000)],
)
def test_amounts_are_read_with_their_units(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "GiB", "-1G", "0", "8 lots", "1e9", "nan"])
def test_nonsense_amounts_are_refused(monkeypatch, text):
    monkeypatch.setenv("HYBRIDQ_MEMORY", text)
    with pytest.raises(InputError, match="HYBRIDQ_MEMORY"):
        available_memory()


@given(st.integers(1, 1 << 50))
def test_a_number_alone_is_bytes(n):
    assert parse_bytes(str(n)) == n


def test_own_variable_replaces_what_is_measured(monkeypatch):
    monkeypatch.setenv("HYBRIDQ_MEMORY", "3GiB")
    assert available_memory(Node(8)) == 3 * GIB


def test_memory_is_at_most_what_the_system_calls_available_and_ranks_share_it():
    alone = available_memory()
    assert 0 < alone <= psutil.virtual_memory().total
    assert available_memory(Node(4)) == pytest.approx(alone / 4, rel=0.2)


def test_a_limit_on_address_space_is_respected():
    code = (
        "import resource, psutil; import hybridq.contract.memory as m\n"
        "used = psutil.Process().memory_info().vms\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 300 * 2**20, -1))\n"
        "print(m.available_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) <= 300 * 2**20


def test_a_group_leaves_its_limit_less_what_is_used_without_page_cache(tmp_path):
    group = tmp_path / "sys/fs/cgroup/job/step"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/job/step\n")
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("100\n")
    assert group_memory(tmp_path) is None
    (group.parent / "memory.max").write_text("1000\n")
    (group.parent / "memory.current").write_text("700\n")
    (group.parent / "memory.stat").write_text("anon 1\ninactive_file 200\n")
    assert group_memory(tmp_path) == 500


def test_a_version_1_group_without_a_limit_sets_none(tmp_path):
    group = tmp_path / "sys/fs/cgroup/memory/job"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/job\n")
    (group / "memory.usage_in_bytes").write_text("100\n")
    (group / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert group_memory(tmp_path) is None
    (group / "memory.limit_in_bytes").write_text("4096\n")
    assert group_memory(tmp_path) == 3996
