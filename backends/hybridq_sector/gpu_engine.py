"""Energy, gradient and state of one circuit on a GPU, or by the same code on the host.

As `hybridq_sector.engine`: one pass forward, one ``H |psi>``, one pass back that undoes the factors on both vectors
and takes the overlaps as it goes (arXiv:2009.02823). Launches are queued without waiting; one transfer brings the
energy and all overlaps back. Vectors are real numbers, real parts before imaginary parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.hamiltonian import Hamiltonian
from hybridq_sector.gpu_arrays import ArrayPasses
from hybridq_sector.gpu_passes import KernelPasses, Launch
from hybridq_sector.gpu_place import Place
from hybridq_sector.gpu_plan import Diagonal, Rows, make_plan
from hybridq_sector.gpu_sigma import GpuSigma
from hybridq_sector.gpu_tables import is_narrow, sigma_tables, sweep_tables
from hybridq_sector.program import Program

Array = NDArray[Any]
WORK = 1 << 30  # bytes of the chunks of H|psi>


def kernels(program: Program) -> tuple[int, bool]:
    """What the kernels are built for: planes, 2 for complex vectors, and whether places of strings take 16 bits."""
    return (2 if program.dtype.kind == "c" else 1), is_narrow(program.shape)


class GpuEngine:
    """Not for two threads at once.

    Args:
        program: the circuit.
        hamiltonian: the observable; None for the state alone.
        place: where the vectors live.
        launch: runs kernels built for the program's `kernels`; None does without kernels.
        work: bytes that the chunks of ``H |psi>`` may take.
    """

    def __init__(
        self,
        program: Program,
        hamiltonian: Hamiltonian | None,
        place: Place,
        launch: Launch | None = None,
        *,
        work: int = WORK,
    ) -> None:
        self.program, self.place = program, place
        self.planes, _ = kernels(program)
        self.plan = make_plan(program)
        circuit = program.circuit
        with place.active():
            tables = sweep_tables(program, self.plan)
            self.passes: ArrayPasses | KernelPasses
            if launch is None:
                self.passes = ArrayPasses(place, tables, program.shape, self.planes)
            else:
                self.passes = KernelPasses(place, launch, tables, program.shape, self.planes)
            self.passes.prepare(self.plan.steps, self.plan.order)
            size = self.planes * program.shape[0] * program.shape[1]
            n_vectors = 3 if hamiltonian is not None else 2
            self.vectors = [place.xp.zeros(size) for _ in range(n_vectors)]
            self.sigma: GpuSigma | None = None
            if hamiltonian is not None:
                electrons = (circuit.n_alpha, circuit.n_beta)
                found = sigma_tables(hamiltonian, *(electrons[::-1] if self.plan.end else electrons))
                self.sigma = GpuSigma(self.passes, found, work)
            forward, self._where = self._forward()
            self._run_forward = place.sequence(forward)
            self._run_back = place.sequence(self._back() if self.sigma is not None else [])

    @property
    def nbytes(self) -> int:
        """Bytes on the device."""
        total = sum(int(v.nbytes) for v in self.vectors) + self.passes.nbytes
        return total + (self.sigma.nbytes if self.sigma is not None else 0)

    @property
    def held(self) -> int:
        """The same: the tables on the host do not count."""
        return self.nbytes

    def _forward(self) -> tuple[list[Callable[[], None]], tuple[int, int]]:
        """Calls that make the state, and which vectors then hold it and nothing."""
        passes, v, shape = self.passes, self.vectors, self.program.shape
        psi, free = 0, len(v) - 1
        row, column = self.program.reference
        place = column * shape[0] + row if self.plan.start else row * shape[1] + column
        calls: list[Callable[[], None]] = [passes.coefficients, lambda: passes.reference(v[0], place)]
        for step in self.plan.steps:
            if isinstance(step, Rows):
                calls.append(lambda x=v[psi], s=step: passes.rows_forward(x, s))  # type: ignore[misc]
            elif isinstance(step, Diagonal):
                calls.append(lambda x=v[psi], s=step: passes.diagonal_forward(x, s))  # type: ignore[misc]
            else:
                sizes = shape if step.transposed else shape[::-1]
                calls.append(lambda x=v[psi], y=v[free], n=sizes: passes.transpose(x, y, *n))  # type: ignore[misc]
                psi, free = free, psi
        return calls, (psi, free)

    def _back(self) -> list[Callable[[], None]]:
        """Calls that undo the factors on the state and on ``H |psi>``."""
        passes, v = self.passes, self.vectors
        psi, free = self._where
        lam = 1
        calls: list[Callable[[], None]] = []
        for step in reversed(self.plan.steps):
            if isinstance(step, Rows):
                calls.append(lambda x=v[psi], u=v[lam], s=step: passes.rows_back(x, u, s))  # type: ignore[misc]
            elif isinstance(step, Diagonal):
                calls.append(
                    lambda x=v[psi], u=v[lam], d=v[free], s=step: passes.diagonal_back(x, u, d, s)  # type: ignore[misc]
                )
            else:
                sizes = self.program.shape[::-1] if step.transposed else self.program.shape
                for which in ("psi", "lam"):
                    source = psi if which == "psi" else lam
                    calls.append(
                        lambda x=v[source], y=v[free], n=sizes: passes.transpose(x, y, *n)  # type: ignore[misc]
                    )
                    if which == "psi":
                        psi, free = free, psi
                    else:
                        lam, free = free, lam
        return [*calls, passes.derivatives]

    def _prepare(self, row: Array) -> None:
        self.passes.set_angles(self.program.circuit.angles(row))
        self._run_forward()

    def prepare(self, row: Array) -> None:
        """Make the state at a row of parameters."""
        with self.place.active():
            self._prepare(row)

    @property
    def psi(self) -> Array:
        """The state on the host, shape (alpha strings, beta strings); until the next gradient."""
        return self._host(self._where[0])

    def _host(self, vector: int) -> Array:
        n_alpha, n_beta = self.program.shape
        with self.place.active():
            flat = self.place.get(self.vectors[vector])
        m = flat.reshape(self.planes, n_beta, n_alpha) if self.plan.end else flat.reshape(self.planes, n_alpha, n_beta)
        full = m[0] if self.planes == 1 else m[0] + 1j * m[1]
        return np.ascontiguousarray(full.T if self.plan.end else full)

    def multiply(self, psi: Array) -> Array:
        """``(H - constant) psi`` of a vector of the host, shape (alpha strings, beta strings)."""
        assert self.sigma is not None
        here = psi.T if self.plan.end else psi
        parts = [here.real, here.imag] if self.planes == 2 else [here]
        with self.place.active():
            self.vectors[self._where[0]][:] = self.place.put(np.concatenate([np.ravel(part) for part in parts]))
            self._multiply()
        return self._host(1)

    def _multiply(self) -> None:
        assert self.sigma is not None
        psi, free = (self.vectors[k] for k in self._where)
        self.sigma.apply(psi, self.vectors[1], free)

    def stages(self, row: Array) -> dict[str, Callable[[], None]]:
        """The three parts of an evaluation, in order and each to be queued alone, for measurements."""
        return {"forward": lambda: self._prepare(row), "product": self._multiply, "back": self._run_back}

    def queue(self, row: Array, *, gradient: bool) -> None:
        """Queue an evaluation; `collect` waits for it."""
        with self.place.active():
            self._prepare(row)
            self._multiply()
            self.passes.dot(self.vectors[self._where[0]], self.vectors[1])
            if gradient:
                self._run_back()

    def collect(self, *, gradient: bool) -> Array:
        """What was queued: the energy without the constant, and ``Re <lambda|G|psi>`` of each factor."""
        with self.place.active():
            return self.place.get(self.passes.result if gradient else self.passes.result[:1])

    def energy(self, row: Array) -> float:
        """``<psi|H|psi>`` in hartree at one row of parameters."""
        assert self.sigma is not None
        self.queue(row, gradient=False)
        return self.sigma.constant + float(self.collect(gradient=False)[0])

    def energy_and_gradient(self, row: Array) -> tuple[float, Array]:
        """The energy and its derivative by each parameter."""
        assert self.sigma is not None
        self.queue(row, gradient=True)
        found = self.collect(gradient=True)
        return self.sigma.constant + float(found[0]), self.program.circuit.gather(2 * found[1:])
