"""What a matrix product state is asked for: its norm, values of operators, samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from hybridq.contract.errors import InputError
from hybridq_tensornet.mpo import Mpo
from hybridq_tensornet.mps import Mps, host

SPARSE = 8  # operator bonds from which its tensors are mostly zeros
AT_ONCE = 1 << 22  # complex numbers of the drawn prefixes' vectors that are held at once


def norm(state: Mps, xp: Any = np) -> float:
    """``sqrt(<psi|psi>)``, 1 to rounding."""
    around = xp.ones((1, 1))
    for tensor in state.tensors:
        left, _, right = tensor.shape
        half = (around @ tensor.reshape(left, 2 * right)).reshape(2 * left, right)
        around = tensor.reshape(2 * left, right).conj().T @ half
    return float(np.sqrt(host(around)[0, 0].real))


def expectation(state: Mps, operator: Mpo, xp: Any = np) -> float:
    """``<psi|O|psi>``, in the operator's unit, in one sweep from the first qubit to the last.

    Args:
        state: a normalized state.
        operator: on as many qubits.
        xp: the array module of the state's tensors.

    Raises:
        InputError: the numbers of qubits differ.
    """
    if len(state.tensors) != operator.n_qubits:
        raise InputError(f"the state is on {len(state.tensors)} qubits, the operator on {operator.n_qubits}")
    around = xp.ones((1, 1, 1))  # bonds of operator, bra, ket
    for tensor, site in zip(state.tensors, operator.tensors, strict=True):
        w, left, m = around.shape
        right, w_next = tensor.shape[2], site.shape[1]
        half = (around.reshape(w * left, m) @ tensor.reshape(m, 2 * right)).reshape(w, left, 2, right)
        half = half.transpose(0, 2, 1, 3).reshape(2 * w, left * right)
        full = (_matrix(site, xp) @ half).reshape(w_next, 2 * left, right)
        around = tensor.transpose(1, 0, 2).reshape(2 * left, right).conj().T @ full
    return float(host(around)[0, 0, 0].real)


def _matrix(site: Any, xp: Any) -> Any:
    """An operator's tensor (left, right, bra, ket) as a matrix from (left, ket) to (right, bra)."""
    left, right = site.shape[:2]
    matrix = site.transpose(1, 2, 0, 3).reshape(2 * right, 2 * left)
    if xp is np and min(left, right) >= SPARSE:
        from scipy.sparse import csr_array

        return csr_array(matrix)
    return xp.asarray(matrix)


def sample(state: Mps, shots: int, rng: np.random.Generator) -> dict[str, int]:
    """Counts of bit strings, qubit 0 the rightmost, drawn without correlations.

    Qubit after qubit is drawn from its probability given those before (Ferris and Vidal,
    doi:10.1103/PhysRevB.85.165146): shots that agree so far are one vector, and a binomial draw divides them.

    Args:
        state: a normalized state.
        shots: number of samples.
        rng: where chance comes from.
    """
    tensors = _isometries([host(tensor) for tensor in state.tensors])
    at_once = max(1, AT_ONCE // (4 * state.largest_bond))
    found: Counter[str] = Counter()
    while shots > 0:
        found.update(_drawn(tensors, min(shots, at_once), rng))
        shots -= at_once
    return dict(found)


def _isometries(tensors: Sequence[Any]) -> list[Any]:
    """The same state with ``sum_sr conj(T[left, s, right]) T[m, s, right] = 1`` for all but the first tensor."""
    found = list(tensors)
    for q in range(len(found) - 1, 0, -1):
        left, _, right = found[q].shape
        isometry, rest = np.linalg.qr(found[q].reshape(left, 2 * right).T)
        found[q] = isometry.T.reshape(-1, 2, right)
        found[q - 1] = found[q - 1] @ rest.T
    return found


def _drawn(tensors: Sequence[Any], shots: int, rng: np.random.Generator) -> dict[str, int]:
    counts = np.array([shots])
    vectors = np.ones((1, 1))  # of each prefix, on the bond to the right of it, normalized
    bits = np.zeros((1, 0), np.uint8)
    for tensor in tensors:
        left, _, right = tensor.shape
        branches = (vectors @ tensor.reshape(left, 2 * right)).reshape(-1, 2, right)
        weights = np.einsum("psr,psr->ps", branches, branches.conj()).real
        ones = rng.binomial(counts, weights[:, 1] / weights.sum(axis=1))
        split = np.stack([counts - ones, ones], axis=1)
        prefixes, values = np.nonzero(split)
        counts = split[prefixes, values]
        vectors = branches[prefixes, values] / np.sqrt(weights[prefixes, values])[:, None]
        bits = np.concatenate([bits[prefixes], values[:, None].astype(np.uint8)], axis=1)
    letters = np.ascontiguousarray(bits[:, ::-1]) + np.uint8(ord("0"))
    return {row.tobytes().decode(): int(count) for row, count in zip(letters, counts, strict=True)}
