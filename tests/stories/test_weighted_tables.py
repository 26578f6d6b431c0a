"""A person has a table of counts: commands, report and pictures say what they say of the long table."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import FAITHFUL_ROWS, run

import gmix
from gmix import plot

WAITING = np.array([float(line.split(",")[1]) for line in FAITHFUL_ROWS[1:]])
VALUES, COUNTS = np.unique(WAITING, return_counts=True)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tables")
    long, counted = folder / "long.csv", folder / "counted.csv"
    long.write_text("waiting\n" + "".join(f"{value:g}\n" for value in WAITING))
    lines = [f"{value:g},{times}\n" for value, times in zip([*VALUES, 1e6], [*COUNTS, 0], strict=True)]
    counted.write_text("waiting,times\n" + "".join(lines))
    return {"long": long, "counted": counted, "folder": folder}


def documents(command: str, *arguments: object, tables: dict[str, Path]) -> tuple[Any, Any]:
    """The JSON that a command prints of the long table, and of the table of counts."""
    before, after = arguments[: arguments.index("TABLE")], arguments[arguments.index("TABLE") + 1 :]
    long = run(command, *before, tables["long"], *after, "--json")
    counted = run(command, *before, tables["counted"], *after, "--json", "--weights", "times")
    assert (long.exit_code, counted.exit_code) == (0, 0), counted.stderr
    return json.loads(long.stdout), json.loads(counted.stdout)


def test_fit_and_select_and_score_count_rows_by_weight(tables: dict[str, Path]) -> None:
    long, counted = documents("fit", "TABLE", "-k", 2, "-c", "E,V", "--errors", tables=tables)
    assert (long["rows"], counted["rows"]) == (272, len(VALUES) + 1)
    assert long["total_weight"] == counted["total_weight"] == 272.0
    assert counted["structure"] == long["structure"]
    for name in ("log_likelihood", "bic", "aic", "aicc", "icl"):
        assert counted[name] == pytest.approx(long[name], rel=1e-7)
    for part in ("weights", "means", "covariances"):
        np.testing.assert_allclose(counted[part], long[part], rtol=1e-3)
        np.testing.assert_allclose(counted["standard_errors"][part], long["standard_errors"][part], rtol=1e-3)
    assert {f["name"] for f in counted["findings"]} == {f["name"] for f in long["findings"]}
    long, counted = documents("select", "TABLE", "-k", "1-3", "-c", "E,V", tables=tables)
    assert [c["bic"] for c in counted] == pytest.approx([c["bic"] for c in long], rel=1e-6)
    model = tables["folder"] / "model.json"
    run("fit", tables["long"], "-k", 2, "-c", "V", "--out", model)
    long, counted = documents("score", model, "TABLE", tables=tables)
    assert counted["log_likelihood"] == pytest.approx(long["log_likelihood"], rel=1e-12)
    assert counted["log_likelihood_per_row"] == pytest.approx(long["log_likelihood_per_row"], rel=1e-12)


def test_texts_say_how_many_rows_and_what_they_weigh(tables: dict[str, Path]) -> None:
    said = run("fit", tables["counted"], "-k", 2, "-c", "V", "--weights", "times").stdout
    assert f"of {len(VALUES) + 1} rows of total weight 272 and 1 column" in said
    fit = gmix.fit(VALUES, 2, covariance="V", sample_weight=COUNTS, rng=0)
    assert f"1 feature, {len(VALUES)} rows of total weight 272\n" in fit.summary()
    assert "total weight" not in gmix.fit(WAITING, 2, covariance="V", rng=0).summary()


def test_pictures_of_a_table_of_counts(tables: dict[str, Path]) -> None:
    model, pictures = tables["folder"] / "model.json", [tables["folder"] / f"{n}.png" for n in range(3)]
    run("fit", tables["long"], "-k", 2, "-c", "V", "--out", model)
    counted = ("--weights", "times")
    assert run("plot", model, tables["counted"], *counted, "--out", pictures[0]).exit_code == 0
    assert run("plot", model, tables["counted"], "--out", pictures[1]).exit_code == 0
    assert pictures[0].read_bytes() != pictures[1].read_bytes()
    assert run("fit", tables["counted"], "-k", 2, "-c", "V", *counted, "--plot", pictures[2]).exit_code == 0
    refused = run("plot", model, *counted, "--out", pictures[0])
    assert refused.exit_code == 2
    assert "--weights names a column of a table; give the table too" in refused.stderr


def words(page: Path) -> str:
    return re.sub(r"<[^>]+>|&nbsp;", " ", page.read_text("utf-8"))


def test_a_report_of_counts_is_that_of_the_long_table(tables: dict[str, Path]) -> None:
    pytest.importorskip("plotly")
    pages = {name: tables["folder"] / f"{name}.html" for name in ("long", "counted")}
    options = ("-k", 2, "-c", "V")
    assert run("report", tables["long"], *options, "--out", pages["long"]).exit_code == 0
    counted = run("report", tables["counted"], *options, "--weights", "times", "--out", pages["counted"])
    assert counted.exit_code == 0, counted.stderr
    tails = [re.findall(r"\d+ rows? lies? outside .*? are expected", words(page)) for page in pages.values()]
    assert (
        tails[1]
        == tails[0]
        == ["1 row lies outside the region that contains 99\N{NO-BREAK SPACE}% of the mixture; 2.7 are expected"]
    )
    said = words(pages["counted"])
    assert f"{len(VALUES) + 1} rows of total weight 272, 1 column" in said
    assert f"was fitted to {len(VALUES) + 1} rows of total weight 272 of 1 variable" in said
    assert f"The chart shows {len(VALUES)} of {len(VALUES) + 1} rows: those that have weight." in said
    assert "# add sample_weight=, the weights of the rows" in said
    assert "sample_weight" not in words(pages["long"])


def test_weights_that_sum_to_the_number_of_rows_are_mentioned_in_a_report(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    weight = np.linspace(0.5, 1.5, len(WAITING))
    weight *= len(WAITING) / weight.sum()
    fit = gmix.fit(WAITING, 2, covariance="V", sample_weight=weight, rng=0)
    fit.report(tmp_path / "page.html", WAITING, sample_weight=weight)
    assert "was fitted to 272 rows of total weight 272" in words(tmp_path / "page.html")


def axes(**options: Any) -> Any:
    from matplotlib.figure import Figure

    return Figure().add_subplot(**options)


TWO = gmix.GaussianMixture([0.5, 0.5], [[0.0, 0.0], [5.0, 1.0]], [np.eye(2), np.eye(2)], features=["a", "b"])
POINTS = TWO.sample(60, rng=0)
WEIGHT = np.arange(60) % 4.0


def test_markers_have_areas_in_proportion_to_the_weights(tmp_path: Path) -> None:
    moving = axes()
    plot.animation(POINTS, TWO, moving, steps=1, sample_weight=WEIGHT).save(tmp_path / "em.gif", writer="pillow")
    for artists in (
        plot.scatter(POINTS, TWO, axes(), size=8.0, sample_weight=WEIGHT),
        plot.clusters(TWO, POINTS, axes(), sample_weight=WEIGHT).collections,
        moving.collections,
    ):
        areas = np.concatenate([artist.get_sizes() for artist in artists])
        assert len(areas) == np.count_nonzero(WEIGHT)
        np.testing.assert_allclose(np.sort(areas) / areas.min(), np.sort(WEIGHT[WEIGHT > 0]))
    assert plot.scatter(POINTS, TWO, axes(), size=8.0)[0].get_sizes() == pytest.approx(8.0)


def test_points_without_weight_are_not_drawn() -> None:
    shown = plot.uncertainty(TWO, POINTS, axes(), sample_weight=WEIGHT)[1:]
    assert sum(len(artist.get_offsets()) for artist in shown) == np.count_nonzero(WEIGHT)
    far = np.vstack([POINTS, [[30.0, 30.0]]])
    numbers = [
        text.get_text() for text in plot.unusual(TWO, far, axes(), n=3, sample_weight=np.append(WEIGHT, 0)).texts
    ]
    assert numbers == [str(i) for i in np.argsort(np.where(WEIGHT > 0, TWO.log_density(POINTS), np.inf))[:3]]
    alone = plot.histogram(TWO.marginal("a"), far[:, 0], axes(), bins=5, sample_weight=np.append(WEIGHT, 0))
    assert alone.get_xlim()[1] < 15.0


def test_an_image_of_many_points_counts_them_by_weight() -> None:
    many = np.repeat([[0.0, 0.0], [5.0, 1.0]], 15_000, axis=0) + 1e-3 * np.random.default_rng(0).random((30_000, 2))
    [plain] = plot.scatter(many, TWO, axes())
    [heavy] = plot.scatter(many, TWO, axes(), sample_weight=np.repeat([1.0, 1000.0], 15_000))
    [scaled] = plot.scatter(many, TWO, axes(), sample_weight=np.full(30_000, 7.0))
    opaque = [np.asarray(image.get_array())[..., 3] for image in (plain, heavy, scaled)]
    assert opaque[0][:, :128].max() == pytest.approx(opaque[0][:, 128:].max(), rel=0.1)
    assert opaque[1][:, :128].max() < 0.8 * opaque[1][:, 128:].max()
    np.testing.assert_allclose(opaque[2], opaque[0], rtol=1e-12)


def test_a_column_of_weights_is_no_feature_of_a_picture() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"w": WEIGHT, "a": POINTS[:, 0], "b": POINTS[:, 1]})
    nameless = gmix.GaussianMixture(TWO.weights, TWO.means, TWO.covariances)
    for mixture in (TWO, nameless):
        found = plot.clusters(mixture, table, axes(), sample_weight="w")
        assert len(np.vstack([c.get_offsets() for c in found.collections])) == np.count_nonzero(WEIGHT)
    extended = pa.table({"a": POINTS[:, 0], "w": WEIGHT, "b": POINTS[:, 1], "c": 2.0 * POINTS[:, 0]})
    fit = gmix.fit(extended, [1, 2], covariance="full", sample_weight="w", rng=0)
    assert fit.mixture.dependence is not None
    [shown] = fit.plot(extended, sample_weight="w", ax=axes()).axes
    assert len(np.vstack([c.get_offsets() for c in shown.collections])) == np.count_nonzero(WEIGHT)
    figure = gmix.fit(np.c_[POINTS, POINTS[:, :1] ** 2], 1, covariance="full", sample_weight=WEIGHT).plot(
        np.c_[POINTS, POINTS[:, :1] ** 2], sample_weight=WEIGHT
    )
    assert len(figure.axes) == 6
