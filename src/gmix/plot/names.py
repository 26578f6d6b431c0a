"""Names of columns and labels in pictures: drawn as they are written, in few lines that fit."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from os.path import commonprefix
from typing import TYPE_CHECKING

from gmix.base.wording import printable
from gmix.plot.fonts import width_of
from gmix.plot.model import Mixture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["fitted", "fitted_alike", "literal", "name_axes", "names_of", "sides_of"]

_SIZES = (9.5, 8.5, 7.5, 6.5, 5.5)  # of names in points, from the usual one to the smallest readable one
_LINES = 3  # of a name
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def names_of(mixture: Mixture) -> tuple[str, ...]:
    """The names of the features, or x with a number."""
    return mixture.features or tuple(f"x{d + 1}".translate(_SUBSCRIPTS) for d in range(mixture.n_features))


def literal(text: str) -> str:
    r"""A text as Matplotlib draws it sign by sign: a dollar begins no formula, a control character shows its code.

    >>> print(literal("price $ ($)"))
    price \$ (\$)
    """
    # Escaped, because `parse_math=False` would stay with an axis whose label the caller replaces by a formula.
    return printable(text).replace("$", r"\$")


def name_axes(ax: Axes, mixture: Mixture) -> None:
    """Write the names of the features at the axes."""
    for axis, name, side in zip((ax.xaxis, ax.yaxis), names_of(mixture), sides_of(ax), strict=False):
        axis.set_label_text(fitted(name, side, _SIZES[:1])[0])


def sides_of(ax: Axes) -> tuple[float, float]:
    """The width and the height of axes in points."""
    box, figure = ax.get_position(), ax.figure
    points = 72.0 / figure.dpi
    return float(box.width * figure.bbox.width * points), float(box.height * figure.bbox.height * points)


def fitted(name: str, width: float, sizes: Sequence[float] = _SIZES, lines: int = _LINES) -> tuple[str, float]:
    """A name as `literal` text in as many lines as it needs to be no wider than `width` points, and its size in points.

    It gets smaller, then takes more lines; a word that is too long even then is divided. A name that is too long for
    all of its lines lacks its middle.
    """
    name = " ".join(printable(name).split())
    for used in range(1, lines + 1):
        for points in sizes if used > 1 else sizes[:2]:
            parts = textwrap.wrap(name, _letters(name, width, points), break_long_words=False) if used > 1 else [name]
            if len(parts) <= used and max(width_of(part, points) for part in parts) <= width:
                return literal("\n".join(parts)), points
    points = sizes[-1]
    for letters in range(_letters(name, width, points), 0, -1):
        parts = textwrap.wrap(name, letters)
        if len(parts) > lines:
            shown = max(letters * lines - 1, 2)
            short = f"{name[: -(-shown // 2)]}…{name[-(shown // 2) :]}"
            parts = [short[at : at + letters] for at in range(0, len(short), letters)]
        if max(width_of(part, points) for part in parts) <= width:
            break
    return literal("\n".join(parts)), points


def fitted_alike(
    names: Sequence[str], width: float, sizes: Sequence[float] = _SIZES, lines: int = _LINES
) -> tuple[list[str], float]:
    """Names as `fitted` divides them, all in the size of the one that needs the smallest.

    Names that lack their middle and look the same begin where they differ.
    """
    size = min(fitted(name, width, sizes, lines)[1] for name in names)
    shown = [fitted(name, width, (size,), lines)[0] for name in names]
    for text in set(shown):
        same = [name for name, other in zip(names, shown, strict=True) if other == text]
        begin = commonprefix(same).rfind(" ") + 1  # noqa: RUF071  (of characters, not of paths)
        if begin and len(set(same)) > 1:
            shown = [
                fitted(f"…{name[begin:]}", width, (size,), lines)[0] if other == text else other
                for name, other in zip(names, shown, strict=True)
            ]
    return shown, size


def _letters(name: str, width: float, size: float) -> int:
    """How many letters of a name fit in a line, by their mean width."""
    mean = width_of(name, size) / len(name) if name else size
    return max(int(width / max(mean, 0.1 * size)), 1)
