"""The command line: fit, select, predict, score, sample, plot, report, convert and demo."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

import gmix
from gmix.base.atomic_write import passing_folder
from gmix.base.errors import DataError, GmixError, ParameterError, nearest
from gmix.base.findings import lines
from gmix.base.table_file import FORMATS, Columns, format_of, write_table
from gmix.cli.options import as_bytes, as_counts, as_names, as_structures, check_page, check_picture, check_writable
from gmix.inference.predict import predictions
from gmix.model.criteria import CRITERIA
from gmix.sources import CSV, LocalSource, as_source
from gmix.sources.files import open_files

try:
    import typer
    from typer.core import TyperGroup

    from gmix.cli.console import document, nulled, print_candidates, print_fit, print_warnings
    from gmix.cli.csv_options import states_csv
except ModuleNotFoundError as missing:
    print(f"gmix: the command line needs {missing.name}; install it with: pip install 'gmix[cli]'", file=sys.stderr)
    raise SystemExit(2) from None

__all__ = ["app"]

_DRAWN = 100_000  # rows of a table that a picture shows
_STDIN = "gmix-stdin-"


class _Commands(TyperGroup):
    """The commands. What can go wrong in one becomes a line on stderr and an exit status; nobody sees a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False}) or 0
        except typer.TyperException as error:
            status = _complain(_usage(error))
        except GmixError as error:
            status = _complain(str(error))
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            remedy = "make room there" if error.errno == errno.ENOSPC else "give another path, or permission there"
            status = _complain(f"{where}{error.strerror or error}; {remedy}")
        except ModuleNotFoundError as error:
            told = "pip install" in str(error)
            status = _complain(str(error) if told else f"this needs {error.name}; pip install 'gmix[all]' brings it")
        except MemoryError:
            status = _complain("there is not enough memory for this; ask for fewer rows or columns")
        raise SystemExit(status)

    def invoke(self, ctx: Any) -> Any:
        try:
            super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, head for instance, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


app = typer.Typer(
    name="gmix",
    cls=_Commands,
    help="Find the sum of Gaussians that describes a table, and use it as a distribution.",
    epilog="A table is CSV, Parquet or Arrow: a file, a folder of files, a pattern such as 'points-*.csv', or - for "
    "standard input. Tables larger than memory are read in blocks. How CSV is written is recognized or stated.\n\n"
    "Exit status: 0 when done, 2 for a mistake in what was typed or in a file, 130 when interrupted.\n\n"
    "Examples:\n\n  gmix fit points.csv --out model.json\n\n  gmix predict model.json more.csv --out labels.csv\n\n"
    "  gmix sample model.json 1000 | gmix fit -",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _complain(message: str) -> int:
    if message:
        print(f"gmix: {re.sub(rf'[^ ]*{_STDIN}[^/]*/', '', message)}", file=sys.stderr)
    return 2


def _usage(error: Any) -> str:
    """What Typer says of a mistake in what was typed, in our words where it would not give the remedy."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return ""  # the help has been printed
    context: Any = getattr(error, "ctx", None)
    ask = f"{context.command_path if context is not None else 'gmix'} --help"
    if (option := getattr(error, "option_name", None)) is not None and type(error).__name__ == "NoSuchOption":
        known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
        return f"there is no option {option}{nearest(option, known)} (see {ask})"
    message = error.format_message().rstrip(".")
    return f"{message[:1].lower()}{message[1:]} (see {ask})"


def _given(context: typer.Context, path: Path | None) -> Path | None:
    """An input: the path itself, or a file with what standard input holds."""
    if path is None or str(path) != "-":
        return path
    if _STDIN in context.meta:
        raise ParameterError("standard input can be read only once; give a file for the other")
    context.meta[_STDIN] = True
    spooled = Path(context.find_root().with_resource(passing_folder(_STDIN))) / "standard input"
    with spooled.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return spooled


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gmix {gmix.__version__}")
        raise typer.Exit


def _points(text: str, **options: Any) -> Any:
    return typer.Argument(metavar="POINTS", help=text, callback=_given, show_default=False, **options)


Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="A model that gmix fit --out wrote, or -.", callback=_given, show_default=False
    ),
]
Points = Annotated[Path, _points("A table with the model's columns, or -.")]
Components = Annotated[str, typer.Option("--components", "-k", help="How many: 2, 1-8, 2,4,6, or auto for 1-9.")]
Covariance = Annotated[
    str,
    typer.Option(
        "--covariance", "-c", help="Structures: full, tied, diag, spherical, codes such as VEV, several, or auto."
    ),
]
Criterion = Annotated[str, typer.Option(help=f"What chooses among several: {', '.join(CRITERIA)}.")]
EqualWeights = Annotated[bool, typer.Option("--equal-weights", metavar="", help="Give all components the same weight.")]
Prior = Annotated[
    bool, typer.Option("--prior", metavar="", help="A weak conjugate prior: MAP, no component collapses.")
]
ColumnNames = Annotated[
    list[str] | None,
    typer.Option(
        help="Names of the columns to use, a,b,c; all numeric ones without it. Can be repeated; a name that holds a "
        "comma is quoted, '\"a, b\",c'."
    ),
]
Weights = Annotated[str | None, typer.Option(help="Name of a column of weights: 2 is a row twice.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Write this CSV, Parquet or Arrow file; standard output without it, or with -."),
]
Format = Annotated[
    str | None, typer.Option("--format", "-f", help="csv, parquet or arrow; what the name of --out asks for, else csv.")
]
Json = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, for a machine.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print nothing but mistakes.")]
Memory = Annotated[str, typer.Option(help="Tables that need more than this are read in blocks, again in every pass.")]
Seed = Annotated[int, typer.Option(help="For random draws; the same seed gives the same answer.")]


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, metavar="", help="Print the version and exit."),
    ] = False,
) -> None:
    pass


@app.command(
    epilog="Examples:\n\n  gmix fit points.csv\n\n"
    "  gmix fit points.csv --components 1-8 --covariance full,tied --out model.json --plot points.png\n\n"
    "  gmix fit 'year=*/points.parquet' --columns length,width --weights count --memory 2G --json\n\n"
    "  gmix fit measured.csv --decimal , --missing-value -999 --columns '\"length, mm\",width'\n\n"
    "  zcat points.csv.gz | gmix fit - --out - | gmix sample - 1000"
)
@states_csv
def fit(
    points: Annotated[Path, _points("A table, a row a point; or - for standard input.")],
    components: Components = "auto",
    covariance: Covariance = "auto",
    criterion: Criterion = "bic",
    equal_weights: EqualWeights = False,
    prior: Prior = False,
    errors: Annotated[
        bool, typer.Option("--errors", metavar="", help="Standard errors too, from the information.")
    ] = False,
    columns: ColumnNames = None,
    weights: Weights = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Save the model here, as JSON; - prints it.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Write each row's most probable component here: CSV, Parquet or Arrow.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw points and components here: PNG, SVG or PDF.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Keep here what every pass found, so that a killed fit can go on.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", metavar="", help="Go on from --checkpoint.")] = False,
    memory: Memory = "512M",
    as_json: Json = False,
    quiet: Quiet = False,
    seed: Seed = 0,
) -> None:
    """Find the mixture that describes the rows of a table; BIC chooses among component counts and structures."""
    counts, structures = as_counts(components), as_structures(covariance)
    printed = out is not None and str(out) == "-"
    if printed and as_json:
        raise ParameterError("--out - and --json both print on standard output; name a file for the model")
    if resume and checkpoint is None:
        raise ParameterError("--resume goes on from a checkpoint; name it with --checkpoint")
    for path in (None if printed else out, labels, plot, checkpoint):
        check_writable(path)
    check_picture(plot)
    if labels is not None:
        format_of(labels)
    source = _source(points, as_names(columns), weights, memory, quiet=quiet)
    found = gmix.fit(
        source,
        counts,
        covariance=structures,
        criterion=criterion,
        equal_weights=equal_weights,
        prior=gmix.NormalInverseWishart() if prior else None,
        rng=seed,
        progress=False if quiet else None,
        checkpoint=checkpoint,
        resume=resume,
    )
    if out is not None:
        _save(found, None if printed else out)
    if labels is not None:
        write_table(predictions(found.mixture, source), labels)
    if plot is not None:
        _draw(found, _some(source), plot)
    known = gmix.standard_errors(found, source) if errors else None
    if as_json:
        typer.echo(json.dumps(document(found, known), indent=1))
    elif not quiet:
        shown, files = _unprinted(found, source), {"model": out, "labels": labels, "picture": plot}
        print_warnings(shown) if printed else print_fit(shown, files, known)


@app.command(
    epilog="Examples:\n\n  gmix select points.csv\n\n"
    "  gmix select points.csv --components 1-6 --covariance VVV,VEV --criterion icl --plot criteria.png"
)
@states_csv
def select(
    points: Annotated[Path, _points("A table, a row a point; or - for standard input.")],
    components: Components = "auto",
    covariance: Covariance = "auto",
    criterion: Criterion = "bic",
    equal_weights: EqualWeights = False,
    prior: Prior = False,
    columns: ColumnNames = None,
    weights: Weights = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the candidates here: PNG, SVG or PDF.")] = None,
    memory: Memory = "512M",
    as_json: Json = False,
    quiet: Quiet = False,
    seed: Seed = 0,
) -> None:
    """Compare component counts and structures: every candidate with its criteria, the best first."""
    counts, structures = as_counts(components), as_structures(covariance)
    check_writable(plot)
    check_picture(plot)
    source = _source(points, as_names(columns), weights, memory, quiet=quiet)
    found = gmix.fit(
        source,
        counts,
        covariance=structures,
        criterion=criterion,
        equal_weights=equal_weights,
        prior=gmix.NormalInverseWishart() if prior else None,
        rng=seed,
        progress=False if quiet else None,
    )
    if found.search is None:
        raise ParameterError("there is one candidate only; give several --components or --covariance to compare")
    if plot is not None:
        from gmix.plot.file import save_figure

        save_figure(found.search.plot().figure, plot, bbox_inches="tight")
    if as_json:
        typer.echo(json.dumps(nulled(found.search.table()), indent=1))
        if not quiet:
            print_warnings(_unprinted(found, source))
    elif not quiet:
        print_candidates(_unprinted(found, source), {"picture": plot})


@app.command(
    epilog="Examples:\n\n  gmix predict model.json points.csv\n\n"
    "  gmix predict model.json points.parquet -p --out probabilities.parquet"
)
@states_csv
def predict(
    model: Model,
    points: Points,
    out: Out = None,
    form: Format = None,
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities", "-p", metavar="", help="Add the probability of each component, and the log density."
        ),
    ] = False,
    memory: Memory = "512M",
) -> None:
    """Say which component each row most probably came from; components count from 0."""
    to, form = _target(out, form)
    mixture = gmix.load(model).mixture
    write_table(predictions(mixture, _rows_for(mixture, points, memory), probabilities=probabilities), to, form)


@app.command(
    epilog="Examples:\n\n  gmix score model.json held_out.csv\n\n"
    "  gmix score model.json points.csv --rows | sort -g | head   # the most unusual rows"
)
@states_csv
def score(
    model: Model,
    points: Points,
    rows: Annotated[
        bool, typer.Option("--rows", metavar="", help="Write the log density of every row instead.")
    ] = False,
    weights: Weights = None,
    out: Out = None,
    form: Format = None,
    memory: Memory = "512M",
    as_json: Json = False,
) -> None:
    """Say how well a model describes a table: the log-likelihood, in nats."""
    if not rows and (out or form):
        raise ParameterError("--out and --format are for the log density of every row; add --rows")
    if rows and weights is not None:
        raise ParameterError("--weights is for the log-likelihood of all rows; leave out --rows")
    to, form = _target(out, form)
    mixture = gmix.load(model).mixture
    source = _rows_for(mixture, points, memory, weights)
    each = ((mixture.log_density(block), weight) for block, weight in source.blocks())
    if rows:
        write_table(({"log_density": density} for density, _ in each), to, form)
        return
    total, mass = 0.0, 0.0
    for density, weight in each:
        total += float(density.sum() if weight is None else weight @ density)
        mass += float(len(density) if weight is None else weight.sum())
    said = {"rows": source.n_rows, "log_likelihood": total, "log_likelihood_per_row": total / mass}
    if as_json:
        typer.echo(json.dumps(nulled(said), indent=1))
    else:
        typer.echo(f"{source.n_rows} rows, log-likelihood {total:.4f} ({total / mass:.6g} per row)")


@app.command(epilog="Example:\n\n  gmix sample model.json 1000 --out draws.csv --seed 7")
def sample(
    model: Model,
    n: Annotated[int, typer.Argument(metavar="N", help="How many points.", min=0, show_default=False)],
    out: Out = None,
    form: Format = None,
    seed: Seed = 0,
) -> None:
    """Draw new points from a model."""
    to, form = _target(out, form)
    mixture = gmix.load(model).mixture
    draws = mixture.sample(n, rng=seed)
    write_table([dict(zip(mixture.names, draws.T, strict=True))], to, form)


@app.command(epilog="Example:\n\n  gmix plot model.json points.csv --out picture.png")
@states_csv
def plot(
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture: PNG, SVG or PDF.", show_default=False)],
    points: Annotated[Path | None, _points("A table to draw under it, or -.")] = None,
    memory: Memory = "512M",
) -> None:
    """Draw a model: its density in one dimension, ellipses in two, every pair of columns in more."""
    check_writable(out)
    check_picture(out)
    found = gmix.load(model)
    _draw(found, None if points is None else _some(_rows_for(found.mixture, points, memory)), out)


@app.command(
    epilog="Examples:\n\n  gmix report points.csv\n\n  gmix report points.csv --components 1-5 --out page.html\n\n"
    "  gmix report points.csv --model model.json"
)
@states_csv
def report(
    points: Annotated[Path, _points("A table, a row a point; or - for standard input.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page, HTML.")] = Path("report.html"),
    components: Components = "auto",
    covariance: Covariance = "auto",
    criterion: Criterion = "bic",
    equal_weights: EqualWeights = False,
    prior: Prior = False,
    columns: ColumnNames = None,
    weights: Weights = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Report on this model of the same rows instead.", callback=_given),
    ] = None,
    memory: Memory = "512M",
    quiet: Quiet = False,
    seed: Seed = 0,
) -> None:
    """Fit a table and write a page about it: verdict, charts, parameters, methods. It opens offline."""
    counts, structures, names = as_counts(components), as_structures(covariance), as_names(columns)
    budget = as_bytes(memory)
    check_writable(out)
    check_page(out)
    if model is None:
        found = gmix.fit(
            points,
            counts,
            covariance=structures,
            criterion=criterion,
            equal_weights=equal_weights,
            prior=gmix.NormalInverseWishart() if prior else None,
            columns=names,
            sample_weight=weights,
            memory=budget,
            rng=seed,
            progress=False if quiet else None,
        )
    elif (components, covariance, criterion, equal_weights, prior) != ("auto", "auto", "bic", False, False):
        raise ParameterError("--model is fitted already; leave out what says how to fit, or the model")
    else:
        found = gmix.load(model)
    found.report(out, points, columns=names, sample_weight=weights, memory=budget)
    if not quiet:
        for line in lines(found.findings):
            typer.echo(line)
        typer.echo(f"report written to {out}")


@app.command(
    epilog="Examples:\n\n  gmix convert points.csv points.parquet\n\n"
    "  gmix convert model.json parameters.csv   # weight, means and covariances, a row a component"
)
@states_csv
def convert(
    given: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="A table, or a model; or -.", callback=_given, show_default=False),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUTPUT", help="CSV, Parquet or Arrow, or -.", show_default=False)],
    form: Format = None,
    columns: ColumnNames = None,
) -> None:
    """Write the numbers of a table, or the parameters of a model, as CSV, Parquet or Arrow."""
    to, form = _target(out, form)
    if _is_model(given):
        if columns is not None:
            raise ParameterError("--columns chooses among a table's columns; a model is converted whole")
        write_table([_parameters(gmix.load(given).mixture)], to, form)
        return
    table = open_files(given, as_names(columns))
    names = table.names or ()
    write_table((dict(zip(names, piece.columns, strict=True)) for piece in table.pieces()), to, form)
    _print_findings(table.findings)


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A directory for pictures and model; made if need be.")
    ] = Path("demo"),
) -> None:
    """Run the whole tutorial: a density, draws from it, the mixture found again, and Old Faithful."""
    from gmix.demo import demo as show

    show(out)


def _source(
    points: Path | CSV, columns: list[str] | None, weights: str | None, memory: str, *, quiet: bool = False
) -> LocalSource:
    source = as_source(points, columns=columns, sample_weight=weights, memory=as_bytes(memory))
    assert isinstance(source, LocalSource)
    if not quiet:
        _print_findings(source.findings)
    return source


def _print_findings(findings: tuple[gmix.Finding, ...]) -> None:
    for finding in findings:
        print(f"gmix: {finding.level}: {finding}", file=sys.stderr)


def _unprinted(found: gmix.Fit, source: LocalSource) -> gmix.Fit:
    """A fit without the findings about its table, which were printed before it began."""
    return replace(found, findings=tuple(finding for finding in found.findings if finding not in source.findings))


def _rows_for(
    mixture: gmix.GaussianMixture, points: Path | CSV, memory: str, weights: str | None = None
) -> LocalSource:
    names = None if mixture.features is None else list(mixture.features)
    source = _source(points, names, weights, memory)
    if source.n_features != mixture.n_features:
        raise DataError(
            f"{points} has {source.n_features} numeric columns and the model, whose columns have no names, needs "
            f"{mixture.n_features}; give a table with just those"
        )
    return source


def _some(source: LocalSource) -> Any:
    """The rows that a picture shows: all, or a sample of many."""
    return source.rows(_DRAWN, np.random.default_rng(0))[0]


def _target(out: Path | None, form: str | None) -> tuple[Any, str]:
    """Where a table goes and as what, found out before any work is done."""
    if form is not None and form not in FORMATS:
        raise ParameterError(f"--format {form!r} is none of csv, parquet and arrow{nearest(form, FORMATS)}")
    if out is None or str(out) == "-":
        return sys.stdout.buffer, form or "csv"
    check_writable(out)
    return out, form or format_of(out)


def _parameters(mixture: gmix.GaussianMixture) -> Columns:
    """A row for each component: its weight, its means, and its covariances, each pair of columns once."""
    names = mixture.names
    table = {"component": np.arange(mixture.n_components), "weight": mixture.weights}
    table |= {f"mean {name}": mixture.means[:, i] for i, name in enumerate(names)}
    for i, name in enumerate(names):
        table |= {f"cov {name} {names[j]}": mixture.covariances[:, i, j] for j in range(i, len(names))}
    return table


def _is_model(path: Path | CSV) -> bool:
    if isinstance(path, CSV) or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(1) == b"{"


def _save(found: gmix.Fit, path: Path | None) -> None:
    if path is not None:
        found.save(path)
        return
    with passing_folder("gmix-") as folder:
        found.save(folder / "model.json")
        typer.echo((folder / "model.json").read_text(encoding="utf-8"))


def _draw(found: gmix.Fit, rows: Any, path: Path) -> None:
    from matplotlib.figure import Figure

    from gmix import plot as pictures
    from gmix.plot.file import save_figure

    d = found.mixture.independent_part.n_features  # as many as are drawn
    sizes = {1: (5.6, 3.6), 2: (5.4, 4.8)}
    side = min(2.4 * d, 24.0)
    figure = Figure(figsize=sizes.get(d, (side, side)), layout="constrained")
    pictures.plot(found, rows, figure=figure)
    save_figure(figure, path)
