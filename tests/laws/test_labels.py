"""Labels hold rows to the components of their group, wherever the rows are, and in every kind of fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import DataError, ParameterError
from gmix.base.rows import Rows
from gmix.model.covariance import STRUCTURES
from gmix.model.kernel import kernel
from gmix.sources import as_source

Array = NDArray[np.float64]
NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def known(labels: NDArray[np.intp]) -> NDArray[Any]:
    """The names of most clouds of `points`; that of every third row is not known."""
    found = np.array(["setosa", "versicolor", "virginica"], object)[labels]
    found[::3] = None
    return found


def moments(rows: Array) -> tuple[Array, Array]:
    return rows.mean(0), np.cov(rows.T, bias=True)


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s.direct], ids=repr)
def test_all_rows_labeled_is_discriminant_analysis_in_closed_form(
    points: Array, labels: NDArray[np.intp], structure: Any
) -> None:
    fit = gmix.fit(points, labels=labels, covariance=structure, tolerance=0.0)
    order = [fit.groups.index(label) for label in range(3)]
    found = fit.mixture.reordered(order)
    share = np.bincount(labels) / len(labels)
    means, within = zip(*(moments(points[labels == g]) for g in range(3)), strict=True)
    expected = np.array(within)
    if structure.shared:
        expected[:] = np.tensordot(share, expected, 1)
    if structure.code in ("EEI", "VVI"):
        expected = expected * np.eye(3)
    if structure.code in ("EII", "VII"):
        expected = np.trace(expected, axis1=1, axis2=2)[:, None, None] * np.eye(3) / 3
    np.testing.assert_allclose(found.weights, share, rtol=1e-12)
    np.testing.assert_allclose(found.means, means, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.covariances, expected, rtol=1e-12, atol=1e-12)
    joint = found.components
    _, responsibilities = kernel.posterior(Rows(points), joint, True)
    assert responsibilities is not None
    complete = found.log_density(points) + np.log(responsibilities[np.arange(len(points)), labels])
    assert fit.log_likelihood == pytest.approx(complete.sum(), rel=1e-12)
    assert fit.icl == pytest.approx(fit.bic, rel=1e-12)


def test_the_structure_is_chosen_among_all(points: Array, known: NDArray[Any]) -> None:
    fit = gmix.fit(points, labels=known)
    assert len(fit.comparison.candidates) == len(STRUCTURES)
    assert sorted(fit.groups) == ["setosa", "versicolor", "virginica"]
    richest = {c.structure.code: c.log_likelihood for c in fit.search.candidates}
    assert max(richest.values()) == richest["VVV"]


def test_classes_that_nobody_labeled(points: Array) -> None:
    """Only unlabeled rows belong to components without a label."""
    labels = np.repeat(np.arange(3), (60, 45, 35))
    known = np.where((labels == 2) | (np.arange(len(labels)) % 2 == 0), -1, labels)
    fit = gmix.fit(points, 3, labels=known, covariance="VVV", rng=0)
    assert sorted(fit.groups, key=str) == [0, 1, None]
    free = fit.groups.index(None)
    assert (fit.classify(points).labels[labels == 2] == None).mean() > 0.8  # noqa: E711
    assert fit.mixture.weights[free] == pytest.approx((labels == 2).mean(), abs=0.05)
    # In every step, labeled rows have no share in it.
    numbers = np.array([-1.0 if g is None else g for g in fit.groups])
    rows, components = Rows(points, labels=known.astype(float)), fit.mixture.components._replace(groups=numbers)
    _, shares = kernel.posterior(rows, components, True)
    assert shares is not None
    assert not shares[known >= 0, free].any()
    np.testing.assert_allclose(fit.statistics.mass, shares.sum(0), rtol=1e-9)
    more = gmix.fit(points, [2, 3, 4], labels=known, covariance="VVV", rng=0)
    assert more.mixture.n_components == 3


def test_groups_of_several_components() -> None:
    rng = np.random.default_rng(3)
    group = np.repeat([0, 1], 200)
    x = rng.standard_normal((400, 2))
    x[:100] += 8.0
    x[200:] += [8.0, -8.0]
    labels = np.where(rng.random(400) < 0.3, group, -1)
    fit = gmix.fit(x, {0: 2, 1: 1}, labels=labels, covariance="VVV", rng=0)
    assert sorted(fit.groups) == [0, 0, 1]
    found = fit.classify(x)
    assert (found.labels == group).all()
    np.testing.assert_allclose(found.probabilities.sum(1), 1.0)
    shares = fit.mixture.responsibilities(x)
    of_zero = shares[:, [k for k, g in enumerate(fit.groups) if g == 0]].sum(1)
    np.testing.assert_array_equal(found.probabilities[:, found.names.index(0)], of_zero)


@pytest.mark.parametrize("covariance", ["VVV", "EEE", "VEV", "VVI", "EII"])
@pytest.mark.parametrize("prior", [None, gmix.NormalInverseWishart(), gmix.Dirichlet(2.0)], ids=repr)
@pytest.mark.parametrize("holes", [False, True], ids=["complete", "holes"])
def test_the_objective_never_falls(
    points: Array, known: NDArray[Any], covariance: str, prior: gmix.Prior | None, holes: bool
) -> None:
    x = points.copy()
    if holes:
        x[np.random.default_rng(0).random(x.shape) < 0.2] = np.nan
    weights = np.random.default_rng(1).random(len(x))
    fit = gmix.fit(x, labels=known, covariance=covariance, prior=prior, sample_weight=weights, tolerance=1e-9)
    assert (np.diff(fit.history) >= -1e-9 * abs(fit.history[0])).all()
    assert fit.gradient_norm < 1e-2


def test_other_names_change_nothing(points: Array, labels: NDArray[np.intp], known: NDArray[Any]) -> None:
    numbers = np.where(np.arange(len(labels)) % 3 == 0, -1, labels)
    one = gmix.fit(points, labels=known, covariance="VVV", rng=0)
    turned = np.where(numbers < 0, -1, 2 - numbers)
    for other in (turned, np.where(numbers < 0, np.nan, numbers), [f"n{n}" if n >= 0 else None for n in numbers]):
        fit = gmix.fit(points, labels=other, covariance="VVV", rng=0)
        assert fit.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-12)
        np.testing.assert_allclose(fit.mixture.means, one.mixture.means, rtol=1e-9)


def test_a_row_of_weight_two_counts_twice(points: Array, known: NDArray[Any]) -> None:
    weights = np.random.default_rng(0).integers(0, 3, len(points))
    repeated = np.repeat(np.arange(len(points)), weights)
    one = gmix.fit(points, labels=known, sample_weight=weights, covariance="VVV")
    other = gmix.fit(points[repeated], labels=known[repeated], covariance="VVV")
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-10)
    np.testing.assert_allclose(one.mixture.means, other.mixture.means, rtol=1e-7)


def test_threads_change_no_bit() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((30_000, 2)) + np.repeat([[0.0, 0.0], [3.0, 1.0], [0.0, 4.0]], 10_000, axis=0)
    labels = np.where(rng.random(30_000) < 0.05, np.repeat([0, 1, -1], 10_000), -1)
    fits = [gmix.fit(x, 3, labels=labels, covariance="VVV", rng=0, threads=threads) for threads in (1, 4)]
    assert fits[0].history == fits[1].history


def test_nothing_known_is_a_fit_without_labels(points: Array) -> None:
    """For the kernel; a fit says that there are no labels."""
    components = gmix.fit(points, 3, covariance="VVV", rng=0).mixture.components
    unknown = Rows(points, labels=np.full(len(points), -1.0))
    for groups in (None, np.array([0.0, 1.0, -1.0])):
        [with_labels] = kernel.expect(unknown, [components._replace(groups=groups)])
        [without] = kernel.expect(Rows(points), [components])
        assert with_labels.log_likelihood == pytest.approx(without.log_likelihood, rel=1e-13)
        np.testing.assert_allclose(with_labels.scatter, without.scatter, rtol=1e-10)


# Soft labels ----------------------------------------------------------------------------------------------------------


def test_one_hot_rows_are_labels(points: Array, labels: NDArray[np.intp]) -> None:
    known = np.where(np.arange(len(labels)) % 3 == 0, -1, labels)
    soft = np.where(known[:, None] < 0, 1.0, np.eye(3)[labels])
    hard, as_soft = (gmix.fit(points, labels=each, covariance="VVV", tolerance=1e-12) for each in (known, soft))
    assert as_soft.log_likelihood == pytest.approx(hard.log_likelihood, rel=1e-10)
    assert as_soft.icl == pytest.approx(hard.icl, rel=1e-9)
    np.testing.assert_allclose(as_soft.mixture.means, hard.mixture.means, rtol=1e-5)


def test_soft_labels_multiply_the_densities(points: Array, labels: NDArray[np.intp]) -> None:
    rng = np.random.default_rng(0)
    soft = 0.2 + 0.8 * np.eye(3)[labels] * rng.random((len(labels), 1))
    x = points.copy()
    x[rng.random(x.shape) < 0.1] = np.nan
    fit = gmix.fit(x, labels=soft, covariance="VVV", rng=0)
    share = fit.mixture.responsibilities(x) * soft[:, list(fit.groups)]
    assert fit.log_likelihood == pytest.approx((fit.mixture.log_density(x) + np.log(share.sum(1))).sum(), rel=1e-12)
    posterior = share / share.sum(1, keepdims=True)
    entropy = -(posterior * np.log(np.maximum(posterior, 1e-300))).sum()
    assert fit.icl == pytest.approx(fit.bic + 2.0 * entropy, rel=1e-10)
    np.testing.assert_allclose(fit.statistics.mass, posterior.sum(0), rtol=1e-9)
    scaled = gmix.fit(x, labels=7.0 * soft, covariance="VVV", rng=0)
    assert scaled.log_likelihood == pytest.approx(fit.log_likelihood + len(x) * np.log(7.0), rel=1e-12)
    assert (np.diff(fit.history) >= -1e-9 * abs(fit.history[0])).all()


def test_soft_labels_have_names_in_a_frame(points: Array, labels: NDArray[np.intp]) -> None:
    pd = pytest.importorskip("pandas")
    soft = pd.DataFrame(0.1 + np.eye(3)[labels], columns=["x", "y", "z"])
    fit = gmix.fit(points, {"x": 2, "y": 1, "z": 1}, labels=soft, covariance="VVI", rng=0)
    assert sorted(fit.groups) == ["x", "x", "y", "z"]


# Sources --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frame(points: Array, known: NDArray[Any]) -> Any:
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(points, columns=NAMES).assign(species=known, w=np.arange(len(points)) // 2 % 3)


def sources(frame: Any, folder: Path) -> dict[str, Any]:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    frame.to_csv(folder / "rows.csv", index=False)
    parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / "rows.parquet", row_group_size=50)
    cut = [frame[:30], frame[30:90], frame[90:]]
    return {"frame": frame, "csv": folder / "rows.csv", "parquet": folder / "rows.parquet", "blocks": cut}


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("components", ["auto", 4])
def test_every_source_gives_the_same_bits(frame: Any, tmp_path: Path, weights: str | None, components: Any) -> None:
    fits = {}
    for name, source in sources(frame, tmp_path).items():
        for memory in (1 << 29, 1):
            options = {"covariance": "VVV", "sample_weight": weights, "columns": None if weights else list(NAMES)}
            fits[name, memory] = gmix.fit(source, components, labels="species", memory=memory, rng=0, **options)
    first = fits["frame", 1]
    assert first.mixture.features == NAMES  # the label is no feature
    assert set(first.groups) - {None} == {"setosa", "versicolor", "virginica"}
    for name, fit in fits.items():
        assert fit.history == first.history, name
        assert fit.groups == first.groups


def test_labels_of_a_stream_in_memory(points: Array, known: NDArray[Any]) -> None:
    blocks = [points[:50], points[50:]]
    soft = np.where(
        [[label is None] for label in known],
        1.0,
        [[label == n for n in ("setosa", "versicolor", "virginica")] for label in known],
    )
    for labels in (known, soft):
        one, other = (gmix.fit(data, labels=labels, covariance="VVV", rng=0) for data in (points, blocks))
        assert one.history == other.history


def test_labels_in_partitions(frame: Any) -> None:
    dd = pytest.importorskip("dask.dataframe")
    table = dd.from_pandas(frame, npartitions=3, sort=False)
    for components in ("auto", {"setosa": 2, "versicolor": 1, "virginica": 1, None: 1}):
        one = gmix.fit(frame[[*NAMES, "species"]], components, labels="species", covariance="EEE", rng=0)
        other = gmix.fit(table[[*NAMES, "species"]], components, labels="species", covariance="EEE", rng=0)
        assert other.groups == one.groups
        assert other.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-7)


def test_a_checkpoint_goes_on(points: Array, known: NDArray[Any], tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    one = gmix.fit(points, 4, labels=known, covariance="VVV", checkpoint=path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]))
    other = gmix.fit(points, 4, labels=known, covariance="VVV", checkpoint=path, resume=True)
    assert other.history == one.history


def test_a_saved_fit_keeps_its_labels(points: Array, known: NDArray[Any], tmp_path: Path) -> None:
    fit = gmix.fit(points, 4, labels=known, covariance="VVV", rng=0)
    fit.save(tmp_path / "model.json")
    loaded = gmix.load(tmp_path / "model.json")
    assert loaded.groups == fit.groups
    np.testing.assert_array_equal(loaded.classify(points).labels, fit.classify(points).labels)
    assert "virginica" in fit.summary()
    odd = gmix.fit(points, labels=[None if n is None else (n, 1) for n in known], covariance="VVV")
    with pytest.raises(gmix.ModelFileError, match="label rows with text or numbers"):
        odd.save(tmp_path / "odd.json")


def test_a_start_that_is_given(points: Array, known: NDArray[Any]) -> None:
    """Its components are those of the labels, in order."""
    best = gmix.fit(points, labels=known, covariance="VVV", tolerance=1e-12)
    again = gmix.fit(points, labels=known, start=best.mixture.reordered(np.argsort(best.groups)))
    assert again.groups == ("setosa", "versicolor", "virginica")
    assert again.log_likelihood == pytest.approx(best.log_likelihood, rel=1e-9)


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0] * 139, "139 labels and 140 rows"),
        ([None] * 140, "no row has a known label"),
        ([0] * 70 + [-2] + [0] * 69, "label of row 70 is -2; .* -1 where it is unknown"),
        ([0] * 70 + [[1]] + [0] * 69, r"label of row 70 is \[1\]"),
        ("species", "the table is an array"),
        (np.ones((139, 2)), r"shape \(139, 2\) and the table has 140 rows"),
        (np.where(np.arange(140)[:, None] == 7, 0.0, np.ones((140, 2))), "labels of row 7 are all zero"),
        (np.where(np.arange(140)[:, None] == 7, -1.0, np.ones((140, 2))), "labels of row 7 are .*zero or more"),
    ],
)
def test_wrong_labels(points: Array, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        gmix.fit(points, labels=labels)


def test_a_wrong_label_in_a_file_has_a_place(frame: Any, tmp_path: Path) -> None:
    frame = frame.assign(species=np.arange(len(frame)) % 3)
    frame.loc[77, "species"] = -5
    for name, source in sources(frame, tmp_path).items():
        with pytest.raises(DataError, match=r"row 77|row 47|row group 1, row 77") as caught:
            gmix.fit(source, labels="species", covariance="VVV")
        assert "-5" in str(caught.value), name
    with pytest.raises(DataError, match="there is no column 'kind'"):
        gmix.fit(tmp_path / "rows.csv", labels="kind")


@pytest.mark.parametrize(
    ("components", "message"),
    [
        (2, "components is 2 and there are 3 labels"),
        ({"setosa": 1, "versicolor": 1}, "does not name the label 'virginica' of row 70"),
        ({"setosa": 1, "versicolor": 1, "virginica": 1, "other": 1}, "label 'other', which no row"),
        ({"setosa": 0, "versicolor": 1, "virginica": 1}, "'setosa' the number 0"),
    ],
)
def test_wrong_numbers_of_components(points: Array, known: NDArray[Any], components: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        gmix.fit(points, components, labels=known)


def test_rows_that_are_too_few(points: Array, known: NDArray[Any], labels: NDArray[np.intp]) -> None:
    with pytest.raises(DataError, match="every row has a label"):
        gmix.fit(points, 4, labels=labels, covariance="VVV")
    weights = np.where(known == "virginica", 0.0, 1.0)
    with pytest.raises(DataError, match="no row with a weight has the label 'virginica'"):
        gmix.fit(points, labels=known, sample_weight=weights)
    with pytest.raises(ParameterError, match="rows have none; give labels"):
        gmix.fit(points, {"setosa": 1})
    with pytest.raises(ParameterError, match="with soft labels"):
        gmix.fit(points, 3, labels=np.ones((140, 2)))
    with pytest.raises(ParameterError, match="leave start out"):
        gmix.fit(points, labels=known, start="grow")
    with pytest.raises(ParameterError, match="its own weights, labels"):
        gmix.fit(as_source(points), labels=known)
    with pytest.raises(ParameterError, match="has no labels"):
        gmix.fit(points, 1).classify(points)
    fit = gmix.fit(points, labels=known, covariance="VVV")
    with pytest.raises(ParameterError, match="a fit with labels"):
        gmix.standard_errors(fit, points)
