"""Files that appear whole or not at all, temporary folders, and names of files."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from gmix.base.errors import GmixError, ParameterError

if sys.platform != "win32":
    import fcntl

__all__ = ["as_path", "atomic_write", "check_ending", "remove_unfinished", "temporary_folder"]

_unfinished: set[Path] = set()  # files and folders that this process will rename or remove


def as_path(path: object, error_type: type[GmixError] = ParameterError, what: str = "the path") -> Path:
    """Convert the name of a file to a path. Raises `error_type`, in which `what` names the argument."""
    try:
        return Path(path)  # type: ignore[arg-type]  # or it is an error
    except TypeError:
        raise error_type(f"{what} is {path!r}; give the name of a file") from None


def check_ending(path: Path, endings: Sequence[str], what: str, error_type: type[GmixError] = ParameterError) -> None:
    """Raise `error_type` if the end of a file's name promises another kind of file; `what` is the kind that it will be.

    Names without an ending promise nothing, and neither does a number, as in ``run1.5``.
    """
    if path.suffix.lower() not in ("", *endings) and not path.suffix[1:].isdecimal():
        raise error_type(
            f"{path} would be {what}, and its name says otherwise; end it in {endings[0]}, as in "
            f"{path.with_suffix(endings[0])}"
        )


@contextmanager
def atomic_write(path: str | PathLike[str], error_type: type[GmixError]) -> Iterator[Path]:
    """Give a draft in the same folder to write to, and rename it to the file in one step if nothing goes wrong.

    A link stays a link: the file that it points to is replaced. The permissions of a replaced file are kept. Drafts of
    the same file that killed processes left behind are removed. Raises `error_type` where no file can be made, and on a
    full disk.
    """
    target = as_path(path, error_type)
    try:
        if target.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        special = target.exists() and not target.is_file()
        draft = None if special else _Draft(_resolved(target))
    except (OSError, ValueError, RuntimeError) as error:  # a name may be too long, contain a null, or link to itself
        raise _cannot_write(target, error, error_type) from None
    try:
        if draft is None:
            yield target  # a device or a pipe is written to, never replaced
            return
        with _registered(draft.path), draft:
            yield draft.path
            draft.publish()
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):  # from a pipe, or from the source of the rows
            raise
        raise _cannot_write(target, error, error_type) from error


def _resolved(target: Path) -> Path:
    """The file that a link points to. Raises `OSError` or `RuntimeError` for a link to itself."""
    found = target.resolve()
    if found.is_symlink():  # from Python 3.13 on, this is no error of `resolve`
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return found


class _Draft:
    """A file beside the one that it will replace, locked while it is written."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self._mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        _remove_abandoned(target)
        while True:
            self.path = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
            self._file = os.open(self.path, flags, 0o666 if self._mode is None else 0o600)
            if sys.platform != "win32":
                with suppress(OSError):  # on a file system without locks, drafts are never removed
                    fcntl.flock(self._file, fcntl.LOCK_EX)
            else:  # an open file cannot be renamed, so drafts have no locks and are never removed
                os.close(self._file)
            if self.path.exists():
                return
            os.close(self._file)  # another process removed it before it was locked

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.path.unlink(missing_ok=True)
        if sys.platform != "win32":
            os.close(self._file)

    def publish(self) -> None:
        """Replace the target, and keep its permissions."""
        if self._mode is not None:
            self.path.chmod(self._mode)
        self.path.replace(self.target)


def _remove_abandoned(target: Path) -> None:
    """Remove drafts of a file whose processes were killed: no process holds their locks."""
    if sys.platform != "win32":
        pattern = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}")
        for path in target.parent.iterdir():
            if pattern.fullmatch(path.name):
                with suppress(OSError), os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW), "rb") as draft:
                    fcntl.flock(draft, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


def _cannot_write(target: Path, error: Exception, error_type: type[GmixError]) -> GmixError:
    reason = "there is no such folder" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None)
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    remedy = "make room there, or name a file elsewhere" if full else "name a file in a folder of yours"
    return error_type(f"{target} cannot be written ({reason or error}); {remedy}")


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Give a temporary folder, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name, _registered(Path(name)):
        yield Path(name)


def remove_unfinished() -> None:
    """Remove unfinished files and temporary folders, before the process exits immediately."""
    for path in tuple(_unfinished):
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def _registered(path: Path) -> Iterator[None]:
    _unfinished.add(path)
    try:
        yield
    finally:
        _unfinished.discard(path)
