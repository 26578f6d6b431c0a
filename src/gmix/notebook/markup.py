"""HTML of findings, tables and pictures, in the notebook's own colors; all text is escaped here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Literal

from gmix.base.findings import Finding
from gmix.plot.file import png_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["dot", "findings_html", "page", "picture", "remark", "remarks", "table"]

_LINE = "1px solid rgba(127,127,127,.35)"
_CELL = "padding:.15em .6em;background:none;white-space:nowrap"
_TABLE = "border-collapse:collapse;margin:.5em 0;color:inherit;font-size:.95em;font-variant-numeric:tabular-nums"
_CAPTION = "text-align:left;caption-side:top;opacity:.75"
_DOTS = 200  # per inch of a picture, twice those of most screens
_LEVELS = {"warning": "#D55E00", "note": "#0072B2"}


def page(title: str, line: str, parts: Iterable[str], image: str = "") -> str:
    """A title, a line about it, and parts of HTML, with a picture beside them where there is room."""
    head = f'<div style="font-weight:600;font-size:1.08em">{escape(title)}</div><div>{escape(line)}</div>'
    text = f'<div style="flex:1 1 30em;min-width:0;overflow-x:auto">{head}{"".join(parts)}</div>'
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start;color:inherit;line-height:1.45">'
        f"{text}{image}</div>"
    )


def findings_html(findings: Sequence[Finding]) -> str:
    """A list of findings with their levels; empty if there are none."""
    return remarks([remark(finding.level, finding.name, finding.message) for finding in findings])


def remarks(items: Sequence[str]) -> str:
    """A list of items; empty if there are none."""
    return f'<ul style="margin:.5em 0;padding:0">{"".join(items)}</ul>' if items else ""


def remark(level: Literal["warning", "note"], name: str, message: str) -> str:
    """An item of a list: what should be known about a value."""
    style = f"border-left:3px solid {_LEVELS[level]};padding-left:.6em;margin:.25em 0;list-style:none"
    return f'<li style="{style}"><b>{level}: {escape(name)}</b> {escape(message)}</li>'


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    named: bool = True,
    caption: str = "",
    dots: Sequence[str] = (),
) -> str:
    """A table of text whose first column names the rows if they are `named`, each after its dot if there are some."""
    style = f"{_CELL};border:0;border-bottom:{_LINE}"
    top = "".join(_cell("th", head, style, left=named and k == 0) for k, head in enumerate(heads))
    body = ""
    for n, row in enumerate(rows):
        mark = dots[n] if n < len(dots) else ""
        first = _cell("th" if named else "td", row[0], _CELL, mark, left=named)
        others = "".join(_cell("td", cell, _CELL, left=False) for cell in row[1:])
        body += f'<tr style="background:none">{first}{others}</tr>'
    above = f'<caption style="{_CAPTION}">{escape(caption)}</caption>' if caption else ""
    return f'<table style="{_TABLE}">{above}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def _cell(tag: str, text: str, style: str, mark: str = "", *, left: bool) -> str:
    weight = ";font-weight:400" if tag == "td" else ";font-weight:600"
    scope = "" if tag == "td" else f' scope="{"col" if "border-bottom" in style else "row"}"'
    side = "left" if left else "right"
    return f'<{tag}{scope} style="{style}{weight};text-align:{side}">{mark}{escape(text)}</{tag}>'


def dot(color: str) -> str:
    """A small disc of a color, before the name of a component."""
    disc = f"display:inline-block;width:.65em;height:.65em;border-radius:50%;background:{color};margin-right:.45em"
    return f'<span style="{disc}"></span>'


def picture(draw: Callable[[Figure], str], width: float, height: float) -> str:
    """A picture of this size in inches on white; `draw` fills a figure and says what it shows.

    Empty without Matplotlib, and where the numbers cannot be drawn: the tables must be shown all the same.
    """
    try:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height), layout="constrained")  # not one of pyplot, so none stays open
        words = draw(figure)
        data = png_of(figure, _DOTS)
    except (ImportError, ValueError, ArithmeticError):
        return ""
    style = f"flex:0 1 {width:g}in;max-width:100%;width:{width:g}in;background:white;border-radius:6px"
    return f'<img style="{style}" alt="{escape(words)}" src="data:image/png;base64,{data}">'
