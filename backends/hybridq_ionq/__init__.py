"""IonQ's computers and simulators as a backend."""

from hybridq_ionq.backend import IonQBackend
from hybridq_ionq.device import IonQDevice

__all__ = ["IonQBackend", "IonQDevice"]
