"""Classification: discriminant analysis in closed form, and laws of rows, weights, priors and unknown classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_iris, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis

import gmix
from gmix.sklearn import GaussianMixtureClassifier

Array = NDArray[Any]


@pytest.fixture(scope="module")
def iris() -> tuple[Array, Array]:
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def rings() -> tuple[Array, Array]:
    """Two classes of two clouds each, crosswise, so that one Gaussian for each class cannot separate them."""
    rng = np.random.default_rng(5)
    centers = np.array([[0.0, 0.0], [6.0, 6.0], [0.0, 6.0], [6.0, 0.0]])
    cloud = np.repeat(np.arange(4), 80)
    return rng.normal(size=(320, 2)) + centers[cloud], cloud // 2


def test_edda_with_one_covariance_is_linear_discriminant_analysis(iris: tuple[Array, Array]) -> None:
    x, y = iris
    ours = GaussianMixtureClassifier(model="edda", covariance_type="EEE").fit(x, y)
    for solver in ("lsqr", "eigen"):
        theirs = LinearDiscriminantAnalysis(solver=solver).fit(x, y)
        np.testing.assert_allclose(ours.predict_log_proba(x), theirs.predict_log_proba(x), rtol=1e-7, atol=1e-7)


def test_edda_with_free_covariances_is_quadratic_discriminant_analysis(iris: tuple[Array, Array]) -> None:
    x, y = iris
    ours = GaussianMixtureClassifier(model="edda", covariance_type="VVV").fit(x, y)
    theirs = QuadraticDiscriminantAnalysis().fit(x, y)
    theirs.scalings_ = [  # some versions of scikit-learn divide by one row less
        values * (x[y == g].var(0).sum() / values.sum()) for g, values in enumerate(theirs.scalings_)
    ]
    np.testing.assert_allclose(ours.predict_log_proba(x), theirs.predict_log_proba(x), rtol=1e-7, atol=1e-7)


def test_edda_is_a_fit_with_all_rows_labeled(iris: tuple[Array, Array]) -> None:
    x, y = iris
    names = load_iris().target_names[y]
    ours = GaussianMixtureClassifier(model="edda", covariance_type="VEV").fit(x, names)
    fit = gmix.fit(x, labels=names, covariance="VEV")
    assert ours.fits_["setosa"].groups == fit.groups
    np.testing.assert_allclose(
        ours.predict_proba(x), fit.classify(x).probabilities[:, np.argsort(fit.classify(x).names)], atol=1e-20
    )
    assert ours.bic_ == pytest.approx(fit.bic)


def test_mixtures_of_classes_are_fits_to_their_rows(iris: tuple[Array, Array]) -> None:
    x, y = iris
    ours = GaussianMixtureClassifier(2, covariance_type="VVI", random_state=0).fit(x, y)
    joint = np.column_stack([np.log(1 / 3) + ours.mixtures_[g].log_density(x) for g in range(3)])
    for g in range(3):
        assert ours.fits_[g].log_likelihood == pytest.approx(ours.mixtures_[g].log_density(x[y == g]).sum())
    np.testing.assert_allclose(ours.decision_function(x), joint)
    np.testing.assert_allclose(ours.predict_proba(x).sum(1), 1.0)
    assert (ours.predict(x) == joint.argmax(1)).all()


def test_mixtures_are_never_less_likely_than_one_gaussian_for_each_class(rings: tuple[Array, Array]) -> None:
    x, y = rings
    for structure in ("EEE", "VVV", "VVI", "EII"):
        one, two = (GaussianMixtureClassifier(k, covariance_type=structure, random_state=0).fit(x, y) for k in (1, 2))
        for g in range(2):
            assert two.fits_[g].log_likelihood >= one.fits_[g].log_likelihood
    assert one.score(x, y) < 0.7 < 0.98 < two.score(x, y)


def test_the_model_is_chosen_by_bic(rings: tuple[Array, Array], iris: tuple[Array, Array]) -> None:
    for x, y in (rings, iris):
        models = {m: GaussianMixtureClassifier(model=m, random_state=0).fit(x, y) for m in ("auto", "edda", "mclustda")}
        assert models["auto"].bic_ == min(models["edda"].bic_, models["mclustda"].bic_)
    assert [one.n_components for one in GaussianMixtureClassifier(random_state=0).fit(*rings).mixtures_.values()] == [
        2,
        2,
    ]


@pytest.mark.parametrize("model", ["edda", "mclustda", "auto"])
def test_cross_validated_log_loss_chooses_what_separates(rings: tuple[Array, Array], model: str) -> None:
    x, y = rings
    found = GaussianMixtureClassifier(
        "auto" if model != "mclustda" else [1, 2, 3], covariance_type=["EEE", "VVV", "EII"], model=model,
        criterion="log_loss", random_state=0,
    ).fit(x, y)  # fmt: skip
    assert found.score(x, y) > (0.98 if model != "edda" else 0.4)
    assert all((one.n_components == 1) == (model == "edda") for one in found.mixtures_.values())


def test_the_structure_of_edda_by_log_loss_is_the_best_of_the_folds(iris: tuple[Array, Array]) -> None:
    x, y = iris
    options = {"model": "edda", "criterion": "log_loss", "random_state": 0}
    found = GaussianMixtureClassifier(**options).fit(x, y)  # by BIC it would be VEV
    alone = GaussianMixtureClassifier(model="edda", covariance_type=found.mixtures_[0].structure).fit(x, y)
    assert found.mixtures_[0].structure.code != "VEV"
    assert found.fits_[1].groups == alone.fits_[1].groups
    np.testing.assert_allclose(found.predict_log_proba(x), alone.predict_log_proba(x), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("model", ["edda", "mclustda"])
@pytest.mark.parametrize("share", [0.0, 0.5], ids=["all classes known", "half of them"])
def test_a_row_of_weight_two_counts_twice_and_one_of_weight_zero_not_at_all(model: str, share: float) -> None:
    x, y = load_wine(return_X_y=True)
    rng = np.random.default_rng(0)
    x, weight = x[:, [0, 6, 9]], rng.integers(0, 3, len(y))
    y = np.where(rng.random(len(y)) < share, -1, y)
    shuffled = rng.permutation(np.repeat(np.arange(len(y)), weight))
    weighted = GaussianMixtureClassifier(model=model, random_state=0).fit(x, y, sample_weight=weight)
    repeated = GaussianMixtureClassifier(model=model, random_state=0).fit(x[shuffled], y[shuffled])
    np.testing.assert_allclose(weighted.predict_log_proba(x), repeated.predict_log_proba(x), rtol=1e-9, atol=1e-12)
    assert weighted.bic_ == pytest.approx(repeated.bic_)


def test_neither_the_order_of_rows_nor_the_names_of_classes_matter(iris: tuple[Array, Array]) -> None:
    x, y = iris
    order = np.random.default_rng(1).permutation(len(y))
    names = np.array(["c", "a", "b"])  # another order of classes
    plain = GaussianMixtureClassifier(model="edda").fit(x, y)
    other = GaussianMixtureClassifier(model="edda").fit(x[order], names[y[order]])
    assert (other.predict(x) == names[plain.predict(x)]).all()
    np.testing.assert_allclose(other.predict_proba(x)[:, [2, 0, 1]], plain.predict_proba(x), rtol=1e-9, atol=1e-12)


def test_given_priors_replace_the_shares(iris: tuple[Array, Array]) -> None:
    x, y = iris
    shares = GaussianMixtureClassifier(model="edda", covariance_type="EEE").fit(x, y)
    given = GaussianMixtureClassifier(model="edda", covariance_type="EEE", priors=[0.2, 0.3, 0.5]).fit(x, y)
    np.testing.assert_allclose(shares.priors_, 1 / 3)
    np.testing.assert_allclose(
        given.decision_function(x) - shares.decision_function(x),
        np.log([[0.6, 0.9, 1.5]]) + np.zeros((150, 3)),
        atol=1e-12,
    )
    theirs = LinearDiscriminantAnalysis(solver="lsqr", priors=[0.2, 0.3, 0.5])
    theirs.fit(x, y)  # its pooled covariance has the priors as weights, so only the rule of Bayes is the same
    odds = given.predict_log_proba(x) - shares.predict_log_proba(x)
    np.testing.assert_allclose(odds[:, 2] - odds[:, 0], np.log(2.5), atol=1e-9)
    with pytest.raises(gmix.ParameterError, match="3 probabilities"):
        GaussianMixtureClassifier(priors=[0.5, 0.5]).fit(x, y)


def test_a_class_without_prior_is_never_predicted(iris: tuple[Array, Array]) -> None:
    x, y = iris
    found = GaussianMixtureClassifier(1, priors=[0.5, 0.5, 0.0], covariance_type="VVV").fit(x, y)
    assert set(found.predict(x)) == {0, 1}
    assert (found.predict_proba(x)[:, 2] == 0.0).all()


@pytest.mark.parametrize(("unknown", "kind"), [(-1, int), (None, object), (np.nan, float), ("?", object)])
def test_rows_of_unknown_class_are_used(unknown: Any, kind: type, iris: tuple[Array, Array]) -> None:
    x, y = iris
    known = np.random.default_rng(0).random(len(y)) < 0.2
    labels = np.where(known, y, 0).astype(kind)
    labels[~known] = unknown
    mark = unknown if isinstance(unknown, str) else -1
    found = GaussianMixtureClassifier(model="edda", covariance_type="EEE", unlabeled=mark).fit(x, labels)
    fit = gmix.fit(x, labels=np.where(known, y, -1), covariance="EEE")
    np.testing.assert_allclose(found.fits_[0].log_likelihood, fit.log_likelihood, rtol=1e-9)
    assert list(found.classes_) == [0, 1, 2]
    assert found.score(x[~known], y[~known]) > 0.95
    two = GaussianMixtureClassifier([1, 2], covariance_type=["EEE", "VVV"], unlabeled=mark, random_state=0).fit(
        x, labels
    )
    assert two.fits_[0] is two.fits_[2]
    assert two.score(x, y) > 0.9


def test_minus_one_and_one_are_classes() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0.0], [4.0]], 30, axis=0)
    found = GaussianMixtureClassifier(random_state=0).fit(x, np.repeat([-1, 1], 30))
    assert list(found.classes_) == [-1, 1]
    assert found.decision_function(x).shape == (60,)
    with pytest.raises(gmix.DataError, match="no row has a known class"):
        GaussianMixtureClassifier().fit(x, [None] * 60)


def test_a_class_that_is_constant_in_a_column_shrinks_the_covariances() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(90, 3)), np.repeat([0, 1, 2], 30)
    x[y == 1, 2] = 5.0
    found = GaussianMixtureClassifier(1, covariance_type="VVV").fit(x, y)
    assert found.shrinkage_ == 1.0
    assert "shrunk covariances" in {finding.name for finding in found.fits_[1].findings}
    assert np.isfinite(found.predict_log_proba(x)).all()
    assert found.score(x[y == 1], y[y == 1]) == 1.0
    with pytest.raises(gmix.DataError, match="do not determine the covariances"):
        GaussianMixtureClassifier(1, covariance_type="VVV", shrinkage=0.0).fit(x, y)
    pooled = GaussianMixtureClassifier(model="edda", covariance_type="VVV", shrinkage=1e9).fit(x, y)
    spread = np.concatenate([one.covariances for one in pooled.mixtures_.values()])
    np.testing.assert_allclose(spread, spread[:1] + np.zeros((3, 1, 1)), rtol=1e-6, atol=1e-9)


def test_a_column_that_follows_from_others_changes_nothing(iris: tuple[Array, Array]) -> None:
    x, y = iris
    more = np.column_stack([x, x[:, 0] * 2.54, np.full(len(x), 3.0)])
    plain = GaussianMixtureClassifier(model="edda").fit(x, y)
    found = GaussianMixtureClassifier(model="edda").fit(more, y)
    np.testing.assert_allclose(found.predict_log_proba(more), plain.predict_log_proba(x), rtol=1e-9, atol=1e-9)
    assert found.mixtures_[0].n_features == 6


def test_missing_cells_are_left_out_of_densities(iris: tuple[Array, Array]) -> None:
    x, y = iris
    holed = x.copy()
    holed[np.random.default_rng(0).random(x.shape) < 0.2] = np.nan
    found = GaussianMixtureClassifier(model="edda", covariance_type="EEE").fit(holed, y)
    assert found.score(x, y) > 0.95
    row = np.array([[np.nan, 3.0, np.nan, 1.3]])
    joint = np.log(found.priors_) + [
        found.mixtures_[g].marginal([1, 3]).log_density(row[:, [1, 3]])[0] for g in range(3)
    ]
    np.testing.assert_allclose(found.decision_function(row)[0], joint)
    np.testing.assert_allclose(found.predict_proba(np.full((1, 4), np.nan))[0], found.priors_)


def test_a_row_beyond_all_classes_gets_a_class(iris: tuple[Array, Array]) -> None:
    found = GaussianMixtureClassifier(model="edda").fit(*iris)
    assert np.isfinite(found.predict_proba([[1e200, 0.0, 0.0, 0.0]])).all()
