"""Backends, circuit families and operator pools by name, found through entry points and imported when asked for."""

from __future__ import annotations

import importlib.metadata
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hybridq.contract.backend import Backend
from hybridq.contract.circuit import FermionicCircuit
from hybridq.contract.errors import BackendError, InputError, unknown_name
from hybridq.contract.options import check_options, normal
from hybridq.contract.pool import PoolElement
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq.contract.task import Circuit

if TYPE_CHECKING:
    from hybridq.chem.problem import Problem
    from hybridq.qubits.problem import QubitProblem

BACKENDS = "hybridq.backends"
CIRCUITS = "hybridq.circuits"
POOLS = "hybridq.pools"


@dataclass(frozen=True, slots=True)
class Entry:
    """A name that an installed distribution offers.

    Attributes:
        name: what users write; "_", "-" and case make no difference.
        distribution: the distribution that offers it.
        version: that distribution's version.
        value: where the object is, ``module:attribute``.
        broken: why it cannot be imported; None where it can, or where that was not tried.
    """

    name: str
    distribution: str
    version: str
    value: str
    broken: str | None = None


@dataclass(frozen=True)
class Ansatz:
    """A circuit family with its options; `build` applies it to a problem.

    Attributes:
        name: the family, as registered.
        options: keyword arguments of the family.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def build(self, problem: Problem | QubitProblem) -> Circuit:
        """The family's circuit for `problem`; a family that gives a Qiskit circuit gives a `QubitCircuit`.

        Raises:
            InputError: an option is unknown or has a wrong type, or the family refuses the problem.
            BackendError: the family cannot be imported or returns something else than a circuit.
        """
        family = circuit_family(self.name)
        check_options(f"circuit family {self.name!r}", family, self.options, skip=1)
        return as_circuit(self.name, family, problem, self.options)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in self.options.items())})"


@dataclass(frozen=True)
class Pool:
    """An operator pool with its options; `build` applies it to a problem.

    Attributes:
        name: the pool, as registered.
        options: keyword arguments of the pool's function.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def build(self, problem: Problem) -> tuple[PoolElement, ...]:
        """The pool's elements for `problem`, in an order that is always the same.

        Raises:
            InputError: an option is unknown or has a wrong type, or the pool refuses the problem.
            BackendError: the pool cannot be imported or returns something else than elements.
        """
        function = pool_function(self.name)
        check_options(f"operator pool {self.name!r}", function, self.options, skip=1)
        elements = function(problem, **self.options)
        if not isinstance(elements, tuple) or not all(isinstance(element, PoolElement) for element in elements):
            raise BackendError(
                f"operator pool {self.name!r} returned a {type(elements).__name__}, not a tuple of PoolElement; "
                "report this to its author"
            )
        return elements

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in self.options.items())})"


def as_circuit(
    name: str, family: Callable[..., Any], problem: Problem | QubitProblem, options: Mapping[str, Any]
) -> Circuit:
    """What a family gives for a problem, as a circuit; see `Ansatz.build` for what it raises."""
    _check_problem(name, family, problem)
    circuit = family(problem, **options)
    if type(circuit).__name__ == "QuantumCircuit":
        circuit = QubitCircuit.of(circuit, name=name)
    if not isinstance(circuit, FermionicCircuit | QubitCircuit):
        raise BackendError(
            f"circuit family {name!r} returned a {type(circuit).__name__}, not a FermionicCircuit, a QubitCircuit or a "
            "QuantumCircuit; report this to its author"
        )
    return circuit


def _check_problem(name: str, family: Callable[..., Any], problem: object) -> None:
    """Refuse a kind of problem that the annotation of the family's first parameter does not name."""
    first = next(iter(inspect.signature(family).parameters.values()))
    takes = first.annotation if isinstance(first.annotation, str) else getattr(first.annotation, "__name__", "")
    kinds = [word.strip().rpartition(".")[2] for word in takes.split("|")]
    if first.annotation is not inspect.Parameter.empty and type(problem).__name__ not in kinds:
        known = {"Problem": "molecules (hybridq.Problem)", "QubitProblem": "observables (hybridq.QubitProblem)"}
        told = " and ".join(known[kind] for kind in kinds if kind in known) or takes
        raise InputError(f"circuit family {name!r} is for {told}, got a {type(problem).__name__}")


def backend_names(*, load: bool = False) -> list[Entry]:
    """All backends that installed distributions offer, sorted by name.

    Args:
        load: import each one, so that `Entry.broken` says which cannot be used and why.

    Raises:
        InputError: two distributions offer the same name.
    """
    return _names(BACKENDS, load)


def candidates(name: str, language: str | None = None) -> tuple[str, ...]:
    """The names under which "auto" considers a backend: itself, or its devices where it stands in front of several.

    Such a backend's class lists them in an attribute `variants`, as ``("statevector", "mps")``; "" stands for the bare
    name. A class may also list the languages that it takes in an attribute `speaks`: with a `language` that is not
    among them there are none, and the backend, whose library may take long to load, is not made. Nor are there where
    its attribute `automatic` is False, as for hardware, which is to be asked for by name.

    Raises:
        InputError: no such name, or two distributions offer it.
        BackendError: the backend cannot be imported.
    """
    entry = _find(BACKENDS, "backend", name)
    factory = _load(entry, "backend")
    if language is not None and language not in getattr(factory, "speaks", (language,)):
        return ()
    if not getattr(factory, "automatic", True):
        return ()
    variants = getattr(factory, "variants", ())
    return tuple(f"{entry.name}:{variant}" if variant else entry.name for variant in variants) or (entry.name,)


def by_device(name: str) -> str | None:
    """What a backend that is never chosen by itself says of itself, in one line; None for one that "auto" may choose.

    Such a backend is asked for with its device, "name:device", and may need credentials or another environment before
    it can be made.

    Raises:
        InputError: no such name, or two distributions offer it.
        BackendError: the backend cannot be imported.
    """
    factory = _load(_find(BACKENDS, "backend", name), "backend")
    if getattr(factory, "automatic", True):
        return None
    return (inspect.getdoc(factory) or "").partition("\n")[0]


def circuit_names(*, load: bool = False) -> list[Entry]:
    """All circuit families that installed distributions offer, sorted by name; as `backend_names`."""
    return _names(CIRCUITS, load)


def pool_names(*, load: bool = False) -> list[Entry]:
    """All operator pools that installed distributions offer, sorted by name; as `backend_names`."""
    return _names(POOLS, load)


def backend(name: str | Backend, **options: Any) -> Backend:
    """The backend of this name, made with `options`; a backend object is passed through.

    ``"name:text"`` hands the text after the colon to the backend as its first argument, for backends that stand
    in front of many devices.

    Raises:
        InputError: no such name, two distributions offer it, or an option is unknown or has a wrong type.
        BackendError: the backend cannot be imported.
    """
    if not isinstance(name, str):
        if isinstance(name, type) or not isinstance(name, Backend):
            raise InputError(
                f"a backend is asked for by name or given as an object with the five members of a Backend, got {name!r}"
            )
        if options:
            raise InputError(
                f"options {sorted(options)} came with a backend object that is made already; give them to its class"
            )
        return name
    short, colon, device = name.partition(":")
    entry = _find(BACKENDS, "backend", short)
    factory = _load(entry, "backend")
    device_arguments = (device,) if colon else ()
    check_options(f"backend {entry.name!r}", factory, options, skip=len(device_arguments))
    made = factory(*device_arguments, **options)
    if not isinstance(made, Backend):
        raise BackendError(
            f"backend {entry.name!r} of {entry.distribution} {entry.version} lacks members of a Backend "
            f"(name, capabilities, cost, submit, job): got a {type(made).__name__}; report this to its author"
        )
    return made


def circuit_family(name: str) -> Callable[..., Circuit]:
    """The function ``f(problem, **options)`` of a circuit family.

    Raises:
        InputError: no such name, or two distributions offer it.
        BackendError: the family cannot be imported.
    """
    family: Callable[..., Circuit] = _load(_find(CIRCUITS, "circuit family", name), "circuit family")
    return family


def ansatz(name: str, **options: Any) -> Ansatz:
    """A circuit family with options, checked now and built when there is a problem.

    Raises:
        InputError: no such family, or an option is unknown or has a wrong type; the message lists the known ones.
        BackendError: the family cannot be imported.
    """
    entry = _find(CIRCUITS, "circuit family", name)
    family = _load(entry, "circuit family")
    check_options(f"circuit family {entry.name!r}", family, options, skip=1)
    return Ansatz(entry.name, dict(options))


def pool_function(name: str) -> Callable[..., tuple[PoolElement, ...]]:
    """The function ``f(problem, **options)`` of an operator pool.

    Raises:
        InputError: no such name, or two distributions offer it.
        BackendError: the pool cannot be imported.
    """
    function: Callable[..., tuple[PoolElement, ...]] = _load(_find(POOLS, "operator pool", name), "operator pool")
    return function


def pool(name: str, **options: Any) -> Pool:
    """An operator pool with options, checked now and built when there is a problem.

    Raises:
        InputError: no such pool, or an option is unknown or has a wrong type; the message lists the known ones.
        BackendError: the pool cannot be imported.
    """
    entry = _find(POOLS, "operator pool", name)
    check_options(f"operator pool {entry.name!r}", _load(entry, "operator pool"), options, skip=1)
    return Pool(entry.name, dict(options))


def _entries(group: str) -> list[Entry]:
    entries = []
    for point in importlib.metadata.entry_points(group=group):
        dist = point.dist
        entries.append(
            Entry(
                point.name,
                dist.name if dist is not None else "an unnamed distribution",
                dist.version if dist is not None else "unknown",
                point.value,
            )
        )
    return sorted(entries, key=lambda e: (normal(e.name), e.distribution))


def _names(group: str, load: bool) -> list[Entry]:
    entries = _entries(group)
    for entry in entries:
        _refuse_duplicates(group, [e for e in entries if normal(e.name) == normal(entry.name)])
    return [_tried(entry) for entry in entries] if load else entries


def _tried(entry: Entry) -> Entry:
    try:
        _load(entry, "entry")
    except BackendError as error:
        return replace(entry, broken=str(error))
    return entry


def _find(group: str, kind: str, name: str) -> Entry:
    entries = _entries(group)
    found = [entry for entry in entries if normal(entry.name) == normal(name)]
    if not found:
        raise unknown_name(kind, name, {entry.name for entry in entries})
    _refuse_duplicates(group, found)
    return found[0]


def _refuse_duplicates(group: str, entries: list[Entry]) -> None:
    if len(entries) > 1:
        owners = " and ".join(f"{e.distribution} {e.version} ({e.value})" for e in entries)
        raise InputError(
            f"the name {entries[0].name!r} of {group} is offered by {owners}; uninstall one of these distributions"
        )


def _load(entry: Entry, kind: str) -> Any:
    try:
        return importlib.metadata.EntryPoint(entry.name, entry.value, "").load()
    except Exception as error:
        raise BackendError(
            f"{kind} {entry.name!r} of {entry.distribution} {entry.version} cannot be imported from {entry.value}: "
            f"{type(error).__name__}: {error}; reinstall or remove {entry.distribution}"
        ) from error
