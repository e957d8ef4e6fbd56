"""`hybridq plan`, `backends`, `circuits`, `--help` and `--version`."""

from __future__ import annotations

import inspect
import math

import pytest

import hybridq as hq
from hybridq.registry import circuit_family, pool_function

H2 = ("H 0 0 0; H 0 0 0.74", "--basis", "sto-3g")
BROKEN = "[hybridq.backends]\nwreck = no_such_module_anywhere:Backend\n"


@pytest.mark.parametrize("arguments", [("plan", *H2), ("vqe", *H2, "--plan")])
def test_a_plan_names_the_choice_and_runs_nothing(command, arguments, tmp_path):
    done = command(*arguments)
    assert done.code == 0
    assert "-> sector" in done.out
    assert "converged" not in done.out
    plan = command(*arguments, "--json").json()
    assert plan["chosen"] == "sector"
    assert plan["n_qubits"] == 4
    by_name = {candidate["name"]: candidate for candidate in plan["candidates"]}
    assert by_name["sector"]["cost"]["bytes"] > 0
    assert by_name["sector"]["refused"] is None


def test_a_plan_with_run_leaves_no_folder(command, tmp_path):
    assert command("vqe", *H2, "--plan", "--run", str(tmp_path / "run")).code == 0
    assert not (tmp_path / "run").exists()


def test_a_plan_is_for_energies_where_the_optimizer_wants_no_gradient(command):
    assert "one gradient" in command("plan", *H2).out
    assert "one energy" in command("plan", *H2, "--optimizer", "cobyla").out
    assert "one energy" in command("plan", *H2, "--shots", "100").out


def test_a_plan_that_no_backend_can_do_shows_why_and_fails(command, monkeypatch):
    monkeypatch.setenv("HYBRIDQ_MEMORY", "1MiB")
    done = command("plan", "N 0 0 0; N 0 0 1.1", "--basis", "cc-pvdz", "--active-electrons", "10", "--json")
    assert done.code == 2
    assert done.err.count("\n") == 1
    plan = done.json()
    assert plan["chosen"] is None
    assert all("would fit" in c["refused"] or c["name"] != "sector" for c in plan["candidates"])


def test_backends_are_listed_with_what_they_claim(command):
    found = {one["name"]: one for one in command("backends", "--json").json()["backends"]}
    claims = hq.backend("sector").capabilities
    assert found["sector"]["drivers"] == sorted(claims.drivers)
    assert found["sector"]["max_qubits"] == claims.max_qubits
    assert found["sector"]["placement"] == "each"
    assert found["sector"]["distribution"] == "hybridq-sdk"
    text = command("backends").out
    assert "FermionicCircuit" in text
    assert "exact" in text


def test_hardware_is_listed_without_being_made(command):
    found = {one["name"]: one for one in command("backends", "--json").json()["backends"]}
    assert found["sector"]["by_device"] is None
    for name in ("ibm", "ionq", "braket", "host"):
        assert found[name]["broken"] is None
        assert found[name]["by_device"].startswith("Energies and counts of")
    assert "ibm:DEVICE" in command("backends").out


def test_a_broken_backend_is_listed_with_the_reason_beside_the_others(command, distribution):
    distribution("wreckers", "1.2", BROKEN)
    done = command("backends", "--json")
    found = {one["name"]: one for one in done.json()["backends"]}
    assert done.code == 0
    assert "no_such_module_anywhere" in found["wreck"]["broken"]
    assert (found["wreck"]["distribution"], found["wreck"]["version"]) == ("wreckers", "1.2")
    assert found["sector"]["broken"] is None
    assert "broken: " in command("backends").out


def test_two_distributions_with_one_name_are_an_error_that_names_both(command, distribution):
    distribution("wreckers", "1.2", BROKEN)
    distribution("more-wreckers", "3.4", BROKEN)
    done = command("backends")
    assert done.code == 2
    assert "wreckers 1.2" in done.err
    assert "more-wreckers 3.4" in done.err
    assert done.err.count("\n") == 1


def test_circuits_are_listed_with_the_options_of_their_functions(command):
    found = {one["name"]: one for one in command("circuits", "--json").json()["circuits"]}
    assert set(found) == {entry.name for entry in hq.circuit_names()}
    for name, one in found.items():
        parameters = list(inspect.signature(circuit_family(name)).parameters.values())[1:]
        assert [option["name"] for option in one["options"]] == [p.name for p in parameters]
        assert one["about"] == inspect.getdoc(circuit_family(name)).splitlines()[0]
    text = command("circuits").out
    assert "uccsd" in text
    assert "amplitudes: Literal['mp2', 'zero', 'ccsd'] = 'mp2'" in text


def test_pools_are_listed_after_the_families_with_their_options(command, distribution):
    distribution("wreckers", "1.2", "[hybridq.pools]\nwreck = no_such_module_anywhere:pool\n")
    done = command("circuits", "--json")
    found = {one["name"]: one for one in done.json()["pools"]}
    assert done.code == 0
    assert {"sd", "gsd", "spin-adapted", "qubit-excitations", "paired"} <= set(found)
    assert "no_such_module_anywhere" in found.pop("wreck")["broken"]
    for name, one in found.items():
        parameters = list(inspect.signature(pool_function(name)).parameters.values())[1:]
        assert [option["name"] for option in one["options"]] == [p.name for p in parameters]
        assert one["about"] == inspect.getdoc(pool_function(name)).splitlines()[0]
    families, _, pools = command("circuits").out.partition("operator pools\n")
    assert "uccsd" in families
    assert "generalized: bool = True" in pools
    assert "broken: " in pools


def test_help_and_version_are_on_stdout(command):
    assert command("--version").out == f"hybridq {hq.__version__}\n"
    for name in ("vqe", "plan", "backends", "circuits", "doctor"):
        assert name in command("--help").out
        assert command(name, "--help").code == 0


def test_options_are_read_as_python_values():
    from hybridq.cli.options import key_value

    assert key_value("a=3") == ("a", 3)
    assert key_value("some-name=1e-3") == ("some_name", 1e-3)
    assert key_value("a=true") == ("a", True)
    assert key_value("a=False") == ("a", False)
    assert key_value("a=none") == ("a", None)
    assert key_value("a=[1, 2]") == ("a", [1, 2])
    assert key_value("a=x=y") == ("a", "x=y")
    assert key_value("a=mp2") == ("a", "mp2")
    assert math.isinf(key_value("a=1e999")[1])
