"""Progress: the candidates that are done, the share of the work, and a time left that claims no more than is known."""

from __future__ import annotations

import builtins
import io
import time
from typing import Any

import numpy as np
import pytest

import gmix
from gmix.base.progress import Meter, Progress, counting
from gmix.base.progress_line import Line, line_on
from gmix.base.workload import Task, Workload
from gmix.model.covariance import structure


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ended(workload: Workload, clock: Clock, **seconds: float) -> None:
    for name, duration in seconds.items():
        workload.begin(name)
        clock.now += duration
        workload.end()


def test_equal_tasks_take_equal_times(clock: Clock) -> None:
    workload = Workload({name: Task("a", 1.0) for name in "pqrstuvwxy"}, clock=clock)
    assert np.isnan(workload.seconds_left)
    ended(workload, clock, p=2.0, q=2.0)
    assert np.isnan(workload.seconds_left)  # two tasks say too little
    ended(workload, clock, r=2.0)
    assert workload.seconds_left == pytest.approx(14.0)
    assert workload.share == pytest.approx(0.3)
    assert (workload.done, workload.total) == (3, 10)
    workload.begin("s")
    clock.now += 1.5
    assert workload.seconds_left == pytest.approx(12.5)
    assert workload.share == pytest.approx(7.5 / 20.0)


def test_larger_tasks_and_slower_kinds_take_longer(clock: Clock) -> None:
    tasks = {"p": Task("fast", 1.0), "q": Task("slow", 1.0), "r": Task("fast", 1.0), "s": Task("slow", 1.0)}
    workload = Workload(tasks | {"fast": Task("fast", 9.0), "slow": Task("slow", 9.0)}, clock=clock)
    ended(workload, clock, p=1.0, q=5.0, r=1.0, s=5.0)
    ended(workload, clock, fast=9.0 * 1.5)
    of_all = 9.0 * 25.5 / 13.0  # at the mean rate of all tasks
    assert 1.5 * of_all < workload.seconds_left < 9.0 * 5.0


def test_a_small_share_of_the_work_gives_no_estimate(clock: Clock) -> None:
    workload = Workload(
        {"p": Task("a", 1.0), "q": Task("a", 1.0), "r": Task("a", 1.0), "s": Task("a", 1e4)}, clock=clock
    )
    ended(workload, clock, p=1.0, q=1.0, r=1.0)
    assert np.isnan(workload.seconds_left)


def test_an_overdue_task_has_time_left_in_proportion_to_its_own(clock: Clock) -> None:
    workload = Workload({name: Task("a", 1.0) for name in "pqrs"}, clock=clock)
    ended(workload, clock, p=1.0, q=1.0, r=1.0)
    workload.begin("s")
    clock.now += 240.0
    assert workload.seconds_left == pytest.approx(60.0)


def candidates(clock: Clock, n: int = 10) -> Meter:
    meter = Meter(1e-6, clock=clock)
    meter.begin_stage({k: Task("VVV", 1.0) for k in range(n)}, "candidate", "stage 1 of 3 (10,000 rows)")
    return meter


def test_the_text_names_what_is_done_what_is_under_way_and_what_is_left(clock: Clock) -> None:
    meter = candidates(clock)
    for k in range(5):
        meter.begin_task(k, f"VVV with {k + 1} components")
        assert ("left" in str(meter.progress)) == (k >= 3)
        clock.now += 36.0
        meter.end_task()
    meter.begin_task(5, "VVV with 6 components")
    assert str(meter.progress) == (
        "stage 1 of 3 (10,000 rows), 5 of 10 candidates, VVV with 6 components, 50% done, "
        "about 3 min left in this stage"
    )
    assert meter.progress.within(80) == "5 of 10 candidates, VVV with 6 components, about 3 min left in this stage"
    assert meter.progress.within(60) == "5 of 10 candidates, about 3 min left in this stage"
    assert meter.progress.within(25) == "5 of 10 candidates"


def test_further_work_ends_at_the_latest_when_its_budget_is_spent(clock: Clock) -> None:
    meter = candidates(clock)
    meter.finish_tasks()
    meter.improve("better optima of VVV with 3 components", np.nan)
    assert str(meter.progress).endswith("better optima of VVV with 3 components")
    meter.improve("better optima of VVV with 3 components", 42.0)
    assert str(meter.progress).endswith("at most about 40 s left in this stage")
    clock.now += 100.0
    assert "left" not in str(meter.progress)


def test_a_limit_of_time_bounds_the_time_left(clock: Clock) -> None:
    meter = candidates(clock)
    meter.limit(60.0)
    assert str(meter.progress).endswith("at most about 60 s left in this stage")
    clock.now += 55.0
    assert str(meter.progress).endswith("less than 10 s left in this stage")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "less than 10 s left"), (44.0, "about 40 s left"), (754.0, "about 13 min left"), (9e3, "about 2.5 h left")],
)
def test_the_time_left_is_rounded(seconds: float, text: str) -> None:
    assert str(Progress(seconds_left=seconds)) == text


def test_a_line_fits_a_terminal_a_notebook_and_a_log(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    log, terminal, notebook = io.StringIO(), Terminal(), io.StringIO()
    lines = [Line(log, clock), Line(terminal, clock)]
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    lines.append(Line(notebook, clock))
    for line in lines:
        line(Progress(task="too early"))
    for done in (1, 2, 3):
        clock.now += 2.0
        for line in lines:
            line(Progress(done=done, total=10, unit="fold"))
    for line in lines:
        line.clear()
        line(Progress(task="too late"))
    assert log.getvalue() == "1 of 10 folds\n"  # the next line of a log follows after ten seconds
    text = "2 of 10 folds"
    assert f"\r\x1b[2K{text}\r" in terminal.getvalue()
    assert f"\r{text}" in notebook.getvalue()
    assert notebook.getvalue().endswith(f"\r{' ' * len(text)}\r")
    assert "too" not in log.getvalue() + terminal.getvalue() + notebook.getvalue()
    assert line_on(log) is None
    assert line_on(log, always=True) is not None


def test_a_line_is_updated_while_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmix.base.progress_line._DELAY", 0.0)
    monkeypatch.setattr("gmix.base.progress_line._TICK", 0.001)
    log = io.StringIO()
    line = Line(log)
    line.watch(lambda: Progress(task="a long task"))
    for _ in range(1000):
        if log.getvalue():
            break
        time.sleep(0.01)
    line.clear()
    assert log.getvalue() == "a long task\n"


def test_repetitions_are_counted_and_timed(clock: Clock) -> None:
    seen: list[Progress] = []
    with counting(seen.append, 4, "fold", clock=clock) as advance:
        for done in range(1, 5):
            clock.now += 30.0
            advance(done)
    assert [str(progress) for progress in seen] == [
        "1 of 4 folds, 25% done",
        "2 of 4 folds, 50% done",
        "3 of 4 folds, 75% done, about 30 s left",
        "4 of 4 folds, 100% done, less than 10 s left",
    ]


@pytest.fixture(scope="module")
def rows() -> Any:
    return gmix.GaussianMixture([0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]]).sample(60, rng=1)


def test_every_long_function_reports_and_refuses_the_same_values(rows: Any) -> None:
    fit = gmix.fit(rows, 2, covariance="full", rng=0)
    holed = np.hstack([rows, rows + np.random.default_rng(0).normal(size=rows.shape)])
    holed[::5, 1] = np.nan
    incomplete = gmix.fit(holed, 1, covariance="full", rng=0)
    calls: dict[str, Any] = {
        "replicate": lambda p: gmix.bootstrap(fit, rows, replicates=5, rng=0, progress=p),
        "fold": lambda p: gmix.cross_validate(fit, rows, folds=5, rng=0, progress=p),
        "table": lambda p: gmix.impute(incomplete, holed, 5, rng=0, progress=p),
        "step": lambda p: gmix.metropolis(fit.mixture.log_density, [0.0], 5, rng=0, progress=p),
    }
    for unit, call in calls.items():
        seen: list[Progress] = []
        call(seen.append)
        assert [(one.done, one.total, one.unit) for one in seen] == [(i, 5, unit) for i in range(1, 6)]
        with pytest.raises(gmix.ParameterError, match=r"progress is 'yes'; give True, False for silence, a function"):
            call("yes")
    seen = []
    gmix.likelihood_ratio_test(rows, 1, replicates=2, rng=0, progress=seen.append)
    assert [one.done for one in seen] == [1, 2]
    with pytest.raises(gmix.ParameterError, match="progress is 1; give True"):
        gmix.fit(rows, progress=1)  # type: ignore[arg-type]


def test_a_fit_names_its_candidates_and_changes_no_bit(rows: Any) -> None:
    seen: list[Progress] = []
    options: Any = {"components": [1, 2, 3], "covariance": ["E", "V"], "rng": 0}
    fit = gmix.fit(rows, progress=seen.append, **options)
    assert {one.total for one in seen if one.task} == {6}
    tasks = dict.fromkeys(one.task for one in seen)
    assert {f"{s} with {k} component{'s' * (k > 1)}" for s in "EV" for k in (1, 2, 3)} <= set(tasks)
    assert seen[-1].done == 6
    assert seen[-1].task.startswith("better optima of ")
    plain = gmix.fit(rows, **options)
    assert fit.mixture.means.tobytes() == plain.mixture.means.tobytes()
    assert fit.log_likelihood == plain.log_likelihood


def test_the_stages_of_a_large_table_are_reported(rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmix.fitting.narrowing.LARGE", 50)
    seen: list[Progress] = []
    gmix.fit(rows, [1, 2, 3], covariance=["E", "V"], rng=0, progress=seen.append)
    stages = list(dict.fromkeys(one.stage for one in seen if one.stage))
    assert stages == ["stage 1 of 2 (30 rows)", "stage 2 of 2 (60 rows)"]


def test_a_single_candidate_goes_on_after_the_search_on_a_sub_sample() -> None:
    x = gmix.GaussianMixture([0.3, 0.3, 0.4], [[0.0], [5.0], [9.0]], [[[1.0]]] * 3).sample(101_000, rng=1)
    seen: list[Progress] = []
    gmix.fit(x, 3, covariance="V", rng=0, effort=0.05, progress=seen.append)
    assert seen[-1].task == "V with 3 components"
    assert all(one.total == 1 for one in seen if one.task)
    assert not seen[-1].at_most


def test_a_variational_fit_names_its_candidates(rows: Any) -> None:
    seen: list[Progress] = []
    gmix.fit(rows, [2, 3], covariance="V", inference="variational", effort=0.1, rng=0, progress=seen.append)
    assert list(dict.fromkeys(one.task for one in seen if one.task)) == ["V with 2 components", "V with 3 components"]


def test_a_line_can_be_asked_for_anywhere(rows: Any, capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmix.base.progress_line._DELAY", 0.0)
    gmix.fit(rows, [1, 2], covariance=["E", "V"], rng=0, progress=True)
    assert "of 4 candidates" in capfd.readouterr().err
    gmix.fit(rows, [1, 2], covariance=["E", "V"], rng=0)
    assert capfd.readouterr().err == ""


def test_structures_of_more_work_are_expected_to_take_longer() -> None:
    from gmix.fitting.search_progress import _cost

    full, diagonal = structure("VVV"), structure("VVI")
    assert _cost(full, 2, 100, 20) > 2.0 * _cost(diagonal, 2, 100, 20)
    assert _cost(full, 8, 100, 20) > 4.0 * _cost(full, 2, 100, 20)
