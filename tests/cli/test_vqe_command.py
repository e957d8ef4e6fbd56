"""`hybridq vqe`: the JSON contract, the report, the inputs it takes, and run folders."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

import hybridq as hq

H2 = "H 0 0 0; H 0 0 0.735"
H2_FCI = -1.1373060357534004  # FCI/STO-3G at 0.735 angstrom, as in Qiskit Nature's tutorials
PROMISED = {
    "energy",
    "stderr",
    "converged",
    "reason",
    "n_parameters",
    "n_qubits",
    "evaluations",
    "seconds",
    "backend",
    "references",
    "provenance",
}


def fci(geometry: str) -> float:
    from pyscf import fci, gto, scf

    mf = scf.RHF(gto.M(atom=geometry, basis="sto-3g", verbose=0)).run(conv_tol=1e-11)
    return float(fci.FCI(mf).kernel()[0])


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def test_json_is_one_object_on_stdout_with_the_promised_keys(process):
    done = process("vqe", H2, "--basis", "sto-3g", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout, parse_constant=refuse)
    assert result.keys() >= PROMISED
    assert result["references"].keys() == {"hf", "ccsd", "casci"}
    assert result["energy"] == pytest.approx(H2_FCI, abs=1e-8)
    assert result["energy"] == pytest.approx(fci(H2), abs=1e-8)
    assert result["references"]["casci"] == pytest.approx(fci(H2), abs=1e-8)
    assert (result["converged"], result["stderr"], result["backend"]) == (True, 0.0, "sector")
    assert (result["n_qubits"], result["n_parameters"]) == (4, len(result["parameters"]))
    assert result["seconds"] > 0
    assert result["evaluations"] >= result["iterations"] > 0
    assert result["provenance"]["hybridq"] == hq.__version__


def test_the_report_shows_problem_circuit_plan_and_result(process):
    done = process("vqe", H2, "--basis", "sto-3g", "--plot", "h2.png")
    assert (done.returncode, done.stderr) == (0, "")
    for part in (
        "4 qubits",
        "uccsd: 1 parameters",
        "plan for one gradient",
        "-> sector",
        "converged",
        "casci",
        "h2.png",
    ):
        assert part in done.stdout
    energy = re.search(r"energy +(-[\d.]+) hartree", done.stdout)
    assert float(energy[1]) == pytest.approx(H2_FCI, abs=1e-8)


def test_quiet_prints_the_result_only(command):
    done = command("vqe", H2, "--basis", "sto-3g", "--quiet")
    assert done.code == 0
    assert done.out.startswith("uccsd on H2/sto-3g")
    assert "plan for" not in done.out


def test_a_plot_is_a_picture(command, tmp_path):
    plot = tmp_path / "h2.png"
    assert command("vqe", H2, "--basis", "sto-3g", "--json", "--plot", str(plot)).code == 0
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_file_in_xyz_format_gives_the_same_energy_as_the_geometry(command, tmp_path):
    file = tmp_path / "h2.xyz"
    file.write_text("2\ncomment\nH 0 0 0\nH 0 0 0.735\n")
    from_file = command("vqe", str(file), "--basis", "sto-3g", "--json").json()
    assert from_file["energy"] == command("vqe", H2, "--basis", "sto-3g", "--json").json()["energy"]


@pytest.mark.parametrize("name", ["h2.fcidump", "FCIDUMP", "integrals.txt"])
def test_an_fcidump_is_recognised_by_name_or_content(command, tmp_path, name):
    file = tmp_path / name
    hq.Problem.from_xyz(H2, "sto-3g").to_fcidump(file)
    result = command("vqe", str(file), "--json").json()
    assert result["energy"] == pytest.approx(fci(H2), abs=1e-8)


def test_no_symmetry_leaves_more_parameters(command, tmp_path):
    file = tmp_path / "h2.fcidump"
    hq.Problem.from_xyz(H2, "sto-3g").to_fcidump(file)
    for arguments in ((H2, "--basis", "sto-3g"), (str(file),)):
        with_group = command("vqe", *arguments, "--json").json()
        without = command("vqe", *arguments, "--json", "--no-symmetry").json()
        assert without["n_parameters"] > with_group["n_parameters"]
        assert without["energy"] == pytest.approx(with_group["energy"], abs=1e-8)


def test_active_space_circuit_optimizer_and_limits_reach_the_run(command):
    result = command(
        *("vqe", "Li 0 0 0; H 0 0 1.6", "--basis", "sto-3g", "--active-electrons", "1,1", "--orbitals", "1,2,5"),
        *("--circuit", "uccsd", "--circuit-option", "singles=false", "--circuit-option", "amplitudes=zero"),
        *("--optimizer", "cobyla", "--optimizer-option", "rhobeg=0.05", "--max-evaluations", "7", "--json"),
    ).json()
    assert (result["n_qubits"], result["optimizer"], result["circuit"]) == (6, "COBYLA", "uccd")
    assert result["evaluations"] == 7
    assert not result["converged"]
    assert "7 evaluations" in result["reason"]


def test_shots_for_exact_energies_are_refused_with_the_reason(command):
    words = ("--basis", "sto-3g", "--shots", "500", "--backend", "sector", "--json")
    done = command("vqe", "H 0 0 0; H 0 0 1", *words)
    assert (done.code, done.out) == (2, "")
    assert "sector" in done.err
    assert "exact energies" in done.err


def test_the_seed_repeats_a_random_search(command, tmp_path):
    # From a file: Hartree-Fock run twice may give orbitals of the other sign, and signs are what SPSA draws.
    file = tmp_path / "h4.fcidump"
    hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "sto-3g").to_fcidump(file)
    arguments = ("vqe", str(file), "--optimizer", "SPSA", "--max-iterations", "3", "--json", "--seed")
    one, same, other = (command(*arguments, seed).json() for seed in ("1", "1", "2"))
    assert one["optimizer"] == "SPSA"
    assert one["parameters"] == same["parameters"] != other["parameters"]
    assert one["energy"] == same["energy"]


def test_an_unconverged_scf_is_taken_where_that_is_allowed(command):
    stretched = ("vqe", "N 0 0 0; N 0 0 3", "--basis", "sto-3g", "--max-cycle", "1", "--json")
    space = ("--active-electrons", "2", "--active-orbitals", "2")
    assert command(*stretched, *space).code == 2
    assert command(*stretched, *space, "--allow-unconverged").code == 0


def test_a_run_folder_holds_journal_result_and_plot_and_is_taken_up(process, tmp_path):
    arguments = ("vqe", "H 0 0 0; H 0 0 1; H 0 0 2; H 0 0 3", "--basis", "sto-3g", "--run", "h4.run", "--json")
    first = json.loads(process(*arguments).stdout)
    folder = tmp_path / "h4.run"
    assert {"journal.jsonl", "result.json", "convergence.png"} <= {p.name for p in folder.iterdir()}
    assert hq.VQEResult.from_json(folder / "result.json").energy == first["energy"]

    def evaluations():
        return (folder / "journal.jsonl").read_text().count('"kind":"evaluation"')

    before = evaluations()
    again = json.loads(process(*arguments).stdout)
    assert before == evaluations() > 3
    assert again["replayed"] == before
    assert (again["energy"], again["parameters"]) == (first["energy"], first["parameters"])


def test_what_libraries_write_to_stdout_does_not_reach_the_json():
    code = """
import ctypes, os
from hybridq.cli.output import print_json, stdout_kept_clean
with stdout_kept_clean():
    print("chatter of Python")
    os.write(1, b"chatter below Python\\n")
    os.system("echo chatter of a child")
print_json({"energy": float("nan"), "inner": [float("inf"), 1.0]})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == {"energy": None, "inner": [None, 1.0]}
    assert done.stderr.count("chatter") == 3
