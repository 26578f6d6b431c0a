"""The group of all commands, which turns errors into a line on standard error and an exit status."""

from __future__ import annotations

import errno
import os
import re
import sys
import warnings
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from gmix.base.errors import GmixError, nearest
from gmix.base.wording import printable
from gmix.cli.as_typed import as_typed
from gmix.cli.input import STDIN_FOLDER

__all__ = ["Commands"]

# The base of the errors of a command line, which has other names in other releases of Typer.
_CommandLineError: type[Exception] = typer.BadParameter.__mro__[-4]  # before Exception, BaseException and object


class Commands(TyperGroup):
    """The commands. Errors exit with status 2 and say how to fix them; no traceback is shown. A warning is one line."""

    def main(self, *args: Any, **extra: Any) -> Any:
        with warnings.catch_warnings():
            warnings.showwarning = _print_warning
            self._run(*args, **extra)

    def _run(self, *args: Any, **extra: Any) -> NoReturn:
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False}) or 0
        except _CommandLineError as error:
            is_help = type(error).__name__ == "NoArgsIsHelpError"  # it has been printed
            status = 0 if is_help else _print_error(_usage_error(error))
        except SystemExit as end:
            # Rich exits with 1 where the reader of the help has closed the pipe.
            status = 0 if end.args == (1,) else end.code
        except GmixError as error:
            status = _print_error(as_typed(str(error)))
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            remedy = "make room there" if error.errno == errno.ENOSPC else "give another path, or permission there"
            status = _print_error(f"{where}{error.strerror or error}; {remedy}")
        except ModuleNotFoundError as error:
            has_remedy = "pip install" in str(error)
            status = _print_error(
                str(error) if has_remedy else f"this needs {error.name}; pip install 'gmix[all]' brings it"
            )
        except MemoryError:
            status = _print_error("there is not enough memory for this; ask for fewer rows or columns")
        raise SystemExit(status)

    def invoke(self, ctx: Any) -> Any:
        try:
            super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, such as head, has closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(message: str) -> int:
    """Print a message, without the folder of a copy of standard input, and return the exit status."""
    if message:
        print(f"gmix: {printable(re.sub(rf'[^ ]*{STDIN_FOLDER}[^/]*/', '', message))}", file=sys.stderr)
    return 2


def _print_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning of Python as a note, without the place in the source that raised it."""
    print(f"gmix: note: {printable(' '.join(str(message).split()))}", file=sys.stderr)


def _usage_error(error: Any) -> str:
    """Typer's message about a mistake in what was typed; for an unknown option, with the nearest known one."""
    context: Any = getattr(error, "ctx", None)
    ask = f"{context.command_path if context is not None else 'gmix'} --help"
    if (option := getattr(error, "option_name", None)) is not None and type(error).__name__ == "NoSuchOption":
        if option[1:2].isdecimal():
            return f"there is no option {option}, and no number here may be negative; give 0 or more (see {ask})"
        known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
        return f"there is no option {option}{nearest(option, known)} (see {ask})"
    message = error.format_message().rstrip(".?")
    message = re.sub(r"\. Did you mean (.*)$", r"; did you mean \1?", message)
    message = re.sub(
        r"^Got unexpected extra arguments?(?:\(s\))? \((.*)\)$", r"there are more arguments than needed: \1", message
    )
    message = re.sub(r": Input should be ", r": it should be ", message)
    return f"{message[:1].lower()}{message[1:]} (see {ask})"
