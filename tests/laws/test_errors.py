"""Every error says what happened, where, and what to do; names that nobody knows are answered with the nearest."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import gmix
from gmix import DataError, GmixError, NormalInverseWishart, ParameterError
from gmix.model.covariance import STRUCTURES, structure

X = np.random.default_rng(0).normal(size=(12, 2))
BAD = X.copy()
BAD[7, 1] = np.nan
BAD[9, 0] = np.nan
REFUSED = {"missing": "error"}
INF = X.copy()
INF[3, 0] = -np.inf
ONE = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (BAD, REFUSED, r"row 7, column 1 is NaN \(2 of 12 rows .*drop these rows or fill"),
        (BAD, REFUSED | {"columns": ["a", "b"]}, "row 7, column 'b' is NaN"),
        (INF, {}, "row 3, column 0 is infinite"),
        (BAD.astype(np.float32), REFUSED, "row 7, column 1 is NaN"),
        (np.ma.masked_greater(X, 1.0), REFUSED, "is NaN"),
        ([[1.0, None], [2.0, 3.0]], REFUSED, "row 0, column 1 is NaN"),
        (np.c_[X, X * np.nan], {"columns": list("abcd")}, "column 'c' and column 'd' have no value in any row; choose"),
        (np.where(-np.inf == INF, INF, BAD), {}, r"row 3, column 0 is infinite \(1 of 12 rows"),
        (BAD, {"missing": "drop"}, "missing 'drop' is not known; known are model, error"),
        (X * 1e300, {}, "beyond float64; divide"),
        ([["1", "a"], ["2", "b"]], {}, "row 0, column 1 holds 'a', which is not a number; choose numeric columns"),
        ([1, 2, "a"], {}, "row 2 holds 'a', which is not a number"),
        ([[1.0, 2.0], [3.0]], {}, "rows of unequal length"),
        ([[10**400]], {}, r"row 0, column 0 holds 10+\.\.\., which is beyond float64"),
        (csr_array(X), {}, r"sparse matrix; give it as an array, with its method toarray"),
        (X + 1j, {}, "complex128 values; gmix needs real numbers"),
        (np.array(["2020-01-01"], "M8[D]"), {}, "datetime64"),
        (np.zeros((2, 2, 2)), {}, "3 dimensions"),
        (3.0, {}, "0 dimensions"),
        (None, {}, "0 dimensions"),
        ({1, 2}, {}, "the table is a set; gmix needs rows and columns"),
        (np.zeros((0, 2)), {}, "no rows"),
        (np.zeros((3, 0)), {}, "no column"),
        (X, {"components": 13}, r"13 components are more than the table has rows \(12\); ask for fewer"),
        (
            X,
            {"components": 5, "sample_weight": [1.0, 0.0, 0.0] * 4},
            r"5 components are more .* rows with weight \(4\)",
        ),
        (X, {"columns": ["a"]}, "the array has 2 columns"),
        (X, {"columns": ["a", "a"]}, "different names"),
        (X, {"sample_weight": [1.0]}, r"sample_weight has shape \(1,\); .*give \(12,\)"),
        (X, {"sample_weight": np.eye(12)}, r"shape \(12, 12\)"),
        (X, {"sample_weight": [1.0] * 11 + [-1.0]}, r"sample_weight\[11\] is -1\.0"),
        (X, {"sample_weight": [1.0] * 5 + [np.nan] * 7}, r"sample_weight\[5\] is nan"),
        (X, {"sample_weight": [np.inf] * 12}, r"sample_weight\[0\] is inf"),
        (X, {"sample_weight": ["a"] * 12}, r"one number for each row \(it holds 'a', which is not a number\)"),
        (X, {"sample_weight": [1j] * 12}, "a number is complex"),
        (X, {"sample_weight": [0.0] * 12}, "give at least one row a positive weight"),
        (X, {"sample_weight": [1e-320] * 12}, "give at least one row a positive weight"),
    ],
)
def test_what_is_wrong_with_the_rows(data: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError if "missing" in message else DataError, match=message):
        gmix.fit(data, **({"components": 1} | settings))


@pytest.mark.parametrize("name", ["table.csv", Path("folder/table.csv")])
@pytest.mark.parametrize("method", ["predict", "log_density", "impute", "plot"])
def test_where_rows_are_needed_the_name_of_a_file_is_no_row(method: str, name: Any) -> None:
    with pytest.raises(DataError, match=r"rows are needed here, and '.*table\.csv' is the name of a file; read it"):
        getattr(ONE, method)(name)


@pytest.mark.parametrize("call", [ONE.predict, lambda thing: gmix.posterior(thing, draws=2)])
def test_what_holds_no_rows_is_named_by_its_type(call: Callable[[Any], Any]) -> None:
    for thing in (ONE, gmix.fit(X, 1, covariance="full"), object()):
        with pytest.raises(DataError, match=f"the table is a {type(thing).__name__}; gmix needs rows and columns"):
            call(thing)


@pytest.mark.parametrize(
    ("data", "cells"),
    [
        (BAD, "2 of 24 cells are missing (1 of column 0 and 1 of column 1)"),
        (BAD.astype(np.float32), "2 of 24 cells are missing"),
        (np.ma.masked_greater(X, 1.0), f"{(X > 1).sum()} of 24 cells are missing"),
        ([[1.0, None], [2.0, 3.0], [0.0, 4.0]], "1 of 6 cells is missing (1 of column 1)"),
    ],
    ids=["NaN", "float32", "masked", "None"],
)
def test_missing_cells_are_fitted_and_a_finding_says_so(data: Any, cells: str) -> None:
    [found] = [finding for finding in gmix.fit(data, 1, covariance="diag").findings if finding.name == "missing cells"]
    assert found.level == "note"
    assert found.message.startswith(cells)
    assert "treated as missing at random" in found.message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"covariance": "ful"}, "'ful' is not a structure; known are .*; did you mean 'full'"),
        ({"covariance": "VVX"}, "did you mean 'VVV'|did you mean 'VVI'"),
        ({"covariance": "qqqqqq"}, "known are "),
        ({"covariance": 5}, "covariance must be a name"),
        ({"covariance": None}, "covariance must be a name"),
        ({"covariance": []}, "empty list"),
        ({"covariance": ["full", "tide"]}, "did you mean 'tied'"),
        ({"components": 0}, "whole numbers above zero"),
        ({"components": -2}, "whole numbers above zero"),
        ({"components": 2.0}, r"components is 2\.0"),
        ({"components": None}, "components is None"),
        ({"components": []}, "whole numbers above zero"),
        ({"components": [1, "2"]}, "whole numbers above zero"),
        ({"components": "many"}, "'many'; give a number, several, or 'auto'"),
        ({"start": "kmeans++"}, "'kmeans\\+\\+' is not known; .*did you mean 'k-means\\+\\+'"),
        ({"components": True}, "whole numbers above zero"),
        ({"criterion": None}, "criterion None is not known"),
        ({"start": ["a"] * 12}, "start must be"),
        ({"start": [[1.0], [0.5, 0.5]]}, "start must be"),
        ({"start": [0, 1]}, r"start has 2 rows and 2 components; give one with 12 rows and 2 components"),
        ({"start": [-1] * 12}, "number the components from 0"),
        ({"start": [0] * 11 + [10**9]}, "from 0 to 1000000000 for 12 rows"),
        ({"start": np.full((12, 2), 0.7)}, "do not sum to one"),
        ({"start": np.full((12, 2), np.nan)}, "do not sum to one"),
        ({"start": np.repeat([0, 1], 6), "components": 3}, "2 components; give one with 12 rows and 3 components"),
        ({"start": ONE}, "give one with 2 components and 2 columns"),
        ({"start": ONE.affine([[1.0]]), "components": 1}, "give one with 1 component and 2 columns"),
        ({"start": gmix.GaussianMixture([1.0], [[1e200, 0.0]], [np.eye(2)]), "components": 1}, "so far from the start"),
        (
            {"prior": "conjugate"},
            "give a gmix.NormalInverseWishart, a gmix.Shrinkage, a gmix.Dirichlet or a sum of these",
        ),
        ({"prior": gmix.Dirichlet([1.0, 2.0, 3.0])}, r"shape \(3,\); with 2 components give one number or \(2,\)"),
        ({"prior": NormalInverseWishart(mean=[0.0])}, r"mean has shape \(1,\); the data has 2 columns"),
        ({"prior": NormalInverseWishart(scale=np.eye(3))}, r"symmetric matrix \(2, 2\)"),
        ({"prior": NormalInverseWishart(scale=[[1.0, 2.0], [2.0, 1.0]])}, "without negative eigenvalues"),
        ({"prior": NormalInverseWishart(scale=[[1e-9, 2e-10], [0.0, 1e-9]])}, "symmetric"),
        ({"prior": NormalInverseWishart(degrees_of_freedom=1.0)}, r"with 2 columns it must be above 1"),
        ({"tolerance": -1.0}, "nats per row"),
        ({"tolerance": np.nan}, "nats per row"),
        ({"tolerance": "small"}, "nats per row"),
        ({"effort": -1.0}, "effort is -1.0; give a number, zero or more"),
        ({"effort": np.inf}, "effort is inf; give a number, zero or more"),
        ({"effort": None}, "effort is None; give a number, zero or more"),
        ({"seconds": 0}, "seconds is 0; give a number above zero, or None"),
        ({"seconds": np.nan}, "seconds is nan; give a number above zero, or None"),
        ({"seconds": "long"}, "seconds is 'long'; give a number above zero, or None"),
        ({"max_iterations": -1}, "whole number"),
        ({"max_iterations": None}, "whole number"),
        ({"columns": "ab"}, r"columns is 'ab'; give a list of names, \['ab'\]"),
        ({"threads": 0}, "threads is 0"),
        ({"threads": "all"}, "threads is 'all'"),
        ({"rng": "seed"}, "rng is .seed.; give a whole number of zero or more, a numpy.random.Generator"),
        ({"rng": -1}, "rng is -1; give a whole number of zero or more"),
    ],
)
def test_what_is_wrong_with_an_argument(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        gmix.fit(X, **({"components": 2} | settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mean_strength": -1.0}, "mean_strength is -1"),
        ({"mean_strength": "weak"}, "mean_strength is 'weak'"),
        ({"strength": np.inf}, "strength is inf"),
        ({"degrees_of_freedom": np.inf}, "degrees_of_freedom is inf"),
        ({"degrees_of_freedom": "many"}, "degrees_of_freedom is 'many'"),
        ({"mean": [np.nan]}, "mean holds a value that is not finite"),
        ({"scale": "wide"}, "scale must be numbers"),
    ],
)
def test_what_is_wrong_with_a_prior(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        NormalInverseWishart(**settings)


@pytest.mark.parametrize("concentration", [0.5, [1.0, np.nan], [[1.0]], "many"])
def test_what_is_wrong_with_a_prior_of_the_weights(concentration: Any) -> None:
    with pytest.raises(ParameterError, match="concentration"):
        gmix.Dirichlet(concentration)
    with pytest.raises(ParameterError, match="strength is -1"):
        gmix.Dirichlet(strength=-1)
    with pytest.raises(TypeError):
        gmix.Dirichlet() + 1


def test_stated_weights_are_equal_where_the_structure_says_so() -> None:
    with pytest.raises(ParameterError, match=r"weights \[0.4, 0.6\] are not equal, as EVVV requires"):
        gmix.GaussianMixture([0.4, 0.6], [[0.0], [1.0]], [[[1.0]], [[1.0]]], "EVVV")


def test_a_prior_may_know_nothing_of_some_directions_and_does_not_change() -> None:
    rows = np.column_stack([X, X.sum(1)])
    scale = np.cov(rows.T)  # singular, up to rounding of either sign
    prior = NormalInverseWishart(mean=np.zeros(3), scale=scale)
    scale[0, 0] = -1.0
    assert gmix.fit(rows, 2, prior=prior, rng=0).mixture
    with pytest.raises(ValueError, match="read-only"):
        prior.mean[0] = 1.0
    with pytest.raises(AttributeError):
        prior.strength = 2.0


@pytest.mark.parametrize("name", [n for s in STRUCTURES for n in (s.code, s.code.lower(), s.name, s.name.upper())])
def test_every_structure_answers_to_its_code_and_its_name(name: str) -> None:
    assert structure(name) in STRUCTURES
    assert structure(structure(name)) is structure(name)


def test_one_column_may_be_a_plain_list_and_has_two_structures() -> None:
    fit = gmix.fit([0.0, 0.2, 0.1, 5.0, 5.3, 5.1], [1, 2], rng=0)
    assert fit.mixture.n_features == 1
    assert {c.structure.code for c in fit.search.candidates} == {"E", "V"}
    for code, full in (("E", "EEE"), ("V", "VVV")):
        assert gmix.fit([0.0, 1.0, 5.0], 1, covariance=code).mixture.structure.code == code
        assert gmix.fit([0.0, 1.0, 5.0], 1, covariance=full).mixture.structure.code == code
        assert gmix.fit(X, 1, covariance=code).mixture.structure.code == full


def test_a_structure_that_makes_no_sense_for_one_column_says_which_does() -> None:
    column = [0.0, 0.2, 0.1, 5.0, 5.9, 5.1]
    fit = gmix.fit(column, 2, covariance=["VEV", "V", "EVE", "EVEE", "diag"], rng=0)
    assert fit.search is not None
    assert [c.structure.code for c in fit.search.candidates] == ["V", "E", "EV"]
    told = [finding.message for finding in fit.findings if finding.name == "one column"]
    assert [message.split()[0] for message in told] == ["VEV", "EVE", "EVEE"]
    assert [message.partition("; ")[2] for message in told] == [
        f"give '{code}', which was fitted here" for code in "VEV"
    ]
    for code in ("E", "V", "EEE", "VVV", "EEI", "VVI", "EII", "VII", "full", "EVVV"):
        assert "one column" not in {f.name for f in gmix.fit(column, 1, covariance=code).findings}


def test_a_range_is_cut_to_the_rows() -> None:
    few = [1.0, 0.0, 0.0] * 4  # a row of no weight is no row
    for data, weight in ((X[:4], None), (X, few), ([X[:5], X[5:]], few)):
        fit = gmix.fit(data, covariance="spherical", sample_weight=weight, rng=0)
        assert max(c.n_components for c in fit.search.candidates) == 4
        assert "range cut" in {finding.name for finding in fit.findings}


def test_every_error_is_a_gmix_error_and_a_value_error() -> None:
    for kind in (DataError, ParameterError, gmix.ModelFileError):
        assert issubclass(kind, GmixError)
        assert issubclass(kind, ValueError)


def test_a_data_frame_is_taken_by_its_numeric_columns() -> None:
    frames = pytest.importorskip("pyarrow")
    table = frames.table({"a": X[:, 0], "text": ["x"] * 12, "b": X[:, 1], "n": range(12)})
    fit = gmix.fit(table, 1, covariance="full")
    assert fit.mixture.features == ("a", "b", "n")
    np.testing.assert_allclose(fit.mixture.means[0], [*X.mean(0), 5.5])
    assert gmix.fit(table, 1, columns=["b"]).mixture.features == ("b",)
    np.testing.assert_array_equal(fit.mixture.log_density(table), fit.mixture.log_density(np.c_[X, range(12)]))
    with pytest.raises(DataError, match=r"no column 'aa'; did you mean 'a'\? The columns are"):
        gmix.fit(table, 1, columns=["aa"])
    with pytest.raises(DataError, match="column 'text' holds String"):
        gmix.fit(table, 1, columns=["a", "text"])
    with pytest.raises(DataError, match="no numeric column"):
        gmix.fit(table.select(["text"]), 1)
    with pytest.raises(DataError, match="row 1, column 'h' is NaN"):
        gmix.fit(frames.table({"h": [1.0, None, 2.0]}), 1, missing="error")
    assert gmix.fit(frames.table({"h": [1.0, None, 2.0]}), 1).mass == 2.0


def test_the_names_of_a_data_frame_may_be_anything_but_alike() -> None:
    pandas = pytest.importorskip("pandas")
    numbered = pandas.DataFrame(X)
    fit = gmix.fit(numbered, 1, covariance="full")
    assert fit.mixture.features == ("0", "1")
    np.testing.assert_array_equal(fit.mixture.log_density(numbered[[1, 0]]), fit.mixture.log_density(X))
    assert gmix.fit(numbered, 1, columns=pandas.Index(["1"])).mixture.features == ("1",)
    levels = pandas.DataFrame(X, columns=pandas.MultiIndex.from_tuples([("a", "b"), ("a", "c")]))
    assert gmix.fit(levels, 1).mixture.features == ("('a', 'b')", "('a', 'c')")
    with pytest.raises(DataError, match=r"the table has 2 columns called .*; rename them, or choose others"):
        gmix.fit(pandas.DataFrame(X, columns=["a", "a"]), 1)


def test_what_stands_in_a_prompt_is_short() -> None:
    fit = gmix.fit(X, np.array([1, 2]), covariance="spherical", rng=0)
    assert fit.search is not None
    merging, replicates = gmix.merge(fit, X), gmix.bootstrap(fit, X, replicates=2, rng=0)
    for value in (fit, fit.mixture, fit.statistics, fit.search, *fit.search.candidates, merging, replicates,
                  gmix.Stepwise(fit.mixture), gmix.metropolis(fit.mixture.log_density, [0.0, 0.0], 9)):  # fmt: skip
        assert repr(value).startswith(f"{type(value).__name__}(")
        assert len(repr(value)) < 130
        assert "array" not in repr(value)


def test_names_are_known_in_any_case_of_letters() -> None:
    for settings in (
        {"criterion": "BIC", "covariance": "Full"},
        {"components": "Auto", "covariance": "AUTO", "criterion": "Icl"},
        {"family": "Gaussian", "missing": "Model", "start": "K-means++", "inference": "EM", "background": "Auto"},
    ):
        small = {name: value.lower() for name, value in settings.items()}
        given, usual = (gmix.fit(X, **{"components": 2, "rng": 0} | each) for each in (settings, small))
        assert given.log_likelihood == usual.log_likelihood
        assert given.search is None or given.search.criterion == small.get("criterion", "bic")
    fit = gmix.fit(X, 1, covariance="FULL", rng=0)
    rows, usual = (gmix.bootstrap(fit, X, kind=kind, replicates=3, rng=0) for kind in ("Rows", "rows"))
    np.testing.assert_array_equal(rows.means, usual.means)
    np.testing.assert_array_equal(rows.interval(kind="BCA").means, rows.interval(kind="bca").means)
    assert gmix.VariationalPrior(weights="Dirichlet").weights == "dirichlet"
    with pytest.raises(ParameterError, match=r"criterion 'bicc' is not known; .*did you mean 'bic'"):
        gmix.fit(X, criterion="bicc")


COUNTS = re.compile(r"n_(rows|features|components)\b|\.shape\[|\blen\(")
PLURALS = re.compile(r" (\w+ )?(columns|rows|components|features|labels|points|chains)\b")


def counted_by_hand(path: Path) -> Iterator[str]:
    """Numbers that may be one and stand before a plural in an error; not the whole of a part, as in 1 of 12 rows."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("Error"):
            for text in (node for argument in call.args for node in ast.walk(argument)):
                parts = [ast.Constant(""), *text.values] if isinstance(text, ast.JoinedStr) else []
                for before, number, after in zip(parts, parts[1:], parts[2:], strict=False):
                    part_of = isinstance(before, ast.Constant) and str(before.value).endswith(" of ")
                    if isinstance(number, ast.FormattedValue) and isinstance(after, ast.Constant) and not part_of:
                        value, words = ast.unparse(number.value), str(after.value)
                        if COUNTS.search(value) and not value.startswith("count(") and PLURALS.match(words):
                            yield f"{path}: {value}{words}"


def test_errors_count_with_the_helper_of_plurals() -> None:
    paths = Path(gmix.__file__).parent.rglob("*.py")
    assert [found for path in paths for found in counted_by_hand(path)] == []


def test_one_of_something_is_singular() -> None:
    with pytest.raises(DataError, match="the points have 1 column and the mixture has 2 features"):
        gmix.GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2)]).log_density([1.0])
    with pytest.raises(DataError, match=r"there are 2 labels and 1 row; give one label"):
        gmix.fit([[0.0]], 1, labels=["a", "b"])
    found = gmix.fit([[0.0, 1.0], [1.0, 2.0]], [1, 5], covariance="spherical", sample_weight=[1.0, 0.0]).findings
    assert "the table has 1 row with weight, so at most 1 component was tried" in [each.message for each in found]
