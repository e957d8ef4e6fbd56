"""cuTensorNet's `Network` as its Python source and its header describe it, on the CPU by NumPy.

It has what `CuQuantumNetwork` calls, refuses what the library refuses, reads its operands in place, and keeps what was
contracted for the gradient until its cache is purged, so that a gradient of stale operands would be seen.
"""

from __future__ import annotations

from contextlib import nullcontext
from itertools import product
from types import SimpleNamespace

import numpy as np

from hybridq_tensornet.cuquantum_network import CuTensorNet

QUALIFIERS = np.dtype([("is_conjugate", "<i4"), ("is_constant", "<i4"), ("requires_gradient", "<i4")], align=True)


class Refused(Exception):
    """CUTENSORNET_STATUS_..."""


class MemoryLimitExceeded(MemoryError):
    def __init__(self, limit, requirement):
        super().__init__(f"GPU memory limit exceeded.\nThe limit is {limit}.")
        self.requirement = requirement


class Array(np.ndarray):
    """An array with the two methods by which CuPy's differ: copies from and to the host."""

    def set(self, values):
        self[...] = values

    def get(self):
        return np.array(self, subok=False)


def asarray(values, dtype=None):
    return np.array(values, dtype).view(Array)


class Network:
    def __init__(self, *interleaved, qualifiers, options):
        *pairs, self.output = interleaved
        self.operands, self.inputs = pairs[::2], pairs[1::2]
        if not all(self.inputs):
            raise Refused("INVALID_VALUE: a tensor without modes")
        assert all(isinstance(operand, Array) and operand.flags.c_contiguous for operand in self.operands)
        assert len({operand.dtype for operand in self.operands}) == 1
        assert qualifiers.dtype == QUALIFIERS
        assert len(qualifiers) == len(self.operands)
        assert options["blocking"] == "auto"
        self.sizes = {}
        for operand, modes in zip(self.operands, self.inputs, strict=True):
            for mode, size in zip(modes, operand.shape, strict=True):
                assert self.sizes.setdefault(mode, size) == size
        self.qualifiers, self.handle = qualifiers, options["handle"]
        self.workspace_desc, self.limit = object(), options["memory_limit"]
        self.constants = [operand.copy() for operand in self.operands]
        self.cached = None
        self.freed = False

    def contract_path(self, optimize):
        self.path = optimize["path"]
        assert len(self.path) == len(self.operands) - 1
        left = len(self.operands)
        for i, j in self.path:
            assert 0 <= i < j < left
            left -= 1
        self.sliced = [mode for mode, extent in optimize["slicing"] if extent == 1]
        assert set(self.sliced) <= set(self.sizes) - set(self.output)
        largest = 16 * max(operand.size for operand in self.operands)
        if isinstance(self.limit, int) and self.limit < largest:
            raise MemoryLimitExceeded(self.limit, largest)

    def contract(self, slices):
        assert not self.freed
        assert slices is None or isinstance(slices, range) or all(type(k) is int for k in slices)
        for operand, before, qualifier in zip(self.operands, self.constants, self.qualifiers, strict=True):
            assert not qualifier["is_constant"] or np.array_equal(operand, before)
        if self.qualifiers["requires_gradient"].any() and self.cached is None:
            self.cached = [operand.copy() for operand in self.operands]
        combinations = list(product(*(range(self.sizes[mode]) for mode in self.sliced)))
        return sum(
            self._slice(dict(zip(self.sliced, combinations[k], strict=True)))
            for k in (range(len(combinations)) if slices is None else slices)
        )

    def _slice(self, at):
        tensors = [
            (operand[tuple(at.get(mode, slice(None)) for mode in modes)], [mode for mode in modes if mode not in at])
            for operand, modes in zip(self.operands, self.inputs, strict=True)
        ]
        for i, j in self.path:
            b, a = tensors.pop(j), tensors.pop(i)
            others = {mode for _, modes in tensors for mode in modes} | set(self.output)
            tensors.append(pair(a, b, others))
        ((tensor, modes),) = tensors
        return asarray(tensor.transpose([modes.index(mode) for mode in self.output]))

    def gradients(self, output_gradient):
        if self.sliced:
            raise Refused("NOT_SUPPORTED: more than one slice")
        assert output_gradient.shape == tuple(self.sizes[mode] for mode in self.output)
        assert output_gradient.dtype == self.operands[0].dtype
        found = []
        for k, modes in enumerate(self.inputs):
            if not self.qualifiers[k]["requires_gradient"]:
                found.append(None)
                continue
            rest = [
                (o.conj(), list(m)) for i, (o, m) in enumerate(zip(self.cached, self.inputs, strict=True)) if i != k
            ]
            total = (output_gradient, list(self.output))
            for place, other in enumerate(rest):
                later = {mode for _, these in rest[place + 1 :] for mode in these} | set(modes)
                total = pair(total, other, later)
            tensor, order = total
            assert set(order) == set(modes)
            found.append(asarray(tensor.transpose([order.index(mode) for mode in modes])))
        return tuple(found)

    def free(self):
        self.freed = True


def pair(a, b, wanted):
    """The product of two tensors, (values, modes) each; modes that are not wanted are summed over."""
    modes = list(dict.fromkeys([*a[1], *b[1]]))
    number = {mode: k for k, mode in enumerate(modes)}
    kept = [mode for mode in modes if mode in wanted]
    values = np.einsum(
        np.asarray(a[0]),
        [number[m] for m in a[1]],
        np.asarray(b[0]),
        [number[m] for m in b[1]],
        [number[m] for m in kept],
    )
    return values, kept


class Twin(CuTensorNet):
    """The handle of a GPU that is this processor."""

    def __init__(self):
        self.device, self.handle, self.made = 3, 12345, []
        self.cupy = SimpleNamespace(
            cuda=SimpleNamespace(Device=self._device),
            asarray=asarray,
            zeros=lambda shape, dtype: np.zeros(shape, dtype).view(Array),
            concatenate=lambda parts: np.concatenate(parts).view(Array),
        )
        self.tensornet = SimpleNamespace(Network=self._network, tensor_qualifiers_dtype=QUALIFIERS)
        self.library = SimpleNamespace(
            cuTensorNetError=Refused,
            Memspace=SimpleNamespace(DEVICE=0, HOST=1),
            workspace_purge_cache=self._purge,
            destroy=lambda handle: None,
        )
        self.empty_pinned = np.empty

    def _device(self, index):
        assert index == self.device
        return nullcontext()

    def _network(self, *operands, qualifiers, options):
        assert (options["device_id"], options["handle"]) == (self.device, self.handle)
        self.made.append(Network(*operands, qualifiers=qualifiers, options=options))
        return self.made[-1]

    def _purge(self, handle, workspace, space):
        assert handle == self.handle
        for network in self.made:
            if network.workspace_desc is workspace:
                network.cached = None
