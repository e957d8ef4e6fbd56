"""Looking at runs that go on, that ended and that were killed: what is told is what the records say."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from durable import Remote

import hybridq as hq
from hybridq.contract.errors import InputError, JournalMismatch
from hybridq.journal import RunFolder
from hybridq.journal.owner import OWNER
from hybridq.journal.reader import JOURNAL
from hybridq.journal.record import SCHEMA_VERSION, encode
from hybridq.loops.inspection import plot_run, table

H4 = "; ".join(f"H 0 0 {0.9 * k:.1f}" for k in range(4))

# What `stop` waits keeps the run going for as long as the test looks at it.
SLOW = """
import sys, time
import hybridq as hq
problem = hq.Problem.from_xyz(sys.argv[2], basis="sto-3g")
wait = lambda: time.sleep(0.02)
options = {"optimizer": "COBYLA", "optimizer_options": {"tol": 1e-14}, "progress": False}
hq.VQE(problem, "uccsd", run=sys.argv[1], stop=wait, **options).run()
"""


@pytest.fixture(scope="module")
def problem():
    return hq.Problem.from_xyz(H4, basis="sto-3g")


@pytest.fixture(scope="module")
def environment():
    launchers = ("OMPI_", "PMI", "PALS_", "SLURM_", "PJM_", "HYBRIDQ_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(launchers)}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def kept(folder, kind):
    """The whole records of one kind, read without hybridq."""
    lines = (folder / JOURNAL).read_bytes().split(b"\n")[:-1]
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def evaluated(folder, kind="evaluation"):
    return len(kept(folder, kind)) if (folder / JOURNAL).exists() else 0


def content(folder):
    """All that a reader could have changed."""
    paths = [folder, *sorted(folder.rglob("*"))]
    return [(p, p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else None) for p in paths]


@pytest.fixture(scope="module")
def story(tmp_path_factory, environment):
    """A run in two lives, looked at while it went on: the first was ended by SIGTERM, the second by SIGKILL."""
    place = tmp_path_factory.mktemp("story")
    run = place / "h4.run"
    seen = SimpleNamespace(run=run, looks=[], pids=[], journals=[])
    for number, by in ((signal.SIGTERM, "stopped"), (signal.SIGKILL, "killed")):
        before = evaluated(run)
        with subprocess.Popen(
            [sys.executable, "-c", SLOW, str(run), H4], stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            deadline = time.monotonic() + 60
            while evaluated(run) < before + 10 or evaluated(run, "step") == 0:
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            looks = []
            while len(looks) < 40:
                least = evaluated(run)
                looks.append((least, hq.status(run), evaluated(run)))
            assert process.poll() is None
            seen.figure = plot_run(run, place / "running.png")
            seen.export = table(run, "evaluations")
            process.send_signal(number)
            process.communicate(timeout=60)
        seen.looks.append(looks)
        seen.pids.append(process.pid)
        seen.__dict__[by] = place / by
        seen.__dict__[f"{by}_code"] = process.returncode
        shutil.copytree(run, place / by)
    return seen


@pytest.fixture
def killed(story, tmp_path):
    return shutil.copytree(story.killed, tmp_path / "killed")


@pytest.fixture(scope="module")
def finished(problem, tmp_path_factory):
    """A run that was cut off by its limit, and the same taken to its end; with the results."""
    run = tmp_path_factory.mktemp("finished") / "h4.run"
    cut = hq.VQE(problem, "uccsd", run=run, max_evaluations=5, progress=False).run()
    shutil.copytree(run, run.with_name("cut"))
    whole = hq.VQE(problem, "uccsd", run=run, progress=False).run()
    return SimpleNamespace(run=run, result=whole, cut=run.with_name("cut"), cut_result=cut)


def test_a_run_that_goes_on_names_its_process_and_never_goes_back(story):
    for looks, pid in zip(story.looks, story.pids, strict=True):
        for least, run, most in looks:
            assert (run.state, run.certain, run.go_on, run.owner["pid"]) == ("running", True, None, pid)
            assert least <= run.evaluations <= most
            assert run.lives[-1].end is None
        counts = [run.evaluations for _, run, _ in looks]
        assert counts == sorted(counts)
    assert f"running, by process {story.pids[0]} on" in str(story.looks[0][-1][1])


def test_a_run_that_goes_on_can_be_exported_and_plotted(story):
    assert len(story.export.rows) >= 20  # ten in each life
    assert [row[0] for row in story.export.rows] == list(range(len(story.export.rows)))
    drawn = story.figure.axes[0].lines[0].get_ydata()
    steps = [record["energy"] for record in kept(story.killed, "step")]
    assert len(drawn) >= 1
    assert list(drawn) == steps[: len(drawn)]


def test_a_run_that_was_told_to_stop_says_so_and_how_to_go_on(story):
    assert story.stopped_code == 75
    run = hq.status(story.stopped)
    assert (run.state, run.reason, run.converged, run.owner) == ("stopped", "stopped by SIGTERM", False, None)
    assert shlex.split(run.go_on) == ["hybridq", "resume", str(story.stopped)]
    assert [life.end for life in run.lives] == ["stopped by SIGTERM"]


def test_a_run_that_was_killed_is_told_from_one_that_was_stopped(story):
    assert story.killed_code == -signal.SIGKILL
    assert (story.killed / OWNER).exists()
    run = hq.status(story.killed)
    assert (run.state, run.certain, run.owner) == ("killed", True, None)
    assert [life.end for life in run.lives] == ["stopped by SIGTERM", "killed"]
    assert [life.ranks for life in run.lives] == [1, 1]
    assert sum(life.evaluations for life in run.lives) == run.evaluations == evaluated(story.killed)
    assert "killed: its process ended without a word" in str(run)


def test_the_command_that_is_told_goes_on_with_the_run(killed, environment):
    run = hq.status(killed)
    program, *arguments = shlex.split(run.go_on)
    assert program == "hybridq"
    limit = run.evaluations + 5
    done = subprocess.run(
        [sys.executable, "-m", "hybridq", *arguments, "--max-evaluations", str(limit), "--json"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["evaluations"], told["replayed"]) == (limit, run.evaluations)
    after = hq.status(killed)
    assert (after.state, after.evaluations, len(after.lives)) == ("stopped", limit, 3)
    assert after.left["evaluations"] == 0
    assert after.go_on == f"hybridq resume {killed} --max-evaluations {2 * limit}"


def test_numbers_are_those_of_the_result(finished):
    run, result = hq.status(finished.run), finished.result
    assert (run.state, run.converged, run.reason, run.go_on) == ("finished", True, result.reason, None)
    assert (run.best_energy, run.energy) == (result.energy, result.history.energies[-1])
    assert (run.evaluations, run.steps) == (result.evaluations, result.iterations)
    assert run.gradient == result.history.gradients[-1]
    assert (run.molecule, run.circuit, run.n_parameters) == (result.molecule, result.ansatz, result.n_parameters)
    assert (run.backend, run.optimizer, run.version) == (result.backend, result.optimizer, hq.__version__)
    assert run.references == result.references
    assert run.seconds == pytest.approx(sum(r["seconds"] for r in kept(finished.run, "evaluation")), abs=1e-9)
    assert run.batches == {"gradient": len(kept(finished.run, "evaluation"))}
    assert run.folder_bytes == sum(p.stat().st_size for p in finished.run.rglob("*"))
    assert json.loads(json.dumps(run.to_dict(), allow_nan=False))["lives"][0]["evaluations"] == 5


def test_a_run_cut_off_by_its_limit_needs_a_larger_one(finished):
    run = hq.status(finished.cut)
    assert (run.state, run.reason) == ("stopped", finished.cut_result.reason)
    assert (run.limits["evaluations"], run.left["evaluations"], run.evaluations) == (5, 0, 5)
    assert run.go_on.endswith(" --max-evaluations 10")
    assert run.best_energy == finished.cut_result.energy


def test_a_run_that_used_up_its_iterations_can_have_more(problem, tmp_path):
    hq.VQE(problem, "uccsd", run=tmp_path / "run", max_iterations=2, progress=False).run()
    run = hq.status(tmp_path / "run")
    assert (run.state, run.converged, run.steps, run.left["iterations"]) == ("finished", False, 2, 0)
    assert run.go_on.endswith(" --max-iterations 4")
    hq.resume(tmp_path / "run", max_iterations=4, progress=False).run()
    assert hq.status(tmp_path / "run").steps == 4


def test_a_run_of_an_object_or_of_another_version_is_not_told_to_resume(problem, tmp_path, monkeypatch):
    class Own(type(hq.backend("sector"))):
        name = "my-own"

    hq.VQE(problem, "uccsd", backend=Own(), run=tmp_path / "run", max_evaluations=3, progress=False).run()
    assert hq.status(tmp_path / "run").go_on == "run its own command or script again (no backend 'my-own' is installed)"
    monkeypatch.setattr(hq, "__version__", "99.0")
    assert "needs hybridq 0" in hq.status(tmp_path / "run").go_on


def test_an_error_of_the_backend_is_the_reason(problem, tmp_path):
    class Failing(type(hq.backend("sector"))):
        name = "failing"
        left = 4

        def run(self, task):
            self.left -= 1
            if self.left < 0:
                raise hq.BackendError("the cooling failed")
            return super().run(task)

    with pytest.raises(hq.BackendError):
        hq.VQE(problem, "uccsd", backend=Failing(), run=tmp_path / "run", progress=False).run()
    run = hq.status(tmp_path / "run")
    assert (run.state, run.reason) == ("stopped", "failed: BackendError: the cooling failed")


def test_looking_changes_nothing_in_the_folder(story, finished):
    for folder in (story.killed, story.stopped, finished.run):
        before = content(folder)
        str(hq.status(folder))
        for what in ("steps", "evaluations", "parameters", "growths"):
            table(folder, what).to_csv()
        plot_run(folder)
        assert content(folder) == before


def test_a_record_cut_at_any_byte_is_left_out_and_nothing_else_changes(killed):
    journal = killed / JOURNAL
    data = journal.read_bytes()
    last = data.rstrip(b"\n").rfind(b"\n") + 1
    journal.write_bytes(data[:last])
    whole = hq.status(killed)
    assert whole.torn == 0
    for cut in range(last + 1, len(data)):
        journal.write_bytes(data[:cut])
        run = hq.status(killed)
        assert (run.torn, run.state, run.evaluations) == (cut - last, "killed", whole.evaluations)
        assert (run.best_energy, run.steps, run.lives) == (whole.best_energy, whole.steps, whole.lives)
    assert f"its last {len(data) - 1 - last} bytes are a record that was cut short" in str(run)


def test_a_record_that_is_being_written_is_no_damage(tmp_path):
    with RunFolder(tmp_path / "run", {"loop": "vqe"}) as folder:
        folder.append({"kind": "start"})
        with open(tmp_path / "run" / JOURNAL, "ab") as file:
            file.write(b'{"kind":"evaluation","n":0')
        run = hq.status(tmp_path / "run")
        assert (run.state, run.owner["pid"], run.torn, run.evaluations) == ("running", os.getpid(), 26, 0)
        assert "is being written" in str(run)
    assert hq.status(tmp_path / "run").state == "killed"


def test_a_changed_byte_is_refused_with_its_place(killed):
    journal = killed / JOURNAL
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 4
    journal.write_bytes(data)
    for look in (hq.status, table, plot_run):
        with pytest.raises(InputError, match=r"damaged: record \d+ \(byte \d+\)"):
            look(killed)


def test_a_run_of_a_newer_hybridq_is_refused(tmp_path):
    line, _ = encode({"kind": "spec", "schema_version": SCHEMA_VERSION + 1, "spec": {"loop": "vqe"}}, 0)
    (tmp_path / JOURNAL).write_bytes(line)
    with pytest.raises(JournalMismatch, match="install a newer hybridq"):
        hq.status(tmp_path)


def test_what_is_no_run_is_refused(tmp_path, finished):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="no such folder"):
        hq.status(tmp_path / "nowhere")
    with pytest.raises(InputError, match="it is a file"):
        hq.status(tmp_path / "file")
    with pytest.raises(InputError, match=r"journal\.jsonl is missing"):
        hq.status(tmp_path)
    (tmp_path / JOURNAL).write_bytes(b"")
    with pytest.raises(InputError, match="died before its first record"):
        hq.status(tmp_path)
    assert hq.status(finished.run / JOURNAL) == hq.status(finished.run)


def test_a_run_whose_first_record_is_on_its_way_is_just_beginning(tmp_path):
    with RunFolder(tmp_path / "run", {"loop": "vqe"}):
        for beginning in (lambda p: p.write_bytes(b""), lambda p: p.unlink()):
            beginning(tmp_path / "run" / JOURNAL)
            with pytest.raises(InputError, match="just beginning"):
                hq.status(tmp_path / "run")


@pytest.mark.parametrize(("age", "state"), [(5, "running"), (500, "killed")])
def test_an_owner_elsewhere_leaves_a_doubt(killed, age, state):
    owner = json.loads((killed / OWNER).read_text())
    (killed / OWNER).write_text(json.dumps({**owner, "host": "node0815"}))
    os.utime(killed / OWNER, (time.time() - age, time.time() - age))
    run = hq.status(killed)
    assert (run.state, run.certain, run.owner["host"]) == (state, False, "node0815")
    assert run.owner["renewed"] == pytest.approx(age, abs=5)
    assert f"perhaps {state}" in str(run)
    assert "node0815" in str(run)


def test_records_of_unknown_kinds_and_without_their_fields_are_no_trouble(tmp_path):
    with RunFolder(tmp_path / "run", {"loop": "dream", "optimizer": None}) as folder:
        for record in ({}, {"rows": [[0.0]]}, {"rows": [[1.0], [2.0]], "energies": [-1.0, None], "n": 7}):
            folder.append({"kind": "evaluation", **record})
        for kind in ("start", "step", "growth", "point", "job", "whatever", "end"):
            folder.append({"kind": kind})
    run = hq.status(tmp_path / "run")
    assert (run.loop, run.state, run.best_energy, run.evaluations) == ("dream", "stopped", -1.0, 2)
    assert "dream" in str(run)
    for what in ("steps", "evaluations", "parameters", "growths"):
        found = table(tmp_path / "run", what)
        assert len(list(csv.reader(io.StringIO(found.to_csv())))) == len(found.rows) + 1


def test_a_job_whose_result_is_not_recorded_is_pending(problem, tmp_path):
    remote = Remote(tmp_path / "jobs", pause=1.0)
    settings = {"backend": remote, "run": tmp_path / "run", "progress": False}
    with pytest.raises(hq.Interrupted):
        hq.VQE(problem, "uccsd", stop=lambda: "enough" if remote.submitted == 2 else None, **settings).run()
    run = hq.status(tmp_path / "run")
    (job,) = run.pending
    assert (tmp_path / "jobs" / job.id).is_dir()
    assert (run.evaluations, job.evaluation) == (1, 1)
    assert f"job {job.id} of evaluation 1" in str(run)
    hq.VQE(problem, "uccsd", max_evaluations=2, **settings).run()
    assert (hq.status(tmp_path / "run").pending, remote.submitted) == ((), 2)


def test_steps_are_exported_with_all_bits(finished):
    rows = list(csv.DictReader(io.StringIO(table(finished.run).to_csv())))
    history = finished.result.history
    assert [int(row["number"]) for row in rows] == list(range(1, finished.result.iterations + 1))
    assert tuple(float(row["energy"]) for row in rows) == history.energies
    assert tuple(float(row["gradient"]) for row in rows) == history.gradients
    assert tuple(int(row["evaluations"]) for row in rows) == history.evaluations
    again = json.loads(table(finished.run).to_json())["rows"]
    assert [row["energy"] for row in again] == list(history.energies)


def test_parameters_are_exported_with_all_bits(finished, problem):
    found = table(finished.run, "parameters")
    best = min(found.rows, key=lambda row: row[3])
    assert np.array_equal(best[6:], finished.result.parameters)
    rows = list(csv.reader(io.StringIO(found.to_csv())))
    assert rows[0] == list(found.columns)
    parameters = np.array([[float(cell) for cell in row[6:]] for row in rows[1:]])
    circuit = hq.ansatz("uccsd").build(problem)
    task = hq.Task(circuit, parameters, problem.hamiltonian, "energy")
    energies = hq.backend("sector").submit([task]).result()[0].value
    assert np.abs(energies - [float(row[3]) for row in rows[1:]]).max() < 1e-10
    assert [row[:6] for row in found.rows] == list(table(finished.run, "evaluations").rows)


def test_the_plot_shows_the_steps_and_the_known_references(story, finished, tmp_path):
    figure = plot_run(finished.run, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert list(figure.axes[0].lines[0].get_ydata()) == list(finished.result.history.energies)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["VQE", "HF", "CCSD", "CASCI"]
    with pytest.raises(InputError, match="cannot write the plot"):
        plot_run(finished.run, tmp_path / "no" / "where.png")


def test_a_run_without_a_step_has_nothing_to_plot(tmp_path):
    with RunFolder(tmp_path / "run", {"loop": "vqe"}):
        pass
    with pytest.raises(InputError, match="no step yet"):
        plot_run(tmp_path / "run")


def test_a_growing_circuit_tells_its_growths(problem, tmp_path):
    from hybridq.loops.adapt import ADAPT

    result = ADAPT(problem, max_operators=2, run=tmp_path / "run", progress=False).run()
    run = hq.status(tmp_path / "run")
    assert [(g.operators, g.energy, g.n_parameters) for g in run.growths] == [
        (g.labels, g.energy, g.n_parameters) for g in result.growths
    ]
    assert (run.loop, run.circuit, run.evaluations) == ("adapt", "spin-adapted", result.evaluations)
    assert (run.left["operators"], run.batches["pool"], run.n_parameters) == (0, 3, 2)
    exported = table(tmp_path / "run", "growths")
    assert [row[1] for row in exported.rows] == [g.energy for g in result.growths]
    longest = len(table(tmp_path / "run", "parameters").columns)
    assert all(len(row) == longest for row in table(tmp_path / "run", "parameters").rows)
    plot_run(tmp_path / "run", tmp_path / "plot.svg")


def test_a_scan_tells_its_points_done_or_not(tmp_path):
    from hybridq.loops.scan import scan

    values = [0.6, 0.7, 0.8, 0.9]
    folder = tmp_path / "run"
    result = scan(lambda r: hq.Problem.from_xyz(f"H 0 0 0; H 0 0 {r}", "sto-3g"), values, run=folder)
    run = hq.status(folder)
    assert [(p.value, p.state, p.energy) for p in run.points] == [
        (value, "done", energy) for value, energy in zip(values, result.energies, strict=True)
    ]
    assert (run.state, run.best_energy) == ("finished", result.energies.min())
    assert run.evaluations == result.evaluations.sum()
    exported = list(csv.DictReader(io.StringIO(table(folder).to_csv())))
    assert [float(row["energy"]) for row in exported] == list(result.energies)
    plot_run(folder, tmp_path / "curve.png")
    with pytest.raises(InputError, match="has no steps"):
        table(folder, "steps")

    # What a kill leaves where two points are done, one was begun and one was not.
    data = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(data[: data.index(b'{"kind":"point"')])
    for name in ("scan.json", "points/0002/point.json", "points/0002/result.json"):
        (folder / name).unlink()
    begun = folder / "points" / "0002" / JOURNAL
    begun.write_bytes(begun.read_bytes()[: begun.read_bytes().index(b'{"kind":"end"')])
    shutil.rmtree(folder / "points" / "0003")
    run = hq.status(folder)
    assert [p.state for p in run.points] == ["done", "done", "killed", "waiting"]
    assert (run.state, run.points[2].energy, run.points[3].energy) == ("killed", result.energies[2], None)
    assert "2 of 4" in str(run)
    assert list(plot_run(folder).axes[0].lines[-1].get_xdata()) == values[:2]
    assert run.circuit == "uccsd"  # told by the journal: there is no result yet
    assert run.go_on == f"hybridq resume {folder}"
    (folder / "problems" / "0003.json").unlink()
    assert "not all of its problems were made" in hq.status(folder).go_on


def test_a_scan_whose_points_were_cut_off_is_told_to_go_on_with_a_larger_limit(tmp_path):
    from hybridq.loops.scan import scan
    from hybridq.loops.scan_resume import resume_scan

    def h4(r):
        return hq.Problem.from_xyz("; ".join(f"H 0 0 {k * r}" for k in range(4)), "sto-3g")

    cut = scan(h4, [0.9, 1.0], run=tmp_path / "run", max_evaluations=4)
    run = hq.status(tmp_path / "run")
    assert (run.state, run.converged) == ("stopped", False)
    assert run.go_on == f"hybridq resume {tmp_path / 'run'} --max-evaluations 8"
    assert not cut.converged
    assert resume_scan(tmp_path / "run", max_evaluations=80).converged
    assert hq.status(tmp_path / "run").state == "finished"


def test_a_scan_that_fails_says_why(tmp_path):
    from hybridq.loops.scan import scan

    def one_is_wrong(r):
        return hq.Problem.from_xyz(f"H 0 0 0; H 0 0 {0.01 if r > 0.75 else r}", "sto-3g")

    with pytest.raises(InputError, match=r"at r = 0\.8: atoms"):
        scan(one_is_wrong, [0.7, 0.8], run=tmp_path / "run")
    run = hq.status(tmp_path / "run")
    assert (run.state, run.circuit) == ("stopped", "uccsd")
    assert run.reason.startswith("failed: InputError: at r = 0.8")
