"""BraketBackend: Amazon Braket's simulators and devices by name."""

from __future__ import annotations

from typing import Any

from hybridq.hardware import DeviceBackend
from hybridq.hardware.dividing import divided
from hybridq_braket.device import LOCAL, BraketDevice


class BraketBackend(DeviceBackend):
    """Energies and counts of a device of Amazon Braket's.

    Args:
        device: "default" or "braket_sv" (state vectors) or "braket_dm" (density matrices), which run here; or the ARN
            of a device of the service.
        **options: those of `BraketDevice` and of `DeviceBackend`.

    Raises:
        InputError: an unknown device, no credentials, or an option that makes no sense.
        BackendError: the service does not answer.
        MissingPackage: qiskit-braket-provider is not installed.
    """

    def __init__(self, device: str = "default", **options: Any) -> None:
        for_device, for_backend = divided("backend 'braket'", BraketDevice, options)
        if device in LOCAL:
            for_backend.setdefault("resubmit_lost", True)
            for_backend.setdefault("patience", {"poll_seconds": 0.02, "longest_poll": 1.0})
        super().__init__(BraketDevice(device, **for_device), **for_backend)
