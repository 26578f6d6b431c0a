"""Files whose bytes were flipped, cut, repeated or spliced: a value, or an error of gmix. Never a crash, or a wait."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from effort import effort
from hypothesis import event, given, strategies as st
from watchdog import limit

import gmix

rng = np.random.default_rng(5)
ROWS = np.vstack([rng.normal(0.0, 1.0, (25, 2)), rng.normal([5.0, 3.0], 1.5, (15, 2))])
FRAME = pd.DataFrame({"a": ROWS[:, 0], "b": ROWS[:, 1], "name": ["one", "two"] * 20})
FIT: dict[str, Any] = {"components": 2, "covariance": "full", "effort": 0.0, "max_iterations": 4, "rng": 0}
MODELS: dict[str, dict[str, Any]] = {
    "Gaussian": {"prior": gmix.NormalInverseWishart() + gmix.Dirichlet(2.0)},
    "Student": {"family": "student"},
    "variational": {"inference": "variational"},
    "background": {"background": True, "covariance": "diag"},
}
Edit = tuple[str, int, int, bytes]

# Text that a file may hold in place of another: numbers at the ends of their range, and what ends or begins a part.
TOKENS = [b"nan", b"1e999", b"-1", b"0", b"1e-320", b"9" * 25, b"null", b"[]", b"{}", b'""', b",", b"\n", b"\x00", b";"]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "repeat", "insert", "overwrite", "truncate"]),
        st.integers(0, 1 << 16),
        st.integers(1, 200),
        st.sampled_from(TOKENS) | st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, edits: list[Edit]) -> bytes:
    """The content after these edits. Places beyond the end count on from the beginning."""
    for kind, place, length, inserted in edits:
        at = place % max(1, len(content))
        before, after = content[:at], content[at:]
        match kind:
            case "flip":
                content = before + bytes([after[0] ^ (1 << length % 8)]) + after[1:] if after else content
            case "cut":
                content = before + after[length:]
            case "repeat":
                content = before + after[:length] * 2 + after[length:]
            case "insert":
                content = before + inserted + after
            case "overwrite":
                content = before + inserted + after[len(inserted) :]
            case "truncate":
                content = before
    return content


def outcome(read: Callable[[], Any]) -> Any:
    """The value that a reader returns; None after an error of gmix."""
    with limit():
        try:
            value = read()
        except gmix.GmixError as error:
            reason = str(error)
        else:
            event("value")
            return value
    event("error")
    assert len(reason) > 20
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damaged")
    for name, arguments in MODELS.items():
        gmix.fit(ROWS, **FIT | arguments).save(folder / f"{name}.json")
    gmix.fit(ROWS, **FIT, checkpoint=folder / "fit.checkpoint")
    FRAME.to_csv(folder / "t.csv", index=False)
    FRAME.to_csv(folder / "semicolons.csv", index=False, sep=";", decimal=",", encoding="utf-16")
    FRAME.to_parquet(folder / "t.parquet", row_group_size=15)
    FRAME.to_feather(folder / "t.arrow")
    return folder


@pytest.mark.parametrize("name", MODELS)
@given(edits=EDITS)
@effort()
def test_a_model(folder: Path, name: str, edits: list[Edit]) -> None:
    path = folder / "damaged.json"
    path.write_bytes(edited((folder / f"{name}.json").read_bytes(), edits))
    fit = outcome(lambda: gmix.load(path))
    if fit is not None:
        assert fit.summary()
        assert np.isfinite(fit.mixture.means).all()
        with np.errstate(all="ignore"):
            fit.mixture.log_density(ROWS)


@given(edits=EDITS)
@effort()
def test_a_checkpoint(folder: Path, edits: list[Edit]) -> None:
    path = folder / "damaged.checkpoint"
    path.write_bytes(edited((folder / "fit.checkpoint").read_bytes(), edits))
    fit = outcome(lambda: gmix.fit(ROWS, **FIT, checkpoint=path, resume=True))
    if fit is not None:
        assert fit.log_likelihood == pytest.approx(gmix.fit(ROWS, **FIT).log_likelihood, abs=1.0)


@pytest.mark.parametrize("streamed", [False, True], ids=["in memory", "streamed"])
@pytest.mark.parametrize("name", ["t.csv", "semicolons.csv", "t.parquet", "t.arrow"])
@given(edits=EDITS)
@effort(0.5)
def test_a_table(folder: Path, name: str, streamed: bool, edits: list[Edit]) -> None:
    path = (folder / "damaged").with_suffix(Path(name).suffix)
    path.write_bytes(edited((folder / name).read_bytes(), edits))
    memory = {"memory": 1} if streamed else {}
    fit = outcome(lambda: gmix.fit(path, 1, covariance="diag", **memory))
    if fit is not None:
        assert np.isfinite(fit.log_likelihood)
