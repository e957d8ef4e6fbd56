"""One circuit and one Hamiltonian, ready to be evaluated again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.generators import NumberProduct
from hybridq_sector import sigma_kernels, sweep_kernels
from hybridq_sector.leading import Leading
from hybridq_sector.program import DIAGONAL, LANES, ROTATE_ALPHA, ROTATIONS, Program, SpinTable
from hybridq_sector.run_sweeps import Diagonals, Rotations
from hybridq_sector.sigma import Sigma, SparseRows
from hybridq_sector.threads import Team

if TYPE_CHECKING:
    from hybridq_sector.tangents import Tangents

Array = NDArray[Any]
ROW_GRAIN = 4  # beta strings a thread takes at least in the mixed pass
BLAS_ALONE = 200_000  # multiply-adds below which OpenBLAS stays on the calling thread by itself


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """The engine's own threads call BLAS; BLAS must not start more inside them."""
    with _blas().limit(limits=1):
        yield


class Sweeper:
    """Runs a program's factors on state vectors.

    Attributes:
        work: one pack buffer for each thread, shape (threads, 4, max strings, LANES).
        partial: sums behind the gradient, shape (blocks of lanes, n_factors).
    """

    def __init__(self, program: Program, team: Team) -> None:
        self.program = program
        self.team = team
        longest = max(program.shape)
        self.work = np.zeros((team.size, 4, longest, LANES), dtype=program.dtype)
        self.partial = np.zeros((-(-longest // LANES), len(program.circuit.factors)))
        rotates = bool(ROTATIONS & set(program.groups[:, 0].tolist()))
        self.rotations = Rotations(program, team, self.work) if rotates else None
        self.diagonals = Diagonals(program, team)
        self._numbers = np.array([isinstance(f.generator, NumberProduct) for f in program.circuit.factors], dtype=bool)
        self._stretches = stretches(program.groups)
        first = int(program.groups[0, 0]) if len(program.groups) else -1
        self.leading = Leading(program, self.rotations) if self.rotations and first in ROTATIONS else None
        tables = program.alpha, program.beta
        self._alpha, self._beta = ((t.start, t.source, t.target, t.sign) for t in tables)
        self._fixed = (
            program.alpha_ladder,
            program.beta_ladder,
            self._alpha,
            self._beta,
            program.alpha.diagonal,
            program.beta.diagonal,
        )

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers."""
        more = self.rotations.nbytes if self.rotations is not None else 0
        more += self.leading.nbytes if self.leading is not None else 0
        return self.work.nbytes + self.partial.nbytes + more

    def coefficients(self, angles: Array) -> tuple[Array, Array]:
        """Cosines, and sines times eta (for number products the phase itself), of the factors' angles."""
        c = np.cos(angles)
        w = np.sin(angles) * self.program.eta
        if self._numbers.any():
            w[self._numbers] = np.exp(1j * angles[self._numbers])
        return c, w

    def prepare(self, psi: Array, c: Array, w: Array) -> None:
        """``psi = exp(t_N G_N) ... exp(t_1 G_1) |reference>``."""
        if self.leading is not None:
            self.leading.forward(psi, c, w)
            self._forward_all(psi, self._stretches[len(self.leading.groups) :], c, w)
        else:
            psi[:] = 0
            psi[self.program.reference] = 1
            self._forward_all(psi, self._stretches, c, w)

    def forward(self, psi: Array, c: Array, w: Array, groups: Array | None = None) -> None:
        """``psi = exp(t_N G_N) ... exp(t_1 G_1) psi``, in place; or the factors of the given groups alone."""
        self._forward_all(psi, self._stretches if groups is None else stretches(groups), c, w)

    def _forward_all(self, psi: Array, parts: list[Array], c: Array, w: Array) -> None:
        for part in parts:
            if part[0, 0] < ROTATE_ALPHA:
                self._forward(psi, part, c, w)
            elif part[0, 0] == DIAGONAL:
                self.diagonals.forward(psi, part[0], w)
            elif self.rotations is not None:
                self.rotations.forward(psi, part[0], c, w)

    def _forward(self, psi: Array, groups: Array, c: Array, w: Array) -> None:
        if self.team.size == 1:
            sweep_kernels.sweep_forward(psi, groups, 0, -1, *self._fixed, c, w, self.work[0])
            return
        for group in groups:

            def part(thread: int, first: int, last: int, group: Array = group) -> None:
                sweep_kernels.sweep_forward(psi, group[None], first, last, *self._fixed, c, w, self.work[thread])

            self._share(part, group)

    def add_generator(self, psi: Array, out: Array, factor: int) -> None:
        """``out += scale G psi`` for one factor."""
        p = self.program
        scale = p.circuit.scales[factor]
        alpha, beta = _pairs(p.alpha, p.alpha_ladder[factor]), _pairs(p.beta, p.beta_ladder[factor])
        if isinstance(p.circuit.factors[factor].generator, NumberProduct):
            sweep_kernels.add_phase(psi, out, alpha[0], beta[0], 1j * scale)
        else:
            sweep_kernels.add_excitation(psi, out, alpha, beta, scale * p.eta[factor])

    def _share(self, part: Any, group: Array) -> None:
        tables = group, self._alpha, self._beta
        self.team.run(part, sweep_kernels.units(*tables), sweep_kernels.grain(*tables))

    def back(self, psi: Array, lam: Array, c: Array, w: Array, *, whole: bool = False) -> Array:
        """``2 Re <lam_k|G_k|psi_k>`` of each factor, shape (n_factors,); psi is the state, both are used up.

        `whole`: psi may be any vector, and all factors are undone on both.
        """
        self.partial[:] = 0
        leading = None if whole else self.leading
        for part in reversed(self._stretches[len(leading.groups) if leading else 0 :]):
            if part[0, 0] < ROTATE_ALPHA:
                self._back(psi, lam, part, c, w)
            elif part[0, 0] == DIAGONAL:
                self.diagonals.back(psi, lam, part[0], w, self.partial)
            elif self.rotations is not None:
                self.rotations.back(psi, lam, part[0], c, w, self.partial[0])
        if leading is not None:
            leading.back(lam, c, w, self.partial[0])
        return np.asarray(2 * self.partial.sum(axis=0))

    def _back(self, psi: Array, lam: Array, groups: Array, c: Array, w: Array) -> None:
        eta = self.program.eta
        if self.team.size == 1:
            sweep_kernels.sweep_back(psi, lam, groups, 0, -1, *self._fixed, c, w, eta, self.work[0], self.partial)
            return
        for group in groups[::-1]:

            def part(thread: int, first: int, last: int, group: Array = group) -> None:
                sweep_kernels.sweep_back(
                    psi, lam, group[None], first, last, *self._fixed, c, w, eta, self.work[thread], self.partial
                )

            self._share(part, group)


def stretches(groups: Array) -> list[Array]:
    """Groups split such that each rotation and each diagonal run stands alone; the rest run in one compiled call."""
    alone = groups[:, 0] >= ROTATE_ALPHA
    cuts = np.flatnonzero(alone[1:] | alone[:-1]) + 1
    return [part for part in np.split(groups, cuts) if len(part)]


def _pairs(table: SpinTable, ladder: int) -> tuple[Array, Array, Array]:
    a, b = table.start[ladder], table.start[ladder + 1]
    return table.source[a:b], table.target[a:b], table.sign[a:b]


class Multiplier:
    """Applies a prepared Hamiltonian, without its constant, to real state vectors."""

    def __init__(self, sigma: Sigma, team: Team) -> None:
        self.sigma = sigma
        self.team = team
        n_alpha, n_beta = sigma.shape
        n_pairs, hops = len(sigma.g), sigma.beta_pair.shape[1]
        self.out_t = np.zeros((n_beta, n_alpha))
        self._scratch = [
            (np.zeros((n_pairs, n_alpha)), np.zeros(hops * n_alpha), np.zeros(hops * n_pairs)) for _ in range(team.size)
        ]

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers."""
        return self.out_t.nbytes + sum(x.nbytes for scratch in self._scratch for x in scratch)

    def apply(self, psi: Array, out: Array) -> None:
        """``out = (H - constant) psi``; both real, contiguous, of the sector's shape, and distinct."""
        s = self.sigma
        n_alpha, n_beta = s.shape
        psi_t = out.reshape(n_beta, n_alpha)  # `out` is free until the end: it lends its memory
        psi_t[:] = psi.T

        def mixed(thread: int, first: int, last: int) -> None:
            sigma_kernels.mixed(
                psi_t, self.out_t, first, last, s.g, s.block_start, s.beta_pair, s.beta_source, s.beta_sign,
                s.beta_block, s.gather, s.n_plus, *self._scratch[thread],
            )  # fmt: skip

        small = s.gather.size * len(s.g) <= BLAS_ALONE
        with nullcontext() if small else one_blas_thread():
            self.team.run(mixed, n_beta, ROW_GRAIN)
        self._same_spin(s.beta, psi_t, self.out_t)
        out[:] = self.out_t.T
        self._same_spin(s.alpha, psi, out)

    def _same_spin(self, m: SparseRows, vector: Array, out: Array) -> None:
        def part(thread: int, first: int, last: int) -> None:
            sigma_kernels.add_sparse(m.start, m.column, m.value, vector, out, first, last)

        self.team.run(part, vector.shape[1], LANES)


class Engine:
    """Energy, gradient and state of one circuit; not for two threads at once."""

    def __init__(self, program: Program, sigma: Sigma | None, sweep_threads: int = 1, sigma_threads: int = 1) -> None:
        self.program = program
        self.sigma = sigma
        self.sweeper = Sweeper(program, Team(sweep_threads))
        self.multiplier = Multiplier(sigma, Team(sigma_threads)) if sigma is not None else None
        self.psi = np.zeros(program.shape, dtype=program.dtype)
        self.lam = np.zeros(program.shape if sigma is not None else (0, 0), dtype=program.dtype)
        self._parts = [
            np.zeros(program.shape) for _ in range(2 if sigma is not None and program.dtype.kind == "c" else 0)
        ]
        self.tangents: Tangents | None = None  # for the driver "metric", made when first needed

    @property
    def nbytes(self) -> int:
        """Bytes of the vectors and buffers, tables apart."""
        total = self.sweeper.nbytes + self.psi.nbytes + self.lam.nbytes + sum(p.nbytes for p in self._parts)
        total += self.tangents.nbytes if self.tangents else 0
        return total + (self.multiplier.nbytes if self.multiplier else 0)

    @property
    def held(self) -> int:
        """Bytes with the tables."""
        return self.nbytes + self.program.nbytes + (self.sigma.nbytes if self.sigma else 0)

    def prepare(self, row: Array) -> tuple[Array, Array]:
        """Set `psi` to the state at a row of parameters; returns the factors' coefficients."""
        c, w = self.sweeper.coefficients(self.program.circuit.angles(row))
        self.sweeper.prepare(self.psi, c, w)
        return c, w

    def multiply(self, psi: Array, out: Array) -> None:
        """``out = (H - constant) psi``; two distinct vectors."""
        assert self.multiplier is not None
        if self._parts:
            real, image = self._parts
            for axis in ("real", "imag"):
                real[:] = getattr(psi, axis)
                self.multiplier.apply(real, image)
                setattr(out, axis, image)
        else:
            self.multiplier.apply(psi, out)

    def _energy(self) -> float:
        """Set `lam` to ``(H - constant) psi`` and take the expectation value."""
        assert self.sigma is not None
        self.multiply(self.psi, self.lam)
        return self.sigma.constant + sigma_kernels.dot(self.psi.reshape(-1), self.lam.reshape(-1))

    def energy(self, row: Array) -> float:
        """``<psi|H|psi>`` in hartree at one row of parameters."""
        self.prepare(row)
        return self._energy()

    def energy_and_gradient(self, row: Array) -> tuple[float, Array]:
        """The energy and its derivative by each parameter (adjoint method, arXiv:2009.02823)."""
        c, w = self.prepare(row)
        energy = self._energy()
        return energy, self.program.circuit.gather(self.sweeper.back(self.psi, self.lam, c, w))
