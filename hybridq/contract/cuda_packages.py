"""CuPy and cuQuantum as they are installed, and whether they fit the driver; nothing of them is imported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from hybridq.contract.cuda_driver import DRIVER_OF, Driver

CUPY = ("cupy-cuda13x", "cupy-cuda12x", "cupy-cuda11x", "cupy")
CUQUANTUM = ("cuquantum-python-cu13", "cuquantum-python-cu12", "cuquantum-python")
OLDEST_CUQUANTUM = 26
"""The first year's releases with `cuquantum.tensornet` as it is used here."""
EXTRA = 'pip install "hybridq-sdk[gpu]"'


@dataclass(frozen=True, slots=True)
class Package:
    """An installed distribution.

    Attributes:
        name: such as "cupy-cuda13x".
        version: such as "14.2.0".
        cuda: the major version of CUDA that it was built for; None where its name does not tell.
    """

    name: str
    version: str
    cuda: int | None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def year(self) -> int:
        """The first number of the version."""
        found = re.match(r"\d+", self.version)
        return int(found[0]) if found is not None else 0


def installed(names: Sequence[str]) -> tuple[Package, ...]:
    """Those of some distributions that are installed."""
    found = []
    for name in names:
        try:
            at_hand = version(name)
        except PackageNotFoundError:
            continue
        cuda = re.search(r"cu(?:da)?(\d\d)", name)
        found.append(Package(name, at_hand, int(cuda[1]) if cuda is not None else None))
    return tuple(found)


def install_command(driver: Driver) -> str:
    """What to install for the GPU with this driver."""
    if driver.cuda is None or driver.cuda[0] >= 13:
        return EXTRA
    return f'pip install "cupy-cuda{driver.cuda[0]}x[ctk]" cuquantum-python-cu{driver.cuda[0]}'


def library_command(cuda: int | None) -> str:
    """What to install where libraries of the CUDA toolkit are missing."""
    return f'pip install "cupy-cuda{cuda or 13}x[ctk]"'


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why an installed package cannot be used, and what to do."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


def misfit(package: Package, driver: Driver) -> Misfit | None:
    """Why a package cannot run with this driver; None where it can."""
    if package.cuda is None or driver.cuda is None or driver.cuda[0] >= package.cuda:
        return None
    needed = f"NVIDIA driver {DRIVER_OF[package.cuda]}" if package.cuda in DRIVER_OF else "a newer NVIDIA driver"
    has = f"CUDA {driver.cuda[0]}.{driver.cuda[1]}" + (f" (driver {driver.version})" if driver.version else "")
    return Misfit(
        f"{package} needs CUDA {package.cuda}, and the driver runs {has} at most",
        f"update to {needed} or newer, or put what this one runs in its place: pip uninstall {package.name}, then "
        f"{install_command(driver)}",
    )


def cuquantum_misfit(cuquantum: Package, cupy: Package) -> Misfit | None:
    """Why cuQuantum's package is not for use here; None where it is."""
    if cuquantum.year < OLDEST_CUQUANTUM:
        return Misfit(
            f"{cuquantum} is too old, tensor networks need version {OLDEST_CUQUANTUM} or newer",
            f"pip install -U {cuquantum.name}",
        )
    if None not in (cuquantum.cuda, cupy.cuda) and cuquantum.cuda != cupy.cuda:
        return Misfit(
            f"{cuquantum} is for CUDA {cuquantum.cuda} and {cupy} for CUDA {cupy.cuda}",
            f"have both for the same: pip uninstall {cuquantum.name}, then pip install cuquantum-python-cu{cupy.cuda}",
        )
    return None


def doubled(packages: Sequence[Package]) -> Misfit | None:
    """Why distributions that install the same import name cannot stay together; None where there is at most one."""
    if len(packages) < 2:
        return None
    names = [package.name for package in packages]
    return Misfit(
        f"{' and '.join(map(str, packages))} are both installed, and overwrite each other's files",
        f"pip uninstall {' '.join(names)}, then install the one for your CUDA again",
    )
