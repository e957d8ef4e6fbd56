"""Calls to a vendor end: with an answer, with an error that says what to do, or because the run is to stop."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from folder_device import FolderDevice, Trouble

from hybridq.contract.errors import BackendError, InputError, JobNotFound
from hybridq.contract.ticket import Stopped
from hybridq.hardware import Patience
from hybridq.hardware.calls import Caller, Late

QUICK = Patience(
    call_seconds=0.3, trouble_seconds=0.5, first_pause=0.01, longest_pause=0.1, poll_seconds=0.01, longest_poll=0.05
)
CALM = replace(QUICK, call_seconds=20.0, trouble_seconds=60.0)  # for tests in which nothing hangs, on a busy machine


def caller(tmp_path, should_stop=lambda: None, patience=QUICK):
    return Caller(FolderDevice(tmp_path), patience, should_stop)


def failing(*kinds):
    """A call that fails in these ways, one after the other, and then says 7."""
    left = list(kinds)

    def call():
        if left:
            kind = left.pop(0)
            raise kind if isinstance(kind, Exception) else Trouble(kind)
        return 7

    return call


@pytest.mark.parametrize("kinds", [(), ("refuse",), ("lose", "drop", "refuse"), ("away",)])
def test_a_call_is_made_again_while_that_may_help(tmp_path, kinds):
    assert caller(tmp_path).read("asking", failing(*kinds)) == 7


@pytest.mark.parametrize(("kind", "words"), [("bug", "would fail again"), ("denied", "this needs you")])
def test_what_cannot_be_mended_by_waiting_is_told_at_once(tmp_path, kind, words):
    with pytest.raises(BackendError, match=words) as told:
        caller(tmp_path).read("asking for a job", failing(kind))
    assert "asking for a job" in str(told.value)
    assert not told.value.retryable


def test_an_error_of_hybridq_passes_through(tmp_path):
    with pytest.raises(JobNotFound):
        caller(tmp_path).read("asking", failing(JobNotFound("no such job")))


def test_trouble_that_lasts_ends_the_patience(tmp_path):
    began = time.monotonic()
    with pytest.raises(BackendError, match="lasted") as told:
        caller(tmp_path).read("asking", failing(*["refuse"] * 1000))
    assert told.value.retryable
    assert time.monotonic() - began < 5


def test_a_device_that_is_away_is_waited_for_or_not_as_asked(tmp_path):
    stop = Patience(**{**{f: getattr(QUICK, f) for f in QUICK.__dataclass_fields__}, "offline": "stop"})
    with pytest.raises(BackendError, match="is away") as told:
        caller(tmp_path, patience=stop).read("asking", failing("away"))
    assert told.value.retryable


def test_a_call_without_an_answer_ends_at_its_deadline(tmp_path):
    began = time.monotonic()
    with pytest.raises(Late):
        caller(tmp_path).once(lambda: time.sleep(60))
    assert time.monotonic() - began < 5


def test_a_run_that_is_to_stop_does_not_wait_for_the_service(tmp_path):
    patient = Patience(call_seconds=60, trouble_seconds=600, first_pause=60)
    began = time.monotonic()
    with pytest.raises(Stopped, match="SIGTERM"):
        caller(tmp_path, lambda: "stopped by SIGTERM", patient).read("asking", failing("refuse"))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("wrong", [{"call_seconds": 0}, {"poll_seconds": -1}, {"offline": "perhaps"}])
def test_patience_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InputError):
        Patience(**wrong)
