"""A VQE on the folder device: python device_script.py FOLDER FCIDUMP RUN [ITERATIONS]; prints the energy's bits."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from folder_device import FolderDevice
from test_calls import CALM, QUICK

import hybridq as hq
from hybridq.hardware import DeviceBackend, Limits


def vqe(folder, fcidump, run, *, limits=None, patience=CALM, **words):
    device = FolderDevice(folder, limits=limits or Limits(circuits=4))
    backend = DeviceBackend(device, patience=patience, **words.pop("backend_options", {}))
    words = {"shots": 2000, "optimizer": "SPSA", "optimizer_options": {"iterations": 4, "calibration": 2}, **words}
    return hq.VQE(hq.Problem.from_fcidump(fcidump), backend=backend, run=run, progress=False, **words)


if __name__ == "__main__":
    iterations = int(sys.argv[4]) if len(sys.argv) > 4 else 4
    words = {"iterations": iterations, "calibration": 2}
    result = vqe(*sys.argv[1:4], patience=QUICK, optimizer_options=words).run()
    print(result.energy.hex(), result.evaluations)
