"""What counts as the name of a file; files that appear whole or not at all, and folders that pass."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from gmix.base.errors import GmixError, ParameterError

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

    A link stays a link: what it points to is written. A file that is replaced passes on its permissions. What processes
    that were killed left behind while they wrote the same file is removed. Raises `refusal` where no file can be made,
    and where the disk is full.
    """
    target = as_path(path, refusal)
    try:
        if target.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        special = target.exists() and not target.is_file()
        draft = None if special else _Draft(target.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # a name may be too long, hold a null, or lead to itself
        raise _refused(target, error, refusal) from None
    try:
        if draft is None:
            yield target  # a device or a pipe is written to, never replaced
            return
        with _noted(draft.path), draft:
            yield draft.path
            draft.publish()
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):  # of a reader that has seen enough, or of where rows are
            raise
        raise _refused(target, error, refusal) from error


class _Draft:
    """A file that is written beside the place that it will take, locked for as long as it is written."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._mode = stat.S_IMODE(place.stat().st_mode) if place.exists() else None
        _clear(place)
        while True:
            self.path = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
            self._file = os.open(self.path, flags, 0o666 if self._mode is None else 0o600)
            with suppress(OSError):  # some file systems know no locks; there nothing is taken for left behind
                fcntl.flock(self._file, fcntl.LOCK_EX)
            if self.path.exists():
                return
            os.close(self._file)  # another process found it before it was locked, and removed it

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self._file)

    def publish(self) -> None:
        """Take the place, with the permissions of what was there."""
        if self._mode is not None:
            self.path.chmod(self._mode)
        self.path.replace(self.place)


def _clear(place: Path) -> None:
    """Remove drafts of a file whose processes were killed: nobody holds their locks."""
    pattern = re.compile(rf"\.{re.escape(place.name)}\.[0-9a-f]{{8}}")
    for path in place.parent.iterdir():
        if pattern.fullmatch(path.name):
            with suppress(OSError), os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW), "rb") as draft:
                fcntl.flock(draft, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _refused(target: Path, error: Exception, refusal: type[GmixError]) -> GmixError:
    reason = "there is no such folder" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None)
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    remedy = "make room there, or name a file elsewhere" if full else "name a file in a folder of yours"
    return refusal(f"{target} cannot be written ({reason or error}); {remedy}")


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
