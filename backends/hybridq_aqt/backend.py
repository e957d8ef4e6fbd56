"""AQTBackend: AQT's computers and simulators by name."""

from __future__ import annotations

from typing import Any

from hybridq.hardware import DeviceBackend
from hybridq.hardware.dividing import divided
from hybridq_aqt.device import AQTDevice


class AQTBackend(DeviceBackend):
    """Energies and counts of a resource of AQT's.

    qiskit-aqt-provider needs Qiskit 2.3 to 2.4, so that it mostly has an environment of its own: see the backend
    "host".

    Args:
        resource: see `AQTDevice`.
        **options: those of `AQTDevice` and of `DeviceBackend`.

    Raises:
        InputError: no such resource, no credentials, or an option that makes no sense.
        BackendError: the service does not answer.
        MissingPackage: qiskit-aqt-provider is not installed.
    """

    def __init__(self, resource: str = "offline_simulator_no_noise", **options: Any) -> None:
        for_device, for_backend = divided("backend 'aqt'", AQTDevice, options)
        device = AQTDevice(resource, **for_device)
        for_backend.setdefault("resubmit_lost", device.local)  # what ends with the process is free to be done again
        super().__init__(device, **for_backend)
