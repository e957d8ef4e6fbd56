"""FermionicCircuit: a reference determinant followed by a product of exponentials."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.contract.errors import InputError
from hybridq.contract.generators import Excitation, Generator, NumberProduct
from hybridq.contract.rows import checked_rows


@dataclass(frozen=True, slots=True)
class Factor:
    """``exp(scale * parameters[parameter] * generator)``; several factors may share a parameter."""

    generator: Generator
    parameter: int
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class FermionicCircuit:
    """``|psi(t)> = exp(t_N G_N) ... exp(t_1 G_1) |reference>``: the first factor acts first.

    Attributes:
        n_orbitals: spatial orbitals.
        reference: occupied alpha orbitals and occupied beta orbitals, each ascending.
        factors: the exponentials in the order in which they act.
        n_parameters: length of a parameter row; each parameter is used by at least one factor.
        initial: a starting row in radians, shape (n_parameters,); zeros where empty.
        name: the family it came from.
        notes: what was left out or changed when it was made, for people.

    Two circuits are equal, and share compiled tables, when all but `initial`, `name` and `notes` agree.

    Raises:
        InputError: an orbital, parameter or occupation is out of range, or a scale is not finite.
    """

    n_orbitals: int
    reference: tuple[tuple[int, ...], tuple[int, ...]]
    factors: tuple[Factor, ...]
    n_parameters: int
    initial: tuple[float, ...] = ()
    name: str = "circuit"
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.n_orbitals < 1:
            raise InputError(f"a circuit needs at least one orbital, got {self.n_orbitals}")
        for spin, occupied in zip(("alpha", "beta"), self.reference, strict=True):
            if list(occupied) != sorted(set(occupied)) or any(not 0 <= p < self.n_orbitals for p in occupied):
                raise InputError(
                    f"occupied {spin} orbitals must be ascending, without repeats and below {self.n_orbitals}, "
                    f"got {occupied}"
                )
        used = set()
        for k, factor in enumerate(self.factors):
            if factor.generator.max_orbital >= self.n_orbitals:
                raise InputError(
                    f"factor {k} ({factor.generator}) names an orbital beyond the {self.n_orbitals} there are"
                )
            if not 0 <= factor.parameter < self.n_parameters:
                raise InputError(f"factor {k} uses parameter {factor.parameter}, but there are {self.n_parameters}")
            if not math.isfinite(factor.scale):
                raise InputError(f"factor {k} has scale {factor.scale}; it must be finite")
            used.add(factor.parameter)
        if len(used) != self.n_parameters:
            unused = sorted(set(range(self.n_parameters)) - used)
            raise InputError(f"parameters {unused[:10]} are used by no factor; leave them out")
        if self.initial and len(self.initial) != self.n_parameters:
            raise InputError(f"initial has {len(self.initial)} values for {self.n_parameters} parameters")

    @property
    def n_alpha(self) -> int:
        """Number of alpha electrons."""
        return len(self.reference[0])

    @property
    def n_beta(self) -> int:
        """Number of beta electrons."""
        return len(self.reference[1])

    @property
    def n_qubits(self) -> int:
        """Qubits under an encoding without reduction: one for each spin orbital."""
        return 2 * self.n_orbitals

    @cached_property
    def is_real(self) -> bool:
        """True where every generator is real, so that the state is real as well."""
        return all(f.generator.is_real for f in self.factors)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the structure, hexadecimal; the same on every machine and Python."""
        text = [f"fermionic-circuit 1 {self.n_orbitals} {self.reference} {self.n_parameters}"]
        for f in self.factors:
            g = f.generator
            if isinstance(g, Excitation):
                moved = (g.alpha.creations, g.alpha.annihilations, g.beta.creations, g.beta.annihilations)
                kind = f"{'E' if g.fermionic else 'Q'}{int(g.imaginary)} {moved}"
            else:
                kind = f"N {g.alpha}{g.beta}"
            text.append(f"{kind} {f.parameter} {float(f.scale).hex()}")
        return hashlib.sha256("\n".join(text).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FermionicCircuit) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def parameter_index(self) -> NDArray[np.intp]:
        """Parameter of each factor, shape (n_factors,)."""
        return np.array([f.parameter for f in self.factors], dtype=np.intp)

    @cached_property
    def scales(self) -> NDArray[np.float64]:
        """Scale of each factor, shape (n_factors,)."""
        return np.array([f.scale for f in self.factors], dtype=np.float64)

    def angles(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """Angle of each factor in radians, shape (n_factors,), for one row of parameters (n_parameters,)."""
        return self.scales * row[self.parameter_index]

    def gather(self, by_factor: NDArray[np.float64]) -> NDArray[np.float64]:
        """Chain rule: derivatives by angle (n_factors,) to derivatives by parameter (n_parameters,)."""
        summed = np.bincount(self.parameter_index, weights=by_factor * self.scales, minlength=self.n_parameters)
        return np.asarray(summed, dtype=np.float64)

    @property
    def start(self) -> NDArray[np.float64]:
        """The starting row, shape (n_parameters,), radians."""
        return np.array(self.initial, dtype=np.float64) if self.initial else np.zeros(self.n_parameters)

    def rows(self, params: ArrayLike) -> NDArray[np.float64]:
        """`params` as a checked array of shape (n_rows, n_parameters); one row may come flat.

        Raises:
            InputError: the shape is wrong or a value is not finite.
        """
        return checked_rows(params, self.n_parameters)

    def with_initial(self, initial: ArrayLike) -> FermionicCircuit:
        """The same circuit with another starting row."""
        return replace(self, initial=tuple(float(x) for x in self.rows(initial)[0]))

    def unshared(self) -> FermionicCircuit:
        """The same product with one parameter of scale 1 for each factor (what the shift rule needs)."""
        factors = tuple(Factor(f.generator, k) for k, f in enumerate(self.factors))
        return FermionicCircuit(self.n_orbitals, self.reference, factors, len(factors), name=f"{self.name}, unshared")

    def kinds(self) -> dict[str, int]:
        """Number of factors by kind: singles, doubles, number products and so on."""
        names = {1: "singles", 2: "doubles", 3: "triples", 4: "quadruples"}
        counts: Counter[str] = Counter()
        for f in self.factors:
            if isinstance(f.generator, NumberProduct):
                counts["number products"] += 1
            else:
                kind = names.get(f.generator.rank, f"rank-{f.generator.rank} excitations")
                qubit = "" if f.generator.fermionic else "qubit "
                counts[("imaginary " if f.generator.imaginary else "") + qubit + kind] += 1
        return dict(counts)

    def __str__(self) -> str:
        from hybridq.contract.estimate import jordan_wigner_estimate

        estimate = jordan_wigner_estimate(self)
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.kinds().items()) or "no factors"
        lines = [
            f"{self.name}: {self.n_qubits} qubits, "
            f"{self.n_alpha}+{self.n_beta} electrons in {self.n_orbitals} orbitals",
            f"  parameters  {self.n_parameters}",
            f"  factors     {len(self.factors)} ({kinds})",
            f"  as gates    Jordan-Wigner: about {estimate.two_qubit_gates:,} two-qubit gates, "
            f"depth about {estimate.depth:,}",
        ]
        lines += [f"  note        {note}" for note in self.notes]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"<FermionicCircuit {self.name!r}: {self.n_parameters} parameters, {len(self.factors)} factors, "
            f"{self.n_alpha}+{self.n_beta} electrons in {self.n_orbitals} orbitals, {self.digest[:12]}>"
        )


def product(
    n_orbitals: int,
    n_electrons: tuple[int, int],
    generators: Sequence[Generator],
    *,
    name: str = "circuit",
    initial: Sequence[float] = (),
    notes: tuple[str, ...] = (),
) -> FermionicCircuit:
    """A circuit with one parameter for each generator, on the determinant of the lowest orbitals."""
    n_alpha, n_beta = n_electrons
    return FermionicCircuit(
        n_orbitals,
        (tuple(range(n_alpha)), tuple(range(n_beta))),
        tuple(Factor(g, k) for k, g in enumerate(generators)),
        len(generators),
        tuple(initial),
        name,
        notes,
    )
