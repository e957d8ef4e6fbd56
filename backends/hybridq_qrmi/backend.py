"""QRMIBackend: a quantum processor that the batch job was given, by name."""

from __future__ import annotations

from typing import Any

from hybridq.hardware import DeviceBackend
from hybridq.hardware.dividing import divided
from hybridq_qrmi.device import QRMIDevice


class QRMIBackend(DeviceBackend):
    """Energies and counts of a quantum processor that the batch system lends, through QRMI.

    Args:
        resource: see `QRMIDevice`.
        **options: those of `QRMIDevice` and of `DeviceBackend`.

    Raises:
        InputError: this is no batch job with such a resource, or an option makes no sense.
        BackendError: the resource does not answer.
        MissingPackage: QRMI is not installed.
    """

    def __init__(self, resource: str = "", **options: Any) -> None:
        for_device, for_backend = divided("backend 'qrmi'", QRMIDevice, options)
        super().__init__(QRMIDevice(resource, **for_device), **for_backend)
