"""SectorBackend on a device: through the contract, with the kernels built as C in a GPU's place; and without a GPU."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from kernels_in_c import COMPILER, CLaunch
from molecules import hydrogen_chain, random_hamiltonian, singles_and_doubles

import hybridq as hq
from hybridq.contract.calibration import store
from hybridq.contract.devices import gpus
from hybridq.contract.errors import BackendError, CapacityError, InputError
from hybridq.contract.task import Task
from hybridq.registry import candidates
from hybridq.testing import BackendConformance
from hybridq_sector import backend as module
from hybridq_sector.backend import SectorBackend
from hybridq_sector.gpu_cost import GpuRates
from hybridq_sector.gpu_place import Host
from hybridq_sector.gpu_side import GpuSide

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")
without_gpu = pytest.mark.skipif(bool(gpus()), reason="this machine has a GPU")


def on_c(monkeypatch, *, memory=None, room=8 << 30):
    """SectorBackend(device="gpu") whose device is this process's memory and the kernels in C."""
    monkeypatch.setattr(module, "open_gpu", lambda: GpuSide(Host(), CLaunch, lambda: room, "C"))
    return SectorBackend("gpu", memory=memory)


@needs_compiler
class TestSectorOnADeviceKeepsThePromisesOfABackend(BackendConformance):
    @pytest.fixture(autouse=True)
    def _device(self, monkeypatch):
        self._patch = monkeypatch

    def backend(self):
        return on_c(self._patch)


@needs_compiler
def test_counts_and_density_matrices_are_those_of_the_cpu(monkeypatch):
    problem = hq.Problem.from_xyz("H 0 0 0; H 0 0 1; H 0 0 2.2", "sto-3g", charge=1)
    for circuit in (singles_and_doubles(5, 3, 2), hq.ansatz("lucj").build(problem)):
        row = np.random.default_rng(0).normal(size=circuit.n_parameters)
        tasks = [Task(circuit, row, driver="counts", shots=1000, seed=5), Task(circuit, row, driver="rdm")]
        (counts, rdm), (same_counts, same_rdm) = (
            made.submit(tasks).result() for made in (SectorBackend(), on_c(monkeypatch))
        )
        assert counts.value == same_counts.value
        np.testing.assert_allclose(rdm.value[0].one, same_rdm.value[0].one, atol=1e-12)
        np.testing.assert_allclose(rdm.value[0].two, same_rdm.value[0].two, atol=1e-12)


@needs_compiler
@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("electrons", [(3, 2), (3, 3), (2, 4)])
def test_predicted_bytes_bound_what_is_kept_and_are_close_to_it(monkeypatch, blocks, electrons):
    circuit, h = singles_and_doubles(7, *electrons), random_hamiltonian(7, 4, blocks=blocks)
    backend = on_c(monkeypatch)
    for task in (Task(circuit, circuit.start, h, "gradient"), Task(circuit, circuit.start, driver="rdm")):
        predicted = backend.cost([task])
        backend.submit([task])
        kept = backend._engine(circuit, task.hamiltonian).nbytes
        assert kept <= predicted.bytes <= 1.5 * kept
        assert predicted.seconds > 0


@needs_compiler
def test_a_tight_memory_makes_smaller_chunks_and_the_same_energy(monkeypatch):
    circuit, h = singles_and_doubles(6, 3, 3), hydrogen_chain(6)
    row = np.random.default_rng(1).normal(scale=0.1, size=circuit.n_parameters)
    task = Task(circuit, row, h, "gradient")
    wide = on_c(monkeypatch)
    need = wide.cost([task]).bytes
    engine = wide._engine(circuit, h)
    chunks = sum(x.nbytes for x in (engine.sigma._C, engine.sigma._W, engine.sigma._A))
    narrow = on_c(monkeypatch, memory=need - chunks // 2)
    found, expected = narrow.submit([task]).result()[0], wide.submit([task]).result()[0]
    assert narrow._engine(circuit, h).sigma.chunk < engine.sigma.chunk
    assert narrow._kept_bytes() <= need - chunks // 2
    assert found.energy[0] == pytest.approx(expected.energy[0], abs=1e-12)
    np.testing.assert_allclose(found.value, expected.value, atol=1e-12)


def test_what_does_not_fit_the_gpu_is_refused_with_the_gpus_name(monkeypatch):
    circuit, h = singles_and_doubles(10, 5, 5), random_hamiltonian(10, 0)
    backend = on_c(monkeypatch, room=1 << 20)
    words = r"5\+5 electrons in 10 orbitals need .* MiB .* and 1\.0 MiB are free on the GPU \(C\); .* would fit"
    for call in (backend.cost, backend.submit):
        with pytest.raises(CapacityError, match=words):
            call([Task(circuit, circuit.start, h)])


def test_the_metric_is_left_to_the_cpu_and_said_so(monkeypatch):
    circuit, h = singles_and_doubles(4, 2, 2), hydrogen_chain(4)
    backend = on_c(monkeypatch)
    assert "metric" not in backend.capabilities.drivers
    with pytest.raises(BackendError, match="'sector:gpu' offers .* not 'metric'"):
        backend.submit([Task(circuit, circuit.start, h, "metric")])


def test_calibration_measures_positive_rates(monkeypatch):
    rates = dataclasses.asdict(on_c(monkeypatch)._gpu.calibrate(size=64))
    assert set(rates) == set(dataclasses.asdict(GpuRates()))
    assert all(rate > 0 for rate in rates.values())


@without_gpu
def test_without_a_gpu_the_name_says_why():
    with pytest.raises(CapacityError, match="no GPU can be used: "):
        hq.backend("sector:gpu")


@without_gpu
def test_without_a_gpu_auto_never_sees_the_gpu_even_where_rates_were_copied(monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDQ_CACHE", str(tmp_path))
    assert candidates("sector") == ("sector",)
    store("sector:gpu", dataclasses.asdict(GpuRates()))
    assert candidates("sector") == ("sector",)


def test_with_a_gpu_auto_sees_it_only_after_its_rates_were_measured(monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDQ_CACHE", str(tmp_path))
    monkeypatch.setattr("hybridq.contract.devices.gpus", lambda: ("one",))
    assert candidates("sector") == ("sector",)
    store("sector:gpu", dataclasses.asdict(GpuRates()))
    assert candidates("sector") == ("sector", "sector:gpu")


def test_the_cpu_can_be_named_and_other_devices_are_refused():
    assert hq.backend("sector:cpu").name == "sector"
    with pytest.raises(InputError, match="'cpu' or 'gpu', got 'tpu'"):
        hq.backend("sector:tpu")
