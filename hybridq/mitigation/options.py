"""Mitigation: what is done about noise, as options; and its value at one factor of noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hybridq.contract.errors import InputError
from hybridq.measurement import Sample, Setting, estimate
from hybridq.mitigation.extrapolation import KINDS
from hybridq.mitigation.readout import Readout
from hybridq.mitigation.symmetry import Symmetry, check_enough

READOUTS = ("unbiased", "bounded")


@dataclass(frozen=True)
class Mitigation:
    """What is done about noise.

    Attributes:
        readout: "unbiased" corrects each product of Z by the measured errors of its qubits; "bounded" corrects the
            weights of the strings that were seen; None does nothing.
        zne: "linear", "exponential" or "richardson" extrapolation from circuits with folded two-qubit gates; or None.
        factors: how often each two-qubit gate is done, odd and ascending from 1.
        symmetry: throw samples with wrong electrons or parities away, where a setting shows them.

    Raises:
        InputError: an option is something else.
    """

    readout: str | None = None
    zne: str | None = None
    factors: tuple[int, ...] = (1, 3, 5)
    symmetry: bool = False

    def __post_init__(self) -> None:
        if self.readout not in (None, *READOUTS):
            raise InputError(f"readout is mitigated {' or '.join(READOUTS)}, got {self.readout!r}")
        if self.zne not in (None, *KINDS):
            raise InputError(f"zne is one of {', '.join(KINDS)}, got {self.zne!r}")
        factors = tuple(self.factors)
        odd = all(isinstance(f, int) and not isinstance(f, bool) and f % 2 == 1 and f > 0 for f in factors)
        if not odd or len(factors) < 2 or factors[0] != 1 or list(factors) != sorted(set(factors)):
            raise InputError(f"factors of noise are odd and ascend from 1, such as 1/3/5, got {self.factors!r}")
        object.__setattr__(self, "factors", factors)
        if not isinstance(self.symmetry, bool):
            raise InputError(f"symmetry is True or False, got {self.symmetry!r}")

    @classmethod
    def of(cls, words: str) -> Mitigation:
        """From words such as "readout,zne=linear,factors=1/3/5,symmetry"; "readout" alone is "readout=unbiased".

        Raises:
            InputError: an unknown word, a word twice, or factors without zne.
        """
        if not isinstance(words, str):
            raise InputError(f"mitigation is told in words such as 'readout,zne=linear,symmetry', got {words!r}")
        found: dict[str, Any] = {}
        for word in filter(None, (part.strip() for part in words.split(","))):
            name, equals, value = word.partition("=")
            if name in found:
                raise InputError(f"mitigation names {name} twice: {words!r}; say it once")
            if name == "readout":
                found[name] = value if equals else READOUTS[0]
            elif name == "zne":
                found[name] = value if equals else KINDS[0]
            elif name == "factors" and equals:
                parts = value.split("/")
                if not all(part.isdigit() for part in parts):
                    raise InputError(f"factors of noise are odd and ascend from 1, such as 1/3/5, got {value!r}")
                found[name] = tuple(int(part) for part in parts)
            elif name == "symmetry" and not equals:
                found[name] = True
            else:
                raise InputError(
                    f"mitigation is made of readout[=unbiased|bounded], zne[=linear|exponential|richardson], "
                    f"factors=1/3/5 and symmetry, with commas; got {word!r}"
                )
        if "factors" in found and "zne" not in found:
            raise InputError(f"factors of noise are for zne, which {words!r} does not ask for; add zne=linear")
        return cls(**found)

    @property
    def text(self) -> str:
        """The words that `of` takes."""
        words = [f"readout={self.readout}"] if self.readout else []
        if self.zne:
            words += [f"zne={self.zne}", f"factors={'/'.join(map(str, self.factors))}"]
        return ",".join([*words, *(["symmetry"] if self.symmetry else [])])

    @property
    def shots_factor(self) -> float:
        """How many times the shots a value takes for the same standard error; readout's part is not known before.

        The shots are shared evenly by the factors of noise, and the weights of the extrapolation spread their errors.
        """
        if not self.zne:
            return 1.0
        from hybridq.mitigation.extrapolation import extrapolate

        kind = "richardson" if self.zne == "richardson" else "linear"
        ones = [1.0] * len(self.factors)
        return len(self.factors) * extrapolate(self.factors, ones, ones, kind)[1] ** 2

    def describe(self) -> dict[str, Any]:
        """The options that are in use."""
        told: dict[str, Any] = {"readout": self.readout, "zne": self.zne, "symmetry": self.symmetry}
        return told | ({"factors": list(self.factors)} if self.zne else {})


def mitigated(
    setting: Setting, sample: Sample, readout: Readout | None, symmetry: Symmetry | None, how: Mitigation
) -> tuple[float, float]:
    """Mean of a setting's part and the variance of that mean, at one factor of noise.

    Readout errors come last in time and are undone first. Where strings are to be thrown away after that, readout is
    corrected by bounded weights of strings, whatever was asked for; where a setting shows nothing that a string can
    have wrong, as was asked.

    Raises:
        BackendError: too few samples are right.
        InputError: the sample is of other qubits, or too small.
    """
    checked = symmetry is not None and symmetry.applies(setting)
    if readout is None:
        return estimate(setting, symmetry.keep(setting, sample) if symmetry is not None else sample)
    if not checked and how.readout != "bounded":
        return readout.estimate(setting, sample)
    found, values = readout.subspace(sample), setting.values(sample.bits)
    if symmetry is not None and checked:
        right = symmetry.right(setting, sample.bits)
        check_enough(float(found.weights @ right) * sample.shots, sample.shots)
        return found.estimate(values, right)
    mean, variance = found.estimate(values, np.ones(len(values), dtype=np.bool_))
    # Weights that are kept from being negative are off by about as much as an unbiased value may be.
    return mean, max(variance, readout.estimate(setting, sample)[1])
