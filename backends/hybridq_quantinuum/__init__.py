"""Quantinuum's computers and emulators as a backend."""

from hybridq_quantinuum.backend import QuantinuumBackend
from hybridq_quantinuum.emulator import EmulatorDevice
from hybridq_quantinuum.nexus import NexusDevice

__all__ = ["EmulatorDevice", "NexusDevice", "QuantinuumBackend"]
