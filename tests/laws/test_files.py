"""A saved fit reads back to the last bit, and no file, however hostile, does more than raise ModelFileError."""

from __future__ import annotations

import copy
import json
import os
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

import gmix
from gmix import ModelFileError
from gmix.model.covariance import FULL, STRUCTURES, TIED, Structure, structure as structure_named
from gmix.model.mixture import compact_covariances
from gmix.model.priors import Prior

Array = NDArray[np.float64]


def saved(folder: Path, incomplete: bool = False, **settings: Any) -> Path:
    rows = np.array([[0.1, 2.0], [0.7, 1.0], [5.0, 5.5], [6.0, 7.1], [5.5, 6.3], [1.0, 1.7]])
    if incomplete:
        rows[[1, 4], [0, 1]] = np.nan
    path = folder / "model.json"
    gmix.fit(rows, 2, covariance="full", columns=["a", "b"], rng=0, **settings).save(path)
    return path


@pytest.fixture(scope="module", params=[False, True], ids=["complete", "incomplete"])
def document(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    prior = gmix.NormalInverseWishart([1.0, 2.0], scale=np.eye(2)) + gmix.Dirichlet(3.0)
    return dict(json.loads(saved(tmp_path_factory.mktemp("document"), request.param, prior=prior).read_text()))


def assert_same_bits(a: gmix.Fit, b: gmix.Fit) -> None:
    for part in ("weights", "means", "covariances"):
        assert getattr(a.mixture, part).tobytes() == getattr(b.mixture, part).tobytes()
    for part in ("mass", "mean", "scatter"):
        assert getattr(a.statistics, part).tobytes() == getattr(b.statistics, part).tobytes()
    for part in ("log_likelihood", "log_prior", "history", "reason", "n_rows", "findings", "bic", "aic", "icl"):
        assert getattr(a, part) == getattr(b, part)
    assert a.mixture.features == b.mixture.features
    assert a.mixture.structure is b.mixture.structure
    assert a.statistics.form is b.statistics.form
    assert repr(a.prior) == repr(b.prior)
    assert repr(a) == repr(b)
    assert a.summary() == b.summary()


@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e150])
@pytest.mark.parametrize(
    "prior",
    [
        None,
        gmix.NormalInverseWishart(),
        gmix.NormalInverseWishart(degrees_of_freedom=9, strength=0.3) + gmix.Dirichlet(),
    ],
    ids=["ML", "MAP", "MAP by a sum"],
)
@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_a_saved_fit_reads_back_to_the_last_bit(
    points: Array,
    labels: Array,
    tmp_path: Path,
    structure: Structure,
    prior: Prior | None,
    scale: float,
) -> None:
    columns = ["a", "größe", 'c"\n'] if prior else None
    fit = gmix.fit(points * scale, covariance=structure, prior=prior, columns=columns, max_iterations=2, start=labels)
    fit.save(tmp_path / "fit.json")
    loaded = gmix.load(tmp_path / "fit.json")
    assert_same_bits(loaded, fit)
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "fit.json").read_bytes()
    np.testing.assert_array_equal(loaded.mixture.log_density(points), fit.mixture.log_density(points))


def test_saving_replaces_the_file_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(ModelFileError, match="disk full"):
            gmix.load(path).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.json"]
    assert not path.stat().st_mode & 0o111


def test_a_link_stays_a_link_and_a_file_may_be_read_as_any_other(tmp_path: Path) -> None:
    link, path = tmp_path / "link.json", tmp_path / "deep" / "model.json"
    path.parent.mkdir()
    link.symlink_to(path)
    gmix.load(saved(tmp_path)).save(link)
    assert link.is_symlink()
    assert path.read_bytes() == (tmp_path / "model.json").read_bytes()
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ModelFileError, match="cannot be written"):
        gmix.load(path).save(tmp_path / "loop")


def load_is_harmless(path: Path) -> bool:
    """Load a file that may be anything: it is a model that works, or ModelFileError and nothing else."""
    try:
        fit = gmix.load(path)
    except ModelFileError:
        return False
    rows = np.zeros((2, fit.mixture.n_features))
    assert np.isfinite(fit.mixture.sample(3, rng=0)).all()
    assert not np.isnan(fit.mixture.log_density(rows)).any()
    assert np.isfinite(fit.mixture.responsibilities(rows)).all()
    assert isinstance(fit.converged, bool)
    assert not np.isnan([fit.bic, fit.aic, fit.mass]).any()
    assert isinstance(fit.icl, float)
    assert repr(fit)
    assert fit.summary()
    return True


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    yield path
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places(child, (*path, key))


def nested(depth: int) -> Any:
    node: Any = []
    for _ in range(depth):
        node = [node]
    return node


EVIL = [
    None, True, -1, 0, 3, 1e308, -1e308, 5e-324, 10**30, 10**400, float("nan"), float("inf"), "", "VVV", "EEE", "é\0",
    [], {}, [1, 2], [[1.0, 0.0], [0.0, 1.0]], [None], ["a", "a"], [["a", 1]], {"a": 1}, nested(70), nested(900),
]  # fmt: skip


def changed(document: dict[str, Any], place: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    damaged = copy.deepcopy(document)
    node: Any = damaged
    for key in place[:-1]:
        node = node[key]
    change(node, place[-1])
    return damaged


@pytest.mark.parametrize("evil", range(len(EVIL)))
def test_any_value_in_any_place_is_harmless(document: dict[str, Any], tmp_path: Path, evil: int) -> None:
    path = tmp_path / "damaged.json"

    def put(node: Any, key: Any) -> None:
        node[key] = EVIL[evil]

    for place in places(document):
        damaged = changed(document, place, put) if place else EVIL[evil]
        path.write_text(json.dumps(damaged))
        with np.errstate(all="ignore"):
            load_is_harmless(path)


def test_nothing_may_be_missing(document: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(document))
    assert load_is_harmless(path)
    for place in places(document):
        term = place[:1] == ("prior",) and len(place) == 2  # a sum of priors may have fewer terms
        sums = place[:2] == ("statistics", "extra") and len(place) < 4  # and statistics may have fewer sums
        optional = term or sums or place == ("statistics", "reference")
        if place and place[0] not in ("history", "findings") and not optional:
            path.write_text(json.dumps(changed(document, place, lambda node, key: node.pop(key))))
            assert not load_is_harmless(path)


def test_a_damaged_document_is_refused(document: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "damaged.json"
    wrong: list[tuple[tuple[Any, ...], Any]] = [
        (("format",), "gmex"), (("version",), 99), (("version",), True), (("version",), "1"),
        (("mixture", "weights"), [-0.5, 1.5]), (("mixture", "weights"), [0.5, 0.4]), (("mixture", "weights", 0), None),
        (("mixture", "means", 0), [1.0]), (("mixture", "means", 0, 0), float("nan")),
        (("mixture", "covariances"), [[[1, 2], [2, 1]]] * 2), (("mixture", "covariances", 0, 0, 1), 9.0),
        (("mixture", "covariances"), [1.0, 1.0]), (("mixture", "structure"), "XYZ"), (("mixture", "structure"), "VII"),
        (("mixture", "features"), ["a", "a"]), (("mixture", "features"), "ab"), (("mixture", "features"), [1, 2]),
        (("statistics", "mass"), [0, 0]), (("statistics", "mass"), [-1, 7]), (("statistics", "mean"), [[0, 0]]),
        (("statistics", "log_likelihood"), float("nan")), (("log_prior",), "0"), (("history",), []),
        (("history",), [float("inf")]), (("reason",), "LUCK"), (("reason",), []), (("n_rows",), 0), (("n_rows",), 1.5),
        (("prior",), None), (("prior",), [{"kind": "Flat"}]), (("prior", 0, "kind"), ["Dirichlet"]),
        (("prior", 0, "mean"), [0.0]), (("prior", 0, "scale"), [[1, 2], [2, 1]]), (("prior", 0, "strength"), "1"),
        (("prior", 0, "degrees_of_freedom"), 0.5), (("prior", 1, "concentration"), [2.0, 2.0, 2.0]),
        (("findings",), [["a"]]), (("findings",), [[1, 2]]), (("mixture",), []), (("statistics",), None),
    ]  # fmt: skip
    for place, value in wrong:
        path.write_text(json.dumps(changed(document, place, lambda node, key, value=value: node.update({key: value})
                                           if isinstance(node, dict) else node.__setitem__(key, value))))  # fmt: skip
        assert not load_is_harmless(path), (place, value)


def test_a_newer_version_and_a_foreign_file_say_so(document: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document | {"version": 7}))
    with pytest.raises(ModelFileError, match=r"version 7 .* reads 6; install a newer gmix"):
        gmix.load(path)
    path.write_text('{"name": "something else"}')
    with pytest.raises(ModelFileError, match="not a gmix model"):
        gmix.load(path)
    with pytest.raises(ModelFileError, match="there is no file"):
        gmix.load(tmp_path / "nowhere.json")
    with pytest.raises(ModelFileError, match="not a gmix model"):
        gmix.load(tmp_path)


@pytest.mark.parametrize(("old", "code"), [("EEE", "E"), ("VVV", "V"), ("EVVV", "EV"), ("V", "V"), ("VVI", "VVI")])
def test_one_column_of_an_older_file_is_called_as_today(tmp_path: Path, old: str, code: str) -> None:
    path, again = tmp_path / "old.json", tmp_path / "again.json"
    rows = [0.0, 0.3, 0.1, 5.0, 5.9, 5.1, 5.5]
    kind = structure_named(code)
    gmix.fit(rows, 2, covariance=kind, equal_weights=kind.equal_weights, rng=0).save(path)
    document = json.loads(path.read_text())
    if old == "VVI":  # a version that fitted "diag" to one column wrote such a file
        document["mixture"]["covariances"] = [c[0] for c in document["mixture"]["covariances"]]
        document["statistics"]["scatter"] = [c[0] for c in document["statistics"]["scatter"]]
    document["mixture"]["structure"] = old
    path.write_text(json.dumps(document))
    loaded = gmix.load(path)
    assert loaded.mixture.structure is kind
    loaded.save(again)
    assert json.loads(again.read_text())["mixture"]["structure"] == code


def test_findings_keep_their_level_and_those_of_version_2_were_warnings(
    document: dict[str, Any], tmp_path: Path
) -> None:
    path, told = tmp_path / "model.json", [["range cut", "at most 4", "note"], ["collapsed component", "component 0"]]
    path.write_text(json.dumps({**document, "findings": told[:1]}))
    assert gmix.load(path).findings == (gmix.Finding("range cut", "at most 4", "note"),)
    path.write_text(json.dumps({**document, "version": 2, "findings": told[1:]}))
    assert gmix.load(path).findings[0].level == "warning"
    path.write_text(json.dumps({**document, "findings": [["a", "b", "c"]]}))
    with pytest.raises(ModelFileError, match="damaged"):
        gmix.load(path)


def test_version_3_had_the_mass_of_the_components_alone(document: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    counted = {**document["statistics"]}
    del counted["total_weight"]
    path.write_text(json.dumps({**document, "version": 3, "statistics": counted}))
    assert gmix.load(path).mass == sum(counted["mass"])


def test_the_first_version_did_not_say_the_prior(document: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps({**document, "version": 1, "prior": None}))
    fit = gmix.load(path)
    assert fit.prior is None
    assert fit.log_posterior == document["statistics"]["log_likelihood"] + document["log_prior"]


def test_a_prior_of_another_kind_is_not_saved(tmp_path: Path) -> None:
    class Own(gmix.Dirichlet):
        pass

    fit = gmix.fit([[0.0], [1.0], [5.0]], 1, covariance="full", prior=Own())
    with pytest.raises(ModelFileError, match=r"Own\(\), which is not gmix's own prior; save dataclasses.replace"):
        fit.save(tmp_path / "fit.json")
    replace(fit, prior=None).save(tmp_path / "fit.json")


def test_a_place_where_no_file_can_be_says_so(tmp_path: Path) -> None:
    fit = gmix.load(saved(tmp_path))
    for path, message in (
        (tmp_path / "missing" / "fit.json", "no such folder"),
        (tmp_path, "it is a folder"),
        (tmp_path / "model.json" / "fit.json", "Not a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
        (tmp_path / "nu\0ll", "null (byte|character)"),
        (None, "the path is None"),
    ):
        with pytest.raises(ModelFileError, match=f"{message}.*(name a file in|give the name of)"):
            fit.save(path)
    for path in (None, 3.5):
        with pytest.raises(ModelFileError, match="give the name of a file"):
            gmix.load(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    whole = saved(tmp_path).read_bytes()
    path = tmp_path / "part.json"
    for length in range(0, len(whole) - 2, 29):
        path.write_bytes(whole[:length])
        assert not load_is_harmless(path)


@pytest.mark.parametrize("structure", ["EII", "VII", "EEI", "VVI", "EEE"])
def test_a_load_takes_a_small_multiple_of_the_file(tmp_path: Path, structure: str) -> None:
    rng, (k, d) = np.random.default_rng(0), (400, 60) if structure == "EEE" else (40, 600)  # dense: 11 or 115 MB
    form = structure_named(structure).form
    compact = np.eye(d) if form is TIED else np.ones(form.shape(k, d))
    mixture = gmix.GaussianMixture(np.full(k, 1.0 / k), rng.standard_normal((k, d)), compact, structure)
    statistics = gmix.SufficientStatistics(form, np.ones(k), mixture.means, compact, -1.0)
    path = tmp_path / "model.json"
    gmix.Fit(mixture, statistics, 0.0, (-1.0,), gmix.Reason.CONVERGED, k).save(path)
    tracemalloc.start()
    try:
        loaded = gmix.load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * path.stat().st_size
    np.testing.assert_array_equal(compact_covariances(loaded.mixture), compact)


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in ("/dev/zero", "/dev/null", tmp_path / "link", tmp_path / "pipe", tmp_path):
        with pytest.raises(ModelFileError, match="is not a gmix model but a folder, a device or a pipe; give a file"):
            gmix.load(path)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("exploded",)


def test_nothing_is_ever_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.json"
    for payload in (pickle.dumps(Bomb()), pickle.dumps(Bomb(), protocol=0)):
        path.write_bytes(payload)
        assert not load_is_harmless(path)
    np.save(tmp_path / "model.npy", np.array([Bomb()]), allow_pickle=True)
    assert not load_is_harmless(tmp_path / "model.npy")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"null", b"[]", b'"gmix"', b"\xff\xfe\x00", b"[" * 200_000, b'{"a":' * 200_000, b"1" * 10_000,
     b'{"format": "gmix", "version": 1' + b"0" * 9_000 + b"}", b"\x93NUMPY", b"PK\x03\x04", b"\x00" * 100],
    ids=range(13),
)  # fmt: skip
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(text)
    assert not load_is_harmless(path)


@given(data=st.data())
def test_flipped_bytes_are_harmless(
    document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flipped", numbered=True)
    content = bytearray(json.dumps(document).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "flipped.json").write_bytes(bytes(content))
    with np.errstate(all="ignore"):
        load_is_harmless(folder / "flipped.json")


PRIORS = [
    None,
    gmix.NormalInverseWishart(),
    gmix.NormalInverseWishart(mean_strength=3.7, degrees_of_freedom=9.3, strength=0.3) + gmix.Dirichlet(1.7),
    "told",  # with a mean and a scale, the latter symmetric to within rounding
]


@given(seed=st.integers(0, 2**32 - 1), columns=st.integers(2, 5), prior=st.sampled_from(PRIORS))
def test_covariances_are_symmetric_and_read_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, seed: int, columns: int, prior: Any
) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((int(rng.integers(20, 60)), columns)) @ rng.standard_normal((columns, columns))
    labels = rng.integers(0, 3, len(rows))
    if prior == "told":
        scale = np.cov(rows.T) * (1.0 + 1e-12 * rng.standard_normal((columns, columns)))
        prior = gmix.NormalInverseWishart(rng.standard_normal(columns), 0.7, scale=scale)
    path = tmp_path_factory.mktemp("bits", numbered=True) / "fit.json"
    for structure in STRUCTURES:
        fit = gmix.fit(rows, covariance=structure, start=labels, prior=prior, max_iterations=3)
        covariances, scatter = fit.mixture.covariances, fit.statistics.scatter
        np.testing.assert_array_equal(covariances, covariances.mT)
        if structure.form in (FULL, TIED):
            np.testing.assert_array_equal(scatter, scatter.mT)
        fit.save(path)
        assert_same_bits(gmix.load(path), fit)


@pytest.mark.parametrize("name", ["model.txt", "model.pkl", "labels.csv"])
def test_the_end_of_a_name_says_what_is_in_the_file(name: str, tmp_path: Path) -> None:
    fit = gmix.fit([[0.0], [1.0], [3.0]], 1, rng=0)
    with pytest.raises(gmix.ModelFileError, match=rf"{name} would be a model file, which is JSON.*end it in \.json"):
        fit.save(tmp_path / name)
    with pytest.raises(gmix.ParameterError, match=rf"{name} would be a page of HTML.*end it in \.html"):
        fit.report(tmp_path / name, [[0.0], [1.0], [3.0]])
    assert list(tmp_path.iterdir()) == []
    for good in ("model", "model.JSON", "model1.5"):
        fit.save(tmp_path / good)
        assert gmix.load(tmp_path / good).mixture.n_components == 1
