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

    It draws nothing. A number that had to move is tied to its place by a thin line.
    """

    @classmethod
    def add_to(cls, ax: Axes) -> None:
        """Add one to the axes, if there is none."""
        if not any(isinstance(artist, cls) for artist in ax.artists):
            layout = cls()
            layout.set_in_layout(False)
            layout.set_zorder(0.0)  # drawn before the numbers
            layout.set_gid(_LAYOUT)
            ax.add_artist(layout)

    def draw(self, renderer: Any) -> None:
        ax = self.axes
        if ax is None:
            return
        texts = [text for text in ax.texts if isinstance(text, Annotation)]
        labels = [text for text in texts if text.get_gid() == LABEL and text.get_visible()]
        if len(labels) < 2:
            return
        scale = renderer.points_to_pixels(1.0)
        places = ax.transData.transform([text.xy for text in labels])
        radii = np.array([_radius(text, renderer) for text in labels])
        frame = ax.get_window_extent(renderer)
        centers = moved_apart(places, radii + 0.6 * scale, np.asarray(frame.min), np.asarray(frame.max))
        for text, place, center in zip(labels, places, centers, strict=True):
            text.xyann = tuple((center - place) / scale)
            if text.arrow_patch is not None:
                text.arrow_patch.set_visible(bool(np.hypot(*(center - place)) > 0.3 * radii[0]))


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
    apart = radii[:, None] + radii
    centers = places.copy()
    # Discs at the same place have no direction to move in; the golden angle gives each its own.
    angles = 2.399963 * np.arange(len(places))
    centers += 0.05 * radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    inside = ((places >= low) & (places <= high)).all(1)
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
        centers[inside] = np.clip(centers[inside], lowest[inside], highest[inside])
    moved = (overlap > 0.0).any(1) | (np.hypot(*(centers - places).T) > 0.2 * radii)
    return np.where(moved[:, None], centers, places)
