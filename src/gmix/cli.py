"""The command line: fit, predict, sample, plot, report and demo. It turns files into calls of the library, and back."""

from __future__ import annotations

import csv
import functools
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn, ParamSpec

import numpy as np

import gmix
from gmix.covariance import structure
from gmix.errors import DataError, GmixError, ParameterError
from gmix.sources.files import Table, open_table

try:
    import typer
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Grid
except ModuleNotFoundError as missing:
    print(f"gmix: the command line needs {missing.name}; install it with: pip install 'gmix[cli]'", file=sys.stderr)
    raise SystemExit(2) from None

__all__ = ["app", "main"]

P = ParamSpec("P")
_SHOWN = 5  # candidates of a search that are printed

app = typer.Typer(
    name="gmix",
    help="Find the sum of Gaussians that describes a table, and use it as a distribution.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model that gmix fit --out wrote.", show_default=False)]
Seed = Annotated[int, typer.Option(help="For random draws; the same seed gives the same answer.")]


def main() -> None:
    """Run the command line of this process."""
    signal.signal(signal.SIGINT, _interrupted)
    app()


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    # Not an exception: a climb under way would answer it with its best so far, and the search would go on.
    print("gmix: interrupted; nothing more is written", file=sys.stderr, flush=True)
    os._exit(130)


def _fail(message: str, status: int = 2) -> NoReturn:
    print(f"gmix: {message}", file=sys.stderr)
    raise typer.Exit(status) from None


def _plainly(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what can go wrong into a line on stderr and an exit status; no traceback reaches a person."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except GmixError as error:
            _fail(str(error))
        except BrokenPipeError:  # the reader, head for instance, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(f"{where}{error.strerror or error}; give another path, or make room and permission there")
        except ModuleNotFoundError as error:
            _fail(f"this needs {error.name}; install it with: pip install 'gmix[cli]'")
        except MemoryError:
            _fail("there is not enough memory for this; ask for fewer rows or columns")

    return run


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gmix {gmix.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog="Examples:\n\n  gmix fit points.csv\n\n"
    "  gmix fit points.csv --components 1-8 --covariance full,tied --out model.json --plot points.png\n\n"
    "  gmix fit points.parquet --columns length,width --json"
)
@_plainly
def fit(
    points: Annotated[
        Path, typer.Argument(metavar="POINTS", help="A table, CSV or Parquet; a row a point.", show_default=False)
    ],
    components: Annotated[
        str, typer.Option("--components", "-k", help="How many: 2, 1-8, 2,4,6, or auto for 1-9; BIC chooses.")
    ] = "auto",
    covariance: Annotated[
        str, typer.Option(help="What covariances may be: full, tied, diag, spherical, some of them, or auto for all.")
    ] = "auto",
    prior: Annotated[
        bool, typer.Option("--prior", help="A weak conjugate prior: MAP, no component collapses.")
    ] = False,
    columns: Annotated[
        str | None, typer.Option(help="Names of the columns to use, a,b,c; all numeric ones without it.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Save the model here, as JSON.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Write each row's most probable component here, CSV or Parquet.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw points and components here: PNG, SVG or PDF.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a machine instead of a table.")] = False,
    seed: Seed = 0,
) -> None:
    """Find the mixture that describes the rows of a table; BIC chooses among component counts and structures."""
    counts, structures = _counts(components), _structures(covariance)
    for path in (out, labels, plot):
        _check_writable(path)
    _check_picture(plot)
    table = open_table(points, _names(columns))
    if table.left_out:
        print(f"gmix: left out, not numbers: {', '.join(table.left_out)}", file=sys.stderr)
    found = gmix.fit(
        table.rows,
        counts,
        covariance=structures,
        prior=gmix.NormalInverseWishart() if prior else None,
        columns=list(table.names),
        rng=seed,
    )
    if out is not None:
        found.save(out)
    if labels is not None:
        _write(labels, ["component"], [found.mixture.predict(table.rows)])
    if plot is not None:
        _draw(found, table.rows, plot)
    if as_json:
        typer.echo(json.dumps(_document(found), indent=1))
    else:
        _print_fit(found, {"model": out, "labels": labels, "picture": plot})


@app.command(
    epilog="Examples:\n\n  gmix predict model.json points.csv\n\n  gmix predict model.json points.csv -p --out p.csv"
)
@_plainly
def predict(
    model: Model,
    points: Annotated[
        Path, typer.Argument(metavar="POINTS", help="A table with the model's columns.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write here, CSV or Parquet, not to stdout.")] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", "-p", help="Add the probability of each component, and the log density.")
    ] = False,
) -> None:
    """Say which component each row most probably came from; components count from 0."""
    _check_writable(out)
    mixture = gmix.load(model).mixture
    rows = _rows_for(mixture, points)
    names: list[str] = ["component"]
    values: list[Any] = [mixture.predict(rows)]
    if probabilities:
        names += [f"p{k}" for k in range(mixture.n_components)] + ["log_density"]
        values += [*mixture.responsibilities(rows).T, mixture.log_density(rows)]
    _write(out, names, values)


@app.command(epilog="Example:  gmix sample model.json 1000 --out draws.csv --seed 7")
@_plainly
def sample(
    model: Model,
    n: Annotated[int, typer.Argument(metavar="N", help="How many points.", min=0, show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write here, CSV or Parquet, not to stdout.")] = None,
    seed: Seed = 0,
) -> None:
    """Draw new points from a model."""
    _check_writable(out)
    mixture = gmix.load(model).mixture
    names = mixture.features or [f"x{d + 1}" for d in range(mixture.n_features)]
    _write(out, list(names), list(mixture.sample(n, rng=seed).T))


@app.command(epilog="Example:  gmix plot model.json points.csv --out picture.png")
@_plainly
def plot(
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture: PNG, SVG or PDF.", show_default=False)],
    points: Annotated[
        Path | None, typer.Argument(metavar="[POINTS]", help="A table to draw under it.", show_default=False)
    ] = None,
) -> None:
    """Draw a model: its density in one dimension, ellipses in two, every pair of columns in more."""
    _check_writable(out)
    _check_picture(out)
    found = gmix.load(model)
    _draw(found, None if points is None else _rows_for(found.mixture, points), out)


@app.command(
    epilog="Examples:\n\n  gmix report points.csv\n\n  gmix report points.csv --components 1-5 --out page.html\n\n"
    "  gmix report points.csv --model model.json"
)
@_plainly
def report(
    points: Annotated[
        Path, typer.Argument(metavar="POINTS", help="A table, CSV or Parquet; a row a point.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page, HTML.")] = Path("report.html"),
    components: Annotated[
        str, typer.Option("--components", "-k", help="How many: 2, 1-8, 2,4,6, or auto for 1-9; BIC chooses.")
    ] = "auto",
    covariance: Annotated[
        str, typer.Option(help="What covariances may be: full, tied, diag, spherical, some of them, or auto for all.")
    ] = "auto",
    columns: Annotated[
        str | None, typer.Option(help="Names of the columns to use, a,b,c; all numeric ones without it.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Report on this model of the same rows instead of fitting.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Fit a table and write a page about it: verdict, charts, parameters, methods. It opens offline."""
    counts, structures = _counts(components), _structures(covariance)
    _check_writable(out)
    names = _names(columns)
    if model is None:
        found = gmix.fit(points, counts, covariance=structures, columns=names, rng=seed)
    else:
        found = gmix.load(model)
    found.report(out, points, columns=names)
    print(f"report written to {out}")


@app.command()
@_plainly
def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A directory for pictures and model; made if need be.")
    ] = Path("demo"),
) -> None:
    """Run the whole tutorial: a density, draws from it, the mixture found again, and Old Faithful."""
    from gmix.demo import demo as show

    show(out)


def _counts(text: str) -> str | list[int]:
    if text.strip().lower() == "auto":
        return "auto"
    counts: list[int] = []
    for part in text.split(","):
        low, dash, high = (piece.strip() for piece in part.partition("-"))
        if not low.isdecimal() or (dash and not high.isdecimal()) or int(low) < 1:
            raise ParameterError(f"--components {text!r} is not a count; write 2, 1-8, 2,4,6 or auto")
        counts += range(int(low), int(high if dash else low) + 1)
    if not counts:
        raise ParameterError(f"--components {text!r} is an empty range; write the smaller number first, as in 1-8")
    return counts


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ParameterError(f"--columns {text!r} must be different names with commas between them, as in a,b,c")
    return names


def _structures(text: str) -> str | list[str]:
    names = [name.strip() for name in text.split(",")]
    return "auto" if names == ["auto"] else [structure(name).code for name in names]


def _rows_for(mixture: gmix.GaussianMixture, points: Path) -> Any:
    table: Table = open_table(points, mixture.features)
    if len(table.names) != mixture.n_features:
        raise DataError(
            f"{points} has {len(table.names)} numeric columns and the model, whose columns have no names, needs "
            f"{mixture.n_features}; give a table with just those"
        )
    return table.rows


def _check_writable(path: Path | None) -> None:
    """Find out before a long fit, not after it."""
    if path is None:
        return
    if path.is_dir():
        raise ParameterError(f"{path} is a directory; give the name of a file in it")
    if not path.parent.is_dir():
        raise ParameterError(f"there is no directory {path.parent}; make it first, or give another path")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ParameterError(f"{path} cannot be written; give another path, or permission there")


def _check_picture(path: Path | None) -> None:
    if path is None:
        return
    from matplotlib.figure import Figure

    known = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise ParameterError(f"{path} is no picture that can be drawn; end its name in .png, .svg or .pdf")


def _draw(found: gmix.Fit, rows: Any, path: Path) -> None:
    from matplotlib.figure import Figure

    from gmix import plot as pictures

    d = found.mixture.n_features
    sizes = {1: (5.6, 3.6), 2: (5.4, 4.8)}
    side = min(2.4 * d, 24.0)
    figure = Figure(figsize=sizes.get(d, (side, side)), layout="constrained")
    pictures.plot(found, rows, figure=figure)
    figure.savefig(path, dpi=200)


def _write(path: Path | None, names: Sequence[str], columns: Sequence[Any]) -> None:
    if path is not None and path.suffix.lower() in (".parquet", ".pq"):
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.table(dict(zip(names, map(pa.array, columns), strict=True))), path)
        return
    lines = zip(*(np.asarray(column).tolist() for column in columns), strict=True)
    if path is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows([names, *lines])
        sys.stdout.flush()
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([names, *lines])


def _document(found: gmix.Fit) -> dict[str, Any]:
    """A fit for machines: what a person is shown, in full precision."""
    mixture = found.mixture
    return {
        "structure": mixture.structure.code,
        "components": mixture.n_components,
        "features": list(mixture.features or []),
        "rows": found.n_rows,
        "log_likelihood": found.log_likelihood,
        "parameters": found.n_parameters,
        "bic": found.bic,
        "aic": found.aic,
        "icl": found.icl,
        "converged": found.converged,
        "reason": found.reason.name.lower(),
        "steps": len(found.history) - 1,
        "weights": mixture.weights.tolist(),
        "means": mixture.means.tolist(),
        "covariances": mixture.covariances.tolist(),
        "findings": [{"name": finding.name, "message": finding.message} for finding in found.findings],
        "candidates": found.search.table() if found.search else [],
    }


def _print_fit(found: gmix.Fit, files: dict[str, Path | None]) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=400)
    mixture = found.mixture
    names = mixture.features or tuple(f"x{d + 1}" for d in range(mixture.n_features))
    count = f"{mixture.n_components} component{'s' * (mixture.n_components != 1)}"
    console.print(
        f"{count}, {mixture.structure.code} ({mixture.structure.name}), of {found.n_rows} rows and "
        f"{len(names)} column{'s' * (len(names) != 1)}",
        style="bold",
    )
    console.print(
        f"log-likelihood {found.log_likelihood:.4f}   BIC {found.bic:.2f}   AIC {found.aic:.2f}   "
        f"ICL {found.icl:.2f}   parameters {found.n_parameters}"
    )
    console.print(f"{found.reason.value} ({len(found.history) - 1} steps)")
    grid = Grid(box=SIMPLE_HEAD, title="weights, means ± standard deviations", title_justify="left", title_style="")
    grid.add_column("component", justify="right")
    grid.add_column("weight", justify="right")
    for name in names:
        grid.add_column(name, justify="right")
    deviations = np.sqrt(np.diagonal(mixture.covariances, axis1=1, axis2=2))
    for k, (weight, mean, deviation) in enumerate(zip(mixture.weights, mixture.means, deviations, strict=True)):
        cells = (f"{m:.4g} ± {s:.3g}" for m, s in zip(mean, deviation, strict=True))
        grid.add_row(str(k), f"{weight:.4f}", *cells)
    console.print()
    console.print(grid)
    if found.search is not None:
        console.print(_ranking(found.search.table()))
    for finding in found.findings:
        console.print(f"note: {finding}")
    for what, path in files.items():
        if path is not None:
            console.print(f"{what} written to {path}")


def _ranking(candidates: list[dict[str, Any]]) -> Grid:
    title = f"best of {len(candidates)} candidates by BIC (smaller is better)"
    grid = Grid(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="")
    for name in ("structure", "components", "log-likelihood", "parameters", "BIC", "AIC"):
        grid.add_column(name, justify="left" if name == "structure" else "right")
    for c in sorted(candidates, key=lambda c: (c["collapsed"], c["bic"]))[:_SHOWN]:
        likelihood, bic, aic = f"{c['log_likelihood']:.2f}", f"{c['bic']:.2f}", f"{c['aic']:.2f}"
        note = " (a component collapsed)" if c["collapsed"] else ""
        grid.add_row(c["structure"], str(c["components"]), likelihood, str(c["parameters"]), bic + note, aic)
    return grid


if __name__ == "__main__":
    main()
