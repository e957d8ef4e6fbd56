"""A scan on all ranks: the bits of one rank alone, whoever works on what, and errors that reach all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hybridq as hq
from hybridq.comm import Comm, world

VALUES = [0.8, 0.9, 1.0, 1.1, 1.2, 1.4]


@pytest.fixture(scope="module")
def problems():
    """One set for all ranks: Hartree-Fock run twice may differ in the last digits."""
    return world().once(
        lambda: [hq.Problem.from_xyz("; ".join(f"H 0 0 {k * r}" for k in range(4)), "sto-3g") for r in VALUES]
    )


@pytest.fixture(scope="module")
def alone(problems):
    """What one rank finds, without the others."""
    return world().once(lambda: hq.scan(problems, VALUES, comm=Comm(), backend="sector").to_dict()["points"])


def points(curve):
    """All but the times."""
    return [{key: value for key, value in p.items() if key != "seconds"} for p in curve]


def shared(name, tmp_path):
    return Path(world().agree(str(tmp_path))) / name


def test_every_rank_gets_the_bits_of_one_rank_alone(problems, alone):
    curve = hq.scan(problems, VALUES, backend="sector")
    assert points(curve.to_dict()["points"]) == points(alone)
    assert curve.provenance["ranks"] == world().size
    assert [p.digest for p in curve.problems] == world().agree([p.digest for p in curve.problems])


@pytest.mark.parametrize("ranks_per_group", [2, 3])
def test_groups_of_ranks_get_the_same_bits(problems, alone, ranks_per_group):
    if ranks_per_group > world().size:
        with pytest.raises(hq.InputError, match=f"ranks_per_group={ranks_per_group}"):
            hq.scan(problems, VALUES, ranks_per_group=ranks_per_group)
        return
    curve = hq.scan(problems, VALUES, backend="sector", ranks_per_group=ranks_per_group)
    assert points(curve.to_dict()["points"]) == points(alone)


def test_a_life_on_one_rank_goes_on_with_what_many_began_and_the_other_way(problems, alone, tmp_path):
    for name, first, second in (("many", None, Comm()), ("one", Comm(), None)):
        place = shared(name, tmp_path)
        for comm, limit in ((first, 4), (second, None)):
            options = {"backend": "sector", "run": place, "start": "cold"}
            if comm is None:
                curve = hq.scan(problems, VALUES, max_evaluations=limit, **options)
            elif world().is_root:
                curve = hq.scan(problems, VALUES, max_evaluations=limit, comm=comm, **options)
            world().barrier()
        energies = world().agree(curve.energies)
        assert np.allclose(energies, [p["energy"] for p in alone], atol=1e-6)
        assert world().agree(curve.converged)
    once = [p.read_bytes() for p in sorted((shared("many", tmp_path) / "points").glob("*/circuit.json"))]
    assert len(once) == len(VALUES)


def test_problems_are_made_once_each_and_shared(tmp_path):
    place = shared("asked", tmp_path)
    world().once(place.mkdir)

    def make(r):
        with open(place / f"{r:g}", "a") as file:
            file.write(f"{world().rank}\n")
        return hq.Problem.from_xyz(f"H 0 0 0; H 0 0 {r}", "sto-3g")

    curve = hq.scan(make, VALUES)
    asked = world().once(lambda: {p.name: p.read_text().split() for p in place.iterdir()})
    assert sorted(map(float, asked)) == VALUES
    assert all(len(ranks) == 1 for ranks in asked.values())
    assert len({ranks[0] for ranks in asked.values()}) <= world().size
    assert curve.energies.tolist() == world().agree(curve.energies.tolist())


def test_a_problem_that_cannot_be_made_is_named_on_all_ranks():
    def make(r):
        return hq.Problem.from_xyz(f"H 0 0 0; H 0 0 {r}", "sto-3g")

    with pytest.raises(hq.InputError, match=r"at r = 0.01: atoms 0"):
        hq.scan(make, [0.7, 0.8, 0.9, 0.01])
    assert len(hq.scan(make, [0.7, 0.8]).points) == 2


def test_a_caller_that_stops_one_rank_stops_all(problems, tmp_path):
    place = shared("stopped", tmp_path)
    with pytest.raises(hq.Interrupted, match="enough") as stop:
        hq.scan(problems, VALUES, run=place, stop=lambda: "enough" if (place / "points" / "0003").exists() else None)
    assert stop.value.code == 75
    done = stop.value.result
    assert done is None or len(done.points) < len(VALUES)
    assert world().agree(None if done is None else done.energies.tolist()) == (
        None if done is None else done.energies.tolist()
    )
    again = hq.scan(problems, VALUES, run=place)
    assert again.converged
