"""Map one Hamiltonian to Pauli strings in one program, and print seconds and memory as one JSON line.

Run in the peer's own environment; the integrals come in a file. What is timed begins at the arrays of integrals over
spatial orbitals and ends at the program's own operator on qubits, each string once.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks.peers.worker import peak_bytes, pin

Integrals = dict[str, Any]
Strings = Iterable[tuple[str, float]]  # labels with qubit 0 the rightmost


def hybridq(mapping: str) -> tuple[Callable[[Integrals], Any], Callable[[Any], Strings]]:
    import hybridq.qubits.mapping  # noqa: F401
    from hybridq.chem.problem import Problem
    from hybridq.contract.hamiltonian import Hamiltonian

    def run(data: Integrals) -> Any:
        name, _, taper = mapping.partition("+")
        h = Hamiltonian(data["constant"], data["one"], data["two"])
        return Problem(h, *data["electrons"]).to_qubits(name, taper=bool(taper)).hamiltonian

    return run, lambda found: zip(found.labels, found.coefficients.tolist(), strict=True)


def openfermion(mapping: str) -> tuple[Callable[[Integrals], Any], Callable[[Any], Strings]]:
    import openfermion as of
    from openfermion.chem.molecular_data import spinorb_from_spatial

    def run(data: Integrals) -> Any:
        # As MolecularData.get_molecular_hamiltonian does, then alpha before beta, as the other programs have it.
        one, two = spinorb_from_spatial(data["one"], data["two"].transpose(0, 2, 3, 1))
        order = np.r_[0 : len(one) : 2, 1 : len(one) : 2]
        one, two = one[np.ix_(order, order)], two[np.ix_(order, order, order, order)]
        operator = of.InteractionOperator(data["constant"], one, 0.5 * two)
        return {"jordan_wigner": of.jordan_wigner, "bravyi_kitaev": of.bravyi_kitaev}[mapping](operator)

    def strings(found: Any) -> Strings:
        n = of.count_qubits(found)
        for term, value in found.terms.items():
            letters = ["I"] * n
            for q, letter in term:
                letters[n - 1 - q] = letter
            yield "".join(letters), complex(value).real

    return run, strings


def qiskit_nature(mapping: str) -> tuple[Callable[[Integrals], Any], Callable[[Any], Strings]]:
    from qiskit_nature.second_q.hamiltonians import ElectronicEnergy
    from qiskit_nature.second_q.mappers import BravyiKitaevMapper, JordanWignerMapper, ParityMapper
    from qiskit_nature.second_q.operators import PolynomialTensor

    def run(data: Integrals) -> Any:
        n_alpha, n_beta = data["electrons"]
        mapper = {
            "jordan_wigner": JordanWignerMapper,
            "parity_reduced": lambda: ParityMapper(num_particles=(n_alpha, n_beta)),
            "bravyi_kitaev": BravyiKitaevMapper,
        }[mapping]()
        energy = ElectronicEnergy.from_raw_integrals(data["one"], data["two"])
        energy.electronic_integrals.alpha += PolynomialTensor({"": data["constant"]})
        return mapper.map(energy.second_q_op()).simplify(atol=1e-12)

    return run, lambda found: zip(found.paulis.to_labels(), found.coeffs.real.tolist(), strict=True)


PROGRAMS = {
    "hybridq": (hybridq, ("hybridq-sdk", "numpy")),
    "openfermion": (openfermion, ("openfermion", "numpy")),
    "qiskit_nature": (qiskit_nature, ("qiskit-nature", "qiskit", "numpy")),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("mapping")
    parser.add_argument("integrals")
    parser.add_argument("--strings", help="write the operator there")
    arguments = parser.parse_args()
    pin(1)
    with np.load(arguments.integrals) as file:
        data = {"constant": float(file["constant"]), "one": file["one"], "two": file["two"]}
        data["electrons"] = tuple(int(k) for k in file["electrons"])
    make, packages = PROGRAMS[arguments.program]
    run, strings = make(arguments.mapping)
    before = peak_bytes()
    began = time.perf_counter()
    found = run(data)
    seconds = time.perf_counter() - began
    peak = peak_bytes()
    n_terms = (
        len(found.terms)
        if arguments.program == "openfermion"
        else len(found.coefficients if arguments.program == "hybridq" else found)
    )
    if arguments.strings:
        labels, values = zip(*strings(found), strict=True)
        np.savez(arguments.strings, labels=np.array(labels), values=np.array(values))
    versions = {package: importlib.metadata.version(package) for package in packages}
    record = {"seconds": seconds, "added_bytes": peak - before, "peak_bytes": peak, "strings": n_terms}
    sys.stdout.write("\n" + json.dumps({**record, "versions": versions}) + "\n")


if __name__ == "__main__":
    main()
