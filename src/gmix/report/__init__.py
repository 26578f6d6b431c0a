"""A report: one page of HTML that says what was fitted, how good it is, and lets the rows be looked at, offline."""

from __future__ import annotations

import base64
import gzip
import json
from functools import cache
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from gmix.errors import DataError
from gmix.fit import Fit
from gmix.report.rows import Rows
from gmix.report.show import charts, shown_columns
from gmix.report.words import page_facts
from gmix.sources import Source, as_source

__all__ = ["report"]

_SAME = 1e-6  # relative; log-likelihoods that differ by more are of different rows


def report(
    fit: Fit,
    path: str | PathLike[str],
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
) -> None:
    """Write a page about a fit and the rows that it was fitted to; it needs no network and no other file.

    The page holds the verdict in a sentence, what to look at before it is believed, the rows drawn in any two columns
    and in each, the parameters, the candidates that were compared, the rows that are most unusual, a text for a methods
    section with its references, and code. Of large tables it draws a random sub-sample, and says so.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    path : where to write; a file that is there is replaced.
    data, sample_weight, columns : the same rows as there.

    Raises `DataError` for rows that the fit was not made from.
    """
    import jinja2

    names = fit.mixture.features
    if isinstance(data, Source):
        source = data
    else:
        wanted = columns if columns is not None or names is None else list(names)
        source = as_source(data, sample_weight=sample_weight, columns=wanted)
    _check_rows(fit, source)
    shown = shown_columns(fit.mixture)
    rows = Rows.of(source, fit.mixture, shown)
    called = Path(data).name if isinstance(data, (str, PathLike)) else None
    here = resources.files("gmix.report")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    page = environment.from_string((here / "page.html").read_text("utf-8")).render(
        **page_facts(fit, rows, called, shown),
        style=(here / "page.css").read_text("utf-8"),
        script=(here / "page.js").read_text("utf-8"),
        data=_inert(charts(fit, rows, shown)),
        library=_library(),
    )
    Path(path).write_text(page, encoding="utf-8")


def _check_rows(fit: Fit, source: Source) -> None:
    if (source.n_rows, source.n_features) != (fit.n_rows, fit.mixture.n_features):
        raise DataError(
            f"the fit was made from {fit.n_rows} rows of {fit.mixture.n_features} columns and these are "
            f"{source.n_rows} of {source.n_features}; give the same rows and columns"
        )
    [statistics] = source.expect([fit.mixture])
    if not abs(statistics.log_likelihood - fit.log_likelihood) <= _SAME * max(abs(fit.log_likelihood), fit.mass):
        raise DataError(
            f"these are not the rows of the fit: their log-likelihood is {statistics.log_likelihood:.6g}, and that of "
            f"the fit {fit.log_likelihood:.6g}; give the same rows, weights and columns"
        )


def _inert(document: dict[str, Any]) -> str:
    """JSON that can stand in a page: nothing in it ends a script or begins a tag."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


@cache
def _library() -> str:
    """Plotly's JavaScript, compressed to two fifths; the page's browser unpacks it."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()
