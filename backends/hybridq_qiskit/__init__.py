"""Any Qiskit backend, sampler or estimator as a backend."""

from hybridq_qiskit.backend import QiskitBackend
from hybridq_qiskit.estimator import QiskitEstimatorBackend
from hybridq_qiskit.sampler import QiskitSamplerBackend, SamplerDevice

__all__ = ["QiskitBackend", "QiskitEstimatorBackend", "QiskitSamplerBackend", "SamplerDevice"]
