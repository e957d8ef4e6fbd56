"""GPUs as the driver's library tells them; here the library is a small one, compiled for the test and truly loaded."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest
from fake_driver import CC, NVML, compiled, driver

from hybridq.contract.cuda_driver import Driver, nvidia_hardware, read_driver
from hybridq.contract.cuda_packages import CUPY, Package, cuquantum_misfit, doubled, installed, misfit
from hybridq.contract.devices import chosen, gpu_of_rank, gpus, require_cupy, require_cuquantum, why_no_gpu
from hybridq.contract.errors import CapacityError, InputError, MissingPackage
from hybridq.contract.launcher import local_rank

needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler (cc) on PATH")
ABSENT = "libcuda-that-is-not-there.so.1"
HERE = gpus()
needs_gpu = pytest.mark.skipif(not HERE, reason=f"no GPU: {why_no_gpu()}")
needs_no_cupy = pytest.mark.skipif(bool(installed(CUPY)), reason="CuPy is installed here")


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("OMPI_", "PMI", "PALS_", "MV2_", "MPI_LOCAL", "SLURM_", "PJM_", "FLUX_", "HYBRIDQ_")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def machine(root, *devices):
    """A root folder whose PCI bus holds devices of (vendor, class)."""
    for number, (vendor, kind) in enumerate(devices):
        folder = root / f"sys/bus/pci/devices/0000:{number:02x}:00.0"
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")
    return root


@needs_cc
def test_all_gpus_are_told_with_memory_and_capability(tmp_path):
    first, second = gpus(driver(tmp_path), ABSENT)
    assert (first.index, first.name, first.memory, first.capability) == (0, "Test GPU 0", 40 << 30, (9, 0))
    assert (second.index, second.name, second.memory, second.capability) == (1, "Test GPU 1", 80 << 30, (9, 1))
    assert first.free is None  # without the management library
    assert why_no_gpu(driver(tmp_path)) == ""


@needs_cc
def test_free_memory_is_asked_of_the_same_gpu_also_where_it_is_a_part_made_by_mig(tmp_path):
    nvml = compiled(tmp_path, "nvml", NVML)
    found = read_driver(driver(tmp_path, UUID=1), nvml)
    assert [gpu.free for gpu in found.gpus] == [1000, 2000]
    assert (found.cuda, found.version) == ((13, 0), "580.65.06")
    assert ctypes.CDLL(nvml).still_open() == 0


@needs_cc
def test_a_driver_without_uuids_leaves_the_free_memory_open(tmp_path):
    assert [gpu.free for gpu in gpus(driver(tmp_path), compiled(tmp_path, "nvml", NVML))] == [None, None]


def test_no_driver_is_a_quiet_reason(tmp_path):
    found = read_driver(ABSENT, root=tmp_path)
    assert (found.gpus, found.cuda, found.broken) == ((), None, False)
    assert found.why == f"no NVIDIA driver ({ABSENT} is not there)"


def test_hardware_without_a_driver_is_named(tmp_path):
    root = machine(
        tmp_path, ("0x10de", "0x030200"), ("0x8086", "0x030000"), ("0x10de", "0x040300"), ("0x10de", "0x030000")
    )
    assert nvidia_hardware(root) == 2  # not the other vendor's, and not the sound device
    found = read_driver(ABSENT, root=root)
    assert found.broken
    assert "2 NVIDIA devices are on the PCI bus" in found.why
    assert "install NVIDIA's driver" in found.why


def test_a_library_that_cannot_be_loaded_is_a_fault(tmp_path):
    (tmp_path / "libcuda.so.1").write_text("no library at all")
    found = read_driver(str(tmp_path / "libcuda.so.1"), root=tmp_path)
    assert found.broken
    assert "cannot be loaded" in found.why


@needs_cc
def test_a_library_without_the_drivers_functions_is_a_fault(tmp_path):
    other = compiled(tmp_path, "other", "int cuInit(unsigned flags) { return 0; }")
    found = read_driver(other, root=tmp_path)
    assert found.broken
    assert "cuDriverGetVersion" in found.why


@needs_cc
def test_error_100_is_no_fault_on_a_node_without_hardware_and_one_beside_it(tmp_path, monkeypatch):
    library = driver(tmp_path / "lib", init=100, count=0)
    found = read_driver(library, ABSENT, tmp_path)
    assert (found.broken, found.cuda) == (False, (13, 0))
    assert "finds no GPU on this node" in found.why
    found = read_driver(library, ABSENT, machine(tmp_path, ("0x10de", "0x030200")))
    assert found.broken
    assert "--gpus-per-node" in found.why
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    found = read_driver(library, ABSENT, tmp_path)
    assert not found.broken
    assert "CUDA_VISIBLE_DEVICES is '-1'" in found.why


@needs_cc
def test_a_driver_that_counts_no_device_gives_no_gpu(tmp_path):
    found = read_driver(driver(tmp_path / "lib", count=0), ABSENT, tmp_path)
    assert found.gpus == ()
    assert "finds no GPU" in found.why


@needs_cc
def test_other_errors_are_told_by_number_name_and_remedy(tmp_path):
    found = read_driver(driver(tmp_path, init=803), ABSENT)
    assert found.broken
    assert "error 803 (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH): " in found.why
    assert "restart the machine" in found.why
    assert "error 998" in read_driver(driver(tmp_path, init=998), ABSENT).why
    failing = read_driver(driver(tmp_path, memory_code=999), ABSENT)
    assert failing.gpus == ()
    assert "cuDeviceTotalMem_v2: error 999" in failing.why


RANKS = {
    "a serial process": ({}, 0),
    "Open MPI": ({"OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_RANK": "5", "OMPI_COMM_WORLD_LOCAL_RANK": "1"}, 1),
    "MPICH": ({"PMI_SIZE": "8", "PMI_RANK": "6", "MPI_LOCALNRANKS": "4", "MPI_LOCALRANKID": "2"}, 2),
    "PALS": ({"PALS_SIZE": "8", "PALS_RANKID": "7", "PALS_LOCAL_RANKID": "3"}, 3),
    "Flux": ({"FLUX_JOB_SIZE": "8", "FLUX_TASK_RANK": "7", "FLUX_TASK_LOCAL_ID": "3"}, 3),
    "srun": ({"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "2"}, 2),
    "srun with PMI": ({"PMI_RANK": "5", "PMI_SIZE": "8", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "2"}, 2),
    "a batch script": ({"SLURM_PROCID": "0", "SLURM_LOCALID": "0"}, 0),
    "MPICH in a batch script": ({"SLURM_LOCALID": "0", "PMI_SIZE": "8", "PMI_RANK": "5", "MPI_LOCALRANKID": "1"}, 1),
    "PMIx in a batch script": ({"SLURM_LOCALID": "0", "PMIX_RANK": "3"}, 3),
    "PJM": ({"PMIX_RANK": "9", "PJM_JOBID": "1", "PJM_PROC_BY_NODE": "4"}, 1),
    "MPI turned off": ({"HYBRIDQ_MPI": "off", "PMI_RANK": "3", "PMI_SIZE": "4", "MPI_LOCALRANKID": "3"}, 0),
}


@pytest.mark.parametrize("launcher", RANKS)
def test_each_launcher_tells_the_rank_on_the_node(launcher):
    environ, expected = RANKS[launcher]
    assert local_rank(environ) == expected


def test_ranks_of_a_node_share_its_gpus_evenly():
    taken = [chosen(4, {"PMI_SIZE": "16", "PMI_RANK": str(r), "MPI_LOCALRANKID": str(r % 8)}) for r in range(16)]
    assert [taken.count(index) for index in range(4)] == [4, 4, 4, 4]
    assert taken[:4] == [0, 1, 2, 3]
    assert {chosen(1, {"PMI_SIZE": "4", "PMI_RANK": str(r), "MPI_LOCALRANKID": str(r)}) for r in range(4)} == {0}


@needs_cc
def test_hybridq_gpu_comes_before_the_rank_and_nonsense_is_refused(tmp_path):
    library, rank = driver(tmp_path), {"PMI_SIZE": "2", "PMI_RANK": "1", "MPI_LOCALRANKID": "1"}
    assert gpu_of_rank({}, libcuda=library) == 0
    assert gpu_of_rank(rank, libcuda=library) == 1
    assert gpu_of_rank({**rank, "HYBRIDQ_GPU": "0"}, libcuda=library) == 0
    for wrong in ("2", "-1", "first", "", "1.5", "²"):
        with pytest.raises(InputError, match=r"HYBRIDQ_GPU is .* 2 GPUs .* 0 to 1"):
            gpu_of_rank({"HYBRIDQ_GPU": wrong}, libcuda=library)
    with pytest.raises(InputError, match="CUDA_VISIBLE_DEVICES is '3,5'"):
        gpu_of_rank({"HYBRIDQ_GPU": "5", "CUDA_VISIBLE_DEVICES": "3,5"}, libcuda=library)


@needs_cc
@pytest.mark.mpi
def test_two_real_ranks_take_two_gpus(tmp_path):
    from hybridq.cli.checks.mpi import find_mpiexec

    mpiexec = find_mpiexec()
    if mpiexec is None:
        pytest.skip("no mpiexec: python -m pip install mpi4py mpich")
    code = "import sys; from hybridq.contract.devices import gpu_of_rank as g; print(g(libcuda=sys.argv[1]))"
    command = [mpiexec, "-n", "2", sys.executable, "-c", code, driver(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert sorted("".join(done.stdout.split())) == ["0", "1"]


def test_without_a_gpu_every_door_says_why():
    for door in (lambda: gpu_of_rank(libcuda=ABSENT), lambda: require_cupy(ABSENT), lambda: require_cuquantum(ABSENT)):
        with pytest.raises(CapacityError, match=f"no GPU can be used: no NVIDIA driver|PCI bus.*{ABSENT}"):
            door()


@pytest.mark.parametrize(
    ("package", "cuda", "fits"),
    [("cupy-cuda13x", 12080, False), ("cupy-cuda13x", 13000, True), ("cupy-cuda12x", 12000, True),
     ("cupy-cuda12x", 11080, False), ("cupy-cuda12x", 13010, True), ("cupy", 11000, True)],
)  # fmt: skip
@needs_cc
def test_a_driver_that_is_too_old_for_cupy_is_found_out(tmp_path, distribution_path, package, cuda, fits):
    distribution_path(package, "14.2.0")
    (found,) = installed((package,))
    answer = misfit(found, read_driver(driver(tmp_path, version=cuda), ABSENT))
    assert (answer is None) == fits
    if answer is not None:
        needed = {13: "580", 12: "525"}[found.cuda]
        assert f"{package} 14.2.0 needs CUDA {found.cuda}, and the driver runs CUDA {cuda // 1000}." in answer.what
        assert f"NVIDIA driver {needed} or newer" in answer.remedy
        assert f'"cupy-cuda{cuda // 1000}x[ctk]"' in answer.remedy


@pytest.fixture
def distribution_path(tmp_path, monkeypatch):
    """Put the metadata of a distribution first on the path."""

    def install(name, version):
        folder = tmp_path / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))

    return install


@needs_cc
@needs_no_cupy
def test_a_missing_cupy_is_named_with_what_this_driver_needs(tmp_path):
    for door in (require_cupy, require_cuquantum):
        with pytest.raises(MissingPackage, match=r'^CuPy is not installed: pip install "hybridq-sdk\[gpu\]"$'):
            door(driver(tmp_path))
    with pytest.raises(MissingPackage, match=r'pip install "cupy-cuda12x\[ctk\]" cuquantum-python-cu12'):
        require_cupy(driver(tmp_path, version=12040))


@needs_cc
@needs_no_cupy
def test_a_missing_cuquantum_an_old_one_and_a_broken_cupy_are_named(tmp_path, distribution_path):
    library = driver(tmp_path)
    distribution_path("cupy-cuda13x", "14.2.0")
    with pytest.raises(MissingPackage, match=r"cuQuantum's Python package is not installed: .*hybridq-sdk\[gpu\]"):
        require_cuquantum(library)
    with pytest.raises(MissingPackage, match=r"cupy cannot be imported from cupy-cuda13x 14.2.0: ModuleNotFoundError"):
        require_cupy(library)
    with pytest.raises(CapacityError, match=r"cupy-cuda13x 14.2.0 needs CUDA 13.*driver runs CUDA 12.4"):
        require_cupy(driver(tmp_path, version=12040))
    distribution_path("cuquantum-python-cu13", "25.9.1")
    with pytest.raises(MissingPackage, match=r"cuquantum-python-cu13 25.9.1 is too old, .* 26 or newer"):
        require_cuquantum(library)
    distribution_path("cupy-cuda12x", "14.2.0")
    with pytest.raises(MissingPackage, match="pip uninstall cupy-cuda13x cupy-cuda12x"):
        require_cupy(library)


@needs_cc
@pytest.mark.skipif(len(installed(CUPY)) != 1, reason="CuPy is not installed (extra gpu)")
@pytest.mark.skipif(bool(HERE), reason="this machine has a GPU")
def test_a_cupy_that_sees_no_gpu_though_the_driver_does_is_told(tmp_path):
    with pytest.raises(CapacityError, match=r"finds no GPU, though the driver has 2: cudaError"):
        require_cupy(driver(tmp_path))


def test_packages_for_two_versions_of_cuda_are_told_apart():
    cuquantum, cupy = Package("cuquantum-python-cu13", "26.9.0", 13), Package("cupy-cuda12x", "14.2.0", 12)
    found = cuquantum_misfit(cuquantum, cupy)
    assert found is not None
    assert "cuquantum-python-cu12" in found.remedy
    assert cuquantum_misfit(cuquantum, Package("cupy", "14.2.0", None)) is None
    assert doubled((cupy,)) is None
    assert misfit(cupy, Driver((13, 0), None, (), "", False)) is None


@needs_gpu
def test_the_real_driver_tells_a_gpu():
    found = read_driver()
    assert found.cuda is not None
    assert found.cuda[0] >= 11
    for gpu in found.gpus:
        assert gpu.name
        assert gpu.memory > 1 << 28
        assert gpu.free is None or gpu.free <= gpu.memory
        assert gpu.capability >= (3, 0)
