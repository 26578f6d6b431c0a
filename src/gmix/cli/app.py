"""The command line: all commands, in the order of their help."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated

import gmix

try:
    import typer

    from gmix.cli.commands import (
        bootstrap,
        condition,
        convert,
        demo,
        fit,
        impute,
        merge,
        outliers,
        plot,
        predict,
        report,
        sample,
        score,
        select,
    )
    from gmix.cli.group import Commands
except ModuleNotFoundError as missing:
    print(f"gmix: the command line needs {missing.name}; install it with: pip install 'gmix[cli]'", file=sys.stderr)
    raise SystemExit(2) from None

__all__ = ["app"]

_WIDTH_OF_HELP = 80  # columns; in fewer, tables would cut names of options

app = typer.Typer(
    name="gmix",
    cls=Commands,
    help="Fit Gaussian mixtures to tables, and use them as distributions.",
    epilog="A table is CSV, Parquet or Arrow: a file, a folder of files, a pattern such as 'points-*.csv', or - for "
    "standard input. Tables larger than memory are read in blocks. The CSV format is detected, or set by options.\n\n"
    "Exit status: 0 on success, 2 for an error in the arguments or in a file, 130 if interrupted.\n\n"
    "Examples:\n\n  gmix fit points.csv --out model.json\n\n  gmix predict model.json more.csv --out labels.csv\n\n"
    "  gmix sample model.json 1000 | gmix fit -",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if shutil.get_terminal_size().columns >= _WIDTH_OF_HELP else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gmix {gmix.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, metavar="", help="Print the version and exit."),
    ] = False,
) -> None:
    pass


# Help lists the commands in this order.
app.command(epilog=fit.EXAMPLES)(fit.fit)
app.command(epilog=select.EXAMPLES)(select.select)
app.command(epilog=predict.EXAMPLES)(predict.predict)
app.command(epilog=score.EXAMPLES)(score.score)
app.command(epilog=outliers.EXAMPLES)(outliers.outliers)
app.command(epilog=impute.EXAMPLES)(impute.impute)
app.command(epilog=merge.EXAMPLES)(merge.merge)
app.command(epilog=bootstrap.EXAMPLES)(bootstrap.bootstrap)
app.command(epilog=condition.EXAMPLES)(condition.condition)
app.command(epilog=sample.EXAMPLES)(sample.sample)
app.command(epilog=plot.EXAMPLES)(plot.plot)
app.command(epilog=report.EXAMPLES)(report.report)
app.command(epilog=convert.EXAMPLES)(convert.convert)
app.command()(demo.demo)
