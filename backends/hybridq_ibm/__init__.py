"""IBM's quantum computers as a backend."""

from hybridq_ibm.backend import IBMBackend
from hybridq_ibm.device import IBMDevice
from hybridq_ibm.estimator import IBMEstimatorDevice
from hybridq_ibm.estimator_backend import IBMEstimatorBackend

__all__ = ["IBMBackend", "IBMDevice", "IBMEstimatorBackend", "IBMEstimatorDevice"]
