"""Names from entry points: distributions are written to a folder on sys.path, as an installer would."""

from __future__ import annotations

import sys
import textwrap

import pytest

from hybridq.contract.errors import BackendError, InputError
from hybridq.registry import (
    Ansatz,
    Pool,
    ansatz,
    backend,
    backend_names,
    circuit_family,
    circuit_names,
    pool,
    pool_function,
    pool_names,
)

BACKEND = """
from hybridq.contract.backend import Capabilities, Cost, LocalBackend
from hybridq.contract.task import Result

class Toy(LocalBackend):
    def __init__(self, *, digits: int = 3, mode: "str | None" = None):
        super().__init__()
        self.digits = digits
    name = "toy"
    capabilities = Capabilities(4, frozenset({"energy"}))
    def cost(self, tasks):
        return Cost(0.0, 0)
    def run(self, task):
        raise NotImplementedError

def device(where: str, *, shots: int = 1):
    made = Toy()
    made.where = where
    return made

def not_a_backend():
    return 7
"""

FAMILY = """
from typing import Literal
from hybridq.contract.circuit import product
from hybridq.contract.generators import single

def chain(problem, *, length: int = 1, spin: Literal["alpha", "beta"] = "alpha", scale: float = 1.0):
    return product(problem, (1, 1), [single(0, 1, spin)] * length, name="chain")

def broken_family(problem):
    return "no circuit"
"""

POOL = """
from hybridq.contract.generators import single
from hybridq.contract.pool import PoolElement

def hops(problem, *, spin: str = "alpha", scale: float = 1.0):
    return tuple(PoolElement(((single(p, p + 1, spin), scale),)) for p in range(problem - 1))

def no_tuple(problem):
    return list(hops(problem))

def no_elements(problem):
    return tuple(e.terms for e in hops(problem))
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that writes a distribution with entry points, and one module, and puts it on sys.path."""
    count = iter(range(100))

    def write(distribution, module, source, **groups):
        folder = tmp_path / f"site{next(count)}"
        info = folder / f"{distribution.replace('-', '_')}-1.5.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
        lines = []
        for group, points in groups.items():
            lines += [f"[hybridq.{group}]", *(f"{name} = {value}" for name, value in points.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        (folder / f"{module}.py").write_text(textwrap.dedent(source))
        monkeypatch.syspath_prepend(str(folder))

    before = set(sys.modules)
    yield write
    for name in set(sys.modules) - before:
        if name.startswith("plug_"):
            del sys.modules[name]


def test_names_are_listed_with_their_distribution_and_nothing_is_imported(install):
    install("toy-plugin", "plug_toy", BACKEND, backends={"toy": "plug_toy:Toy"})
    entry = next(e for e in backend_names() if e.name == "toy")
    assert (entry.distribution, entry.version, entry.value) == ("toy-plugin", "1.5", "plug_toy:Toy")
    assert "plug_toy" not in sys.modules
    names = [e.name for e in backend_names()]
    assert "sector" in names
    assert {"uccsd", "uccgsd", "k-upccgsd", "pccd"} <= {e.name for e in circuit_names()}


@pytest.mark.parametrize("spelling", ["my-toy", "My_Toy", " MY-TOY "])
def test_spelling_of_names_is_forgiving(install, spelling):
    install("toy-plugin", "plug_toy", BACKEND, backends={"my_toy": "plug_toy:Toy"})
    assert backend(spelling, digits=5).digits == 5


def test_a_backend_object_passes_through_and_takes_no_options(install):
    install("toy-plugin", "plug_toy", BACKEND, backends={"toy": "plug_toy:Toy"})
    made = backend("toy")
    assert backend(made) is made
    with pytest.raises(InputError, match="made already"):
        backend(made, digits=1)
    for wrong in (3, type(made)):
        with pytest.raises(InputError, match="by name or given as an object"):
            backend(wrong)


def test_text_after_a_colon_is_the_first_argument(install):
    install("toy-plugin", "plug_toy", BACKEND, backends={"many": "plug_toy:device"})
    assert backend("many:gpu.fast").where == "gpu.fast"
    with pytest.raises(InputError, match="needs the option 'where'"):
        backend("many")
    with pytest.raises(InputError, match=r"no option 'where'"):
        backend("many:gpu", where="cpu")


def test_an_unknown_name_names_near_ones():
    with pytest.raises(InputError, match=r"unknown backend 'sectr'; did you mean 'sector'"):
        backend("sectr")
    with pytest.raises(InputError, match=r"unknown circuit family 'ucsd'; did you mean 'uccsd'"):
        circuit_family("ucsd")


def test_options_are_checked_by_name_and_type(install):
    install("toy-plugin", "plug_toy", BACKEND, backends={"toy": "plug_toy:Toy"})
    with pytest.raises(
        InputError, match=r"no option 'digit'; did you mean 'digits'\? Its options: digits=3, mode=None"
    ):
        backend("toy", digit=2)
    with pytest.raises(InputError, match=r"option 'digits' of backend 'toy' is '2' \(str\); it takes int"):
        backend("toy", digits="2")
    with pytest.raises(InputError, match="option 'digits'"):
        backend("toy", digits=True)
    with pytest.raises(InputError, match="option 'mode'"):
        backend("toy", mode=1.5)
    assert backend("toy", mode="fast").digits == 3


def test_one_name_from_two_distributions_is_refused_where_it_is_asked_for(install):
    install("first-plugin", "plug_first", BACKEND, backends={"toy": "plug_first:Toy", "mine": "plug_first:Toy"})
    install("second-plugin", "plug_second", BACKEND, backends={"TOY": "plug_second:Toy"})
    for ask in (backend_names, lambda: backend("toy")):
        with pytest.raises(InputError, match=r"first-plugin 1\.5.*second-plugin 1\.5"):
            ask()
    assert backend("mine").name == "toy"


def test_a_plugin_that_cannot_be_imported_is_named_and_the_others_go_on(install):
    install("bad-plugin", "plug_bad", "import a_package_that_is_not_there\n", backends={"bad": "plug_bad:Bad"})
    install("worse-plugin", "plug_worse", "raise ValueError('no licence')\n", backends={"worse": "plug_worse:Bad"})
    install("toy-plugin", "plug_toy", BACKEND, backends={"toy": "plug_toy:Toy", "gone": "plug_toy:Missing"})
    listed = {e.name: e for e in backend_names(load=True)}
    assert listed["toy"].broken is None
    assert "a_package_that_is_not_there" in listed["bad"].broken
    assert "no licence" in listed["worse"].broken
    assert "Missing" in listed["gone"].broken
    assert all(e.broken is None for e in backend_names())
    with pytest.raises(BackendError, match=r"bad-plugin 1\.5 cannot be imported.*ModuleNotFoundError") as caught:
        backend("bad")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert backend("toy").name == "toy"


def test_a_factory_that_makes_no_backend_is_an_error_that_names_its_distribution(install):
    install("toy-plugin", "plug_toy", BACKEND, backends={"seven": "plug_toy:not_a_backend"})
    with pytest.raises(BackendError, match=r"toy-plugin 1\.5 lacks members"):
        backend("seven")


def test_an_ansatz_checks_its_options_early_and_builds_later(install):
    install("family-plugin", "plug_family", FAMILY, circuits={"chain": "plug_family:chain"})
    made = ansatz("Chain", length=2, spin="beta", scale=2)
    assert made == Ansatz("chain", {"length": 2, "spin": "beta", "scale": 2})
    assert hash(made) == hash(ansatz("chain"))
    assert str(made) == "chain(length=2, spin='beta', scale=2)"
    circuit = made.build(3)
    assert circuit.n_parameters == 2
    with pytest.raises(InputError, match=r"no option 'lenght'; did you mean 'length'"):
        ansatz("chain", lenght=2)
    with pytest.raises(InputError, match=r"option 'spin'.*Literal\['alpha', 'beta'\]"):
        ansatz("chain", spin="up")
    with pytest.raises(InputError, match="no option 'problem'"):
        ansatz("chain", problem=3)
    with pytest.raises(InputError, match="no option 'size'"):
        Ansatz("chain", {"size": 1}).build(3)


def test_a_family_that_returns_no_circuit_is_an_error(install):
    install("family-plugin", "plug_family", FAMILY, circuits={"odd": "plug_family:broken_family"})
    with pytest.raises(BackendError, match=r"'odd' returned a str"):
        ansatz("odd").build(3)


def test_a_pool_checks_its_options_early_and_builds_later(install):
    install("pool-plugin", "plug_pool", POOL, pools={"my-hops": "plug_pool:hops"})
    assert "plug_pool" not in sys.modules
    made = pool("My_Hops", spin="beta")
    assert made == Pool("my-hops", {"spin": "beta"})
    assert hash(made) == hash(pool("my-hops"))
    assert str(made) == "my-hops(spin='beta')"
    assert [str(element) for element in made.build(3)] == ["0b -> 1b", "1b -> 2b"]
    with pytest.raises(InputError, match=r"operator pool 'my-hops' has no option 'spi'; did you mean 'spin'"):
        pool("my-hops", spi="beta")
    with pytest.raises(InputError, match=r"option 'scale' of operator pool"):
        Pool("my-hops", {"scale": "1"}).build(3)


@pytest.mark.parametrize(("function", "kind"), [("no_tuple", "list"), ("no_elements", "tuple")])
def test_a_pool_that_returns_no_elements_is_an_error(install, function, kind):
    install("pool-plugin", "plug_pool", POOL, pools={"odd": f"plug_pool:{function}"})
    with pytest.raises(BackendError, match=f"operator pool 'odd' returned a {kind}, not a tuple of PoolElement"):
        pool("odd").build(3)


def test_pools_that_are_unknown_broken_or_offered_twice_are_named(install):
    install("pool-plugin", "plug_pool", POOL, pools={"hops": "plug_pool:hops"})
    install("bad-plugin", "plug_bad", "raise ValueError('no licence')\n", pools={"bad": "plug_bad:pool"})
    with pytest.raises(InputError, match="unknown operator pool 'hop'; did you mean 'hops'"):
        pool("hop")
    with pytest.raises(BackendError, match=r"operator pool 'bad' of bad-plugin 1\.5 cannot be imported.*no licence"):
        pool_function("bad")
    listed = {e.name: e for e in pool_names(load=True)}
    assert "no licence" in listed["bad"].broken
    assert listed["hops"].broken is None
    assert {"sd", "gsd", "spin-adapted", "qubit-excitations", "paired"} <= set(listed)
    install("other-plugin", "plug_other", POOL, pools={"HOPS": "plug_other:hops"})
    with pytest.raises(InputError, match=r"other-plugin 1\.5.*pool-plugin 1\.5"):
        pool("hops")
