"""Whatever is wrong with the input: one line on stderr that helps, exit code 2, no traceback, nothing on stdout."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

import hybridq as hq

H2 = ("vqe", "H 0 0 0; H 0 0 0.74", "--basis", "sto-3g")
N2 = ("vqe", "N 0 0 0; N 0 0 1.1", "--basis", "sto-3g")

BAD = {
    "unknown element": (("vqe", "Hx 0 0 0; H 0 0 1", "--basis", "sto-3g"), ("'Hx'", "did you mean")),
    "unknown basis": (("vqe", "H 0 0 0; H 0 0 1", "--basis", "sto-9z"), ("'sto-9z'", "sto-3g")),
    "no basis": (("vqe", "H 0 0 0; H 0 0 1"), ("--basis sto-3g", "cc-pvdz")),
    "odd electrons": (("vqe", "N 0 0 0; O 0 0 1.2", "--basis", "sto-3g"), ("15 electrons", "spin=1 is the lowest")),
    "wrong spin": ((*H2, "--spin", "1"), ("spin=1", "2 electrons")),
    "no electrons left": ((*H2, "--charge", "2"), ("charge 2", "0 electrons")),
    "atoms on top of each other": (("vqe", "H 0 0 0; H 0 0 0", "--basis", "sto-3g"), ("0.0000 angstrom",)),
    "bad coordinates": (("vqe", "H 0 0 0; H 0 0 far", "--basis", "sto-3g"), ("'far'",)),
    "too many active orbitals": ((*H2, "--active-electrons", "2", "--active-orbitals", "9"), ("9", "at most 2")),
    "negative electrons": ((*H2, "--active-electrons", "-2"), ("-2",)),
    "negative orbitals": ((*H2, "--active-electrons", "2", "--active-orbitals", "-3"), ("-3",)),
    "too many electrons": ((*H2, "--active-electrons", "8"), ("8", "2 electrons")),
    "electrons do not fit": ((*N2, "--active-electrons", "6", "--active-orbitals", "2"), ("2 active orbitals",)),
    "orbital out of range": ((*H2, "--orbitals", "0,7"), ("[0, 7]",)),
    "orbitals are no numbers": ((*H2, "--orbitals", "0,a"), ("'0,a'", "3,4,5")),
    "electrons are no number": ((*H2, "--active-electrons", "two"), ("'two'",)),
    "unknown circuit": ((*H2, "--circuit", "ucsd"), ("did you mean 'uccsd'", "Known:")),
    "unknown circuit option": ((*H2, "--circuit-option", "oder=3"), ("did you mean 'order'",)),
    "circuit option of a wrong type": ((*H2, "--circuit-option", "singles=7"), ("'singles'", "bool")),
    "no option at all": ((*H2, "--circuit-option", "singles"), ("KEY=VALUE",)),
    "unknown backend": ((*H2, "--backend", "sektor"), ("did you mean 'sector'",)),
    "unknown optimizer": ((*H2, "--optimizer", "lbgfs"), ("did you mean", "'L-BFGS-B'")),
    "unknown optimizer option": ((*H2, "--optimizer", "spsa", "--optimizer-option", "foo=1"), ("'foo'", "gain")),
    "no shots": ((*H2, "--shots", "0"), ("shots", "got 0")),
    "precision is no number": ((*H2, "--precision", "nan"), ("precision", "nan")),
    "negative tolerance": ((*H2, "--energy-tolerance", "-1"), ("energy_tolerance", "-1")),
    "negative seed": ((*H2, "--seed", "-1", "--shots", "10"), ("'-1'", "at least 0")),
    "no iterations": ((*H2, "--max-iterations", "0"), ("max_iterations", "got 0")),
    "missing file": (("vqe", "nowhere.xyz", "--basis", "sto-3g"), ("'nowhere.xyz'", "No such file")),
    "a folder as input": (("vqe", ".", "--basis", "sto-3g"), ("'.'", "directory")),
    "empty input": (("vqe", "", "--basis", "sto-3g"), ("empty",)),
    "missing fcidump": (("vqe", "nowhere.fcidump"), ("'nowhere.fcidump'",)),
    "scf does not converge": (
        ("vqe", "N 0 0 0; N 0 0 3", "--basis", "sto-3g", "--max-cycle", "1"),
        ("did not converge", "--allow-unconverged"),
    ),
    "plot of an unknown kind": ((*H2, "--plot", "x.foo"), ("x.foo", ".png")),
    "plot in no folder": ((*H2, "--plot", "no/where/x.png"), ("no/where",)),
    "unknown argument": ((*H2, "--bogus"), ("--bogus", "--help")),
    "unknown command": (("vqu",), ("vqu", "'vqe'")),
    "no command": ((), ("COMMAND",)),
    "no input": (("vqe",), ("FILE|XYZ",)),
}


def assert_one_clear_line(done, *words):
    assert done.code == 2
    assert done.err.startswith("hybridq: ")
    assert done.err.count("\n") == 1
    assert done.err.endswith("\n")
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_2(case, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, words = BAD[case]
    done = command(*arguments, "--json") if arguments else command()
    assert_one_clear_line(done, *words)
    assert done.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["in-the-way", "in-the-way/below"])
def test_a_run_folder_that_cannot_be_made_is_an_error(command, tmp_path, place):
    (tmp_path / "in-the-way").write_text("a file")
    done = command(*H2, "--json", "--run", str(tmp_path / place))
    assert_one_clear_line(done, place)
    assert (tmp_path / "in-the-way").read_text() == "a file"


def test_a_folder_with_other_files_is_no_run_folder(command, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert_one_clear_line(command(*H2, "--json", "--run", str(tmp_path)), "folder of its own")


def test_the_run_folder_of_another_problem_is_refused(command, tmp_path):
    assert command(*H2, "--json", "--run", str(tmp_path / "run")).code == 0
    other = ("vqe", "H 0 0 0; H 0 0 0.9", "--basis", "sto-3g", "--json", "--run", str(tmp_path / "run"))
    assert_one_clear_line(command(*other), "holds another run")


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.95])
def test_a_torn_fcidump_is_not_taken_for_a_whole_one(command, tmp_path, part):
    file = tmp_path / "torn.fcidump"
    hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g").to_fcidump(file)
    text = file.read_text()
    file.write_text(text[: int(part * len(text))])
    assert_one_clear_line(command("vqe", str(file), "--json"), "torn.fcidump, line ")


@pytest.mark.parametrize(
    "flags", [("--basis", "sto-3g"), ("--charge", "0"), ("--spin", "0"), ("--active-orbitals", "2"), ("--frozen-core",)]
)
def test_an_fcidump_refuses_what_describes_a_geometry(command, tmp_path, flags):
    file = tmp_path / "h2.fcidump"
    hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g").to_fcidump(file)
    assert_one_clear_line(command("vqe", str(file), "--json", *flags), flags[0], "FCIDUMP")


def test_a_problem_that_does_not_fit_says_what_was_needed_and_what_would_fit(command, monkeypatch):
    monkeypatch.setenv("HYBRIDQ_MEMORY", "1MiB")
    done = command("vqe", "N 0 0 0; N 0 0 1.1", "--basis", "cc-pvdz", "--active-electrons", "10", "--json")
    assert_one_clear_line(done, "sector", "would fit")


@pytest.mark.parametrize(
    ("name", "value"), [("HYBRIDQ_MEMORY", "plenty"), ("HYBRIDQ_NUM_THREADS", "0"), ("HYBRIDQ_MPI", "maybe")]
)
def test_a_variable_that_makes_no_sense_is_named(command, monkeypatch, name, value):
    from hybridq.comm import world

    monkeypatch.setenv(name, value)
    world.cache_clear()
    try:
        assert_one_clear_line(command(*H2, "--json"), name, value)
    finally:
        world.cache_clear()


@pytest.mark.parametrize("how", ["--traceback", "HYBRIDQ_TRACEBACK"])
def test_the_traceback_is_there_for_those_who_ask(command, monkeypatch, how):
    arguments = ["vqe", "nowhere.xyz", "--basis", "sto-3g"]
    if how.startswith("--"):
        arguments.append(how)
    else:
        monkeypatch.setenv(how, "1")
    done = command(*arguments)
    assert done.code == 2
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("hybridq: cannot read")


def test_an_error_of_the_real_process_is_one_line_too(process):
    done = process("vqe", "N 0 0 0; O 0 0 1.2", "--basis", "sto-3g")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hybridq: spin=0 does not fit")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_reader_that_leaves_early_is_no_error():
    line = f"{sys.executable} -m hybridq circuits | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.split() in (["141"], ["0"])
