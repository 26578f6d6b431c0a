"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from gmix.errors import GmixError

__all__ = ["written_whole"]


@contextmanager
def written_whole(path: str | PathLike[str], refusal: type[GmixError]) -> Iterator[Path]:
    """Another name in the same folder to write under; where nothing goes wrong, it becomes the file itself in one step.

    Raises `refusal` where no file can be made.
    """
    target = Path(path)
    if target.exists() and not (target.is_file() or target.is_dir()):
        yield target  # a device or a pipe is written to, never replaced
        return
    try:
        if target.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        reason = "there is no such folder" if isinstance(error, FileNotFoundError) else error.strerror
        raise refusal(f"{target} cannot be written ({reason}); name a file in a folder of yours") from None
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except BaseException:
        temporary.unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
