"""Mitigation: less noise in values, at a price in shots: readout, zero-noise extrapolation, symmetries."""

from hybridq.mitigation.extrapolation import extrapolate
from hybridq.mitigation.folding import fold, two_qubit_gates
from hybridq.mitigation.options import Mitigation, mitigated
from hybridq.mitigation.readout import Readout, calibration_circuits
from hybridq.mitigation.symmetry import Symmetry

__all__ = [
    "Mitigation",
    "Readout",
    "Symmetry",
    "calibration_circuits",
    "extrapolate",
    "fold",
    "mitigated",
    "two_qubit_gates",
]
