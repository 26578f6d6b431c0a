"""Hundreds of damaged files and senseless options: each gets a line that says so, and nobody sees a traceback."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import gmix
from gmix.cli.app import app

pa = pytest.importorskip("pyarrow")
from pyarrow import ipc, parquet  # noqa: E402

ROWS = np.random.default_rng(5).normal(size=(24, 2)).round(3)
CSV = "a,b\n" + "".join(f"{a},{b}\n" for a, b in ROWS.tolist())
TABLE = pa.table({"a": ROWS[:, 0], "b": ROWS[:, 1]})


def columnar(write: Any) -> bytes:
    sink = io.BytesIO()
    write(sink)
    return sink.getvalue()


def arrow(sink: Any) -> None:
    with ipc.new_file(sink, TABLE.schema) as file:
        file.write_table(TABLE)


PARQUET, ARROW = columnar(lambda sink: parquet.write_table(TABLE, sink)), columnar(arrow)
MODEL = gmix.fit(ROWS, components=1, covariance="full", columns=["a", "b"], rng=0)

TEXTS = {
    "nothing": "", "a space": " ", "line ends": "\n\n\n", "a header": "a,b", "commas": ",,,\n,,,\n", "a quote": '"',
    "an open quote": CSV + '"1,2\n3,4', "a longer row": CSV + "1,2,3\n", "a shorter row": CSV + "1\n",
    "text in a cell": CSV + "1,two\n", "a hole": CSV + "1,\n", "nan": CSV + "nan,1\n", "infinity": CSV + "1,-inf\n",
    "huge": CSV + "1e308,1\n-1e308,2\n", "beyond float64": CSV + "1e999,1\n", "tiny": CSV + "1e-320,1\n",
    "names twice": CSV.replace("a,b", "a,a"), "no names": CSV.replace("a,b", ","), "only text": "a,b\nx,y\nz,w\n",
    "dates": "a,b\n2020-01-01,1\n2020-01-02,2\n", "truth": "a,b\ntrue,1\nfalse,2\n", "one cell": "1",
    "one row": "a\n1\n", "one value": "a,b\n" + "1,1\n" * 9, "a control character": CSV + "\x00,1\n",
    "html": "<html><body>404</body></html>",
    "json": '{"a": [1, 2]}', "other names": CSV.replace("a,b", "c,d"), "semicolons": CSV.replace(",", ";"),
    "decimal commas": CSV.replace(",", ";").replace(".", ","), "thousands": 'a,b\n"1,000",2\n"2,000",3\n',
    "percent": "a,b\n1%,2\n2%,3\n", "spaces": CSV.replace(",", "   "), "carriage returns": CSV.replace("\n", "\r"),
}  # fmt: skip


def files() -> Iterator[tuple[str, bytes]]:
    for what, text in TEXTS.items():
        yield f"{what}.csv", text.encode()
    yield "utf-16.csv", CSV.encode("utf-16")
    yield "latin-1.csv", CSV.replace("a,b", "ä,b").encode("latin-1")
    yield "cut.csv.gz", gzip.compress(CSV.encode())[:-20]
    yield "no gzip.csv.gz", CSV.encode()
    yield "zip.csv", b"PK\x03\x04" + bytes(40)
    for ending, whole in (("parquet", PARQUET), ("arrow", ARROW), ("csv", PARQUET[:200])):
        yield f"as {ending}.{ending}", CSV.encode()
        for share in (0.0, 0.01, 0.3, 0.7, 0.99):
            yield f"cut at {share}.{ending}", whole[: int(share * len(whole))]
        rng = np.random.default_rng(len(ending))
        for case in range(12):
            damaged = np.frombuffer(whole, np.uint8).copy()
            damaged[rng.integers(len(whole), size=4)] ^= rng.integers(1, 256, 4).astype(np.uint8)
            yield f"damaged {case}.{ending}", damaged.tobytes()


def models() -> Iterator[tuple[str, str]]:
    def pruned(where: Any, value: Any) -> str:
        document = json.loads(whole)
        place = document
        for step in where[:-1]:
            place = place[step]
        place[where[-1]] = value
        return json.dumps(document)

    whole = model_text()
    for share in (0.0, 0.1, 0.5, 0.9, 0.999):
        yield f"cut at {share}", whole[: int(share * len(whole))]
    for text in ("null", "[]", "{}", "1", '"gmix"', "[" * 5000, '{"format": "gmix"}', "\x00", CSV):
        yield text[:20], text
    for value in (None, -1, {}, 1e400, [[0.0]]):
        for where in (
            ("version",), ("mixture",), ("mixture", "structure"), ("mixture", "features"), ("mixture", "weights"),
            ("mixture", "means"), ("mixture", "covariances"), ("statistics", "mass"), ("history",), ("reason",),
            ("n_rows",), ("findings",), ("log_prior",),
        ):  # fmt: skip
            yield f"{'.'.join(where)} = {value}", pruned(where, value)


def model_text() -> str:
    with tempfile.TemporaryDirectory() as folder:
        MODEL.save(Path(folder) / "model.json")
        return (Path(folder) / "model.json").read_text()


VALUES = {
    "--components": ("", "0", "-1", "1.5", "two", "1-", "5-2", "1,,2", "99", "auto,2", "9" * 30),
    "--covariance": ("", "ful", "full,,tied", "VVVV", "auto,full", "0"),
    "--columns": ("", ",", "a,a", "c", "A", "a b"),
    "--weights": ("", "c", "a"),
    "--delimiter": ("", ";;", "a", ".", '"'), "--decimal": ("", ";", ".,", "x"), "--skip-rows": ("", "-1", "1.5", "99"),
    "--memory": ("", "0", "-1", "2X", "G", "1e9"),
    "--seed": ("", "-1", "x", "1.5"),
    "--out": ("", ".", "/", "no/model.json", "model.json/x", "a" * 300),
    "--labels": ("", ".", "no/labels.csv", "labels.xls", "-"),
    "--plot": ("", ".", "no/x.png", "x.doc", "x"),
    "--checkpoint": ("", ".", "no/c", "model.json"),
    "--format": ("csv",),
    "--resume": (None,), "--nothing": (None,), "-z": (None,),
}  # fmt: skip


def check(what: str, arguments: list[str], *, wrong: bool = False) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = CliRunner().invoke(app, arguments)
    said = f"{what}: gmix {' '.join(arguments)[:200]}\n{result.output[-600:]}"
    assert isinstance(result.exception, SystemExit | None), f"{said}\n{result.exception!r}"
    assert result.exit_code == 2 if wrong else result.exit_code in (0, 2), said
    if result.exit_code == 2:
        assert result.stdout == "", said
        *notes, message = result.stderr.splitlines()
        assert message.startswith("gmix: "), said
        assert len(message) > 20, said
        assert all(note.startswith("gmix: note: columns left out") for note in notes), said
        assert "Error:" not in message, said


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("points.csv").write_text(CSV)
    Path("model.json").write_text(model_text())
    return tmp_path


def test_damaged_tables() -> None:
    cases = list(files())
    assert len(cases) > 80
    for (name, content), command in zip(
        cases, itertools.cycle((["fit", "-k", "1", "-c", "full"], ["predict", "model.json"], ["convert"])), strict=False
    ):
        Path(name).write_bytes(content)
        check(name, [*command, name, *(["-"] if command == ["convert"] else [])])


def test_damaged_models() -> None:
    cases = list(models())
    assert len(cases) > 70
    for what, text in cases:
        Path("damaged.json").write_text(text)
        check(what, ["sample", "damaged.json", "1"])


def test_senseless_options() -> None:
    for option, values in VALUES.items():
        for value in values:
            given = [option] if value is None else [f"{option}={value}" if option[1] == "-" else option]
            check(option, ["fit", "points.csv", "-k", "1", *given], wrong=True)


def test_senseless_commands() -> None:
    for line in (
        "frobnicate", "fti points.csv", "fit", "fit points.csv points.csv", "fit no.csv", "fit .", "fit *.parquet",
        "predict", "predict model.json", "predict points.csv model.json", "predict model.json model.json",
        "predict - -", "predict model.json points.csv --format xml", "predict model.json points.csv --out x.xml",
        "score model.json", "score model.json points.csv --out x.csv", "outliers model.json", "outliers points.csv",
        "outliers model.json points.csv --below 0", "outliers model.json points.csv --below nan",
        "outliers model.json points.csv --below few", "outliers model.json points.csv --by size",
        "outliers model.json points.csv --out x.xml", "impute", "impute no.csv",
        "impute points.csv --draws 2", "impute points.csv --out x.xml", "impute points.csv --model points.csv",
        "sample model.json", "sample model.json -- -1",
        "sample model.json 1.5", "sample model.json 99999999999999999999", "sample points.csv 1", "plot model.json",
        "plot model.json --out .", "plot model.json --out x.csv", "plot model.json points.csv --out no/x.png",
        "convert points.csv", "convert points.csv x.xml", "convert model.json x.csv --columns a", "convert no.csv -",
        "convert points.csv x.onnx", "convert model.json no/x.onnx", "convert model.json x.onnx --dtype int8",
        "report", "report points.csv --out no/x.html", "report no.csv", "report points.csv --model points.csv",
        "demo --out points.csv", "demo extra", "--versoin", "fit points.csv --out - --json", "fit points.csv --resume",
        "fit points.csv -k 1 --checkpoint model.json --resume",
    ):  # fmt: skip
        check("", line.split(), wrong=True)
