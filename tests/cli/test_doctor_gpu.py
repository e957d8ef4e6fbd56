"""The doctor's lines on the GPU: a real process tries the packages, and the driver's library is one made here."""

from __future__ import annotations

import json
import os
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from hybridq.cli.checks.finding import Answer, ask
from hybridq.cli.checks.gpu import PROBE, gpu, probed
from hybridq.contract.cuda_packages import CUPY, CUQUANTUM, Package, installed
from hybridq.contract.devices import gpus, why_no_gpu

FAKE = runpy.run_path(str(Path(__file__).parents[1] / "contract" / "fake_driver.py"))
ABSENT = "libcuda-that-is-not-there.so.1"
needs_cc = pytest.mark.skipif(FAKE["CC"] is None, reason="no C compiler (cc) on PATH")
needs_no_cupy = pytest.mark.skipif(bool(installed((*CUPY, *CUQUANTUM))), reason="CuPy or cuQuantum is installed here")
needs_gpu = pytest.mark.skipif(not gpus(), reason=f"no GPU: {why_no_gpu()}")
CUPY13 = Package("cupy-cuda13x", "14.2.0", 13)
CUQUANTUM13 = Package("cuquantum-python-cu13", "26.9.0", 13)


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("OMPI_", "PMI", "PALS_", "MV2_", "MPI_LOCAL", "SLURM_", "PJM_", "FLUX_", "HYBRIDQ_")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def by_subject(findings):
    return {finding.subject: finding for finding in findings}


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Put a distribution on the path whose module is this text, for this process and its children."""

    def install(name, version, module, text):
        site = tmp_path / "site"
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (site / module).parent.mkdir(parents=True, exist_ok=True)
        (site / module).write_text(text)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.setenv("PYTHONPATH", str(site))

    return install


PATHFINDER = "def load_nvidia_dynamic_lib(name):\n    raise RuntimeError(f'Failure finding \"lib{name}.so.13\"')\n"


@pytest.mark.skipif(bool(gpus()), reason="this machine has a GPU")
def test_without_a_gpu_there_is_one_quiet_line():
    findings = list(gpu())
    assert len(findings) == 1
    assert findings[0].subject == "GPU"
    if findings[0].level == "ok":  # else NVIDIA's hardware is here without its driver
        assert findings[0].text == f'none: {why_no_gpu()}; for a machine with one: pip install "hybridq-sdk[gpu]"'
        assert not findings[0].remedy


@needs_cc
def test_a_driver_that_does_not_start_is_a_warning(tmp_path):
    (finding,) = gpu(FAKE["driver"](tmp_path, init=803), ABSENT)
    assert finding.level == "warn"
    assert "error 803" in finding.text


@needs_cc
@needs_no_cupy
def test_gpus_the_one_taken_and_what_to_install_are_told(tmp_path, monkeypatch):
    library, nvml = FAKE["driver"](tmp_path, UUID=1), FAKE["compiled"](tmp_path, "nvml", FAKE["NVML"])
    found = by_subject(gpu(library, nvml))
    assert {finding.level for finding in found.values()} == {"ok"}
    assert found["NVIDIA driver"].text == "driver 580.65.06, runs CUDA up to 13.0"
    assert found["GPU 1"].text == "Test GPU 1, 80.0 GiB, 2.0 KiB free, compute capability 9.1"
    assert found["GPU taken"].text == "0 by this process (the first)"
    assert "hybridq-sdk[gpu]" in found["CuPy"].remedy
    assert "hybridq-sdk[gpu]" in found["cuQuantum"].remedy
    monkeypatch.setenv("HYBRIDQ_GPU", "1")
    assert by_subject(gpu(library, nvml))["GPU taken"].text == "1 by this process (HYBRIDQ_GPU)"
    monkeypatch.setenv("HYBRIDQ_GPU", "2")
    assert by_subject(gpu(library, nvml))["GPU taken"].level == "fail"


@needs_cc
@needs_no_cupy
def test_a_driver_too_old_for_the_installed_cupy_fails_with_both_remedies(tmp_path, broken):
    broken("cupy-cuda13x", "14.2.0", "cupy/__init__.py", "")
    found = by_subject(gpu(FAKE["driver"](tmp_path, version=12040), ABSENT))["CuPy"]
    assert found.level == "fail"
    assert found.text == "cupy-cuda13x 14.2.0 needs CUDA 13, and the driver runs CUDA 12.4 at most"
    assert "update to NVIDIA driver 580 or newer" in found.remedy
    assert "cupy-cuda12x[ctk]" in found.remedy


@needs_cc
@needs_no_cupy
def test_a_missing_library_fails_by_name_in_a_real_process(tmp_path, broken):
    broken("cupy-cuda13x", "14.2.0", "cuda/pathfinder.py", PATHFINDER)
    broken("cuquantum-python-cu13", "26.9.0", "cuquantum/__init__.py", "")
    found = by_subject(gpu(FAKE["driver"](tmp_path), ABSENT))
    assert found["CuPy"].level == "fail"
    assert 'fails (libraries): RuntimeError: Failure finding "libcublas.so.13"' in found["CuPy"].text
    assert found["CuPy"].remedy == 'pip install "cupy-cuda13x[ctk]"'
    assert found["cuQuantum"].text == "cuquantum-python-cu13 26.9.0, not tried before CuPy works"


@needs_cc
@needs_no_cupy
def test_a_cupy_that_takes_its_process_down_does_not_take_the_doctor_down(tmp_path, broken):
    broken("cupy-cuda13x", "14.2.0", "cuda/pathfinder.py", "import os\nos.abort()\n")
    broken("cuquantum-python-cu13", "25.9.1", "cuquantum/__init__.py", "")
    found = by_subject(gpu(FAKE["driver"](tmp_path), ABSENT))
    assert found["CuPy"].level == "fail"
    assert "the process that tried cupy-cuda13x 14.2.0 (libraries) ended with code -6" in found["CuPy"].text
    assert PROBE in found["CuPy"].remedy
    assert found["cuQuantum"].level == "fail"
    assert "25.9.1 is too old" in found["cuQuantum"].text
    assert found["cuQuantum"].remedy == "pip install -U cuquantum-python-cu13"


def told(*steps):
    return "a library's own words\n" + "".join(json.dumps(step) + "\n" for step in steps)


def test_what_worked_is_one_line():
    out = told({"begin": "libraries"}, {"step": "libraries", "text": "/lib"}, {"step": "cuTensorNet", "text": "2.14.0"})
    (finding,) = probed(Answer(0, out, ""), "cuQuantum", CUQUANTUM13)
    assert finding.level == "ok"
    assert finding.text.startswith("cuquantum-python-cu13 26.9.0, cuTensorNet: 2.14.0")


def test_each_missing_library_has_its_own_remedy():
    for library, remedy in (
        ("libcutensornet.so.2", "pip install cutensornet-cu13"),
        ("libcutensor.so.2", "pip install cutensor-cu13"),
        ("libcusolver.so.12", 'pip install "cupy-cuda13x[ctk]"'),
    ):
        out = told({"begin": "libraries"}, {"step": "libraries", "error": f'DynamicLibNotFoundError: "{library}"'})
        (finding,) = probed(Answer(1, out, ""), "cuQuantum", CUQUANTUM13)
        assert (finding.level, finding.remedy) == ("fail", remedy)


def test_a_process_that_hangs_is_told_with_its_step():
    answer = ask([sys.executable, "-c", 'import time; print(\'{"begin": "CuPy"}\', flush=True); time.sleep(60)'], 1.0)
    (finding,) = probed(answer, "CuPy", CUPY13)
    assert finding.level == "fail"
    assert "no answer within 1 s" in finding.text


@pytest.mark.skipif(find_spec("cuquantum") is None, reason="cuQuantum is not installed (extra gpu)")
@pytest.mark.skipif(bool(gpus()), reason="this machine has a GPU")
def test_without_a_driver_cutensornet_is_loaded_and_the_contraction_refused():
    answer = ask([sys.executable, "-m", PROBE, "cuquantum", "0"], 180.0)
    steps = [json.loads(line) for line in answer.out.splitlines()]
    assert answer.code == 1
    (version,) = [step["text"] for step in steps if step.get("step") == "cuTensorNet"]
    assert int(version.partition(".")[0]) >= 2
    assert steps[-1]["step"] == "contraction"
    assert "No GPU" in steps[-1]["error"]


@needs_gpu
@pytest.mark.skipif(not installed(CUPY) or not installed(CUQUANTUM), reason="CuPy or cuQuantum is not installed")
def test_on_a_machine_with_a_gpu_all_is_tried_and_works():
    found = by_subject(gpu())
    assert found["CuPy"].level == "ok", found["CuPy"]
    assert found["cuQuantum"].level == "ok", found["cuQuantum"]
    assert "a contraction of three tensors is right" in found["cuQuantum"].text
