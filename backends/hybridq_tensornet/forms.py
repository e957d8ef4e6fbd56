"""Forms: which contractions give an energy, and which is predicted to be the fastest."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import CapacityError, unknown_name
from hybridq.contract.paulis import PauliSum, bits
from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq_tensornet.mpo import mpo
from hybridq_tensornet.network import Network, expectation_network, state_network
from hybridq_tensornet.tree import Work, quick

FormName = Literal["operator", "cones", "state", "mps"]
FORMS: tuple[FormName, ...] = ("operator", "cones", "state")
MOST_CONES = 256  # classes of strings beyond which planning each would take longer than it can save
MAKING = 5e-5  # seconds for each gate, to make a network and a tree for it
WORTH = 100  # energies that it may take as long as to make a form
WIDEST_STATE = 30
REAL = 0.3  # time of a product of real numbers over one of complex numbers


@dataclass(frozen=True)
class Rates:
    """Seconds of single operations on this host, one thread.

    Attributes:
        call: an evaluation.
        leaf: the values of a leaf.
        step: a pair of tensors.
        product: a multiplication and addition of complex numbers.
        backward: an evaluation with gradient over one without.
        string: an amplitude and Pauli string.
        flip: an amplitude and group of strings that flip the same qubits.
    """

    call: float = 15e-6
    leaf: float = 0.15e-6
    step: float = 0.25e-6
    product: float = 0.9e-9
    backward: float = 3.2
    string: float = 0.25e-9
    flip: float = 2.5e-9


@dataclass(frozen=True, eq=False)
class Form:
    """Contractions that add up to ``<H>``.

    Attributes:
        name: "operator": all strings as one matrix product operator; "cones": a contraction for each set of qubits
            that strings act on in the same way, without the gates that it does not see; "state": the state vector;
            "mps": a matrix product state of which nothing is cut off, for energies only.
        constant: the identity's coefficient.
        parts: for each network the strings that it is for.
    """

    name: FormName
    constant: float
    parts: tuple[tuple[Network, PauliSum], ...]


def seconds(rates: Rates, network: Network, work: Work, n_slices: int = 1, *, gradient: bool) -> float:
    """Of one evaluation of a network by a tree of this work."""
    product = rates.product * (REAL if network.real else 1.0)
    once = n_slices * (rates.call + rates.step * work.steps + product * work.products)
    return rates.leaf * network.n_leaves + once * (rates.backward if gradient else 1.0)


def apply_seconds(rates: Rates, observable: PauliSum) -> float:
    """Of an observable applied to a state vector."""
    flips = len(np.unique(observable.x, axis=0))
    return float(2.0**observable.n_qubits * (rates.string * observable.n_terms + rates.flip * flips))


def form_seconds(form: Form, rates: Rates, *, gradient: bool) -> float:
    """Of one evaluation with the trees of `quick`."""
    total = 0.0
    for network, strings in form.parts:
        total += seconds(rates, network, quick(network).work, gradient=gradient)
        if form.name == "state":
            total += apply_seconds(rates, strings)
    return total


def forms(circuit: QubitCircuit, observable: PauliSum, rates: Rates, only: str | None = None) -> list[Form]:
    """The forms that are worth considering, or the one named `only`.

    Where an energy by the operator is fast, forms that take longer to make than a hundred energies are left out.

    Raises:
        InputError: no such form.
        CapacityError: the named one is not for this size.
    """
    if only is not None and only not in FORMS:
        raise unknown_name("form of an energy", only, FORMS)
    constant, rest = without_identity(observable)
    if rest is None:
        return [Form("operator", constant, ())]
    n, making = circuit.n_qubits, MAKING * len(circuit.gates)
    # A gate on a state vector goes over all amplitudes once.
    best = inf if n > WIDEST_STATE else len(circuit.gates) * 2.0**n * rates.product + apply_seconds(rates, rest)
    found: list[Form] = []
    if only == "operator" or (only is None and making < WORTH * best):
        found.append(Form("operator", constant, _parts(circuit, [rest])))
        best = min(best, form_seconds(found[0], rates, gradient=False))
    if only in (None, "cones"):
        classes, of = _classes(rest)
        if only is not None or (1 < len(classes) <= MOST_CONES and making * len(classes) < WORTH * best):
            sums = [subset(rest, np.flatnonzero(of == k)) for k in range(len(classes))]
            found.append(Form("cones", constant, _parts(circuit, [s for s in sums if s is not None])))
    if only in (None, "state") and n <= WIDEST_STATE and (only or not found or 2.0**n * rates.product < best):
        found.append(Form("state", constant, ((state_network(circuit), rest),)))
    if not found:
        raise CapacityError(
            f"the form {only!r} is for at most {WIDEST_STATE} qubits, the circuit has {circuit.n_qubits}; leave form "
            "out"
        )
    return found


def without_identity(observable: PauliSum) -> tuple[float, PauliSum | None]:
    """The identity's coefficient, and the other strings; None where there are none."""
    trivial = np.logical_not(observable.x.any(axis=1) | observable.z.any(axis=1))
    return float(observable.coefficients[trivial].sum()), subset(observable, np.flatnonzero(~trivial))


def subset(observable: PauliSum, rows: NDArray[np.intp]) -> PauliSum | None:
    """Some of the strings; None where there are none."""
    if not len(rows):
        return None
    return PauliSum(observable.n_qubits, observable.x[rows], observable.z[rows], observable.coefficients[rows])


def _parts(circuit: QubitCircuit, sums: list[PauliSum]) -> tuple[tuple[Network, PauliSum], ...]:
    return tuple((expectation_network(circuit, mpo(strings)), strings) for strings in sums)


def _classes(observable: PauliSum) -> tuple[NDArray[np.int8], NDArray[np.intp]]:
    """How strings act on each qubit (0 not, 1 diagonally, 2 otherwise), each way once, and which string is in which.

    Strings of one class see the same gates.
    """
    n = observable.n_qubits
    x, z = bits(observable.x, n), bits(observable.z, n)
    classes, of = np.unique(np.where(x, 2, z.astype(np.int8)).astype(np.int8), axis=0, return_inverse=True)
    return classes, of.ravel()
