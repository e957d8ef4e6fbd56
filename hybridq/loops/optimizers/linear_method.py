"""The linear method and the natural gradient: models made of the metric of the tangents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridq.evaluate import Batch
from hybridq.loops.optimizers.messages import Ask
from hybridq.loops.optimizers.wide_search import Model, WideSearch

Array = NDArray[np.float64]

REDUNDANT = 1e-8  # eigenvalues of the metric below this share of the largest count as zero


@dataclass(frozen=True)
class LinearMethod(WideSearch):
    """The lowest state in the space of the state and its tangents says where to go.

    With S and H the matrices of `hybridq.contract.task.Metric`, the generalized eigenproblem of H in the basis of psi
    and its tangents is solved, with a shift on the diagonal (Toulouse and Umrigar, doi:10.1063/1.2437215), in the basis
    that makes S the unit matrix. Combinations of parameters that do not change the state, eigenvectors of S to the
    eigenvalue 0, are left out: redundant parameters do no harm. The model is a Newton step without the second
    derivatives of the state, so it converges fast where psi comes close to an eigenstate.
    """

    @property
    def name(self) -> str:
        """linear-method."""
        return "linear-method"

    @property
    def uses_metric(self) -> bool:
        """True."""
        return True

    def ask(self, row: Array) -> Ask:
        """Energy, gradient and the whole metric at `row`."""
        return Ask(row[None], gradient=True, metric=True)

    def model(self, batch: Batch) -> Model:
        """``H - E S`` in the orthonormal basis of the tangents."""
        assert batch.overlaps is not None
        assert batch.hamiltonians is not None
        basis = orthonormal(batch.overlaps[0])
        above = basis.T @ (batch.hamiltonians[0] - batch.energies[0] * batch.overlaps[0]) @ basis
        return Model(basis, (above + above.T) / 2)


@dataclass(frozen=True)
class NaturalGradient(LinearMethod):
    """Steps along ``-S^-1 gradient``, S without its null space; the shift sets their length.

    Stokes, Izaac, Killoran, Carleo, doi:10.22331/q-2020-05-25-269 (stochastic reconfiguration: Sorella,
    doi:10.1103/PhysRevLett.80.4558). It has no use for the Hamiltonian between tangents, which comes along all the
    same: an iteration costs what one of the linear method does, and more of them are needed.
    """

    shift: float = 0.5
    shifts: Sequence[float] = (0.1, 0.3, 1.0, 3.0)

    @property
    def name(self) -> str:
        """natural-gradient."""
        return "natural-gradient"

    def model(self, batch: Batch) -> Model:
        """No curvature of its own: in the orthonormal basis only the shift is left."""
        assert batch.overlaps is not None
        basis = orthonormal(batch.overlaps[0])
        return Model(basis, np.zeros((basis.shape[1], basis.shape[1])))


def orthonormal(overlap: Array) -> Array:
    """Columns T with ``T^T S T = 1`` that span all but the null space of S; shape (n_parameters, rank)."""
    values, vectors = np.linalg.eigh((overlap + overlap.T) / 2)
    kept = values > REDUNDANT * values.max(initial=0.0)
    basis: Array = vectors[:, kept] / np.sqrt(values[kept])
    return basis
