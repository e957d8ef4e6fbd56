"""The compiled loops of a schedule: each pair of tensors, forward and backward.

A step reads two tensors where they lie, by tables of offsets, and writes their product where its consumer wants it. Its
modes are divided: batch b (in both and in the product), k (summed), s (of the short tensor Y), and of the long tensor
X: h and l, of which l are the innermost. Then ``C[b, s, h, l] = sum_k X[b, k, h, l] Y[b, k, s]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hybridq_tensornet.columns import (
    CB,
    CH,
    CS,
    FIXED,
    GEMM,
    GRAD_X,
    GRAD_Y,
    NB,
    NH,
    NK,
    NL,
    NS,
    XB,
    XH,
    XK,
    XL,
    YB,
    YK,
    YS,
    C,
    X,
    Y,
)  # fmt: skip

_jit = njit(cache=True, nogil=True, fastmath={"contract"})


@_jit
def _pack_long(step: Any, where: Any, tables: Any, arena: Any, b: Any, out: Any) -> None:
    """X[b] as (k, h j)."""
    nh, nl = step[NH], step[NL]
    base = where[step[X]] + tables[step[XB] + b]
    for k in range(step[NK]):
        for h in range(nh):
            at = base + tables[step[XK] + k] + tables[step[XH] + h]
            if step[XL] < 0:
                for j in range(nl):
                    out[k, h * nl + j] = arena[at + j]
            else:
                for j in range(nl):
                    out[k, h * nl + j] = arena[at + tables[step[XL] + j]]


@_jit
def _pack_short(step: Any, where: Any, tables: Any, arena: Any, b: Any, out: Any) -> None:
    """Y[b] as (s, k)."""
    base = where[step[Y]] + tables[step[YB] + b]
    for s in range(step[NS]):
        for k in range(step[NK]):
            out[s, k] = arena[base + tables[step[YS] + s] + tables[step[YK] + k]]


@_jit
def _pack_out(step: Any, where: Any, tables: Any, arena: Any, b: Any, out: Any) -> None:
    """C[b] as (s, h j)."""
    nh, nl = step[NH], step[NL]
    base = where[step[C]] + tables[step[CB] + b]
    for s in range(step[NS]):
        for h in range(nh):
            at = base + tables[step[CS] + s] + tables[step[CH] + h]
            for j in range(nl):
                out[s, h * nl + j] = arena[at + j]


@_jit
def _product(step: Any, where: Any, tables: Any, arena: Any) -> None:
    nk, ns, nh, nl = step[NK], step[NS], step[NH], step[NL]
    x0, y0, c0 = where[step[X]], where[step[Y]], where[step[C]]
    if step[GEMM]:
        n = nh * nl
        long = np.empty((nk, n), arena.dtype)
        short = np.empty((ns, nk), arena.dtype)
        out = np.empty((ns, n), arena.dtype)
        for b in range(step[NB]):
            _pack_long(step, where, tables, arena, b, long)
            _pack_short(step, where, tables, arena, b, short)
            np.dot(short, long, out)
            base = c0 + tables[step[CB] + b]
            for s in range(ns):
                for h in range(nh):
                    at = base + tables[step[CS] + s] + tables[step[CH] + h]
                    for j in range(nl):
                        arena[at + j] = out[s, h * nl + j]
        return
    for b in range(step[NB]):
        xb = x0 + tables[step[XB] + b]
        yb = y0 + tables[step[YB] + b]
        cb = c0 + tables[step[CB] + b]
        for s in range(ns):
            ys = yb + tables[step[YS] + s]
            cs = cb + tables[step[CS] + s]
            for h in range(nh):
                xh = xb + tables[step[XH] + h]
                ch = cs + tables[step[CH] + h]
                out = arena[ch : ch + nl]
                for k in range(nk):
                    y = arena[ys + tables[step[YK] + k]]
                    xk = xh + tables[step[XK] + k]
                    if step[XL] < 0:
                        x = arena[xk : xk + nl]
                        if k == 0:
                            for j in range(nl):
                                out[j] = x[j] * y
                        else:
                            for j in range(nl):
                                out[j] += x[j] * y
                    else:
                        t = step[XL]
                        if k == 0:
                            for j in range(nl):
                                out[j] = arena[xk + tables[t + j]] * y
                        else:
                            for j in range(nl):
                                out[j] += arena[xk + tables[t + j]] * y


@_jit
def forward(steps: Any, tables: Any, where: Any, arena: Any, again: Any) -> None:
    """All products; those that no slice changes are left where they are when `again`."""
    for i in range(len(steps)):
        if not (again and steps[i, FIXED]):
            _product(steps[i], where, tables, arena)


@_jit
def _long_cotangent(step: Any, where: Any, tables: Any, arena: Any, back: Any, given: Any, leaves: Any) -> None:
    nk, ns, nh, nl = step[NK], step[NS], step[NH], step[NL]
    x0, y0, c0 = back[step[X]], where[step[Y]], back[step[C]]
    add = step[X] < leaves
    for b in range(step[NB]):
        xb = x0 + tables[step[XB] + b]
        yb = y0 + tables[step[YB] + b]
        cb = c0 + tables[step[CB] + b]
        for h in range(nh):
            ch = cb + tables[step[CH] + h]
            for k in range(nk):
                xk = xb + tables[step[XH] + h] + tables[step[XK] + k]
                for s in range(ns):
                    y = arena[yb + tables[step[YS] + s] + tables[step[YK] + k]]
                    at = ch + tables[step[CS] + s]
                    source = given[at : at + nl]
                    first = s == 0 and not add
                    if step[XL] < 0:
                        out = given[xk : xk + nl]
                        if first:
                            for j in range(nl):
                                out[j] = source[j] * y
                        else:
                            for j in range(nl):
                                out[j] += source[j] * y
                    else:
                        t = step[XL]
                        for j in range(nl):
                            if first:
                                given[xk + tables[t + j]] = source[j] * y
                            else:
                                given[xk + tables[t + j]] += source[j] * y


@_jit
def _short_cotangent(step: Any, where: Any, tables: Any, arena: Any, back: Any, given: Any, leaves: Any) -> None:
    nk, ns, nh, nl = step[NK], step[NS], step[NH], step[NL]
    x0, y0, c0 = where[step[X]], back[step[Y]], back[step[C]]
    add = step[Y] < leaves
    for b in range(step[NB]):
        xb = x0 + tables[step[XB] + b]
        yb = y0 + tables[step[YB] + b]
        cb = c0 + tables[step[CB] + b]
        for s in range(ns):
            for k in range(nk):
                total = arena[0] * 0
                for h in range(nh):
                    xk = xb + tables[step[XH] + h] + tables[step[XK] + k]
                    at = cb + tables[step[CS] + s] + tables[step[CH] + h]
                    source = given[at : at + nl]
                    if step[XL] < 0:
                        x = arena[xk : xk + nl]
                        for j in range(nl):
                            total += x[j] * source[j]
                    else:
                        t = step[XL]
                        for j in range(nl):
                            total += arena[xk + tables[t + j]] * source[j]
                to = yb + tables[step[YS] + s] + tables[step[YK] + k]
                if add:
                    given[to] += total
                else:
                    given[to] = total


@_jit
def _by_matrices(step: Any, where: Any, tables: Any, arena: Any, back: Any, given: Any, leaves: Any) -> None:
    nk, ns, nh, nl = step[NK], step[NS], step[NH], step[NL]
    n = nh * nl
    out = np.empty((ns, n), arena.dtype)
    long = np.empty((nk, n), arena.dtype)
    short = np.empty((ns, nk), arena.dtype)
    for b in range(step[NB]):
        _pack_out(step, back, tables, given, b, out)
        if step[GRAD_X]:
            _pack_short(step, where, tables, arena, b, short)
            np.dot(short.T, out, long)
            base = back[step[X]] + tables[step[XB] + b]
            add = step[X] < leaves
            for k in range(nk):
                for h in range(nh):
                    at = base + tables[step[XK] + k] + tables[step[XH] + h]
                    for j in range(nl):
                        to = at + (j if step[XL] < 0 else tables[step[XL] + j])
                        if add:
                            given[to] += long[k, h * nl + j]
                        else:
                            given[to] = long[k, h * nl + j]
        if step[GRAD_Y]:
            _pack_long(step, where, tables, arena, b, long)
            np.dot(out, long.T, short)
            base = back[step[Y]] + tables[step[YB] + b]
            add = step[Y] < leaves
            for s in range(ns):
                for k in range(nk):
                    to = base + tables[step[YS] + s] + tables[step[YK] + k]
                    if add:
                        given[to] += short[s, k]
                    else:
                        given[to] = short[s, k]


@_jit
def backward(steps: Any, tables: Any, where: Any, arena: Any, back: Any, given: Any, leaves: Any) -> None:
    """Cotangents of the tensors that depend on leaves below `leaves`, from that of the last product.

    Those of leaves are added to what is there.
    """
    for i in range(len(steps) - 1, -1, -1):
        step = steps[i]
        if step[GEMM]:
            if step[GRAD_X] or step[GRAD_Y]:
                _by_matrices(step, where, tables, arena, back, given, leaves)
            continue
        if step[GRAD_X]:
            _long_cotangent(step, where, tables, arena, back, given, leaves)
        if step[GRAD_Y]:
            _short_cotangent(step, where, tables, arena, back, given, leaves)
