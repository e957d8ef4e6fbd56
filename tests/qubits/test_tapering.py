"""Z2 symmetries and tapered encodings, held against brute force, PySCF and the sector engine."""

from __future__ import annotations

from functools import cache
from itertools import product as every

import numpy as np
import pyscf
import pyscf.mcscf
import pytest
from fock_oracle import fci_matrix, fock_indices, random_hamiltonian, state_vector
from hypothesis import given, settings
from hypothesis import strategies as st

import hybridq as hq
from hybridq.contract.circuit import product
from hybridq.contract.generators import single
from hybridq.contract.paulis import PauliSum
from hybridq.qubits import ENCODINGS, fixed_parities, jordan_wigner, pauli_strings, tapered, z_symmetries

MOLECULES = {
    "h2": ("H 0 0 0; H 0 0 0.735", 2, 2),
    "lih": ("Li 0 0 0; H 0 0 1.6", 2, 4),
    "beh2": ("Be 0 0 0; H 0 0 1.33; H 0 0 -1.33", 4, 4),
    "h2o": ("O 0 0 0; H 0 0.757 0.587; H 0 -0.757 0.587", 4, 4),
}


@cache
def molecule(name):
    atoms, electrons, orbitals = MOLECULES[name]
    mf = pyscf.M(atom=atoms, basis="sto-3g", symmetry=True, verbose=0).RHF().run()
    problem = hq.Problem.from_pyscf(mf, active_electrons=electrons, active_orbitals=orbitals)
    return problem, float(pyscf.mcscf.CASCI(mf, orbitals, electrons).run(verbose=0).e_tot)


def dense(problem):
    return np.linalg.eigvalsh(problem.hamiltonian.to_matrix().toarray())


def spectrum_of_parities(hamiltonian, parities):
    """Eigenvalues of PySCF's matrices over the determinants with these parities, all electron numbers."""
    n, found = hamiltonian.n_orbitals, []
    for n_alpha, n_beta in every(range(n + 1), repeat=2):
        masks = fock_indices(n, n_alpha, n_beta).ravel()
        inside = np.ones(len(masks), bool)
        for modes, sign in parities:
            inside &= (-1) ** np.bitwise_count(masks & sum(1 << m for m in modes)).astype(int) == sign
        if inside.any():
            found.append(np.linalg.eigvalsh(fci_matrix(hamiltonian, n_alpha, n_beta)[np.ix_(inside, inside)]))
    return np.sort(np.concatenate(found))


@given(n=st.integers(1, 6), data=st.data())
@settings(max_examples=80, deadline=None)
def test_the_symmetries_are_all_products_of_z_that_commute(n, data):
    mask = st.integers(0, (1 << n) - 1)
    x, z = (data.draw(st.lists(mask, min_size=4, max_size=4)) for _ in "xz")
    observable = PauliSum.from_masks(n, x, z, [1.0, 2.0, 3.5, 7.1])
    found = z_symmetries(observable)
    used = [int(word) for word in observable.x[:, 0]]
    commuting = {s for s in range(1 << n) if not any((s & row).bit_count() & 1 for row in used)}
    span = {0}
    for s in found:
        span |= {s ^ other for other in span}
    assert span == commuting
    assert len(span) == 1 << len(found)
    pivots = [1 << s.bit_length() - 1 for s in found]
    assert all((s & pivot != 0) == (k == j) for k, s in enumerate(found) for j, pivot in enumerate(pivots))


def test_symmetries_reach_beyond_one_machine_word():
    n = 70
    chain = [3 << q for q in range(n - 1) if q != 66]  # two chains of hops: 0 to 66 and 67 to 69
    found = z_symmetries(PauliSum.from_masks(n, chain, [0] * len(chain), np.ones(len(chain))))
    assert found == ((1 << 67) - 1, (1 << 70) - (1 << 67))


@pytest.mark.parametrize("mapping", ENCODINGS)
@pytest.mark.parametrize("name", MOLECULES)
def test_tapered_molecules_have_the_ground_energy_of_pyscf(name, mapping):
    problem, energy = molecule(name)
    mapped = problem.to_qubits(mapping, taper=True)
    assert abs(dense(mapped)[0] - energy) < 1e-9
    assert mapped.unit == "hartree"
    assert mapped.known == problem.known


@pytest.mark.parametrize("mapping", ENCODINGS)
@pytest.mark.parametrize("name", MOLECULES)
def test_the_whole_tapered_spectrum_is_that_of_the_sector_named_in_source(name, mapping):
    problem, _ = molecule(name)
    mapped = problem.to_qubits(mapping, taper=True)
    parities = [(entry["modes"], entry["parity"]) for entry in mapped.source["symmetries"]]
    np.testing.assert_allclose(dense(mapped), spectrum_of_parities(problem.hamiltonian, parities), atol=1e-9)


@pytest.mark.parametrize("mapping", ENCODINGS)
@pytest.mark.parametrize("electrons", [(1, 1), (2, 1), (0, 1), (3, 2)])
def test_without_point_group_the_two_parities_of_electrons_are_left_out(mapping, electrons):
    problem = hq.Problem(random_hamiltonian(3, seed=5), *electrons)
    mapped = problem.to_qubits(mapping, taper=True)
    assert mapped.n_qubits == 4
    signs = [([0, 1, 2], (-1) ** electrons[0]), ([3, 4, 5], (-1) ** electrons[1])]
    np.testing.assert_allclose(dense(mapped), spectrum_of_parities(problem.hamiltonian, signs), atol=1e-9)


@pytest.mark.parametrize(("name", "qubits"), [("h2", 1), ("lih", 4), ("beh2", 3), ("h2o", 4)])
def test_as_many_qubits_go_as_there_are_symmetries_under_every_mapping(name, qubits):
    problem, _ = molecule(name)
    for mapping in ENCODINGS:
        mapped = problem.to_qubits(mapping, taper=True)
        assert mapped.n_qubits == qubits == problem.n_qubits - len(mapped.source["symmetries"])


@pytest.mark.parametrize("mapping", ENCODINGS)
@pytest.mark.parametrize("name", MOLECULES)
def test_the_reference_bits_have_the_energy_of_hartree_and_fock(name, mapping):
    problem, _ = molecule(name)
    mapped = problem.to_qubits(mapping, taper=True)
    bits = int(mapped.source["reference"], 2)
    assert len(mapped.source["reference"]) == mapped.n_qubits
    assert abs(mapped.hamiltonian.to_matrix()[bits, bits].real - problem.references("never")["hf"]) < 1e-9


@pytest.mark.parametrize("mapping", ENCODINGS)
@pytest.mark.parametrize("name", ["h2", "lih", "h2o"])
def test_tapered_circuits_have_the_energies_of_the_sector_engine(name, mapping):
    Statevector = pytest.importorskip("qiskit.quantum_info").Statevector
    problem, _ = molecule(name)
    mapped = problem.to_qubits(mapping, taper=True)
    circuit = hq.ansatz("uccsd").build(problem)
    rows = np.random.default_rng(3).normal(scale=0.4, size=(3, circuit.n_parameters))
    task = hq.Task(circuit, rows, problem.hamiltonian, "energy")
    want = hq.backend("sector", threads=1).submit([task]).result()[0].value
    lowered = hq.to_qiskit(circuit, mapped.encoding)
    assert lowered.num_qubits == mapped.n_qubits
    operator = mapped.hamiltonian.to_sparse_pauli_op()
    got = [Statevector(lowered.assign_parameters(row)).expectation_value(operator).real for row in rows]
    np.testing.assert_allclose(got, want, atol=1e-9)


def test_the_mapping_survives_a_record():
    from hybridq.qubits.problem import from_data, to_data

    mapped = molecule("lih")[0].to_qubits("bravyi_kitaev", taper=True)
    again = from_data(to_data(mapped))
    assert again == mapped
    assert again.encoding == mapped.encoding
    assert fixed_parities(again.encoding) == fixed_parities(mapped.encoding)


def test_noise_below_the_cutoff_hides_no_symmetry():
    clean, energy = molecule("lih")
    rng = np.random.default_rng(2)
    noise = rng.normal(scale=1e-14, size=(clean.n_orbitals,) * 2)
    h = clean.hamiltonian
    noisy = hq.Problem.from_integrals(h.one_body + noise + noise.T, h.two_body, (1, 1), h.constant)
    assert noisy.to_qubits(taper=True, cutoff=0.0).n_qubits > 4
    mapped = noisy.to_qubits(taper=True)
    assert mapped.n_qubits == 4
    assert abs(dense(mapped)[0] - energy) < 1e-9


def test_at_least_one_qubit_is_left():
    problem = hq.Problem.from_integrals(np.array([[-1.0]]), np.array([[[[0.5]]]]), (1, 1))
    mapped = problem.to_qubits(taper=True)
    assert mapped.n_qubits == 1
    assert -1.5 in dense(mapped)


def test_a_determinant_or_excitation_of_another_symmetry_is_refused():
    problem, _ = molecule("lih")
    code = problem.to_qubits(taper=True).encoding
    irreps = problem.irreps
    p = next(k for k in range(problem.n_orbitals) if irreps[k] != irreps[0])
    with pytest.raises(hq.InputError, match="or for another symmetry"):
        code.basis_state(1 | 1 << problem.n_orbitals + p)
    with pytest.raises(hq.InputError, match="some determinants of 1\\+1"):
        code.basis_states(1, 1)
    pytest.importorskip("qiskit")
    with pytest.raises(hq.InputError, match="a symmetry that encoding 'jordan_wigner, tapered' holds fixed"):
        hq.to_qiskit(product(problem.n_orbitals, (1, 1), [single(0, p, "alpha")]), code)


def test_a_hamiltonian_without_the_symmetry_is_refused():
    problem, _ = molecule("h2")
    code = problem.to_qubits(taper=True).encoding
    with pytest.raises(hq.InputError, match=r"by terms up to .* hartree; use an encoding without"):
        pauli_strings(random_hamiltonian(2, seed=1), code)
    whole = jordan_wigner(2)
    with pytest.raises(hq.InputError, match="not a mask of 4 modes"):
        tapered(whole, pauli_strings(problem.hamiltonian, whole), 1 << 4)


def test_bad_mappings_are_refused_in_words():
    problem, _ = molecule("h2")
    with pytest.raises(hq.InputError, match="jordan_wigner"):
        problem.to_qubits("jordan-wiger")
    with pytest.raises(hq.InputError, match="cutoff must be zero or positive"):
        problem.to_qubits(taper=True, cutoff=-1e-3)
    with pytest.raises(hq.InputError, match="2 orbitals"):
        problem.to_qubits(jordan_wigner(3))
    with pytest.raises(hq.InputError, match=r"does not say how it holds electrons.*Problem.to_qubits"):
        _ = hq.QubitProblem({"ZZ": 1.0}).encoding


@pytest.mark.parametrize("mapping", ENCODINGS)
def test_amplitudes_of_determinants_keep_their_signs_and_phases(mapping):
    Statevector = pytest.importorskip("qiskit.quantum_info").Statevector
    problem, _ = molecule("lih")
    code = problem.to_qubits(mapping, taper=True).encoding
    circuit = hq.ansatz("uccsd").build(problem)
    row = np.random.default_rng(8).uniform(-1.5, 1.5, circuit.n_parameters)
    want = state_vector(circuit, row)
    inside = np.flatnonzero(abs(want) > 1e-14)
    got = Statevector(hq.to_qiskit(circuit, code).assign_parameters(row)).data
    np.testing.assert_allclose(got[[code.basis_state(int(k)) for k in inside]], want[inside], atol=1e-10)
    assert len(inside) > 1
