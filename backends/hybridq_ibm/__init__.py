"""IBM Quantum as a backend."""

from hybridq_ibm.backend import IBMBackend
from hybridq_ibm.device import IBMDevice

__all__ = ["IBMBackend", "IBMDevice"]
