"""Files whose bytes were flipped, cut, repeated or spliced: a value, or an error of gmix. Never a crash, or a wait."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from effort import effort
from hypothesis import event, given, strategies as st
from readers import MODELS, read_checkpoint, read_model, read_table, write_files
from watchdog import limit

import gmix

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


def assert_read(read: Callable[[Path], None], path: Path) -> None:
    """A reader finds a sound value, or raises an error of gmix with words."""
    reason = None
    with limit():
        try:
            read(path)
        except gmix.GmixError as error:
            reason = str(error)
    event("value" if reason is None else "error")
    assert reason is None or len(reason) > 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damaged")
    write_files(folder)
    return folder


@pytest.mark.parametrize("name", MODELS)
@given(edits=EDITS)
@effort()
def test_a_model(folder: Path, name: str, edits: list[Edit]) -> None:
    path = folder / "damaged.json"
    path.write_bytes(edited((folder / f"{name}.json").read_bytes(), edits))
    assert_read(read_model, path)


@given(edits=EDITS)
@effort()
def test_a_checkpoint(folder: Path, edits: list[Edit]) -> None:
    path = folder / "damaged.checkpoint"
    path.write_bytes(edited((folder / "fit.checkpoint").read_bytes(), edits))
    assert_read(read_checkpoint, path)


@pytest.mark.parametrize("streamed", [False, True], ids=["in memory", "streamed"])
@pytest.mark.parametrize("name", ["t.csv", "semicolons.csv", "t.parquet", "t.arrow"])
@given(edits=EDITS)
@effort(0.5)
def test_a_table(folder: Path, name: str, streamed: bool, edits: list[Edit]) -> None:
    path = (folder / "damaged").with_suffix(Path(name).suffix)
    path.write_bytes(edited((folder / name).read_bytes(), edits))
    assert_read(partial(read_table, streamed=streamed), path)
