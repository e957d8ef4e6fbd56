"""Shots to a standard error of 1.6 mHa, by grouping and by how they are shared, beside Qiskit's BackendEstimatorV2.

    python -m benchmarks.shots [--molecules LiH H4 N2]

For UCCSD at its optimum, from the exact variance of one shot of every setting (state vectors, Jordan-Wigner). Shots
are what the variances say, ``sum_k v_k / f_k / error^2`` with f_k the share of setting k; "adaptive" takes a pilot of
a fifth of them, simulated, and shares the rest by what it shows. BackendEstimatorV2 runs each of its groups with the
same number of shots: its groups are made by its own call, its variance is the exact one of its estimator. Ends with
an error unless the settings add up to the energy. Writes `results/shots.json`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hybridq as hq
from benchmarks import machine
from hybridq.chem.problem import Problem
from hybridq.measurement import Measurement, Sample, measurement, prior_variances, refine, rotated, shares
from hybridq.qubits import jordan_wigner, pauli_strings, to_qiskit

ERROR = 1.6e-3  # hartree
PILOT = 0.2
REPEATS = 20  # pilots of which the mean is told
MOLECULES: dict[str, tuple[str, tuple[int, int] | None]] = {
    "LiH": ("Li 0 0 0; H 0 0 1.6", None),
    "H4": ("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", None),
    "N2": ("N 0 0 0; N 0 0 1.1", (6, 6)),
}
RULES = ("uniform", "weight", "norm", "prior", "adaptive", "optimal")


def problem_of(name: str) -> Problem:
    """The molecule in STO-3G, with its active space."""
    from pyscf import gto, scf

    atom, space = MOLECULES[name]
    mf = scf.RHF(gto.M(atom=atom, basis="sto-3g", verbose=0)).run(conv_tol=1e-12)
    electrons, orbitals = space or (None, None)
    return hq.Problem.from_pyscf(mf, active_electrons=electrons, active_orbitals=orbitals)


def optimum(problem: Problem) -> tuple[NDArray[np.complex128], float]:
    """State vector of UCCSD at its lowest energy, qubit 0 the lowest bit, and that energy."""
    from qiskit.quantum_info import Statevector

    circuit = hq.ansatz("uccsd").build(problem)
    result = hq.VQE(problem, circuit, backend="sector", progress=False).run()
    bound = to_qiskit(circuit).assign_parameters(list(result.parameters))
    return np.asarray(Statevector(bound).data), float(result.energy)


class Exact:
    """Settings of a measurement, each with the exact distribution of its samples in a state."""

    def __init__(self, found: Measurement, psi: NDArray[np.complex128]) -> None:
        from qiskit.quantum_info import Statevector

        self.measurement = found
        n = len(psi).bit_length() - 1
        self.bits = ((np.arange(len(psi))[:, None] >> np.arange(n)) & 1).astype(np.uint8)
        self.probabilities = []
        self.variances = []
        self.energy = found.constant
        for setting in found.settings:
            p = np.abs(np.asarray(Statevector(psi).evolve(setting.tail()).data)) ** 2
            values = setting.values(self.bits)
            mean = float(p @ values)
            self.energy += mean
            self.variances.append(float(p @ (values - mean) ** 2))
            self.probabilities.append(p / p.sum())

    def shots(self, fractions: NDArray[np.float64]) -> float:
        """Shots to the wanted error where setting k has this fraction of them."""
        v = np.array(self.variances)
        return float((v[v > 0] / fractions[v > 0]).sum() / ERROR**2)

    def by_rule(self, rule: str, occupation: int) -> float:
        """Shots by a rule, in the limit in which rounding does not count."""
        if rule == "adaptive":
            return self.adaptive(occupation)
        if rule in ("prior", "optimal"):
            v = prior_variances(self.measurement, occupation) if rule == "prior" else self.variances
            given = shares(self.measurement, 10**9, variances=v, least=0)
        else:
            given = shares(self.measurement, 10**9, by=rule, least=0)
        return self.shots(np.array(given) / 1e9)

    def adaptive(self, occupation: int) -> float:
        """Mean over pilots of a fifth of the shots that the rule "prior" would take."""
        rng = np.random.default_rng(7)
        total = int(self.by_rule("prior", occupation))
        expected = prior_variances(self.measurement, occupation)
        found = []
        for _ in range(REPEATS):
            pilot = shares(self.measurement, max(int(PILOT * total), 2 * len(self.variances)), variances=expected)
            samples = []
            for p, number in zip(self.probabilities, pilot, strict=True):
                drawn = rng.multinomial(number, p)
                seen = np.flatnonzero(drawn)
                samples.append(Sample(self.bits[seen], drawn[seen]))
            rest = refine(self.measurement, samples, total - sum(pilot))
            found.append(self.shots((np.array(pilot) + np.array(rest)) / total))
        return float(np.mean(found))


def estimator_variances(observable: Any, psi: NDArray[np.complex128]) -> list[float]:
    """Exact variance of one shot of each group of BackendEstimatorV2 for a SparsePauliOp."""
    from qiskit.quantum_info import PauliList

    coefficients = dict(zip(observable.paulis.to_labels(), observable.coeffs.real, strict=True))
    groups = PauliList(sorted(coefficients)).group_commuting(qubit_wise=True)
    variances = []
    for group in groups:
        part = type(observable)(group, [coefficients[label] for label in group.to_labels()])
        image = part.to_matrix(sparse=True) @ psi
        variances.append(float(np.vdot(image, image).real - np.vdot(psi, image).real ** 2))
    return variances


def two_qubit(found: Measurement) -> int:
    """Most two-qubit gates of a setting."""
    return max((sum(len(turn.qubits) == 2 for turn in s.turns) for s in found.settings), default=0)


def table(name: str) -> dict[str, Any]:
    """All numbers of one molecule."""
    problem = problem_of(name)
    psi, energy = optimum(problem)
    code = jordan_wigner(problem.n_orbitals)
    observable = pauli_strings(problem.hamiltonian, code)
    reference = (range(problem.n_alpha), range(problem.n_beta))
    modes = [*reference[0], *(problem.n_orbitals + p for p in reference[1])]
    occupation = code.basis_state(sum(1 << mode for mode in modes))
    made = {
        "qubit-wise": lambda: measurement(observable),
        "commuting": lambda: measurement(observable, "commuting"),
        "basis-rotation": lambda: rotated(problem.hamiltonian),
        "basis-rotation, shifted": lambda: rotated(problem.hamiltonian, reference=reference),
    }
    rows: dict[str, Any] = {}
    for grouping, make in made.items():
        began = time.perf_counter()
        found = make()
        seconds = time.perf_counter() - began
        exact = Exact(found, psi)
        if abs(exact.energy - energy) > 1e-8:
            raise RuntimeError(f"{name}, {grouping}: the settings add up to {exact.energy}, the energy is {energy}")
        rows[grouping] = {
            "settings": len(found.settings),
            "two_qubit_gates": two_qubit(found),
            "seconds_to_make": round(seconds, 3),
            "shots": {rule: round(exact.by_rule(rule, occupation)) for rule in RULES},
        }
    peer = estimator_variances(observable.to_sparse_pauli_op(), psi)
    return {
        "energy": energy,
        "strings": observable.n_terms,
        "groupings": rows,
        "BackendEstimatorV2": {"groups": len(peer), "shots": round(len(peer) * sum(peer) / ERROR**2)},
    }


def shown(found: dict[str, Any]) -> str:
    """The numbers as text."""
    lines = [f"{'':<6}{'':<25}settings  2q" + "".join(f"{rule:>13}" for rule in RULES)]
    for name, one in found.items():
        for grouping, row in one["groupings"].items():
            head = f"{name:<6}{grouping:<25}{row['settings']:>8}{row['two_qubit_gates']:>4}"
            lines.append(head + "".join(f"{row['shots'][rule]:>13,}" for rule in RULES))
        peer = one["BackendEstimatorV2"]
        lines.append(f"{name:<6}{'BackendEstimatorV2':<25}{peer['groups']:>8}{0:>4}{peer['shots']:>13,}")
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--molecules", nargs="+", choices=[*MOLECULES], default=[*MOLECULES])
    options = parser.parse_args(words)
    before = machine.about()
    found = {name: table(name) for name in options.molecules}
    print(shown(found))
    machine.save("shots", {**before, "standard_error_hartree": ERROR, "molecules": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
