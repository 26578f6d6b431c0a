"""Messages between this process and the tasks of a cluster: Arrow buffers that hold arrays of numbers and a text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import Form, form_named
from gmix.model.families import family_of
from gmix.model.statistics import SufficientStatistics

__all__ = [
    "pack", "pack_components", "pack_statistics", "unpack", "unpack_components", "unpack_statistics",
]  # fmt: skip

Array = NDArray[np.float64]


def pack_components(components: Sequence[Components]) -> bytes:
    """The components of several mixtures as a message."""
    arrays = [
        array
        for each in components
        for array in (
            *each[1:5],
            np.atleast_1d(np.array(each.family.degrees_of_freedom)),
            np.zeros(0) if each.groups is None else each.groups,
            _background_array(each.background),
        )
    ]
    return pack(arrays, " ".join(each.form.name for each in components))


def unpack_components(packed: bytes) -> list[Components]:
    """The components that a message holds."""
    found = []
    for form, (constants, flat_means, *compact, degrees_of_freedom, groups, background) in _by_form(*unpack(packed)):
        means, factor, whitener = _shaped(form, len(constants), flat_means, *compact)
        family = family_of(degrees_of_freedom)
        named = groups if len(groups) else None
        found.append(Components(form, constants, means, factor, whitener, family, named, _background(background)))
    return found


def _background_array(background: Background | None) -> Array:
    """A background as numbers: none, or the weight, the stated density or NaN, and the box."""
    if background is None:
        return np.empty(0)
    density = np.nan if background.density is None else background.density
    return np.concatenate([[background.weight, density], background.low, background.high])


def _background(numbers: Array) -> Background | None:
    if not len(numbers):
        return None
    (weight, density), (low, high) = numbers[:2].tolist(), np.split(numbers[2:], 2)
    return Background(weight, low, high, None if np.isnan(density) else density)


def pack_statistics(statistics: list[SufficientStatistics]) -> bytes:
    """Statistics under several mixtures as a message."""
    arrays = [array for s in statistics for array in s.arrays.values()]
    return pack(arrays, json.dumps([[s.form.name, list(s.arrays)] for s in statistics]))


def unpack_statistics(packed: bytes) -> list[SufficientStatistics]:
    """The statistics that a message holds."""
    arrays, words = unpack(packed)
    remaining = iter(arrays)
    return [
        SufficientStatistics.from_arrays(form_named(form), {name: next(remaining) for name in names})
        for form, names in json.loads(words)
    ]


def _by_form(arrays: list[Array], names: str) -> Iterator[tuple[Form, list[Array]]]:
    """The arrays of a message, split into equal parts, one for each named form."""
    size = len(arrays) // max(len(names.split()), 1)
    for number, name in enumerate(names.split()):
        yield form_named(name), arrays[size * number : size * (number + 1)]


def _shaped(form: Form, n_components: int, means: Array, *compact: Array) -> list[Array]:
    """Flat arrays in the shapes of means ``(K, D)`` and of compact matrices."""
    shape = n_components, len(means) // n_components
    return [means.reshape(shape), *(array.reshape(form.factor_shape(*shape)) for array in compact)]


def pack(arrays: Sequence[NDArray[Any]], text: str = "") -> bytes:
    """Flattened arrays and a text as an Arrow stream."""
    import pyarrow as pa

    flat = pa.array([np.ravel(array).astype(np.float64) for array in arrays], pa.list_(pa.float64()))
    batch = pa.record_batch({"arrays": flat}).replace_schema_metadata({"text": text})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def unpack(message: bytes) -> tuple[list[Array], str]:
    """The flat arrays and the text that a message holds."""
    import pyarrow as pa

    table = pa.ipc.open_stream(message).read_all()
    table.validate(full=True)  # or offsets could point outside the message
    return [entry.values.to_numpy() for entry in table["arrays"]], table.schema.metadata[b"text"].decode()
