"""VQE against full CI, on every optimizer, and the ways in which a run can end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

import hybridq as hq
from hybridq.contract.errors import CapacityError, InputError, JournalMismatch
from hybridq.loops.optimizers import NAMES, optimizer
from hybridq.loops.optimizers.spsa import SPSA
from hybridq.registry import by_device


@cache
def chain(n: int) -> hq.Problem:
    return hq.Problem.from_xyz("; ".join(f"H 0 0 {i}" for i in range(n)), "sto-3g")


@cache
def water() -> hq.Problem:
    return hq.Problem.from_xyz("O 0 0 0; H 0 0.757 0.587; H 0 -0.757 0.587", "sto-3g", frozen_core=True)


def rerun(problem: hq.Problem) -> hq.Problem:
    """What a second SCF may give: other last digits, and an orbital of the other sign."""
    h = problem.hamiltonian
    signs = np.ones(problem.n_orbitals)
    signs[1] = -1
    rng = np.random.default_rng(1)
    one = np.einsum("p,q,pq->pq", signs, signs, h.one_body) * (1 + 1e-13 * rng.normal())
    two = np.einsum("p,q,r,s,pqrs->pqrs", signs, signs, signs, signs, h.two_body)
    other = hq.Hamiltonian(h.constant, one, two)
    return hq.Problem(
        other, problem.n_alpha, problem.n_beta, problem.irreps, problem.name, problem.source, problem.known
    )


class EnergyOnly(hq.LocalBackend):
    """The sector engine with everything but energies taken away."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = hq.backend("sector")
        self.rows = 0

    name = "energy-only"
    capabilities = hq.Capabilities(max_qubits=24, drivers=frozenset({"energy"}))

    def cost(self, tasks):
        return self.inner.cost(tasks)

    def run(self, task):
        self.rows += task.n_rows
        return self.inner.submit([task]).result()[0]


def test_two_electrons_reach_full_ci_exactly():
    result = hq.VQE(chain(2)).run()
    assert result.converged
    assert result.energy == pytest.approx(result.references["casci"], abs=1e-9)


@pytest.mark.parametrize("problem", [chain(4), water()], ids=["H4", "H2O"])
def test_uccsd_lies_above_full_ci_and_within_its_known_error(problem):
    result = hq.VQE(problem).run()
    assert result.converged
    assert 0 <= result.energy - result.references["casci"] < 1.0e-3
    assert result.energy < result.references["hf"] - 0.01


@pytest.mark.parametrize(
    ("geometry", "spin", "space"),
    [("O 0 0 0; O 0 0 1.2", 2, (8, 6)), ("O 0 0 0; H 0 0 0.97", 1, (7, 5)), ("N 0 0 0", 3, (5, 4))],
)
def test_open_shells_lie_between_rohf_and_casci(geometry, spin, space):
    problem = hq.Problem.from_xyz(geometry, "sto-3g", spin=spin, active_electrons=space[0], active_orbitals=space[1])
    assert problem.spin == spin
    result = hq.VQE(problem).run()
    references = result.references
    assert references["casci"] - 1e-9 <= result.energy <= references["hf"] + 1e-9
    assert result.energy - references["casci"] < 2e-3


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_finds_the_minimum_by_its_name(name):
    problem = chain(2)
    start = np.full(hq.ansatz("uccsd").build(problem).n_parameters, 0.05)
    result = hq.VQE(problem, "uccsd", optimizer=name.lower(), initial=start).run()
    assert result.optimizer == name
    assert result.converged
    assert result.energy == pytest.approx(result.references["casci"], abs=1e-6)


def test_point_group_screening_leaves_the_optimum_where_it_was():
    every = hq.VQE(chain(4), hq.ansatz("uccsd", point_group=False)).run()
    some = hq.VQE(chain(4), "uccsd").run()
    assert some.n_parameters < every.n_parameters
    assert some.energy == pytest.approx(every.energy, abs=1e-7)


def test_spin_adapted_parameters_keep_the_singlet_and_come_close_to_the_full_set():
    full = hq.VQE(chain(4)).run()
    adapted = hq.VQE(chain(4), hq.ansatz("uccsd", spin_adapted=True)).run()
    assert adapted.n_parameters < full.n_parameters
    assert 0 < adapted.energy - full.references["casci"] < 1e-3


def test_a_backend_without_gradients_gives_the_same_energy():
    backend = EnergyOnly()
    derived = hq.VQE(chain(4), backend=backend).run()
    native = hq.VQE(chain(4), backend="sector").run()
    assert derived.energy == pytest.approx(native.energy, abs=1e-8)
    n_factors = len(derived.circuit.factors)
    assert backend.rows >= derived.evaluations * (1 + 4 * n_factors)


def test_steps_can_be_taken_one_by_one():
    vqe = hq.VQE(chain(4))
    seen = [step for step in vqe.steps()]
    assert [s.number for s in seen] == list(range(1, len(seen) + 1))
    assert all(later.best <= earlier.best for earlier, later in pairwise(seen))
    assert vqe.result is not None
    assert vqe.result.history.energies == tuple(s.energy for s in seen)
    assert seen[-1].gradient < 1e-4


def test_closing_the_generator_early_keeps_the_best_point():
    vqe = hq.VQE(chain(4))
    steps = vqe.steps()
    first = next(steps)
    steps.close()
    assert vqe.result is not None
    assert not vqe.result.converged
    assert vqe.result.energy <= first.energy


def test_a_callback_can_stop_the_run():
    calls = []

    def stop_at_two(step: hq.Step) -> bool:
        calls.append(step.number)
        return step.number == 2

    result = hq.VQE(chain(4), callbacks=[stop_at_two]).run()
    assert calls == [1, 2]
    assert (result.converged, result.reason) == (False, "stopped by a callback")


@pytest.mark.parametrize(
    ("limit", "words"), [({"max_evaluations": 3}, "3 evaluations"), ({"max_iterations": 2}, "2 iterations")]
)
def test_limits_end_a_run_with_its_best_point(limit, words):
    result = hq.VQE(chain(4), **limit).run()
    assert not result.converged
    assert words in result.reason
    assert result.energy < result.references["hf"]


def test_the_result_survives_json_with_all_bits(tmp_path):
    result = hq.VQE(chain(4)).run()
    text = result.to_json(tmp_path / "result.json")
    for source in (text, tmp_path / "result.json"):
        back = hq.VQEResult.from_json(source)
        assert back.energy == result.energy
        assert np.array_equal(back.parameters, result.parameters)
        assert back.history == result.history
        assert back.references == dict(result.references)
    with pytest.raises(InputError, match="read from a file"):
        back.rdm()


@pytest.mark.parametrize("text", ['{"schema_version": 1}', '{"schema_version": 99, "energy": 0}', "{not json"])
def test_what_is_no_result_is_refused(text):
    with pytest.raises(InputError, match="no VQE result|newer hybridq"):
        hq.VQEResult.from_json(text)


def test_density_matrices_give_the_energy_back():
    result = hq.VQE(chain(4)).run()
    matrices, h = result.rdm(), result.problem.hamiltonian
    energy = (
        h.constant + np.einsum("pq,pq", h.one_body, matrices.one) + np.einsum("pqrs,pqrs", h.two_body, matrices.two) / 2
    )
    assert energy == pytest.approx(result.energy, abs=1e-10)


def test_the_plot_is_a_picture(tmp_path):
    result = hq.VQE(chain(4)).run()
    figure = result.plot(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    left, right = figure.axes
    assert list(left.lines[0].get_ydata()) == list(result.history.energies)
    assert right.get_yscale() == "log"
    with pytest.raises(InputError, match="cannot write the plot"):
        result.plot(tmp_path / "no" / "plot.png")


def test_a_circuit_without_parameters_gives_the_energy_of_its_reference():
    problem = chain(2)
    bare = hq.FermionicCircuit(2, ((0,), (0,)), (), 0)
    result = hq.VQE(problem, bare).run()
    assert result.converged
    assert result.energy == pytest.approx(problem.references()["hf"], abs=1e-10)


def test_plan_names_every_installed_backend_and_runs_nothing():
    plan = hq.VQE(chain(4)).plan()
    assert plan.chosen == "sector"
    names = {c.name.partition(":")[0] for c in plan.candidates}
    # Hardware is asked for by its device, and never considered by itself.
    assert names == {entry.name for entry in hq.backend_names() if by_device(entry.name) is None}
    assert "-> sector" in str(plan)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"circuit": "ucssd"}, "did you mean 'uccsd'"),
        ({"backend": "sectro"}, "did you mean 'sector'"),
        ({"optimizer": "bfsg"}, "did you mean 'BFGS'"),
        ({"circuit": 7}, "got int"),
        ({"initial": [0.1, 0.2]}, r"shape \(n_rows, \d+\)"),
        ({"initial": float("nan")}, "parameters must"),
        ({"energy_tolerance": 0.0}, "energy_tolerance must be positive and finite, got 0.0"),
        ({"max_iterations": 0}, "max_iterations must be at least 1, got 0"),
        ({"shots": 0}, "shots must be at least 1, got 0"),
        ({"precision": -1e-3}, "must be positive, got -0.001"),
        ({"seed": -1}, "seed must be between 0"),
        ({"max_evaluations": 3, "optimizer": "SPSA"}, "less than the first batch of SPSA"),
        ({"shots": 100, "backend": "sector"}, "exact energies"),
        ({"optimizer": "SPSA", "optimizer_options": {"gian": 1.0}}, "did you mean 'gain'"),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(arguments, words):
    with pytest.raises(InputError, match=words):
        hq.VQE(chain(4), **{"circuit": "uccsd", **arguments}).run()


def test_not_a_number_among_the_parameters_is_named():
    circuit = hq.ansatz("uccsd").build(chain(4))
    row = np.zeros(circuit.n_parameters)
    row[3] = np.nan
    with pytest.raises(InputError, match="parameter 3 of row 0 is nan"):
        hq.VQE(chain(4), circuit, initial=row)


def test_a_scipy_option_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match=r"refuses its options.*nonsense"):
        hq.VQE(chain(2), optimizer="BFGS", optimizer_options={"nonsense": 1}).run()


def test_an_option_that_is_no_number_is_refused_before_scipy_stumbles():
    with pytest.raises(hq.InputError, match="'Powell' needs a number in option 'xtol', got nan"):
        hq.VQE(chain(2), optimizer="Powell", optimizer_options={"xtol": np.nan}).run()


def test_an_scf_object_in_place_of_a_problem_says_what_to_do():
    import pyscf

    with pytest.raises(InputError, match="Problem.from_pyscf"):
        hq.VQE(pyscf.M(atom="H 0 0 0; H 0 0 1", verbose=0).RHF())


def test_a_circuit_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"1\+1 electrons in 2 orbitals, the problem has 2\+2 in 4"):
        hq.VQE(chain(4), hq.ansatz("uccsd").build(chain(2)))


def test_a_problem_too_big_for_memory_is_refused_by_every_backend(monkeypatch):
    monkeypatch.setenv("HYBRIDQ_MEMORY", "1KiB")
    with pytest.raises(CapacityError, match=r"sector: .* are free"):
        hq.VQE(chain(4)).run()


class TestRunFolder:
    def test_a_finished_run_is_taken_up_without_new_evaluations(self, tmp_path):
        first = hq.VQE(chain(4), run=tmp_path / "a").run()
        backend = EnergyOnly()
        again = hq.VQE(chain(4), run=tmp_path / "a").run()
        assert again.replayed > 0
        assert backend.rows == 0
        assert again.energy == first.energy
        assert np.array_equal(again.parameters, first.parameters)
        assert {"journal.jsonl", "result.json", "convergence.png"} <= {p.name for p in (tmp_path / "a").iterdir()}

    @pytest.mark.parametrize("name", NAMES)
    def test_a_stopped_run_goes_on_to_the_same_bits(self, tmp_path, name):
        settings = {"optimizer": name, "max_iterations": 40 if name == "COBYLA" else 12}
        whole = hq.VQE(chain(4), run=tmp_path / "whole", **settings).run()

        def stop(step):
            return step.number == min(4, whole.iterations // 2)

        part = hq.VQE(chain(4), run=tmp_path / "part", callbacks=[stop], **settings).run()
        assert part.reason == "stopped by a callback"
        resumed = hq.VQE(chain(4), run=tmp_path / "part", **settings).run()
        assert resumed.replayed > 0
        assert resumed.energy == whole.energy
        assert np.array_equal(resumed.parameters, whole.parameters)
        assert resumed.history.energies == whole.history.energies
        assert resumed.evaluations == whole.evaluations

    @pytest.mark.parametrize("circuit", ["uccsd", "explicit"])
    def test_a_run_goes_on_when_scf_gave_other_last_digits_and_signs(self, tmp_path, circuit):
        problem = chain(4)

        def run(problem, **settings):
            family = circuit if circuit == "uccsd" else hq.ansatz("uccsd").build(problem)
            return hq.VQE(problem, family, run=tmp_path / "a", **settings).run()

        first = run(problem, callbacks=[lambda step: step.number == 3])
        again = run(rerun(problem))
        assert again.replayed > 0
        assert again.problem == problem
        whole = hq.VQE(problem, "uccsd").run()
        assert again.energy == whole.energy
        assert first.evaluations < again.evaluations

    def test_another_molecule_in_the_same_folder_is_refused(self, tmp_path):
        hq.VQE(chain(4), run=tmp_path / "a", max_iterations=1).run()
        longer = hq.Problem.from_xyz("; ".join(f"H 0 0 {1.01 * i}" for i in range(4)), "sto-3g")
        with pytest.raises(JournalMismatch, match="problem is .* now and was"):
            hq.VQE(longer, run=tmp_path / "a", max_iterations=1).run()

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"seed": 5}, "seed is 5 now and was 0"),
            ({"optimizer": "BFGS"}, "optimizer.name is 'BFGS' now and was 'L-BFGS-B'"),
            ({"energy_tolerance": 1e-4}, "limits.energy is 0.0001 now and was 1e-10"),
            ({"circuit": "pccd"}, "circuit is"),
        ],
    )
    def test_a_folder_of_another_run_is_refused_with_the_difference(self, tmp_path, change, words):
        hq.VQE(chain(4), run=tmp_path / "a", max_iterations=1).run()
        with pytest.raises(JournalMismatch, match=words):
            hq.VQE(chain(4), **{"circuit": "uccsd", "run": tmp_path / "a", "max_iterations": 1, **change}).run()

    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="cannot make the run folder .*file/run"):
            hq.VQE(chain(2), run=tmp_path / "file" / "run").run()

    def test_a_folder_with_other_files_is_left_alone(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("all of it")
        with pytest.raises(InputError, match=r"has files but no journal\.jsonl"):
            hq.VQE(chain(2), run=tmp_path).run()
        assert (tmp_path / "thesis.tex").read_text() == "all of it"

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
    def test_a_process_that_dies_midway_leaves_a_run_that_goes_on_to_the_same_bits(self, tmp_path, how):
        script = tmp_path / "run.py"
        script.write_text(
            "import sys, time, hybridq as hq\n"
            "p = hq.Problem.from_fcidump(sys.argv[1])\n"
            "slow = (lambda step: time.sleep(0.03)) if sys.argv[3] == 'slow' else (lambda step: None)\n"
            "r = hq.VQE(p, optimizer='COBYLA', max_iterations=100, run=sys.argv[2], callbacks=[slow]).run()\n"
            "print(r.energy.hex(), r.replayed)\n"
        )
        chain(4).to_fcidump(tmp_path / "h4.fcidump")

        def start(folder: str, speed: str) -> subprocess.Popen:
            words = [sys.executable, str(script), str(tmp_path / "h4.fcidump"), str(tmp_path / folder), speed]
            return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        whole, _ = start("whole", "fast").communicate(timeout=120)
        victim = start("cut", "slow")
        journal = tmp_path / "cut" / "journal.jsonl"
        deadline = time.monotonic() + 60
        while not journal.exists() or journal.read_bytes().count(b"\n") < 12:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        victim.send_signal(how)
        _, errors = victim.communicate(timeout=60)
        assert victim.returncode != 0
        if how == signal.SIGINT:
            assert "the best energy so far is" in errors
            kept = json.loads((tmp_path / "cut" / "result.json").read_text())
            assert (kept["converged"], kept["reason"]) == (False, "interrupted")
        resumed, _ = start("cut", "fast").communicate(timeout=120)
        assert int(resumed.split()[1]) >= 9
        assert resumed.split()[0] == whole.split()[0]
        assert not (tmp_path / "cut" / "owner.json").exists()

    def test_a_run_that_is_being_written_is_refused_with_its_owner(self, tmp_path):
        steps = hq.VQE(chain(4), run=tmp_path / "a").steps()
        next(steps)
        with pytest.raises(InputError, match=rf"being written by process {os.getpid()} on "):
            hq.VQE(chain(4), run=tmp_path / "a").run()
        steps.close()


class Shaky(EnergyOnly):
    """The sector engine with a normal error of 20 millihartree on every value."""

    name = "shaky"
    capabilities = hq.Capabilities(max_qubits=24, drivers=frozenset({"energy"}), exact=False)

    def run(self, task):
        exact = super().run(task)
        noise = np.random.default_rng(task.seed).normal(scale=0.02, size=task.n_rows)
        return hq.Result(exact.value + noise, np.full(task.n_rows, 0.02))


def test_a_noisy_run_that_is_stopped_does_not_report_its_luckiest_value():
    problem = chain(4)
    exact = problem.references()["casci"]
    for seed in range(4):
        stop = [lambda step: step.number == 60]
        result = hq.VQE(problem, backend=Shaky(), optimizer="SPSA", callbacks=stop, seed=seed).run()
        true = (
            hq.backend("sector").submit([hq.Task(result.circuit, result.parameters, problem.hamiltonian)]).result()[0]
        )
        assert abs(result.energy - true.value[0]) < 4 * 0.02
        assert result.stderr == pytest.approx(0.02)
        assert true.value[0] >= exact


def test_a_noisy_run_stops_where_it_gains_less_than_its_error():
    problem = chain(2)
    result = hq.VQE(problem, backend=Shaky(), optimizer="SPSA", seed=1).run()
    assert result.converged
    assert "gained less than the error" in result.reason
    assert result.evaluations < 500 < 2 * SPSA().iterations
    true = hq.backend("sector").submit([hq.Task(result.circuit, result.parameters, problem.hamiltonian)]).result()[0]
    assert true.value[0] - problem.references()["casci"] < 0.02
    patient = hq.VQE(
        problem, backend=Shaky(), optimizer="SPSA", optimizer_options={"window": 0, "iterations": 120}, seed=1
    )
    assert len(patient.run().history.energies) > 120


def test_noise_is_repeatable_from_the_seed():
    runs = [hq.VQE(chain(2), backend=Shaky(), max_iterations=5, seed=s).run().energy for s in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]


def test_what_a_chemist_asks_of_a_result():
    result = hq.VQE(chain(4)).run()
    assert result.spin_squared() == pytest.approx(0, abs=1e-4)
    assert result.natural_occupations().sum() == pytest.approx(4)
    assert result.correlation_energy == pytest.approx(result.energy - result.references["hf"])
    triplet = hq.Problem.from_xyz("O 0 0 0; O 0 0 1.2", "sto-3g", spin=2, active_electrons=8, active_orbitals=6)
    assert hq.VQE(triplet).run().spin_squared() == pytest.approx(2, abs=1e-3)


def test_a_backend_that_breaks_midway_leaves_the_best_point_in_object_and_folder(tmp_path):
    class Breaks(EnergyOnly):
        def run(self, task):
            if self.rows > 200:
                raise hq.BackendError("the tank is empty")
            return super().run(task)

    vqe = hq.VQE(chain(4), backend=Breaks(), run=tmp_path / "a")
    with pytest.raises(hq.BackendError, match="the tank is empty"):
        vqe.run()
    assert vqe.result is not None
    assert json.loads((tmp_path / "a" / "result.json").read_text())["energy"] == vqe.result.energy
    assert hq.VQE(chain(4), backend=EnergyOnly(), run=tmp_path / "a").run().replayed > 0


def test_a_plot_that_fails_costs_no_result(tmp_path, monkeypatch):
    monkeypatch.setattr("hybridq.loops.plot.plot_history", lambda *_: 1 / 0)
    with pytest.warns(UserWarning, match="plot of .* failed: ZeroDivisionError"):
        result = hq.VQE(chain(2), run=tmp_path / "a").run()
    assert hq.VQEResult.from_json(tmp_path / "a" / "result.json").energy == result.energy


def test_a_run_without_parameters_is_taken_up_as_well(tmp_path):
    bare = hq.FermionicCircuit(2, ((0,), (0,)), (), 0)
    energies = [hq.VQE(chain(2), bare, run=tmp_path / "a").run().energy for _ in range(2)]
    assert energies[0] == energies[1]


def test_an_array_among_the_optimizers_options_can_be_resumed(tmp_path):
    n = hq.ansatz("uccsd").build(chain(2)).n_parameters
    options = {"initial_simplex": np.vstack([np.zeros(n), 0.1 * np.eye(n)])}
    for _ in range(2):
        vqe = hq.VQE(chain(2), optimizer="Nelder-Mead", optimizer_options=options, run=tmp_path / "a")
        assert vqe.run().converged


def test_an_upset_callback_ends_the_run_with_its_error():
    def upset(step):
        raise RuntimeError("not like this")

    with pytest.raises(RuntimeError, match="not like this"):
        hq.VQE(chain(4), callbacks=[upset]).run()


def test_spsa_descends_on_noise_of_its_own_seed_and_is_repeatable():
    problem = chain(4)
    start = np.zeros(hq.ansatz("uccsd").build(problem).n_parameters)
    runs = [hq.VQE(problem, optimizer=SPSA(iterations=100), initial=start, seed=s).run() for s in (1, 1, 2)]
    assert runs[0].energy == runs[1].energy
    assert runs[0].energy != runs[2].energy
    assert all(r.energy < problem.references()["hf"] - 0.01 for r in runs)


@pytest.mark.parametrize("options", [{"gain": 2.5}, {"iterations": 0}, {"perturbation": 0.0}, {"perturbation": np.inf}])
def test_senseless_spsa_options_are_refused(options):
    with pytest.raises(InputError, match="SPSA needs"):
        optimizer("spsa", **options)
