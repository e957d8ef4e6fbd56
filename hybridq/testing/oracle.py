"""A slow, plain engine that the conformance kit measures backends against: ladder operators on bit strings.

It shares nothing with any backend: NumPy alone, dense matrices over the determinants of given electron numbers,
so a few hundred determinants at most. A determinant is an integer whose bit m is the occupation of spin orbital m,
alpha orbitals first; ``|det>`` is the product of its creation operators, ascending, on the vacuum, and an operator
on mode m passes the modes below it (Helgaker, Jorgensen, Olsen, doi:10.1002/9781119019572, 1.1 and 1.2).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import CapacityError
from hybridq.contract.generators import Excitation, Generator, Ladder
from hybridq.contract.hamiltonian import Hamiltonian
from hybridq.contract.task import RDM, Metric

MAX_DETERMINANTS = 1000

Complex = NDArray[np.complex128]


class Oracle:
    """States, energies and densities of one circuit.

    Args:
        circuit: any circuit of at most `MAX_DETERMINANTS` determinants.

    Raises:
        CapacityError: too many determinants.
    """

    def __init__(self, circuit: FermionicCircuit) -> None:
        self.circuit = circuit
        n = circuit.n_orbitals
        alpha = [sum(1 << p for p in c) for c in itertools.combinations(range(n), circuit.n_alpha)]
        beta = [sum(1 << p for p in c) for c in itertools.combinations(range(n), circuit.n_beta)]
        if len(alpha) * len(beta) > MAX_DETERMINANTS:
            raise CapacityError(
                f"the oracle takes {MAX_DETERMINANTS} determinants; this circuit has {len(alpha) * len(beta)}"
            )
        self.determinants = [a | b << n for a in alpha for b in beta]
        self.index = {det: i for i, det in enumerate(self.determinants)}

    def matrix(self, operators: list[tuple[int, bool]]) -> NDArray[np.float64]:
        """Matrix of a product of ladder operators (mode, creates), written left to right."""
        dim = len(self.determinants)
        matrix = np.zeros((dim, dim))
        for column, det in enumerate(self.determinants):
            sign, image = 1, det
            for mode, creates in reversed(operators):
                if bool(image >> mode & 1) == creates:
                    sign = 0
                    break
                sign *= -1 if (image & ((1 << mode) - 1)).bit_count() % 2 else 1
                image ^= 1 << mode
            if sign:
                matrix[self.index[image], column] = sign
        return matrix

    def generator(self, generator: Generator) -> Complex:
        """Matrix of an anti-Hermitian generator."""
        n = self.circuit.n_orbitals
        if isinstance(generator, Excitation):
            product = self._ladder(generator.alpha, 0) + self._ladder(generator.beta, n)
            up = self.matrix(product)
            if not generator.fermionic:
                up = np.abs(up)
            matrix = 1j * (up + up.T) if generator.imaginary else up - up.T
            return matrix.astype(np.complex128)
        numbers = [p for p in generator.alpha] + [n + p for p in generator.beta]
        occupied = self.matrix([step for m in numbers for step in ((m, True), (m, False))])
        return (1j * occupied).astype(np.complex128)

    def state(self, row: NDArray[np.float64]) -> Complex:
        """State vector over `determinants`, for one row of parameters."""
        n = self.circuit.n_orbitals
        occupied_alpha, occupied_beta = self.circuit.reference
        start = sum(1 << p for p in occupied_alpha) | sum(1 << (n + p) for p in occupied_beta)
        psi = np.zeros(len(self.determinants), dtype=np.complex128)
        psi[self.index[start]] = 1.0
        for (values, vectors), angle in zip(self._spectra, self.circuit.angles(row), strict=True):
            # exp(t G) by the eigenvectors of the Hermitian matrix -i G: no property of the spectrum is assumed.
            psi = vectors @ (np.exp(1j * angle * values) * (vectors.conj().T @ psi))
        return psi

    @cached_property
    def _spectra(self) -> list[tuple[NDArray[np.float64], Complex]]:
        made: dict[Generator, tuple[NDArray[np.float64], Complex]] = {}
        for factor in self.circuit.factors:
            if factor.generator not in made:
                values, vectors = np.linalg.eigh(-1j * self.generator(factor.generator))
                made[factor.generator] = (values, vectors)
        return [made[factor.generator] for factor in self.circuit.factors]

    @cached_property
    def _shifts(self) -> list[list[NDArray[np.float64]]]:
        """``E_pq``, alpha plus beta."""
        n = self.circuit.n_orbitals
        return [
            [self.matrix([(p, True), (q, False)]) + self.matrix([(n + p, True), (n + q, False)]) for q in range(n)]
            for p in range(n)
        ]

    def hamiltonian(self, hamiltonian: Hamiltonian) -> NDArray[np.float64]:
        """Matrix of ``constant + sum h_pq E_pq + 1/2 sum (pq|rs) (E_pq E_rs - delta_qr E_ps)``, hartree."""
        n, E = self.circuit.n_orbitals, self._shifts
        one, two = hamiltonian.one_body, hamiltonian.two_body
        matrix = hamiltonian.constant * np.eye(len(self.determinants))
        for p, q in itertools.product(range(n), repeat=2):
            inner = sum((two[p, q, r, s] * E[r][s] for r in range(n) for s in range(n)), np.zeros_like(matrix))
            exchange = float(np.trace(two[p, :, :, q]))
            matrix += (one[p, q] - 0.5 * exchange) * E[p][q] + 0.5 * E[p][q] @ inner
        return matrix

    def energies(self, hamiltonian: Hamiltonian, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Energies in hartree, shape (n_rows,)."""
        matrix = self.hamiltonian(hamiltonian)
        states = [self.state(row) for row in rows]
        return np.array([(psi.conj() @ matrix @ psi).real for psi in states])

    def gradients(self, hamiltonian: Hamiltonian, rows: NDArray[np.float64], step: float = 0.01) -> NDArray[np.float64]:
        """Derivatives in hartree per radian, shape (n_rows, n_parameters).

        Central differences of order 8 (Fornberg, doi:10.1090/S0025-5718-1988-0935077-0); good to about 1e-11.
        """
        matrix = self.hamiltonian(hamiltonian)
        gradients = np.zeros((len(rows), self.circuit.n_parameters))
        for i, row in enumerate(rows):
            for j in range(self.circuit.n_parameters):
                for weight, moved in _displaced(row, j, step):
                    psi = self.state(moved)
                    gradients[i, j] += weight * (psi.conj() @ matrix @ psi).real
        return gradients

    def metric(self, hamiltonian: Hamiltonian, row: NDArray[np.float64], step: float = 0.01) -> Metric:
        """All columns of one row, as `hybridq.contract.task.Metric` defines them, by differences of states."""
        psi = self.state(row)
        tangents = np.zeros((self.circuit.n_parameters, len(psi)), dtype=np.complex128)
        for j in range(self.circuit.n_parameters):
            for weight, moved in _displaced(row, j, step):
                tangents[j] += weight * self.state(moved)
        projected = tangents - np.outer(tangents @ psi.conj(), psi)
        images = projected @ self.hamiltonian(hamiltonian).T
        return Metric((projected.conj() @ projected.T).real, (projected.conj() @ images.T).real)

    def rdm(self, row: NDArray[np.float64]) -> RDM:
        """Spin-summed density matrices of one row, as `hybridq.contract.task.RDM` defines them."""
        n, E = self.circuit.n_orbitals, self._shifts
        psi = self.state(row)
        moved = np.array([[E[p][q] @ psi for q in range(n)] for p in range(n)])
        one = np.einsum("i,pqi->pq", psi.conj(), moved)
        # <E_pq E_rs> = <E_qp psi | E_rs psi>
        two = np.einsum("qpi,rsi->pqrs", moved.conj(), moved) - np.einsum("qr,ps->pqrs", np.eye(n), one)
        return RDM(one, two)

    def probabilities(self, row: NDArray[np.float64]) -> dict[str, float]:
        """Probability of each determinant by bit string, spin orbital 0 rightmost."""
        weights = np.abs(self.state(row)) ** 2
        width = self.circuit.n_qubits
        return {f"{det:0{width}b}": float(w) for det, w in zip(self.determinants, weights, strict=True)}

    def _ladder(self, ladder: Ladder, offset: int) -> list[tuple[int, bool]]:
        up = [(offset + p, True) for p in ladder.creations]
        return up + [(offset + p, False) for p in reversed(ladder.annihilations)]


def _displaced(row: NDArray[np.float64], j: int, step: float) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Weights and rows of a central difference of order 8 by parameter j."""
    for k, weight in enumerate((4 / 5, -1 / 5, 4 / 105, -1 / 280), start=1):
        for sign in (1, -1):
            moved = row.copy()
            moved[j] += sign * k * step
            yield sign * weight / step, moved
