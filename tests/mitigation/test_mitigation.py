"""Mitigation takes away the noise that it claims to, says what error is left, and never touches an ideal result."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitigation_oracle import every_string, misread

from hybridq.contract.errors import BackendError, InputError
from hybridq.measurement import Sample, Setting, estimate
from hybridq.mitigation import Mitigation, Readout, extrapolate, fold, mitigated, two_qubit_gates

pytest.importorskip("qiskit")
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.library import XXPlusYYGate
from qiskit.quantum_info import Operator

N = 3
PROBABILITY = st.floats(0.0, 0.2)


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
    assert readout.estimate(part, sample)[0] == pytest.approx(true, abs=1e-11)


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
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1)
    assert np.abs(found - weights).sum() < 0.2 * np.abs(sample.counts / sample.shots - weights).sum()


def test_a_qubit_whose_reading_says_nothing_is_named():
    with pytest.raises(BackendError, match="qubit 1 of the circuit is read wrongly"):
        Readout(np.array([[0.1, 0.1], [0.5, 0.5]]), (100, 100))


@pytest.mark.parametrize(
    "basis",
    [["cx", "rz", "sx", "x"], ["cz", "rz", "sx"], ["ecr", "rz", "sx", "x"], ["rzz", "rx", "rz"], ["iswap", "rx", "rz"]],
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


def test_no_later_optimization_takes_folded_gates_away_and_measurements_are_as_they_were():
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [1, 0])
    folded = transpile(fold(circuit, 5), basis_gates=["cx", "rz", "sx"], optimization_level=3)
    assert folded.count_ops()["cx"] == 5
    measured = [(folded.find_bit(i.qubits[0]).index, folded.find_bit(i.clbits[0]).index) for i in folded.data[-2:]]
    assert sorted(measured) == [(0, 1), (1, 0)]


@pytest.mark.parametrize("factor", [0, 2, -1, 1.5, True])
def test_factors_that_are_not_odd_are_refused(factor):
    with pytest.raises(InputError, match="odd"):
        fold(QuantumCircuit(2), factor)


def test_a_gate_without_an_inverse_of_its_kind_is_named():
    circuit = QuantumCircuit(2)
    circuit.append(XXPlusYYGate(0.3), [0, 1])
    with pytest.raises(InputError, match="'xx_plus_yy' cannot be folded"):
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


@pytest.mark.parametrize(
    "values", [([1.0, np.nan], [0.1, 0.1]), ([1.0, 2.0], [0.1, np.inf]), ([1.0, 2.0], [0.1, -1.0])]
)
def test_values_that_are_no_numbers_are_not_extrapolated(values):
    with pytest.raises(InputError, match="finite"):
        extrapolate([1, 3], *values, "linear")


def test_values_that_do_not_decay_are_extrapolated_by_a_line():
    line = extrapolate([1, 3], [1.0, 1.2], [0.1, 0.1], "linear")
    assert extrapolate([1, 3], [1.0, 1.2], [0.1, 0.1], "exponential") == line
    assert extrapolate([1, 3], [1.0, -1.2], [0.1, 0.1], "exponential")[0] == pytest.approx(2.1)


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
    "words",
    [
        "magic", "readout=best", "zne=cubic", "factors=1/2/3", "factors=3", "symmetry=yes", "zne,factors=x",
        "factors=1/3", "zne,factors=1/2/3", "zne=linear,zne=exponential", "readout,readout=bounded", 7,
    ],
)  # fmt: skip
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
