"""Tensor networks over ranks: rows, parts of the observable and slices are shared, and the bits stay the same."""

from __future__ import annotations

import numpy as np
import pytest

import hybridq as hq
from hybridq.comm import world
from hybridq.qubits import QubitProblem
from hybridq_circuits.qubit_families.hea import hea
from hybridq_tensornet.backend import TensorNetBackend


def ring(n: int, layers: int):
    problem = QubitProblem(hq.PauliSum.of({"Z" * n: 1.0}))
    return hea(problem, layers=layers, rotations="ry rz", entanglement="ring")


def observable(n: int) -> hq.PauliSum:
    labels = ["I" * (n - 1 - q) + "Z" + "I" * q for q in range(n)]
    return hq.PauliSum.of([(label, 0.3 + 0.1 * k) for k, label in enumerate(labels)])


@pytest.mark.parametrize("driver", ["energy", "gradient"])
@pytest.mark.parametrize(
    ("options", "n_rows"),
    [
        ({"form": "operator", "memory": "400KiB"}, 1),  # slices
        ({"form": "cones"}, 1),  # parts of the observable
        ({"form": "operator"}, 5),  # rows
        ({"form": "state"}, 1),  # one unit: the other ranks have nothing to do
    ],
    ids=str,
)
def test_any_number_of_ranks_gives_the_bits_of_one(driver, options, n_rows):
    circuit = ring(9, 4)
    rows = np.random.default_rng(7).uniform(-3, 3, (n_rows, circuit.n_parameters))
    task = hq.Task(circuit, rows, observable(9), driver=driver)
    alone = TensorNetBackend(threads=1, **options).submit([task]).result()[0]
    together = TensorNetBackend(threads=1, **options).on(world()).submit([task]).result()[0]
    assert np.array_equal(together.value, alone.value)
    if driver == "gradient":
        assert np.array_equal(together.energy, alone.energy)
    if "memory" in options and driver == "gradient":
        assert alone.provenance["slices"] > 1


def test_matrix_product_states_and_counts_are_the_same_on_all_ranks():
    circuit = ring(8, 3)
    rows = np.random.default_rng(7).uniform(-3, 3, (3, circuit.n_parameters))
    task = hq.Task(circuit, rows, observable(8))
    alone = TensorNetBackend(max_bond_dimension=6, threads=1).submit([task]).result()[0]
    together = TensorNetBackend(max_bond_dimension=6, threads=1).on(world()).submit([task]).result()[0]
    assert np.array_equal(together.value, alone.value)
    assert np.array_equal(together.stderr, alone.stderr)
    counts = (
        TensorNetBackend(threads=1)
        .on(world())
        .submit([hq.Task(circuit, rows[:1], driver="counts", shots=100, seed=2)])
        .result()[0]
        .value[0]
    )
    assert counts == world().agree(counts)


def test_a_vqe_with_gradients_by_contraction_has_one_result_on_all_ranks():
    problem = QubitProblem(hq.PauliSum.of([("ZZIII", -1.0), ("IZZII", -1.0), ("IIXII", -0.7), ("IIIZZ", 0.5)]))
    result = hq.VQE(problem, hq.ansatz("hea", layers=2), backend="tensornet", max_iterations=4, progress=False).run()
    assert world().agree(result.energy) == result.energy
    assert np.array_equal(world().agree(result.parameters), result.parameters)


def test_what_does_not_fit_is_refused_on_all_ranks():
    circuit = ring(24, 12)
    task = hq.Task(circuit, np.zeros(circuit.n_parameters), observable(24))
    backend = TensorNetBackend("operator", memory="1MiB", threads=1, search_seconds=0).on(world())
    with pytest.raises(hq.CapacityError, match="the contraction needs"):
        backend.submit([task])
