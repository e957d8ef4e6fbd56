"""A network and its plan as cuTensorNet takes them: operands, path, slices; all of it made on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hybridq_tensornet.leaves import leaf_program
from hybridq_tensornet.network import Modes, Network
from hybridq_tensornet.plan import Plan

ALIGNED = 256
"""Bytes; cutensornet.h recommends that operands begin at multiples of this."""


@dataclass(frozen=True, eq=False)
class Operands:
    """What a network is for cuTensorNet, which takes no tensors without modes.

    Attributes:
        inputs: modes of each operand; scalars are left out.
        output: modes that stay.
        sizes: of each mode.
        path: pairs of positions, as `numpy.einsum_path` has them: a pair is taken out, and its product put last.
        sliced: modes whose values are gone through one by one.
        factor: product of the scalars.
        constants: operands that never change, with their values; gates without an angle are among them.
        varying: the others: operand, leaf, and whether it is the leaf's conjugate.
        begins: where each of `varying` begins in the packed buffer, in numbers.
        size: numbers in the packed buffer.
        leaf_offsets: shape (n_leaves + 1,), where each leaf's values begin; see `LeafProgram`.
    """

    inputs: tuple[Modes, ...]
    output: Modes
    sizes: dict[int, int]
    path: tuple[tuple[int, int], ...]
    sliced: tuple[int, ...]
    factor: complex
    constants: Mapping[int, NDArray[Any]]
    varying: tuple[tuple[int, int, bool], ...]
    begins: tuple[int, ...]
    size: int
    leaf_offsets: NDArray[np.int64]

    @property
    def n_slices(self) -> int:
        """Slices that add up to the whole."""
        return prod(self.sizes[mode] for mode in self.sliced)

    def shape(self, operand: int) -> tuple[int, ...]:
        """Shape of an operand."""
        return tuple(self.sizes[mode] for mode in self.inputs[operand])

    def views(self, buffer: Any) -> dict[int, Any]:
        """The varying operands as views into a packed buffer of shape (size,), of NumPy or CuPy."""
        found = {}
        for (operand, _, _), begin in zip(self.varying, self.begins, strict=True):
            shape = self.shape(operand)
            found[operand] = buffer[begin : begin + prod(shape)].reshape(shape)
        return found

    def pack(self, values: NDArray[Any], buffer: NDArray[Any]) -> None:
        """Write leaves' values, shape (leaf_size,), into a packed buffer on the host."""
        real = np.isrealobj(buffer)
        for (_, leaf, conjugate), begin in zip(self.varying, self.begins, strict=True):
            first, last = self.leaf_offsets[leaf : leaf + 2]
            part = values[first:last]
            buffer[begin : begin + len(part)] = part.real if real else part.conj() if conjugate else part

    def interleaved(self, operands: Sequence[Any]) -> list[Any]:
        """Arguments of `cuquantum.tensornet.Network`: operand, modes, operand, modes, ..., output modes."""
        pairs = zip(operands, self.inputs, strict=True)
        return [item for operand, modes in pairs for item in (operand, list(modes))] + [list(self.output)]

    def optimize(self) -> dict[str, Any]:
        """The argument `optimize` that has this path and these slices taken, and nothing searched."""
        return {"path": list(self.path), "slicing": [(mode, 1) for mode in self.sliced]}

    def qualifiers(self, dtype: Any, *, gradient: bool) -> NDArray[Any]:
        """Which operands never change, and of which derivatives are asked: the leaves of the ket.

        Args:
            dtype: `cuquantum.tensornet.tensor_qualifiers_dtype`.
            gradient: whether derivatives are asked for at all.
        """
        made = np.zeros(len(self.inputs), dtype=dtype)
        made["is_constant"][list(self.constants)] = 1
        if gradient:
            made["requires_gradient"][[operand for operand, _, conjugate in self.varying if not conjugate]] = 1
        return made


def operands_of(network: Network, plan: Plan, dtype: DTypeLike = np.complex128) -> Operands:
    """The operands of a network and its plan.

    Args:
        network: what is contracted.
        plan: how.
        dtype: of the operands; a real one only where all leaves and constants are real.
    """
    numbers = np.dtype(dtype)
    n_leaves, leaves = network.n_leaves, network.structure.leaves
    program = leaf_program(leaves)
    fixed = program.values(np.zeros(network.structure.n_angles))
    scalars = [k for k, modes in enumerate(network.inputs) if not modes]
    kept = [k for k, modes in enumerate(network.inputs) if modes]
    first_constant = len(network.inputs) - len(network.constants)
    factor = complex(np.prod([network.constants[k - first_constant] for k in scalars])) if scalars else 1.0 + 0.0j
    constants: dict[int, NDArray[Any]] = {}
    varying: list[tuple[int, int, bool]] = []
    for operand, k in enumerate(kept):
        if k >= first_constant:
            constants[operand] = _as(network.constants[k - first_constant], numbers)
            continue
        leaf, conjugate = k % n_leaves, k >= n_leaves
        if any(element.angle is not None for element in leaves[leaf].elements):
            varying.append((operand, leaf, conjugate))
            continue
        part = fixed[program.offsets[leaf] : program.offsets[leaf + 1]]
        shape = [network.sizes[mode] for mode in network.inputs[k]]
        constants[operand] = _as(part.conj() if conjugate else part, numbers).reshape(shape)
    inputs = tuple(network.inputs[k] for k in kept)
    step = max(1, ALIGNED // numbers.itemsize)
    begins, size = [], 0
    for operand, _, _ in varying:
        begins.append(size)
        size += -(-prod(network.sizes[mode] for mode in inputs[operand]) // step) * step
    return Operands(
        inputs=inputs,
        output=network.output,
        sizes=network.sizes,
        path=linear_path(plan.path, len(network.inputs), scalars),
        sliced=plan.sliced,
        factor=factor,
        constants=constants,
        varying=tuple(varying),
        begins=tuple(begins),
        size=size,
        leaf_offsets=program.offsets,
    )


def linear_path(
    path: Sequence[tuple[int, int]], n_inputs: int, left_out: Sequence[int] = ()
) -> tuple[tuple[int, int], ...]:
    """A path of positions for one whose products are numbered on after the inputs; some inputs are left out of it."""
    alias: dict[int, int | None] = {k: k for k in range(n_inputs)} | dict.fromkeys(left_out)
    there = [k for k in range(n_inputs) if alias[k] is not None]
    found = []
    for out, (left, right) in enumerate(path, n_inputs):
        a, b = alias.pop(left), alias.pop(right)
        if a is None or b is None:
            alias[out] = a if b is None else b
            continue
        i, j = sorted((there.index(a), there.index(b)))
        found.append((i, j))
        del there[j], there[i]
        there.append(out)
        alias[out] = out
    return tuple(found)


def accepted(operands: Operands, dtype: DTypeLike = np.complex128, **options: Any) -> Any:
    """What cuTensorNet makes of a plan, an `OptimizerInfo`; it needs its libraries, but no GPU and no driver.

    Args:
        operands: the network and its plan.
        dtype: of the operands.
        options: fields of `cuquantum.tensornet.NetworkOptions`; without a GPU, `memory_limit` must be bytes.

    Raises:
        ImportError: cuQuantum is not installed, or a library of it is missing.
    """
    tensornet: Any = import_module("cuquantum.tensornet")
    empty = [np.empty(operands.shape(k), dtype) for k in range(len(operands.inputs))]
    _, info = tensornet.contract_path(
        *operands.interleaved(empty),
        qualifiers=operands.qualifiers(tensornet.tensor_qualifiers_dtype, gradient=not operands.sliced),
        options={"memory_limit": 1 << 34, **options},
        optimize=operands.optimize(),
    )
    return info


def _as(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    part = values.real if dtype.kind == "f" else values
    return np.ascontiguousarray(part, dtype)
