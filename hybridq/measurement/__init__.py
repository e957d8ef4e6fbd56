"""Measuring: observables to settings, shots to settings, samples to values with standard errors."""

from __future__ import annotations

from hybridq.measurement.fermions import rotated
from hybridq.measurement.grouping import measurement
from hybridq.measurement.prior import prior_variances
from hybridq.measurement.sample import Sample, estimate
from hybridq.measurement.setting import Measurement, Setting, Turn
from hybridq.measurement.shots import refine, shares

__all__ = [
    "Measurement",
    "Sample",
    "Setting",
    "Turn",
    "estimate",
    "measurement",
    "prior_variances",
    "refine",
    "rotated",
    "shares",
]
