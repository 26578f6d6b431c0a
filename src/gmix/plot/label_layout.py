"""The numbers of components in a picture, moved apart so that none hides another."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from numpy.typing import NDArray

__all__ = ["LABEL", "LabelLayout", "moved_apart"]

Array = NDArray[np.float64]
LABEL = "component"  # the group id of the numbers
_LAYOUT = "layout of the numbers"
_ROUNDS = 400


class LabelLayout(Artist):
    """Moves the numbers of an axes apart whenever the axes are drawn, at any size and with any limits.

    It draws nothing. A number that had to move is tied to its place by a thin line. A number whose place is beyond the
    axes is not shown, or with `bounded` at the nearest place within.
    """

    def __init__(self, bounded: bool = False) -> None:
        super().__init__()
        self._bounded = bounded

    @classmethod
    def add_to(cls, ax: Axes, bounded: bool = False) -> None:
        """Add one to the axes, if there is none."""
        if not any(isinstance(artist, cls) for artist in ax.artists):
            layout = cls(bounded)
            layout.set_in_layout(False)
            layout.set_zorder(0.0)  # drawn before the numbers
            layout.set_gid(_LAYOUT)
            ax.add_artist(layout)

    def draw(self, renderer: Any) -> None:
        ax = self.axes
        if ax is None:
            return
        texts = [text for text in ax.texts if isinstance(text, Annotation)]
        labels = [text for text in texts if text.get_gid() == LABEL]
        if not labels:
            return
        frame = ax.get_window_extent(renderer)
        low, high = np.asarray(frame.min), np.asarray(frame.max)
        places = ax.transData.transform([text.xy for text in labels])
        within = np.clip(places, [low[0], low[1]], [high[0], high[1]])
        shown = (places == within).all(1) | (self._bounded & (places == within)[:, 0])
        for text, is_shown in zip(labels, shown, strict=True):
            text.set_visible(bool(is_shown))
        labels = [text for text, is_shown in zip(labels, shown, strict=True) if is_shown]
        scale = renderer.points_to_pixels(1.0)
        radii = np.array([_radius(text, renderer) for text in labels])
        centers = moved_apart(within[shown], radii + 0.6 * scale, low, high)
        for text, place, center, wanted in zip(labels, places[shown], centers, within[shown], strict=True):
            text.xyann = tuple((center - place) / scale)
            if text.arrow_patch is not None:
                text.arrow_patch.set_visible(bool(np.hypot(*(center - wanted)) > 0.3 * radii[0]))


def _radius(text: Annotation, renderer: Any) -> float:
    """Half the diameter of the disc behind a number, in pixels."""
    text.update_bbox_position_size(renderer)
    patch = text.get_bbox_patch()
    extent = text.get_window_extent(renderer) if patch is None else patch.get_window_extent(renderer)
    return max(extent.width, extent.height) / 2.0


def moved_apart(places: Array, radii: Array, low: Array, high: Array) -> Array:
    """Centers ``(K, 2)`` of discs near their places, within a frame, that do not overlap if there is room.

    Overlapping discs push each other apart, and the others are drawn back to their places.
    """
    if not len(places):
        return places
    apart = radii[:, None] + radii
    centers = places.copy()
    # Discs at the same place have no direction to move in; the golden angle gives each its own.
    angles = 2.399963 * np.arange(len(places))
    centers += 0.05 * radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    lowest, highest = low + radii[:, None], high - radii[:, None]
    for step in range(_ROUNDS):
        difference = centers[:, None] - centers
        distance = np.maximum(np.hypot(*np.moveaxis(difference, 2, 0)), 1e-9)
        overlap = np.maximum(apart - distance, 0.0)
        np.fill_diagonal(overlap, 0.0)
        if step and not (overlap > 1e-2 * apart).any():
            break
        push = 0.5 * (overlap / distance)[:, :, None] * difference
        back = 0.02 * (1.0 - step / _ROUNDS) * (places - centers)
        centers += push.sum(1) + back
        centers = np.clip(centers, lowest, highest)
    moved = (overlap > 0.0).any(1) | (np.hypot(*(centers - places).T) > 0.2 * radii)
    return np.where(moved[:, None], centers, places)
