"""The kernels of ``gpu_kernels.cu`` by CuPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridq_sector.gpu_passes import SOURCE


class CupyLaunch:
    """Runs kernels on the current device and stream of CuPy; compiled when first called.

    Args:
        cupy: the module.
        planes: 1 for real vectors, 2 for complex ones.
        narrow: whether places of strings take 16 bits.
        device: the GPU's index.
    """

    def __init__(self, cupy: Any, planes: int, narrow: bool, device: int) -> None:
        options = ("-std=c++14", f"-DPLANES={planes}", f"-DNARROW={int(narrow)}")
        self._module = cupy.RawModule(code=SOURCE.read_text(), options=options)
        self._kernels: dict[str, Any] = {}
        self._allowed: dict[str, int] = {}
        attributes = cupy.cuda.Device(device).attributes
        self.shared_limit = int(attributes["MaxSharedMemoryPerBlockOptin"])

    def __call__(self, name: str, blocks: int, threads: int, shared: int, *args: Any) -> None:
        """Queue a kernel; whole numbers become 64-bit ones."""
        if name not in self._kernels:
            self._kernels[name] = self._module.get_function(name)
        kernel = self._kernels[name]
        if shared > self._allowed.get(name, 48 * 1024):
            kernel.max_dynamic_shared_size_bytes = self._allowed[name] = shared
        typed = tuple(np.int64(x) if isinstance(x, int | np.integer) else x for x in args)
        kernel((int(blocks),), (int(threads),), typed, shared_mem=int(shared))
