"""The conformance kit on `DeviceBackend`, over devices whose vendor is a folder."""

from __future__ import annotations

import pytest
from six_qubits import SixQubits, draw_quickly
from test_calls import CALM

from hybridq.hardware import DeviceBackend, Limits
from hybridq.testing import BackendConformance


class OnAFolder(BackendConformance):
    qubits = 6

    @pytest.fixture(autouse=True)
    def place(self, tmp_path, monkeypatch):
        self.folder = tmp_path / "vendor"
        draw_quickly(monkeypatch)


class TestSmallJobsKeepThePromisesOfABackend(OnAFolder):
    def backend(self):
        device = SixQubits(self.folder, limits=Limits(circuits=13, shots=50_000, same_shots=False))
        return DeviceBackend(device, grouping="commuting", patience=CALM)


class TestAVendorThatCannotBeSearchedKeepsThePromisesOfABackend(OnAFolder):
    def backend(self):
        device = SixQubits(self.folder, searchable=False)
        return DeviceBackend(device, grouping="commuting", patience=CALM)


class TestAVendorWithAQueueKeepsThePromisesOfABackend(OnAFolder):
    """The promises about jobs that are still queued when they are looked at, or cancelled."""

    def backend(self):
        device = SixQubits(self.folder)
        device.plan_fates(["queued1"] * 50)
        return DeviceBackend(device, grouping="commuting", patience=CALM)
