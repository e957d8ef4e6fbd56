"""Plan: every installed backend, what it predicts for the work, and why one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hybridq.contract.backend import Backend, Capabilities, Cost
from hybridq.contract.errors import CapacityError, HybridqError, InputError
from hybridq.contract.memory import shown
from hybridq.contract.task import Task
from hybridq.derive import derivable, gradient_task, speaking
from hybridq.registry import backend, backend_names, candidates


@dataclass(frozen=True)
class Candidate:
    """A backend and what it says of the work.

    Attributes:
        name: its name.
        cost: its prediction; None where it is refused.
        refused: why it cannot do the work; None where it can.
        too_large: True where it is refused for its size alone.
        derived: True where the core derives the gradient from its energies.
        lowered: True where the core lowers a fermionic circuit for it; "auto" then takes it only where no backend
            knows fermions, since lowering itself takes time and such simulators are far slower.
    """

    name: str
    cost: Cost | None = None
    refused: str | None = None
    too_large: bool = False
    derived: bool = False
    lowered: bool = False


@dataclass(frozen=True)
class Plan:
    """Candidates for one evaluation, cheapest first, the refused at the end.

    Attributes:
        what: the evaluation, in words.
        candidates: all that are installed.
        chosen: the name that "auto" takes, None where none can do it.
    """

    what: str
    candidates: tuple[Candidate, ...]
    chosen: str | None

    def __str__(self) -> str:
        lines = [f"plan for {self.what}"]
        for c in self.candidates:
            mark = "->" if c.name == self.chosen else "  "
            if c.cost is None:
                lines.append(f"{mark} {c.name:<22} refused: {c.refused}")
                continue
            extra = f", {c.cost.shots:,} shots" if c.cost.shots else ""
            extra += f", {c.cost.circuits:,} circuits" if c.cost.circuits else ""
            extra += f", {c.cost.qpu_seconds:,.3g} s of QPU" if c.cost.qpu_seconds else ""
            extra += f", ${c.cost.dollars:,.2f}" if c.cost.dollars else ""
            extra += ", gradient from energies" if c.derived else ""
            extra += ", lowered to qubits" if c.lowered else ""
            lines.append(f"{mark} {c.name:<22} {_seconds(c.cost.seconds)}, {shown(c.cost.bytes)}{extra}")
        return "\n".join(lines)


def _seconds(value: float) -> str:
    if value < 1e-3:
        return f"{value * 1e6:.0f} us"
    return f"{value * 1e3:.1f} ms" if value < 1 else f"{value:,.1f} s"


def lacks(capabilities: Capabilities, task: Task) -> str | None:
    """Why a backend with these capabilities cannot do a task; None where it may."""
    language = type(task.circuit).__name__
    if language not in capabilities.languages:
        return f"it takes {', '.join(sorted(capabilities.languages))}, not {language}"
    if task.circuit.n_qubits > capabilities.max_qubits:
        return f"it takes {capabilities.max_qubits} qubits, and the circuit has {task.circuit.n_qubits}"
    if task.driver not in derivable(capabilities):
        return f"it offers {', '.join(sorted(capabilities.drivers))}, and {task.driver} does not follow from that"
    if not capabilities.exact and task.precision is None and task.shots is None:
        return "its values carry noise; ask for a precision or for shots"
    return None


def consider(made: Backend, task: Task, name: str | None = None) -> Candidate:
    """What one backend says of a task; `name` where it is asked for by another than its own."""
    spoken = speaking(made, task.circuit)
    lowered, made = spoken is not made, spoken
    missing = lacks(made.capabilities, task)
    if missing is not None:
        return Candidate(name or made.name, refused=missing)
    derived = task.driver == "gradient" and "gradient" not in made.capabilities.drivers
    try:
        cost = made.cost([gradient_task(task) if derived else task])
    except CapacityError as error:
        return Candidate(name or made.name, refused=str(error), too_large=True)
    except (HybridqError, ImportError) as error:
        return Candidate(name or made.name, refused=str(error))
    return Candidate(name or made.name, cost, derived=derived, lowered=lowered)


def plan(task: Task, names: Sequence[str] | None = None) -> Plan:
    """Ask every installed backend, or the named ones, about a task; runs nothing."""
    found = _asked(task, names)
    return _plan(task, found)


def plan_on(made: Backend, task: Task) -> Plan:
    """The same for one backend that is made already."""
    return _plan(task, [consider(made, task)])


def choose(task: Task) -> str:
    """The name of the cheapest installed backend that can do a task.

    Backends that know the circuit's language are asked first, and the others only where none of these can.

    Raises:
        InputError, CapacityError: none can; the message says what each lacked.
    """
    found = _asked(task, None, natives=True)
    if not any(candidate.cost for candidate in found):
        found = _asked(task, None)
    made = _plan(task, found)
    if made.chosen is not None:
        return made.chosen
    reasons = "; ".join(f"{c.name}: {c.refused}" for c in made.candidates)
    text = f"no installed backend can do this: {reasons or 'none is installed'}"
    raise CapacityError(text) if any(c.too_large for c in made.candidates) else InputError(text)


def _plan(task: Task, found: list[Candidate]) -> Plan:
    found.sort(key=lambda c: (c.cost is None, c.lowered, *_price(c), c.name))
    chosen = found[0].name if found and found[0].cost is not None else None
    circuit = task.circuit
    what = f"one {task.driver} of {circuit.name} ({circuit.n_qubits} qubits, {circuit.n_parameters} parameters)"
    return Plan(what, tuple(found), chosen)


def _price(candidate: Candidate) -> tuple[float, float]:
    return (candidate.cost.dollars, candidate.cost.seconds) if candidate.cost else (0.0, 0.0)


def _asked(task: Task, names: Sequence[str] | None, *, natives: bool = False) -> list[Candidate]:
    """What each backend says; with `natives` those that know the circuit's language."""
    found: list[Candidate] = []
    language = type(task.circuit).__name__
    for entry in names if names is not None else [entry.name for entry in backend_names()]:
        try:
            for name in [entry] if names is not None else candidates(entry, language if natives else None):
                made = backend(name)
                if not natives or language in made.capabilities.languages:
                    found.append(consider(made, task, name))
        except (HybridqError, ImportError) as error:
            found.append(Candidate(entry, refused=str(error)))
        except Exception as error:  # a stranger's plugin may fail in any way; the others go on
            found.append(Candidate(entry, refused=f"it failed with {type(error).__name__}: {error}"))
    return found
