"""Optimizers that ask for many rows at once: how they ask, what they find, and that they repeat to the last bit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hybridq as hq
from hybridq.comm import world
from hybridq.contract.errors import InputError
from hybridq.evaluate import Batch, Evaluator
from hybridq.loops.optimizers import Ask, Iterate, Limits, Outcome, described, optimizer
from hybridq.loops.optimizers.ensemble import ensemble
from hybridq.loops.optimizers.plateau import Plateau

NEW = {
    "DE": {"population": 12, "radius": 0.3},
    "CMA-ES": {"population": 12},
    "SPSA-ensemble": {"walkers": 3, "calibration": 3},
    "multi-start": {"starts": 4},
}
VARIANTS = [
    *NEW.items(),
    ("DE", {"population": 8, "radius": 0.2, "mutation": 0.7, "generations": 6, "polish": True}),
    ("multi-start", {"of": "CMA-ES", "starts": 3}),
    ("multi-start", {"of": "DE", "starts": 2, "of_options": {"population": 6, "generations": 5, "polish": True}}),
    ("multi-start", {"of": "COBYLA", "starts": 3, "spread": 0.05}),
]


@cache
def chain(n: int, spacing: float = 1.0) -> hq.Problem:
    return hq.Problem.from_xyz("; ".join(f"H 0 0 {i * spacing}" for i in range(n)), "sto-3g")


@cache
def minimum(n: int, family: str) -> float:
    return hq.VQE(chain(n), family, gradient_tolerance=1e-7).run().energy


def energy_at(result: hq.VQEResult) -> float:
    """The exact energy at a result's parameters."""
    task = hq.Task(result.circuit, result.parameters, result.problem.hamiltonian)
    return float(hq.backend("sector").submit([task]).result()[0].value[0])


class Shaky(hq.LocalBackend):
    """The sector engine's energies with a normal error of known size."""

    name = "shaky"
    capabilities = hq.Capabilities(max_qubits=24, drivers=frozenset({"energy"}), exact=False)

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma
        self.inner = hq.backend("sector")

    def cost(self, tasks):
        return self.inner.cost(tasks)

    def run(self, task):
        exact = self.inner.submit([task]).result()[0].value
        noise = np.random.default_rng(task.seed).normal(scale=self.sigma, size=task.n_rows)
        return hq.Result(exact + noise, np.full(task.n_rows, self.sigma))


@dataclass
class Walk:
    """All that a search said, on the energies of H4 with pCCD (4 parameters)."""

    asks: list[Ask] = field(default_factory=list)
    iterates: list[Iterate] = field(default_factory=list)
    energies: list[np.ndarray] = field(default_factory=list)
    outcome: Outcome | None = None


@cache
def landscape():
    problem = chain(4)
    return problem, hq.ansatz("pccd").build(problem), hq.backend("sector")


def start_row():
    return landscape()[1].start


def walk(search, sigma=0.0):
    """Drive a search by hand on the real engine."""
    problem, circuit, engine = landscape()
    evaluate = Evaluator(engine, circuit, problem.hamiltonian, world())
    noise = np.random.default_rng(5)
    seen = Walk()
    reply = None
    try:
        while True:
            message = search.send(reply)
            reply = None
            if isinstance(message, Iterate):
                seen.iterates.append(message)
                continue
            exact = evaluate(message.rows, message.gradient, len(seen.asks), metric=message.metric)
            energies = exact.energies + sigma * noise.normal(size=len(exact.energies))
            reply = replace(exact, energies=energies, stderrs=np.full(len(energies), sigma))
            seen.asks.append(message)
            seen.energies.append(energies)
    except StopIteration as stop:
        seen.outcome = stop.value
    return seen


def trajectory(walked):
    return [ask.rows.tobytes() for ask in walked.asks], walked.outcome.row.tobytes(), walked.outcome.reason


class TestMinima:
    @pytest.mark.parametrize(
        ("name", "options", "within"),
        [
            ("DE", {}, 1e-5),
            ("CMA-ES", {}, 1e-8),
            ("SPSA-ensemble", {"iterations": 500}, 1e-4),
            ("multi-start", {}, 1e-8),
        ],
    )
    @pytest.mark.parametrize(("n", "family"), [(4, "pccd"), (6, "pccd"), (4, "uccsd")])
    def test_each_finds_the_minimum_that_l_bfgs_b_finds(self, n, family, name, options, within):
        result = hq.VQE(chain(n), family, optimizer=name, optimizer_options=options).run()
        assert result.converged
        assert result.optimizer == name
        assert -1e-9 < result.energy - minimum(n, family) < within
        assert result.energy > result.references["casci"]

    def test_a_polished_differential_evolution_ends_at_the_bottom(self):
        options = {"population": 10, "generations": 5, "radius": 0.3, "polish": True}
        result = hq.VQE(chain(4), "uccsd", optimizer="DE", optimizer_options=options).run()
        assert result.energy == pytest.approx(minimum(4, "uccsd"), abs=1e-9)
        assert "then L-BFGS-B" in result.reason

    def test_multi_start_finds_a_lower_minimum_than_one_start(self):
        stretched = chain(4, 2.0)
        circuit = hq.ansatz("k-upccgsd", k=2)
        one = hq.VQE(stretched, circuit).run()
        many = hq.VQE(stretched, circuit, optimizer="multi-start").run()
        assert one.converged
        assert one.energy > one.references["casci"] + 0.01
        assert many.energy == pytest.approx(many.references["casci"], abs=1e-6)
        assert "of 8 is the lowest" in many.reason


class TestGenerations:
    @settings(max_examples=15)
    @given(
        population=st.integers(5, 40),
        radius=st.floats(0.01, 2.0),
        seed=st.integers(0, 2**63 - 1),
        total=st.integers(1, 5),
    )
    def test_differential_evolution_asks_once_a_generation_and_stays_in_its_box(self, population, radius, seed, total):
        start = start_row()
        made = optimizer("de", population=population, radius=radius, tolerance=1e-300)
        seen = walk(made.search(start, Limits(1e-300, 1e-5, total), seed))
        assert [len(ask.rows) for ask in seen.asks] == [population] * total
        assert not any(ask.gradient for ask in seen.asks)
        assert np.array_equal(seen.asks[0].rows[0], start)
        assert all((np.abs(ask.rows - start) <= radius * (1 + 1e-12)).all() for ask in seen.asks)
        assert len(np.unique(seen.asks[0].rows, axis=0)) == population

    @settings(max_examples=15)
    @given(population=st.integers(4, 40), sigma=st.floats(0.01, 0.5), seed=st.integers(0, 2**63 - 1))
    def test_cma_es_asks_once_a_generation(self, population, sigma, seed):
        made = optimizer("cma_es", population=population, sigma=sigma)
        seen = walk(made.search(start_row(), Limits(iterations=6), seed))
        assert [len(ask.rows) for ask in seen.asks] == [population] * 6
        assert seen.outcome.reason == "the limit of 6 generations was reached"
        assert not seen.outcome.converged

    @pytest.mark.parametrize("name", ["DE", "CMA-ES"])
    def test_each_generation_reports_the_lowest_row_and_energy_so_far(self, name):
        seen = walk(optimizer(name, **NEW[name]).search(start_row(), Limits(iterations=12), 3))
        assert len(seen.iterates) == 12
        for k, iterate in enumerate(seen.iterates):
            assert iterate.energy == min(e.min() for e in seen.energies[: k + 1])
            rows = np.concatenate([ask.rows for ask in seen.asks[: k + 1]])
            energies = np.concatenate(seen.energies[: k + 1])
            assert np.array_equal(iterate.row, rows[np.argmin(energies)])

    def test_a_population_without_a_number_grows_with_the_parameters(self):
        sizes = [len(walk_first(optimizer("CMA-ES"), n).rows) for n in (4, 40, 400)]
        assert sizes == [4 + int(3 * np.log(n)) for n in (4, 40, 400)]

    def test_a_box_that_is_too_small_is_named(self):
        seen = walk(optimizer("DE", radius=0.01).search(start_row(), Limits(), 0))
        assert "lie at the edge of the box, 0.01 radians from the start" in seen.outcome.reason

    def test_max_iterations_counts_generations(self):
        for name in ("DE", "CMA-ES"):
            result = hq.VQE(chain(4), optimizer=name, optimizer_options={"population": 8}, max_iterations=5).run()
            assert (result.iterations, result.converged) == (5, False)
            assert result.evaluations == 40

    def test_one_parameter_is_enough(self):
        problem, circuit = chain(2), hq.ansatz("pccd").build(chain(2))
        assert circuit.n_parameters == 1
        for name in ("DE", "CMA-ES"):
            result = hq.VQE(problem, circuit, optimizer=name).run()
            assert result.energy == pytest.approx(result.references["casci"], abs=1e-6)


def walk_first(made, n):
    search = made.search(np.zeros(n), Limits(), 0)
    first = next(search)
    search.close()
    return first


class TestEnsemble:
    INNER = ("L-BFGS-B", "SLSQP", "COBYLA", "Nelder-Mead", "SPSA", "DE", "CMA-ES", "linear-method")

    @pytest.mark.parametrize("inner", INNER)
    def test_searches_in_lock_step_ask_what_each_asks_alone(self, inner):
        made, limits = optimizer(inner), Limits(iterations=8)
        starts = [start_row() + shift for shift in (0.0, 0.1, -0.2)]
        alone = [walk(made.search(start, limits, seed)) for seed, start in enumerate(starts)]
        together = walk(ensemble([made.search(start, limits, seed) for seed, start in enumerate(starts)]))
        rounds = max(len(one.asks) for one in alone)
        for k in range(rounds):
            expected = np.concatenate([one.asks[k].rows for one in alone if k < len(one.asks)])
            assert np.array_equal(together.asks[k].rows, expected)
        ends = [walk_energy(one.outcome.row) for one in alone]
        assert np.array_equal(together.outcome.row, alone[int(np.argmin(ends))].outcome.row)

    def test_searches_of_two_kinds_cost_no_row_more_than_they_ask_for(self):
        def searches():
            kinds = [optimizer("L-BFGS-B"), optimizer("SPSA", iterations=10), optimizer("L-BFGS-B")]
            return [kind.search(start_row() + 0.1 * k, Limits(), k) for k, kind in enumerate(kinds)]

        alone = [walk(search) for search in searches()]
        together = walk(ensemble(searches()))
        for gradient in (False, True):
            wanted = sum(len(ask.rows) for one in alone for ask in one.asks if ask.gradient == gradient)
            got = sum(len(ask.rows) for ask in together.asks if ask.gradient == gradient)
            assert got == wanted
        ends = [walk_energy(one.outcome.row) for one in alone]
        assert np.array_equal(together.outcome.row, alone[int(np.argmin(ends))].outcome.row)

    def test_the_point_reported_after_a_round_is_the_lowest_of_all_walkers(self):
        seen = walk(optimizer("multi-start", starts=4, spread=0.2).search(start_row(), Limits(), 1))
        assert seen.iterates
        for earlier, later in pairwise(seen.iterates):
            assert later.energy <= earlier.energy + 1e-12
        for iterate in seen.iterates:
            assert iterate.energy == pytest.approx(walk_energy(iterate.row), abs=1e-12)

    def test_multi_start_begins_at_the_start_and_around_it(self):
        seen = walk(optimizer("multi-start", starts=200, spread=0.1).search(start_row(), Limits(iterations=1), 1))
        moves = seen.asks[0].rows - start_row()
        assert np.array_equal(seen.asks[0].rows[0], start_row())
        assert np.std(moves[1:]) == pytest.approx(0.1, rel=0.15)
        assert len(np.unique(moves, axis=0)) == 200

    def test_walkers_of_an_spsa_ensemble_go_different_ways_from_one_start(self):
        made = optimizer("SPSA-ensemble", walkers=3, iterations=4, calibration=2)
        first = walk(made.search(start_row(), Limits(), 1)).asks[0].rows.reshape(3, 5, -1)
        assert (first[:, 0] == start_row()).all()
        assert len(np.unique(first[:, 1:].reshape(12, -1), axis=0)) > 6

    def test_its_final_rows_are_compared_by_fresh_values_under_noise(self):
        made = optimizer("SPSA-ensemble", walkers=5, iterations=20)
        seen = walk(made.search(start_row(), Limits(), 1), sigma=0.01)
        assert len(seen.asks[-1].rows) == 5
        earlier = {row.tobytes() for ask in seen.asks[:-2] for row in ask.rows}
        assert not any(row.tobytes() in earlier for row in seen.asks[-1].rows)
        assert np.array_equal(seen.outcome.row, seen.asks[-1].rows[np.argmin(seen.energies[-1])])

    def test_gradients_are_asked_for_where_the_search_uses_them(self):
        assert optimizer("multi-start").uses_gradient
        assert not optimizer("multi-start", of="SPSA").uses_gradient
        assert optimizer("DE", polish=True).uses_gradient
        assert not optimizer("DE").uses_gradient

    def test_an_optimizer_of_ones_own_can_be_started_many_times(self):
        class Descent:
            name = "descent"
            uses_gradient = True

            def search(self, start, limits, seed):
                row = start
                for _ in range(30):
                    batch = yield Ask(row[None], gradient=True)
                    row = row - 0.2 * batch.gradients[0]
                    yield Iterate(row)
                return Outcome(row, True, "done")

        result = hq.VQE(
            chain(4), "pccd", optimizer="multi-start", optimizer_options={"of": Descent(), "starts": 3}
        ).run()
        assert result.energy == pytest.approx(minimum(4, "pccd"), abs=1e-4)


def walk_energy(row):
    problem, circuit, engine = landscape()
    return float(engine.submit([hq.Task(circuit, row, problem.hamiltonian)]).result()[0].value[0])


class TestRepeats:
    @pytest.mark.parametrize(("name", "options"), VARIANTS)
    def test_a_seed_gives_one_walk_and_another_seed_another(self, name, options):
        def go(seed):
            return trajectory(walk(optimizer(name, **options).search(start_row(), Limits(iterations=8), seed)))

        first, again, other = go(1), go(1), go(2)
        assert first == again
        assert first[0] != other[0]

    def test_nothing_comes_from_the_clock_or_from_global_generators_or_goes_to_files(
        self, tmp_path, monkeypatch, capfd
    ):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "cma_signals.in").write_text("{'timeout': 0}")  # a file that pycma would obey
        walks = []
        for clock, seed in ((1.0, 1), (1e9, 2)):
            monkeypatch.setattr(time, "time", lambda clock=clock: clock)
            np.random.seed(seed)  # noqa: NPY002
            before = np.random.get_state()[1].copy()  # noqa: NPY002
            for name, options in NEW.items():
                walks.append(trajectory(walk(optimizer(name, **options).search(start_row(), Limits(iterations=9), 1))))
            assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
        assert walks[:4] == walks[4:]
        assert capfd.readouterr() == ("", "")
        assert [path.name for path in tmp_path.iterdir()] == ["cma_signals.in"]

    def test_cma_es_takes_the_same_way_on_any_number_of_blas_threads(self):
        code = (
            "import hashlib, numpy as np\n"
            "from hybridq.evaluate import Batch\n"
            "from hybridq.loops.optimizers import Ask, Limits, optimizer\n"
            "search = optimizer('CMA-ES').search(np.zeros(150), Limits(iterations=30), 1)\n"
            "reply, rows = None, hashlib.sha256()\n"
            "try:\n"
            "    while True:\n"
            "        message, reply = search.send(reply), None\n"
            "        if isinstance(message, Ask):\n"
            "            rows.update(message.rows.tobytes())\n"
            "            energies = ((message.rows - 0.3)**2 * np.arange(150)).sum(axis=1)\n"
            "            reply = Batch(energies, np.zeros(len(energies)))\n"
            "except StopIteration as stop:\n"
            "    print(rows.hexdigest())\n"
        )
        started = []
        for threads in ("1", "4"):
            env = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
            started.append(subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True))
        told = [process.communicate(timeout=120)[0].strip() for process in started]
        assert len(told[0]) == 64
        assert told[0] == told[1]

    @pytest.mark.parametrize(("name", "options"), VARIANTS)
    def test_a_run_that_is_broken_off_goes_on_to_the_same_bits(self, tmp_path, name, options):
        def go(folder, **limits):
            settings = {"optimizer": name, "optimizer_options": options, "max_iterations": 15, "seed": 3}
            return hq.VQE(chain(4), "pccd", run=tmp_path / folder, **settings, **limits).run()

        whole = go("whole")
        part = go("part", max_evaluations=whole.evaluations // 2)
        assert part.evaluations <= whole.evaluations // 2
        assert not part.converged
        resumed = go("part")
        assert resumed.replayed > 0
        assert resumed.energy == whole.energy
        assert np.array_equal(resumed.parameters, whole.parameters)
        assert resumed.reason == whole.reason
        assert resumed.history.energies == whole.history.energies
        assert resumed.history.evaluations == whole.history.evaluations
        assert evaluations(tmp_path / "whole") == evaluations(tmp_path / "part")

    @pytest.mark.parametrize("name", ["DE", "CMA-ES"])
    def test_a_limit_on_generations_can_be_raised_later(self, tmp_path, name):
        def go(folder, generations):
            settings = {"optimizer": name, "optimizer_options": NEW[name], "max_iterations": generations}
            return hq.VQE(chain(4), "pccd", run=tmp_path / folder, **settings).run()

        whole = go("whole", 9)
        assert go("part", 4).iterations == 4
        resumed = go("part", 9)
        assert resumed.replayed >= 4
        assert np.array_equal(resumed.parameters, whole.parameters)
        assert resumed.history.energies == whole.history.energies

    @pytest.mark.parametrize(("name", "options"), VARIANTS)
    def test_each_can_be_made_again_from_what_the_journal_says(self, name, options):
        made = optimizer(name, **options)
        told = json.loads(json.dumps(described(made)))
        again = optimizer(told["name"], **told["options"])
        limits = Limits(iterations=8)
        assert trajectory(walk(again.search(start_row(), limits, 1))) == trajectory(
            walk(made.search(start_row(), limits, 1))
        )


def evaluations(folder):
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    own = ("seconds", "crc")  # differ between any two lives
    return [{k: v for k, v in line.items() if k not in own} for line in lines if line["kind"] == "evaluation"]


MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


@pytest.mark.mpi
@pytest.mark.skipif(MPIEXEC is None, reason="no mpiexec: python -m pip install mpi4py mpich")
def test_one_and_three_ranks_give_the_same_bits(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, hybridq as hq\n"
        "problem = hq.Problem.from_fcidump(sys.argv[1])\n"
        f"for name, options in {NEW!r}.items():\n"
        "    vqe = hq.VQE(problem, optimizer=name, optimizer_options=options, max_iterations=12)\n"
        "    result = vqe.run()\n"
        "    if vqe.comm.is_root:\n"
        "        print(vqe.comm.size, name, result.energy.hex(), result.parameters.tobytes().hex())\n"
    )
    chain(4).to_fcidump(tmp_path / "h4.fcidump")
    command = [MPIEXEC, "-n", "3", sys.executable, str(script), str(tmp_path / "h4.fcidump")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    problem = hq.Problem.from_fcidump(tmp_path / "h4.fcidump")
    expected = []
    for name, options in NEW.items():
        result = hq.VQE(problem, optimizer=name, optimizer_options=options, max_iterations=12).run()
        expected.append(["3", name, result.energy.hex(), result.parameters.tobytes().hex()])
    assert [line.split() for line in done.stdout.splitlines()] == expected


class TestNoise:
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("DE", {}),
            ("CMA-ES", {"population": 32}),
            ("SPSA-ensemble", {"walkers": 3}),
            ("multi-start", {"of": "SPSA", "starts": 3}),
        ],
    )
    def test_each_ends_near_the_minimum_and_reports_an_energy_without_luck(self, name, options):
        for seed in range(2):
            result = hq.VQE(
                chain(4), "uccsd", backend=Shaky(0.002), optimizer=name, optimizer_options=options, seed=seed
            ).run()
            true = energy_at(result)
            assert 0 <= true - minimum(4, "uccsd") < 0.01
            assert result.stderr == pytest.approx(0.002)
            assert abs(result.energy - true) < 5 * 0.002
            assert result.converged

    @pytest.mark.parametrize("name", ["DE", "CMA-ES"])
    def test_a_step_reports_the_mean_of_its_generation_not_its_luckiest_value(self, name):
        seen = walk(optimizer(name, **NEW[name]).search(start_row(), Limits(iterations=10), 1), sigma=0.02)
        assert [iterate.energy for iterate in seen.iterates] == [np.mean(e) for e in seen.energies[:10]]

    def test_differential_evolution_looks_at_its_survivors_once_more(self):
        seen = walk(optimizer("DE", population=9).search(start_row(), Limits(iterations=7), 1), sigma=0.01)
        assert [len(ask.rows) for ask in seen.asks] == [9] * 8
        final = seen.asks[-1].rows
        known = {
            r.tobytes(): e
            for ask, es in zip(seen.asks[:-1], seen.energies, strict=False)
            for r, e in zip(ask.rows, es, strict=True)
        }
        sums = [known[row.tobytes()] + again for row, again in zip(final, seen.energies[-1], strict=True)]
        assert np.array_equal(seen.outcome.row, final[np.argmin(sums)])

    @settings(max_examples=30)
    @given(seed=st.integers(0, 2**32), slope=st.sampled_from([0.0, 1.0]))
    def test_a_plateau_is_seen_where_values_are_flat_and_not_where_they_fall(self, seed, slope):
        rng = np.random.default_rng(seed)
        plateau = Plateau(10)
        for k in range(20):
            assert not plateau.reached
            energies = -slope * k + 0.1 * rng.normal(size=16)
            plateau.add(Batch(energies, np.full(16, 0.1)))
        if slope:
            assert not plateau.reached
        else:
            sums = np.array(plateau._generations)
            fall = (sums[:10, 0].sum() - sums[10:, 0].sum()) / 160
            assert plateau.reached == (fall <= 2 * 0.1 * np.sqrt(2 / 160))

    def test_exact_values_never_make_a_plateau(self):
        plateau = Plateau(2)
        for _ in range(10):
            plateau.add(Batch(np.ones(4), np.zeros(4)))
        assert not plateau.reached


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("DE", {"population": 4}, "DE needs a population of at least 5, got 4"),
        ("DE", {"radius": 0.0}, "DE needs a radius above 0, in radians, got 0.0"),
        ("DE", {"radius": float("nan")}, "got nan"),
        ("DE", {"generations": 0}, "generations of at least 1, got 0"),
        ("DE", {"mutation": 2.0}, "mutation.*got 2.0"),
        ("DE", {"mutation": [1.0, 0.5]}, r"two in order, got \[1.0, 0.5\]"),
        ("DE", {"recombination": 0.0}, "recombination above 0 and up to 1, got 0.0"),
        ("DE", {"tolerance": -1.0}, "tolerance above 0, in hartree, got -1.0"),
        ("DE", {"populaton": 8}, "did you mean 'population'"),
        ("DE", {"mutation": ["a", "b"]}, r"mutation.*got \['a', 'b'\]"),
        ("CMA-ES", {"population": 3}, "CMA-ES needs a population of at least 4, got 3"),
        ("CMA-ES", {"sigma": -0.1}, "CMA-ES needs a sigma above 0, in radians, got -0.1"),
        ("CMA-ES", {"generations": 0}, "generations of at least 1, got 0"),
        ("CMA-ES", {"population": "many"}, "option 'population' of optimizer 'CMA-ES' is 'many'"),
        ("SPSA-ensemble", {"walkers": 1}, "SPSA-ensemble needs at least 2 walkers, got 1"),
        ("SPSA-ensemble", {"gain": 3.0}, "SPSA needs .* got 0.05, 3.0"),
        ("multi-start", {"starts": 1}, "multi-start needs at least 2 starts, got 1"),
        ("multi-start", {"spread": 0.0}, "spread above 0, in radians, got 0.0"),
        ("multi-start", {"of": "multi-start"}, "cannot be made of 'multi-start'"),
        ("multi-start", {"of": "SPSA_ensemble"}, "cannot be made of 'SPSA-ensemble'"),
        ("multi-start", {"of": "bfsg"}, "did you mean 'BFGS'"),
        ("multi-start", {"of": "SPSA", "of_options": {"gian": 1.0}}, "did you mean 'gain'"),
        ("multi-start", {"of": 7}, "got 7"),
    ],
)
def test_a_wrong_option_is_named_with_its_value(name, options, words):
    with pytest.raises(InputError, match=words):
        optimizer(name, **options)


def test_options_beside_an_optimizer_object_are_refused():
    with pytest.raises(InputError, match=r"of_options \['gain'\] came with an optimizer object"):
        optimizer("multi-start", of=optimizer("SPSA"), of_options={"gain": 1.0})


def test_a_multi_start_of_a_method_with_a_wrong_option_is_refused_when_it_runs():
    with pytest.raises(InputError, match=r"refuses its options.*nonsense"):
        hq.VQE(chain(2), optimizer="multi-start", optimizer_options={"of": "BFGS", "of_options": {"nonsense": 1}}).run()


@pytest.mark.parametrize("name", ["cma", "CMA_ES", "cmaes", "Differential-Evolution", "multistart", "spsa_ensemble"])
def test_other_spellings_of_the_names_are_known(name):
    assert optimizer(name).name in NEW
