"""Real runs with damaged journals: they go on to the bits of the unbroken run, or refuse and name file and record."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import corruption_drill as drill
from benchmarks import full_disk

FINE = ("went on", "refused")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)  # a run without plots ends in milliseconds
        yield drill.Subject(tmp_path_factory.mktemp("whole"), "L-BFGS-B", "pccd")


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        yield drill.Subject(tmp_path_factory.mktemp("half"), "L-BFGS-B", "pccd", whole=False)


pytestmark = pytest.mark.filterwarnings("ignore:the plot of")


def test_a_journal_cut_in_its_last_records_goes_on_to_the_same_bits(whole):
    data = whole.journal
    starts = [0, *(i + 1 for i, byte in enumerate(data) if byte == 10)]
    cuts = {*starts, *(at - 1 for at in starts[1:]), *range(starts[-2] - 2, len(data), 9)}
    assert {whole.outcome(data[:cut]) for cut in sorted(cuts)} == {"went on"}


@pytest.mark.parametrize("kind", ["flips", "losses and gains", "zeroes"])
def test_a_sample_of_small_damages_has_a_clear_outcome(whole, half, kind):
    for subject in (whole, half):
        chosen = drill.drawn(drill.KINDS[kind](subject.journal), 25, random.Random(kind))
        counts, wrong = drill.try_all(subject, kind, chosen)
        assert wrong == []
        assert sum(counts.values()) == 25


def test_every_bit_of_the_last_digits_of_an_energy_is_watched(whole):
    at = whole.journal.index(b'"energies":[') + len(b'"energies":[')
    end = whole.journal.index(b"]", at)
    for place in range(at, end, 3):
        for bit in range(8):
            turned = bytes([whole.journal[place] ^ 1 << bit])
            assert whole.outcome(drill.replaced(whole.journal, place, place + 1, turned)) == "refused"


def test_lines_lost_doubled_exchanged_or_of_another_system(half):
    counts, wrong = drill.try_all(half, "lines", list(drill.lines(half.journal)))
    assert wrong == []
    assert counts["refused"] > counts["went on"] > 0


def test_records_of_another_run_are_refused_or_cut_off(whole, tmp_path):
    other = drill.Subject(tmp_path, "L-BFGS-B", "uccsd")
    _, wrong = drill.try_all(whole, "another run", list(drill.splices(whole.journal, other.journal)))
    assert wrong == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_mixture_of_damages_has_a_clear_outcome(half, data):
    journal = half.journal
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(journal)))
        stop = data.draw(st.integers(start, min(len(journal), start + 40)))
        journal = drill.replaced(journal, start, stop, data.draw(st.binary(max_size=40)))
    assert half.outcome(journal) in FINE


def test_the_drill_notices_a_number_that_was_changed_with_its_checksum(half):
    from hybridq.journal import record

    lines, old, new = [], 0, 0
    for line in half.journal.splitlines():
        told, old = record.decode(line, old)
        if told["kind"] == "evaluation":
            told["energies"] = [energy - 1e-9 for energy in told["energies"]]
        forged, new = record.encode(told, new)
        lines.append(forged)
    assert half.outcome(b"".join(lines)) not in FINE


def test_a_disk_that_is_full_and_a_read_only_folder(tmp_path):
    outcomes = dict(full_disk.all_of_them(tmp_path, quick=True))
    assert len(outcomes) >= 3
    assert [line for line in outcomes.items() if not line[1].startswith(("ok", "skipped"))] == []
    assert any(line.startswith("ok") for line in outcomes.values())
