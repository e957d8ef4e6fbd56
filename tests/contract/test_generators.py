"""Excitations with and without the fermionic sign, as data."""

from __future__ import annotations

import numpy as np
import pytest

from hybridq.contract import circuit_file
from hybridq.contract.circuit import FermionicCircuit, product
from hybridq.contract.errors import InputError
from hybridq.contract.estimate import jordan_wigner_estimate
from hybridq.contract.generators import Excitation, Ladder, NumberProduct, mixed_double, single

MOVE = Ladder((3,), (0,)), Ladder((2,), (1,))


def test_the_digest_of_fermionic_circuits_is_what_it_was_before_there_were_others():
    circuit = product(
        4,
        (2, 2),
        [
            single(0, 2, "alpha"),
            mixed_double((0, 3), (1, 2)),
            Excitation(Ladder((3,), (1,)), imaginary=True),
            NumberProduct((0,), (1,)),
        ],
    )
    assert circuit.digest == "61716695b217734af91b54657747dd04b7541ae60a5948b6dab72751956c0d1e"


def test_a_qubit_excitation_is_another_generator_and_makes_another_circuit():
    fermionic, qubit = Excitation(*MOVE), Excitation(*MOVE, fermionic=False)
    assert fermionic != qubit
    assert (str(fermionic), str(qubit)) == ("0a 1b -> 3a 2b", "qubit 0a 1b -> 3a 2b")
    assert str(Excitation(*MOVE, imaginary=True, fermionic=False)) == "i qubit 0a 1b -> 3a 2b"
    circuits = [product(4, (2, 2), [g]) for g in (fermionic, qubit)]
    assert circuits[0] != circuits[1]
    assert circuits[1].kinds() == {"qubit doubles": 1}
    assert circuits[1].is_real


def test_flags_are_booleans_whatever_they_came_as():
    g = Excitation(*MOVE, imaginary=np.True_, fermionic=0)
    assert (g.imaginary, g.fermionic) == (True, False)
    assert type(g.imaginary) is type(g.fermionic) is bool
    assert g == Excitation(*MOVE, True, False)
    with pytest.raises(InputError, match="fermionic of an excitation must be True or False, got 'no'"):
        Excitation(*MOVE, fermionic="no")


def test_a_circuit_file_keeps_the_kind_of_excitation():
    circuit = product(4, (2, 2), [Excitation(*MOVE, fermionic=False), Excitation(*MOVE)])
    again = circuit_file.from_text(circuit_file.to_text(circuit))
    assert again == circuit
    assert [f.generator.fermionic for f in again.factors] == [False, True]


@pytest.mark.parametrize(
    ("generator", "cx"),
    [
        (Excitation(Ladder((4,), (0,)), fermionic=False), 2 * 2),  # XY, YX on two qubits; nothing crossed
        (Excitation(*MOVE, fermionic=False), 8 * 6),
        (Excitation(Ladder((0, 2), (0, 4)), fermionic=False), 2 * 2 + 2 * 4),  # a single times a number operator
    ],
)
def test_qubit_excitations_cost_no_gates_for_the_orbitals_they_cross(generator, cx):
    circuit = FermionicCircuit(5, ((0, 1), (0,)), product(5, (2, 1), [generator]).factors, 1)
    assert jordan_wigner_estimate(circuit).two_qubit_gates == cx
