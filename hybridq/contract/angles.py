"""Angles: how the angles of a circuit's gates follow from its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """An angle that is not linear in the parameters.

    Attributes:
        angle: its number.
        expression: Qiskit's ParameterExpression.
        symbols: Qiskit's parameters in it, and which parameter of the row each one is.
    """

    angle: int
    expression: Any
    symbols: tuple[tuple[Any, int], ...]

    def value(self, row: Array) -> float:
        """Radians."""
        return _real(self.expression.bind({symbol: float(row[k]) for symbol, k in self.symbols}))

    def slopes(self, row: Array) -> list[tuple[int, float]]:
        """Derivative by each parameter in it."""
        at = {symbol: float(row[k]) for symbol, k in self.symbols}
        return [(k, _slope(self.expression, symbol, at)) for symbol, k in self.symbols]

    def text(self) -> str:
        """The expression with numbered parameters: the same for circuits that differ in names only."""
        from qiskit.circuit import Parameter

        return str(self.expression.subs({symbol: Parameter(f"_{k}_") for symbol, k in self.symbols}))


@dataclass(frozen=True, eq=False)
class Angles:
    """``angles = matrix @ row + offsets``, and a curve for each angle that is not linear.

    Attributes:
        n_angles, n_parameters: sizes.
        entries: linear parts as (angle, parameter, factor), ascending.
        offsets: shape (n_angles,), radians.
        curves: what is not linear; their angles have no entries.
    """

    n_angles: int
    n_parameters: int
    entries: tuple[tuple[int, int, float], ...]
    offsets: Array
    curves: tuple[Curve, ...] = ()

    @classmethod
    def separate(cls, n: int) -> Angles:
        """A parameter for each angle."""
        return cls(n, n, tuple((k, k, 1.0) for k in range(n)), np.zeros(n))

    @cached_property
    def _table(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
        angles, parameters, factors = zip(*self.entries, strict=True) if self.entries else ((), (), ())
        return np.array(angles, np.intp), np.array(parameters, np.intp), np.array(factors, np.float64)

    def of(self, row: Array) -> Array:
        """The angles at a row, shape (n_angles,), radians."""
        angles, parameters, factors = self._table
        found = self.offsets + np.bincount(angles, factors * row[parameters], minlength=self.n_angles)
        for curve in self.curves:
            found[curve.angle] = curve.value(row)
        return found

    def jacobian(self, row: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
        """Entries of d angle / d parameter at a row that are not always zero, as (angles, parameters, values)."""
        angles, parameters, factors = self._table
        if not self.curves:
            return angles, parameters, factors
        bent = [(curve.angle, k, slope) for curve in self.curves for k, slope in curve.slopes(row)]
        more = [np.array(column) for column in zip(*bent, strict=True)]
        return (
            np.concatenate([angles, more[0]]).astype(np.intp),
            np.concatenate([parameters, more[1]]).astype(np.intp),
            np.concatenate([factors, more[2]]),
        )

    def gather(self, by_angle: Array, row: Array) -> Array:
        """Chain rule: derivatives by angle (n_angles,) to derivatives by parameter (n_parameters,)."""
        angles, parameters, values = self.jacobian(row)
        return np.asarray(np.bincount(parameters, values * by_angle[angles], self.n_parameters), dtype=np.float64)

    def spread(self, variances: Array, row: Array) -> Array:
        """Variances of derivatives by angle to those by parameter, for angles that are measured independently."""
        angles, parameters, values = self.jacobian(row)
        return np.asarray(np.bincount(parameters, values**2 * variances[angles], self.n_parameters), dtype=np.float64)

    def texts(self) -> list[str]:
        """What tells angles apart, a line each."""
        lines = [float(offset).hex() for offset in self.offsets]
        for angle, parameter, factor in self.entries:
            lines[angle] += f" {parameter}:{float(factor).hex()}"
        for curve in self.curves:
            lines[curve.angle] = curve.text()
        return lines


def angles_of(expressions: Sequence[Any], symbols: Sequence[Any]) -> Angles:
    """The angles that Qiskit's expressions give.

    Args:
        expressions: a ParameterExpression for each angle.
        symbols: Qiskit's parameters in the order of a row.

    Raises:
        InputError: an expression cannot be differentiated, or is not real.
    """
    places = {symbol: k for k, symbol in enumerate(symbols)}
    entries: list[tuple[int, int, float]] = []
    offsets = np.zeros(len(expressions))
    curves: list[Curve] = []
    for angle, expression in enumerate(expressions):
        inside = sorted(((symbol, places[symbol]) for symbol in expression.parameters), key=lambda pair: pair[1])
        slopes = [_constant_slope(expression, symbol) for symbol, _ in inside]
        if any(slope is None for slope in slopes):
            curves.append(Curve(angle, expression, tuple(inside)))
            continue
        offsets[angle] = _real(expression.bind({symbol: 0.0 for symbol, _ in inside}))
        entries += [(angle, k, float(slope or 0.0)) for (_, k), slope in zip(inside, slopes, strict=True)]
    return Angles(len(expressions), len(symbols), tuple(entries), offsets, tuple(curves))


def _constant_slope(expression: Any, symbol: Any) -> float | None:
    """The derivative where it is a number; else None."""
    found = _gradient(expression, symbol)
    if getattr(found, "parameters", None):
        return None
    return _real(found)


def _slope(expression: Any, symbol: Any, at: dict[Any, float]) -> float:
    found = _gradient(expression, symbol)
    inside = getattr(found, "parameters", None)
    return _real(found.bind({s: at[s] for s in inside}) if inside else found)


def _gradient(expression: Any, symbol: Any) -> Any:
    try:
        return expression.gradient(symbol)
    except Exception as error:
        raise InputError(f"the angle {expression} cannot be differentiated by {symbol}: {error}") from None


def _real(value: Any) -> float:
    number = complex(value)
    if abs(number.imag) > 1e-12 * max(1.0, abs(number)) or not np.isfinite(number.real):
        raise InputError(f"an angle of the circuit is {number}; angles must be real and finite")
    return number.real
