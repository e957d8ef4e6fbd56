"""Columns of the metric and of the Hamiltonian between tangents, one at a time.

Column l belongs to the tangent ``v = d_l psi``, the sum over the factors f of parameter l of
``U_N ... U_(f+1) G_f U_f ... U_1 |reference>`` times the factor's scale. One sweep forward carries psi and
v; then ``2 Re <lam_k|G_k|psi_k>`` of the sweep backward, made for gradients, is ``2 Re <d_k psi|lam>`` for all k at
once: with ``lam = P v`` it gives the column of the metric, with ``lam = P H P v`` that of the Hamiltonian. Work of a
column: a sweep forward of psi, part of one of v, one product with H, two sweeps backward; memory: two vectors more than
a gradient, whatever the number of columns.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq_sector import sigma_kernels
from hybridq_sector.engine import Engine

Array = NDArray[Any]


class Tangents:
    """Two vectors that fit an engine's, kept between calls. The engine holds them; they do not hold the engine, so
    that memory is free the moment that an engine is let go."""

    def __init__(self, engine: Engine) -> None:
        self.tangent = np.zeros_like(engine.psi)
        self.copy = np.zeros_like(engine.psi)

    @property
    def nbytes(self) -> int:
        """Bytes of the vectors."""
        return self.tangent.nbytes + self.copy.nbytes

    def columns(self, engine: Engine, row: Array, columns: tuple[int, ...]) -> tuple[Array, Array]:
        """Overlaps and Hamiltonian (hartree), each of shape (n_parameters, n_columns), at one row of parameters."""
        circuit = engine.program.circuit
        assert engine.sigma is not None
        c, w = engine.sweeper.coefficients(circuit.angles(row))
        overlap = np.zeros((circuit.n_parameters, len(columns)))
        hamiltonian = np.zeros_like(overlap)
        for place, column in enumerate(columns):
            self._prepare(engine, column, c, w)
            _project(engine.psi, self.tangent)
            engine.multiply(self.tangent, engine.lam)
            _project(engine.psi, engine.lam)
            self.copy[:] = engine.psi
            moved = circuit.gather(engine.sweeper.back(self.copy, engine.lam, c, w)) / 2
            overlap[:, place] = circuit.gather(engine.sweeper.back(engine.psi, self.tangent, c, w)) / 2
            hamiltonian[:, place] = moved + engine.sigma.constant * overlap[:, place]
        return overlap, hamiltonian

    def _prepare(self, engine: Engine, parameter: int, c: Array, w: Array) -> None:
        """Set the engine's psi to the state, and `tangent` to its derivative."""
        sweeper, circuit, groups = engine.sweeper, engine.program.circuit, engine.program.groups
        factors = np.flatnonzero(circuit.parameter_index == parameter)
        engine.psi[:] = 0
        engine.psi[engine.program.reference] = 1
        self.tangent[:] = 0
        edges = [0, *(int(f) + 1 for f in factors), len(circuit.factors)]
        for i, (first, last) in enumerate(pairwise(edges)):
            part = between(groups, first, last)
            sweeper.forward(engine.psi, c, w, part)
            if i > 0:
                sweeper.forward(self.tangent, c, w, part)
            if i < len(factors):
                sweeper.add_generator(engine.psi, self.tangent, int(factors[i]))


def _project(psi: Array, vector: Array) -> None:
    """Take out the part along psi; for a real circuit no column can see that part."""
    if psi.dtype.kind == "c":
        along = sigma_kernels.complex_dot(psi.reshape(-1), vector.reshape(-1))
        sigma_kernels.subtract(along, psi.reshape(-1), vector.reshape(-1))


def between(groups: Array, first: int, last: int) -> Array:
    """The groups of factors first to last (exclusive); groups at the ends are cut."""
    part = groups[(groups[:, 3] > first) & (groups[:, 2] < last)].copy()
    part[:, 2] = np.maximum(part[:, 2], first)
    part[:, 3] = np.minimum(part[:, 3], last)
    return part
