"""Mitigation takes away the noise that it claims to, says what error is left, and never touches an ideal result."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hybridq as hq
from hybridq.contract.errors import BackendError, InputError
from hybridq.measurement import Sample, Setting, estimate
from hybridq.mitigation import Mitigation, Readout, Symmetry, extrapolate, fold, mitigated, two_qubit_gates
from hybridq.qubits import encoding_for, to_qiskit

pytest.importorskip("qiskit")
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, Statevector

N = 3
PROBABILITY = st.floats(0.0, 0.2)


def every_string(n):
    return (np.arange(1 << n)[:, None] >> np.arange(n) & 1).astype(np.uint8)


def misread(weights, errors):
    """What is read of strings with these weights: each qubit is misread by itself."""
    out = weights
    for q, (p, r) in enumerate(errors):
        table = np.array([[1 - p, r], [p, 1 - r]])
        out = np.moveaxis(np.tensordot(table, out.reshape((2,) * N), axes=(1, N - 1 - q)), 0, N - 1 - q).ravel()
    return out


def setting(seed, n=N):
    rng = np.random.default_rng(seed)
    support = rng.integers(0, 2, (5, n)).astype(np.uint8)
    return Setting(n, (), support[support.any(axis=1)], rng.normal(size=int(support.any(axis=1).sum())), True)


class Exact(Sample):
    """The weights of all strings, in place of a sample."""

    @property
    def shots(self):
        return 10**12


@given(st.lists(st.tuples(PROBABILITY, PROBABILITY), min_size=N, max_size=N), st.integers(0, 10**6))
def test_corrected_values_have_the_mean_of_a_perfect_reading(errors, seed):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(1 << N))
    read = misread(weights, errors)
    part = setting(seed)
    readout = Readout(np.array(errors), (1000, 1000))
    true = weights @ part.values(every_string(N))
    sample = Exact(every_string(N), read * 10**12)
    assert readout.estimate(part, sample)[0] == pytest.approx(true, abs=1e-9)


def test_errors_of_corrected_values_are_true_also_where_the_calibration_is_short():
    rng = np.random.default_rng(4)
    errors = np.array([[0.03, 0.08], [0.02, 0.05], [0.05, 0.1]])
    weights = rng.dirichlet(np.ones(1 << N))
    part = setting(11)
    true = weights @ part.values(every_string(N))

    def drawn(distribution, shots):
        return Sample(every_string(N), rng.multinomial(shots, distribution))

    zero, one = (misread(np.eye(1 << N)[k], errors) for k in (0, -1))
    scores = []
    for _ in range(600):
        readout = Readout.of(drawn(zero, 300), drawn(one, 300))
        mean, variance = readout.estimate(part, drawn(misread(weights, errors), 2000))
        scores.append((mean - true) / np.sqrt(variance))
    assert abs(np.mean(scores)) < 0.3
    assert 0.75 < np.mean(np.square(scores)) < 1.35


def test_bounded_weights_are_a_distribution_and_nearer_to_the_truth():
    rng = np.random.default_rng(9)
    errors = np.array([[0.05, 0.1]] * N)
    weights = np.zeros(1 << N)
    weights[[0, 7]] = 0.6, 0.4
    sample = Sample(every_string(N), rng.multinomial(50_000, misread(weights, errors)))
    found = Readout(errors, (10**6, 10**6)).bounded(sample)
    full = np.zeros(1 << N)
    full[found.bits @ (1 << np.arange(N))] = found.counts / found.counts.sum()
    assert (found.counts > 0).all()
    assert np.abs(full - weights).sum() < 0.2 * np.abs(sample.counts / sample.shots - weights).sum()


def test_a_qubit_whose_reading_says_nothing_is_named():
    with pytest.raises(BackendError, match="qubit 1 of the circuit is read wrongly"):
        Readout(np.array([[0.1, 0.1], [0.5, 0.5]]), (100, 100))


@pytest.mark.parametrize(
    "basis", [["cx", "rz", "sx", "x"], ["cz", "rz", "sx"], ["ecr", "rz", "sx", "x"], ["rzz", "rx", "rz"]]
)
@pytest.mark.parametrize("factor", [1, 3, 5])
def test_folding_multiplies_two_qubit_gates_and_changes_no_unitary(basis, factor):
    t = Parameter("t")
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.rzz(t, 1, 2)
    circuit.ry(0.3, 2)
    circuit.swap(0, 2)
    compiled = transpile(circuit, basis_gates=basis, optimization_level=1)
    folded = fold(compiled, factor)
    assert two_qubit_gates(folded) == factor * two_qubit_gates(compiled) > 0
    assert folded.parameters == compiled.parameters
    before, after = (Operator(c.assign_parameters({t: 0.7})) for c in (compiled, folded))
    assert before.equiv(after)


@pytest.mark.parametrize("factor", [0, 2, -1, 1.5, True])
def test_factors_that_are_not_odd_are_refused(factor):
    with pytest.raises(InputError, match="odd"):
        fold(QuantumCircuit(2), factor)


def test_a_gate_without_an_inverse_of_its_kind_is_named():
    circuit = QuantumCircuit(2)
    circuit.iswap(0, 1)
    with pytest.raises(InputError, match="'iswap' cannot be folded"):
        fold(circuit, 3)


@given(st.floats(-3, 3), st.floats(-1, 1), st.floats(0.05, 0.5))
def test_extrapolations_are_exact_on_their_own_curves(a, b, c):
    x, s = np.array([1.0, 3.0, 5.0]), np.array([0.1, 0.2, 0.3])
    assert extrapolate(x, a + b * x, s, "linear")[0] == pytest.approx(a, abs=1e-9)
    assert extrapolate(x, a + b * x + c * x**2, s, "richardson")[0] == pytest.approx(a, abs=1e-8)
    if abs(a) > 0.05:
        assert extrapolate(x, a * np.exp(-c * x), s, "exponential")[0] == pytest.approx(a, rel=1e-9)
        shifted = extrapolate(x, 2 + a * np.exp(-c * x), s, "exponential", limit=2.0)
        assert shifted[0] == pytest.approx(2 + a, rel=1e-9)


@pytest.mark.parametrize("kind", ["linear", "exponential", "richardson"])
def test_error_bars_of_extrapolations_are_true(kind):
    rng = np.random.default_rng(2)
    x, s = np.array([1.0, 3.0, 5.0]), np.array([0.004, 0.006, 0.01])
    y = 1.3 * np.exp(-0.1 * x) if kind == "exponential" else 1.3 - 0.1 * x
    found = np.array([extrapolate(x, y + s * rng.normal(size=3), s, kind) for _ in range(2000)])
    scores = (found[:, 0] - 1.3) / found[:, 1]
    assert abs(scores.mean()) < 0.15
    assert 0.85 < (scores**2).mean() < 1.15


def test_values_that_do_not_decay_are_extrapolated_by_a_line():
    line = extrapolate([1, 3], [1.0, 1.2], [0.1, 0.1], "linear")
    assert extrapolate([1, 3], [1.0, 1.2], [0.1, 0.1], "exponential") == line
    assert extrapolate([1, 3], [1.0, -1.2], [0.1, 0.1], "exponential")[0] == pytest.approx(2.1)


ENCODINGS = ["jordan_wigner", "parity", "bravyi_kitaev", "parity_reduced"]


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), name=st.sampled_from(ENCODINGS))
def test_no_string_of_an_ideal_state_is_thrown_away_and_wrong_electrons_are(seed, name):
    circuit = hq.ansatz("uccsd").build(hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g"))
    code = encoding_for(name, circuit)
    values = np.random.default_rng(seed).normal(size=circuit.n_parameters)
    weights = Statevector(to_qiskit(circuit, code).assign_parameters(values)).probabilities()
    symmetry = Symmetry.for_circuit(circuit, code)
    right = symmetry.right(every_string(code.n_qubits))
    assert weights[~right].sum() < 1e-12
    assert right.sum() == 36  # 2 of 4 orbitals for each spin
    ideal = Sample(every_string(code.n_qubits)[weights > 1e-9], np.ones(int((weights > 1e-9).sum()), dtype=np.int64))
    plain = Setting(code.n_qubits, (), np.zeros((0, code.n_qubits), np.uint8), np.zeros(0), True)
    assert symmetry.keep(plain, ideal).shots == ideal.shots


def test_where_nothing_is_right_the_error_says_what_to_do():
    circuit = hq.ansatz("uccsd").build(hq.Problem.from_xyz("H 0 0 0; H 0 0 1", "sto-3g"))
    symmetry = Symmetry.for_circuit(circuit, encoding_for("jordan_wigner", circuit))
    plain = Setting(4, (), np.zeros((0, 4), np.uint8), np.zeros(0), True)
    with pytest.raises(BackendError, match="of 10 samples 0 have 1 alpha and 1 beta electrons"):
        symmetry.keep(plain, Sample.of({"1111": 10}, 4))


@pytest.mark.parametrize(
    ("words", "made"),
    [
        ("", Mitigation()),
        ("readout", Mitigation(readout="unbiased")),
        ("readout=bounded, symmetry", Mitigation(readout="bounded", symmetry=True)),
        ("zne=richardson,factors=1/3", Mitigation(zne="richardson", factors=(1, 3))),
    ],
)
def test_words_become_options_and_back(words, made):
    assert Mitigation.of(words) == made == Mitigation.of(made.text)


@pytest.mark.parametrize(
    "words", ["magic", "readout=best", "zne=cubic", "factors=1/2/3", "factors=3", "symmetry=yes", "zne,factors=x"]
)
def test_unknown_words_are_refused(words):
    with pytest.raises(InputError):
        Mitigation.of(words)


def test_extrapolation_tells_what_it_costs():
    assert Mitigation().shots_factor == 1
    assert Mitigation.of("zne=linear,factors=1/3").shots_factor == pytest.approx(2 * (1.5**2 + 0.5**2))


def test_without_options_the_value_is_the_plain_one():
    part = setting(3)
    sample = Sample.of({"000": 5, "101": 7}, N)
    assert mitigated(part, sample, None, None, Mitigation()) == estimate(part, sample)
