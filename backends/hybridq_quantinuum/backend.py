"""QuantinuumBackend: Quantinuum's computers and emulators by name."""

from __future__ import annotations

from typing import Any

from hybridq.hardware import DeviceBackend
from hybridq.hardware.dividing import divided
from hybridq_quantinuum.emulator import LOCAL, EmulatorDevice
from hybridq_quantinuum.nexus import NexusDevice


class QuantinuumBackend(DeviceBackend):
    """Energies and counts of a computer of Quantinuum's, or of an emulator of one.

    Args:
        machine: "H1-1LE" and "H2-1LE" run on this machine; "H2-1", "H2-1E" and what else your account has run through
            Quantinuum Nexus.
        **options: those of `EmulatorDevice` or `NexusDevice`, and of `DeviceBackend`.

    Raises:
        InputError: no such machine, no login, or an option that makes no sense.
        BackendError: Nexus does not answer.
        MissingPackage: Quantinuum's packages are not installed.
    """

    def __init__(self, machine: str = "H1-1LE", **options: Any) -> None:
        kind: type[EmulatorDevice | NexusDevice] = EmulatorDevice if machine.endswith(LOCAL) else NexusDevice
        for_device, for_backend = divided("backend 'quantinuum'", kind, options)
        device = kind(machine, **for_device)
        if device.local:  # what ends with the process is free to be done again, and is done soon
            for_backend.setdefault("resubmit_lost", True)
            for_backend.setdefault("patience", {"poll_seconds": 0.02, "longest_poll": 1.0})
        super().__init__(device, **for_backend)
