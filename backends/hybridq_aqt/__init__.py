"""Computers and simulators of Alpine Quantum Technologies as a backend."""

from hybridq_aqt.backend import AQTBackend
from hybridq_aqt.device import AQTDevice

__all__ = ["AQTBackend", "AQTDevice"]
