"""An exception that is sent: the same class and attributes where it is hybridq's, and never a pickled stranger."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import pytest

from hybridq.comm.failures import Failure, first
from hybridq.contract.errors import BackendError, InputError, RankError
from hybridq.loops.stopping import Interrupted


def sent(error, rank=3):
    return pickle.loads(pickle.dumps(Failure.of(error, rank)))


def test_an_error_of_hybridq_arrives_with_its_attributes_and_where_it_came_from():
    error = BackendError("busy", retryable=True)
    error.handle = lambda: None
    with pytest.raises(BackendError, match="busy") as caught:
        sent(error).raise_here(None)
    assert caught.value.retryable
    assert caught.value.handle is None
    assert str(caught.value.__cause__) == "rank 3 failed with BackendError: busy"


def test_a_graceful_stop_arrives_with_its_code_and_result():
    with pytest.raises(Interrupted, match=r"stopped; the best energy so far is -1\.5") as caught:
        sent(Interrupted("stopped", SimpleNamespace(energy=-1.5), "a.run")).raise_here(None)
    assert caught.value.code == 75


def test_the_original_is_raised_where_it_is():
    error = ValueError("here")
    with pytest.raises(ValueError, match="here") as caught:
        sent(error).raise_here(error)
    assert caught.value is error


@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(4), KeyboardInterrupt(), type("Odd", (Exception,), {})()]
)
def test_any_other_error_arrives_as_a_rank_error(error):
    with pytest.raises(RankError, match=f"rank 3 failed with {type(error).__name__}"):
        sent(error).raise_here(InputError("another"))


def test_what_concerns_all_ranks_names_none():
    with pytest.raises(InputError) as caught:
        sent(InputError("all alike"), None).raise_here(None)
    assert caught.value.__cause__ is None


def test_an_original_goes_before_one_that_came_from_elsewhere_and_the_lowest_rank_first():
    relayed = Failure.of(RankError("rank 1 failed"), 0)
    originals = [Failure.of(ValueError("x"), rank) for rank in (2, 1)]
    assert first([relayed, *originals]).rank == 1
    assert first([relayed]).rank == 0
