"""What the command line prints names options, not arguments of Python."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

import gmix
from gmix.cli.app import app
from gmix.cli.as_typed import ARGUMENTS, as_typed

SOURCE = Path(gmix.__file__).parent
# Messages that the commands never print: of the estimators, of code in the report, and of pictures and the sampler.
ELSEWHERE = ("sklearn", "report", "notebook", "cli", "plot", "sampler")
PYTHON = re.compile(rf"\b({'|'.join(ARGUMENTS)})=(?!=)")


def messages() -> Iterator[str]:
    """The texts of errors and findings of the library, with braces in the place of values."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).parts[0] in ELSEWHERE:
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and re.search(r"(Error|Finding)\b", ast.unparse(call.func)):
                for text in (*call.args, *(keyword.value for keyword in call.keywords)):
                    if isinstance(text, ast.Constant) and isinstance(text.value, str):
                        yield text.value
                    elif isinstance(text, ast.JoinedStr):
                        yield "".join(
                            part.value if isinstance(part, ast.Constant) else "{'a': 'b'}" for part in text.values
                        )


def test_no_message_names_an_argument_of_python_that_has_an_option() -> None:
    found = list(messages())
    assert sum(PYTHON.search(text) is not None for text in found) > 15
    assert [text for text in found if PYTHON.search(as_typed(text))] == []


def test_every_argument_of_a_fit_that_has_an_option_is_known() -> None:
    options = {option for parameter in get_command(app).commands["fit"].params for option in parameter.opts}
    for name in inspect.signature(gmix.fit).parameters:
        option = f"--{name.replace('_', '-')}"
        if option in options and name not in ("labels", "prior"):  # --labels names a file, --prior takes no value
            assert ARGUMENTS[name] == option
    every = {option for each in get_command(app).commands.values() for p in each.params for option in p.opts}
    assert set(ARGUMENTS.values()) <= every


@pytest.mark.parametrize(
    ("message", "typed"),
    [
        ("fit with family='gaussian'", "fit with --family gaussian"),
        ("give covariance='full', 'tied' or 'diag'", "give --covariance full, tied or diag"),
        ("factors= is a number", "--factors is a number"),
        ("missing 'drop' is not known", "--missing 'drop' is not known"),
        (
            "seconds is 0.0; give a number above zero, or None for no limit",
            "--seconds is 0.0; give a number above zero",
        ),
        ("give --decimal , or gmix.CSV(decimal=',')", "give --decimal ,"),
        ("write one as in level=1.5, seconds=2", "write one as in level=1.5, seconds=2"),  # columns of a table
        ("columns 'a' and 'b' are the same", "columns 'a' and 'b' are the same"),
    ],
)
def test_arguments_become_options_and_columns_stay(message: str, typed: str) -> None:
    assert as_typed(message) == typed


def test_help_names_options_that_the_command_has() -> None:
    for name, command in get_command(app).commands.items():
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for parameter in command.params:
            text = (parameter.help or "").replace("gmix fit --out", "")
            assert set(re.findall(r"--[a-z][\w-]*", text)) <= options, (name, text)
