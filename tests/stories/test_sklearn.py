"""A person changes one import: the script goes on, every argument means what it meant, and more has become possible."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture as Theirs
from sklearn.utils.estimator_checks import parametrize_with_checks

import gmix
from gmix.sklearn import GaussianMixture
from gmix.sources import MemorySource

Array = NDArray[Any]
TYPES = ("full", "tied", "diag", "spherical")
WAYS = ("kmeans", "k-means++", "random", "random_from_data")
FITTED = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
THEIR_DEFAULTS = {"tol": 1e-3, "reg_covar": 1e-6, "max_iter": 100}
FAITHFUL = Path(__file__).parents[1] / "reference" / "data" / "faithful.csv"

SCRIPT = """
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pipeline = make_pipeline(StandardScaler(), GaussianMixture(random_state=0))
search = GridSearchCV(pipeline, {"gaussianmixture__n_components": [1, 2, 3]}, cv=3).fit(table)
chosen = search.best_estimator_.set_params(gaussianmixture__n_components=2).fit(table)
labels = chosen.predict(table)
probabilities = chosen.predict_proba(table)
model = chosen[-1]
draws, origins = model.sample(1000)
"""


@pytest.fixture(scope="module")
def faithful() -> pd.DataFrame:
    return pd.read_csv(FAITHFUL)


@pytest.fixture(scope="module")
def clouds() -> Array:
    """Three clouds that touch, in units far from one."""
    rng = np.random.default_rng(3)
    turns = rng.normal(size=(3, 3, 3))
    parts = [rng.normal(size=(n, 3)) @ turn + at for n, turn, at in zip((150, 90, 60), turns, (0, 4, -5), strict=True)]
    return np.asarray(rng.permutation(np.vstack(parts)) * [1.0, 10.0, 0.5] + [0.0, 100.0, -3.0])


def start(x: Array, covariance_type: str) -> dict[str, Any]:
    """A start that needs no luck."""
    scale = 1.0 / x.var(0)
    precisions = {"full": [np.diag(scale)] * 3, "tied": np.diag(scale), "diag": [scale] * 3, "spherical": [0.05] * 3}
    return {
        "n_components": 3,
        "covariance_type": covariance_type,
        "weights_init": [0.5, 0.3, 0.2],
        "means_init": x[[0, 1, 2]],
        "precisions_init": np.array(precisions[covariance_type]),
    }


def quietly(model: Any, *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*arguments)


def same(ours: Any, theirs: Any, tolerance: float = 1e-6) -> None:
    for name in FITTED:
        mine, yours = getattr(ours, name), getattr(theirs, name)
        assert mine.shape == yours.shape, name
        np.testing.assert_allclose(mine, yours, rtol=tolerance, atol=tolerance * np.abs(yours).max(), err_msg=name)


@pytest.mark.filterwarnings("ignore:ridge")
@parametrize_with_checks(
    [GaussianMixture(covariance_type=kind) for kind in TYPES] + [GaussianMixture(**THEIR_DEFAULTS)]
)
def test_scikit_learn_accepts_it(estimator: Any, check: Any) -> None:
    check(estimator)


def test_a_script_goes_on_with_one_import_changed(faithful: pd.DataFrame) -> None:
    before, after = {"table": faithful}, {"table": faithful}
    exec(SCRIPT, before)  # noqa: S102
    exec(SCRIPT.replace("from sklearn.mixture", "from gmix.sklearn"), after)  # noqa: S102
    assert type(before["model"]) is Theirs
    assert type(after["model"]) is GaussianMixture
    assert before["search"].best_params_ == after["search"].best_params_
    assert adjusted_rand_score(before["labels"], after["labels"]) > 0.98
    assert after["model"].score(before["draws"]) == pytest.approx(before["model"].score(before["draws"]), abs=0.01)
    assert after["draws"].shape == (1000, 2)
    assert (np.diff(after["origins"]) >= 0).all()  # one component after the other


def test_it_is_an_estimator_like_any_other(faithful: pd.DataFrame) -> None:
    model = GaussianMixture(2, random_state=0).fit(faithful)
    assert list(model.feature_names_in_) == ["eruptions", "waiting"]
    assert model.mixture_.features == ("eruptions", "waiting")
    assert repr(model) == "GaussianMixture(n_components=2, random_state=0)"
    with pytest.raises(NotFittedError):
        clone(model).predict(faithful)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    np.testing.assert_array_equal(again.predict_proba(faithful), model.predict_proba(faithful))
    np.testing.assert_array_equal(clone(model).fit(faithful).means_, model.means_)
    np.testing.assert_array_equal(clone(model).fit_predict(faithful), model.predict(faithful))
    np.testing.assert_array_equal(model.sample(5)[0], again.sample(5)[0])
    with pytest.raises(ValueError, match="feature names"):
        model.predict(faithful[["waiting", "eruptions"]])
    assert model.fit_.converged is model.converged_
    assert "eruptions" in model.fit_.summary()
    assert model.mixture_.condition({"eruptions": 3.0}).features == ("waiting",)


def test_what_it_reports_belongs_to_what_it_returns(clouds: Array) -> None:
    model = GaussianMixture(3, random_state=0).fit(clouds)
    assert model.lower_bound_ == pytest.approx(model.score(clouds), rel=1e-12)
    assert model.lower_bound_ == model.lower_bounds_[-1]
    assert len(model.lower_bounds_) == model.n_iter_
    assert (np.diff(model.lower_bounds_) > -1e-11).all()
    assert model.bic(clouds) == pytest.approx(model.fit_.bic, rel=1e-12)
    assert model.aic(clouds) == pytest.approx(model.fit_.aic, rel=1e-12)
    fit, mixture = model.fit_, model.mixture_
    assert (fit.log_likelihood / fit.mass, len(fit.history) - 1) == (pytest.approx(model.lower_bound_), model.n_iter_)
    np.testing.assert_array_equal(mixture.predict(clouds), model.predict(clouds))
    np.testing.assert_array_equal(mixture.responsibilities(clouds), model.predict_proba(clouds))
    np.testing.assert_array_equal(mixture.log_density(clouds), model.score_samples(clouds))


@pytest.mark.parametrize("reg_covar", [0.0, 1e-6, 0.5])
@pytest.mark.parametrize("kind", TYPES)
def test_every_step_is_the_same(clouds: Array, kind: str, reg_covar: float) -> None:
    for max_iter in (0, 1, 7):
        arguments = start(clouds, kind) | {"max_iter": max_iter, "tol": 0.0, "reg_covar": reg_covar}
        ours, theirs = quietly(GaussianMixture(**arguments), clouds), Theirs(**arguments)
        if max_iter:
            same(ours, quietly(theirs, clouds))
            if hasattr(theirs, "lower_bounds_"):  # since scikit-learn 1.7
                np.testing.assert_allclose(ours.lower_bounds_[:-1], theirs.lower_bounds_[1:], rtol=1e-9)
            np.testing.assert_allclose(ours.score_samples(clouds), theirs.score_samples(clouds), rtol=1e-6)
            assert ours.bic(clouds) == pytest.approx(theirs.bic(clouds))
            assert ours.aic(clouds) == pytest.approx(theirs.aic(clouds))
        np.testing.assert_allclose(ours.weights_ if max_iter else [0.5, 0.3, 0.2], ours.weights_)
        assert ours.n_iter_ == max_iter


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", TYPES)
def test_arguments_that_are_given_mean_what_they_mean_there(clouds: Array, kind: str, way: str) -> None:
    arguments = {"n_components": 3, "covariance_type": kind, "random_state": 5}
    arguments |= THEIR_DEFAULTS | {"init_params": way, "max_iter": 300}
    ours, theirs = GaussianMixture(**arguments).fit(clouds), Theirs(**arguments).fit(clouds)
    assert ours.converged_
    if kind == "tied" and way in ("k-means++", "random_from_data"):
        # There the first covariance is the second moment of all rows about the origin, and these fits come to nothing.
        assert ours.lower_bound_ > theirs.lower_bound_ + 0.1
    else:
        same(ours, theirs, 1e-5)
        assert ours.n_iter_ == theirs.n_iter_


def test_the_best_of_several_starts_is_kept(clouds: Array) -> None:
    arguments = THEIR_DEFAULTS | {"init_params": "random_from_data", "n_components": 3, "random_state": 5}
    one, five, theirs = (
        GaussianMixture(**arguments),
        GaussianMixture(n_init=5, **arguments),
        Theirs(n_init=5, **arguments),
    )
    assert five.fit(clouds).lower_bound_ > one.fit(clouds).lower_bound_
    assert five.lower_bound_ >= theirs.fit(clouds).lower_bound_ - 1e-9


@pytest.mark.parametrize("kept", ["weights_init", "means_init", "precisions_init"])
def test_a_start_may_be_given_in_part(clouds: Array, kept: str) -> None:
    arguments = THEIR_DEFAULTS | {"random_state": 0, "max_iter": 300, "n_components": 3}
    arguments |= {kept: start(clouds, "full")[kept]}
    same(GaussianMixture(**arguments).fit(clouds), Theirs(**arguments).fit(clouds), 1e-5)


def test_defaults_are_better(clouds: Array) -> None:
    """The climb goes to the top, and in the smallest units the answer is the same."""
    model, theirs = GaussianMixture(3, random_state=0), Theirs(3, random_state=0).fit(clouds)
    assert model.fit(clouds).score(clouds) > theirs.score(clouds)
    labels = model.predict(clouds)
    for scale in (1e-6, 1e6):
        np.testing.assert_array_equal(clone(model).fit_predict(clouds * scale), labels)


def test_a_collapse_is_held_up_by_a_ridge_in_the_units_of_the_columns() -> None:
    x, digit = load_digits(n_class=5, return_X_y=True)  # some pixels are always white
    for scale in (1.0, 1e-6):
        with pytest.warns(UserWarning, match="ridge: . of 5 components had zero variance"):
            model = GaussianMixture(5, random_state=0).fit(x * scale)
        told = [finding.name for finding in model.fit_.findings]
        assert [name for name in told if name in ("ridge", "collapsed component")] == ["ridge"]
        assert adjusted_rand_score(digit, model.predict(x * scale)) > 0.7
    with pytest.raises(ValueError, match="of 5 components have zero variance in some direction, and reg_covar=0"):
        GaussianMixture(5, reg_covar=0.0, random_state=0).fit(x)


def test_a_large_ridge_may_push_the_likelihood_down(clouds: Array) -> None:
    arguments = start(clouds, "full") | {"reg_covar": 2.0, "random_state": 0}
    first = GaussianMixture(3, tol=0.0, reg_covar=0.0, random_state=0)
    quietly(first, clouds)
    arguments |= {"means_init": first.means_, "precisions_init": first.precisions_, "weights_init": first.weights_}
    model = GaussianMixture(**arguments).fit(clouds)
    assert model.converged_
    assert model.lower_bounds_[0] < first.lower_bound_
    same(model, quietly(Theirs(**arguments | {"tol": 0.0, "max_iter": model.n_iter_}), clouds))


@pytest.mark.filterwarnings("ignore:ridge")
@pytest.mark.parametrize("kind", TYPES)
def test_a_weight_is_a_repeated_row(clouds: Array, kind: str) -> None:
    weight = np.random.default_rng(0).integers(0, 4, len(clouds))
    repeated = np.repeat(clouds, weight, axis=0)
    model = GaussianMixture(**start(clouds, kind)).fit(clouds, sample_weight=weight)
    other = GaussianMixture(**start(clouds, kind)).fit(repeated)
    same(model, other, 1e-7)
    assert model.lower_bound_ == pytest.approx(other.lower_bound_, rel=1e-12)
    assert model.fit_.bic == pytest.approx(other.bic(repeated))
    for way in WAYS:
        found = GaussianMixture(3, covariance_type=kind, init_params=way, random_state=1).fit(clouds, None, weight)
        assert found.lower_bound_ == pytest.approx(found.score(repeated), rel=1e-9)


def test_float32_rows_stay_float32_and_lose_little(clouds: Array) -> None:
    single = clouds.astype(np.float32)
    arguments = start(clouds, "full") | {"tol": 0.0, "max_iter": 20}
    same(quietly(GaussianMixture(**arguments), single), quietly(GaussianMixture(**arguments), clouds), 1e-4)


def test_a_warm_start_goes_on(clouds: Array) -> None:
    steps = quietly(GaussianMixture(max_iter=12, tol=0.0, reg_covar=0.0, **start(clouds, "full")), clouds)
    warm = GaussianMixture(max_iter=4, tol=0.0, reg_covar=0.0, warm_start=True, **start(clouds, "full"))
    for _ in range(3):
        quietly(warm, clouds)
    same(warm, steps, 1e-9)
    for tol in (None, 1e-3):  # step by step, it still knows when it has arrived
        model = GaussianMixture(3, max_iter=1, tol=tol, warm_start=True, random_state=0)
        assert any(quietly(model, clouds).converged_ for _ in range(500))
        assert model.n_iter_ == 1


def test_a_mixture_may_be_stated(clouds: Array) -> None:
    model = GaussianMixture()
    model.mixture_ = gmix.GaussianMixture([1.0], [clouds.mean(0)], [np.cov(clouds.T, bias=True)])
    assert model.score(clouds) == pytest.approx(Theirs(reg_covar=0.0).fit(clouds).score(clouds))


def test_it_says_when_it_has_not_converged(clouds: Array) -> None:
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        assert not GaussianMixture(max_iter=2, **start(clouds, "full")).fit(clouds).converged_


def test_an_interrupted_fit_keeps_the_best_so_far(clouds: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = iter(range(6))
    statistics = MemorySource.statistics

    def interrupted(*arguments: Any) -> Any:
        if next(passes) == 5:
            raise KeyboardInterrupt
        return statistics(*arguments)

    monkeypatch.setattr(MemorySource, "in_memory", None)  # each E-step is asked for
    monkeypatch.setattr(MemorySource, "statistics", interrupted)
    model = GaussianMixture(tol=0.0, **start(clouds, "full"))
    with pytest.raises(KeyboardInterrupt):
        model.fit(clouds)
    assert model.n_iter_ == 4
    assert not model.converged_
    assert np.isfinite(model.score(clouds))


def test_it_tells_how_it_gets_on(clouds: Array, capsys: pytest.CaptureFixture[str]) -> None:
    GaussianMixture(verbose=2, verbose_interval=2, **start(clouds, "diag")).fit(clouds)
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("  Iteration 2\t time lapse")
    assert told[-1] == "Initialization 0 converged."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 301}, "n_components=301 is more than n_samples=300"),
        ({"tol": -1.0}, "tol"),
        ({"reg_covar": -1.0}, "reg_covar"),
        ({"max_iter": -1}, "max_iter"),
        ({"n_init": 0}, "n_init"),
        ({"n_init": "auto", "reg_covar": 1e-6}, "reg_covar is for a number of starts"),
        ({"n_init": "auto", "means_init": [[0.0, 0.0, 0.0]]}, "means_init is for a number of starts"),
        ({"covariance_type": "ful"}, "did you mean 'full'"),
        ({"init_params": "kmean"}, "did you mean 'kmeans'"),
        ({"means_init": [[0.0, 0.0]]}, r"means_init has shape \(1, 2\)"),
        ({"weights_init": [0.5]}, "weights"),
        ({"precisions_init": [-np.eye(3)]}, "positive definite"),
        ({"precisions_init": [np.eye(3) + np.eye(3, k=1)]}, "not symmetric"),
        ({"covariance_type": "diag", "precisions_init": [[1.0, 0.0, 1.0]]}, "positive"),
    ],
)
def test_errors_say_what_and_where(clouds: Array, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**arguments).fit(clouds)


def test_a_number_of_starts_is_exactly_that_many(clouds: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[int] = []
    run_em = gmix.fitting.search.run_em

    def counted(source: Any, mixtures: Any, *arguments: Any, **settings: Any) -> Any:
        began.append(len(mixtures))
        return run_em(source, mixtures, *arguments, **settings)

    monkeypatch.setattr(gmix.fitting.search, "run_em", counted)
    for n_init in (1, 4):
        began.clear()
        model = GaussianMixture(4, n_init=n_init, random_state=0).fit(clouds)
        assert began == [n_init]
        assert model.fit_.optima is None  # no trials


def test_auto_starts_search_as_gmix_does(clouds: Array) -> None:
    model = GaussianMixture(5, covariance_type="tied", n_init="auto", random_state=0).fit(clouds)
    assert model.fit_.optima is not None
    assert model.fit_.optima.trials > 1
    assert (np.diff(model.means_[:, 0]) > 0).all()
    best = max(
        GaussianMixture(5, covariance_type="tied", random_state=seed).fit(clouds).lower_bound_ for seed in range(3)
    )
    assert model.lower_bound_ > best - 1e-3
    assert clone(model).fit(clouds).lower_bound_ == model.lower_bound_
    with pytest.raises(AttributeError, match="no choice"):
        _ = model.candidates_
    model.set_params(warm_start=True).fit(clouds)  # one run from the mixture
    assert model.fit_.optima is None


def test_rows_of_no_weight_are_no_rows_to_start_from(clouds: Array) -> None:
    few = np.arange(len(clouds)) < 2
    with pytest.raises(ValueError, match="n_components=3 is more than n_samples=2"):
        GaussianMixture(3, init_params="random_from_data").fit(clouds, sample_weight=few)


def test_it_chooses_where_count_or_structure_is_left_open() -> None:
    rng = np.random.default_rng(3)
    rows = np.concatenate([rng.standard_normal((80, 2)), rng.standard_normal((80, 2)) * [1.0, 3.0] + [7.0, 0.0]])
    model = GaussianMixture("auto", covariance_type=["full", "tied", "VEI"], random_state=0).fit(rows)
    assert model.mixture_.n_components == 2
    assert (np.diff(model.means_[:, 0]) > 0).all()
    table = model.candidates_
    assert len(table["bic"]) == 27
    assert min(table["bic"]) == pytest.approx(model.bic(rows))
    assert model.icl(rows) == pytest.approx(model.fit_.icl)
    by_icl = GaussianMixture(range(1, 4), covariance_type="auto", criterion="icl", random_state=0).fit(rows)
    assert by_icl.icl(rows) == pytest.approx(min(by_icl.candidates_["icl"]))
    assert clone(by_icl).fit(rows).bic(rows) == by_icl.bic(rows)
    one = GaussianMixture(2, covariance_type="VEV", random_state=0).fit(rows)
    assert str(one.mixture_.structure) == "VEV"
    with pytest.raises(AttributeError, match="no choice"):
        _ = one.candidates_
    with pytest.raises(gmix.ParameterError, match="means_init is for one"):
        GaussianMixture("auto", means_init=[[0, 0]]).fit(rows)
