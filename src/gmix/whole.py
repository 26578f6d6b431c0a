"""What counts as the name of a file; files that appear whole or not at all, and folders that pass."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from gmix.errors import GmixError, ParameterError

__all__ = ["abandon", "as_path", "passing_folder", "written_whole"]

_under_way: set[Path] = set()  # what this process has begun and will rename or remove


def as_path(path: object, refusal: type[GmixError] = ParameterError, what: str = "the path") -> Path:
    """The name of a file as a path. Raises `refusal` for what is none."""
    try:
        return Path(path)  # type: ignore[arg-type]
    except TypeError:
        raise refusal(f"{what} is {path!r}; give the name of a file") from None


@contextmanager
def written_whole(path: str | PathLike[str], refusal: type[GmixError]) -> Iterator[Path]:
    """Another name in the same folder to write under; where nothing goes wrong, it becomes the file itself in one step.

    A link stays a link: what it points to is written. Raises `refusal` where no file can be made.
    """
    target = as_path(path, refusal)
    try:
        if target.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        place = target.resolve()
        special = target.exists() and not target.is_file()
        temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        if not special:
            temporary.touch(exist_ok=False)
    except (OSError, ValueError, RuntimeError) as error:  # a name may be too long, hold a null, or lead to itself
        reason = (
            "there is no such folder" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", error)
        )
        raise refusal(f"{target} cannot be written ({reason}); name a file in a folder of yours") from None
    if special:
        yield target  # a device or a pipe is written to, never replaced
        return
    with _noted(temporary):
        try:
            yield temporary
            temporary.replace(place)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def passing_folder(prefix: str) -> Iterator[Path]:
    """A folder that is gone afterwards, for what has to be a file for a while."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name, _noted(Path(name)):
        yield Path(name)


def abandon() -> None:
    """Remove what is under way, in a process that ends at once."""
    for path in tuple(_under_way):
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def _noted(path: Path) -> Iterator[None]:
    _under_way.add(path)
    try:
        yield
    finally:
        _under_way.discard(path)
