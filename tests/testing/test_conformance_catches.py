"""Every promise is broken on purpose by some backend, and caught."""

from __future__ import annotations

import contextlib
import itertools
import time
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from oracle_backend import OracleBackend
from paper_backend import PaperBackend, PaperJob

from hybridq.contract.backend import Capabilities, Cost, LocalJob, Placement, Status
from hybridq.contract.errors import BackendError, InputError, JobNotFound
from hybridq.contract.generators import Excitation
from hybridq.contract.task import RDM
from hybridq.testing import BackendConformance, check
from hybridq.testing.oracle import Oracle


def outcomes(factory, **attributes):
    class Kit(BackendConformance):
        def backend(self):
            return factory()

    kit = Kit()
    for name, value in attributes.items():
        setattr(kit, name, value)
    return {outcome.promise.replace(" ", "_"): outcome for outcome in check(kit)}


class Altered(OracleBackend):
    """Changes the results of one driver."""

    driver = "energy"

    def run(self, task):
        result = super().run(task)
        return self.alter(task, result) if task.driver == self.driver else result


class WrongSign(Altered):
    def run(self, task):
        return super().run(replace(task, params=-task.params))


class TakesQubitExcitationsForFermionic(Altered):
    def run(self, task):
        signed = [
            replace(f, generator=replace(f.generator, fermionic=True)) if isinstance(f.generator, Excitation) else f
            for f in task.circuit.factors
        ]
        return super().run(replace(task, circuit=replace(task.circuit, factors=tuple(signed))))


class OffByAMillionth(Altered):
    def alter(self, task, result):
        return replace(result, value=result.value + 1e-6)


class ForgetsTheConstant(Altered):
    def alter(self, task, result):
        return replace(result, value=result.value - task.observable.constant)


class FirstRowOnly(Altered):
    def alter(self, task, result):
        return replace(result, value=np.full_like(result.value, result.value[0]))


class ReversedRows(Altered):
    def alter(self, task, result):
        return replace(result, value=result.value[::-1].copy())


class ExactButNoisy(Altered):
    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(3)

    def alter(self, task, result):
        noise = self.rng.normal(size=result.value.shape)
        return replace(result, value=result.value + 1e-3 * noise, stderr=np.full_like(result.value, 1e-3))


class StandardErrorMissing(ExactButNoisy):
    @property
    def capabilities(self):
        return replace(super().capabilities, exact=False)

    def alter(self, task, result):
        return replace(super().alter(task, result), stderr=np.zeros_like(result.value))


class StandardErrorInflated(ExactButNoisy):
    @property
    def capabilities(self):
        return replace(super().capabilities, exact=False)

    def alter(self, task, result):
        return replace(result, value=result.value + 1.0, stderr=np.full_like(result.value, 1e3))


class StandardErrorOfAnotherShape(Altered):
    def alter(self, task, result):
        return replace(result, stderr=0.0)


class ComplexEnergies(Altered):
    def alter(self, task, result):
        return replace(result, value=result.value.astype(complex))


class LastBitsDrift(Altered):
    def __init__(self):
        super().__init__()
        self.calls = itertools.count()

    def alter(self, task, result):
        return replace(result, value=result.value + 1e-13 * next(self.calls))


class GradientIgnoresScales(Altered):
    driver = "gradient"

    def alter(self, task, result):
        flat = replace(
            task.circuit, factors=tuple(replace(f, scale=float(np.sign(f.scale))) for f in task.circuit.factors)
        )
        return OracleBackend.run(self, replace(task, circuit=flat)) if flat != task.circuit else result


class GradientWithoutEnergies(Altered):
    driver = "gradient"

    def alter(self, task, result):
        return replace(result, energy=None)


class GradientWithWrongEnergies(Altered):
    driver = "gradient"

    def alter(self, task, result):
        return replace(result, energy=result.energy + 1e-6)


class WrongBitOrder(Altered):
    driver = "counts"

    def alter(self, task, result):
        return replace(result, value=tuple({bits[::-1]: k for bits, k in row.items()} for row in result.value))


class AlphaAndBetaSwapped(Altered):
    driver = "counts"

    def alter(self, task, result):
        n = task.circuit.n_orbitals
        return replace(result, value=tuple({bits[n:] + bits[:n]: k for bits, k in row.items()} for row in result.value))


class LosesAShot(Altered):
    driver = "counts"

    def alter(self, task, result):
        rows = [dict(row) for row in result.value]
        for row in rows:
            row[max(row, key=row.get)] -= 1
        return replace(result, value=tuple(rows))


class OneBitFlips(Altered):
    driver = "counts"

    def alter(self, task, result):
        rows = [dict(row) for row in result.value]
        bits = max(rows[0], key=rows[0].get)
        rows[0][bits] -= 1
        flipped = bits[:-1] + ("1" if bits[-1] == "0" else "0")
        rows[0][flipped] = rows[0].get(flipped, 0) + 1
        return replace(result, value=tuple(rows))


class SamplesTheWrongAngles(Altered):
    def run(self, task):
        return super().run(replace(task, params=1.1 * task.params) if task.driver == "counts" else task)


class IgnoresTheSeed(Altered):
    def __init__(self):
        super().__init__()
        self.seeds = itertools.count()

    def run(self, task):
        return super().run(replace(task, seed=next(self.seeds)))


class OneSeedForAll(Altered):
    def run(self, task):
        return super().run(replace(task, seed=1))


class ForgetsTheDelta(Altered):
    """Gives <E_pq E_rs> for the two-body matrix."""

    driver = "rdm"

    def alter(self, task, result):
        eye = np.eye(task.circuit.n_orbitals)
        return replace(
            result, value=tuple(RDM(r.one, r.two + np.einsum("qr,ps->pqrs", eye, r.one)) for r in result.value)
        )


class TransposedRdm(Altered):
    """Right for every energy and every trace, wrong for a complex state."""

    driver = "rdm"

    def alter(self, task, result):
        return replace(result, value=tuple(RDM(r.one.T, r.two.transpose(1, 0, 3, 2)) for r in result.value))


class MetricWithThePartAlongTheState(Altered):
    """Right for real circuits."""

    driver = "metric"

    def alter(self, task, result):
        values = []
        for row, metric in zip(task.params, result.value, strict=True):
            oracle, step = Oracle(task.circuit), 1e-3
            psi = oracle.state(row)
            moved = [row + step * unit for unit in np.eye(len(row))]
            along = np.array([np.vdot(psi, oracle.state(there) - psi).imag / step for there in moved])
            values.append(replace(metric, overlap=metric.overlap + np.outer(along, along[list(task.metric_columns)])))
        return replace(result, value=tuple(values))


class MetricOffByAMillionth(Altered):
    driver = "metric"

    def alter(self, task, result):
        return replace(result, value=tuple(replace(m, hamiltonian=m.hamiltonian + 1e-6) for m in result.value))


class MetricSortsItsColumns(Altered):
    def run(self, task):
        columns = task.columns if task.columns is None else tuple(sorted(task.columns))
        return super().run(replace(task, columns=columns))


class MutatesParameters(OracleBackend):
    def run(self, task):
        result = super().run(task)
        task.params *= 2.0
        return result


class HidesNan(OracleBackend):
    def run(self, task):
        rows = task.params
        object.__setattr__(task, "params", np.nan_to_num(rows))
        result = super().run(task)
        object.__setattr__(task, "params", rows)
        return result


class GarbageJobIds(OracleBackend):
    def submit(self, tasks):
        return LocalJob(object(), tuple(super().submit(tasks).result()))


class OneJobIdForAll(OracleBackend):
    def submit(self, tasks):
        self._jobs["job"] = LocalJob("job", tuple(super().submit(tasks).result()))
        return self._jobs["job"]


class FindsAnyJob(OracleBackend):
    def job(self, job_id):
        return self._jobs.get(job_id, LocalJob(job_id, ()))


class FindsOtherJobs(OracleBackend):
    def job(self, job_id):
        found = super().job(job_id)
        return LocalJob(job_id, tuple(replace(r, value=r.value + 1) for r in found.results))


class ClaimsDurableJobs(OracleBackend):
    @property
    def capabilities(self):
        return replace(super().capabilities, durable_jobs=True)


class NeverDone(OracleBackend):
    class Job(LocalJob):
        def status(self):
            return Status.RUNNING

    def submit(self, tasks):
        made = super().submit(tasks)
        self._jobs[made.id] = self.Job(made.id, made.results)
        return self._jobs[made.id]


class SwapsTasks(OracleBackend):
    def submit(self, tasks):
        return super().submit(list(tasks)[::-1])


class NumpyProvenance(OracleBackend):
    def run(self, task):
        return replace(super().run(task), provenance={"time": np.float64(1.0), "rows": task.params})


class TakesAnyDriver(OracleBackend):
    drivers = frozenset({"energy"})

    def submit(self, tasks):
        job = LocalJob(f"any-{next(self._numbers)}", tuple(self.run(t) for t in tasks))
        self._jobs[job.id] = job
        return job


class TakesAnyWidth(OracleBackend):
    @property
    def capabilities(self):
        return replace(super().capabilities, max_qubits=8)


class CostIsNegative(OracleBackend):
    def cost(self, tasks):
        return Cost(-1.0, 0)


class CostIsInfinite(OracleBackend):
    def cost(self, tasks):
        return Cost(float("inf"), 0)


class CostRuns(OracleBackend):
    def cost(self, tasks):
        start = time.monotonic()
        for row in itertools.chain.from_iterable(task.params for task in tasks):
            if time.monotonic() < start + 2.2:  # long enough to be caught, short enough for a test
                self.run(replace(tasks[0], params=row))
        return super().cost(tasks)


class CostFalls(OracleBackend):
    def cost(self, tasks):
        return Cost(1.0 / sum(t.n_rows for t in tasks), 0)


class ServesTheLastObservable(OracleBackend):
    def __init__(self):
        super().__init__()
        self.kept = {}

    def run(self, task):
        observable = self.kept.setdefault(task.circuit, task.observable)
        return super().run(replace(task, observable=observable) if task.observable is not None else task)


class PutsLaterRowsFirst(OracleBackend):
    """Joins the pieces of what is longer than a job the wrong way round."""

    def run(self, task):
        result = super().run(task)
        if task.driver != "counts" or task.n_rows <= 5:
            return result
        return replace(result, value=(*result.value[5:], *result.value[:5]))


class HandsOutTheLastJob(OracleBackend):
    class Job(LocalJob):
        last: ClassVar = {}

        def result(self, timeout=None):
            return list(self.last["job"].results)

    def submit(self, tasks):
        made = super().submit(tasks)
        self.Job.last["job"] = made
        return self.Job(made.id, made.results)


class ForgetsWithTheProcess(PaperBackend):
    memory: ClassVar = {}

    def post(self, tasks, tag):
        name = super().post(tasks, tag)
        self.memory[name] = True
        return name

    def job(self, job_id):
        if job_id not in self.memory:
            raise JobNotFound(f"no job {job_id!r}")
        return super().job(job_id)


class StatusOfCancelledRaises(PaperBackend):
    class job_class(PaperJob):  # noqa: N801
        def status(self):
            found = super().status()
            if found is Status.CANCELLED:
                raise BackendError("it was cancelled")
            return found


class CancelledJobsHaveResults(PaperBackend):
    class job_class(PaperJob):  # noqa: N801
        def result(self, timeout=None):
            state = self._read()["state"]
            self._write(state="done")
            found = super().result(timeout)
            self._write(state=state)
            return found


class CancelledTwiceRaises(PaperBackend):
    class job_class(PaperJob):  # noqa: N801
        def cancel(self):
            if self.status() is Status.CANCELLED:
                raise BackendError("it is cancelled already")
            super().cancel()


class SubmitsForEveryLife(PaperBackend):
    def submit_once(self, tasks, ticket):
        return super().submit_once(tasks, replace(ticket, known=(), key=f"{ticket.key}-{next(self._numbers)}"))


class NotesInEveryLife(PaperBackend):
    def submit_once(self, tasks, ticket):
        job = super().submit_once(tasks, ticket)
        if any("id" in note for note in ticket.known):
            ticket.note({"id": job.id, **self.spending(self.cost(tasks))})
        return job


class OneJobForAllTickets(PaperBackend):
    def submit_once(self, tasks, ticket):
        return super().submit_once(tasks, replace(ticket, key="mine", known=({"tag": "mine"}, *ticket.known)))


class DoesNotLookBeforeSubmitting(PaperBackend):
    def find(self, tag):
        return []


class SubmitsBeforeItNotes(PaperBackend):
    """Killed in between, it knows of nothing."""

    def submit_once(self, tasks, ticket):
        known = [note["id"] for note in ticket.known]
        if not known:
            ticket.allow(self.cost(tasks))
            known = [self.post(tasks, ticket.key)]
            ticket.note({"id": known[0], **self.spending(self.cost(tasks))})
        return self.job(known[0])


class GoesOnWithoutItsJournal(PaperBackend):
    def submit_once(self, tasks, ticket):
        def note(said):
            with contextlib.suppress(BaseException):
                ticket.note(said)

        return super().submit_once(tasks, replace(ticket, note=note))


class IgnoresTheBudget(PaperBackend):
    def submit_once(self, tasks, ticket):
        return super().submit_once(tasks, replace(ticket, allow=lambda cost: None))


class AsksForMoneyAfterwards(PaperBackend):
    def submit_once(self, tasks, ticket):
        if ticket.known:
            return super().submit_once(tasks, ticket)
        ticket.note({"tag": ticket.key})
        name = self.post(tasks, ticket.key)
        ticket.allow(self.cost(tasks))
        ticket.note({"id": name, **self.spending(self.cost(tasks))})
        return self.job(name)


class NotesNoShots(PaperBackend):
    def spending(self, cost):
        return {"qpu_seconds": 0.5, "dollars": 1.0}


class NotesOneRow(PaperBackend):
    def spending(self, cost):
        return {**super().spending(cost), "shots": cost.shots // 3}


class NotesWhatJsonCannotHold(PaperBackend):
    def spending(self, cost):
        return {**super().spending(cost), "dollars": np.array(1.0)}


class TellsOtherErrors(PaperBackend):
    factor = 1.0

    def run(self, task):
        result = super().run(task)
        return replace(result, stderr=self.factor * result.stderr) if task.driver == "energy" else result


class ErrorsTooSmall(TellsOtherErrors):
    factor = 0.3


class ErrorsTooLarge(TellsOtherErrors):
    factor = 4.0


class OneSampleForAllRows(PaperBackend):
    """Equal rows are run once."""

    def run(self, task):
        result = super().run(task)
        same = np.array([np.array_equal(row, task.params[0]) for row in task.params])
        return replace(result, value=np.where(same, result.value[0], result.value)) if same.all() else result


class ShotsBuyNothing(PaperBackend):
    def run(self, task):
        return super().run(replace(task, precision=0.02) if task.precision else task)


class AbsurdlyNoisy(TellsOtherErrors):
    factor = 1e4


class UnknownDriver(OracleBackend):
    drivers = frozenset({"energy", "hessian"})


class NoWidth(OracleBackend):
    max_qubits = 0


CAUGHT = [
    (WrongSign, "energy_of_any_circuit"),
    (TakesQubitExcitationsForFermionic, "energy_of_any_circuit"),
    (OffByAMillionth, "energy_of_any_circuit"),
    (OffByAMillionth, "energy_of_the_reference_determinant"),
    (ForgetsTheConstant, "energy_of_the_reference_determinant"),
    (FirstRowOnly, "rows_together_equal_rows_alone"),
    (ReversedRows, "rows_together_equal_rows_alone"),
    (ExactButNoisy, "exact_values_have_standard_errors_of_exactly_zero"),
    (ExactButNoisy, "exact_values_are_the_same_bits_again"),
    (StandardErrorMissing, "energy_of_any_circuit"),
    (StandardErrorMissing, "rows_together_equal_rows_alone"),
    (StandardErrorInflated, "energy_of_any_circuit"),
    (StandardErrorOfAnotherShape, "energy_of_any_circuit"),
    (ComplexEnergies, "energy_of_any_circuit"),
    (LastBitsDrift, "exact_values_are_the_same_bits_again"),
    (GradientIgnoresScales, "gradient_equals_finite_differences"),
    (GradientWithoutEnergies, "gradient_brings_the_energies_along"),
    (GradientWithWrongEnergies, "gradient_brings_the_energies_along"),
    (WrongBitOrder, "counts_of_the_reference_determinant_have_its_bits"),
    (AlphaAndBetaSwapped, "counts_of_the_reference_determinant_have_its_bits"),
    (AlphaAndBetaSwapped, "counts_keep_the_electron_numbers"),
    (LosesAShot, "counts_add_up_to_the_shots_of_each_row"),
    (OneBitFlips, "counts_keep_the_electron_numbers"),
    (SamplesTheWrongAngles, "counts_follow_the_state"),
    (IgnoresTheSeed, "counts_repeat_with_the_seed"),
    (OneSeedForAll, "counts_repeat_with_the_seed"),
    (ForgetsTheDelta, "rdm_contracts_to_the_energy_and_traces_to_the_electrons"),
    (TransposedRdm, "rdm_equals_the_oracle"),
    (MetricWithThePartAlongTheState, "metric_equals_the_oracle"),
    (MetricOffByAMillionth, "metric_equals_the_oracle"),
    (MetricSortsItsColumns, "metric_columns_come_as_they_were_asked_for"),
    (MutatesParameters, "a_task_is_left_as_it_was"),
    (HidesNan, "nan_never_becomes_a_number"),
    (GarbageJobIds, "a_job_is_found_again_by_its_id"),
    (OneJobIdForAll, "a_job_is_found_again_by_its_id"),
    (FindsOtherJobs, "a_job_is_found_again_by_its_id"),
    (FindsAnyJob, "an_unknown_job_id_raises_job_not_found"),
    (ClaimsDurableJobs, "a_durable_job_is_found_by_another_backend_object"),
    (NeverDone, "a_finished_job_says_so"),
    (SwapsTasks, "one_result_for_each_task_in_order"),
    (NumpyProvenance, "provenance_can_be_held_by_json"),
    (TakesAnyDriver, "a_driver_that_is_not_claimed_is_refused"),
    (TakesAnyWidth, "a_circuit_wider_than_max_qubits_raises_capacity_error"),
    (CostIsNegative, "cost_is_finite_and_not_negative"),
    (CostIsInfinite, "cost_is_finite_and_not_negative"),
    (CostRuns, "cost_runs_nothing_and_does_not_fall_with_more_rows"),
    (CostFalls, "cost_runs_nothing_and_does_not_fall_with_more_rows"),
    (UnknownDriver, "name_and_capabilities_are_well_formed"),
    (NoWidth, "name_and_capabilities_are_well_formed"),
    (ServesTheLastObservable, "one_task_leaves_no_trace_in_the_next"),
    (PutsLaterRowsFirst, "more_rows_than_a_job_takes_come_back_in_order"),
    (HandsOutTheLastJob, "jobs_under_way_together_do_not_meet"),
]

CAUGHT_AT_A_VENDOR = [
    (ForgetsWithTheProcess, "a_durable_job_is_found_in_another_process"),
    (StatusOfCancelledRaises, "a_cancelled_job_is_cancelled_or_done"),
    (CancelledJobsHaveResults, "a_cancelled_job_is_cancelled_or_done"),
    (CancelledTwiceRaises, "a_cancelled_job_is_cancelled_or_done"),
    (SubmitsForEveryLife, "the_same_ticket_twice_submits_once"),
    (NotesInEveryLife, "the_same_ticket_twice_submits_once"),
    (OneJobForAllTickets, "different_tickets_are_different_jobs"),
    (DoesNotLookBeforeSubmitting, "an_interrupted_ticket_submits_nothing_twice"),
    (SubmitsBeforeItNotes, "an_interrupted_ticket_submits_nothing_twice"),
    (GoesOnWithoutItsJournal, "an_interrupted_ticket_submits_nothing_twice"),
    (IgnoresTheBudget, "a_refused_budget_submits_nothing"),
    (AsksForMoneyAfterwards, "a_refused_budget_submits_nothing"),
    (NotesNoShots, "notes_say_what_was_spent"),
    (NotesOneRow, "notes_say_what_was_spent"),
    (NotesWhatJsonCannotHold, "notes_say_what_was_spent"),
    (ErrorsTooSmall, "standard_errors_describe_the_scatter"),
    (ErrorsTooLarge, "standard_errors_describe_the_scatter"),
    (OneSampleForAllRows, "standard_errors_describe_the_scatter"),
    (ShotsBuyNothing, "standard_errors_fit_the_shots"),
    (AbsurdlyNoisy, "standard_errors_fit_the_shots"),
]


class AtAVendor(BackendConformance):
    """At the top of the module, so that another process can make it."""

    def __init__(self, made, folder):
        self.made, self.folder = made, folder

    def backend(self):
        return self.made(self.folder)


@pytest.mark.parametrize(("broken", "promise"), CAUGHT_AT_A_VENDOR, ids=lambda x: x if isinstance(x, str) else "")
def test_broken_hardware_is_caught_by_the_promise_meant_for_it(broken, promise, tmp_path):
    found = list(check(AtAVendor(broken, tmp_path), promise))
    assert [o.verdict for o in found] == ["fail"], found
    assert found[0].reason


def test_correct_hardware_keeps_every_promise(tmp_path):
    found = {o.promise.replace(" ", "_"): o for o in check(AtAVendor(PaperBackend, tmp_path))}
    assert {name: o.reason for name, o in found.items() if o.verdict == "fail"} == {}
    assert [found[promise].verdict for _, promise in CAUGHT_AT_A_VENDOR] == ["pass"] * len(CAUGHT_AT_A_VENDOR)


def test_a_durable_backend_of_a_local_class_is_skipped_with_the_reason(tmp_path):
    class Local(BackendConformance):
        def backend(self):
            return PaperBackend(tmp_path)

    outcome = next(iter(check(Local(), "found_in_another_process")))
    assert outcome.verdict == "skip"
    assert "top of a module" in outcome.reason


@pytest.mark.parametrize(("broken", "promise"), CAUGHT, ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_a_broken_backend_is_caught_by_the_promise_meant_for_it(broken, promise):
    class Kit(BackendConformance):
        def backend(self):
            return broken()

    found = list(check(Kit(), promise))
    assert [o.verdict for o in found] == ["fail"], found
    assert found[0].reason


def test_every_promise_is_broken_by_some_backend_above_or_by_a_subclass_below():
    caught = {promise for _, promise in CAUGHT + CAUGHT_AT_A_VENDOR} | {
        "no_promise_is_overridden_or_deleted_without_a_reason"
    }
    assert set(BackendConformance.promises()) == caught


def test_a_correct_backend_keeps_every_promise():
    found = outcomes(OracleBackend)
    assert {name for name, o in found.items() if o.verdict == "fail"} == set()
    skipped = {name for name, o in found.items() if o.verdict == "skip"}
    assert skipped == {
        "a_durable_job_is_found_by_another_backend_object",
        "a_durable_job_is_found_in_another_process",
        "a_driver_that_is_not_claimed_is_refused",
        "the_same_ticket_twice_submits_once",
        "different_tickets_are_different_jobs",
        "an_interrupted_ticket_submits_nothing_twice",
        "a_refused_budget_submits_nothing",
        "notes_say_what_was_spent",
        "standard_errors_describe_the_scatter",
        "standard_errors_fit_the_shots",
    }


def test_a_noisy_backend_with_honest_standard_errors_keeps_every_promise():
    class Honest(ExactButNoisy):
        drivers = frozenset({"energy"})

        @property
        def capabilities(self):
            return Capabilities(self.max_qubits, self.drivers, exact=False, placement=Placement.ROOT)

    found = outcomes(Honest)
    assert {name for name, o in found.items() if o.verdict == "fail"} == set()
    assert found["energy_of_any_circuit"].verdict == "pass"


def test_a_subclass_that_overrides_a_promise_without_a_reason_is_refused():
    with pytest.raises(InputError, match=r"overrides or deletes the promise 'energy_of_any_circuit'"):

        class Cheat(BackendConformance):
            def test_energy_of_any_circuit(self):
                pass


def test_a_subclass_that_deletes_a_promise_without_a_reason_is_refused():
    with pytest.raises(InputError, match="overrides or deletes"):

        class Cheat(BackendConformance):
            test_energy_of_any_circuit = None


def test_a_promise_that_is_deleted_after_the_class_was_made_is_reported():
    class Cheat(BackendConformance):
        def backend(self):
            return OracleBackend()

    Cheat.test_energy_of_any_circuit = None
    found = list(check(Cheat(), "no_promise_is_overridden"))
    assert [o.verdict for o in found] == ["fail"]


def test_an_expected_failure_needs_a_reason_and_a_promise():
    with pytest.raises(InputError, match="no reason"):

        class Silent(BackendConformance):
            expected_failures: ClassVar = {"energy_of_any_circuit": " "}

    with pytest.raises(InputError, match="no promise"):

        class Typo(BackendConformance):
            expected_failures: ClassVar = {"energy_of_many_circuits": "because"}


@pytest.mark.parametrize(("factory", "verdict"), [(OffByAMillionth, "skip"), (OracleBackend, "fail")])
def test_an_expected_failure_is_skipped_while_it_fails_and_fails_once_it_is_kept(factory, verdict):
    class Kit(BackendConformance):
        expected_failures: ClassVar = {"energy_of_any_circuit": "single precision"}

        def backend(self):
            return factory()

    outcome = next(iter(check(Kit(), "energy_of_any_circuit")))
    assert outcome.verdict == verdict
    assert "single precision" in outcome.reason


class TestOracleBackendUnderPytest(BackendConformance):
    def backend(self):
        return OracleBackend()


def test_result_type_is_checked():
    class Bare(OracleBackend):
        def run(self, task):
            return super().run(task).value

    assert outcomes(Bare)["energy_of_any_circuit"].verdict == "fail"
