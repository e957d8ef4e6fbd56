"""A run is taken up from its folder alone, and refused with a reason where it cannot be."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

import hybridq as hq
from hybridq.journal import record
from hybridq.loops.optimizers import NAMES
from hybridq.loops.resume import is_finished, open_run


@cache
def chain(n: int) -> hq.Problem:
    return hq.Problem.from_xyz("; ".join(f"H 0 0 {i}" for i in range(n)), "sto-3g")


def cut_and_whole(tmp_path, limit=9, **options):
    whole = hq.VQE(chain(4), run=tmp_path / "whole", **options).run()
    hq.VQE(chain(4), run=tmp_path / "cut", max_evaluations=limit, **options).run()
    return whole


def evaluations(folder):
    return [{k: v for k, v in r.items() if k != "seconds"} for r in open_run(folder).of_kind("evaluation")]


@pytest.mark.parametrize("name", ["L-BFGS-B", "BFGS", "SLSQP", "COBYLA", "Nelder-Mead", "Powell", "SPSA"])
def test_a_run_cut_short_is_gone_on_with_to_the_same_bits(tmp_path, name):
    options = {"iterations": 20, "calibration": 3} if name == "SPSA" else {}
    limit = {} if name == "SPSA" else {"max_iterations": 25}
    whole = cut_and_whole(tmp_path, optimizer=name, optimizer_options=options, **limit)
    assert not is_finished(open_run(tmp_path / "cut"))
    loop = hq.resume(tmp_path / "cut", max_evaluations=10**6)
    again = loop.run()
    assert again.replayed > 0
    assert (again.energy, again.reason) == (whole.energy, whole.reason)
    assert np.array_equal(again.parameters, whole.parameters)
    assert evaluations(tmp_path / "cut") == evaluations(tmp_path / "whole")
    assert is_finished(open_run(tmp_path / "cut"))
    assert name in NAMES


def test_circuit_options_seed_and_start_come_from_the_folder(tmp_path):
    circuit = hq.ansatz("k-upccgsd", k=2, seed=3).build(chain(4))
    start = 0.01 * np.arange(circuit.n_parameters)
    setting = {"initial": start, "gradient_tolerance": 1e-3, "energy_tolerance": 1e-7, "seed": 11}
    whole = hq.VQE(chain(4), circuit, run=tmp_path / "whole", **setting).run()
    hq.VQE(chain(4), circuit, run=tmp_path / "cut", max_evaluations=4, **setting).run()
    loop = hq.resume(tmp_path / "cut", max_evaluations=1000)
    assert loop.circuit == circuit
    assert loop.circuit.name == circuit.name
    assert loop.run().energy == whole.energy


def test_limits_of_the_last_life_are_kept_unless_new_ones_are_given(tmp_path):
    first = hq.VQE(chain(4), run=tmp_path / "run", max_iterations=3).run()
    assert (first.iterations, first.converged) == (3, False)
    same = hq.resume(tmp_path / "run").run()
    assert (same.iterations, same.energy) == (3, first.energy)
    more = hq.resume(tmp_path / "run", max_iterations=1000).run()
    assert more.converged
    assert more.energy == hq.VQE(chain(4)).run().energy


def test_a_journal_of_a_newer_schema_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("hybridq.journal.folder.SCHEMA_VERSION", 99)
    hq.VQE(chain(2), run=tmp_path / "run").run()
    with pytest.raises(hq.JournalMismatch, match="schema version 99, and this hybridq reads up to"):
        hq.resume(tmp_path / "run")


def test_nothing_to_resume_is_said(tmp_path):
    with pytest.raises(hq.InputError, match="there is no run at"):
        hq.resume(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "journal.jsonl").write_bytes(b'{"kind":"spec"')
    with pytest.raises(hq.InputError, match="died before its first record"):
        hq.resume(tmp_path / "empty")


@pytest.mark.parametrize("name", ["problem.json", "circuit.json"])
def test_a_missing_or_foreign_file_of_the_folder_is_named(tmp_path, name):
    hq.VQE(chain(4), run=tmp_path / "run", max_evaluations=3).run()
    hq.VQE(chain(2), run=tmp_path / "other").run()
    text = (tmp_path / "run" / name).read_text()
    (tmp_path / "run" / name).write_text((tmp_path / "other" / name).read_text())
    with pytest.raises(hq.InputError, match="is not what its journal was made with"):
        hq.resume(tmp_path / "run")
    (tmp_path / "run" / name).write_text(text[: len(text) // 2])
    with pytest.raises(hq.InputError, match="is damaged"):
        hq.resume(tmp_path / "run")
    (tmp_path / "run" / name).unlink()
    with pytest.raises(hq.InputError, match=f"lacks a file of its run: No such file.*{name}"):
        hq.resume(tmp_path / "run")


def test_a_run_of_another_version_is_refused_and_can_be_started_from(tmp_path, monkeypatch):
    first = hq.VQE(chain(4), run=tmp_path / "old", max_evaluations=6).run()
    monkeypatch.setattr("hybridq.__version__", "7.0.0")
    with pytest.raises(hq.JournalMismatch, match=r"made by hybridq \S+ and this is 7.0.0.*--start-from"):
        hq.resume(tmp_path / "old")
    with pytest.raises(hq.JournalMismatch, match="hybridq is '7.0.0' now and was"):
        hq.VQE(chain(4), run=tmp_path / "old").run()
    warm = hq.VQE(chain(4), initial=tmp_path / "old", run=tmp_path / "new")
    assert np.array_equal(warm.start, first.parameters)
    assert warm.run().converged


def test_a_warm_start_needs_the_same_circuit(tmp_path):
    hq.VQE(chain(4), run=tmp_path / "old", max_evaluations=6).run()
    with pytest.raises(hq.InputError, match="has another circuit"):
        hq.VQE(chain(4), "pccd", initial=str(tmp_path / "old"))
    with pytest.raises(hq.InputError, match="there is no run at"):
        hq.VQE(chain(4), initial=tmp_path / "nowhere")


class Mine(hq.LocalBackend):
    name = "mine"

    def __init__(self):
        super().__init__()
        self.inner = hq.backend("sector")

    @property
    def capabilities(self):
        return self.inner.capabilities

    def cost(self, tasks):
        return self.inner.cost(tasks)

    def run(self, task):
        return self.inner.submit([task]).result()[0]


def test_a_backend_object_of_a_script_cannot_be_made_again_from_the_folder(tmp_path):
    hq.VQE(chain(4), backend=Mine(), run=tmp_path / "run", max_evaluations=3).run()
    with pytest.raises(hq.InputError, match="cannot be gone on with from the folder alone: unknown backend 'mine'"):
        hq.resume(tmp_path / "run")


def test_what_is_evaluated_is_written_once_and_what_is_replayed_not_again(tmp_path):
    hq.VQE(chain(4), run=tmp_path / "run", max_evaluations=5).run()
    hq.resume(tmp_path / "run", max_evaluations=1000).run()
    journal = open_run(tmp_path / "run")
    assert [r["n"] for r in journal.of_kind("evaluation")] == list(range(len(journal.of_kind("evaluation"))))
    assert [r["number"] for r in journal.of_kind("step")] == list(range(1, len(journal.of_kind("step")) + 1))
    assert len(journal.of_kind("start")) == 2


def test_the_journal_is_text_that_anyone_can_read(tmp_path):
    hq.VQE(chain(2), run=tmp_path / "run").run()
    lines = (tmp_path / "run" / "journal.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds[:2] == ["spec", "start"]
    assert kinds[-1] == "end"
    assert json.loads(lines[0])["schema_version"] == record.SCHEMA_VERSION
