"""GPUs: which there are, which one a rank takes, and the packages that use them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from hybridq.contract.cuda_driver import LIBCUDA, NVML, Driver, Gpu, read_driver
from hybridq.contract.cuda_packages import (
    CUPY,
    CUQUANTUM,
    Package,
    cuquantum_misfit,
    doubled,
    install_command,
    installed,
    library_command,
    misfit,
)
from hybridq.contract.errors import CapacityError, InputError, MissingPackage
from hybridq.contract.launcher import local_rank

__all__ = ["Gpu", "gpu_of_rank", "gpus", "require_cupy", "require_cuquantum", "why_no_gpu"]

CUPY_LIBRARIES = ("cublas", "nvrtc")
CUQUANTUM_LIBRARIES = ("cusolver", "cutensor", "cutensornet")


def gpus(libcuda: str = LIBCUDA, nvml: str = NVML) -> tuple[Gpu, ...]:
    """The NVIDIA GPUs that this process may use, none where there is none; see `why_no_gpu`.

    CUDA_VISIBLE_DEVICES has been applied: index 0 is the first that it names.

    Args:
        libcuda: file of the driver's library.
        nvml: file of the driver's management library, for the free memory.
    """
    return read_driver(libcuda, nvml).gpus


def why_no_gpu(libcuda: str = LIBCUDA) -> str:
    """Why this process may use no GPU, and what to do where that is a fault; "" where it may use one."""
    return read_driver(libcuda).why


def gpu_of_rank(environ: Mapping[str, str] | None = None, *, libcuda: str = LIBCUDA) -> int:
    """The index of the GPU that this process takes, as CUDA counts them here.

    ``HYBRIDQ_GPU`` where it is set; else the number of this rank on its node modulo the GPUs that it sees, so that
    ranks share the GPUs evenly, and take the only one where the launcher shows each rank its own.

    Raises:
        CapacityError: there is no GPU; the message says why.
        InputError: HYBRIDQ_GPU or a launcher's variable has a value that makes no sense.
    """
    env = os.environ if environ is None else environ
    found = read_driver(libcuda)
    if not found.gpus:
        raise CapacityError(f"no GPU can be used: {found.why}")
    return chosen(len(found.gpus), env)


def chosen(n_gpus: int, environ: Mapping[str, str]) -> int:
    """The index among so many GPUs; see `gpu_of_rank`.

    Raises:
        InputError: HYBRIDQ_GPU or a launcher's variable has a value that makes no sense.
    """
    wish = environ.get("HYBRIDQ_GPU")
    if wish is None:
        return local_rank(environ) % n_gpus
    text = wish.strip()
    if not (text.isascii() and text.isdigit() and int(text) < n_gpus):
        shown = environ.get("CUDA_VISIBLE_DEVICES")
        raise InputError(
            f"HYBRIDQ_GPU is {wish!r}; it takes the number of one of the {n_gpus} GPUs that this process sees, "
            f"0 to {n_gpus - 1}" + (f" (CUDA_VISIBLE_DEVICES is {shown!r})" if shown is not None else "")
        )
    return int(text)


def require_cupy(libcuda: str = LIBCUDA) -> Any:
    """The module `cupy`, where it can work here.

    Raises:
        CapacityError: there is no GPU, or the driver is too old for CuPy's CUDA.
        MissingPackage: CuPy or a library of CUDA that it needs is not installed.
    """
    found = read_driver(libcuda)
    return _cupy(found, _cupy_package(found))


def require_cuquantum(libcuda: str = LIBCUDA) -> Any:
    """The module `cuquantum.tensornet`, where it can work here.

    Raises:
        CapacityError: there is no GPU, or the driver is too old for CuPy's or cuQuantum's CUDA.
        MissingPackage: CuPy, cuQuantum or a library that they need is not installed, or of another version.
    """
    found = read_driver(libcuda)
    cupy = _cupy_package(found)
    packages = installed(CUQUANTUM)
    if not packages:
        raise MissingPackage(f"cuQuantum's Python package is not installed: {install_command(found)}")
    cuquantum = packages[0]
    if reason := doubled(packages) or cuquantum_misfit(cuquantum, cupy):
        raise MissingPackage(str(reason))
    if reason := misfit(cuquantum, found):
        raise CapacityError(str(reason))
    _cupy(found, cupy)
    _load_libraries(CUQUANTUM_LIBRARIES, cuquantum)
    return _imported("cuquantum.tensornet", cuquantum)


def _cupy_package(driver: Driver) -> Package:
    if not driver.gpus:
        raise CapacityError(f"no GPU can be used: {driver.why}")
    packages = installed(CUPY)
    if not packages:
        raise MissingPackage(f"CuPy is not installed: {install_command(driver)}")
    if reason := doubled(packages):
        raise MissingPackage(str(reason))
    if reason := misfit(packages[0], driver):
        raise CapacityError(str(reason))
    return packages[0]


def _cupy(driver: Driver, package: Package) -> Any:
    cupy = _imported("cupy", package)
    _load_libraries(CUPY_LIBRARIES, package)
    try:
        cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy's own classes, which cannot be named before it is imported
        raise CapacityError(f"{package} finds no GPU, though the driver has {len(driver.gpus)}: {error}") from None
    return cupy


def _imported(module: str, package: Package) -> Any:
    try:
        return import_module(module)
    except Exception as error:  # a missing library is an ImportError in one release, a RuntimeError in another
        raise MissingPackage(
            f"{module} cannot be imported from {package}: {type(error).__name__}: {error}; install it again: "
            f"pip install --force-reinstall {package.name}"
        ) from error


def _load_libraries(names: Iterable[str], package: Package) -> None:
    """Load shared libraries as the packages themselves will, to name one that is missing before it is called."""
    try:
        pathfinder = import_module("cuda.pathfinder")
    except ImportError:  # CuPy before 14 finds its libraries by itself
        return
    for name in names:
        try:
            pathfinder.load_nvidia_dynamic_lib(name)
        except Exception as error:
            raise MissingPackage(
                f"the library {name}, which {package} needs, cannot be loaded: {str(error).splitlines()[0]}; "
                f"{remedy_for_library(name, package)}"
            ) from error


def remedy_for_library(name: str, package: Package) -> str:
    """What to install for a shared library, by its name without "lib"."""
    if name.startswith("cutensor"):
        return f"pip install {name}-cu{package.cuda or 13}"
    return library_command(package.cuda)
