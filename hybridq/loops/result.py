"""VQEResult: what a variational run ended with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybridq.chem.problem import Problem
from hybridq.contract.errors import InputError
from hybridq.contract.task import RDM, Circuit, Task
from hybridq.qubits.problem import QubitProblem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class History:
    """The steps of a run, one entry for each.

    Attributes:
        energies, stderrs: hartree.
        gradients: largest gradient component, hartree per radian; None where unknown.
        evaluations: rows evaluated by then.
        seconds: wall time by then.
    """

    energies: tuple[float, ...] = ()
    stderrs: tuple[float, ...] = ()
    gradients: tuple[float | None, ...] = ()
    evaluations: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class VQEResult:
    """Energy, parameters and how they were reached; prints as a report.

    Attributes:
        energy: hartree.
        stderr: its standard error, hartree; 0 where exact.
        parameters: shape (n_parameters,), radians.
        converged: whether the optimizer's criterion was met.
        reason: why it stopped, in words.
        iterations: steps taken.
        evaluations: rows evaluated.
        replayed: evaluations that came from the journal of an earlier life.
        seconds: wall time by part, and "total".
        history: the steps.
        backend, optimizer, ansatz: by name.
        n_parameters, n_qubits: sizes.
        molecule: the problem's name.
        n_electrons: active electrons, (alpha, beta); zeros where the problem is one of qubits.
        provenance: versions, host, commit, ranks.
        run: the run folder, None where nothing was recorded.
        predicted: seconds and bytes that the backend predicted for the evaluations of this life; empty where it
            cannot tell. `seconds["backend"]` is what they took.
        unit: of the energy and all values; hartree for molecules, "" where a problem of qubits names none.
        problem, circuit: what was solved; None in a result that was read from a file.
    """

    energy: float
    stderr: float
    parameters: NDArray[np.float64]
    converged: bool
    reason: str
    iterations: int
    evaluations: int
    replayed: int
    seconds: Mapping[str, float]
    history: History
    backend: str
    optimizer: str
    ansatz: str
    n_parameters: int
    n_qubits: int
    molecule: str
    n_electrons: tuple[int, int]
    provenance: Mapping[str, Any]
    run: str | None = None
    unit: str = "hartree"
    predicted: Mapping[str, float] = field(default_factory=dict)
    problem: Problem | QubitProblem | None = None
    circuit: Circuit | None = None
    known: Mapping[str, float | None] = field(default_factory=dict)
    _backend: Any = None

    @property
    def references(self) -> Mapping[str, float | None]:
        """Energies of HF, CCSD and CASCI in the same active space, hartree; None where they could not be had."""
        return self.known if self.problem is None else dict(self.problem.references())

    @property
    def correlation_energy(self) -> float:
        """Energy below the reference determinant, hartree (negative where correlation was gained)."""
        hf = self.references.get("hf")
        return float("nan") if hf is None else self.energy - hf

    def natural_occupations(self) -> NDArray[np.float64]:
        """Eigenvalues of the 1-RDM, descending, shape (n_orbitals,): electrons in each natural orbital."""
        return np.asarray(np.linalg.eigvalsh(self.rdm().one)[::-1])

    def spin_squared(self) -> float:
        """``<S^2>``, from the 2-RDM: ``N (4 - N) / 4 - 1/2 sum_pq two_pqqp`` (doi:10.1002/9781119019572, 2.5)."""
        n = sum(self.n_electrons)
        exchange = np.einsum("pqqp->", self.rdm().two)
        return float(n * (4 - n) / 4 - exchange.real / 2)

    def rdm(self) -> RDM:
        """Spin-summed 1- and 2-RDM at the final parameters.

        Raises:
            InputError: the result was read from a file and has no circuit.
        """
        from hybridq.derive import complete

        if self.circuit is None or self._backend is None:
            raise InputError("this result was read from a file; run the VQE to get density matrices")
        matrices: RDM = complete(self._backend, Task(self.circuit, self.parameters, driver="rdm")).value[0]
        return matrices

    def plot(self, path: str | Path | None = None, *, references: bool = True) -> Figure:
        """Energy by step with the references, and the error on a logarithmic scale; saved where `path` is given.

        Args:
            path: where to save it; the suffix says the format.
            references: False shows only references that are known already, and computes none.

        Raises:
            InputError: the file cannot be written.
        """
        from hybridq.loops.plot import plot_history

        return plot_history(self, self.references if references else self.known, path)

    def to_dict(self, *, references: bool = True) -> dict[str, Any]:
        """Everything that JSON can hold."""
        return {
            "schema_version": SCHEMA_VERSION,
            "energy": self.energy,
            "stderr": self.stderr,
            "converged": self.converged,
            "reason": self.reason,
            "n_parameters": self.n_parameters,
            "n_qubits": self.n_qubits,
            "molecule": self.molecule,
            "n_electrons": list(self.n_electrons),
            "iterations": self.iterations,
            "evaluations": self.evaluations,
            "replayed": self.replayed,
            "seconds": dict(self.seconds),
            "backend": self.backend,
            "optimizer": self.optimizer,
            "ansatz": self.ansatz,
            "references": dict(self.references) if references else dict(self.known),
            "parameters": self.parameters.tolist(),
            "history": {name: list(getattr(self.history, name)) for name in History.__dataclass_fields__},
            "run": self.run,
            "unit": self.unit,
            "predicted": dict(self.predicted),
            "provenance": dict(self.provenance),
        }

    def to_json(self, path: str | Path | None = None, *, references: bool = True) -> str:
        """The result as JSON text, written to `path` where one is given; numbers keep all their bits.

        Args:
            path: a file to write.
            references: False leaves out references that are not known yet, and computes none.

        Raises:
            InputError: the file cannot be written.
        """
        text = json.dumps(self.to_dict(references=references), indent=1)
        if path is not None:
            try:
                Path(path).write_text(text + "\n")
            except OSError as error:
                raise InputError(f"cannot write {path}: {error.strerror or error}") from None
        return text

    @classmethod
    def from_json(cls, source: str | Path) -> VQEResult:
        """Read what `to_json` wrote: a path, or the text itself.

        Raises:
            InputError: no such file, not such a result, or one of a newer version.
        """
        text = str(source)
        if not text.lstrip().startswith("{"):
            try:
                text = Path(source).read_text()
            except OSError as error:
                raise InputError(f"cannot read {source}: {error.strerror or error}") from None
        try:
            data = json.loads(text)
            if data["schema_version"] > SCHEMA_VERSION:
                raise InputError(f"the result has schema version {data['schema_version']}; install a newer hybridq")
            history = History(**{name: tuple(values) for name, values in data["history"].items()})
            plain = (
                "energy", "stderr", "converged", "reason", "iterations", "evaluations", "replayed", "seconds",
                "backend", "optimizer", "ansatz", "n_parameters", "n_qubits", "molecule", "provenance", "run",
            )  # fmt: skip
            return cls(
                **{name: data[name] for name in plain},
                parameters=np.array(data["parameters"], dtype=np.float64),
                n_electrons=tuple(data["n_electrons"]),
                history=history,
                known=data["references"],
                unit=data.get("unit", "hartree"),
                predicted=data.get("predicted", {}),
            )
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise InputError(f"this is no VQE result: {error!r}") from None

    def __str__(self) -> str:
        spread = f" +- {self.stderr:.2g}" if self.stderr else ""
        state = "converged" if self.converged else "not converged"
        unit = f" {self.unit}" if self.unit else ""
        lines = [
            f"{self.ansatz} on {self.molecule}",
            f"  energy       {self.energy:.10f}{spread}{unit} ({state}: {self.reason})",
        ]
        for name, value in self.references.items():
            if value is not None:
                gap = self.energy - value
                told = f"{1e3 * gap:+.4f} millihartree" if self.unit == "hartree" else f"{gap:+.6g}{unit}"
                lines.append(f"  {name:<12} {value:.10f}{unit}, VQE {told}")
        parts = ", ".join(f"{name} {value:.3g}" for name, value in self.seconds.items() if name != "total")
        lines += [
            f"  effort       {self.iterations} iterations, {self.evaluations} evaluations, "
            f"{self.n_parameters} parameters" + (f" ({self.replayed} from the journal)" if self.replayed else ""),
            f"  time         {self.seconds.get('total', 0.0):.3g} s ({parts})",
            f"  backend      {self.backend}, optimizer {self.optimizer}",
        ]
        if self.run is not None:
            lines.append(f"  written to   {self.run}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        return f"<VQEResult: {self.energy:.10f} {self.unit or 'without unit'}, {state}, {self.evaluations} evaluations>"
