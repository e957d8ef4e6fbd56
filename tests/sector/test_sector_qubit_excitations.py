"""Excitations without the fermionic sign: the engine against dense ladder operators and against Qiskit's gates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from molecules import circuits, random_hamiltonian

from hybridq.contract.circuit import product
from hybridq.contract.generators import Excitation, Ladder, mixed_double
from hybridq.qubits import ENCODINGS, encoding_for, to_qiskit
from hybridq.testing.oracle import Oracle
from hybridq_sector.engine import Engine
from hybridq_sector.program import compile_circuit, program_nbytes
from hybridq_sector.sigma import compile_hamiltonian


def engine(circuit, h=None):
    sigma = None if h is None else compile_hamiltonian(h, circuit.n_alpha, circuit.n_beta)
    return Engine(compile_circuit(circuit), sigma)


def over_strings(oracle, vector):
    """The oracle's vector as the engine's matrix: both go through strings in ascending order, beta inner."""
    n = oracle.circuit.n_orbitals
    below = (1 << n) - 1
    alpha, beta = (sorted({pick(d) for d in oracle.determinants}) for pick in (lambda d: d & below, lambda d: d >> n))
    return np.array([[vector[oracle.index[a | b << n]] for b in beta] for a in alpha])


@pytest.mark.parametrize("real", [True, False])
@settings(max_examples=50)
@given(data=st.data())
def test_any_mixture_of_signed_and_unsigned_factors_is_the_dense_state_energy_and_gradient(real, data):
    circuit = data.draw(circuits(real=real, max_factors=6))
    row = np.random.default_rng(data.draw(st.integers(0, 999))).uniform(-4, 4, circuit.n_parameters)
    h = random_hamiltonian(circuit.n_orbitals, 7)
    oracle, e = Oracle(circuit), engine(circuit, h)
    energy, gradient = e.energy_and_gradient(row)
    e.prepare(row)
    np.testing.assert_allclose(e.psi, over_strings(oracle, oracle.state(row)), atol=1e-12)
    if len(oracle.determinants) <= 36:
        assert energy == pytest.approx(oracle.energies(h, row[None])[0], abs=1e-10)
        np.testing.assert_allclose(gradient, oracle.gradients(h, row[None])[0], atol=1e-8)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=20)
@given(data=st.data())
def test_any_mixture_is_the_state_of_its_gates(encoding, data):
    from qiskit.quantum_info import Statevector

    circuit = data.draw(circuits(real=False, max_factors=4).filter(lambda c: 2 <= c.n_orbitals <= 4))
    row = np.linspace(-2.0, 3.0, circuit.n_parameters)
    e = engine(circuit)
    e.prepare(row)
    code = encoding_for(encoding, circuit)
    amplitudes = Statevector(to_qiskit(circuit, encoding).assign_parameters(row)).data
    inside = amplitudes[code.basis_states(circuit.n_alpha, circuit.n_beta)]
    np.testing.assert_allclose(inside.reshape(e.psi.shape), e.psi, atol=1e-10)


def test_an_excitation_over_an_occupied_orbital_differs_by_a_sign_from_its_qubit_excitation():
    crossing = [Excitation(Ladder((2,), (0,)), fermionic=f) for f in (True, False)]
    states = []
    for g in crossing:
        e = engine(product(3, (2, 0), [g]))
        e.prepare(np.array([0.3]))
        states.append(e.psi[:, 0].copy())
    np.testing.assert_allclose(states[0], [np.cos(0.3), 0, -np.sin(0.3)], atol=1e-15)
    np.testing.assert_allclose(states[1], [np.cos(0.3), 0, np.sin(0.3)], atol=1e-15)


def test_moves_of_one_kind_share_a_table_and_diagonal_parts_have_no_kind():
    plain = [mixed_double((0, 2), (0, 2)), Excitation(Ladder((3,), (0,)))]
    both = plain + [Excitation(g.alpha, g.beta, fermionic=False) for g in plain]
    program = compile_circuit(product(4, (2, 2), both))
    assert len(program.alpha.start) - 1 == 4  # two ladders, each with and without signs
    assert len(program.beta.start) - 1 == 3  # the same for one ladder, and the identity once
    assert program.nbytes == program_nbytes(program.circuit)
