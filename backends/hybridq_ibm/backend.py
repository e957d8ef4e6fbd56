"""IBMBackend: a quantum computer of IBM's by name."""

from __future__ import annotations

from typing import Any

from hybridq.hardware import DeviceBackend
from hybridq.hardware.dividing import divided
from hybridq_ibm.device import IBMDevice


class IBMBackend(DeviceBackend):
    """Energies and counts of a device of IBM's.

    Args:
        backend: "ibm_torino" and the like, or "least_busy".
        **options: those of `IBMDevice` and of `DeviceBackend`.

    Raises:
        InputError: no credentials, an unknown device, or an option that makes no sense.
        BackendError: the service does not answer.
        MissingPackage: qiskit-ibm-runtime is not installed.
    """

    def __init__(self, backend: str = "least_busy", **options: Any) -> None:
        for_device, for_backend = divided("backend 'ibm'", IBMDevice, options)
        super().__init__(IBMDevice(backend, **for_device), **for_backend)
