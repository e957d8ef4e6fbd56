"""The peers, their engines, and how much an engine's work grows with the problem."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from benchmarks.peers.problem import Problem

Space = Literal["determinants", "electrons", "qubits"]


@dataclass(frozen=True)
class Engine:
    """One way in which a peer computes.

    Attributes:
        name: what its worker calls it.
        space: what its state vector spans: "determinants" of fixed alpha and beta numbers, all with the right
            number of "electrons", or all of the "qubits".
    """

    name: str
    space: Space

    def amplitudes(self, problem: Problem) -> int:
        """Length of the state vector."""
        n, electrons = problem.n_orbitals, problem.n_electrons
        if self.space == "determinants":
            return math.comb(n, electrons // 2) ** 2
        return math.comb(2 * n, electrons) if self.space == "electrons" else 4**n

    def work(self, problem: Problem) -> int:
        """Amplitudes times parameters: what one sweep is at least proportional to."""
        return self.amplitudes(problem) * problem.n_parameters


@dataclass(frozen=True)
class Peer:
    """A program to measure; `title` is for people, `engines` are tried in order."""

    name: str
    title: str
    engines: tuple[Engine, ...]

    @property
    def module(self) -> str:
        """Its worker."""
        return f"benchmarks.peers.{self.name}_worker"


PEERS = (
    Peer("hybridq", "hybridq", (Engine("sector", "determinants"),)),
    Peer(
        "tencirchem",
        "TenCirChem-NG",
        (
            Engine("jax-civector", "determinants"),
            Engine("numpy-civector", "determinants"),
            Engine("numpy-civector-large", "determinants"),
        ),
    ),
    Peer(
        "mindquantum",
        "MindQuantum",
        (Engine("mqchem", "electrons"), Engine("mqvector", "qubits")),
    ),
    Peer("qulacs", "Qulacs", (Engine("backprop", "qubits"),)),
    Peer("scaluq", "scaluq", (Engine("backprop", "qubits"),)),
    Peer(
        "lightning",
        "PennyLane lightning.qubit",
        (
            Engine("excitation", "qubits"),
            Engine("excitation-pauli", "qubits"),
            Engine("fermionic", "qubits"),
        ),
    ),
)


def select(names: str) -> list[tuple[Peer, Engine]]:
    """Peers from text such as ``"hybridq,lightning:fermionic"``; a bare name means all of its engines.

    Raises:
        ValueError: a peer or an engine is not known; the message lists those that are.
    """
    known = {peer.name: peer for peer in PEERS}
    chosen = []
    for item in names.split(","):
        name, _, wanted = item.strip().partition(":")
        if name not in known:
            raise ValueError(f"unknown peer {name!r}; known: {', '.join(known)}")
        engines = {engine.name: engine for engine in known[name].engines}
        if wanted and wanted not in engines:
            raise ValueError(f"{name} has no engine {wanted!r}; known: {', '.join(engines)}")
        chosen += [(known[name], engine) for engine in engines.values() if wanted in ("", engine.name)]
    return chosen
