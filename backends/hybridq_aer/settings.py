"""Settings: which of Aer's methods, how it truncates, and what noise it has."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from hybridq.contract.errors import InputError, MissingPackage, unknown_name
from hybridq.contract.options import normal

Method = Literal["statevector", "density_matrix", "mps"]
METHODS: dict[str, Method] = {
    "statevector": "statevector",
    "density-matrix": "density_matrix",
    "mps": "mps",
    "matrix-product-state": "mps",
}
MAX_QUBITS: dict[Method, int] = {"statevector": 40, "density_matrix": 20, "mps": 128}
AER_NAME: dict[Method, str] = {
    "statevector": "statevector",
    "density_matrix": "density_matrix",
    "mps": "matrix_product_state",
}
COARSER = 100  # times the threshold, to judge what it costs
ROUNDING = 1e-16  # discarded weight that Aer itself takes for rounding


@dataclass(frozen=True)
class Settings:
    """What a simulator is made with; `settings` checks it.

    Attributes:
        method: how the state is held.
        max_bond_dimension: of a matrix product state; None for no limit.
        truncation_threshold: squared weight that one gate may cost a matrix product state.
        noise_model: a `qiskit_aer.noise.NoiseModel`; None for none.
        threads: threads at most.
    """

    method: Method
    max_bond_dimension: int | None
    truncation_threshold: float
    noise_model: Any
    threads: int

    @property
    def truncates(self) -> bool:
        """Whether a state may come out as another one than the circuit's."""
        return self.max_bond_dimension is not None or self.truncation_threshold > ROUNDING

    def coarser(self) -> Settings:
        """Settings that truncate more, by which the error of truncation is judged; for a bond of 1 the finer ones."""
        bond = self.max_bond_dimension
        if bond is not None:
            bond = 2 if bond == 1 else bond // 2
        threshold = self.truncation_threshold
        return replace(
            self,
            max_bond_dimension=bond,
            truncation_threshold=min(0.5, COARSER * threshold) if threshold > ROUNDING else threshold,
        )

    def simulator(self) -> Any:
        """Aer's simulator of these settings."""
        from qiskit_aer import AerSimulator

        options: dict[str, Any] = {
            "method": AER_NAME[self.method],
            "max_parallel_threads": self.threads,
            "max_parallel_experiments": 1,
        }
        if self.noise_model is not None:
            options["noise_model"] = self.noise_model
        if self.method == "mps":
            options["matrix_product_state_truncation_threshold"] = self.truncation_threshold
            if self.max_bond_dimension is not None:
                options["matrix_product_state_max_bond_dimension"] = self.max_bond_dimension
        return AerSimulator(**options)


def settings(
    method: str, max_bond_dimension: int | None, truncation_threshold: float | None, noise_model: Any, threads: int
) -> Settings:
    """Checked settings; the method "auto" is a density matrix where there is noise, else a state vector.

    Raises:
        InputError: no such method, or options that do not go together.
        MissingPackage: qiskit-aer cannot be imported.
    """
    require_aer()
    if noise_model is not None:
        _check_noise(noise_model)
    chosen: Method
    if normal(method) == "auto":
        chosen = "statevector" if noise_model is None else "density_matrix"
    elif normal(method) in METHODS:
        chosen = METHODS[normal(method)]
    else:
        raise unknown_name(
            "method of Aer", method, ["auto", *MAX_QUBITS], hint="With the noise of an IBM device: aer:ibm_torino."
        )
    if noise_model is not None and chosen != "density_matrix":
        raise InputError(
            f"a noise model came with the method {chosen!r}, where energies would be averages over random "
            "trajectories; take the method 'density_matrix', whose energies are exact"
        )
    if chosen != "mps" and (max_bond_dimension is not None or truncation_threshold is not None):
        raise InputError(
            f"max_bond_dimension and truncation_threshold belong to the method 'mps', the method is {chosen!r}; "
            "leave them out, or take 'aer:mps'"
        )
    if max_bond_dimension is not None and max_bond_dimension < 1:
        raise InputError(f"max_bond_dimension must be at least 1, got {max_bond_dimension}")
    threshold = ROUNDING if truncation_threshold is None else float(truncation_threshold)
    if not (math.isfinite(threshold) and 0 <= threshold < 1):
        raise InputError(f"truncation_threshold is a squared weight from 0 to below 1, got {truncation_threshold}")
    return Settings(chosen, max_bond_dimension, threshold, noise_model, threads)


def require_aer() -> None:
    """Return where qiskit-aer can be imported.

    Raises:
        MissingPackage: it cannot; the message says how to install it.
    """
    try:
        import qiskit_aer  # noqa: F401
    except ImportError as error:
        raise MissingPackage(
            f"backend 'aer' needs Qiskit Aer, which cannot be imported ({error}); pip install \"hybridq-sdk[aer]\""
        ) from error


def _check_noise(noise_model: Any) -> None:
    from qiskit_aer.noise import NoiseModel

    if not isinstance(noise_model, NoiseModel):
        raise InputError(
            f"noise_model is a qiskit_aer.noise.NoiseModel, got {noise_model!r} ({type(noise_model).__name__}); "
            "make one, or take a device's: NoiseModel.from_backend(device)"
        )
