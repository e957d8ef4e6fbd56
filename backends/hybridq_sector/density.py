"""Reduced density matrices of a state vector, by PySCF."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridq.contract.task import RDM


def rdm(psi: NDArray[Any], n_orbitals: int, n_electrons: tuple[int, int]) -> RDM:
    """Spin-summed 1- and 2-RDM of a real or complex state vector (alpha strings x beta strings).

    PySCF's 1-RDM is ``<q+ p>``, its 2-RDM ``<p+ r+ s q>``; the first is transposed here to `RDM`'s ``<p+ q>``.
    """
    from pyscf.fci import direct_spin1

    if not np.iscomplexobj(psi):
        one, two = direct_spin1.make_rdm12(psi, n_orbitals, n_electrons)
        return RDM(np.asarray(one), np.asarray(two))
    a, b = np.ascontiguousarray(psi.real), np.ascontiguousarray(psi.imag)
    one, two = (np.asarray(x, dtype=complex) for x in direct_spin1.make_rdm12(a, n_orbitals, n_electrons))
    for x, y, unit in ((b, b, 1), (a, b, 1j), (b, a, -1j)):  # <a - i b| O |a + i b>, one term at a time
        more_one, more_two = direct_spin1.trans_rdm12(x, y, n_orbitals, n_electrons)
        one += unit * np.asarray(more_one)
        two += unit * np.asarray(more_two)
    return RDM(np.ascontiguousarray(one.T), two)
