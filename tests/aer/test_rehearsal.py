"""Rehearsals have the noise of a device, and mitigation takes most of it away."""

from __future__ import annotations

from functools import cache

import pytest

pytest.importorskip("qiskit_aer")
pytest.importorskip("qiskit_ibm_runtime")

import hybridq as hq
from hybridq.contract.errors import InputError

SHOTS = 100_000


@cache
def case(name):
    """Problem, circuit, its best row and the noiseless energy there."""
    if name == "H2":
        problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")
    else:
        problem = hq.Problem.from_xyz("Li 0 0 0; H 0 0 1.6", "sto-3g", active_electrons=2, active_orbitals=2)
    result = hq.VQE(problem, backend="sector").run()
    return problem, result.circuit, result.parameters, result.energy


def energy(name, mitigation, **options):
    problem, circuit, row, exact = case(name)
    backend = hq.backend("aer:ibm_manila", mitigation=mitigation, **options)
    (result,) = backend.submit([hq.Task(circuit, row, problem.hamiltonian, shots=SHOTS, seed=3)]).result()
    return result.value[0] - exact, result.stderr[0], result


@pytest.mark.parametrize("name", ["H2", "LiH"])
def test_noise_is_there_and_mitigation_brings_the_energy_within_its_errors(name):
    raw, raw_error, _ = energy(name, "")
    read, _, _ = energy(name, "readout")
    best, best_error, result = energy(name, "readout,zne=exponential")
    assert raw > 8 * raw_error
    assert 0.2 * raw < read < 0.8 * raw
    assert abs(best) < 3 * best_error < raw
    assert result.provenance["compiled"]["two_qubit_gates"] == 4
    assert result.provenance["mitigation"]["factors"] == [1, 3, 5]


def test_samples_with_wrong_electrons_are_thrown_away_where_that_shows():
    raw, error, _ = energy("H2", "", encoding="jordan_wigner")
    kept, _, _ = energy("H2", "symmetry", encoding="jordan_wigner")
    rotated, _, _ = energy("H2", "symmetry", encoding="jordan_wigner", grouping="basis-rotation")
    assert kept < raw - 10 * error
    assert rotated < raw - 10 * error


@pytest.mark.parametrize("grouping", ["qubit-wise", "commuting", "basis-rotation"])
def test_without_noise_every_grouping_gives_the_energy_within_its_errors(grouping):
    from qiskit_aer import AerSimulator

    from hybridq.hardware import DeviceBackend
    from hybridq.hardware.qiskit_device import QiskitDevice

    problem, circuit, row, exact = case("LiH")
    backend = DeviceBackend(QiskitDevice(AerSimulator(), local=True), grouping=grouping)
    scores = []
    for seed in range(6):
        task = hq.Task(circuit, row, problem.hamiltonian, shots=20_000, seed=seed)
        (result,) = backend.submit([task]).result()
        scores.append((result.value[0] - exact) / result.stderr[0])
    assert max(abs(score) for score in scores) < 5
    assert sum(score**2 for score in scores) / 6 < 4


def test_the_same_seed_gives_the_same_counts():
    first, _, _ = energy("H2", "readout")
    assert energy("H2", "readout")[0] == first


def test_a_vqe_on_a_rehearsal_ends_near_the_noiseless_optimum():
    problem, _, _, exact = case("H2")
    result = hq.VQE(
        problem,
        backend=hq.backend("aer:ibm_manila", mitigation="readout,zne=linear,factors=1/3"),
        optimizer_options={"iterations": 8, "calibration": 3},
        shots=20_000,
        seed=2,
    ).run()
    assert abs(result.energy - exact) < 3 * result.stderr + 1e-3


def test_unknown_devices_and_options_are_refused_by_name():
    with pytest.raises(InputError, match="did you mean 'ibm_manila'"):
        hq.backend("aer:ibm_manilla")
    with pytest.raises(InputError, match="allocation"):
        hq.backend("aer:ibm_manila", allocation="none")
    with pytest.raises(InputError, match="has no option 'bond'"):
        hq.backend("aer:mps", bond=3)


def test_a_plan_shows_circuits_shots_and_time_of_the_qpu():
    problem, circuit, row, _ = case("H2")
    made = hq.backend("aer:ibm_manila", mitigation="readout,zne=linear")
    cost = made.cost([hq.Task(circuit, row, problem.hamiltonian, shots=9_000)])
    settings = 2 if cost.circuits == 8 else (cost.circuits - 2) // 3
    assert cost.circuits == 3 * settings + 2
    assert cost.shots == 9_000 + 2 * 4096
    assert cost.qpu_seconds > 0


def test_auto_never_rehearses():
    problem, circuit, row, _ = case("H2")
    named = [c.name for c in hq.plan(hq.Task(circuit, row, problem.hamiltonian)).candidates]
    assert not [name for name in named if name.startswith("aer:ibm")]
