"""A generator as the Hermitian Pauli strings that stand in the exponent."""

from __future__ import annotations

from hybridq.contract.errors import InputError
from hybridq.contract.generators import Generator
from hybridq.qubits.encoding import Encoding
from hybridq.qubits.pauli import generator_sum

_PHASE = (1.0, -1.0j, -1.0, 1.0j)  # (-i)^k: X^x Z^z = (-i)^|x & z| times its Hermitian string


def pauli_exponent(generator: Generator, encoding: Encoding) -> dict[tuple[int, int], float]:
    """Real h with ``generator = -i sum_P h_P P`` over Hermitian Pauli strings P = (x, z).

    The strings commute with each other, so the exponential of the sum is the product of the exponentials in any
    order. Masks are of the encoding's qubits; a qubit in x and z carries Y; (0, 0) is the identity. The order
    of the dictionary ascends in (x, z).

    Raises:
        InputError: the generator names an orbital beyond the encoding's.
    """
    n = encoding.n_modes // 2
    if generator.max_orbital >= n:
        raise InputError(f"generator {generator} names an orbital beyond the {n} of encoding {encoding.name!r}")
    out: dict[tuple[int, int], float] = {}
    for (x, z), coefficient in generator_sum(generator, n).items():
        new_x, new_z, sign = encoding.pauli(x, z)
        h = 1j * sign * coefficient * _PHASE[(new_x & new_z).bit_count() % 4]
        out[new_x, new_z] = out.get((new_x, new_z), 0.0) + h.real
    return {key: out[key] for key in sorted(out) if out[key] != 0}
