"""ScanResult: a curve of energies, with how each point was reached."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybridq.chem.problem import Problem
from hybridq.contract.errors import InputError
from hybridq.qubits.problem import QubitProblem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA_VERSION = 1
REFERENCES = ("hf", "ccsd", "casci")
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScanPoint:
    """One point of a curve.

    Attributes:
        value: the coordinate.
        energy, stderr: hartree; the error is 0 where the energy is exact.
        parameters: shape (n_parameters,), radians.
        evaluations: rows evaluated, those that the start was chosen by included.
        seconds: wall time.
        converged, reason: whether the optimizer's criterion was met, and why it stopped.
        start: where it began: "own", the circuit's own row; "nearest", a neighbour's; "line", through two;
            "recorded", what an earlier life began with, where its neighbours have gone on since.
        warm: numbers of these neighbours.
        references: energies of HF, CCSD and CASCI in the same active space, hartree; None where not known.
    """

    value: float
    energy: float
    stderr: float
    parameters: Array
    evaluations: int
    seconds: float
    converged: bool
    reason: str
    start: str
    warm: tuple[int, ...]
    references: Mapping[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        data = asdict(self)
        return {**data, "parameters": self.parameters.tolist(), "warm": list(self.warm)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ScanPoint:
        """What `to_dict` gave."""
        parameters = np.array(data["parameters"], dtype=np.float64)
        return cls(**{**data, "parameters": parameters, "warm": tuple(data["warm"])})


@dataclass(frozen=True)
class Minimum:
    """The lowest place of a curve.

    Attributes:
        value: its coordinate.
        energy: hartree.
        curvature: second derivative of the energy there, hartree per squared unit of the coordinate.
        wavenumber: of the harmonic vibration in 1/cm, for a diatomic molecule along its distance; else None.
    """

    value: float
    energy: float
    curvature: float
    wavenumber: float | None = None


@dataclass(frozen=True, eq=False, repr=False)
class ScanResult:
    """A curve; prints as a table. The points stand in the order in which their values were given.

    Attributes:
        points: what was found at each value.
        label, unit: of the coordinate.
        molecule: name of the problem at the lowest point.
        ansatz, backend, optimizer: by name.
        seconds: wall time by part, and "total".
        notes: what looks suspicious along the curve, for people.
        reduced_mass: of a diatomic molecule scanned along its distance, dalton; else None.
        provenance: versions, host, commit, ranks.
        run: the run folder, None where nothing was recorded.
        problems: the problem of each point, orbitals aligned; None in a result that was read from a file.
    """

    points: tuple[ScanPoint, ...]
    label: str
    unit: str
    molecule: str
    ansatz: str
    backend: str
    optimizer: str
    seconds: Mapping[str, float]
    notes: tuple[str, ...] = ()
    reduced_mass: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    run: str | None = None
    problems: tuple[Problem | QubitProblem, ...] | None = None

    @property
    def values(self) -> Array:
        """The coordinates, shape (n_points,)."""
        return np.array([p.value for p in self.points])

    @property
    def energies(self) -> Array:
        """Hartree, shape (n_points,)."""
        return np.array([p.energy for p in self.points])

    @property
    def stderrs(self) -> Array:
        """Standard errors of the energies, hartree, shape (n_points,)."""
        return np.array([p.stderr for p in self.points])

    @property
    def references(self) -> dict[str, Array]:
        """Energies of HF, CCSD and CASCI by name, hartree, each of shape (n_points,); nan where not known."""
        return {name: self._each(lambda p, name=name: p.references.get(name)) for name in REFERENCES}  # type: ignore[misc]

    @property
    def evaluations(self) -> NDArray[np.int64]:
        """Rows evaluated for each point, shape (n_points,)."""
        return np.array([p.evaluations for p in self.points], dtype=np.int64)

    @property
    def converged(self) -> bool:
        """True where every point converged."""
        return all(p.converged for p in self.points)

    def minimum(self) -> Minimum:
        """The minimum of the curve, by a spline of order 5 (3 below six points) through all points.

        The spline takes the energies as exact. Its curvature, and with it the wavenumber, needs several points around
        the minimum: halve the spacing to see what they are worth.

        Raises:
            InputError: fewer than four points, or the lowest one is the first or the last.
        """
        from hybridq.chem.diatomic import wavenumber

        curve = self.spline()
        order = np.argsort(self.values)
        x = self.values[order]
        lowest = int(np.argmin(self.energies[order]))
        if lowest in (0, len(x) - 1):
            raise InputError(
                f"the lowest of the {len(x)} points is the {'first' if lowest == 0 else 'last'}, at {self.label} = "
                f"{x[lowest]:g}; the minimum lies beyond it: extend the scan there"
            )
        inside = _root(curve.derivative(), float(x[lowest - 1]), float(x[lowest + 1]), curve)
        curvature = float(curve.derivative(2)(inside))
        mass = self.reduced_mass
        vibration = wavenumber(curvature, mass) if mass is not None and curvature > 0 else None
        return Minimum(inside, float(curve(inside)), curvature, vibration)

    def spline(self) -> Any:
        """The interpolating spline (`scipy.interpolate.BSpline`) of energy by value.

        Raises:
            InputError: fewer than four points.
        """
        from scipy.interpolate import make_interp_spline

        if len(self.points) < 4:
            raise InputError(f"a spline needs at least four points, this scan has {len(self.points)}")
        order = np.argsort(self.values)
        return make_interp_spline(self.values[order], self.energies[order], k=5 if len(order) >= 6 else 3)

    def plot(self, path: str | Path | None = None) -> Figure:
        """The curve with its references, and its distance from CASCI; saved where `path` is given.

        Raises:
            InputError: the file cannot be written.
        """
        from hybridq.loops.scan_plot import plot_scan

        return plot_scan(self, path)

    def to_dict(self) -> dict[str, Any]:
        """Everything that JSON can hold."""
        return {
            "schema_version": SCHEMA_VERSION,
            "loop": "scan",
            **{name: getattr(self, name) for name in _PLAIN},
            "seconds": dict(self.seconds),
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
            "points": [p.to_dict() for p in self.points],
        }

    def to_json(self, path: str | Path | None = None) -> str:
        """The result as JSON text, written to `path` where one is given; numbers keep all their bits.

        Raises:
            InputError: the file cannot be written.
        """
        return _written(json.dumps(self.to_dict(), indent=1) + "\n", path)

    @classmethod
    def from_json(cls, source: str | Path) -> ScanResult:
        """Read what `to_json` wrote: a path, or the text itself.

        Raises:
            InputError: no such file, no such result, or one of a newer version.
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
            points = tuple(ScanPoint.from_dict(point) for point in data["points"])
            rest = {name: data[name] for name in (*_PLAIN, "seconds", "provenance")}
            return cls(points, notes=tuple(data["notes"]), **rest)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise InputError(f"this is no result of a scan: {error!r}") from None

    def to_csv(self, path: str | Path | None = None) -> str:
        """One line a point: the coordinate, energies in hartree (empty where not known), and the effort.

        Raises:
            InputError: the file cannot be written.
        """
        lines = [
            ",".join((self.label, "energy", "stderr", *REFERENCES, "evaluations", "seconds", "converged", "start"))
        ]
        for p in self.points:
            known = [p.references.get(name) for name in REFERENCES]
            numbers = [repr(x) if x is not None else "" for x in (p.value, p.energy, p.stderr, *known)]
            lines.append(",".join([*numbers, str(p.evaluations), f"{p.seconds:.3f}", str(int(p.converged)), p.start]))
        return _written("\n".join(lines) + "\n", path)

    def __str__(self) -> str:
        columns = [name for name in REFERENCES if any(p.references.get(name) is not None for p in self.points)]
        noisy = any(p.stderr for p in self.points)
        head = [f"{self.label} ({self.unit})" if self.unit else self.label, "energy"]
        head += ["+-"] * noisy + [f"- {name} (mEh)" for name in columns] + ["evaluations", "start"]
        rows = [head]
        for p in self.points:
            row = [f"{p.value:g}", f"{p.energy:.8f}"] + [f"{p.stderr:.1e}"] * noisy
            row += [_millihartree(p.energy, p.references.get(name)) for name in columns]
            row += [str(p.evaluations), p.start + ("" if p.converged else ", not converged")]
            rows.append(row)
        widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
        lines = [f"{self.ansatz} on {self.molecule}, {len(self.points)} points"]
        lines += ["  " + "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines += [f"  minimum      {self._told_minimum()}"]
        lines += [f"  effort       {int(self.evaluations.sum())} evaluations, {self.seconds.get('total', 0.0):.3g} s"]
        lines += [f"  backend      {self.backend}, optimizer {self.optimizer}"]
        lines += [f"  note         {note}" for note in self.notes]
        lines += [f"  written to   {self.run}"] * (self.run is not None)
        return "\n".join(lines)

    def __repr__(self) -> str:
        low = f"lowest {self.energies.min():.10f} hartree" if self.points else "empty"
        return f"<ScanResult: {len(self.points)} points, {low}>"

    def _told_minimum(self) -> str:
        try:
            found = self.minimum()
        except InputError as error:
            return str(error)
        vibration = "" if found.wavenumber is None else f", harmonic wavenumber {found.wavenumber:.1f} 1/cm"
        return f"{found.energy:.8f} hartree at {self.label} = {found.value:.5f} {self.unit}".rstrip() + vibration

    def _each(self, get: Callable[[ScanPoint], float | None]) -> Array:
        return np.array([math.nan if x is None else x for x in map(get, self.points)], dtype=np.float64)


_PLAIN = ("label", "unit", "molecule", "ansatz", "backend", "optimizer", "reduced_mass", "run")


def _millihartree(energy: float, reference: float | None) -> str:
    return "" if reference is None else f"{1e3 * (energy - reference):+.4f}"


def _root(slope: Any, low: float, high: float, curve: Any) -> float:
    """The zero of the slope between two points around the lowest one; of several the lowest in energy."""
    from scipy.optimize import brentq

    grid = np.linspace(low, high, 65)
    signs = np.sign(slope(grid))
    crossings = [k for k in range(len(grid) - 1) if signs[k] < 0 <= signs[k + 1]]
    if not crossings:
        raise InputError("the curve is flat around its lowest point; there is no minimum to be told")
    places = [float(brentq(slope, grid[k], grid[k + 1], xtol=1e-12)) for k in crossings]
    return min(places, key=lambda x: float(curve(x)))


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        try:
            Path(path).write_text(text)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    return text
