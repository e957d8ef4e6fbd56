"""hybridq: variational quantum chemistry on simulators, GPUs and quantum hardware, over MPI."""

from __future__ import annotations

__version__ = "0.1.0"
