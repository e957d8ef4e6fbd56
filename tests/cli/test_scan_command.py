"""``hybridq scan``: a real curve, its JSON, its run folder, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import hybridq as hq

H2 = ("scan", "H 0 0 0; H 0 0 {r}", "--basis", "sto-3g")
RANGE = ("--from", "0.6", "--to", "1.0", "--points", "5")


def test_a_range_is_a_curve_like_that_of_the_library(command):
    done = command(*H2, *RANGE, "--json")
    assert done.code == 0, done.err
    found = done.json()
    values = [0.6, 0.7, 0.8, 0.9, 1.0]
    curve = hq.scan(lambda r: hq.Problem.from_xyz(f"H 0 0 0; H 0 0 {r}", "sto-3g"), values)
    assert [p["value"] for p in found["points"]] == values
    assert np.allclose([p["energy"] for p in found["points"]], curve.energies, atol=1e-9)
    assert found["minimum"]["value"] == pytest.approx(curve.minimum().value, abs=1e-6)
    assert found["minimum"]["wavenumber"] == pytest.approx(curve.minimum().wavenumber, rel=1e-4)
    assert (found["circuit"], found["unit"]) == ("uccsd", "angstrom")
    assert found["seconds"] > 0


def test_values_come_in_any_order_and_options_reach_the_points(command):
    options = ("--circuit", "k-upccgsd", "--optimizer", "BFGS", "--start", "cold", "--json")
    found = command(*H2, "--values", "0.9,0.7", *options).json()
    assert [p["value"] for p in found["points"]] == [0.9, 0.7]
    assert found["optimizer"] == "BFGS"
    assert found["minimum"] is None  # two points have none
    assert {p["start"] for p in found["points"]} == {"own"}


def test_the_table_has_a_line_for_each_point(command, tmp_path):
    done = command(*H2, *RANGE, "--plot", str(tmp_path / "h2.png"), "--quiet")
    assert done.code == 0, done.err
    assert done.err == ""
    assert "uccsd on H2/sto-3g (2e,2o), 5 points" in done.out
    assert done.out.count("+0.0000") >= 5  # CASCI is met
    assert "minimum" in done.out
    assert (tmp_path / "h2.png").stat().st_size > 5000


def test_the_coordinate_stands_in_an_xyz_file_several_times(command, tmp_path):
    file = tmp_path / "h4.xyz"
    file.write_text("4\na square of side r\nH 0 0 0\nH {r} 0 0\nH 0 {r} 0.1\nH {r} {r} 0.1\n")
    found = command("scan", str(file), "--basis", "sto-3g", "--values", "1.2,1.3", "--json").json()
    own = hq.Problem.from_xyz("H 0 0 0; H 1.3 0 0; H 0 1.3 0.1; H 1.3 1.3 0.1", "sto-3g")
    assert found["points"][1]["references"]["hf"] == pytest.approx(own.known["hf"], abs=1e-8)


def test_a_run_folder_is_taken_up_and_held_against_the_command(command, tmp_path):
    place = str(tmp_path / "h2.scan")
    first = command(*H2, *RANGE, "--run", place, "--json").json()
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "h2.scan" / "problems").iterdir()}
    second = command(*H2, *RANGE, "--run", place, "--json").json()
    assert [p["parameters"] for p in second["points"]] == [p["parameters"] for p in first["points"]]
    assert {p: p.stat().st_mtime_ns for p in before} == before
    other = command("scan", "H 0 0 0; H 0 0 {r}", "--basis", "6-31g", *RANGE, "--run", place)
    assert (other.code, other.out) == (2, "")
    assert "problems.basis is '6-31g' now and was 'sto-3g'" in other.err
    assert other.err.count("\n") == 1


def test_resume_makes_what_is_missing_from_the_folder_alone(command, tmp_path):
    place = tmp_path / "h2.scan"
    options = ("--no-symmetry", "--circuit", "k-upccgsd", "--circuit-option", "k=1", "--optimizer-option", "maxcor=5")
    first = command(*H2, *RANGE, *options, "--run", str(place), "--json").json()
    for name in (
        "problems/0003.json",
        "points/0003/point.json",
        "points/0003/journal.jsonl",
        "points/0003/problem.json",
    ):
        (place / name).unlink()
    for rest in (place / "points" / "0003").iterdir():
        rest.unlink()
    again = command("resume", str(place), "--json")
    assert again.code == 0, again.err
    found = again.json()
    assert np.allclose(
        [p["energy"] for p in found["points"]], [p["energy"] for p in first["points"]], rtol=0, atol=1e-8
    )
    assert (place / "points" / "0003" / "point.json").exists()
    assert found["molecule"] == first["molecule"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("scan", "H 0 0 0; H 0 0 1", "--basis", "sto-3g", *RANGE), "has no {r}"),
        (("scan", "nowhere.xyz", "--basis", "sto-3g", *RANGE), "cannot read nowhere.xyz: No such file"),
        (("scan", "h4.fcidump", *RANGE), "FCIDUMP file"),
        ((*H2,), "--from, --to, --points missing"),
        ((*H2, "--from", "1"), "--to, --points missing"),
        ((*H2, *RANGE, "--values", "1,2"), "--values and --from contradict"),
        ((*H2, "--from", "1", "--to", "2", "--points", "1"), "at least two points"),
        ((*H2, "--values", "1"), "at least two values"),
        ((*H2, "--values", "1,x"), "no list of numbers"),
        ((*H2, "--values", "1,1"), "comes 2 times"),
        ((*H2, "--values", "1,nan"), "finite, got nan"),
        ((*H2, "--from", "1", "--to", "1", "--points", "3"), "comes 3 times"),
        ((*H2, "--values", "1,0.02"), "at r = 0.02: atoms 0 (H) and 1 (H)"),
        ((*H2, "--values", "1,2", "--start", "hot"), "invalid choice"),
        ((*H2, "--values", "1,2", "--ranks-per-group", "2"), "ranks_per_group=2"),
        ((*H2, "--values", "1,2", "--circuit", "ucsd"), "did you mean"),
        ((*H2, "--values", "1,2", "--plot", "x.txt"), "cannot write the plot"),
        (("scan", "H 0 0 0; H 0 0 {r}", *RANGE), "needs a basis set"),
        (("scan", "N 0 0 0; N 0 0 {r}", "--basis", "sto-3g", "--max-cycle", "1", "--values", "1.1,3"), "at r = "),
    ],
)
def test_what_makes_no_scan_is_told_in_one_line(command, arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "h4.fcidump").write_text("&FCI NORB=1,\n&END\n")
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert done.err.count("\n") == 1


LONG = ("scan", "; ".join(f"H 0 {{r}} {k}" if k % 2 else f"H 0 0 {k}" for k in range(6)), "--basis", "sto-3g")


def test_ctrl_c_is_75_with_one_line_and_resume_goes_on(tmp_path, environment):
    arguments = [sys.executable, "-m", "hybridq", *LONG, "--from", "0.1", "--to", "0.5", "--points", "9"]
    arguments += ["--run", "h6.scan", "--quiet", "--gradient-tolerance", "1e-7"]
    done = tmp_path / "h6.scan" / "points"
    with subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        deadline = time.monotonic() + 90
        while not list(done.glob("*/point.json")):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("hybridq: interrupted; ")
    assert "kept in h6.scan" in err
    kept = len(list(done.glob("*/point.json")))
    assert f"; {kept} point" in err
    again = subprocess.run(
        [sys.executable, "-m", "hybridq", "resume", "h6.scan", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        timeout=120,
    )
    assert again.returncode == 0, again.stderr
    points = json.loads(again.stdout)["points"]
    assert [p["value"] for p in points] == [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]
    assert all(p["converged"] for p in points)
