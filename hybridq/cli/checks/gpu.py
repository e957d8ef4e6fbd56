"""The GPU: NVIDIA's driver and devices, CuPy, cuQuantum and the libraries that they load."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hybridq.cli.checks.finding import Answer, Finding, ask
from hybridq.contract.cuda_driver import LIBCUDA, NVML, Driver, Gpu, read_driver
from hybridq.contract.cuda_packages import (
    CUPY,
    CUQUANTUM,
    EXTRA,
    Package,
    cuquantum_misfit,
    doubled,
    install_command,
    installed,
    misfit,
)
from hybridq.contract.devices import chosen, remedy_for_library
from hybridq.contract.errors import InputError
from hybridq.contract.launcher import launch
from hybridq.contract.memory import shown

PROBE = "hybridq.cli.checks.gpu_probe"
PATIENCE = 180.0  # seconds for the first start of CuPy's compiler and of cuTensorNet


def gpu(libcuda: str = LIBCUDA, nvml: str = NVML) -> Iterator[Finding]:
    """All of it; one quiet line where there is no GPU."""
    driver = read_driver(libcuda, nvml)
    if not driver.gpus:
        if driver.broken:
            yield Finding("warn", "GPU", driver.why, "hybridq works without, on the CPU")
        else:
            yield Finding("ok", "GPU", f"none: {driver.why}; for a machine with one: {EXTRA}")
        return
    assert driver.cuda is not None
    own = f"driver {driver.version}, " if driver.version else ""
    yield Finding("ok", "NVIDIA driver", f"{own}runs CUDA up to {driver.cuda[0]}.{driver.cuda[1]}")
    for device in driver.gpus:
        yield Finding("ok", f"GPU {device.index}", described(device))
    try:
        index = chosen(len(driver.gpus), os.environ)
    except InputError as error:
        yield Finding("fail", "GPU taken", str(error), "correct or unset the variable")
        return
    yield Finding("ok", "GPU taken", f"{index} by this process ({_why_this_one()})")
    yield from packages(driver, index)


def described(device: Gpu) -> str:
    """A GPU in words."""
    free = "" if device.free is None else f", {shown(device.free)} free"
    return (
        f"{device.name}, {shown(device.memory)}{free}, compute capability {device.capability[0]}.{device.capability[1]}"
    )


def packages(driver: Driver, index: int) -> Iterator[Finding]:
    """CuPy and cuQuantum with this driver: metadata first, then a process that uses them on the GPU `index`."""
    cupy, cuquantum = installed(CUPY), installed(CUQUANTUM)
    for label, found in (("CuPy", cupy), ("cuQuantum", cuquantum)):
        if not found:
            yield Finding("ok", label, "not installed (extra gpu)", f"to use the GPU: {install_command(driver)}")
        elif reason := doubled(found):
            yield Finding("fail", label, reason.what, reason.remedy)
    if len(cupy) != 1:
        return
    if reason := misfit(cupy[0], driver):
        yield Finding("fail", "CuPy", reason.what, reason.remedy)
        return
    works = True
    for finding in _tried("CuPy", "cupy", cupy[0], index):
        works = works and finding.level == "ok"
        yield finding
    if len(cuquantum) != 1:
        return
    if reason := cuquantum_misfit(cuquantum[0], cupy[0]) or misfit(cuquantum[0], driver):
        yield Finding("fail", "cuQuantum", reason.what, reason.remedy)
    elif works:
        yield from _tried("cuQuantum", "cuquantum", cuquantum[0], index)
    else:
        yield Finding("ok", "cuQuantum", f"{cuquantum[0]}, not tried before CuPy works")


def probed(answer: Answer, label: str, package: Package) -> Iterator[Finding]:
    """What a run of the probe told, one line."""
    begun, told, error = "", [str(package)], ""
    for line in answer.out.splitlines():
        try:
            step: dict[str, Any] = json.loads(line)
        except ValueError:  # a library's own words
            continue
        if "begin" in step:
            begun = step["begin"]
        elif "error" in step:
            error = step["error"]
        elif step["step"] != "libraries":
            told.append(step["text"] if label == "CuPy" else f"{step['step']}: {step['text']}")
    if not error and answer.code == 0:
        companion = _companions(package)
        yield Finding("ok", label, ", ".join(told) + companion)
    elif error:
        missing = next((name for name in _LIBRARIES if f"lib{name}." in error), None)
        remedy = remedy_for_library(missing, package) if missing else f"pip install --force-reinstall {package.name}"
        yield Finding("fail", label, f"{package} fails ({begun}): {error}", remedy)
    else:
        ended = answer.err if answer.code is None else f"ended with code {answer.code}: {answer.last_words}"
        yield Finding(
            "fail",
            label,
            f"the process that tried {package} ({begun or 'start'}) {ended}",
            f"look at it alone: {sys.executable} -m {PROBE} {'cupy' if label == 'CuPy' else 'cuquantum'} 0",
        )


_LIBRARIES = ("cublasLt", "cublas", "cusolver", "cusparse", "nvJitLink", "nvrtc", "cudart", "cutensornet", "cutensor")


def _tried(label: str, module: str, package: Package, index: int) -> Iterator[Finding]:
    yield from probed(ask([sys.executable, "-m", PROBE, module, str(index)], PATIENCE), label, package)


def _companions(package: Package) -> str:
    """The library distributions that come with cuQuantum."""
    if not package.name.startswith("cuquantum"):
        return ""
    found = []
    for name in (f"cutensornet-cu{package.cuda}", f"cutensor-cu{package.cuda}"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:  # from conda, or the system's
            continue
    return f" ({', '.join(found)})" if found else ""


def _why_this_one() -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    of = f", of those in CUDA_VISIBLE_DEVICES={visible}" if visible is not None else ""
    if "HYBRIDQ_GPU" in os.environ:
        return f"HYBRIDQ_GPU{of}"
    return ("its number on the node, modulo their number" if launch() is not None else "the first") + of
