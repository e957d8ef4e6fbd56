"""Amazon Braket's simulators on this machine, and its devices by ARN, as a backend."""

from hybridq_braket.backend import BraketBackend
from hybridq_braket.device import BraketDevice

__all__ = ["BraketBackend", "BraketDevice"]
