"""IQM's computers and simulators as a backend."""

from hybridq_iqm.backend import IQMBackend
from hybridq_iqm.device import IQMDevice

__all__ = ["IQMBackend", "IQMDevice"]
