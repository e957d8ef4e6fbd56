"""A plan executed by cuQuantum: one `Network` kept alive, whose operands on the GPU change in place."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hybridq.contract.devices import gpu_of_rank, require_cupy, require_cuquantum
from hybridq.contract.errors import BackendError, CapacityError, InputError
from hybridq.contract.memory import shown
from hybridq_tensornet.cuquantum_plan import operands_of
from hybridq_tensornet.network import Network
from hybridq_tensornet.plan import Plan


class CuTensorNet:
    """cuTensorNet on one GPU: a handle that all networks there share, as its documentation recommends.

    Args:
        device: index of the GPU; None takes this rank's, see `hybridq.contract.devices.gpu_of_rank`.

    Raises:
        CapacityError: there is no GPU, or its driver is too old.
        MissingPackage: CuPy, cuQuantum or a library is not installed.
    """

    def __init__(self, device: int | None = None) -> None:
        self.cupy = require_cupy()
        self.tensornet = require_cuquantum()
        self.library: Any = import_module("cuquantum.bindings.cutensornet")
        self.empty_pinned: Any = import_module("cupyx").empty_pinned
        self.device = gpu_of_rank() if device is None else device
        with self.cupy.cuda.Device(self.device):
            self.handle: int | None = self.library.create()

    def free(self) -> None:
        """Give the handle back; its networks must have been freed before."""
        if self.handle is not None:
            with self.cupy.cuda.Device(self.device):
                self.library.destroy(self.handle)
            self.handle = None

    def __enter__(self) -> CuTensorNet:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.free()


def network_options(device: int, handle: int, memory: int | str) -> dict[str, Any]:
    """Fields of `cuquantum.tensornet.NetworkOptions`."""
    return {
        "device_id": device,
        "handle": handle,
        "memory_limit": memory,
        "blocking": "auto",
        # A logger with handlers of its own would make every call wait for its time.
        "logger": logging.getLogger("hybridq_tensornet.cuquantum"),
    }


class CuQuantumNetwork:
    """One network with one plan on one GPU, for one thread at a time; a context manager.

    The path and the slices are the plan's, so cuTensorNet searches nothing. Constants and gates without an angle stay
    on the GPU, and what is made of them alone is kept there. The other operands are views into one buffer, which
    `update` fills by one copy.

    Args:
        network: what is contracted.
        plan: how.
        library: the GPU's handle; not freed here.
        dtype: of the operands; a real one only where all leaves and constants are real.
        gradient: whether `gradients` will be asked for; the products of all pairs are then kept.
        memory: bytes that cuTensorNet may take for them, a number or a share such as "80%".

    Raises:
        InputError: a gradient of a plan with slices, for which cuTensorNet has none.
        CapacityError: the GPU has too little memory; the message says how much it takes.
    """

    def __init__(
        self,
        network: Network,
        plan: Plan,
        library: CuTensorNet,
        *,
        dtype: DTypeLike = np.complex128,
        gradient: bool = False,
        memory: int | str = "80%",
    ) -> None:
        if gradient and plan.n_slices > 1:
            raise InputError(
                f"cuTensorNet has gradients of whole contractions only, and this plan has {plan.n_slices} slices; "
                "make a plan that fits unsliced, or contract pair by pair"
            )
        if library.handle is None:
            raise InputError("the handle of cuTensorNet was given back; make another CuTensorNet")
        self._gradient = gradient
        self._operands = operands = operands_of(network, plan, dtype)
        self._library, self._xp = library, library.cupy
        self._dtype = np.dtype(dtype)
        self._network: Any = None
        self._loaded = self._contracted = self._freed = False
        if not operands.inputs:  # scalars only
            return
        with self._on_device():
            self._host = library.empty_pinned(operands.size, self._dtype)
            self._host[:] = 0
            self._buffer = self._xp.zeros(operands.size, self._dtype)
            on_device = {k: self._xp.asarray(values) for k, values in operands.constants.items()}
            on_device |= operands.views(self._buffer)
            self._network = library.tensornet.Network(
                *operands.interleaved([on_device[k] for k in range(len(operands.inputs))]),
                qualifiers=operands.qualifiers(library.tensornet.tensor_qualifiers_dtype, gradient=gradient),
                options=network_options(library.device, library.handle, memory),
            )
            try:
                self._network.contract_path(optimize=operands.optimize())
            except BaseException:
                self._network.free()
                raise

    @property
    def n_slices(self) -> int:
        """Slices that add up to the whole; their numbers are cuTensorNet's own."""
        return self._operands.n_slices

    def update(self, values: NDArray[Any]) -> None:
        """Take other values of the leaves, shape (leaf_size,), as `LeafProgram.values` gives them."""
        self._check_open()
        self._loaded, self._contracted = True, False
        if self._network is None or not self._operands.size:
            return
        self._operands.pack(values, self._host)
        with self._on_device():
            self._buffer.set(self._host)
            if self._gradient:
                # What is kept for the way back holds for one set of operands only (cutensornet.h at
                # cutensornetNetworkComputeGradientsBackward).
                library = self._library.library
                for space in (library.Memspace.DEVICE, library.Memspace.HOST):
                    library.workspace_purge_cache(self._network.handle, self._network.workspace_desc, space)

    def contract(self, slices: range | Sequence[int] | None = None) -> NDArray[Any]:
        """The tensor, in the network's order of modes, or the sum of some of its slices.

        Raises:
            InputError: nothing was loaded.
            CapacityError: the GPU has too little memory for it.
        """
        self._check_open()
        if not self._loaded:
            raise InputError("no values were loaded; call update first")
        shape = tuple(self._operands.sizes[mode] for mode in self._operands.output)
        self._contracted = slices is None
        if slices is not None and not len(slices):
            return np.zeros(shape, self._dtype)
        if self._network is None:
            return np.asarray(self._operands.factor)
        numbers = slices if slices is None or isinstance(slices, range) else [int(number) for number in slices]
        with self._on_device():
            found = self._network.contract(slices=numbers).get()
        factor = self._operands.factor
        whole: NDArray[Any] = found if factor == 1.0 else found * (factor.real if factor.imag == 0.0 else factor)
        return whole

    def gradients(self, cotangent: NDArray[Any] | None = None) -> NDArray[Any]:
        """``sum_o cotangent_o d out_o / d leaf_i`` of the ket's leaves, shape (leaf_size,), by one sweep back.

        Leaves without an angle get zeros. cuTensorNet's own gradients follow PyTorch's convention, as its operator for
        PyTorch hands them on unchanged: the cotangent times the conjugate of the derivative. Here both are conjugated.

        Args:
            cotangent: of the tensor, in its shape; None is 1, for a number.

        Raises:
            InputError: made without ``gradient=True``, or `contract` was not called since the last `update`.
        """
        self._check_open()
        if not self._gradient:
            raise InputError("this network was made without gradient=True")
        if not self._contracted:
            raise InputError("the gradient of a contraction needs its value first; call contract")
        operands = self._operands
        out = np.zeros(int(operands.leaf_offsets[-1]), self._dtype)
        ket = [(operand, leaf) for operand, leaf, conjugate in operands.varying if not conjugate]
        if not ket:
            return out
        shape = [operands.sizes[mode] for mode in operands.output]
        weight = np.ones(shape) if cotangent is None else np.asarray(cotangent).reshape(shape)
        seed = np.array(np.conj(operands.factor * weight), complex, order="C")
        with self._on_device(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that this is experimental
            given = self._xp.asarray(seed if self._dtype.kind == "c" else seed.real, self._dtype)
            found = self._network.gradients(given)
            flat = self._xp.concatenate([found[operand].ravel() for operand, _ in ket]).get().conj()
        at = 0
        for _, leaf in ket:
            first, last = operands.leaf_offsets[leaf : leaf + 2]
            out[first:last] = flat[at : at + last - first]
            at += last - first
        return out

    def free(self) -> None:
        """Give the GPU's memory back; nothing else may be called after it."""
        if self._network is not None:
            with self._on_device():
                self._network.free()
        self._network = self._buffer = self._host = None
        self._freed = True

    def __enter__(self) -> CuQuantumNetwork:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.free()

    def _check_open(self) -> None:
        if self._freed:
            raise InputError("this network was freed; make another")

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        """With the GPU current, and failures in our words."""
        library = self._library
        try:
            with self._xp.cuda.Device(library.device):
                yield
        except MemoryError as error:  # CuPy's, or cuQuantum's MemoryLimitExceeded
            needed = getattr(error, "requirement", None)
            raise CapacityError(
                f"GPU {library.device} has too little memory for this contraction"
                + (f", whose workspace takes {shown(needed)} at least" if needed is not None else "")
                + f": {' '.join(str(error).split())}; make a plan with more slices"
            ) from error
        except library.library.cuTensorNetError as error:
            raise BackendError(f"cuTensorNet failed on GPU {library.device}: {error}") from error
