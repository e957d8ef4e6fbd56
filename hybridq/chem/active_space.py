"""Which orbitals and electrons of a mean-field calculation are active."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.chem.problem import electron_pair, whole_number
from hybridq.contract.errors import InputError


@dataclass(frozen=True)
class ActiveSpace:
    """Orbitals by their index in the mean field's order, counted from 0.

    Attributes:
        core: doubly occupied and frozen.
        active: correlated; doubly occupied first, then singly occupied, then empty in the reference.
        n_alpha: alpha electrons in `active`.
        n_beta: beta electrons in `active`.
    """

    core: tuple[int, ...]
    active: tuple[int, ...]
    n_alpha: int
    n_beta: int


def choose(
    occupations: NDArray[np.float64],
    n_chemical_core: int,
    active_electrons: int | tuple[int, int] | None,
    active_orbitals: int | None,
    orbitals: Sequence[int] | None,
    frozen_core: bool,
) -> ActiveSpace:
    """Turn what the user asked for into lists of orbitals.

    Args:
        occupations: 2, 1 or 0 for each orbital, shape (n,).
        n_chemical_core: how many of the lowest orbitals make up the chemical core.
        active_electrons: a number, (alpha, beta), or None for all that are not frozen.
        active_orbitals: a number, or None for all that are not frozen.
        orbitals: the active orbitals, or None.
        frozen_core: freeze the chemical core.

    Raises:
        InputError: the space is impossible; the message says what would be possible.
    """
    occupied = np.rint(occupations).astype(int)
    if np.abs(occupations - occupied).max(initial=0.0) > 1e-6 or not set(occupied.tolist()) <= {0, 1, 2}:
        raise InputError(
            "the mean field has fractional occupations; hybridq starts from one determinant, so turn smearing off"
        )
    if orbitals is not None:
        return _listed(occupied, active_electrons, active_orbitals, orbitals, frozen_core)
    n_total, spin = int(occupied.sum()), int((occupied == 1).sum())
    n_doubly = int((occupied == 2).sum())
    floor = n_chemical_core if frozen_core else 0
    if floor > n_doubly:
        raise InputError(f"frozen_core needs {floor} doubly occupied orbitals, the reference has {n_doubly}")
    pair = _electrons(active_electrons, n_total - 2 * floor, spin)
    n_active = sum(pair)
    if n_active > n_total:
        raise InputError(f"active_electrons={active_electrons} is more than the {n_total} electrons of the molecule")
    if (n_total - n_active) % 2:
        raise InputError(
            f"active_electrons={active_electrons} leaves {n_total - n_active} of {n_total} electrons for the frozen "
            "core, which holds pairs: take one electron more or less"
        )
    n_core = (n_total - n_active) // 2
    if n_core > n_doubly:
        raise InputError(
            f"active_electrons={active_electrons} leaves out some of the {spin} unpaired electrons; take at least "
            f"{spin}"
        )
    if n_core < floor:
        raise InputError(
            f"active_electrons={active_electrons} reaches into the frozen core of {floor} orbitals; take at most "
            f"{n_total - 2 * floor}, or frozen_core=False"
        )
    room = len(occupied) - n_core
    size = room if active_orbitals is None else whole_number("active_orbitals", active_orbitals)
    if size < 1:
        raise InputError(f"active_orbitals must be at least 1, got {size}")
    if size > room:
        raise InputError(
            f"active_orbitals={size} is too many: the basis has {len(occupied)} orbitals, {n_core} of them frozen, "
            f"so at most {room}"
        )
    _fit(pair, size)
    order = np.argsort(-occupied, kind="stable")
    core = tuple(sorted(int(p) for p in order[:n_core]))
    return ActiveSpace(core, tuple(int(p) for p in order[n_core : n_core + size]), *pair)


def _listed(
    occupied: NDArray[Any],
    active_electrons: int | tuple[int, int] | None,
    active_orbitals: int | None,
    orbitals: Sequence[int],
    frozen_core: bool,
) -> ActiveSpace:
    listed = [whole_number("an orbital", p) for p in orbitals]
    if frozen_core:
        raise InputError("give either orbitals or frozen_core, not both: an explicit list says what is frozen")
    if not listed or len(set(listed)) != len(listed) or not all(0 <= p < len(occupied) for p in listed):
        raise InputError(
            f"orbitals must be different indices between 0 and {len(occupied) - 1} (counted from 0), got {listed}"
        )
    if active_orbitals is not None and active_orbitals != len(listed):
        raise InputError(f"active_orbitals={active_orbitals}, but {len(listed)} orbitals are listed")
    left_out = [p for p in range(len(occupied)) if p not in set(listed)]
    lonely = [p for p in left_out if occupied[p] == 1]
    if lonely:
        raise InputError(f"orbitals {lonely} are singly occupied in the reference and must be among the active ones")
    n_held = int(occupied[listed].sum())
    pair = _electrons(active_electrons, n_held, int((occupied == 1).sum()))
    if sum(pair) != n_held:
        raise InputError(
            f"active_electrons={active_electrons}, but the orbitals listed hold {n_held} electrons in the reference; "
            "leave active_electrons out or list other orbitals"
        )
    _fit(pair, len(listed))
    active = tuple(sorted(listed, key=lambda p: -int(occupied[p])))
    return ActiveSpace(tuple(p for p in left_out if occupied[p] == 2), active, *pair)


def _electrons(asked: int | tuple[int, int] | None, default: int, spin: int) -> tuple[int, int]:
    if asked is not None and not isinstance(asked, int | np.integer):
        pair = electron_pair(asked)
    else:
        total = default if asked is None else whole_number("active_electrons", asked)
        if total < 0:
            raise InputError(f"active_electrons must not be negative, got {total}")
        # Rounding up keeps the parity error for the caller, who knows the whole molecule.
        n_beta = max(0, (total - spin) // 2)
        pair = (total - n_beta, n_beta)
    if sum(pair) < 1:
        raise InputError(f"active_electrons must be at least 1, got {asked if asked is not None else default}")
    return pair


def _fit(pair: tuple[int, int], size: int) -> None:
    if max(pair) > size:
        raise InputError(
            f"{pair[0]} alpha and {pair[1]} beta electrons do not fit into {size} active orbitals; take more orbitals "
            "or fewer electrons"
        )
