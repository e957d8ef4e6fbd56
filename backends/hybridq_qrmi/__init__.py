"""Quantum processors that a batch system lends, through QRMI, as a backend."""

from hybridq_qrmi.backend import QRMIBackend
from hybridq_qrmi.device import QRMIDevice

__all__ = ["QRMIBackend", "QRMIDevice"]
