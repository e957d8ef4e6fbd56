"""Networks: which tensors share which modes, for the value of an observable, for states and for amplitudes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.qubit_circuit import QubitCircuit
from hybridq_tensornet.lightcone import Kind, light_cone
from hybridq_tensornet.mpo import Mpo
from hybridq_tensornet.structure import Structure, structure

Modes = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Network:
    """Tensors to be contracted to one.

    The tensors are, in this order: the leaves of the circuit's state (ket), where `doubled` their complex conjugates
    (bra), and constants.

    Attributes:
        structure: the leaves.
        inputs: modes of each tensor, C order.
        output: modes that stay.
        sizes: of each mode.
        constants: the tensors that do not depend on angles.
        doubled: whether the bra is there.
        places: for each tensor the qubit that it lies on, for orders of contraction.
        remembered: what was computed from it.
    """

    structure: Structure
    inputs: tuple[Modes, ...]
    output: Modes
    sizes: dict[int, int]
    constants: tuple[NDArray[np.complex128], ...]
    doubled: bool
    places: tuple[int, ...]
    remembered: dict[str, object] = field(default_factory=dict)

    @property
    def n_leaves(self) -> int:
        """Tensors of the ket."""
        return len(self.structure.leaves)

    @cached_property
    def real(self) -> bool:
        """Whether all tensors are real at all angles."""
        elements = (element for leaf in self.structure.leaves for element in leaf.elements)
        return not any(element.parts.imag.any() for element in elements) and not any(
            np.imag(constant).any() for constant in self.constants
        )

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return 8 if self.real else 16

    @cached_property
    def digest(self) -> str:
        """SHA-256 of modes and sizes: what a plan depends on."""
        text = repr((self.inputs, self.output, sorted(self.sizes.items())))
        return hashlib.sha256(text.encode()).hexdigest()


def expectation_network(circuit: QubitCircuit, operator: Mpo) -> Network:
    """``<psi|O|psi>`` without the gates that cancel; see `light_cone`."""
    n = circuit.n_qubits
    gates, _ = light_cone(circuit.gates, operator.kinds)
    state = structure(n, circuit.n_angles, gates, [kind == "full" for kind in operator.kinds])
    shared = {mode for mode, kind in zip(state.ends, operator.kinds, strict=True) if kind != "full"} - {None}
    n_modes = state.n_modes
    bra = {mode: mode if mode in shared else n_modes + mode for mode in range(n_modes)}
    ket_inputs = [leaf.modes for leaf in state.leaves]
    bra_inputs = [tuple(bra[mode] for mode in modes) for modes in ket_inputs]
    sizes = dict.fromkeys(range(2 * n_modes), 2)
    inputs, constants, places = _operator(operator, state.ends, bra, 2 * n_modes, sizes)
    every = tuple(ket_inputs + bra_inputs + inputs)
    used = {mode for modes in every for mode in modes}
    return Network(
        structure=state,
        inputs=every,
        output=(),
        sizes={mode: sizes[mode] for mode in sorted(used)},
        constants=tuple(constants),
        doubled=True,
        places=state.places + state.places + tuple(places),
    )


def state_network(circuit: QubitCircuit, fixed: Sequence[int] | None = None) -> Network:
    """The amplitudes of a circuit's state.

    Args:
        circuit: the circuit.
        fixed: for each qubit the bit that it is found in, or -1 where its mode stays open; None leaves all open. Fixed
            ones become constants, vectors that may be changed; qubits on which no gate acts are left out.

    The output is the open qubits' modes, the highest qubit first, so that qubit 0 is the lowest bit of an index.
    """
    state = structure(circuit.n_qubits, circuit.n_angles, circuit.gates)
    inputs = [leaf.modes for leaf in state.leaves]
    constants: list[NDArray[np.complex128]] = []
    places = list(state.places)
    output: list[int] = []
    for q in reversed(range(circuit.n_qubits)):
        mode = state.ends[q]
        if mode is None:
            continue
        if fixed is None or fixed[q] < 0:
            output.append(mode)
            continue
        inputs.append((mode,))
        constants.append(np.eye(2, dtype=complex)[fixed[q]])
        places.append(q)
    if not inputs:  # no gate acts at all
        inputs.append(())
        constants.append(np.array(1.0 + 0.0j))
        places.append(0)
    sizes = dict.fromkeys(range(state.n_modes), 2)
    used = {mode for modes in inputs for mode in modes}
    kept = {mode: sizes[mode] for mode in sorted(used)}
    return Network(state, tuple(inputs), tuple(output), kept, tuple(constants), False, tuple(places))


def marginal_network(circuit: QubitCircuit, fixed: Sequence[int], opened: Sequence[int]) -> Network:
    """Probabilities of the bits of `opened`, together with those that the qubits of `fixed` are found in.

    The constants are a vector of two for each of `fixed` on which gates act, in that order: (1, 0) for bit 0. The
    output is the modes of `opened`, in that order, without those on which no gate acts. Gates that only other qubits
    see are left out.
    """
    n = circuit.n_qubits
    kinds: list[Kind] = ["none"] * n
    for q in (*fixed, *opened):
        kinds[q] = "diagonal"
    gates, _ = light_cone(circuit.gates, kinds)
    state = structure(n, circuit.n_angles, gates, [False] * n)
    shared = set(state.ends) - {None}
    n_modes = state.n_modes
    ket_inputs = [leaf.modes for leaf in state.leaves]
    bra_inputs = [tuple(m if m in shared else n_modes + m for m in modes) for modes in ket_inputs]
    found = [(q, mode) for q in fixed if (mode := state.ends[q]) is not None]
    every = (*ket_inputs, *bra_inputs, *((mode,) for _, mode in found))
    output = tuple(mode for q in opened if (mode := state.ends[q]) is not None)
    constants: list[NDArray[np.complex128]] = [np.array([1.0 + 0j, 0.0]) for _ in found]
    places = (*state.places, *state.places, *(q for q, _ in found))
    if not every:
        every, constants, places = ((),), [np.array(1.0 + 0.0j)], (0,)
    sizes = {mode: 2 for modes in every for mode in modes}
    return Network(state, every, output, dict(sorted(sizes.items())), tuple(constants), True, places)


def _operator(
    operator: Mpo, ends: Sequence[int | None], bra: dict[int, int], first: int, sizes: dict[int, int]
) -> tuple[list[Modes], list[NDArray[np.complex128]], list[int]]:
    """The operator's tensors on the circuit's last modes; its own modes are numbered from `first`."""
    inputs: list[Modes] = []
    constants: list[NDArray[np.complex128]] = []
    places: list[int] = []
    bond: int | None = None  # the mode to the left
    weight = 1.0 + 0.0j
    for q, (whole, kind) in enumerate(zip(operator.tensors, operator.kinds, strict=True)):
        tensor, modes = _on_state(np.asarray(whole), kind, ends[q], bra)
        left, right = tensor.shape[:2]
        if not modes and left == right and np.array_equal(tensor, np.eye(left)):
            continue  # the bond goes on to the next qubit
        after = None if right == 1 else first + len(inputs)
        if after is not None:
            sizes[after] = right
        all_modes = tuple(m for m in (bond, after) if m is not None) + modes
        tensor = tensor.reshape([sizes[m] for m in all_modes])
        bond = after
        if not all_modes:
            weight *= complex(tensor)
            continue
        inputs.append(all_modes)
        constants.append(np.ascontiguousarray(tensor, complex))
        places.append(q)
    if weight != 1.0 or not inputs:
        inputs.append(())
        constants.append(np.array(weight))
        places.append(0)
    return inputs, constants, places


def _on_state(
    tensor: NDArray[np.complex128], kind: Kind, end: int | None, bra: dict[int, int]
) -> tuple[NDArray[np.complex128], Modes]:
    """An operator's tensor (left, right, bra, ket) as it meets a qubit, and the qubit's modes in it."""
    if end is None:  # the qubit is in 0
        return tensor[:, :, 0, 0], ()
    if kind == "none":
        return tensor[:, :, 0, 0], ()
    if kind == "diagonal":
        return np.ascontiguousarray(np.diagonal(tensor, axis1=2, axis2=3)), (end,)
    return tensor, (bra[end], end)
