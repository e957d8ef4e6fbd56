"""How many threads, by environment, affinity and quota."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from hybridq.contract.errors import InputError
from hybridq.contract.launcher import Launch, launch
from hybridq.contract.threads import available_threads, cpu_quota, ranks_on_node

PREFIXES = ("OMPI_", "PMI", "PALS_", "MV2_", "MPI_LOCAL", "SLURM_", "PJM_", "FLUX_", "HYBRIDQ_", "OMP_NUM")


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)


@dataclass
class Node:
    local_size: int


def test_own_variable_comes_before_openmp_and_both_before_the_machine(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5,2")
    assert available_threads() == 5
    monkeypatch.setenv("HYBRIDQ_NUM_THREADS", "7")
    assert available_threads() == 7


@pytest.mark.parametrize("text", ["0", "-2", "many", "", "1.5", "²", "99999999"])
def test_nonsense_numbers_of_threads_are_refused(monkeypatch, text):
    monkeypatch.setenv("HYBRIDQ_NUM_THREADS", text)
    with pytest.raises(InputError, match="HYBRIDQ_NUM_THREADS"):
        available_threads()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no CPU affinity")
def test_affinity_is_respected():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from hybridq.contract.threads import available_threads; print(available_threads())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_ranks_on_a_node_share_its_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    monkeypatch.setattr("hybridq.contract.threads.cpu_quota", lambda: None)
    assert available_threads() == 16
    assert available_threads(Node(4)) == 4
    assert available_threads(Node(64)) == 1
    monkeypatch.setenv("PMI_SIZE", "32")
    monkeypatch.setenv("MPI_LOCALNRANKS", "8")
    assert available_threads() == 2


def test_a_rank_that_its_launcher_bound_keeps_all_its_processors(monkeypatch):
    mine = os.getpid()
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8 if pid in (0, mine) else 64)), raising=False)
    monkeypatch.setattr("hybridq.contract.threads.cpu_quota", lambda: None)
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "8")
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "8")
    assert available_threads() == 8


def test_a_cpu_quota_is_shared_by_the_ranks(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    monkeypatch.setattr("hybridq.contract.threads.cpu_quota", lambda: 6.5)
    assert available_threads() == 6
    assert available_threads(Node(3)) == 2
    assert available_threads(Node(10)) == 1


def test_quota_is_the_least_of_a_version_2_group_and_its_parents(tmp_path):
    group = tmp_path / "sys/fs/cgroup/slurm/job"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/slurm/job\n")
    assert cpu_quota(tmp_path) is None
    (group / "cpu.max").write_text("max 100000\n")
    assert cpu_quota(tmp_path) is None
    (group.parent / "cpu.max").write_text("250000 100000\n")
    assert cpu_quota(tmp_path) == 2.5


def test_quota_of_a_version_1_group_in_a_container(tmp_path):
    mount = tmp_path / "sys/fs/cgroup/cpu,cpuacct"
    mount.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n")
    (mount / "cpu.cfs_quota_us").write_text("-1\n")
    (mount / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu_quota(tmp_path) is None
    (mount / "cpu.cfs_quota_us").write_text("150000\n")
    assert cpu_quota(tmp_path) == 1.5


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"}, (4, 1, 2)),
        ({"PMI_SIZE": "4", "PMI_RANK": "3", "MPI_LOCALNRANKS": "4"}, (4, 3, 4)),
        ({"PMI_SIZE": "4", "PMI_RANK": "3", "PMI_LOCAL_SIZE": "2"}, (4, 3, 2)),
        ({"PALS_RANKID": "2"}, (None, 2, None)),
        ({"PMIX_RANK": "2", "PJM_JOBID": "9", "PJM_MPI_PROC": "48", "PJM_PROC_BY_NODE": "4"}, (None, 2, 4)),
        ({"PMIX_RANK": "2", "SLURM_STEP_NUM_TASKS": "6", "SLURM_STEP_TASKS_PER_NODE": "3(x2)"}, (6, 2, 3)),
        (
            {
                "SLURM_PROCID": "5",
                "SLURM_STEP_NUM_TASKS": "11",
                "SLURM_STEP_TASKS_PER_NODE": "4(x2),3",
                "SLURM_NODEID": "2",
            },
            (11, 5, 3),
        ),
        # A batch script is not a rank, whatever the job asked for.
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "64", "SLURM_TASKS_PER_NODE": "64"}, None),
        ({"PMI_SIZE": "4", "PMI_RANK": "0", "HYBRIDQ_MPI": "off"}, None),
        ({"HYBRIDQ_MPI": "on"}, (None, None, None)),
        # mpiexec inside a Slurm step: the inner launcher speaks.
        ({"PMI_SIZE": "8", "PMI_RANK": "0", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"}, (8, 0, None)),
    ],
)
def test_launchers_are_recognised_by_their_variables(environ, expected):
    found = launch(environ)
    assert (found and (found.size, found.rank, found.local_size)) == expected


@pytest.mark.parametrize(
    "environ", [{"PMI_SIZE": "zero"}, {"PMI_SIZE": "0"}, {"OMPI_COMM_WORLD_RANK": "-1"}, {"HYBRIDQ_MPI": "perhaps"}]
)
def test_nonsense_from_a_launcher_is_refused_by_name(environ):
    with pytest.raises(InputError, match=next(iter(environ))):
        launch(environ)


def test_ranks_on_a_node_are_all_ranks_where_the_launcher_does_not_tell():
    assert ranks_on_node(None) == 1
    assert ranks_on_node(Launch("x", 6, 0, None)) == 6
    assert ranks_on_node(Launch("x", None, 0, None)) == 1
