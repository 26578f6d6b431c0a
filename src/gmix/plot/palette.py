"""The colors, markers and line styles of components: what distinguishes one component from another."""

from __future__ import annotations

from typing import Any

from gmix.base.arguments import is_count
from gmix.base.errors import ParameterError

__all__ = [
    "BACKGROUND", "COLORS", "INK", "LINE", "MARKERS", "SOFT", "color", "darkened", "line_style", "marker", "text_color",
]  # fmt: skip

# The first seven are those of Okabe & Ito without the yellow that is faint on white; with the eighth they are distinct
# for every kind of color vision. The other twelve are distinct for normal vision, and for any vision together with the
# markers and line styles, which change after every eight components.
COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D", "#4B0082", "#8B5A2B", "#C2185B",
    "#9AAD00", "#003A5D", "#7FC8A9", "#9C8BE0", "#7A0C0C", "#F4A5A0", "#1B5E20", "#2436C8", "#00B8C4", "#CC33DD",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v")
INK, SOFT, LINE = "#222222", "#5A5A5A", "#9A9A9A"
BACKGROUND = -1  # the label of points that belong to no component

_DARK = 1.05 / 4.5 - 0.05  # the luminance of the lightest text that is readable on white
_BLOCK = 8  # components that color alone distinguishes for every reader
_DASHES: tuple[tuple[float, ...], ...] = ((), (5.0, 2.0), (1.2, 1.4), (6.0, 1.6, 1.2, 1.6), (3.0, 1.2))


def color(component: int) -> str:
    """The color of a component; it repeats after twenty. The background, -1, is gray.

    The first eight are distinct for color-blind readers too.
    """
    return LINE if component == BACKGROUND else COLORS[_number(component) % len(COLORS)]


def marker(component: int) -> str:
    """The marker of a component's points; it changes after every eight components."""
    return "x" if component == BACKGROUND else MARKERS[_number(component) // _BLOCK % len(MARKERS)]


def line_style(component: int) -> Any:
    """The dashes of a component's curves and ellipses, as Matplotlib takes them; they change with the marker."""
    return 0.0, _DASHES[_number(component) // _BLOCK % len(_DASHES)] or None


def text_color(face: str) -> str:
    """Black or white: the color of text that has more contrast with a face of this color, 4.5 at least."""
    luminance = _luminance(_linear(face))
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#FFFFFF"


def darkened(ink: str) -> str:
    """A color that is dark enough for text on white, which needs a contrast of 4.5 (WCAG 2.2, 1.4.3)."""
    linear = _linear(ink)
    factor = min(_DARK / max(_luminance(linear), _DARK), 1.0)
    parts = (12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055 for x in (factor * y for y in linear))
    return "#" + "".join(f"{int(255.0 * part):02X}" for part in parts)


def _linear(color: str) -> tuple[float, ...]:
    parts = (int(color[i : i + 2], 16) / 255.0 for i in (1, 3, 5))
    return tuple(x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)


def _luminance(linear: tuple[float, ...]) -> float:
    return sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _number(component: int) -> int:
    if not is_count(component, 0):
        raise ParameterError(f"component is {component!r}; give its number, counted from 0")
    return component
