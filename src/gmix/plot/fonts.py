"""The fonts of texts in pictures: which characters they lack, and which other fonts have these."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

__all__ = ["add_fallbacks", "width_of"]

_SCALE = 100.0  # points; any size, because linear advances are not hinted
_LAST_RESORT = "Last Resort"  # Matplotlib's own font of boxes, which has every character


def width_of(text: str, size: float) -> float:
    """The width of a line of text in points, in the usual font."""
    from matplotlib.font_manager import FontProperties

    paths = tuple(_paths_of(FontProperties()))
    return size * sum(_width_of_sign(sign, paths) for sign in text)


@lru_cache(4096)
def _width_of_sign(sign: str, paths: tuple[str, ...]) -> float:
    """The width of a character as a part of the size of the font; 1, as in most other scripts, if no font has it."""
    from matplotlib.font_manager import get_font

    for path in paths:
        if ord(sign) in _characters_of(path):
            font = get_font(path)
            font.set_size(_SCALE, 72.0)
            return float(font.load_char(ord(sign)).linearHoriAdvance) / 65536.0 / _SCALE
    return 1.0


def add_fallbacks(figure: Figure) -> str:
    """Let other installed fonts draw what the fonts of a figure lack; returns the characters that none has."""
    from matplotlib.text import Text

    texts: list[Any] = figure.findobj(Text)
    lacking = [(text, _absent_from(text.get_text(), text.get_fontproperties())) for text in texts]
    wanted = dict.fromkeys(sign for text, signs in lacking for sign in text.get_text() if sign in signs)
    families, absent = _families_with(set(wanted))
    for text, signs in lacking:
        if signs:
            text.set_fontfamily([*text.get_fontfamily(), *families])
    return "".join(sign for sign in wanted if sign in absent)


def _absent_from(text: str, font: FontProperties) -> set[str]:
    """The characters of a text that a font lacks, and the fallbacks that it names lack too."""
    wanted = {sign for sign in text if not (sign.isascii() or sign.isspace())}
    for path in _paths_of(font) if wanted else ():
        wanted = {sign for sign in wanted if ord(sign) not in _characters_of(path)}
    return wanted


def _paths_of(font: FontProperties) -> Iterator[str]:
    from matplotlib.font_manager import findfont

    for family in font.get_family():
        one = font.copy()
        one.set_family(family)
        yield str(findfont(one))


@lru_cache(8)
def _characters_of(path: str) -> frozenset[int]:
    """The code points of a font; none of a file that cannot be read, which Matplotlib's list of fonts may name."""
    from matplotlib.font_manager import get_font

    try:
        return frozenset(get_font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


def _families_with(wanted: set[str]) -> tuple[list[str], set[str]]:
    """Few families of installed fonts that have these characters, and the characters that none has."""
    if not wanted:
        return [], set()
    families = list[str]()
    known = [(family, {sign for sign in wanted if ord(sign) in _characters_of(path)}) for family, path in _installed()]
    while wanted:
        family, has = max(known, key=lambda one: len(one[1] & wanted), default=("", set[str]()))
        if not has & wanted:
            break
        families.append(family)
        wanted = wanted - has
    return families, wanted


def _installed() -> list[tuple[str, str]]:
    """The families of upright fonts of usual weight with their files, in the order of their names."""
    from matplotlib.font_manager import fontManager

    return sorted(
        (entry.name, entry.fname)
        for entry in fontManager.ttflist
        if entry.style == "normal" and str(entry.weight) in ("400", "normal") and _LAST_RESORT not in entry.name
    )
