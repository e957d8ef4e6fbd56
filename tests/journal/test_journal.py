"""Journals that were cut or changed: a clear outcome, never a wrong number."""

from __future__ import annotations

import json
import os
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridq.contract.errors import InputError, JournalMismatch
from hybridq.journal import RunFolder, owner, read_journal
from hybridq.journal.owner import OWNER
from hybridq.journal.reader import JOURNAL
from hybridq.journal.record import SCHEMA_VERSION, DamagedLine, decode, encode

SPEC = {"loop": "test", "seed": 3}


def make(path, n=5):
    rng = np.random.default_rng(0)
    with RunFolder(path, SPEC) as folder:
        for k in range(n):
            folder.append({"kind": "evaluation", "n": k, "energies": rng.normal(size=2)})
    return (path / JOURNAL).read_bytes()


def test_what_was_appended_is_read_back_with_all_bits(tmp_path):
    make(tmp_path / "run")
    journal = read_journal(tmp_path / "run" / JOURNAL)
    rng = np.random.default_rng(0)
    assert journal.spec == SPEC
    assert [r["n"] for r in journal.records] == [0, 1, 2, 3, 4]
    assert all(r["energies"] == rng.normal(size=2).tolist() for r in journal.records)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5), st.integers(0, 2**32 - 1))
def test_a_record_survives_its_line_exactly(values, previous):
    line, crc = encode({"kind": "x", "values": values}, previous)
    record, again = decode(line[:-1], previous)
    assert record["values"] == values
    assert [v.hex() for v in record["values"]] == [v.hex() for v in values]
    assert again == crc
    with pytest.raises(DamagedLine):
        decode(line[:-1], previous ^ 1)


def test_a_file_cut_at_any_byte_keeps_all_whole_records_and_goes_on(tmp_path):
    data = make(tmp_path / "run", 2)
    file = tmp_path / "run" / JOURNAL
    ends = [i + 1 for i, byte in enumerate(data) if byte == 10]
    for cut in range(len(data)):
        file.write_bytes(data[:cut])
        whole = sum(end <= cut for end in ends)
        with RunFolder(tmp_path / "run", SPEC) as folder:
            assert len(folder.journal.records) == max(0, whole - 1)
            assert folder.journal.torn == (cut - ends[whole - 1] if whole else cut)
            folder.append({"kind": "evaluation", "n": 99})
        again = read_journal(file)
        assert again.torn == 0
        assert again.records[-1]["n"] == 99


def test_any_flipped_bit_is_an_error_or_a_shorter_journal(tmp_path):
    data = make(tmp_path / "run", 3)
    file = tmp_path / "run" / JOURNAL
    good = read_journal(file)
    refused = shorter = 0
    for at in range(len(data)):
        for bit in (0, 3, 6):
            file.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
            try:
                journal = read_journal(file)
            except (InputError, JournalMismatch):
                refused += 1
                continue
            shorter += 1
            records = () if journal is None else journal.records
            assert records == good.records[: len(records)]
            assert len(records) < len(good.records)
    assert refused > shorter > 0


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_lines_that_changed_places_are_refused(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "run"
    lines = make(path, 4).splitlines(keepends=True)
    order = data.draw(st.permutations(range(len(lines))))
    (path / JOURNAL).write_bytes(b"".join(lines[i] for i in order))
    if list(order) == sorted(order):
        return
    try:
        journal = read_journal(path / JOURNAL)
    except InputError:
        return
    assert journal is None or [r["n"] for r in journal.records] == list(range(len(journal.records)))


def test_a_missing_run_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no run at"):
        read_journal(tmp_path / JOURNAL)


def test_a_newer_schema_is_refused(tmp_path):
    line, _ = encode({"kind": "spec", "schema_version": SCHEMA_VERSION + 1, "spec": {}}, 0)
    (tmp_path / JOURNAL).write_bytes(line)
    with pytest.raises(JournalMismatch, match="install a newer hybridq"):
        read_journal(tmp_path / JOURNAL)


def test_a_file_that_is_no_journal_is_not_overwritten(tmp_path):
    (tmp_path / JOURNAL).write_text("precious\nthings\n")
    with pytest.raises(InputError, match="is damaged: record 0"):
        RunFolder(tmp_path, SPEC)
    assert (tmp_path / JOURNAL).read_text() == "precious\nthings\n"


def test_another_spec_is_refused_with_the_first_difference(tmp_path):
    make(tmp_path / "run")
    with pytest.raises(JournalMismatch, match="seed is 4 now and was 3"):
        RunFolder(tmp_path / "run", {**SPEC, "seed": 4})


def test_a_full_disk_leaves_a_whole_journal_and_names_the_file(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "run", SPEC)
    folder.append({"kind": "evaluation", "n": 0})
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[: len(data) // 2]))
    with pytest.raises(InputError, match=r"cannot write .*journal\.jsonl: No space left"):
        folder.append({"kind": "evaluation", "n": 1})
    monkeypatch.undo()
    folder.append({"kind": "evaluation", "n": 1})
    folder.close()
    journal = read_journal(tmp_path / "run" / JOURNAL)
    assert ([r["n"] for r in journal.records], journal.torn) == ([0, 1], 0)


def owner_file(path, **changes):
    path.mkdir(exist_ok=True)
    identity = {**owner._here(2**22 + 1), "pid": 2**22 + 1, "started": "17", "token": "t", "since": "then"}
    (path / OWNER).write_text(json.dumps({**identity, **changes}))


def test_a_dead_owner_on_this_host_is_replaced_at_once(tmp_path):
    owner_file(tmp_path / "run")
    with RunFolder(tmp_path / "run", SPEC):
        assert json.loads((tmp_path / "run" / OWNER).read_text())["pid"] == os.getpid()


def test_a_process_number_used_again_is_not_the_owner(tmp_path):
    owner_file(tmp_path / "run", pid=os.getpid())
    RunFolder(tmp_path / "run", SPEC).close()


def test_an_owner_from_before_the_last_boot_is_dead(tmp_path):
    owner_file(tmp_path / "run", pid=os.getpid(), boot="another", started=owner._here(os.getpid())["started"])
    RunFolder(tmp_path / "run", SPEC).close()


@pytest.mark.parametrize("elsewhere", [{"host": "elsewhere"}, {"namespace": "pid:[1]"}])
def test_an_owner_elsewhere_counts_while_it_renews_and_not_after(tmp_path, monkeypatch, elsewhere):
    monkeypatch.setattr(owner, "STALE", 2.0)
    owner_file(tmp_path / "run", pid=17, **elsewhere)
    stop = threading.Event()

    def renew():
        while not stop.wait(0.3):
            os.utime(tmp_path / "run" / OWNER)

    living = threading.Thread(target=renew)
    living.start()
    with pytest.raises(InputError, match="being written by process 17 on .* since then"):
        RunFolder(tmp_path / "run", SPEC)
    stop.set()
    living.join()
    RunFolder(tmp_path / "run", SPEC).close()


def test_a_writer_that_was_replaced_stops_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(owner, "CHECK", 0.0)
    folder = RunFolder(tmp_path / "run", SPEC)
    owner_file(tmp_path / "run")
    with pytest.raises(InputError, match="has taken over"):
        folder.append({"kind": "evaluation", "n": 0})
    folder.close()
    assert json.loads((tmp_path / "run" / OWNER).read_text())["token"] == "t"


def test_two_processes_cannot_both_own_a_run(tmp_path):
    with RunFolder(tmp_path / "run", SPEC), pytest.raises(InputError, match=rf"process {os.getpid()} "):
        RunFolder(tmp_path / "run", SPEC)


def test_settings_that_json_cannot_hold_are_refused_before_a_folder_exists(tmp_path):
    with pytest.raises(InputError, match="must be what JSON can hold"):
        RunFolder(tmp_path / "run", {"seed": 2**70})


def test_tuples_and_arrays_in_a_spec_are_the_same_on_the_way_back(tmp_path):
    spec = {"options": {"bounds": (1, 2), "simplex": np.eye(2)}}
    RunFolder(tmp_path / "run", spec).close()
    RunFolder(tmp_path / "run", spec).close()
