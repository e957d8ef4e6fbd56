"""IonQBackend: IonQ's computers and simulators by name."""

from __future__ import annotations

from typing import Any

from hybridq.hardware import DeviceBackend
from hybridq.hardware.dividing import divided
from hybridq_ionq.device import IonQDevice


class IonQBackend(DeviceBackend):
    """Energies and counts of a backend of IonQ's.

    Args:
        backend: the service's own name: "simulator", "qpu.forte-1", ...
        **options: those of `IonQDevice` and of `DeviceBackend`.

    Raises:
        InputError: no key, an unknown backend, or an option that makes no sense.
        BackendError: the service does not answer.
        MissingPackage: qiskit-ionq is not installed.
    """

    def __init__(self, backend: str = "simulator", **options: Any) -> None:
        for_device, for_backend = divided("backend 'ionq'", IonQDevice, options)
        super().__init__(IonQDevice(backend, **for_device), **for_backend)
