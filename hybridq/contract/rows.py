"""Rows of parameters, checked; the same for every kind of circuit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridq.contract.errors import InputError


def checked_rows(params: ArrayLike, n_parameters: int) -> NDArray[np.float64]:
    """`params` as an array of shape (n_rows, n_parameters); one row may come flat.

    Raises:
        InputError: the shape is wrong or a value is not finite.
    """
    try:
        array = np.ascontiguousarray(params, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"parameters must be real numbers: {error}") from None
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2 or array.shape[1] != n_parameters:
        raise InputError(
            f"parameters must have shape (n_rows, {n_parameters}) or ({n_parameters},) for this circuit, "
            f"got {np.shape(params)}"
        )
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise InputError(f"parameter {column} of row {row} is {array[row, column]}; parameters must be finite")
    return array
