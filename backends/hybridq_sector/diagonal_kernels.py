"""Compiled diagonal passes: a run of number products as one phase for each amplitude.

The phase of (row, column) is a factor of the row (products on alpha alone), one of the column (on beta alone), and for
each distinct alpha part of the run that the row contains, one more of the column. Neighbouring rows contain nearly
the same parts: the products of their factors are kept on a stack and only what changed is multiplied again. The
derivatives are sums of one density over the same sets, added up along the same stack.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

WIDTH = 64  # columns of a block

ALPHA_ONLY, BETA_ONLY = -2, -1  # slots of products on one spin

_jit = njit(cache=True, nogil=True, fastmath={"contract"})


@_jit
def _row_phases(first: int, last: int, slot: Any, fa: Any, alpha: Any, w: Any, phase: Any) -> None:
    start, source = alpha[0], alpha[1]
    phase[:] = 1
    for f in range(first, last):
        if slot[f] == ALPHA_ONLY:
            n = fa[f]
            for r in source[start[n] : start[n + 1]]:
                phase[r] *= w[f]


@_jit
def _column_phases(
    first: int, last: int, slot: Any, fb: Any, beta: Any, w: Any, k: int, m: int, re: Any, im: Any
) -> None:
    """Phase factors of columns k to k + m: row 0 of `re` and `im` for beta alone, row s + 1 for slot s."""
    start, source = beta[0], beta[1]
    re[:] = 1
    im[:] = 0
    for f in range(first, last):
        if slot[f] == ALPHA_ONLY:
            continue
        here, n = slot[f] + 1, fb[f]
        columns = source[start[n] : start[n + 1]]
        e, g = w[f].real, w[f].imag
        for t in range(np.searchsorted(columns, k), np.searchsorted(columns, k + m)):
            j = columns[t] - k
            x, y = re[here, j], im[here, j]
            re[here, j] = e * x - g * y
            im[here, j] = e * y + g * x


@_jit
def _kept(item: Any, r: int, start: Any, depth: int, stack: Any) -> int:
    """Levels of the stack that row r shares with the row before."""
    same = 0
    while same < depth and start[r] + same < start[r + 1] and stack[same] == item[start[r] + same]:
        same += 1
    return same


@_jit
def _push(level: int, s: int, re: Any, im: Any, above_re: Any, above_im: Any) -> None:
    e, f, x, y = re[s + 1], im[s + 1], above_re[level], above_im[level]
    u, v = above_re[level + 1], above_im[level + 1]
    for j in range(WIDTH):
        u[j] = e[j] * x[j] - f[j] * y[j]
        v[j] = e[j] * y[j] + f[j] * x[j]


@_jit
def forward(
    psi: Any, k0: int, k1: int, first: int, last: int, slot: Any, fa: Any, fb: Any, alpha: Any, beta: Any, start: Any,
    item: Any, n_slots: int, w: Any,
) -> None:  # fmt: skip
    """Columns k0 to k1 (k0 a multiple of WIDTH); row r contains the slots item[start[r]:start[r + 1]]."""
    n_rows = psi.shape[0]
    phase = np.empty(n_rows, dtype=np.complex128)
    _row_phases(first, last, slot, fa, alpha, w, phase)
    re, im = np.empty((n_slots + 1, WIDTH)), np.empty((n_slots + 1, WIDTH))
    product_re, product_im = np.empty((n_slots + 1, WIDTH)), np.empty((n_slots + 1, WIDTH))
    stack = np.empty(n_slots + 1, dtype=np.int64)
    for k in range(k0, k1, WIDTH):
        m = min(WIDTH, k1 - k)
        _column_phases(first, last, slot, fb, beta, w, k, m, re, im)
        product_re[0], product_im[0] = re[0], im[0]
        depth = 0
        for r in range(n_rows):
            keep = _kept(item, r, start, depth, stack)
            depth = start[r + 1] - start[r]
            for level in range(keep, depth):
                stack[level] = item[start[r] + level]
                _push(level, stack[level], re, im, product_re, product_im)
            x, e, f = psi[r], product_re[depth], product_im[depth]
            a, b = phase[r].real, phase[r].imag
            for j in range(m):
                u, v = a * e[j] - b * f[j], a * f[j] + b * e[j]
                z = x[k + j]
                x[k + j] = complex(u * z.real - v * z.imag, u * z.imag + v * z.real)


@_jit
def _pop(level: int, s: int, sums: Any, by_slot: Any) -> None:
    """Close a level: its sums belong to its slot and to the level below."""
    a, b, c = sums[level + 1], sums[level], by_slot[s + 1]
    for j in range(WIDTH):
        b[j] += a[j]
        c[j] += a[j]
        a[j] = 0


@_jit
def back(
    psi: Any, lam: Any, k0: int, k1: int, first: int, last: int, slot: Any, fa: Any, fb: Any, alpha: Any, beta: Any,
    start: Any, item: Any, n_slots: int, w: Any, partial: Any,
) -> None:  # fmt: skip
    """The same, undone, on psi and lambda; adds Re <lambda|G|psi> to ``partial[block of columns, factor]``."""
    n_rows = psi.shape[0]
    phase = np.empty(n_rows, dtype=np.complex128)
    _row_phases(first, last, slot, fa, alpha, w, phase)
    re, im = np.empty((n_slots + 1, WIDTH)), np.empty((n_slots + 1, WIDTH))
    product_re, product_im = np.empty((n_slots + 1, WIDTH)), np.empty((n_slots + 1, WIDTH))
    sums, by_slot = np.zeros((n_slots + 1, WIDTH)), np.zeros((n_slots + 1, WIDTH))
    by_row, lanes = np.zeros(n_rows), np.zeros(WIDTH)
    stack = np.empty(n_slots + 1, dtype=np.int64)
    a_start, a_source, b_start, b_source = alpha[0], alpha[1], beta[0], beta[1]
    for k in range(k0, k1, WIDTH):
        m = min(WIDTH, k1 - k)
        _column_phases(first, last, slot, fb, beta, w, k, m, re, im)
        product_re[0], product_im[0] = re[0], im[0]
        sums[:] = 0
        by_slot[:] = 0
        depth = 0
        for r in range(n_rows):
            keep = _kept(item, r, start, depth, stack)
            for level in range(depth - 1, keep - 1, -1):
                _pop(level, stack[level], sums, by_slot)
            depth = start[r + 1] - start[r]
            for level in range(keep, depth):
                stack[level] = item[start[r] + level]
                _push(level, stack[level], re, im, product_re, product_im)
            x, y, e, f, total = psi[r], lam[r], product_re[depth], product_im[depth], sums[depth]
            a, b = phase[r].real, phase[r].imag
            for j in range(m):
                u, v = a * e[j] - b * f[j], a * f[j] + b * e[j]
                z, q = x[k + j], y[k + j]
                d = q.imag * z.real - q.real * z.imag
                total[j] += d
                lanes[j] = d
                x[k + j] = complex(u * z.real + v * z.imag, u * z.imag - v * z.real)
                y[k + j] = complex(u * q.real + v * q.imag, u * q.imag - v * q.real)
            here = 0.0
            for j in range(m):
                here += lanes[j]
            by_row[r] = here
        for level in range(depth - 1, -1, -1):
            _pop(level, stack[level], sums, by_slot)
        by_slot[0] = sums[0]
        for f in range(first, last):
            found = 0.0
            if slot[f] == ALPHA_ONLY:
                n = fa[f]
                for r in a_source[a_start[n] : a_start[n + 1]]:
                    found += by_row[r]
            else:
                n = fb[f]
                columns = b_source[b_start[n] : b_start[n + 1]]
                column_sums = by_slot[slot[f] + 1]
                for t in range(np.searchsorted(columns, k), np.searchsorted(columns, k + m)):
                    found += column_sums[columns[t] - k]
            partial[k // WIDTH, f] += found
