"""Long work: how far it is, and a fit that is killed at any moment goes on to the same bits."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import ModelFileError
from gmix.base.progress import Meter, Progress, meter
from gmix.sources.journal import _checksum

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def rows() -> Array:
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((9000, 2))
    rows[::3] += [2.0, 1.0]
    return rows


def assert_same_bits(a: gmix.Fit, b: gmix.Fit) -> None:
    assert a.history == b.history
    assert a.reason is b.reason
    for part in ("weights", "means", "covariances"):
        assert getattr(a.mixture, part).tobytes() == getattr(b.mixture, part).tobytes()


class KilledError(Exception):
    pass


def killed_after(passes: int) -> Any:
    def watch(progress: Progress) -> None:
        if progress.passes == passes:
            raise KilledError

    return watch


SETTINGS: list[dict[str, Any]] = [
    {"components": 2, "covariance": "full", "max_iterations": 6},
    {"components": [1, 2], "covariance": ["diag", "EVI"], "max_iterations": 3},
    {"components": 2, "covariance": "tied", "prior": gmix.NormalInverseWishart(), "max_iterations": 4},
]


@pytest.mark.parametrize("streamed", [False, True], ids=["memory", "streamed"])
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: str(s["covariance"]))
def test_a_fit_that_is_stopped_anywhere_goes_on_to_the_same_bits(
    rows: Array, tmp_path: Path, settings: dict[str, Any], streamed: bool
) -> None:
    data = [rows[:5000], rows[5000:]] if streamed else rows
    seen: list[Progress] = []
    whole = gmix.fit(rows, rng=3, **settings)
    assert_same_bits(gmix.fit(data, rng=3, progress=seen.append, **settings), whole)
    path = tmp_path / "fit.checkpoint"
    for passes in (1, len(seen) // 2, len(seen) - 1):
        with pytest.raises(KilledError):
            gmix.fit(data, rng=3, checkpoint=path, progress=killed_after(passes), **settings)
        path.write_bytes(path.read_bytes()[:-7] if passes > 1 else path.read_bytes())  # killed while it wrote
        again: list[Progress] = []
        resumed = gmix.fit(data, rng=3, checkpoint=path, resume=True, progress=again.append, **settings)
        assert_same_bits(resumed, whole)
        assert len(again) == len(seen) - max(passes - 2, 0)
        path.unlink()


def test_a_checkpoint_has_a_line_for_every_pass(rows: Array, tmp_path: Path) -> None:
    passes: list[int] = []
    path = tmp_path / "fit"
    gmix.fit(rows, rng=0, checkpoint=path, progress=lambda told: passes.append(told.passes), **SETTINGS[0])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 1 + passes[-1]  # the first says which fit it is


def test_a_fit_without_a_seed_keeps_its_own(rows: Array, tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    settings = {"components": 2, "covariance": "full", "max_iterations": 3}
    fit = gmix.fit(rows, checkpoint=path, **settings)
    before = path.read_bytes()
    assert_same_bits(gmix.fit(rows, checkpoint=path, resume=True, **settings), fit)
    assert path.read_bytes() == before
    assert_same_bits(gmix.fit(rows, checkpoint=tmp_path / "new", resume=True, rng=0, **settings),
                     gmix.fit(rows, rng=0, **settings))  # fmt: skip


def line(entry: dict[str, Any]) -> bytes:
    """A line of a checkpoint, with its checksum."""
    entry = {name: value for name, value in entry.items() if name != "checksum"}
    return json.dumps(entry | {"checksum": _checksum(entry)}).encode() + b"\n"


def test_a_checkpoint_of_another_fit_or_of_nothing_is_refused(rows: Array, tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    settings: dict[str, Any] = {"components": 2, "covariance": "full", "max_iterations": 3, "rng": 0}
    gmix.fit(rows, checkpoint=path, **settings)
    good = path.read_bytes()
    with pytest.raises(gmix.ParameterError, match=r"there is a checkpoint .*resume=True, or delete it"):
        gmix.fit(rows, checkpoint=path, **settings)
    for data, changed, message in (
        (rows[1:], {}, "has n_rows 9000 and this fit has 8999"),
        (rows * 2.0, {}, "belongs to a fit of other rows, other settings"),
        (rows, {"rng": 1}, "belongs to a fit of other rows"),
        (rows, {"covariance": "diag"}, "belongs to a fit of other rows"),
    ):
        with pytest.raises(gmix.ModelFileError, match=message):
            gmix.fit(data, checkpoint=path, resume=True, **settings | changed)
        assert path.read_bytes() == good
    first, second, *_ = good.splitlines(keepends=True)
    entry = json.loads(second)
    for lines, message in (
        ([b"{}\n"], "is no gmix checkpoint"),
        ([b"\x80\x04pickle\n"], "is no gmix checkpoint"),
        ([b"[" * 100_000 + b"\n"], "is no gmix checkpoint"),
        ([b"null\n"], "is no gmix checkpoint"),
        ([b"a line of another program"], "is no gmix checkpoint"),
        ([json.dumps(json.loads(first) | {"seed": -1}).encode(), b"\n"], "is no gmix checkpoint"),
        ([json.dumps(json.loads(first) | {"version": 1}).encode(), b"\n"], "has version 1"),
        ([json.dumps(json.loads(first) | {"version": 4}).encode(), b"\n"], "has version 4"),
        ([json.dumps(json.loads(first) | {"seed": 7}).encode(), b"\n"], "a checksum is wrong"),
        ([first, b"{}\n"], "a checksum is wrong"),
        ([first, json.dumps(entry | {"found": []}).encode(), b"\n"], "a checksum is wrong"),
        ([first, line({"asked": ""})], "belongs to a fit of other rows"),
        ([first, line(entry | {"found": []})], r"is damaged \((?!a checksum)"),
        *(
            ([first, line(entry | {"found": [wrong]})], r"is damaged \((?!a checksum)")
            for [found] in [entry["found"]]
            for wrong in (
                ["", "", "", 1.0],
                dict.fromkeys(found, "") | {"log_likelihood": 1.0},
                found | {"log_likelihood": None},
                {name: part for name, part in found.items() if name != "divisor"},
            )
        ),
    ):
        path.write_bytes(b"".join(lines))
        with pytest.raises(gmix.ModelFileError, match=message):
            gmix.fit(rows, checkpoint=path, resume=True, **settings)
        assert path.read_bytes() == b"".join(lines)
    with pytest.raises(gmix.ModelFileError, match="cannot be opened"):
        gmix.fit(rows, checkpoint=tmp_path / "nowhere" / "fit", **settings)
    for place in (tmp_path, "/dev/null", "/dev/zero"):
        with pytest.raises(gmix.ModelFileError, match="is a folder or a device; name a file"):
            gmix.fit(rows, checkpoint=place, **settings)


STORY = """
import sys, os, signal, gmix
def kill(progress):
    if progress.passes == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
fit = gmix.fit(sys.argv[1], 2, covariance="full", max_iterations=9, memory=200_000, checkpoint=sys.argv[2],
               resume=True, progress=kill)
fit.save(sys.argv[2] + ".json")
"""


def test_kill_minus_nine(rows: Array, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table, path = tmp_path / "rows.parquet", tmp_path / "checkpoint"
    parquet.write_table(pa.table({"a": rows[:, 0], "b": rows[:, 1]}), table)

    def run(passes: int) -> int:
        command = [sys.executable, "-c", STORY, str(table), str(path), str(passes)]
        return subprocess.run(command, check=False, timeout=100).returncode

    assert run(3) == run(4) == -signal.SIGKILL
    assert not (tmp_path / "checkpoint.json").exists()
    assert run(0) == 0
    seed = json.loads(path.read_text().splitlines()[0])["seed"]
    fit = gmix.fit(table, 2, covariance="full", max_iterations=9, rng=seed)
    assert_same_bits(gmix.load(tmp_path / "checkpoint.json"), fit)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_told_after_every_pass(rows: Array) -> None:
    seen: list[Progress] = []
    fit = gmix.fit(rows, 2, covariance="full", rng=0, tolerance=1e-9, progress=seen.append)
    assert [progress.passes for progress in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].log_likelihood == pytest.approx(fit.log_likelihood / fit.mass)
    assert all(progress.rows_per_second > 0 and progress.share == 0 for progress in seen)


def test_the_rest_is_estimated_from_how_the_gains_shrink() -> None:
    clock = iter(np.arange(1000.0))
    seen: list[Progress] = []
    counter = Meter(1e-6, seen.append, clock=lambda: float(next(clock)))
    ladder = 100.0 * -np.cumprod(np.full(40, 0.5))  # what is still to gain halves: 1e-4 nats after 20 steps
    for value in ladder:
        counter.begin(50)
        counter.end([value], 100.0)
    told = list(seen)
    counter.begin(50)
    counter.end([], 100.0)  # a pass that is no step changes no estimate
    assert seen.pop().log_likelihood == told[-1].log_likelihood
    for step in range(3, 15):
        assert seen[step].remaining == pytest.approx(np.log2(100.0 / 1e-4) - step - 1, abs=1.01)
        assert seen[step].rows_per_second == 50.0
    assert np.isnan(seen[1].remaining)
    assert all(b.remaining <= a.remaining for a, b in pairwise(seen[2:]))
    counter.begin(50)
    counter.end([-1e6], 100.0)
    assert np.isnan(seen[-1].remaining)  # another climb


def test_a_terminal_has_a_line_that_goes_away_and_nothing_else_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmix.base.progress_line._DELAY", 0.0)
    monkeypatch.setattr("gmix.base.progress_line._INTERVAL", 0.0)
    assert meter(None, 1e-6, io.StringIO()) is None
    assert meter(False, 1e-6, Terminal()) is None
    monkeypatch.setattr(sys, "stderr", None)  # as in a process without a console
    assert meter(None, 1e-6) is None
    terminal = Terminal()
    counter = meter(None, 1e-6, terminal)
    assert counter is not None
    counter.begin(4_000_000)
    counter.rows(1_000_000)
    assert "pass 1 (25%)" in terminal.getvalue()
    assert "rows/s" in terminal.getvalue()
    counter.end([-8e6], 4e6)
    assert "pass 2, " in terminal.getvalue()
    assert "log-likelihood -2 per row" in terminal.getvalue()
    counter.close()
    assert terminal.getvalue().endswith("\r\x1b[2K")
    assert str(Progress(6, 0.5, 31_400_000.0, -5.25, 754.0)) == (
        "pass 7 (50%), 31.4 M rows/s, log-likelihood -5.25 per row, about 13 min to go"
    )


def test_ctrl_c_keeps_the_best_so_far(rows: Array) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.passes == 9:
            os.kill(os.getpid(), signal.SIGINT)

    start = gmix.GaussianMixture([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], [np.eye(2)] * 2)
    single = np.tile(rows, (2, 1)).astype(np.float32)  # whose first steps are in float32
    for data, whole in ((rows, rows), ([rows[:5000], rows[5000:]], rows), (single, single)):
        fit = gmix.fit(data, start=start, tolerance=0.0, progress=interrupt)
        assert fit.reason is gmix.Reason.INTERRUPTED
        assert fit.history[-1] == fit.log_likelihood
        [statistics] = gmix.expect(whole, [fit.mixture])
        assert statistics.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-14)


@pytest.mark.parametrize("under_way", [False, True])
@pytest.mark.parametrize("moment", [0, 1])
def test_ctrl_c_before_the_first_candidate_is_done_keeps_what_there_is(
    rows: Array, moment: int, under_way: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    climb, calls = gmix.fitting.search.run_em, []  # of starts that race, and of the best on all rows

    def climbing(*arguments: Any, **settings: Any) -> Any:
        calls.append(arguments)
        if len(calls) != moment + 1:
            return climb(*arguments, **settings)
        if not under_way:
            signal.raise_signal(signal.SIGINT)
        return [replace(run, reason=gmix.Reason.INTERRUPTED) for run in climb(*arguments, **settings)]

    monkeypatch.setattr(gmix.fitting.search, "run_em", climbing)
    fit = gmix.fit([rows[:5000], rows[5000:]], 3, rng=1)
    assert fit.reason is gmix.Reason.INTERRUPTED
    assert any(finding.name == "interrupted" for finding in fit.findings)
    [statistics] = gmix.expect(rows, [fit.mixture])  # whose covariances are factored once more, not in the climb
    assert statistics.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-14)
    assert fit.mixture.n_components == 3


@pytest.mark.parametrize("many", [False, True], ids=["few rows", "many rows"])
@pytest.mark.parametrize("moment", [1, 2])
def test_a_fit_that_ctrl_c_ended_goes_on_to_the_same_bits(
    rows: Array, tmp_path: Path, moment: int, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    climb, calls = gmix.fitting.search.run_em, []

    def climbing(*arguments: Any, **settings: Any) -> Any:
        calls.append(arguments)
        if len(calls) == moment:
            signal.raise_signal(signal.SIGINT)
        return climb(*arguments, **settings)

    settings: dict[str, Any] = {"components": 2, "prior": gmix.NormalInverseWishart(), "rng": 1, "max_iterations": 5}
    if many:  # candidates are compared on a sub-sample
        monkeypatch.setattr(gmix.fitting.narrowing, "LARGE", 8000)
        monkeypatch.setattr(gmix.fitting.narrowing, "_STAGES", (2500,))
        settings["covariance"] = ["diag", "full"]
    else:
        settings["covariance"] = "full"
    whole = gmix.fit(rows, **settings)
    with monkeypatch.context() as patch:
        patch.setattr(gmix.fitting.search, "run_em", climbing)
        patch.setattr(gmix.fitting.refinement.refine, "run_em", climbing)
        fit = gmix.fit(rows, checkpoint=tmp_path / "fit", **settings)
        assert fit.reason is gmix.Reason.INTERRUPTED
    assert_same_bits(gmix.fit(rows, checkpoint=tmp_path / "fit", resume=True, **settings), whole)


def test_ctrl_c_before_there_is_any_mixture_is_passed_on(rows: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gmix.fitting.start.KMeansPlusPlus, "mixtures", lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        gmix.fit(rows, 3)


def test_candidates_are_compared_on_a_sub_sample_of_many_rows(rows: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gmix.fitting.narrowing, "LARGE", 8000)
    monkeypatch.setattr(gmix.fitting.narrowing, "_STAGES", (2000, 4000))
    settings: dict[str, Any] = {"covariance": "full", "rng": 0, "tolerance": 1e-4}
    fit = gmix.fit(rows, [1, 2, 3], **settings)
    assert_same_bits(gmix.fit([rows[:5000], rows[5000:]], [1, 2, 3], **settings), fit)
    [statistics] = gmix.expect(rows, [fit.mixture])
    assert statistics.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-13)
    assert fit.n_rows == len(rows)
    assert fit.mass == pytest.approx(len(rows))
    assert "sub-sample: the 3 candidates were compared on sub-samples of 2,000 and 4,000 of 9,000 " in str(
        fit.findings[0]
    )
    assert fit.search is not None
    assert len(fit.search.candidates) + fit.search.left_out == 3
    assert fit.search.best.run.mixture.n_components == fit.mixture.n_components
    assert fit.search.best.run.statistics.mass.sum() == pytest.approx(9000)


def test_a_checkpoint_with_numbers_that_no_table_has_is_damaged(tmp_path: Path) -> None:
    rows, path = np.random.default_rng(0).normal(size=(50, 2)), tmp_path / "fit.checkpoint"
    gmix.fit(rows, 2, covariance="full", rng=0, checkpoint=path)
    lines = path.read_text().splitlines()
    entry = json.loads(lines[1])
    entry["found"][0]["mean"] = base64.b64encode(np.full(4, 1e200).tobytes()).decode()
    path.write_text("\n".join([lines[0], json.dumps(entry), *lines[2:], ""]))
    with pytest.raises(ModelFileError, match="is damaged"):
        gmix.fit(rows, 2, covariance="full", rng=0, checkpoint=path, resume=True)
