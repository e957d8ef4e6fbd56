"""Columns of a row of a schedule's steps."""

from __future__ import annotations

# Numbers of tensors, sizes, starts of tables, flags; see `kernels` for what the letters mean.
X, Y, C, NB, NK, NS, NH, NL, XB, XK, XH, XL, YB, YK, YS, CB, CS, CH, GRAD_X, GRAD_Y, GEMM, FIXED = range(22)
WIDTH = 22
