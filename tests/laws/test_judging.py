"""Which candidates may be preferred: counts of distinct rows, and what is set aside, worked out on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture
from gmix.fitting.candidates import Candidate, Search
from gmix.fitting.distinct import DistinctRows
from gmix.fitting.em import Run
from gmix.fitting.judge import Judge
from gmix.fitting.search_findings import dependence_finding, search_findings
from gmix.model.covariance import EEE, VII, VVI, VVV
from gmix.model.dependence import Dependence
from gmix.model.gaussian_model import GaussianModel
from gmix.model.stopping import Reason
from gmix.sources import MemorySource

Array = NDArray[np.float64]


def column(*values: float) -> Array:
    return np.array(values)[:, None]


def run(x: Array, means: Array, variances: list[float], weight: Array | None = None) -> Run:
    """One that ended at components of equal weights, round in all columns."""
    k, d = means.shape
    mixture = GaussianMixture(np.full(k, 1.0 / k), means, [v * np.eye(d) for v in variances])
    [statistics] = gmix.expect(x, [mixture], sample_weight=weight)
    return Run(GaussianModel(mixture), statistics, (statistics.log_likelihood,), Reason.CONVERGED)


def test_distinct_rows_are_those_that_differ_in_any_column() -> None:
    x = np.array([[1.0, 5.0], [1.0, 6.0], [1.0, 5.0], [2.0, 5.0], [1.0, 5.0]])
    weight = np.array([1.0, 9.0, 2.0, 4.0, 0.5])
    table = DistinctRows.of(x, weight)
    np.testing.assert_array_equal(table.values[table.which], x)
    assert len(table.values) == 3
    assert table.weight[table.which].tolist() == [3.5, 9.0, 3.5, 4.0, 3.5]
    assert (table.n_rows, table.heaviest_count, table.rarest_count) == (5, 1, 1)
    assert table.commonest.tolist() == [1.0, 6.0]  # the heaviest, not the one that is there most often
    assert DistinctRows.of(x).heaviest_count == 3
    assert DistinctRows.of(np.repeat(x[:2], [3, 2], axis=0)).rarest_count == 2


@pytest.mark.parametrize(
    ("singles", "times", "repeated"), [(100, 10, 0), (100, 12, 1), (20, 9, 0), (20, 10, 1), (0, 10, 0)]
)
def test_a_row_is_repeated_very_often_by_its_share_and_beside_the_others(
    singles: int, times: int, repeated: int
) -> None:
    table = DistinctRows.of(np.append(np.arange(1.0, singles + 1.0), np.zeros(times))[:, None])
    assert len(table.repeated) == repeated


def test_few_different_rows_are_each_there_twice_on_average() -> None:
    assert DistinctRows.of(column(1, 1, 2, 2)).are_few(2)
    assert not DistinctRows.of(column(1, 1, 2, 2)).are_few(1)
    assert not DistinctRows.of(column(1, 1, 2)).are_few(2)


def test_a_repeated_row_counts_once_and_a_light_one_by_its_weight() -> None:
    table = DistinctRows.of(column(7, 7, 7, 1, 2, 3), np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.25]))
    share = column(0.2, 0.2, 0.2, 1.0, 0.5, 0.8)
    np.testing.assert_allclose(table.effective(share), [0.2 + 1.0 + 0.5 + 0.25 * 0.8], rtol=1e-15)
    # Of weights 3, 1, 1: whoever has four fifths of all has one other row, and who has three fifths may have none.
    table = DistinctRows.of(column(7, 7, 7, 1, 2))
    np.testing.assert_allclose(table.at_least(np.array([0.8, 0.6, 0.3, 1.0])), [2.0, 1.0, 0.5, 3.0], rtol=1e-15)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_bound_on_distinct_rows_is_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, weight = rng.integers(0, 6, (20, 1)).astype(float), rng.exponential(size=20)
    table, share = DistinctRows.of(x, weight), rng.dirichlet([0.2] * 3, 6)[x[:, 0].astype(int)]
    bound = table.at_least(weight @ share / weight.sum())
    assert (bound <= table.effective(share) * (1.0 + 1e-12)).all()
    assert bound.max() > 0.0


def test_candidates_that_the_table_has_too_few_rows_for_are_not_tried() -> None:
    x = np.repeat([[0.0, 0.0], [1.0, 3.0], [2.0, 1.0], [5.0, 5.0], [4.0, 2.0]], 2, axis=0)
    source = MemorySource(x)
    judge = Judge.of(source, source, 2, None)
    # VVV needs three distinct rows a component, EEE one a component and two more.
    every = [(VVV, 1), (VVV, 2), (EEE, 3), (EEE, 4), (VII, 9)]
    assert judge.supportable(every, 2) == [(VVV, 1), (EEE, 3), (VII, 9)]
    assert judge.supportable([(VVV, 3), (VVV, 2), (EEE, 4)], 2) == [(VVV, 2)]
    # Of a sub-sample, all rows may be different; with a prior, or where rows are few, all are tried of
    # no more components than distinct rows.
    assert replace(judge, n_rows=6).supportable(every, 2) == [(VVV, 1), (VVV, 2), (EEE, 3), (EEE, 4), (VII, 9)]
    assert replace(judge, n_rows=5).supportable(every, 2) == [(VVV, 1), (EEE, 3), (VII, 9)]
    assert Judge.of(source, source, 2, gmix.NormalInverseWishart()).supportable(every, 2) == every[:-1]
    assert Judge.of(source, source, 5, None).supportable(every, 2) == every[:-1]


def test_a_component_rests_on_as_many_distinct_rows_as_its_structure_needs() -> None:
    for values, unsupported in (((100, 101, 102), ()), ((100, 101), (1,)), ((100, 101, 101, 101), (1,))):
        x = column(*np.linspace(-2.0, 2.0, 20), *values)
        source = MemorySource(x)
        reached = run(x, column(0.0, 101.0), [1.0, 1.0])
        assert Judge.of(source, source, 1, None).candidate([reached], 1.0).unsupported == unsupported
        assert Judge.of(source, source, 1, gmix.NormalInverseWishart()).candidate([reached], 1.0).unsupported == ()


@pytest.mark.parametrize(("weight", "unsupported"), [(0.6, ()), (0.4, (1,))])
def test_half_a_row_may_be_wanting(weight: float, unsupported: tuple[int, ...]) -> None:
    x = column(*np.linspace(-2.0, 2.0, 20), 100, 101, 102)  # three are needed
    each = np.append(np.ones(22), weight)
    source, reached = MemorySource(x, sample_weight=each), run(x, column(0.0, 101.0), [1.0, 1.0], each)
    assert Judge.of(source, source, 1, None).candidate([reached], 1.0).unsupported == unsupported


def test_a_sub_sample_shows_a_part_of_the_rows_that_a_component_rests_on() -> None:
    inside = np.linspace(-2.0, 2.0, 20)
    for values, unsupported in (((100.0, 101.0), ()), ((100.0,) * 9, (1,))):
        sample = column(*inside, *values)
        x = np.repeat(sample, 2, axis=0)  # as many again, which the sample does not show
        judge = Judge.of(MemorySource(x), MemorySource(sample), 1, None)
        assert judge.candidate([run(x, column(0.0, 100.0), [1.0, 1.0])], 1.0).unsupported == unsupported


def test_the_best_run_is_one_whose_components_neither_collapse_nor_rest_on_few_rows() -> None:
    x = column(*np.linspace(-2.0, 2.0, 30), 100.0, 101.0)
    source = MemorySource(x)
    judge = Judge.of(source, source, 1, None)
    plain = run(x, column(0.0, 0.5), [400.0, 400.0])
    few = run(x, column(0.0, 100.5), [1.0, 0.25])
    none = run(x, column(0.0, 100.0), [3.0, 1e-30])
    collapsed = replace(none, history=(0.0,), statistics=replace(none.statistics, log_likelihood=0.0))
    assert plain.objective < few.objective < collapsed.objective
    best = judge.candidate([few, collapsed, plain], 7.0)
    assert best.run is plain
    assert [o.objective for o in best.optima.found] == [collapsed.objective, few.objective, plain.objective]
    assert (best.collapsed, best.unsupported, best.repeated, best.seconds) == ((), (), (), 7.0)
    assert judge.candidate([collapsed, few], 0.0).run is few
    alone = judge.candidate([collapsed], 0.0)
    assert (alone.collapsed, alone.unsupported) == ((1,), (1,))
    lenient = replace(judge, lenient=True)
    assert lenient.candidate([few, collapsed, plain], 0.0).run is collapsed


@pytest.mark.parametrize(("off", "standing"), [(0.0, True), (0.9e-6, True), (1.1e-6, False)])
def test_a_component_stands_for_a_repeated_row_that_it_has_collapsed_to(off: float, standing: bool) -> None:
    rng = np.random.default_rng(0)
    x = np.vstack([rng.normal(size=(60, 2)) + 5.0, np.zeros((40, 2)), np.full((40, 2), -3.0)])
    source, place = MemorySource(x), off * x.std(0)
    judge = Judge.of(source, source, 1, None)
    assert judge.has_repeated_rows
    means = np.array([[5.0, 5.0], [0.0, place[1]]])  # in one column it is there, in the other nearly
    best = judge.candidate([run(x, means, [1.0, 1e-30])], 0.0)
    assert best.repeated == ((1,) if standing else ())
    assert (best.collapsed, best.unsupported) == (((), ()) if standing else ((1,), (1,)))
    wide = judge.candidate([run(x, means, [1.0, 1.0])], 0.0)  # it rests on one row, and has width
    assert (wide.repeated, wide.collapsed, wide.unsupported) == ((), (), (1,))


def found() -> tuple[Candidate, Candidate, Candidate]:
    """One that is sound, one that rests on few rows, and one that collapsed; each of a better BIC."""
    x = column(*np.linspace(-2.0, 2.0, 30), 100.0, 101.0)
    one = Candidate(run(x, column(0.0, 0.5), [400.0, 400.0]), (), (), 0.0)
    few = Candidate(run(x, column(0.0, 100.5), [1.0, 0.25]), (), (), 0.0, unsupported=(1,))
    none = run(x, column(0.0, 100.0), [3.0, 1e-30])
    return one, few, Candidate(replace(none, statistics=replace(none.statistics, log_likelihood=0.0)), (), (1,), 0.0)


def test_what_is_set_aside_is_chosen_only_where_there_is_nothing_else() -> None:
    one, few, none = found()
    assert one.bic > few.bic > none.bic
    assert Search((none, few, one)).best is one
    assert Search((none, few, one)).set_aside == (few, none)
    assert Search((none, few)).best is few
    assert Search((one, few, none), lenient=True).best is none
    assert Search((one, few, none), lenient=True).set_aside == ()
    np.testing.assert_array_equal(Search((one, few, none)).weights, [1.0, 0.0, 0.0])
    shares = np.exp(-np.array([few.bic, none.bic]) / 2.0 + none.bic / 2.0)
    np.testing.assert_allclose(Search((few, none)).weights, shares / shares.sum(), rtol=1e-12)
    assert Search((one, few, none), lenient=True).weights[2] > 0.99


def told(search: Search) -> list[tuple[str, str, str]]:
    return [(finding.name, finding.level, finding.message) for finding in search_findings(search)]


def test_what_was_set_aside_is_told_with_the_best_of_it_and_why() -> None:
    one, few, none = found()
    table = DistinctRows.of(column(*np.linspace(-2.0, 2.0, 30), 100.0, 101.0))
    assert told(Search((one,), distinct=table)) == []
    opening = (
        "were set aside because a component has collapsed or is supported by too few distinct rows; the best of them "
        "was"
    )
    better = f"V with 2 components (BIC {few.bic:.6g}; a component is supported by fewer than 3 distinct rows)"
    assert told(Search((few, one), distinct=table)) == [
        ("candidates set aside", "note", f"1 of 2 candidates {opening} {better}")
    ]
    assert told(Search((few, one, few), distinct=table))[0][2].startswith("2 of 3 candidates were set aside")
    worse = f"V with 2 components (AIC {none.aic:.6g}; a component has collapsed)"
    assert told(Search((none, one), criterion="aic", distinct=table)) == [
        ("candidates set aside", "note", f"1 of 2 candidates {opening} {worse}")
    ]
    repeats = DistinctRows.of(np.repeat(table.values, [*[1] * 31, 4], axis=0))
    assert told(Search((few,), distinct=repeats)) == [
        (
            "candidates set aside",
            "warning",
            f"1 of 1 candidate {opening} {better}; rows repeat: 4 of 35 rows are 101; "
            "it is returned because every candidate was set aside",
        )
    ]
    [(name, level, message)] = told(Search((few,)))  # the only candidate
    assert (name, level) == ("spurious component", "warning")
    assert message.startswith("component 1 (2 rows) is supported by fewer than 4 distinct rows")


def test_a_component_that_collapsed_or_has_no_rows_is_told_by_its_number() -> None:
    _, _, none = found()
    mass = none.run.statistics.mass
    [(name, level, message)] = told(Search((none,)))
    assert (name, level) == ("collapsed component", "warning")
    assert message.startswith(f"component 1 ({mass[1]:.4g} row) has zero variance in some direction")
    assert told(Search((none,), lenient=True)) == []
    x = column(*np.linspace(-2.0, 2.0, 30))
    empty = GaussianMixture([1.0, 0.0], [[0.0], [1e3]], [[[1.0]], [[1.0]]])
    [statistics] = gmix.expect(x, [empty])
    limit = Run(GaussianModel(empty), statistics, (0.0,), Reason.ITERATION_LIMIT)
    names = [name for name, _, _ in told(Search((Candidate(limit, (), (), 0.0),), interrupted=True))]
    assert names == ["empty component", "not converged", "interrupted"]
    assert told(Search((Candidate(limit, (), (), 0.0),)))[0][2] == "component 1 has no rows; ask for fewer components"


def test_candidates_that_were_not_tried_are_told_by_the_fewest_components() -> None:
    one, _, _ = found()
    untried = ((VVV, 5), (VVV, 4), (EEE, 9), (VVI, 4), (VVI, 6))
    [(name, level, message)] = told(Search((one,), untried=untried))
    assert (name, level) == ("range cut", "note")
    assert message.endswith(": VVV, VVI with 4 components or more; EEE with 9 components or more")
    assert told(Search((one,), untried=((VVV, 1),)))[0][2].endswith(": VVV with 1 component or more")


def test_rows_that_repeat_are_told_by_what_they_mean() -> None:
    one, _, _ = found()
    twice = DistinctRows.of(np.repeat(column(1.0, 2.0, 3.0), 2, axis=0))
    [(name, level, message)] = told(Search((one,), distinct=twice))
    assert (name, level) == ("copied rows", "note")
    assert "only 3 of 6 rows are distinct; " in message
    [(name, level, message)] = told(Search((one,), distinct=twice, lenient=True))
    assert (name, level) == ("few different rows", "warning")
    assert message.startswith("the table has only 3 distinct rows, ")
    wide = DistinctRows.of(np.vstack([np.zeros((4, 7)), np.ones((1, 7)), np.full((1, 7), 2.0)]))
    assert told(Search((one,), distinct=wide)) == []
    for standing, words in (((1,), "component 1 describes"), ((0, 1), "components 0, 1 describe")):
        stands = replace(one, repeated=standing)
        [(name, level, message)] = told(Search((stands,), distinct=wide))
        assert (name, level) == ("repeated rows", "warning")
        assert message.startswith(f"4 of 6 rows are (0, 0, 0, 0, 0, 0, ...); {words} repeated rows only ")
    six = DistinctRows.of(wide.values[wide.which][:, :6])
    assert told(Search((replace(one, repeated=(1,)),), distinct=six))[0][2].startswith(
        "4 of 6 rows are (0, 0, 0, 0, 0, 0);"
    )


def test_columns_that_follow_are_told_as_equations() -> None:
    one = Dependence((0,), np.array([[1.0], [2.0]]), np.array([0.0, 3.0]))
    both = Dependence((0,), np.array([[1.0], [2.0], [0.0]]), np.array([0.0, 3.0, 7.0]))
    assert dependence_finding(one, None).message.startswith(
        "in all rows x2 = 2 x1 + 3, so the mixture was fitted to the other columns and extended to this one; "
    )
    finding = dependence_finding(both, ["a", "b", "c"])
    assert finding.message.startswith("in all rows b = 2 a + 3 and c = 7, ")
    assert "extended to these;" in finding.message
    assert finding.level == "note"
