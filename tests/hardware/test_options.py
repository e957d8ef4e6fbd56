"""The options that a backend tells are those it can be made with again: what `hybridq resume` does."""

from __future__ import annotations

import json

import pytest

import hybridq as hq

pytest.importorskip("qiskit_aer")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("qiskit:aer", {"seed": 3, "grouping": "commuting", "tries": 2}),
        ("aer:ibm_manila", {"mitigation": "readout=unbiased,zne=linear,factors=1/3", "optimization_level": 1}),
        ("braket:default", {"allocation": "adaptive"}),
    ],
)
def test_a_backend_can_be_made_again_from_its_options(name, options):
    pytest.importorskip(
        "qiskit_ibm_runtime" if "ibm" in name else "qiskit_braket_provider" if "br" in name else "qiskit"
    )
    made = hq.backend(name, **options)
    told = json.loads(json.dumps(dict(made.options)))
    assert {key: told[key] for key in options} == options
    assert hq.backend(name, **told).options == made.options


def test_a_run_on_a_rehearsal_is_resumed_from_its_folder_alone(tmp_path):
    pytest.importorskip("qiskit_ibm_runtime")
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 0.74", "sto-3g")
    words = {"shots": 400, "optimizer_options": {"iterations": 3, "calibration": 1}, "progress": False}
    backend = hq.backend("aer:ibm_manila", grouping="commuting", mitigation="readout")
    whole = hq.VQE(problem, backend=backend, **words).run()
    cut = hq.VQE(problem, backend=backend, run=tmp_path / "run", max_evaluations=5, **words).run()
    assert cut.evaluations < whole.evaluations
    result = hq.resume(tmp_path / "run", max_evaluations=100, progress=False).run()
    assert result.energy == whole.energy
