"""The benchmark's own promises: it notices disagreement, predicts growth, tells failures, and draws true tables."""

from __future__ import annotations

import itertools
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import chemistry, environments, peer_list, problems, report, running
from benchmarks.peers import jordan_wigner
from benchmarks.peers.problem import Problem
from benchmarks.running import Record

GIB = 2**30


def measured(
    peer: str = "hybridq", engine: str = "sector", threads: int = 1, molecule: str = "H4", **values: Any
) -> Record:
    defaults = {
        "energy": -2.0,
        "gradient": [0.1, -0.2],
        "first_s": 0.5,
        "calls_s": [0.003, 0.001, 0.002],
        "import_s": 1.0,
        "build_s": 0.25,
        "import_bytes": 100 * 2**20,
        "peak_bytes": 200 * 2**20,
        "wall_s": 2.0,
    }
    return Record(peer, engine, threads, molecule, "ok", values={**defaults, **values})


def header(*molecules: str) -> dict[str, Any]:
    return {"processor": "some", "molecules": {m: f"geometry of {m}" for m in molecules}, "optima": {}}


# Agreement


def test_records_within_the_tolerance_agree() -> None:
    close = measured("qulacs", "backprop", energy=-2.0 + 5e-10, gradient=[0.1, -0.2 - 5e-10])
    assert report.disagreements([measured(), close]) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"energy": -2.0 + 2e-9}, "energies"),
        ({"gradient": [0.1, -0.2 + 2e-9]}, "gradients"),
        ({"energy": math.nan}, "energies"),
        ({"gradient": [math.nan, -0.2]}, "gradients"),
        ({"gradient": [0.1]}, "gradients of lengths"),
    ],
)
def test_a_difference_beyond_the_tolerance_is_told_with_its_molecule(change: dict[str, Any], word: str) -> None:
    lines = report.disagreements([measured(), measured("qulacs", "backprop", **change), measured(molecule="LiH")])
    assert len(lines) == 1
    assert lines[0].startswith("H4: ")
    assert word in lines[0]


def test_peers_are_compared_with_each_other_and_not_only_with_one() -> None:
    records = [measured(energy=-2.0), measured("qulacs", energy=-2.0 - 7e-10), measured("scaluq", energy=-2.0 + 7e-10)]
    lines = report.disagreements(records)
    assert len(lines) == 1
    assert "Qulacs" in lines[0]
    assert "scaluq" in lines[0]


def test_records_that_did_not_finish_are_not_compared() -> None:
    assert report.disagreements([measured(), Record("qulacs", "backprop", 1, "H4", "limit", "not finished")]) == []


def test_an_optimization_that_ended_elsewhere_is_told() -> None:
    records = [measured(energy=-2.0), measured("qulacs", energy=-2.0 + 3e-6)]
    assert len(report.vqe_failures(records, {})) == 1
    assert len(report.vqe_failures(records, {"H4": -2.0 + 3e-6})) == 1
    assert report.vqe_failures(records, {"H4": -2.0 + 3e-6})[0].startswith("H4: hybridq")
    assert report.vqe_failures(records[:1], {"H4": -2.0 + 5e-7}) == []


# Tables


def rows_of(text: str, title: str) -> dict[str, list[str]]:
    section = next(s for s in text.split("\n## ") if s.startswith(title))
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in cells}


def test_a_cell_is_the_median_of_the_best_number_of_threads() -> None:
    one, two = measured(calls_s=[0.004, 0.100, 0.005]), measured(threads=2, calls_s=[0.003, 0.0031, 9.0])
    rows = rows_of(report.markdown(header("H4"), [one, two], []), "One energy")
    assert rows["hybridq, sector"] == ["3.1"]


def test_the_first_call_stands_where_there_was_time_for_one_only() -> None:
    assert measured(calls_s=[], first_s=12.0).seconds == 12.0


def test_ratios_are_to_hybridqs_best_time_on_the_same_molecule() -> None:
    records = [
        measured(calls_s=[0.002]),
        measured(threads=2, calls_s=[0.001]),
        measured("qulacs", "backprop", calls_s=[0.050]),
        measured("qulacs", "backprop", molecule="LiH", calls_s=[0.050]),
    ]
    rows = rows_of(report.markdown(header("H4", "LiH"), records, []), "How many times")
    assert rows["hybridq, sector"] == ["1", "-"]
    assert rows["Qulacs, backprop"] == ["50", "-"]


def test_optimizations_have_a_table_of_their_own() -> None:
    optimized = {"energy": -75.0124810, "evaluations": 32, "optimize_s": 0.02, "wall_s": 1.5}
    failed = Record("qulacs", "backprop", 1, "H2O", "limit", "not finished after 300 s")
    head = {**header("H2O"), "optima": {"H2O": -75.01248104}}
    text = report.markdown(head, [], [Record("hybridq", "sector", 2, "H2O", "ok", values=optimized), failed])
    assert "| H2O | hybridq, sector | 2 | 1.50 | 0.020 | 32 | -75.01248100 |" in text
    assert "| H2O | Qulacs, backprop | 1 | limit: not finished after 300 s |" in text
    assert "Optimum of H2O: -75.01248104 hartree." in text


def test_what_was_not_measured_is_listed_with_its_reason() -> None:
    records = [
        measured(),
        Record("qulacs", "backprop", 1, "H4", "limit", "not finished after 300 s"),
        Record("scaluq", "backprop", 1, "H4", "skipped", "would need 40 GiB"),
    ]
    text = report.markdown(header("H4"), records, [])
    rows = rows_of(text, "One energy")
    assert rows["Qulacs, backprop"] == ["limit"]
    assert rows["scaluq, backprop"] == ["-"]
    assert "H4, Qulacs, backprop, threads 1: limit: not finished after 300 s" in text
    assert "skipped: would need 40 GiB" in text


def test_both_files_are_written_and_the_json_has_medians_but_not_gradients(tmp_path: Path) -> None:
    out = tmp_path / "new" / "chemistry.json"
    record = measured()
    chemistry.write(out, header("H4"), [record], [])
    data = json.loads(out.read_text())
    assert data["records"][0]["values"]["median_s"] == 0.002
    assert "gradient" not in data["records"][0]["values"]
    assert "hybridq, sector" in out.with_suffix(".md").read_text()
    assert record.values["gradient"] == [0.1, -0.2]


# What is started


def test_a_case_is_skipped_when_two_calls_would_pass_the_limit() -> None:
    earlier = [measured(molecule="H4", calls_s=[0.2]), measured(molecule="H8", calls_s=[4.0])]
    assert running.too_much(earlier, [10, 1000], 30_000, 300.0, 64 * GIB) == ""
    assert "240 s by the growth since H8" in running.too_much(earlier, [10, 1000], 30_000, 200.0, 64 * GIB)


def test_short_calls_predict_nothing() -> None:
    assert running.too_much([measured(calls_s=[0.05])], [1], 10**6, 10.0, 64 * GIB) == ""


def test_memory_that_grows_beyond_the_machine_is_not_tried() -> None:
    earlier = [measured(molecule="H4", peak_bytes=GIB), measured(molecule="H10", peak_bytes=3 * GIB)]
    assert running.too_much(earlier, [1, 100], 1000, 300.0, 32 * GIB) == ""
    assert "would need 21 GiB" in running.too_much(earlier, [1, 100], 1000, 300.0, 16 * GIB)


def test_what_follows_a_case_that_was_too_large_is_not_started_unless_it_is_smaller() -> None:
    stopped = Record("qulacs", "backprop", 1, "H10", "limit", "not finished")
    assert "H10 was already too large" in running.too_much([stopped], [100], 101, 300.0, GIB)
    assert running.too_much([stopped], [100], 99, 300.0, GIB) == ""


def test_work_counts_the_state_vector_of_each_kind_of_engine() -> None:
    problem = problems.make("H4")
    lengths = {s: peer_list.Engine("e", s).amplitudes(problem) for s in ("determinants", "electrons", "qubits")}
    assert lengths == {"determinants": 36, "electrons": 70, "qubits": 256}
    assert peer_list.Engine("e", "qubits").work(problem) == 256 * 26


def test_unknown_names_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"unknown peer 'qulax'; known: hybridq, .*qulacs"):
        peer_list.select("hybridq,qulax")
    with pytest.raises(ValueError, match="lightning has no engine 'gpu'; known: excitation"):
        peer_list.select("lightning:gpu")
    assert [e.name for _, e in peer_list.select("hybridq,lightning:fermionic")] == ["sector", "fermionic"]


def test_every_peer_has_a_worker_and_exact_versions() -> None:
    for peer in peer_list.PEERS:
        assert (running.ROOT / (peer.module.replace(".", "/") + ".py")).exists()
        if peer.name != "hybridq":
            lines = (environments.HERE / "requirements" / f"{peer.name}.txt").read_text().splitlines()
            pins = [line for line in lines if line and not line.startswith("#")]
            assert pins
            assert all("==" in pin for pin in pins)


# Workers


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--peers", "qulax"], "unknown peer 'qulax'; known: hybridq"),
        (["--molecules", "H4,H3"], "unknown molecule 'H3'; known: H4"),
        (["--threads", "two"], "invalid"),
    ],
)
def test_a_wrong_option_ends_the_command_with_what_is_known(
    option: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        chemistry.main(option)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_peer_whose_environment_cannot_be_made_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "chemistry.json"
    base = ["--molecules", "H4", "--threads", "1", "--repeats", "1", "--out", str(out), "--problems", str(tmp_path)]
    environments_before = environments.FOLDER
    environments.FOLDER = tmp_path / "venvs"
    try:
        code = chemistry.main([*base, "--peers", "hybridq,qulacs", "--python", "/no/such/python"])
        nothing = chemistry.main([*base, "--peers", "qulacs", "--python", "/no/such/python"])
    finally:
        environments.FOLDER = environments_before
    assert code == 0
    assert nothing == 1


def test_a_worker_beyond_its_limit_is_ended_and_recorded(problem_file: Path) -> None:
    peer, engine = peer_list.select("hybridq")[0]
    record = running.run(peer, engine, 1, problem_file, sys.executable, 0.05, [])
    assert (record.status, record.reason) == ("limit", "not finished after 0 s")


def test_a_worker_that_fails_is_recorded_with_its_last_word(tmp_path: Path) -> None:
    peer, engine = peer_list.select("hybridq")[0]
    record = running.run(peer, engine, 1, tmp_path / "missing.npz", sys.executable, 60.0, [])
    assert record.status == "failed"
    assert "FileNotFoundError" in record.reason


def test_a_worker_killed_by_a_signal_is_told_as_such() -> None:
    assert running.failure(-9, "") == "killed by SIGKILL (out of memory?)"


# The problem and hybridq's worker, against PySCF


@pytest.fixture(scope="module")
def problem_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return problems.write("H4", tmp_path_factory.mktemp("problems"))


def test_a_problem_file_brings_back_the_problem(tmp_path: Path) -> None:
    made = problems.make("H4")
    made.save(tmp_path / "H4.npz")
    loaded = Problem.load(tmp_path / "H4.npz")
    assert (loaded.name, loaded.description, loaded.n_electrons) == (made.name, made.description, 4)
    for name in ("one_body", "two_body", "sources", "targets", "row", "start"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(made, name))


@pytest.mark.parametrize(("name", "qubits", "parameters"), [("H4", 8, 26), ("LiH", 12, 92), ("N2-cc-pVDZ", 20, 875)])
def test_problems_have_all_singles_and_doubles(name: str, qubits: int, parameters: int) -> None:
    problem = problems.make(name)
    assert (problem.n_qubits, problem.n_parameters) == (qubits, parameters)
    assert len(set(problem.excitations())) == parameters
    for sources, targets in problem.excitations():
        assert sorted(p // problem.n_orbitals for p in sources) == sorted(p // problem.n_orbitals for p in targets)
        assert set(sources) <= set(problem.occupied)
        assert not set(targets) & set(problem.occupied)


@pytest.mark.parametrize("name", ["H4", "LiH", "N2"])
def test_excitations_come_in_the_order_of_hybridqs_own_circuit(name: str) -> None:
    from hybridq.chem.problem import Problem as HybridqProblem
    from hybridq.contract.generators import Excitation
    from hybridq_circuits.uccsd import uccsd

    problem = problems.make(name)
    n = problem.n_orbitals
    circuit = uccsd(
        HybridqProblem.from_integrals(problem.one_body, problem.two_body, problem.n_electrons, problem.constant),
        point_group=False,
    )
    own = []
    for factor in circuit.factors:
        g = factor.generator
        assert isinstance(g, Excitation)
        assert factor.scale == 1.0
        sources = (*g.alpha.annihilations, *(p + n for p in g.beta.annihilations))
        own.append((sources, (*g.alpha.creations, *(p + n for p in g.beta.creations))))
    assert own == problem.excitations()
    assert [f.parameter for f in circuit.factors] == list(range(problem.n_parameters))
    np.testing.assert_allclose(circuit.start, problem.start, atol=1e-6)  # the mean field is converged to 1e-8


def test_starting_amplitudes_give_pyscfs_second_order_energy() -> None:
    from pyscf import gto, mp, scf

    problem = problems.make("LiH")
    n = problem.n_orbitals
    energy = 0.0
    for t, (sources, targets) in zip(problem.start, problem.excitations(), strict=True):
        if len(sources) == 2:
            (i, j), (a, b) = ([p % n for p in ends] for ends in (sources, targets))
            same = (sources[0] < n) == (sources[1] < n)
            g = problem.two_body
            energy += t * (g[i, a, j, b] - (g[i, b, j, a] if same else 0.0))
    molecule = problems.MOLECULES["LiH"]
    mf = scf.RHF(gto.M(atom=molecule.atom, basis=molecule.basis, verbose=0)).run(conv_tol=1e-12)
    assert energy == pytest.approx(mp.MP2(mf).run().e_corr, abs=1e-9)


def dense(terms: list[jordan_wigner.PauliTerm], qubits: int) -> np.ndarray:
    paulis = {"X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1, -1])}
    total = np.zeros((2**qubits, 2**qubits), dtype=complex)
    for term in terms:
        matrix = np.ones((1, 1))
        letters = dict(zip(term.qubits, term.letters, strict=True))
        for q in range(qubits):  # qubit 0 is the last factor: the lowest bit of the index
            matrix = np.kron(paulis[letters[q]] if q in letters else np.eye(2), matrix)
        total += term.coefficient * matrix
    return total


@pytest.mark.parametrize("interleaved", [False, True])
def test_the_encoded_hamiltonian_has_pyscfs_lowest_energies(problem_file: Path, interleaved: bool) -> None:
    from pyscf import fci

    problem = Problem.load(problem_file)
    values = np.linalg.eigvalsh(dense(jordan_wigner.hamiltonian(problem, interleaved=interleaved), 8))
    lowest = min(
        fci.direct_spin1.kernel(
            problem.one_body, problem.two_body, 4, (a, b), ecore=problem.constant, nroots=1, verbose=0
        )[0]
        for a, b in itertools.product(range(1, 4), repeat=2)
    )
    assert values[0] == pytest.approx(lowest, abs=1e-9)


def pyscf_state(problem: Problem, row: np.ndarray) -> np.ndarray:
    """The product of exponentials on PySCF's determinants, by its own creation and annihilation operators."""
    import scipy.linalg
    from pyscf import fci

    n, half = problem.n_orbitals, problem.n_electrons // 2
    length = math.comb(n, half)
    state = np.zeros(length**2)
    state[0] = 1.0

    def excite(vector: np.ndarray, creations: tuple[int, ...], annihilations: tuple[int, ...]) -> np.ndarray:
        counts, vector = [half, half], vector.reshape(length, length)
        # a+_a a+_b a_j a_i, the rightmost first
        for p, create in [(p, False) for p in annihilations] + [(p, True) for p in reversed(creations)]:
            beta = p >= n
            verb = {(0, 0): "des_a", (0, 1): "des_b", (1, 0): "cre_a", (1, 1): "cre_b"}[int(create), int(beta)]
            vector = getattr(fci.addons, verb)(vector, n, tuple(counts), p % n)
            counts[beta] += 1 if create else -1
        return vector.ravel()

    for t, (sources, targets) in zip(row, problem.excitations(), strict=True):
        columns = np.eye(length**2)
        forward = np.stack([excite(c, targets, sources) for c in columns], axis=1)
        state = scipy.linalg.expm(t * (forward - forward.T)) @ state
    return state


def test_hybridqs_worker_agrees_with_pyscf_on_h4(problem_file: Path) -> None:
    from pyscf import fci

    problem = Problem.load(problem_file)
    n, electrons = problem.n_orbitals, problem.n_electrons
    matrix = fci.direct_spin1.absorb_h1e(problem.one_body, problem.two_body, n, electrons, 0.5)

    def energy(row: np.ndarray) -> float:
        state = pyscf_state(problem, row)
        length = math.comb(n, electrons // 2)
        product = fci.direct_spin1.contract_2e(matrix, state.reshape(length, length), n, electrons)
        return float(state @ np.asarray(product).ravel()) + problem.constant

    peer, engine = peer_list.select("hybridq")[0]
    record = running.run(peer, engine, 1, problem_file, sys.executable, 300.0, ["--repeats", "2"])
    assert record.reason == ""
    assert record.values["energy"] == pytest.approx(energy(problem.row), abs=1e-10)
    for k in (0, 5, 9, 25):  # alpha single, beta single, a same-spin double, an alpha-beta double
        step = np.zeros(problem.n_parameters)
        step[k] = 1e-4
        slope = (energy(problem.row + step) - energy(problem.row - step)) / 2e-4
        assert record.values["gradient"][k] == pytest.approx(slope, abs=1e-7)
    assert len(record.values["calls_s"]) >= 2
    assert record.values["wall_s"] > record.values["import_s"] > 0
    assert record.values["peak_bytes"] >= record.values["import_bytes"] > 0
