"""A report: one page of HTML about a fit, with its quality and charts of its rows, which opens offline."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import cache
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.atomic_write import as_path, atomic_write
from gmix.base.errors import ParameterError, of_kind
from gmix.fitting.result import Fit, StandardErrors, in_independent_columns
from gmix.inference.standard_errors import standard_errors, statistics_of
from gmix.model.student import StudentMixture
from gmix.report.charts import charts, shown_columns
from gmix.report.page import page_content
from gmix.report.row_summary import RowSummary
from gmix.sources import CSV, MEMORY, MemorySource, Source, source_for

__all__ = ["report"]

# Densities; standard errors that take more are computed only on request. Those of incomplete rows take a few times as
# long, and up to forty times if each row lacks other cells.
_QUICK, _QUICK_INCOMPLETE = 20_000_000, 2_000_000

_SCRIPTS = ("common.js", "row_charts.js", "fit_charts.js", "print.js", "controls.js")  # in this order


def report(
    fit: Fit,
    path: str | PathLike[str],
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    labels: Any = None,
    row_errors: Any = None,
    row_covariance: ArrayLike | None = None,
    columns: list[str] | None = None,
    errors: StandardErrors | None = None,
    memory: float = MEMORY,
) -> None:
    """Write a page of HTML about a fit and the rows that it was fitted to; the page needs no network and no other file.

    The page has a summary with the findings, charts of the rows, the parameters, the candidates that were compared,
    the most unusual rows, a text for a methods section with its references, and code. Fits with labels, a background,
    trimmed rows, missing cells or measurement errors have a section about these. For a large table the charts show a
    random sample of the rows, and the page says so. Printed by a browser, the page is an appendix of a few pages.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    path : the file to write; an existing one is replaced.
    data, sample_weight, labels, row_errors, row_covariance, columns, memory : the rows that were fitted, as for
        `gmix.fit`.
    errors : standard errors to show; None for those of `gmix.standard_errors`, if they are known and quick to compute.

    Raises `DataError` for other rows than those of the fit.
    """
    import jinja2

    path = as_path(path)
    if errors is not None:
        of_kind(errors, StandardErrors, "errors", "what gmix.standard_errors returned")
    of_kind(fit, Fit, "fit", "the Fit that gmix.fit returned")
    source = source_for(
        fit.mixture,
        data,
        sample_weight=sample_weight,
        columns=columns,
        memory=memory,
        labels=labels,
        row_errors=row_errors,
        row_covariance=row_covariance,
    )
    source = _trimmed(source, fit.trim)
    fit = in_independent_columns(fit)
    statistics_of(fit, source)  # raises an error if they are not the rows of the fit
    errors = errors or _errors(fit, source)
    shown = shown_columns(fit.mixture)
    rows = RowSummary.of(source, fit, shown)
    table = data.path if isinstance(data, CSV) else data
    table_name = Path(table).name if isinstance(table, (str, PathLike)) and str(table) != "-" else None
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    script = _script()
    page = environment.from_string(_asset("page.html")).render(
        **page_content(fit, rows, table_name, shown, errors),
        style=_asset("page.css"),
        print_style=_asset("print.css"),
        script=script,
        script_hashes=f"{_hash(script)} {_hash(_plotly())}",
        data=_as_script_data(charts(fit, rows, shown)),
        library=_library(),
    )
    with atomic_write(path, ParameterError) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _trimmed(source: Source, trim: float) -> Source:
    """The source as the fit saw it. Raises `ParameterError` if it is too large to be trimmed."""
    if not trim:
        return source
    if not isinstance(source, MemorySource):
        raise ParameterError("a report of a trimmed fit needs the table in memory; raise memory")
    return source.trimmed(trim)


def _errors(fit: Fit, source: Source) -> StandardErrors | None:
    """Standard errors; None where they take long or cannot be computed."""
    unknown = fit.trim or (fit.log_prior and fit.prior is None) or isinstance(fit.mixture, StudentMixture)
    most = _QUICK if source.is_plain else _QUICK_INCOMPLETE
    if unknown or 2 * fit.n_parameters * fit.n_rows > most:
        return None
    errors = standard_errors(fit, source)
    return errors if np.isfinite(errors.means).all() else None


def _as_script_data(document: dict[str, Any]) -> str:
    """JSON that can stand in a script of the page: nothing in it ends the script or begins a tag."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _asset(name: str) -> str:
    """A file that pages are made of."""
    return (resources.files("gmix.report") / "assets" / name).read_text("utf-8")


def _script() -> str:
    """The script of a page."""
    parts = "\n".join(_asset(name) for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _hash(script: str) -> str:
    """What a Content-Security-Policy calls a script that may run; a page runs no others."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    library: str = get_plotlyjs()
    return library


@cache
def _library() -> str:
    """Plotly's JavaScript, compressed to two fifths; the browser unpacks it."""
    return base64.b64encode(gzip.compress(_plotly().encode(), mtime=0)).decode()
