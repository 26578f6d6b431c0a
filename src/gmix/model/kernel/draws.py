"""Draws from the components of a mixture, in NumPy; ``native/kernel/draws.hpp`` has the same functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.model.components import Components
from gmix.model.covariance import TIED

__all__ = ["draw", "normals", "philox"]

Array = NDArray[np.float64]
Words = NDArray[np.uint64]
_BLOCK = 64  # numbers; the first half of them are cosines, and the second half sines
_LOW = np.uint64(0xFFFF_FFFF)


def philox(counter: tuple[Words, Words], key: int) -> tuple[Words, Words]:
    """Two words of random bits for each counter of two words: Philox 4x32 with ten rounds.

    Source: Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
    """
    w0, w1, w2, w3 = (part for word in counter for part in (word & _LOW, word >> np.uint64(32)))
    k0, k1 = key & 0xFFFF_FFFF, key >> 32
    for _ in range(10):
        first, second = w0 * np.uint64(0xD251_1F53), w2 * np.uint64(0xCD9E_8D57)
        w0, w1 = (second >> np.uint64(32)) ^ w1 ^ np.uint64(k0), second & _LOW
        w2, w3 = (first >> np.uint64(32)) ^ w3 ^ np.uint64(k1), first & _LOW
        k0, k1 = (k0 + 0x9E37_79B9) & 0xFFFF_FFFF, (k1 + 0xBB67_AE85) & 0xFFFF_FFFF
    return w0 | (w1 << np.uint64(32)), w2 | (w3 << np.uint64(32))


def normals(count: int, seed: tuple[int, int]) -> Array:
    """Independent standard normal numbers ``(count,)`` by the method of Box & Muller (1958)."""
    key, counter = seed
    n_blocks = -(-count // _BLOCK)
    position = np.arange(n_blocks * _BLOCK // 2, dtype=np.uint64)
    first, second = philox((position, np.full_like(position, counter)), key)
    distance, angle = np.sqrt(-2.0 * np.log(_uniform(first))), _uniform(second) * (np.pi / 4.0)
    exchanged = (second & np.uint64(4)) != 0
    x, y = np.where(exchanged, (np.sin(angle), np.cos(angle)), (np.cos(angle), np.sin(angle)))
    pair = [np.where(second & np.uint64(bit), -distance, distance) * part for bit, part in ((1, x), (2, y))]
    return np.stack([part.reshape(n_blocks, -1) for part in pair], axis=1).reshape(-1)[:count]


def draw(components: Components, labels: NDArray[np.intp], seed: tuple[int, int]) -> Array:
    """Draw a point ``(N, D)`` from the component that each of `labels` ``(N,)`` names."""
    form, means, factor = components.form, components.means, components.factor
    points = normals(len(labels) * means.shape[1], seed).reshape(len(labels), -1)
    for k in np.unique(labels):  # one component at a time, so that only its factor is expanded to a matrix
        own = labels == k
        points[own] = means[k] + form.apply(factor if form is TIED else factor[k : k + 1], points[own][None])[0]
    return points


def _uniform(bits: Words) -> Array:
    """Numbers between 0 and 1, ``(k + 1/2) / 2^52``, from the upper 52 bits."""
    return np.asarray(((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52)
