"""Compiled sweeps: the product of exponentials forward, and back with the gradient.

A factor comes as ``c`` (cosine of its angle) and ``w`` (sine times eta); for a number product ``w`` is the
phase itself. `sweep_forward` and `sweep_back` run all groups in one call, or a range of lanes (or row pairs) of
one group, so that threads can share it. The sums behind a gradient component are kept per block of lanes and
added in a fixed order: the same bits for any thread count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hybridq_sector.program import DIRECT, LANES, PACKED_ROWS_ALPHA

# "contract" lets a product and a sum become one fused operation; nothing is reordered.
_jit = njit(cache=True, nogil=True, fastmath={"contract"})


@_jit
def block_width(n: int) -> int:
    """Lanes packed side by side when there are n in all: blocks of nearly equal size, at most LANES each."""
    blocks = max(1, -(-n // LANES))
    even = -(-n // blocks)
    return max(8, min(LANES, -(-even // 8) * 8))


@_jit
def _load(view: Any, columns: Any, buffer: Any) -> None:
    for r in range(view.shape[0]):
        x = view[r]
        b = buffer[r]
        for k in range(columns.shape[0]):
            b[k] = x[columns[k]]


@_jit
def _load_signed(view: Any, columns: Any, signs: Any, buffer: Any) -> None:
    for r in range(view.shape[0]):
        x = view[r]
        b = buffer[r]
        for k in range(columns.shape[0]):
            b[k] = x[columns[k]] * signs[k]


@_jit
def _store(view: Any, columns: Any, buffer: Any) -> None:
    for r in range(view.shape[0]):
        x = view[r]
        b = buffer[r]
        for k in range(columns.shape[0]):
            x[columns[k]] = b[k]


@_jit
def _store_signed(view: Any, columns: Any, signs: Any, buffer: Any) -> None:
    for r in range(view.shape[0]):
        x = view[r]
        b = buffer[r]
        for k in range(columns.shape[0]):
            x[columns[k]] = b[k] * signs[k]


@_jit
def _rotate(
    X: Any, Y: Any, n: int, source: Any, target: Any, sign: Any, start: int, stop: int, c: float, w: Any
) -> None:
    for p in range(start, stop):
        x = X[source[p]]
        y = Y[target[p]]
        a = w * sign[p]
        b = np.conj(a)
        for k in range(n):
            u = x[k]
            v = y[k]
            x[k] = c * u - b * v
            y[k] = c * v + a * u


@_jit
def _overlap_rotate(
    X: Any,
    Y: Any,
    U: Any,
    V: Any,
    n: int,
    source: Any,
    target: Any,
    sign: Any,
    start: int,
    stop: int,
    c: float,
    w: Any,
    eta: Any,
) -> float:
    """Re <lambda|G|psi> over the pairs, then undo the rotation of both; X, Y hold psi and U, V lambda."""
    lanes = np.zeros(LANES)
    for p in range(start, stop):
        x = X[source[p]]
        y = Y[target[p]]
        u = U[source[p]]
        v = V[target[p]]
        e = eta * sign[p]
        a = w * sign[p]
        b = np.conj(a)
        for k in range(n):
            xk = x[k]
            yk = y[k]
            uk = u[k]
            vk = v[k]
            lanes[k] += np.real(e * (np.conj(vk) * xk - uk * np.conj(yk)))
            x[k] = c * xk + b * yk
            y[k] = c * yk - a * xk
            u[k] = c * uk + b * vk
            v[k] = c * vk - a * uk
    total = 0.0
    for k in range(n):
        total += lanes[k]
    return total


@_jit
def packed_forward(
    view: Any,
    shared: Any,
    k0: int,
    k1: int,
    alias: bool,
    ladder: Any,
    first: int,
    last: int,
    rows: Any,
    c: Any,
    w: Any,
    work: Any,
) -> None:
    """Lanes k0 to k1 (k0 a multiple of `block_width`) of a packed group.

    `shared` and `rows` are (source, target, sign, ...) tuples: of the common ladder alone, and of the row
    spin's whole table with its starts. `alias`: the common ladder is diagonal, one buffer serves.
    """
    columns, partners, signs = shared
    start, source, target, sign = rows
    X = work[0]
    Y = work[0] if alias else work[1]
    lanes = block_width(columns.shape[0])
    for k in range(k0, k1, lanes):
        stop = min(k + lanes, k1)
        here, there, sign_there = columns[k:stop], partners[k:stop], signs[k:stop]
        _load(view, here, X)
        if not alias:
            _load_signed(view, there, sign_there, Y)
        for f in range(first, last):
            n = ladder[f]
            _rotate(X, Y, stop - k, source, target, sign, start[n], start[n + 1], c[f], w[f])
        _store(view, here, X)
        if not alias:
            _store_signed(view, there, sign_there, Y)


@_jit
def packed_back(
    psi: Any, lam: Any, shared: Any, k0: int, k1: int, alias: bool, ladder: Any, first: int, last: int,
    rows: Any, c: Any, w: Any, eta: Any, work: Any, partial: Any,
) -> None:  # fmt: skip
    """The same, undone, on psi and lambda; adds to ``partial[block of lanes, factor]``."""
    columns, partners, signs = shared
    start, source, target, sign = rows
    X, U = work[0], work[2]
    Y = X if alias else work[1]
    V = U if alias else work[3]
    lanes = block_width(columns.shape[0])
    for k in range(k0, k1, lanes):
        stop = min(k + lanes, k1)
        here, there, sign_there = columns[k:stop], partners[k:stop], signs[k:stop]
        _load(psi, here, X)
        _load(lam, here, U)
        if not alias:
            _load_signed(psi, there, sign_there, Y)
            _load_signed(lam, there, sign_there, V)
        for f in range(last - 1, first - 1, -1):
            n = ladder[f]
            partial[k // lanes, f] += _overlap_rotate(
                X, Y, U, V, stop - k, source, target, sign, start[n], start[n + 1], c[f], w[f], eta[f]
            )
        _store(psi, here, X)
        _store(lam, here, U)
        if not alias:
            _store_signed(psi, there, sign_there, Y)
            _store_signed(lam, there, sign_there, V)


@_jit
def direct_forward(
    psi: Any, shared: Any, p0: int, p1: int, ladder: Any, first: int, last: int, columns: Any, c: Any, w: Any
) -> None:
    """Row pairs p0 to p1 of the common alpha ladder; each factor picks pairs of columns by its beta ladder."""
    start, source, target, sign = columns
    for p in range(p0, p1):
        x = psi[shared[0][p]]
        y = psi[shared[1][p]]
        s = shared[2][p]
        for f in range(first, last):
            n = ladder[f]
            cf, wf = c[f], w[f] * s
            for q in range(start[n], start[n + 1]):
                a = wf * sign[q]
                u = x[source[q]]
                v = y[target[q]]
                x[source[q]] = cf * u - np.conj(a) * v
                y[target[q]] = cf * v + a * u


@_jit
def direct_back(
    psi: Any, lam: Any, shared: Any, p0: int, p1: int, ladder: Any, first: int, last: int, columns: Any,
    c: Any, w: Any, eta: Any, partial: Any,
) -> None:  # fmt: skip
    """The same, undone, on psi and lambda; adds to ``partial[block of row pairs, factor]``."""
    start, source, target, sign = columns
    for p in range(p0, p1):
        x, y = psi[shared[0][p]], psi[shared[1][p]]
        u, v = lam[shared[0][p]], lam[shared[1][p]]
        s = shared[2][p]
        for f in range(last - 1, first - 1, -1):
            n = ladder[f]
            cf, wf, ef = c[f], w[f] * s, eta[f] * s
            total = 0.0
            for q in range(start[n], start[n + 1]):
                a = wf * sign[q]
                b = np.conj(a)
                e = ef * sign[q]
                i, j = source[q], target[q]
                xi, yj, ui, vj = x[i], y[j], u[i], v[j]
                total += np.real(e * (np.conj(vj) * xi - ui * np.conj(yj)))
                x[i] = cf * xi + b * yj
                y[j] = cf * yj - a * xi
                u[i] = cf * ui + b * vj
                v[j] = cf * vj - a * ui
            partial[p // LANES, f] += total


@_jit
def phase_forward(psi: Any, rows: Any, p0: int, p1: int, columns: Any, phase: Any) -> None:
    """Multiply the amplitudes on the given rows and columns by a phase."""
    for p in range(p0, p1):
        x = psi[rows[p]]
        for q in columns:
            x[q] *= phase


@_jit
def phase_back(psi: Any, lam: Any, rows: Any, p0: int, p1: int, columns: Any, phase: Any, f: int, partial: Any) -> None:
    """The same, undone, on psi and lambda; adds Re <lambda| i n n |psi> to ``partial[block of rows, f]``."""
    for p in range(p0, p1):
        x, u = psi[rows[p]], lam[rows[p]]
        total = 0.0
        for q in columns:
            total -= np.imag(np.conj(u[q]) * x[q])
            x[q] *= np.conj(phase)
            u[q] *= np.conj(phase)
        partial[p // LANES, f] += total


@_jit
def add_excitation(psi: Any, out: Any, alpha: Any, beta: Any, e: Any) -> None:
    """``out += G psi`` for one factor that is an excitation, with ``e`` its scale times eta; one pair at a time."""
    for p in range(alpha[0].shape[0]):
        x, y = psi[alpha[0][p]], psi[alpha[1][p]]
        u, v = out[alpha[0][p]], out[alpha[1][p]]
        for q in range(beta[0].shape[0]):
            i, j = beta[0][q], beta[1][q]
            a = e * (alpha[2][p] * beta[2][q])
            v[j] += a * x[i]
            u[i] -= np.conj(a) * y[j]


@_jit
def add_phase(psi: Any, out: Any, rows: Any, columns: Any, e: Any) -> None:
    """``out += e n n psi`` for one number product."""
    for r in rows:
        for q in columns:
            out[r, q] += e * psi[r, q]


@_jit
def _slice(table: Any, n: int) -> Any:
    start, source, target, sign = table
    a, b = start[n], start[n + 1]
    return source[a:b], target[a:b], sign[a:b]


@_jit
def units(group: Any, alpha: Any, beta: Any) -> int:
    """Lanes or row pairs of a group."""
    start = beta[0] if group[0] == PACKED_ROWS_ALPHA else alpha[0]
    shared = group[1]
    return int(start[shared + 1] - start[shared])


@_jit
def grain(group: Any, alpha: Any, beta: Any) -> int:
    """Ranges of units that threads take end at multiples of this."""
    return block_width(units(group, alpha, beta)) if group[0] < DIRECT else LANES


@_jit
def sweep_forward(
    psi: Any, groups: Any, first_unit: int, last_unit: int, fa: Any, fb: Any, alpha: Any, beta: Any, da: Any, db: Any,
    c: Any, w: Any, work: Any,
) -> None:  # fmt: skip
    """The given groups in order; of each, units first to last (exclusive), or all where last is negative."""
    # Views with general strides, so that one compiled function serves the state and its transpose.
    by_alpha, by_beta = psi[::1, ::1], psi.T[::1, ::1]
    for g in range(groups.shape[0]):
        kind, shared, first, last = groups[g, 0], groups[g, 1], groups[g, 2], groups[g, 3]
        u0, u1 = first_unit, last_unit
        if u1 < 0:
            u0, u1 = 0, units(groups[g], alpha, beta)
        if kind < DIRECT:
            if kind == PACKED_ROWS_ALPHA:
                view, common, alias, ladder, rows = by_alpha, _slice(beta, shared), db[shared], fa, alpha
            else:
                view, common, alias, ladder, rows = by_beta, _slice(alpha, shared), da[shared], fb, beta
            packed_forward(view, common, u0, u1, alias, ladder, first, last, rows, c, w, work)
        elif kind == DIRECT:
            direct_forward(psi, _slice(alpha, shared), u0, u1, fb, first, last, beta, c, w)
        else:
            phase_forward(psi, _slice(alpha, shared)[0], u0, u1, _slice(beta, fb[first])[0], w[first])


@_jit
def sweep_back(
    psi: Any, lam: Any, groups: Any, first_unit: int, last_unit: int, fa: Any, fb: Any, alpha: Any, beta: Any, da: Any,
    db: Any, c: Any, w: Any, eta: Any, work: Any, partial: Any,
) -> None:  # fmt: skip
    """The given groups in reverse, undone on psi and lambda; units as in `sweep_forward`."""
    psi_by_alpha, psi_by_beta = psi[::1, ::1], psi.T[::1, ::1]
    lam_by_alpha, lam_by_beta = lam[::1, ::1], lam.T[::1, ::1]
    for g in range(groups.shape[0] - 1, -1, -1):
        kind, shared, first, last = groups[g, 0], groups[g, 1], groups[g, 2], groups[g, 3]
        u0, u1 = first_unit, last_unit
        if u1 < 0:
            u0, u1 = 0, units(groups[g], alpha, beta)
        if kind < DIRECT:
            if kind == PACKED_ROWS_ALPHA:
                x, y, common, alias = psi_by_alpha, lam_by_alpha, _slice(beta, shared), db[shared]
                ladder, rows = fa, alpha
            else:
                x, y, common, alias = psi_by_beta, lam_by_beta, _slice(alpha, shared), da[shared]
                ladder, rows = fb, beta
            packed_back(x, y, common, u0, u1, alias, ladder, first, last, rows, c, w, eta, work, partial)
        elif kind == DIRECT:
            direct_back(psi, lam, _slice(alpha, shared), u0, u1, fb, first, last, beta, c, w, eta, partial)
        else:
            rows_here, columns = _slice(alpha, shared)[0], _slice(beta, fb[first])[0]
            phase_back(psi, lam, rows_here, u0, u1, columns, w[first], first, partial)
