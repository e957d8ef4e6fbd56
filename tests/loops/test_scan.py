from __future__ import annotations

import csv
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hybridq as hq
from hybridq.chem.alignment import reordered, signed
from hybridq.chem.diatomic import wavenumber
from hybridq.loops.optimizers import optimizer as hq_optimizer
from hybridq.loops.scan_result import ScanPoint, ScanResult
from hybridq.loops.scan_resume import StoredProblems, resume_scan
from hybridq.loops.scan_start import Solved, starts, transferred
from hybridq.loops.scan_tree import forest

BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
VALUES = [0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6]


def chain(r):
    return hq.Problem.from_xyz("; ".join(f"H 0 0 {k * r}" for k in range(4)), "sto-3g")


@pytest.fixture(scope="module")
def problems():
    return [chain(r) for r in VALUES]


@pytest.fixture(scope="module")
def curve(problems):
    return hq.scan(problems, VALUES)


def same_bits(a, b):
    assert a.energies.tobytes() == b.energies.tobytes()
    assert a.evaluations.tolist() == b.evaluations.tolist()
    for p, q in zip(a.points, b.points, strict=True):
        assert p.parameters.tobytes() == q.parameters.tobytes()
        assert (p.value, p.start, p.warm, p.converged, p.references) == (
            q.value,
            q.start,
            q.warm,
            q.converged,
            q.references,
        )


# What comes out


def test_every_point_is_as_low_as_a_vqe_of_its_own_and_above_casci(curve, problems):
    for point, problem in zip(curve.points, problems, strict=True):
        own = hq.VQE(problem).run()
        assert point.energy == pytest.approx(own.energy, abs=2e-6)
        casci = problem.references()["casci"]
        assert casci - 1e-9 <= point.energy < casci + 5e-3
        assert point.references == pytest.approx(dict(problem.references()))


def n2(r):
    return hq.Problem.from_xyz(f"N 0 0 0; N 0 0 {r}", "sto-3g", active_electrons=6, active_orbitals=6)


def test_warm_starts_need_fewer_evaluations_than_cold_ones():
    values = [1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.6]
    problems = [n2(r) for r in values]
    cold, auto, warm = (hq.scan(problems, values, start=start) for start in ("cold", "auto", "warm"))
    assert {p.start for p in cold.points} == {"own"}
    assert all(p.warm == () for p in cold.points)
    assert auto.evaluations.sum() < 0.92 * cold.evaluations.sum()
    assert warm.evaluations.sum() < 0.88 * cold.evaluations.sum()
    assert sum(p.start != "own" for p in warm.points) == 6  # two trees
    assert np.allclose(auto.energies, cold.energies, atol=1e-7)
    assert np.allclose(warm.energies, cold.energies, atol=1e-7)


def test_signs_and_order_of_the_orbitals_make_no_difference(curve, problems):
    rng = np.random.default_rng(3)
    kept = int(np.argmin([p.known["hf"] for p in problems]))  # the others are aligned to it
    other = []
    for k, problem in enumerate(problems):
        swap = np.array([1, 0, 3, 2]) if k % 2 else np.array([0, 1, 2, 3])
        changed = signed(reordered(problem, swap), rng.choice([-1.0, 1.0], 4))
        other.append(problem if k == kept else changed)
    assert sum(a != b for a, b in zip(problems, other, strict=True)) > 4
    found = hq.scan(other, VALUES)
    assert found.energies.tobytes() == curve.energies.tobytes()
    assert found.evaluations.tolist() == curve.evaluations.tolist()


def test_warm_starts_are_of_no_use_without_alignment(curve, problems):
    mixed = [signed(p, np.array([1, -1, 1, 1]) if k % 2 else np.ones(4)) for k, p in enumerate(problems)]
    here, there = (hq.ansatz("uccsd").build(mixed[k]) for k in (3, 4))
    row = hq.VQE(mixed[3], here).run().parameters
    backend = hq.backend("sector")

    def energy(problem, x):
        return backend.submit([hq.Task(there, x, problem.hamiltonian, "energy")]).result()[0].value[0]

    assert energy(mixed[4], row) > energy(mixed[4], there.start) + 1e-3
    assert energy(curve.problems[4], curve.points[3].parameters) < energy(problems[4], there.start)


def test_values_may_come_in_any_order(curve, problems):
    mixed = [5, 2, 7, 0, 3, 6, 1, 4]
    found = hq.scan([problems[k] for k in mixed], [VALUES[k] for k in mixed])
    assert found.values.tolist() == [VALUES[k] for k in mixed]
    assert found.energies.tolist() == [curve.energies[k] for k in mixed]
    assert found.minimum().value == pytest.approx(curve.minimum().value, abs=1e-12)


@pytest.mark.parametrize("options", [{"threshold": 0.02}, {"spin_adapted": True}])
def test_circuits_that_differ_from_point_to_point_take_the_amplitudes_that_they_share(problems, options):
    family = hq.ansatz("uccsd", **options)
    found = hq.scan(problems, VALUES, family)
    cold = [hq.VQE(p, family).run() for p in found.problems]
    assert np.allclose(found.energies, [c.energy for c in cold], atol=1e-6)
    assert sum(p.start != "own" for p in found.points) > 2
    sizes = {len(p.parameters) for p in found.points}
    assert (len(sizes) == 1) == ("spin_adapted" in options)


def test_a_circuit_serves_all_points_and_options_reach_the_vqe(problems):
    circuit = hq.ansatz("uccsd", amplitudes="zero").build(problems[0])
    found = hq.scan(problems[:3], VALUES[:3], circuit, optimizer="BFGS", max_iterations=2, start="warm")
    assert found.optimizer == "BFGS"
    assert not found.converged
    assert all("limit of 2 iterations" in p.reason for p in found.points)
    assert "not converged" in str(found)


def test_an_active_space_that_jumps_is_told(problems):
    found = hq.scan(n2, [0.9, 1.0, 1.1], max_evaluations=2)
    assert len(found.notes) == 1
    assert "at r = 0.9 the active orbitals are of other irreps than at 1" in found.notes[0]
    assert found.notes[0] in str(found)
    assert hq.scan(problems[:3], VALUES[:3], max_evaluations=2).notes == ()


# Minimum, files, table


def curve_of(values, energy, reduced_mass=None, hf=None):
    points = tuple(
        ScanPoint(float(x), float(energy(x)), 0.0, np.array([0.1, x]), 5, 0.5, True, "done", "own", (), {"hf": hf})
        for x in values
    )
    return ScanResult(points, "r", "angstrom", "M", "uccsd", "sector", "L-BFGS-B", {"total": 1.0}, (), reduced_mass)


@pytest.mark.parametrize(("points", "gap"), [(9, 2e-3), (17, 1e-4), (33, 1e-5)])
def test_the_minimum_of_a_morse_curve_is_found_with_its_wavenumber(points, gap):
    depth, a, r0, mass = 0.36, 2.7, 1.0977, 7.0015  # about N2
    found = curve_of(
        np.linspace(0.9, 1.7, points), lambda r: depth * (1 - np.exp(-a * (r - r0))) ** 2 - 109.5, mass
    ).minimum()
    assert found.value == pytest.approx(r0, abs=gap)
    assert found.energy == pytest.approx(-109.5, abs=gap / 10)
    exact = wavenumber(2 * depth * a**2, mass)
    assert found.wavenumber == pytest.approx(exact, rel=20 * gap)
    # sqrt(k / mu) / (2 pi c) in SI units, from CODATA 2018
    k = 2 * depth * a**2 * 4.3597447222071e-18 / 1e-20
    si = np.sqrt(k / (mass * 1.66053906660e-27)) / (2 * np.pi * 299792458e2)
    assert exact == pytest.approx(si, rel=1e-7)


def test_the_wavenumber_of_h2_is_that_of_its_full_ci_curve():
    from pyscf import M, fci

    def exact(r):
        mf = M(atom=f"H 0 0 0; H 0 0 {r}", basis="6-31g", verbose=0).RHF().run(conv_tol=1e-13)
        return fci.FCI(mf).run(conv_tol=1e-13).e_tot

    values = np.linspace(0.6, 0.9, 7)
    found = hq.scan(lambda r: hq.Problem.from_xyz(f"H 0 0 0; H 0 0 {r}", "6-31g"), values, gradient_tolerance=1e-8)
    low, h = found.minimum(), 0.01
    k = (exact(low.value + h) - 2 * exact(low.value) + exact(low.value - h)) / h**2
    assert exact(low.value) == pytest.approx(low.energy, abs=1e-7)
    assert exact(low.value) < min(exact(low.value - h), exact(low.value + h))
    assert found.reduced_mass == pytest.approx(1.00782503 / 2, abs=1e-5)
    assert low.wavenumber == pytest.approx(wavenumber(k, found.reduced_mass), rel=5e-3)


def test_only_a_diatomic_scanned_along_its_distance_has_a_wavenumber(curve):
    assert curve.reduced_mass is None
    assert curve.minimum().wavenumber is None
    half = hq.scan(lambda x: hq.Problem.from_xyz(f"H 0 0 {-x}; H 0 0 {x}", "sto-3g"), [0.3, 0.35, 0.4, 0.45])
    assert half.reduced_mass is None


def test_a_minimum_that_is_not_inside_is_not_made_up():
    with pytest.raises(hq.InputError, match="is the last, at r = 2; .* extend the scan"):
        curve_of([1, 1.5, 1.7, 2], lambda r: -r).minimum()
    with pytest.raises(hq.InputError, match="at least four points, this scan has 3"):
        curve_of([1, 1.5, 2], lambda r: r**2).minimum()


def test_json_keeps_all_bits_and_csv_and_table_tell_the_same(curve, tmp_path):
    again = ScanResult.from_json(curve.to_json())
    same_bits(again, curve)
    assert str(again) == str(curve)
    assert again.minimum() == curve.minimum()
    curve.to_json(tmp_path / "scan.json")
    same_bits(ScanResult.from_json(tmp_path / "scan.json"), curve)
    curve.to_csv(tmp_path / "scan.csv")
    rows = list(csv.DictReader((tmp_path / "scan.csv").open()))
    assert [float(row["r"]) for row in rows] == VALUES
    assert [float(row["energy"]) for row in rows] == curve.energies.tolist()
    assert [float(row["casci"]) for row in rows] == curve.references["casci"].tolist()
    for point, line in zip(curve.points, str(curve).splitlines()[2:], strict=False):
        assert f"{point.energy:.8f}" in line


def test_what_is_not_known_is_nan_null_and_empty():
    found = curve_of([1, 2], lambda r: -r, hf=None)
    assert np.isnan(found.references["hf"]).all()
    assert json.loads(found.to_json())["points"][0]["references"] == {"hf": None}
    assert found.to_csv().splitlines()[1].startswith("1.0,-1.0,0.0,,,,5")


@pytest.mark.parametrize("text", ["{}", "{", '{"schema_version": 1, "points": 3}', "/nowhere/scan.json"])
def test_something_else_is_not_read_as_a_scan(text):
    with pytest.raises(hq.InputError):
        ScanResult.from_json(text)
    with pytest.raises(hq.InputError, match="newer hybridq"):
        ScanResult.from_json('{"schema_version": 99}')


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_plot_is_written_whether_casci_is_known_or_not(curve, tmp_path, kind):
    for k, one in enumerate((curve, curve_of([1, 2, 3], lambda r: r**2))):
        file = tmp_path / f"{k}.{kind}"
        figure = one.plot(file)
        assert file.stat().st_size > 5000
        assert len(figure.axes) == 2
    with pytest.raises(hq.InputError, match="cannot write the plot"):
        curve.plot(tmp_path / "nowhere" / "scan.png")


# Lives of a run


def test_a_second_life_takes_everything_from_the_folder(curve, problems, tmp_path):
    first = hq.scan(problems, VALUES, run=tmp_path / "h4")
    same_bits(first, curve)
    before = {k: (tmp_path / "h4" / "points" / f"{k:04d}" / "journal.jsonl").read_bytes() for k in range(8)}
    second = hq.scan(problems, VALUES, run=tmp_path / "h4")
    same_bits(second, first)
    assert [p.seconds for p in second.points] == [p.seconds for p in first.points]
    for k, text in before.items():
        assert (tmp_path / "h4" / "points" / f"{k:04d}" / "journal.jsonl").read_bytes() == text
    journal = records(tmp_path / "h4")
    assert [r["n"] for r in journal if r["kind"] == "point"] == list(range(8))
    assert [r["kind"] for r in journal].count("start") == 2
    assert journal[-1]["finished"]
    same_bits(ScanResult.from_json(tmp_path / "h4" / "scan.json"), first)
    assert (tmp_path / "h4" / "scan.csv").exists()
    assert (tmp_path / "h4" / "scan.png").exists()


def records(folder):
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


class Make:
    """Counts how often it is asked."""

    def __init__(self, make):
        self.make, self.asked = make, []

    def __call__(self, value):
        self.asked.append(value)
        return self.make(value)


def test_no_hartree_fock_is_run_twice_but_one_that_tells_whether_it_is_the_same_scan(tmp_path):
    make = Make(chain)
    first = hq.scan(make, VALUES[:4], run=tmp_path / "h4")
    assert sorted(make.asked) == VALUES[:4]
    same_bits(hq.scan(make, VALUES[:4], run=tmp_path / "h4"), first)
    assert len(make.asked) == 5
    told = type("Told", (Make,), {"spec": lambda self: {"atoms": 4}})(chain)
    hq.scan(told, VALUES[:2], run=tmp_path / "told")
    hq.scan(told, VALUES[:2], run=tmp_path / "told")
    assert len(told.asked) == 2


def test_another_scan_in_the_same_folder_is_refused_with_the_difference_named(problems, tmp_path):
    place = tmp_path / "h4"
    hq.scan(chain, VALUES[:3], run=place)
    for arguments, options, told in (
        ((chain, VALUES[:4]), {}, "values"),
        ((chain, VALUES[:3], "uccgsd"), {}, "circuit.family is 'uccgsd'"),
        ((chain, VALUES[:3]), {"start": "cold"}, "start is 'cold' now and was 'auto'"),
        ((chain, VALUES[:3]), {"gradient_tolerance": 1e-3}, "options.gradient_tolerance is 0.001"),
        ((lambda r: chain(1.1 * r), VALUES[:3]), {}, "at r = 0.7: .* holds another scan"),
        ((problems[:3], VALUES[:3]), {}, "problems is 'problems' now"),
    ):
        with pytest.raises(hq.JournalMismatch, match=told):
            hq.scan(*arguments, run=place, **options)
    hq.scan(problems[:3], VALUES[:3], run=tmp_path / "given")
    with pytest.raises(hq.JournalMismatch, match=r"at r = 0\.9: .* holds another scan"):
        hq.scan(problems[1:4], VALUES[:3], run=tmp_path / "given")


def test_a_limit_of_evaluations_is_gone_beyond_in_a_second_life(curve, problems, tmp_path):
    problems, values = problems[:3], VALUES[:3]
    first = hq.scan(problems, values, start="cold", run=tmp_path / "h4", max_evaluations=4)
    assert not first.converged
    assert records(tmp_path / "h4")[-1]["finished"] is False
    second = hq.scan(problems, values, start="cold", run=tmp_path / "h4")
    assert second.converged
    assert records(tmp_path / "h4")[-1]["finished"] is True
    assert np.allclose(second.energies, curve.energies[:3], atol=2e-6)


SCRIPT = """
    import sys
    import numpy as np
    import hybridq as hq

    def chain(r):
        return hq.Problem.from_xyz("; ".join(f"H 0 0 {k * r}" for k in range(4)), "sto-3g")

    if __name__ == "__main__":
        hq.scan(chain, np.round(np.linspace(0.7, 1.4, 8), 6), run="h4.scan", progress=True, backend="sector")
"""


def start(folder, *launcher):
    (folder / "script.py").write_text(textwrap.dedent(SCRIPT))
    return subprocess.Popen(
        [*launcher, sys.executable, "script.py"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def stopped_by(number, folder, after):
    """Start a scan, send it a signal when so many points are done; exit code and stderr."""
    with start(folder) as process:
        lines = [process.stderr.readline() for _ in range(after)]
        process.send_signal(number)
        rest = process.communicate(timeout=60)[1]
    return process.returncode, "".join(lines) + rest


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    with start(folder) as process:
        assert process.wait(timeout=120) == 0, process.stderr.read()
    return ScanResult.from_json(folder / "h4.scan" / "scan.json")


@pytest.mark.parametrize("after", [4])
def test_a_killed_scan_goes_on_and_ends_with_the_same_bits(unbroken, tmp_path, after):
    code, _ = stopped_by(signal.SIGKILL, tmp_path, after)
    assert code == -signal.SIGKILL
    points = tmp_path / "h4.scan" / "points"
    done = {p.parent.name: (p.parent / "journal.jsonl").read_bytes() for p in points.glob("*/point.json")}
    assert after - 1 <= len(done) < 8
    with start(tmp_path) as process:
        assert process.wait(timeout=120) == 0, process.stderr.read()
    same_bits(ScanResult.from_json(tmp_path / "h4.scan" / "scan.json"), unbroken)
    assert {name: (points / name / "journal.jsonl").read_bytes() for name in done} == done


def test_sigterm_ends_it_with_75_and_keeps_the_points(unbroken, tmp_path):
    code, err = stopped_by(signal.SIGTERM, tmp_path, 3)
    assert code == 75, err
    last = err.splitlines()[-1]
    done = len(list((tmp_path / "h4.scan" / "points").glob("*/point.json")))
    assert last.startswith(f"hybridq: stopped by SIGTERM; {done} points of the scan are done, kept in h4.scan")
    assert sum(r["kind"] == "point" for r in records(tmp_path / "h4.scan")) == done
    told = hq.status(tmp_path / "h4.scan")
    assert (told.state, told.reason, told.circuit) == ("stopped", "stopped by SIGTERM", "uccsd")
    with start(tmp_path) as process:
        assert process.wait(timeout=120) == 0, process.stderr.read()
    same_bits(ScanResult.from_json(tmp_path / "h4.scan" / "scan.json"), unbroken)


@pytest.mark.mpi
@pytest.mark.skipif(MPIEXEC is None, reason="no mpiexec: python -m pip install mpi4py mpich")
def test_a_killed_rank_ends_the_job_and_fewer_ranks_go_on_with_the_same_bits(unbroken, tmp_path):
    def ranks(process):
        children = psutil.Process(process.pid).children(recursive=True)
        return [c for c in children if c.name().startswith("python") and not c.children()]

    with start(tmp_path, MPIEXEC, "-n", "3") as process:
        for _ in range(2):
            process.stderr.readline()
        ranks(process)[-1].kill()
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert len(list((tmp_path / "h4.scan" / "points").glob("*/point.json"))) < 8
    with start(tmp_path, MPIEXEC, "-n", "2") as process:
        err = process.communicate(timeout=120)[1]
    assert process.returncode == 0, err
    same_bits(ScanResult.from_json(tmp_path / "h4.scan" / "scan.json"), unbroken)


def test_a_caller_may_stop_it_and_gets_what_is_done(curve, problems, tmp_path):
    asked = itertools.count()
    with pytest.raises(hq.Interrupted, match=r"enough; \d points of the scan are done") as stop:
        hq.scan(problems, VALUES, run=tmp_path / "h4", stop=lambda: "enough" if next(asked) > 90 else None)
    assert stop.value.code == 75
    done = {p.value: p.energy for p in stop.value.result.points}
    assert 1 < len(done) < 8
    assert all(curve.energies[VALUES.index(x)] == energy for x, energy in done.items())
    same_bits(hq.scan(problems, VALUES, run=tmp_path / "h4"), curve)


def test_a_scan_goes_on_from_its_folder_alone(curve, problems, tmp_path):
    place, asked = tmp_path / "h4", itertools.count()
    with pytest.raises(hq.Interrupted):
        hq.scan(
            lambda r: problems[VALUES.index(r)],
            VALUES,
            run=place,
            label="side",
            optimizer=hq_optimizer("L-BFGS-B"),
            stop=lambda: "enough" if next(asked) > 60 else None,
        )
    found = resume_scan(place)
    assert found.label == "side"
    same_bits(found, curve)
    (place / "problems" / "0002.json").unlink()
    with pytest.raises(hq.InputError, match=r"at side = 0\.9: this problem was not made .* run its script again"):
        resume_scan(place)
    same_bits(resume_scan(place, make=told_by(place, problems)), curve)


def told_by(place, problems):
    """Problems from elsewhere, which say that they are those of the folder."""
    made = StoredProblems(place, records(place)[0]["spec"])

    class Told:
        def __call__(self, value):
            return problems[VALUES.index(value)]

        def spec(self):
            return made.spec()

    return Told()


def test_what_is_no_scan_or_needs_its_script_is_not_resumed(problems, tmp_path):
    with pytest.raises(hq.InputError, match="there is no run"):
        resume_scan(tmp_path)
    hq.VQE(problems[0], run=tmp_path / "vqe", max_evaluations=1).run()
    with pytest.raises(hq.InputError, match="holds a run of 'vqe', not a scan"):
        resume_scan(tmp_path / "vqe")
    circuit = hq.ansatz("uccsd").build(problems[0])
    hq.scan(problems[:2], VALUES[:2], circuit, run=tmp_path / "own", max_evaluations=1)
    with pytest.raises(hq.InputError, match="given a circuit, not a family"):
        resume_scan(tmp_path / "own")


def test_a_wall_time_that_is_over_stops_it_or_is_refused_where_nothing_was_done(problems, tmp_path):
    with pytest.raises(hq.InputError, match="nothing new was computed"):
        hq.scan(problems, VALUES, wall_time=0.5)
    slow = Make(lambda r: time.sleep(0.4) or chain(r))
    with pytest.raises(hq.Interrupted, match="wall time .*; 0 points of the scan are done") as stop:
        hq.scan(slow, VALUES, wall_time=2.0, run=tmp_path / "h4")
    assert stop.value.code == 75
    assert 0 < len(list((tmp_path / "h4" / "problems").iterdir())) < 8
    assert 0 < len(slow.asked) < 8


# Bad input


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.0], "at least two values, got 1"),
        ([], "at least two values, got 0"),
        ([1.0, 2.0, 1.0], "1 comes 2 times"),
        ([1.0, float("nan")], "finite, got nan"),
        ([1.0, float("inf")], "finite, got inf"),
        (["a", "b"], "must be numbers"),
    ],
)
def test_values_that_make_no_curve_are_refused(values, told):
    with pytest.raises(hq.InputError, match=told):
        hq.scan(chain, values)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"budget": {"shots": 5}}, "a scan has no budget"),
        ({"start": "hot"}, "unknown start of a scan 'hot'.*auto, cold, warm"),
        ({"ranks_per_group": 7}, "ranks_per_group=7"),
        ({"optimiser": "BFGS"}, "no option 'optimiser'; did you mean 'optimizer'"),
        ({"initial": [0.1]}, "sets 'initial' of each point itself"),
        ({"circuit": "ucsd"}, "did you mean 'uccsd'"),
        ({"optimizer": "BFGZ"}, "unknown optimizer"),
        ({"backend": "sektor"}, "unknown backend 'sektor'"),
        ({"wall_time": -1.0}, "wall_time"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_before_any_hartree_fock(options, told):
    def never(value):
        raise AssertionError("Hartree-Fock was run")

    with pytest.raises(hq.InputError, match=told):
        hq.scan(never, [1.0, 2.0], **options)


def test_a_value_at_which_the_problem_cannot_be_made_is_named_and_the_others_are_kept(tmp_path):
    def make(r):
        return hq.Problem.from_xyz(f"H 0 0 0; H 0 0 {r}", "sto-3g")

    with pytest.raises(hq.InputError, match=r"at r = 0.05: atoms 0 \(H\) and 1"):
        hq.scan(make, [0.7, 0.8, 0.05], run=tmp_path / "h2")
    assert sorted(p.name for p in (tmp_path / "h2" / "problems").iterdir()) == ["0000.json", "0001.json"]

    def hard(r):
        return hq.Problem.from_xyz(f"N 0 0 0; N 0 0 {r}", "sto-3g", max_cycle=1 if r > 2 else 100)

    with pytest.raises(hq.ConvergenceError, match=r"at r = 3: "):
        hq.scan(hard, [1.1, 3.0])
    with pytest.raises(hq.InputError, match=r"at r = 0.8: make gave a float"):
        hq.scan(lambda r: r, [0.7, 0.8])
    with pytest.raises(hq.InputError, match="2 problems for 3 values"):
        hq.scan([chain(1.0), chain(1.1)], [1.0, 1.1, 1.2])
    with pytest.raises(hq.InputError, match=r"at r = .*equal active spaces only"):
        hq.scan([chain(1.0), make(1.1)], [1.0, 1.1])


def test_an_error_of_the_users_own_says_where_it_happened():
    def make(r):
        return {}[r]

    with pytest.raises(KeyError) as error:
        hq.scan(make, [0.7, 0.8])
    assert error.value.__notes__ == ["at r = 0.8"]  # the largest value is made first


# Trees and starts


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=80, unique=True))
def test_trees_are_shallow_and_lead_to_every_point_once(values):
    n, found = len(values), forest(values)
    assert sorted(found.order) == list(range(n))
    place = {point: k for k, point in enumerate(found.order)}
    roots = [k for k in range(n) if found.parents[k] is None]
    assert len(roots) == (1 if n < 4 else max(2, round(n / 8)))
    for k in range(n):
        ancestors = line_up(found, k)
        assert all(place[a] < place[k] for a in ancestors)
        assert len(ancestors) <= 4
    assert [None if a is None else found.order[a] for a in found.after] == [found.parents[k] for k in found.order]


def line_up(found, k):
    ancestors = []
    while (k := found.parents[k]) is not None:
        ancestors.append(k)
    return ancestors


@given(st.integers(4, 60))
def test_the_neighbours_that_were_solved_before_a_point_are_among_its_ancestors(n):
    found = forest(range(n))
    trees = {k: (line_up(found, k) or [k])[-1] for k in range(n)}
    for k in range(n):
        ancestors = line_up(found, k)
        before = [j for j in range(n) if trees[j] == trees[k] and j in ancestors]
        below, above = [j for j in before if j < k], [j for j in before if j > k]
        # No point of the same tree that lies nearer is an ancestor's sibling: the enclosing ones are the nearest.
        for nearest, side in ((max(below, default=None), range(k)), (min(above, default=None), range(k + 1, n))):
            done = [j for j in side if trees[j] == trees[k] and len(line_up(found, j)) < len(ancestors)]
            assert nearest == ((max(done) if side.start == 0 else min(done)) if done else None)


def test_cold_scans_have_no_trees():
    assert forest([3.0, 1.0, 2.0], warm=False).parents == (None, None, None)


def test_starts_are_the_circuits_own_and_the_line_through_two_or_the_nearest():
    circuit = hq.ansatz("uccsd").build(chain(1.0))
    m = circuit.n_parameters
    a, b, c = (Solved(k, x, circuit, np.full(m, y)) for k, x, y in ((0, 1.0, 0.1), (1, 2.0, 0.5), (2, 5.0, 9.0)))
    own, line = starts(circuit, 1.25, [c, b, a])
    assert (own.kind, own.points) == ("own", ())
    assert np.array_equal(own.row, circuit.start)
    assert (line.kind, line.points) == ("line", (0, 1))
    assert line.row == pytest.approx(np.full(m, 0.2))
    beyond = starts(circuit, 2.5, [a, b])[1]
    assert (beyond.kind, beyond.points) == ("line", (1, 0))
    assert beyond.row == pytest.approx(np.full(m, 0.7))
    for solved in ([a, b], [b]):  # too far for a line, or nothing to draw one through
        near = starts(circuit, 3.5, solved)[1]
        assert (near.kind, near.points) == ("nearest", (1,))
        assert np.array_equal(near.row, b.row)
    assert [s.kind for s in starts(circuit, 3.5, [])] == ["own"]


def test_amplitudes_go_to_the_parameters_with_the_same_generators():
    problem = chain(1.0)
    whole = hq.ansatz("uccsd").build(problem)
    part = hq.ansatz("uccsd", threshold=0.05).build(problem)
    assert 0 < part.n_parameters < whole.n_parameters
    row = np.arange(1.0, 1 + whole.n_parameters)
    found = transferred(row, whole, part)
    generator = {f.parameter: f.generator for f in whole.factors}
    place = {generator[k]: x for k, x in enumerate(row)}
    assert found.tolist() == [place[f.generator] for f in part.factors]
    back = transferred(found, part, whole)
    for k, own in enumerate(whole.start):
        assert back[k] == (row[k] if row[k] in found else own)
    other = hq.ansatz("k-upccgsd", k=2).build(problem)
    repeated = np.arange(float(other.n_parameters))
    assert transferred(repeated, other, hq.ansatz("k-upccgsd", k=1).build(problem)) is not None
    assert np.array_equal(transferred(repeated, other, other), repeated)
