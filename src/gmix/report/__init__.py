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

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.atomic_write import as_path, written_whole
from gmix.base.errors import ParameterError, of_kind
from gmix.fitting.result import Fit, StandardErrors, in_independent_columns
from gmix.inference.standard_errors import source_of, standard_errors, statistics_of
from gmix.report.show import charts, shown_columns
from gmix.report.table import Rows
from gmix.report.words import page_facts
from gmix.sources import CSV, MEMORY, Source

__all__ = ["report"]

_QUICK = 20_000_000  # densities; standard errors that take more are found only where they are asked for


def report(
    fit: Fit,
    path: str | PathLike[str],
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    errors: StandardErrors | None = None,
    memory: float = MEMORY,
) -> None:
    """Write a page about a fit and the rows that it was fitted to; it needs no network and no other file.

    The page holds the verdict in a sentence, what to look at before it is believed, the rows drawn in any two columns
    and in each, the parameters, the candidates that were compared, the rows that are most unusual, a text for a methods
    section with its references, and code. Of large tables it draws a random sub-sample, and says so.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    path : where to write; a file that is there is replaced.
    data, sample_weight, columns, memory : the same rows as there, as for `gmix.fit`.
    errors : standard errors to show; without them, those of `gmix.standard_errors` where they are quick to find.

    Raises `DataError` for rows that the fit was not made from.
    """
    import jinja2

    path = as_path(path)
    if errors is not None:
        of_kind(errors, StandardErrors, "errors", "what gmix.standard_errors returned")
    source = source_of(fit, data, sample_weight=sample_weight, columns=columns, memory=memory)
    fit = in_independent_columns(fit)
    statistics_of(fit, source)  # or they are refused
    errors = errors or _errors(fit, source)
    shown = shown_columns(fit.mixture)
    rows = Rows.of(source, fit.mixture, shown)
    place = data.path if isinstance(data, CSV) else data
    called = Path(place).name if isinstance(place, (str, PathLike)) and str(place) != "-" else None
    here = resources.files("gmix.report")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    page = environment.from_string((here / "page.html").read_text("utf-8")).render(
        **page_facts(fit, rows, called, shown, errors),
        style=(here / "page.css").read_text("utf-8"),
        script=(here / "page.js").read_text("utf-8"),
        data=_inert(charts(fit, rows, shown)),
        library=_library(),
    )
    with written_whole(path, ParameterError) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _errors(fit: Fit, source: Source) -> StandardErrors | None:
    """Standard errors, where they are quick to find and can be found."""
    unknown = fit.log_prior and fit.prior is None
    if unknown or 2 * fit.n_parameters * fit.n_rows > _QUICK:
        return None
    errors = standard_errors(fit, source)
    return errors if np.isfinite(errors.means).all() else None


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
