"""TensorCircuit-NG compiled by JAX.

As its documentation advises for many qubits: paths by cotengra with preprocessing (single gates merged into
neighbours) instead of the default greedy ones, subtrees reconfigured. "tensorcircuit" adds up the terms, each within
its light cone; "tensorcircuit-mpo" contracts the sum as one matrix product operator. The matrices of all rotations are
made at once: gate by gate (`circuit.ry(q, theta=...)`) the program that XLA compiles is four times as long, compiles
twice as long and runs half as fast. omeco, which the documentation prefers to cotengra, has no wheels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cotengra
import jax
import jax.numpy as jnp
import numpy as np
import tensorcircuit as tc
import tensornetwork as tn

from benchmarks.peers.wide_operator import matrix_product_operator
from benchmarks.peers.wide_worker import SEARCH_S

if TYPE_CHECKING:
    from benchmarks.peers.wide_worker import Array, Built


def build(asked: dict[str, Any]) -> Built:
    """`jax.jit` of the energy and of `value_and_grad`; complex128."""
    jax.config.update("jax_enable_x64", True)
    tc.set_backend("jax")
    tc.set_dtype("complex128")
    whole = asked["engine"] == "tensorcircuit-mpo"
    search = {
        "methods": ["greedy", "kahypar"], "minimize": "combo", "max_repeats": 64, "parallel": False, "progbar": False,
        "max_time": SEARCH_S / (1 if whole else len(asked["terms"])), "reconf_opts": {},
    }  # fmt: skip
    finder = cotengra.ReusableHyperOptimizer(**search)
    tc.set_contractor("custom", optimizer=finder, preprocessing=True)
    sites = matrix_product_operator(asked["n"], asked["terms"]) if whole else []

    def value(row: Any) -> Any:
        circuit = _circuit(asked, row)
        if whole:
            state = circuit.get_quvector()
            return jnp.real((state.adjoint() @ _operator(sites) @ state).eval_matrix()).ravel()[0]
        total = 0.0
        for letters, c in asked["terms"]:
            operators = [(getattr(tc.gates, letter.lower())(), [int(q)]) for q, letter in letters.items()]
            total = total + c * circuit.expectation(*operators, reuse=False, enable_lightcone=True)
        return jnp.real(total)

    compiled, both = jax.jit(value), jax.jit(jax.value_and_grad(value))

    def energy(row: Array) -> float:
        return float(compiled(jnp.asarray(row)))

    def gradient(row: Array) -> tuple[float, Array]:
        found, slopes = both(jnp.asarray(row))
        return float(found), np.asarray(slopes)

    return energy, gradient, {"form": "operator" if whole else "terms in light cones", "cotengra": search}


def _circuit(asked: dict[str, Any], row: Any) -> Any:
    c, s, e = jnp.cos(row / 2), jnp.sin(row / 2), jnp.exp(-0.5j * row)
    zero = jnp.zeros_like(e)
    matrices = {
        "ry": jnp.stack([c, -s, s, c], -1).reshape(-1, 2, 2).astype(jnp.complex128),
        "rz": jnp.stack([e, zero, zero, jnp.conj(e)], -1).reshape(-1, 2, 2),
    }
    circuit = tc.Circuit(asked["n"])
    for name, qubits, k in asked["gates"]:
        if k < 0:
            getattr(circuit, name)(*qubits)
        else:
            circuit.any(*qubits, unitary=matrices[name][k])
    return circuit


def _operator(sites: list[Any]) -> Any:
    nodes = [tn.Node(jnp.asarray(site)) for site in sites]
    for left, right in pairwise(nodes):
        left[1] ^ right[0]
    ends = [nodes[0][0], nodes[-1][1]]
    return tc.quantum.QuOperator([node[2] for node in nodes], [node[3] for node in nodes], [], ends)
