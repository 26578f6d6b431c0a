"""Standard errors of fits with labels, frozen parameters and a background are the curvature of their likelihood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

import gmix
from gmix import Dirichlet, GaussianMixture, NormalInverseWishart
from gmix.model.covariance import FULL, Structure

Array = NDArray[np.float64]
PARTS = ("weights", "means", "covariances")
SHAPES = np.array([[[2.0, 0.7], [0.7, 0.6]], [[0.5, -0.2], [-0.2, 1.2]], [[1.0, 0.0], [0.0, 1.0]]])
TRUTH = GaussianMixture([0.5, 0.3, 0.2], [[0.0, 0.0], [2.5, 1.0], [-1.0, 3.0]], SHAPES)
X, GROUP = TRUTH.sample_labelled(300, rng=3)
WEIGHT = np.linspace(0.5, 1.5, len(X))
KNOWN = np.where(np.arange(len(X)) % 4 == 0, GROUP, -1)
SOFT = np.random.default_rng(0).uniform(0.2, 1.0, (len(X), 3)) + 0.5 * np.eye(3)[GROUP]
NOISY = np.vstack([X, np.random.default_rng(1).uniform(-6.0, 8.0, (40, 2))])
Place = tuple[str, tuple[int, ...]]  # a part, and the position of a number in it

FREEZES: list[dict[str, Any]] = [
    {},
    {"means": [0]},
    {"covariances": [2]},
    {"weights": [1]},
    {"weights": [0, 1], "means": [1], "covariances": [0, 1]},
    {"means": True, "covariances": True},
    {"weights": True, "covariances": True},
]


def free_places(freeze: dict[str, Any], background: bool = False) -> list[Place]:
    """All numbers that are free: of the weights, all but the last, which takes what the others leave."""
    free = {part: [k for k in range(3) if not _holds(freeze.get(part, ()), k)] for part in PARTS}
    weights = free["weights"] if background else free["weights"][:-1]
    places: list[Place] = [("weights", (k,)) for k in weights]
    places += [("means", (k, j)) for k in free["means"] for j in range(2)]
    return places + [("covariances", (k, i, j)) for k in free["covariances"] for i, j in ((0, 0), (0, 1), (1, 1))]


def _holds(which: Any, k: int) -> bool:
    return which is True or (which is not False and k in which)


def moved(fit: gmix.Fit, places: list[Place], amounts: Array) -> dict[str, Array]:
    """The parameters with amounts added in some places; the last free weight or the background takes the difference."""
    parameters = {part: np.array(getattr(fit.mixture, part)) for part in PARTS}
    for (part, place), amount in zip(places, amounts, strict=True):
        parameters[part][place] += amount
        if part == "covariances" and place[1] != place[2]:
            parameters[part][place[0], place[2], place[1]] += amount
    if fit.mixture.background is None:
        frozen = () if fit.frozen is None else fit.frozen.weights
        free = [k for k in range(3) if k not in frozen]
        if free:
            last = free[-1]
            parameters["weights"][last] = 1.0 - parameters["weights"].sum() + parameters["weights"][last]
    return parameters


def log_densities(parameters: dict[str, Array], fit: gmix.Fit, x: Array, evidence: Array | None) -> Array:
    """The log-likelihood ``(N,)`` of each row, from its definition; `evidence` ``(N, K)`` multiplies the densities."""
    each = zip(*(parameters[part] for part in PARTS), strict=True)
    terms = np.column_stack([w * multivariate_normal.pdf(x, m, c) for w, m, c in each])
    total = terms.sum(1) if evidence is None else (terms * evidence).sum(1)
    if (background := fit.mixture.background) is not None:
        known = np.zeros(len(x), bool) if evidence is None else ((evidence == 0.0).sum(1) == 2)
        density = np.exp(background.log_density(x))
        total = total + np.where(known, 0.0, (1.0 - parameters["weights"].sum()) * density)
    return np.asarray(np.log(total))


def expected_errors(
    fit: gmix.Fit,
    freeze: dict[str, Any],
    x: Array,
    weight: Array,
    evidence: Array | None,
    log_prior: Callable[[dict[str, Array]], float] = lambda parameters: 0.0,
    *,
    robust: bool = False,
) -> dict[str, Array]:
    """The errors of the free numbers from second differences of the objective; zero elsewhere."""
    places = free_places(freeze, fit.mixture.background is not None)
    n, step = len(places), 1e-3

    def scores(amounts: Array) -> Array:
        return log_densities(moved(fit, places, amounts), fit, x, evidence)

    def objective(amounts: Array) -> float:
        return float(weight @ scores(amounts)) + log_prior(moved(fit, places, amounts))

    e = step * np.eye(n)
    curvature = np.zeros((n, n))
    for a in range(n):
        for b in range(a + 1):
            corners = [s * t * objective(s * e[a] + t * e[b]) for s in (1, -1) for t in (1, -1)]
            curvature[a, b] = curvature[b, a] = -sum(corners) / (4 * step**2)
    covariance = np.linalg.inv(curvature)
    if robust:
        slopes = np.array([weight * (scores(one) - scores(-one)) / (2 * step) for one in e])
        covariance = covariance @ (slopes @ slopes.T) @ covariance
    found = {part: np.zeros_like(getattr(fit.mixture, part)) for part in PARTS}
    for (part, place), variance in zip(places, np.diagonal(covariance), strict=True):
        found[part][place] = np.sqrt(variance)
        if part == "covariances":
            found[part][place[0], place[2], place[1]] = np.sqrt(variance)
    weights = [i for i, (part, _) in enumerate(places) if part == "weights"]
    left = np.sqrt(covariance[np.ix_(weights, weights)].sum())
    free = [k for k in range(3) if not _holds(freeze.get("weights", ()), k)]
    if fit.mixture.background is None and len(free) > 1:
        found["weights"][free[-1]] = left
    found["background"] = np.asarray(left)
    return found


def assert_errors(found: gmix.StandardErrors, expected: dict[str, Array], tolerance: float = 1e-3) -> None:
    for part in PARTS:
        np.testing.assert_allclose(getattr(found, part), expected[part], rtol=tolerance, atol=1e-12)
        frozen = expected[part] == 0.0
        assert (getattr(found, part)[frozen] == 0.0).all()


def evidence_of(labels: Array | None) -> Array | None:
    """What labels multiply the densities of components by."""
    if labels is None or labels.ndim == 2:
        return labels
    return np.where(labels[:, None] < 0, 1.0, np.eye(3)[labels])


def fitted(freeze: dict[str, Any], x: Array, **options: Any) -> gmix.Fit:
    frozen = {"freeze": freeze} if freeze else {}
    return gmix.fit(x, start=TRUTH, covariance="VVV", tolerance=1e-14, max_iterations=5000, **frozen, **options)


# Second differences ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("freeze", FREEZES, ids=repr)
@pytest.mark.parametrize("labels", [None, KNOWN, SOFT], ids=["none", "hard", "soft"])
def test_errors_are_the_curvature_of_the_likelihood(freeze: dict[str, Any], labels: Array | None) -> None:
    fit = fitted(freeze, X, labels=labels, sample_weight=WEIGHT)
    errors = gmix.standard_errors(fit, X, labels=labels, sample_weight=WEIGHT)
    assert_errors(errors, expected_errors(fit, freeze, X, WEIGHT, evidence_of(labels)))
    robust = gmix.standard_errors(fit, X, labels=labels, sample_weight=WEIGHT, robust=True)
    assert_errors(robust, expected_errors(fit, freeze, X, WEIGHT, evidence_of(labels), robust=True))


@pytest.mark.parametrize("freeze", [{}, {"weights": [1]}, {"weights": [0, 1, 2][:2], "means": True}], ids=repr)
@pytest.mark.parametrize("labels", [None, KNOWN, SOFT], ids=["none", "hard", "soft"])
def test_errors_with_a_background_are_the_curvature_too(freeze: dict[str, Any], labels: Array | None) -> None:
    more = len(NOISY) - len(X)
    if labels is not None:
        unknown = np.ones((more, 3)) if labels.ndim == 2 else np.full(more, -1)
        labels = np.concatenate([labels, unknown])
    fit = fitted(freeze, NOISY, labels=labels, background=True)
    errors = gmix.standard_errors(fit, NOISY, labels=labels)
    expected = expected_errors(fit, freeze, NOISY, np.ones(len(NOISY)), evidence_of(labels))
    assert_errors(errors, expected)
    assert errors.background == pytest.approx(float(expected["background"]), rel=1e-3)


@pytest.mark.parametrize("freeze", [{}, {"weights": [1], "means": [0], "covariances": [2]}], ids=repr)
@pytest.mark.parametrize("labels", [None, KNOWN], ids=["none", "hard"])
def test_errors_with_a_prior_are_the_curvature_of_the_posterior(freeze: dict[str, Any], labels: Array | None) -> None:
    prior = NormalInverseWishart(mean_strength=3.0) + Dirichlet(6.0)
    fit = fitted(freeze, X, labels=labels, prior=prior)
    errors = gmix.standard_errors(fit, X, labels=labels)

    def log_prior(parameters: dict[str, Array]) -> float:
        mixture = GaussianMixture(*(parameters[part] for part in PARTS))
        return prior.log_density(mixture.weights, mixture.components, fit.statistics, mixture.structure)

    assert_errors(errors, expected_errors(fit, freeze, X, np.ones(len(X)), evidence_of(labels), log_prior))


@pytest.mark.parametrize("covariance", ["EEE", "VEV", "VVI", "EII"])
def test_frozen_covariances_of_any_structure_have_no_errors(covariance: str) -> None:
    start = gmix.fit(X, 3, covariance=covariance, rng=0).mixture
    freeze = {"covariances": True}
    fit = gmix.fit(X, start=start, freeze=freeze, tolerance=1e-14)
    errors = gmix.standard_errors(fit, X)
    assert_errors(errors, expected_errors(fit, freeze, X, np.ones(len(X)), None))


class AnyCovariance(Structure):
    """All covariances are free, as a user would write it: its tangents come from differences and mix components."""

    def __init__(self) -> None:
        super().__init__("any", FULL, "any covariance")

    @property
    def independent(self) -> bool:
        return True

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features * (n_features + 1) // 2

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        return scatter / divisor[:, None, None]


def test_some_covariances_of_a_structure_of_a_user_can_be_frozen() -> None:
    start = GaussianMixture(TRUTH.weights, TRUTH.means, TRUTH.covariances, AnyCovariance())
    freeze = {"covariances": [1], "means": [0]}
    fit = gmix.fit(X, start=start, freeze=freeze, tolerance=1e-13, max_iterations=5000)
    assert_errors(gmix.standard_errors(fit, X), expected_errors(fit, freeze, X, np.ones(len(X)), None))


# Closed forms ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("covariance", ["VVV", "EEE"])
def test_all_rows_labeled_gives_the_errors_of_the_textbook(covariance: str, soft: bool) -> None:
    labels = np.eye(3)[GROUP] if soft else GROUP
    fit = gmix.fit(X, labels=labels, covariance=covariance, sample_weight=WEIGHT)
    errors = gmix.standard_errors(fit, X, labels=labels, sample_weight=WEIGHT)
    mixture, n = fit.mixture, WEIGHT.sum()
    mass = np.array([WEIGHT[label == GROUP].sum() for label in fit.groups])
    squares = np.diagonal(mixture.covariances, axis1=1, axis2=2)
    np.testing.assert_allclose(errors.means, np.sqrt(squares / mass[:, None]), rtol=1e-5)
    np.testing.assert_allclose(errors.weights, np.sqrt(mixture.weights * (1 - mixture.weights) / n), rtol=1e-5)
    products = mixture.covariances**2 + squares[:, :, None] * squares[:, None, :]
    shared = n if covariance == "EEE" else mass[:, None, None]
    np.testing.assert_allclose(errors.covariances, np.sqrt(products / shared), rtol=1e-5)


def test_everything_frozen_but_one_mean_has_a_closed_form() -> None:
    two = GaussianMixture([0.4, 0.6], [[0.0], [2.0]], [[[1.0]], [[0.5]]])
    x = two.sample(500, rng=8)
    frozen = {"means": [1], "covariances": True, "weights": True}
    fit = gmix.fit(x, start=two, freeze=frozen, tolerance=1e-14)
    share, step = fit.mixture.responsibilities(x)[:, 0], x[:, 0] - fit.mixture.means[0, 0]
    information = (share - share * (1.0 - share) * step**2).sum()
    errors = gmix.standard_errors(fit, x)
    assert errors.means[0, 0] == pytest.approx(information**-0.5, rel=1e-5)
    robust = gmix.standard_errors(fit, x, robust=True)
    assert robust.means[0, 0] == pytest.approx(np.sqrt(((share * step) ** 2).sum()) / information, rel=1e-5)
    for each in (errors, robust):
        assert not each.weights.any()
        assert not each.covariances.any()
        assert each.means[1, 0] == 0.0


def test_everything_frozen_has_no_errors() -> None:
    fit = gmix.fit(X, start=TRUTH, freeze=dict.fromkeys(PARTS, True))
    for robust in (False, True):
        errors = gmix.standard_errors(fit, X, robust=robust)
        assert not any(getattr(errors, part).any() for part in PARTS)


def test_a_weight_is_a_count() -> None:
    count = 1 + np.arange(len(X)) % 2
    twice, labels = np.repeat(X, count, 0), np.repeat(KNOWN, count)
    fit = fitted({"weights": [0], "covariances": [1]}, twice, labels=labels)
    rows = gmix.standard_errors(fit, twice, labels=labels)
    weighted = gmix.standard_errors(fit, X, labels=KNOWN, sample_weight=count)
    for part in PARTS:
        np.testing.assert_allclose(getattr(weighted, part), getattr(rows, part), rtol=1e-6, atol=1e-12)


# What is not known ----------------------------------------------------------------------------------------------------


def test_a_narrow_frozen_covariance_is_no_collapse() -> None:
    x = np.vstack([X, np.repeat([[50.0, 50.0]], 30, 0)])
    start = GaussianMixture([0.9, 0.1], [[0.0, 0.0], [50.0, 50.0]], [np.eye(2), 1e-14 * np.eye(2)])
    fit = gmix.fit(x, start=start, freeze={"covariances": [1], "means": [1]})
    errors = gmix.standard_errors(fit, x)
    assert errors.weights == pytest.approx(np.sqrt(30 * 300 / 330**3), rel=1e-4)
    assert not errors.covariances[1].any()


def test_errors_that_are_unknown_are_nan_and_those_of_frozen_parameters_zero() -> None:
    start = GaussianMixture([0.5, 0.5], [[0.0, 0.0]] * 2, [np.eye(2)] * 2)  # two components in one place
    fit = gmix.fit(X, start=start, freeze={"weights": True})
    errors = gmix.standard_errors(fit, X)
    assert np.isnan(errors.means).all()
    assert np.isnan(errors.covariances).all()
    assert not errors.weights.any()


def test_the_labels_of_the_fit_are_needed() -> None:
    fit, plain = gmix.fit(X, labels=KNOWN, covariance="VVV"), gmix.fit(X, 1, covariance="VVV")
    for errors in (gmix.standard_errors, gmix.bootstrap, gmix.impute):
        with pytest.raises(gmix.ParameterError, match="a fit with labels; give labels="):
            errors(fit, X)
        with pytest.raises(gmix.ParameterError, match="a fit without labels; leave labels out"):
            errors(plain, X, labels=KNOWN)
        with pytest.raises(gmix.DataError, match="no row has the label 2"):
            errors(fit, X, labels=np.where(KNOWN == 2, -1, KNOWN))
        with pytest.raises(gmix.DataError, match="the fit has no label 3"):
            errors(fit, X, labels=np.where(np.arange(len(X)) == 7, 3, KNOWN))
        with pytest.raises(gmix.DataError, match="not the rows of the fit"):
            errors(fit, X, labels=np.where(KNOWN < 0, GROUP, KNOWN))
    with pytest.raises(gmix.ParameterError, match="cross-validation of a fit with labels is not supported"):
        gmix.cross_validate(gmix.fit(X, labels=KNOWN, covariance="VVV"), X)


# Sources --------------------------------------------------------------------------------------------------------------


def test_every_source_gives_the_same_errors(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    names = np.array(["a", "b", "c"], object)[KNOWN]
    names[KNOWN < 0] = None
    frame = pd.DataFrame(X, columns=["u", "v"]).assign(species=names)
    path = tmp_path / "rows.csv"
    frame.to_csv(path, index=False)
    fit = gmix.fit(frame, labels="species", covariance="VVV", rng=0)
    expected = gmix.standard_errors(fit, frame, labels="species")
    plain = gmix.standard_errors(fit, frame[["u", "v"]], labels=names)
    for rows, memory in ((frame, 1 << 29), (path, 1 << 29), (path, 1), ([frame[:100], frame[100:]], 1)):
        source = gmix.sources.as_source(rows, columns=["u", "v"], labels="species", memory=memory)
        for found in (gmix.standard_errors(fit, rows, labels="species"), gmix.standard_errors(fit, source), plain):
            for part in PARTS:
                np.testing.assert_allclose(getattr(found, part), getattr(expected, part), rtol=1e-9)


def test_columns_that_follow_from_others_carry_labels_along() -> None:
    table = np.column_stack([X, 2.0 * X[:, 0] + 1.0])
    fit = gmix.fit(table, labels=KNOWN, covariance=["EEE", "VVV"])
    assert fit.mixture.dependence is not None
    errors = gmix.standard_errors(fit, table, labels=KNOWN)
    np.testing.assert_allclose(errors.means[:, 2], 2.0 * errors.means[:, 0])


def test_a_saved_fit_keeps_its_errors(tmp_path: Path) -> None:
    fit = fitted({"weights": [1]}, X, labels=KNOWN)
    fit.save(tmp_path / "model.json")
    loaded = gmix.load(tmp_path / "model.json")
    one, other = (gmix.standard_errors(each, X, labels=KNOWN) for each in (fit, loaded))
    for part in PARTS:
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))
