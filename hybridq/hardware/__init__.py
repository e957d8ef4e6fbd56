"""Quantum hardware: a `Device` is what a vendor's plugin writes, `DeviceBackend` makes a backend of it."""

from hybridq.hardware.backend import DeviceBackend
from hybridq.hardware.calls import Patience
from hybridq.hardware.device import Compiled, Counts, Device, Limits, Price, Remedy, Run
from hybridq.hardware.store import JobStore

__all__ = [
    "Compiled",
    "Counts",
    "Device",
    "DeviceBackend",
    "JobStore",
    "Limits",
    "Patience",
    "Price",
    "Remedy",
    "Run",
]
