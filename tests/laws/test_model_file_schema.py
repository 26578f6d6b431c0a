"""The JSON Schema in the package describes every saved model and refuses damaged ones; files of older versions load."""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmix

jsonschema = pytest.importorskip("jsonschema")

SCHEMA = json.loads((files("gmix") / "model_file.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
OLDER = sorted((Path(__file__).parent / "model_files").glob("version_*.json"))
PRIOR = gmix.NormalInverseWishart([1.0, 2.0], scale=np.eye(2), degrees_of_freedom=7) + gmix.Dirichlet([3.0, 2.0])


def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(40, 2)), rng.normal(6.0, 2.0, size=(40, 2))])


def saved(fit: gmix.Fit, folder: Path) -> dict[str, Any]:
    fit.save(folder / "fit.json")
    return dict(json.loads((folder / "fit.json").read_text(encoding="utf-8")))


def with_holes() -> np.ndarray:
    x = rows()
    x[::5, 0], x[1::7, 1] = np.nan, np.nan
    return x


def labels(names: list[Any]) -> list[Any]:
    return [names[0], names[1]] + [None] * 76 + [names[1], names[0]]


def frozen(x: np.ndarray) -> gmix.Fit:
    start = gmix.fit(x, 2, covariance="full", rng=0).mixture
    return gmix.fit(x, covariance="full", start=start, freeze={"means": [0], "covariances": [1], "weights": [0]})


KINDS = {
    "default": lambda x: gmix.fit(x, rng=0),
    "prior": lambda x: gmix.fit(x, 2, covariance="full", prior=PRIOR, rng=0),
    "default prior": lambda x: gmix.fit(x, 2, prior=gmix.NormalInverseWishart(), rng=0),
    "shrinkage": lambda x: gmix.fit(x, 2, prior=gmix.Shrinkage([1.0, 2.0], 3), rng=0),
    "names": lambda x: gmix.fit(x, 2, columns=["größe", 'c"\n'], rng=0),
    "factors": lambda x: gmix.fit(np.hstack([x, x[::-1] ** 2]), 2, covariance="factors:1", rng=0),
    "one column": lambda x: gmix.fit(x[:, :1], 2, rng=0),
    "weights": lambda x: gmix.fit(x, 2, sample_weight=np.linspace(0.0, 2.0, len(x)), rng=0),
    "missing cells": lambda _: gmix.fit(with_holes(), 2, rng=0),
    "row errors": lambda x: gmix.fit(x, 2, row_errors=np.full(x.shape, 0.1), rng=0),
    "background": lambda x: gmix.fit(x, 2, background=True, rng=0),
    "stated background": lambda x: gmix.fit(x, 2, background=0.01, rng=0),
    "trim": lambda x: gmix.fit(x, 2, trim=0.1, rng=0),
    "labels": lambda x: gmix.fit(x, 2, labels=labels(["a", "b"]), rng=0),
    "frozen": frozen,
    "bounded": lambda x: gmix.fit(x, 2, covariance="full", covariance_ratio=20, rng=0),
    "equal weights": lambda x: gmix.fit(x, 2, covariance="full", equal_weights=True, rng=0),
    "variational": lambda x: gmix.fit(x, 3, covariance="full", inference="variational", rng=0),
    "Dirichlet process": lambda x: gmix.fit(
        x, 3, covariance="tied", inference="variational", prior=gmix.VariationalPrior("dirichlet process"), rng=0
    ),
    "student": lambda x: gmix.fit(x, 2, family="student", rng=0),
    "student, missing cells": lambda _: gmix.fit(with_holes(), 2, family="student", degrees_of_freedom=4, rng=0),
    "dependent columns": lambda x: gmix.fit(np.column_stack([x, 1.8 * x[:, 0] + 32.0, np.ones(len(x))]), 2, rng=0),
}


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("structure", gmix.covariance.STRUCTURES, ids=repr)
def test_every_structure_is_described(structure: Any, tmp_path: Path) -> None:
    VALIDATOR.validate(saved(gmix.fit(rows(), 2, covariance=structure, rng=0), tmp_path))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fit_is_described(kind: str, tmp_path: Path) -> None:
    VALIDATOR.validate(saved(KINDS[kind](rows()), tmp_path))


@pytest.mark.parametrize("path", OLDER, ids=lambda path: path.stem)
def test_files_of_older_versions_load_and_are_described(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["version"] == int(path.stem.removeprefix("version_"))
    VALIDATOR.validate(document)
    fit = gmix.load(path)
    assert (fit.n_rows, fit.mixture.features, fit.mass) == (8, ("a", "b"), 8.0)
    assert fit.log_likelihood == document["statistics"]["log_likelihood"]
    np.testing.assert_array_equal(fit.mixture.means, document["mixture"]["means"])
    assert (fit.prior is None) == (document["version"] == 1)


def test_there_is_a_file_of_every_older_version(tmp_path: Path) -> None:
    newest = saved(gmix.fit(rows(), 1, rng=0), tmp_path)["version"]
    assert [path.stem for path in OLDER] == [f"version_{version}" for version in range(1, newest)]
    assert SCHEMA["properties"]["version"]["enum"] == list(range(1, newest + 1))


def parts(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all named parts of a document."""
    if not isinstance(document, dict):
        return []
    return [place for name, part in document.items() for place in ((*at, name), *parts(part, (*at, name)))]


def without(document: dict[str, Any], place: tuple[Any, ...]) -> dict[str, Any]:
    damaged = copy.deepcopy(document)
    part: Any = damaged
    for name in place[:-1]:
        part = part[name]
    del part[place[-1]]
    return damaged


def test_a_damaged_file_is_refused_by_the_schema_and_by_load(tmp_path: Path) -> None:
    document = saved(KINDS["prior"](with_holes()), tmp_path)
    optional = ("statistics", "reference")
    for place in parts(document):
        if place != optional and place[:2] != ("statistics", "extra"):
            damaged = without(document, place)
            assert not VALIDATOR.is_valid(damaged), place
            (tmp_path / "damaged.json").write_text(json.dumps(damaged), encoding="utf-8")
            with pytest.raises(gmix.ModelFileError):
                gmix.load(tmp_path / "damaged.json")
    for name, value in (
        ("version", 99), ("version", "5"), ("n_rows", 0), ("n_rows", 1.5), ("history", []), ("reason", "BORED"),
        ("findings", [["name"]]), ("findings", [["a", "b", "c"]]), ("prior", [{"kind": "Own"}]), ("prior", None),
        ("mixture", []), ("mixture", {**document["mixture"], "weights": [0.5, "x"]}), ("trim", 0.7), ("groups", [[]]),
        ("mixture", {**document["mixture"], "means": [1.0, 2.0]}), ("frozen", {"sizes": [0]}), ("log_prior", None),
    ):  # fmt: skip
        damaged = {**document, name: value}
        assert not VALIDATOR.is_valid(damaged), (name, value)
        (tmp_path / "damaged.json").write_text(json.dumps(damaged), encoding="utf-8")
        with pytest.raises(gmix.ModelFileError):
            gmix.load(tmp_path / "damaged.json")
