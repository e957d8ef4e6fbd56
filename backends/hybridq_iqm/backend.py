"""IQMBackend: IQM's computers and simulators by name."""

from __future__ import annotations

from typing import Any

from hybridq.hardware import DeviceBackend
from hybridq.hardware.dividing import divided
from hybridq_iqm.device import IQMDevice


class IQMBackend(DeviceBackend):
    """Energies and counts of a computer of IQM's.

    iqm-client needs a Qiskit below 2.2, so that it mostly has an environment of its own: see the backend "host".

    Args:
        computer: see `IQMDevice`.
        **options: those of `IQMDevice` and of `DeviceBackend`.

    Raises:
        InputError: no such computer, no credentials, or an option that makes no sense.
        BackendError: the service does not answer.
        MissingPackage: iqm-client is not installed.
    """

    def __init__(self, computer: str = "fake_adonis", **options: Any) -> None:
        for_device, for_backend = divided("backend 'iqm'", IQMDevice, options)
        device = IQMDevice(computer, **for_device)
        for_backend.setdefault("resubmit_lost", device.local)  # what ends with the process is free to be done again
        super().__init__(device, **for_backend)
