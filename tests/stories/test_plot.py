"""Pictures, judged by the artists in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmix
from gmix.fitting.refinement import Optima, Optimum

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from gmix import plot  # noqa: E402
from gmix.plot.palette import darkened  # noqa: E402

TWO = gmix.GaussianMixture(
    [0.4, 0.6],
    [[-3.0, 0.0], [2.0, 1.0]],
    [[[2.0, 1.2], [1.2, 1.5]], [[1.0, -0.3], [-0.3, 0.5]]],
    features=["east", "north"],
)
POINTS = TWO.sample(600, rng=1)


def axes(**options: Any) -> Any:
    return Figure(layout="constrained").add_subplot(**options)


@pytest.fixture(autouse=True)
def _settings_stay() -> Any:
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("level", [0.3, 0.5, 0.95])
def test_an_ellipse_holds_its_share_of_its_component(level: float) -> None:
    ax = axes()
    ellipses = plot.ellipses(TWO, (level,), ax)
    assert len(ellipses) == 2
    for k, ellipse in enumerate(ellipses):
        draws = np.random.default_rng(2).multivariate_normal(TWO.means[k], TWO.covariances[k], 40_000)
        unit = ellipse.get_patch_transform().inverted().transform(draws)
        assert np.mean((unit**2).sum(1) < 1) == pytest.approx(level, abs=0.01)
        assert to_hex(ellipse.get_edgecolor()) == plot.color(k).lower()


def test_points_have_the_color_of_their_most_probable_component() -> None:
    for components in (TWO, TWO.predict(POINTS), TWO.responsibilities(POINTS)):
        artists = plot.scatter(POINTS, components, axes())
        for k, artist in enumerate(artists):
            assert np.array_equal(artist.get_offsets(), POINTS[TWO.predict(POINTS) == k])
            assert to_hex(artist.get_facecolor()[0]) == plot.color(k).lower()
    [plain] = plot.scatter(POINTS, None, axes())
    assert len(plain.get_offsets()) == 600


def test_twenty_components_can_be_told_apart() -> None:
    assert len({(plot.color(k), plot.marker(k)) for k in range(21)}) == 21


def test_contours_are_labelled_with_values_of_the_density() -> None:
    ax = axes()
    lines = plot.contours(TWO, ax=ax)
    for level, paths in zip(lines.levels, lines.get_paths(), strict=True):
        assert TWO.density(paths.vertices[:20]) == pytest.approx(level, rel=0.02)
    assert {float(text.get_text()) for text in ax.texts} <= set(np.round(lines.levels, 6))
    assert len(ax.texts) >= 3
    doubled = plot.contours(lambda x: 2 * TWO.density(x), (-8, 8), axes(), levels=[0.01, 0.05], labels=False)
    assert list(doubled.levels) == [0.01, 0.05]


def test_a_surface_reaches_the_density_and_has_a_color_bar() -> None:
    ax = axes(projection="3d")
    plot.surface(TWO, [(-7, 5), (-4, 4)], ax, resolution=41, label="height")
    assert ax.get_zlim()[1] == pytest.approx(TWO.density(TWO.means).max(), rel=0.03)
    assert ax.get_xlim() == (-7, 5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("east", "north")
    assert [other.get_ylabel() for other in ax.figure.axes if other is not ax] == ["height"]
    with pytest.raises(gmix.ParameterError, match="projection"):
        plot.surface(TWO, (-5, 5), axes())


def test_one_feature_gives_a_histogram_under_the_density() -> None:
    one, rows = TWO.marginal(["east"]), POINTS[:, :1]
    ax = axes()
    assert plot.plot(one, rows, ax=ax) is ax.figure
    area = sum(bar.get_width() * bar.get_height() for bar in ax.patches if hasattr(bar, "get_width"))
    assert area == pytest.approx(1.0)
    curve = max(ax.lines, key=lambda line: line.get_zorder())
    assert curve.get_ydata() == pytest.approx(one.density(curve.get_xdata()[:, None]))
    assert ax.get_xlabel() == "east"


def test_two_features_give_points_and_ellipses_with_names() -> None:
    [ax] = plot.plot(TWO, POINTS, ax=axes()).axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("east", "north")
    assert len(ax.patches) == 4
    assert [text.get_text() for text in ax.texts] == ["0", "1"]
    assert plot.plot(TWO, figure=Figure()).axes[0].patches


def test_more_features_give_every_pair() -> None:
    rng = np.random.default_rng(3)
    names = ["a", "b", "c", "d"]
    fit = gmix.fit(
        rng.standard_normal((200, 4)) + 6 * (rng.random((200, 1)) < 0.5), 2, covariance="full", columns=names, rng=1
    )
    figure = fit.plot(rng.standard_normal((50, 4)), figure=Figure(figsize=(6, 6), layout="constrained"))
    assert len(figure.axes) == 10
    assert [ax.get_xlabel() for ax in figure.axes if ax.get_xlabel()] == names
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == names[1:]
    with pytest.raises(gmix.ParameterError, match="figure="):
        fit.plot(ax=axes())


def test_the_elbow_of_the_entropies_is_marked() -> None:
    fit = gmix.fit(POINTS, 6, covariance="diag", rng=0)
    merging = gmix.merge(fit, POINTS)
    ax = merging.plot(axes())
    assert f"elbow: {merging.elbow} cluster" in ax.texts[0].get_text()
    dots = next(line for line in ax.lines if len(line.get_xdata()) == 6)
    np.testing.assert_array_equal(dots.get_ydata(), merging.entropy)
    assert sum(line.get_linestyle() == "--" for line in ax.lines) == (2 if 1 < merging.elbow < 6 else 0)


def test_criteria_mark_the_least_bic() -> None:
    fit = gmix.fit(POINTS, range(1, 5), covariance="full", rng=1)
    ax = plot.criteria(fit, axes())
    assert fit.search is not None
    curves = {line.get_label(): line for line in ax.lines}
    for name in ("AIC", "BIC"):
        wanted = [getattr(c, name.lower()) for c in fit.search.candidates]
        assert list(curves[name].get_ydata()) == wanted
    assert any("least BIC: 2 components" in text.get_text() for text in ax.texts)
    fits = [gmix.fit(POINTS, k, covariance="full", rng=1) for k in (1, 2, 3)]
    assert any("least BIC: 2 components" in text.get_text() for text in plot.criteria(fits, axes()).texts)
    several = gmix.fit(POINTS, [1, 2], covariance=["tied", "full"], rng=1)
    assert {"EEE", "VVV"} <= {line.get_label() for line in plot.criteria(several, axes()).lines}
    assert fits[0].search is not None
    for one in (fits[0], fits[0].search):
        with pytest.raises(gmix.ParameterError, match="not chosen among several"):
            plot.criteria(one, axes())


@pytest.mark.parametrize("criterion", ["aic", "icl"])
def test_the_criterion_that_chose_is_drawn(criterion: str) -> None:
    fit = gmix.fit(POINTS, range(1, 5), covariance="full", criterion=criterion, rng=1)
    assert fit.search is not None
    ax, written = fit.search.plot(axes()), criterion.upper()
    curves = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    for name in ("bic", criterion):
        assert curves[name.upper()] == [c.criteria[name] for c in fit.search.candidates]
    assert any(text.get_text().startswith(f"least {written}: ") for text in ax.texts)
    several = gmix.fit(POINTS[:200], [1, 2], covariance=["tied", "full"], criterion=criterion, rng=1)
    assert plot.criteria(several, axes()).get_ylabel() == f"{written} (smaller is better)"


def test_an_infinite_criterion_is_drawn() -> None:
    for codes in (["VVV"], ["EII", "VII", "EEI", "VVI", "EEE", "VVE", "VVV"]):
        fit = gmix.fit(POINTS[:8], [1, 2], covariance=codes, criterion="aicc", rng=1)
        plot.criteria(fit, axes()).figure.canvas.draw()


def test_many_structures_are_a_table_of_what_they_lie_behind() -> None:
    codes = ["EII", "VII", "EEI", "VVI", "EEE", "VVE", "VVV"]
    fit = gmix.fit(POINTS[:200], [1, 2], covariance=codes, rng=1)
    ax = plot.criteria(fit, axes())
    assert fit.search is not None
    assert [label.get_text() for label in ax.get_yticklabels()] == codes
    assert len(ax.texts) == 14
    for candidate, text in zip(fit.search.candidates, ax.texts, strict=True):
        assert float(text.get_text()) == pytest.approx(candidate.bic - fit.bic, abs=0.5)
    frame = ax.patches[-1]
    assert (frame.get_x() + 1.5, codes[int(frame.get_y() + 0.5)]) == (
        fit.mixture.n_components,
        fit.mixture.structure.code,
    )


def test_optima_are_counted() -> None:
    fit = gmix.fit(POINTS, range(1, 4), covariance="full", rng=1)
    assert fit.search is not None
    ax = plot.optima(fit, axes())
    np.testing.assert_allclose(
        ax.lines[0].get_ydata(),
        [c.optima.found[0].objective / fit.mass for c in fit.search.candidates],
        rtol=1e-12,
    )


def test_the_optima_of_one_candidate_are_bars(tmp_path: Path) -> None:
    fit = gmix.fit(POINTS, 5, covariance="full", rng=1)
    assert fit.search is not None
    assert fit.optima is not None
    found = fit.optima.found
    assert len(found) > 1
    ax = plot.optima(fit, axes())
    assert [bar.get_width() for bar in ax.patches] == [optimum.times for optimum in found[:10]]
    assert to_hex(ax.patches[0].get_facecolor()) == plot.color(0).lower()
    assert all(to_hex(bar.get_facecolor()) != plot.color(0).lower() for bar in ax.patches[1:])
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[0] == "best"
    assert float(labels[1].replace("\N{MINUS SIGN}", "-")) == pytest.approx(
        found[1].objective - found[0].objective, rel=0.1
    )
    texts = [text.get_text() for text in ax.texts]
    assert f"{100 * found[1].changed:.0f}\xa0%" in texts
    assert [text for text in texts if text.startswith("\N{MULTIPLICATION SIGN}")] == [
        f"\N{MULTIPLICATION SIGN}{optimum.times}" for optimum in found[:10]
    ]
    assert f"{100 * fit.optima.chance_of_better:.0f}\xa0%" in ax.get_xlabel()
    given = plot.optima(gmix.fit(POINTS, start=TWO), axes())  # no trials: one run
    assert [bar.get_width() for bar in given.patches] == [1]
    assert given.get_xlabel() == ""
    fit.save(tmp_path / "model.json")
    with pytest.raises(gmix.ParameterError, match="a file holds no search"):
        plot.optima(gmix.load(tmp_path / "model.json"), axes())


def test_only_the_best_of_many_optima_are_bars() -> None:
    fit = gmix.fit(POINTS, 2, covariance="full", rng=1)
    assert fit.search is not None
    many = Optima(tuple(Optimum(-100.0 - k, 1, 0.1 if k < 10 else np.nan) for k in range(12)), 600.0, from_trials=True)
    search = replace(fit.search, candidates=(replace(fit.search.best, optima=many),))
    ax = plot.optima(replace(fit, search=search), axes())
    assert len(ax.patches) == 10
    assert ax.get_xlabel().startswith("2 more optima not shown\n")


def test_optima_on_a_sub_sample_are_per_row_of_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gmix.fitting.narrowing, "LARGE", 500)
    monkeypatch.setattr(gmix.fitting.narrowing, "_STAGES", (300,))
    fit = gmix.fit(POINTS, [1, 2], covariance="full", rng=1)
    drawn = plot.optima(fit, axes()).lines[0].get_ydata()
    assert drawn[-1] == pytest.approx(fit.log_likelihood / fit.mass, abs=0.2)


@pytest.mark.parametrize(
    "values", [1e16 + 2.0 * (np.arange(30) % 3), np.full(30, 1e16), np.full(30, 1e-200), np.zeros(30)]
)
def test_a_histogram_is_drawn_where_float64_has_few_numbers(values: np.ndarray, tmp_path: Path) -> None:
    fit = gmix.fit(values, 1, covariance="V")
    ax = plot.histogram(fit, values, axes())
    assert sum(bar.get_height() * bar.get_width() for bar in ax.patches) == pytest.approx(1.0)
    plot.histogram(fit, values, axes(), bins=50)
    pytest.importorskip("plotly")
    fit.report(tmp_path / "page.html", values)


def test_regions_hold_their_share_of_the_mixture() -> None:
    lines = plot.regions(TWO, (0.5, 0.9), axes())
    density = TWO.log_density(TWO.sample(50_000, rng=4))
    for level, share in zip(lines.levels, (0.9, 0.5), strict=True):
        assert np.mean(density > level) == pytest.approx(share, abs=0.01)
    ax = axes()
    plot.regions(TWO, (0.9,), ax)
    assert {text.get_text() for text in ax.texts} == {"90 %"}


def test_uncertain_points_are_large() -> None:
    _, *dots = plot.uncertainty(TWO, POINTS, axes())
    shares = TWO.responsibilities(POINTS)
    for k, artist in enumerate(dots):
        open_ = 1 - shares.max(1)[shares.argmax(1) == k]
        assert np.corrcoef(artist.get_sizes(), open_)[0, 1] == pytest.approx(1.0)
    assert len(plot.uncertainty(TWO, ax=axes())) == 1


def test_responsibilities_fill_the_height() -> None:
    ax = plot.responsibilities(TWO, POINTS, axes())
    shares = TWO.responsibilities(POINTS)
    assert ax.get_xlim() == (0, 600)
    for k, field in enumerate(ax.collections):
        heights = field.get_paths()[0].vertices
        area = np.abs(np.sum(heights[:-1, 0] * heights[1:, 1] - heights[1:, 0] * heights[:-1, 1])) / 2
        assert area == pytest.approx(shares[:, k].sum(), rel=0.02)


def test_the_least_dense_rows_are_numbered() -> None:
    rows = POINTS.copy()
    rows[17] = [30.0, 30.0]
    ax = plot.unusual(TWO, rows, axes(), n=3)
    assert [text.get_text() for text in ax.texts] == [str(i) for i in TWO.log_density(rows).argsort()[:3]]
    assert to_hex(ax.texts[0].get_color()) == darkened(plot.color(1)).lower()
    with pytest.raises(gmix.ParameterError, match="number of rows"):
        plot.unusual(TWO, rows, axes(), n=0)


def test_rows_are_as_unusual_as_their_outlier_scores_say() -> None:
    rows = np.vstack([POINTS, [[6.0, 6.0], [-9.0, 3.0]]])
    box = gmix.Background(0.1, [-12.0, -12.0], [12.0, 12.0])
    within = gmix.GaussianMixture(0.9 * TWO.weights, TWO.means, TWO.covariances, background=box)
    for mixture in (TWO, within):
        scores = mixture.outlier_score(rows)
        ax = plot.unusual(mixture, rows, axes(), n=20)
        numbers = [int(text.get_text()) for text in ax.texts]
        assert numbers == scores.log_density.argsort()[:20].tolist()
        red = [to_hex(text.get_color()) == darkened(plot.color(1)).lower() for text in ax.texts]
        assert red == (scores.expected[numbers] < 0.05).tolist()
        assert 0 < sum(red) < 20
    stated = gmix.Background.of_density(0.1, 1e-3, 2)
    far = gmix.GaussianMixture(0.9 * TWO.weights, TWO.means, TWO.covariances, background=stated)
    assert [text.get_text() for text in plot.unusual(far, rows, axes(), n=20).texts] == [str(i) for i in numbers]


def test_a_row_of_no_density_at_all_is_unusual() -> None:
    ax = plot.unusual(TWO, [[1e200, 0.0], [0.0, 0.0]], axes())
    assert np.isfinite(ax.get_xlim()).all()
    assert [text.get_text() for text in ax.texts] == ["0", "1"]


def test_many_points_become_an_image_of_their_density() -> None:
    points, labels = TWO.sample_labelled(30_000, rng=5)
    ax = axes()
    [image] = plot.scatter(points, labels, ax)
    pixels = image.get_array()
    assert (pixels[..., 3] > 0).sum() > 1000
    left, right, low, high = image.get_extent()
    column = int((TWO.means[0, 0] - left) / (right - left) * pixels.shape[1])
    row = int((TWO.means[0, 1] - low) / (high - low) * pixels.shape[0])
    assert to_hex(pixels[row, column, :3]) == plot.color(0).lower()
    assert pixels[row, column, 3] > 0.5


def test_an_animation_shows_every_step_of_em(tmp_path: Path) -> None:
    start = gmix.GaussianMixture([0.5, 0.5], [[0.0, 3.0], [0.0, -3.0]], [np.eye(2), np.eye(2)])
    ax = Figure(figsize=(3, 3)).add_subplot()
    shown = plot.animation(POINTS[:80], start, ax, steps=4)
    shown.save(tmp_path / "em.gif", writer="pillow", dpi=30)
    from PIL import Image

    with Image.open(tmp_path / "em.gif") as image:
        assert image.n_frames == 5
    assert "step 4" in ax.get_title(loc="left")
    assert len(ax.patches) == 4
    assert len(ax.texts) == 2


def test_history_rises_to_the_log_likelihood() -> None:
    fit = gmix.fit(POINTS, 2, covariance="full", rng=1)
    line = plot.history(fit, axes()).lines[0]
    assert (np.diff(line.get_ydata()) >= 0).all()
    assert line.get_ydata()[-1] == pytest.approx(fit.log_likelihood / 600)


def test_every_picture_can_be_written(tmp_path: Path) -> None:
    ax = plot.plot(TWO, POINTS, ax=axes())
    for suffix in ("png", "svg", "pdf"):
        ax.figure.savefig(tmp_path / f"picture.{suffix}")
        assert (tmp_path / f"picture.{suffix}").stat().st_size > 1000


def test_without_axes_a_new_figure_is_made() -> None:
    from matplotlib import pyplot as plt

    plt.switch_backend("agg")
    before = plt.get_fignums()
    ax = TWO.plot(POINTS)
    assert len(plt.get_fignums()) == len(before) + 1
    plt.close(ax.figure)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: plot.contours(TWO.density, None, axes()), "limits"),
        (lambda: plot.contours(TWO, (1, -1), axes()), "must increase"),
        (lambda: plot.contours(lambda _x: np.ones(3), (-1, 1), axes()), "one number each"),
        (lambda: plot.ellipses(TWO.marginal([0]), ax=axes()), "2 features"),
        (lambda: plot.ellipses(TWO, (0.5, 95), axes()), "between 0 and 1"),
        (lambda: plot.scatter(np.ones((3, 3)), None, axes()), "3 columns"),
        (lambda: plot.scatter(np.ones((3, 2)), [0, 1], axes()), "for 3 points"),
        (lambda: plot.scatter(np.ones((3, 2)), ["a", "a", "b"], axes()), "<U1 values; give whole numbers"),
        (lambda: plot.scatter(np.ones((3, 2)), [0.0, 1.0, np.nan], axes()), "float64 values; give whole numbers"),
        (lambda: plot.contours(TWO, (900, 901), axes()), "the density reaches 0 within limits .* above zero somewhere"),
        (lambda: plot.surface(lambda x: np.full(len(x), np.nan), (0, 1), axes(projection="3d")), "reaches nan"),
        (lambda: plot.responsibilities(TWO, np.empty((0, 2)), axes()), "no points"),
        (lambda: plot.unusual(TWO, np.empty((0, 2)), axes()), "no points"),
        (lambda: plot.animation(np.empty((0, 2)), TWO, axes()), "no points"),
        (lambda: plot.histogram(TWO, None, axes()), "1 feature"),
        (lambda: plot.plot("a mixture", ax=axes()), "model is a str; give a GaussianMixture or a Fit"),
        (lambda: plot.criteria([], axes()), "nothing to compare"),
    ],
)
def test_mistakes_are_named(draw: Any, words: str) -> None:
    with pytest.raises(gmix.ParameterError, match=words):
        draw()
