"""The NVIDIA driver, asked through its own libraries: no CUDA package is needed, and no context is made."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_ulonglong, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIBCUDA = "libcuda.so.1"
NVML = "libnvidia-ml.so.1"
DRIVER_OF = {11: "450", 12: "525", 13: "580"}
"""The first driver for each major version of CUDA (NVIDIA's CUDA compatibility guide)."""

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CUdevice_attribute
_NO_DEVICE = 100
_WHY = {
    34: "the library found is a stub from the CUDA toolkit; take its folder 'stubs' out of LD_LIBRARY_PATH",
    46: "another process holds it for itself",
    802: "the system is not ready; on machines with NVSwitch, start NVIDIA's fabric manager",
    803: "the driver's kernel module and its library have different versions; restart the machine",
    804: "the forward compatibility package does not support this GPU; take it out of LD_LIBRARY_PATH",
    999: "the kernel module may not be loaded; try nvidia-smi, or restart the machine",
}


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that this process may use.

    Attributes:
        index: its number in this process, after CUDA_VISIBLE_DEVICES.
        name: such as "NVIDIA H100 80GB HBM3".
        memory: bytes in all.
        free: bytes that are free now; None where the driver's management library does not tell.
        capability: compute capability, such as (9, 0).
    """

    index: int
    name: str
    memory: int
    free: int | None
    capability: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Driver:
    """What the NVIDIA driver says.

    Attributes:
        cuda: the newest CUDA that it runs, such as (13, 0); None where there is no driver.
        version: its own version, such as "580.65.06"; None where it is not told.
        gpus: those this process may use.
        why: why there is none, "" where there is one.
        broken: whether that is a fault, rather than a machine without a GPU.
    """

    cuda: tuple[int, int] | None
    version: str | None
    gpus: tuple[Gpu, ...]
    why: str
    broken: bool


def read_driver(libcuda: str = LIBCUDA, nvml: str = NVML, root: Path = Path("/")) -> Driver:
    """Ask the driver, and where there is none the PCI bus. `root` stands for the file system's root."""
    try:
        cuda = _Cuda(libcuda)
    except (OSError, AttributeError) as error:
        return _without(libcuda, error, root)
    version = _Nvml.version(nvml)
    code = cuda.lib.cuInit(0)
    if code:
        return _not_started(cuda, code, version, root)
    found: list[Gpu] = []
    try:
        memory = _Nvml(nvml)
    except (OSError, AttributeError):
        memory = None
    try:
        for index in range(cuda.number("cuDeviceGetCount")):
            found.append(cuda.gpu(index, memory))
    except _Refused as error:
        return Driver(cuda.version(), version, (), f"the NVIDIA driver fails: {error}", True)
    finally:
        if memory is not None:
            memory.close()
    if not found:
        return _not_started(cuda, _NO_DEVICE, version, root)
    return Driver(cuda.version(), version, tuple(found), "", False)


def nvidia_hardware(root: Path = Path("/")) -> int:
    """NVIDIA's display and compute devices on the PCI bus, whether or not this process may use them."""
    count = 0
    for device in (root / "sys/bus/pci/devices").glob("*"):
        try:
            vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text().strip()
        except OSError:
            continue
        count += vendor == "0x10de" and kind.startswith("0x03")
    return count


class _Refused(Exception):
    """A call of the driver did not succeed."""


class _Cuda:
    """The driver's library, with its functions typed as in cuda.h."""

    def __init__(self, path: str) -> None:
        self.lib = lib = ctypes.CDLL(path)
        lib.cuInit.argtypes = [c_uint]
        lib.cuDriverGetVersion.argtypes = [POINTER(c_int)]
        lib.cuDeviceGetCount.argtypes = [POINTER(c_int)]
        lib.cuDeviceGet.argtypes = [POINTER(c_int), c_int]
        lib.cuDeviceGetName.argtypes = [c_char_p, c_int, c_int]
        lib.cuDeviceTotalMem_v2.argtypes = [POINTER(c_size_t), c_int]
        lib.cuDeviceGetAttribute.argtypes = [POINTER(c_int), c_int, c_int]

    def call(self, name: str, *arguments: Any) -> None:
        code = getattr(self.lib, name)(*arguments)
        if code:
            raise _Refused(f"{name}: {self.told(code)}")

    def number(self, name: str, *arguments: Any) -> int:
        found = c_int()
        self.call(name, byref(found), *arguments)
        return found.value

    def version(self) -> tuple[int, int] | None:
        try:
            number = self.number("cuDriverGetVersion")  # 1000 * major + 10 * minor
        except _Refused:
            return None
        return number // 1000, number % 1000 // 10

    def gpu(self, index: int, memory: _Nvml | None) -> Gpu:
        device = self.number("cuDeviceGet", index)
        name = ctypes.create_string_buffer(256)
        self.call("cuDeviceGetName", name, len(name), device)
        total = c_size_t()
        self.call("cuDeviceTotalMem_v2", byref(total), device)
        capability = tuple(
            self.number("cuDeviceGetAttribute", attribute, device)
            for attribute in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR)
        )
        uuid = self._uuid(device)
        free = memory.free(uuid) if memory is not None and uuid is not None else None
        return Gpu(index, name.value.decode(errors="replace"), total.value, free, (capability[0], capability[1]))

    def _uuid(self, device: int) -> str | None:
        found = (ctypes.c_ubyte * 16)()
        try:
            function = self.lib.cuDeviceGetUuid_v2
        except AttributeError:  # before CUDA 11.4
            return None
        function.argtypes = [c_void_p, c_int]
        if function(byref(found), device):
            return None
        text = bytes(found).hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def told(self, code: int) -> str:
        """An error's number, name and remedy."""
        name = c_char_p()
        try:
            self.lib.cuGetErrorName.argtypes = [c_int, POINTER(c_char_p)]
            known = self.lib.cuGetErrorName(code, byref(name)) == 0 and name.value is not None
        except AttributeError:
            known = False
        text = f"error {code}" + (f" ({name.value.decode()})" if known and name.value is not None else "")
        return f"{text}: {_WHY[code]}" if code in _WHY else text


class _Nvml:
    """The driver's management library, for free memory; typed as in nvml.h."""

    def __init__(self, path: str) -> None:
        self.lib = lib = ctypes.CDLL(path)
        lib.nvmlDeviceGetHandleByUUID.argtypes = [c_char_p, POINTER(c_void_p)]
        lib.nvmlDeviceGetMemoryInfo.argtypes = [c_void_p, c_void_p]
        lib.nvmlSystemGetDriverVersion.argtypes = [c_char_p, c_uint]
        lib.nvmlShutdown.argtypes = []
        if lib.nvmlInit_v2():
            raise OSError(f"{path} does not start")

    @classmethod
    def version(cls, path: str) -> str | None:
        """The driver's own version."""
        try:
            library = cls(path)
        except (OSError, AttributeError):
            return None
        text = ctypes.create_string_buffer(96)
        code = library.lib.nvmlSystemGetDriverVersion(text, len(text))
        library.close()
        return None if code else text.value.decode(errors="replace")

    def free(self, uuid: str) -> int | None:
        """Free bytes of a GPU, or of the part of one that MIG made."""
        handle = c_void_p()
        sizes = (c_ulonglong * 3)()  # total, free, used
        for kind in ("GPU", "MIG"):
            if self.lib.nvmlDeviceGetHandleByUUID(f"{kind}-{uuid}".encode(), byref(handle)) == 0:
                return None if self.lib.nvmlDeviceGetMemoryInfo(handle, byref(sizes)) else int(sizes[1])
        return None

    def close(self) -> None:
        self.lib.nvmlShutdown()


def _without(libcuda: str, error: Exception, root: Path) -> Driver:
    """There is no driver's library, or it cannot be loaded."""
    absent = "No such file" in str(error) or "no such file" in str(error)
    if not absent:
        return Driver(None, None, (), f"the NVIDIA driver's library cannot be loaded: {error}", True)
    hardware = nvidia_hardware(root)
    if not hardware:
        return Driver(None, None, (), f"no NVIDIA driver ({libcuda} is not there)", False)
    return Driver(
        None,
        None,
        (),
        f"{hardware} NVIDIA device{'s are' if hardware > 1 else ' is'} on the PCI bus, but not the driver's library "
        f"{libcuda}; install NVIDIA's driver, or start the container or job with the GPU given to it",
        True,
    )


def _not_started(cuda: _Cuda, code: int, version: str | None, root: Path) -> Driver:
    """The driver is there, and no GPU comes of it."""
    speaks = cuda.version()
    if code != _NO_DEVICE:
        return Driver(speaks, version, (), f"the NVIDIA driver does not start: {cuda.told(code)}", True)
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None:
        why = f"the NVIDIA driver sees no GPU, since CUDA_VISIBLE_DEVICES is {hidden!r}"
        return Driver(speaks, version, (), why, False)
    hardware = nvidia_hardware(root)
    if not hardware:
        return Driver(speaks, version, (), "the NVIDIA driver is installed, and finds no GPU on this node", False)
    why = (
        f"the NVIDIA driver may use none of the {hardware} NVIDIA device{'s' * (hardware > 1)} of this node; ask for "
        "them when the container or job is started (docker: --gpus all, Slurm: --gpus-per-node)"
    )
    return Driver(speaks, version, (), why, True)
