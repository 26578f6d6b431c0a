"""The journal of a long fit: what every pass over the rows found, so that a fit that was killed can go on.

Everything between the passes follows from the rows, the settings and the seed. A fit that resumes does it all again and
reads from the journal instead of the rows, until the journal ends; so it takes the same steps to the same bits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_count, is_number
from gmix.base.errors import ModelFileError, ParameterError
from gmix.model.components import Components
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = ["Journal"]

Array = NDArray[np.float64]
_VERSION = 2
_ARRAYS = ("counts", "mass", "mean", "scatter", "divisor")  # of statistics


class Journal:
    """A file of lines of JSON, one a pass, to which each is added when it is over.

    A line that was cut off, by a kill or a full disk, is dropped and its pass done again.

    Attributes
    ----------
    seed : of the fit; drawn anew, and written down, where a person gave none.

    Raises `ModelFileError` for a file that is none of gmix, or belongs to another fit, and `ParameterError` for one
    that is there when it should not be.
    """

    def __init__(self, path: str | PathLike[str], resume: bool, n_rows: int, n_features: int) -> None:
        self._path = Path(path)
        about = {"format": "gmix checkpoint", "version": _VERSION, "n_rows": n_rows, "n_features": n_features}
        if self._path.exists() and not self._path.is_file():  # it would be read without end, or cannot be cut
            raise ModelFileError(f"the checkpoint {path} is a folder or a device; name a file")
        there = self._path.exists() and self._path.stat().st_size > 0
        if there and not resume:
            raise ParameterError(f"there is a checkpoint {path}; go on from it with resume=True, or delete it")
        try:
            self._file = self._path.open("r+b" if there else "w+b")
        except OSError as error:
            raise ModelFileError(f"the checkpoint {path} cannot be opened ({error.strerror}); give another") from None
        try:
            self.seed = self._begin(about)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the file back."""
        with suppress(OSError):  # what could not be written has been reported
            self._file.close()

    def recall(
        self,
        components: Sequence[Components],
        references: Sequence[Reference] | None,
        coarse: bool,
        ask: Callable[[], list[SufficientStatistics]],
    ) -> list[SufficientStatistics]:
        """What a pass under these components found: as the next line says or, if there is none, as `ask` does."""
        asked = _digest(components, coarse)
        said = self._read()
        if said is None:
            found = ask()
            self._write({"asked": asked, "found": [_written(entry) for entry in found]})
            return found
        if said.get("asked") != asked:
            raise self._wrong("belongs to a fit of other rows, other settings, or on another kind of processor")
        known: Sequence[Reference | None] = references or [None] * len(components)
        try:
            return [_understood(*each) for each in zip(said["found"], components, known, strict=True)]
        except (LookupError, TypeError, ValueError, binascii.Error) as error:
            raise self._wrong(f"is damaged ({error})") from None

    def _begin(self, about: dict[str, Any]) -> int:
        """Read or write the first line, and return the seed."""
        said = self._read()
        if said is None:
            seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
            self._write(about | {"seed": seed})
            return seed
        if said.get("format") != about["format"] or not is_count(said.get("seed"), 0, 1 << 64):
            raise self._wrong("is no gmix checkpoint")
        for what in ("version", "n_rows", "n_features"):
            if said.get(what) != about[what]:
                raise self._wrong(f"has {what} {said.get(what)} and this fit has {about[what]}")
        return int(said["seed"])

    def _read(self) -> dict[str, Any] | None:
        """The next line; None at the end, where what is left of a line is cut off."""
        begin = self._file.tell()
        line = self._file.readline()
        if not line.endswith(b"\n"):
            self._file.seek(begin)
            self._file.truncate()
            return None
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            raise self._wrong("is no gmix checkpoint, or is damaged") from None
        if not isinstance(said, dict):
            raise self._wrong("is no gmix checkpoint, or is damaged")
        return said

    def _write(self, said: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(said).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise ModelFileError(
                f"the checkpoint {self._path} cannot be written ({error.strerror}); make room there, and resume the fit"
            ) from error

    def _wrong(self, what: str) -> ModelFileError:
        return ModelFileError(f"{self._path} {what}; delete it to begin anew, or give another checkpoint")


def _digest(every: Sequence[Components], coarse: bool) -> str:
    digest = hashlib.blake2b(bytes([coarse]), digest_size=16)
    for components in every:
        digest.update(f"{components.form} {components.family.degrees_of_freedom}".encode())
        for array in (components.log_constants, components.means, components.factor, components.whitener):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _written(found: SufficientStatistics) -> dict[str, Any]:
    arrays = {name: getattr(found, name) for name in _ARRAYS} | {f"extra {k}": v for k, v in found.extra.items()}
    written = {name: base64.b64encode(np.asarray(array, "<f8").tobytes()).decode() for name, array in arrays.items()}
    return written | {"log_likelihood": found.log_likelihood}


def _understood(entry: Any, components: Components, reference: Reference | None) -> SufficientStatistics:
    form, (k, d) = components.form, components.means.shape
    shapes = {"mean": (k, d), "scatter": form.shape(k, d)}
    if not is_number(entry["log_likelihood"]):
        raise ValueError("a log-likelihood is missing")

    def read(name: str) -> Array:
        array = np.frombuffer(base64.b64decode(entry[name], validate=True), "<f8").astype(np.float64)
        return array.reshape(shapes.get(name, (k,) if name in _ARRAYS else (k, -1)))

    extra = {name.removeprefix("extra "): read(name) for name in entry if name.startswith("extra ")}
    arrays: dict[str, Any] = {name: read(name) for name in _ARRAYS}
    found = SufficientStatistics(form, log_likelihood=float(entry["log_likelihood"]), extra=extra, **arrays)
    return found if reference is None else found.on(reference)
