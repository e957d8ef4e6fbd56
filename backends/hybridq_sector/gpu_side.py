"""What the sector backend needs of a GPU: engines, free memory, predictions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from hybridq.contract.calibration import stored
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.task import Driver
from hybridq_sector.gpu_cost import GpuRates, nbytes, seconds
from hybridq_sector.gpu_engine import WORK, GpuEngine, kernels
from hybridq_sector.gpu_passes import Launch
from hybridq_sector.gpu_place import Gpu, Place
from hybridq_sector.program import Program

NAME = "sector:gpu"
DRIVERS: frozenset[Driver] = frozenset({"energy", "gradient", "counts", "rdm"})


class GpuSide:
    """One device.

    Args:
        place: where vectors live.
        launch: makes what runs kernels for 1 or 2 planes and 16-bit places or not; gives None to do without kernels.
        room: bytes that may still be taken.
        title: the device's name, for people.
    """

    def __init__(
        self, place: Place, launch: Callable[[int, bool], Launch | None], room: Callable[[], int], title: str
    ) -> None:
        self._place, self._make_launch, self.room, self.title = place, launch, room, title
        self._launches: dict[tuple[int, bool], Launch | None] = {}
        self._rates = replace(GpuRates(), **stored(NAME, asdict(GpuRates())))

    def bytes(self, circuit: FermionicCircuit, h: Hamiltonian | None, room: int) -> int:
        """Bytes that an engine takes at most, where so many are free."""
        return nbytes(circuit, h, WORK, room)[0]

    def seconds(self, circuit: FermionicCircuit, driver: Driver) -> float:
        """Time of one row."""
        return seconds(circuit, driver, self._rates)

    def engine(self, program: Program, h: Hamiltonian | None, room: int) -> GpuEngine:
        """The engine of a circuit."""
        key = kernels(program)
        if key not in self._launches:
            self._launches[key] = self._make_launch(*key)
        work = nbytes(program.circuit, h, WORK, room)[1]
        return GpuEngine(program, h, self._place, self._launches[key], work=work)

    def calibrate(self, size: int = 4096) -> GpuRates:
        """The device's rates, by copies and products of square matrices of this size."""
        xp = self._place.xp
        with self._place.active():
            a, b, small = xp.zeros((size, size)), xp.zeros((size, size)), xp.zeros(256)

            def copy() -> None:
                b[:] = a

            def multiply() -> None:
                xp.matmul(a, a, out=b)

            def launches() -> None:
                for _ in range(200):
                    small[:] = 0

            fixed = self._typical(lambda: None)
            default = GpuRates()
            return replace(
                default,
                byte=max(1e-15, self._typical(copy) - fixed) / (16 * size**2),
                flop=max(1e-6, self._typical(multiply) - fixed) / (2 * size**3),
                launch=max(1e-7, (self._typical(launches) - fixed) / 200),
                call=default.call + fixed,
            )

    def _typical(self, work: Callable[[], Any]) -> float:
        """Median seconds of some work, waiting for its end."""
        one = self._place.put(np.zeros(1))
        times = []
        for _ in range(6):
            began = time.perf_counter()
            work()
            self._place.get(one)
            times.append(time.perf_counter() - began)
        return statistics.median(times[1:])


def open_gpu() -> GpuSide:
    """The GPU of this rank, through CuPy.

    Raises:
        CapacityError: there is no GPU that can be used; the message says why.
        MissingPackage: CuPy is not installed.
    """
    from hybridq.contract.devices import gpu_of_rank, gpus, require_cupy
    from hybridq_sector.gpu_launch import CupyLaunch

    cupy = require_cupy()
    device = gpu_of_rank()
    place = Gpu(cupy, device)
    title = next(gpu.name for gpu in gpus() if gpu.index == device)
    return GpuSide(place, lambda planes, narrow: CupyLaunch(cupy, planes, narrow, device), place.room, title)


class Variants:
    """What "auto" chooses among: the GPU as well where there is one whose rates were measured here."""

    def __get__(self, backend: object, owner: type | None = None) -> tuple[str, ...]:
        """Empty for the CPU alone; reads one small file where nothing was measured."""
        if not stored(NAME):
            return ()
        from hybridq.contract.devices import gpus

        return ("", "gpu") if gpus() else ()
