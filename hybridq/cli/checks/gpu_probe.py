"""Loads CuPy and cuQuantum and multiplies on the GPU; the doctor runs it as a process of its own, for it may crash.

``python -m hybridq.cli.checks.gpu_probe cupy|cuquantum INDEX`` prints one JSON object a line: a step that is begun
(``{"begin": ...}``) and how it ended (``{"step": ..., "text": ...}`` or ``{"step": ..., "error": ...}``). It stops at
the first error.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from hybridq.contract.devices import CUPY_LIBRARIES, CUQUANTUM_LIBRARIES

Step = tuple[str, Callable[[], str]]


def steps(package: str, index: int) -> list[Step]:
    """What is tried with a package on the GPU of this index, in this order."""
    if package == "cupy":
        return [("libraries", lambda: libraries(CUPY_LIBRARIES)), ("CuPy", lambda: cupy(index))]
    return [
        ("libraries", lambda: libraries(CUQUANTUM_LIBRARIES)),
        ("cuTensorNet", cutensornet),
        ("contraction", lambda: contraction(index)),
    ]


def libraries(names: Sequence[str]) -> str:
    """Load shared libraries; their folders."""
    pathfinder: Any = import_module("cuda.pathfinder")
    found = [pathfinder.load_nvidia_dynamic_lib(name).abs_path for name in names]
    return ", ".join(found)


def cupy(index: int) -> str:
    """A kernel that is compiled here and a product by cuBLAS, compared with NumPy."""
    import numpy as np

    module: Any = import_module("cupy")
    numbers = np.arange(12.0).reshape(3, 4) + 1j
    with module.cuda.Device(index):
        product = module.asnumpy(module.asarray(numbers) * 2 @ module.asarray(numbers.T))
    if not np.allclose(product, 2 * numbers @ numbers.T):
        raise ArithmeticError("a product of two matrices on the GPU differs from NumPy's")
    runtime = module.cuda.runtime.runtimeGetVersion()
    return f"a product of matrices is right, CUDA runtime {runtime // 1000}.{runtime % 1000 // 10}"


def cutensornet() -> str:
    """The library's version, and a handle of it."""
    library: Any = import_module("cuquantum.bindings.cutensornet")
    number = int(library.get_version())
    library.destroy(library.create())
    return f"{number // 10000}.{number % 10000 // 100}.{number % 100}"


def contraction(index: int) -> str:
    """Three tensors contracted on the GPU, compared with NumPy."""
    import numpy as np

    tensornet: Any = import_module("cuquantum.tensornet")
    rng = np.random.default_rng(5)
    a, b, c = (rng.normal(size=shape) + 1j for shape in ((2, 3, 4), (4, 5), (5, 2)))
    found = tensornet.contract("ijk,kl,li->j", a, b, c, options={"device_id": index})
    if not np.allclose(found, np.einsum("ijk,kl,li->j", a, b, c)):
        raise ArithmeticError("a contraction of three tensors on the GPU differs from NumPy's")
    return "a contraction of three tensors is right"


def main(package: str, index: int) -> int:
    """Try all steps, and tell each."""
    warnings.simplefilter("ignore")
    for name, step in steps(package, index):
        print(json.dumps({"begin": name}), flush=True)
        try:
            text = step()
        except Exception as error:
            words = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            print(json.dumps({"step": name, "error": words}), flush=True)
            return 1
        print(json.dumps({"step": name, "text": text}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
