"""Small errors that are made in source text on purpose: a sign, a bound, a constant, a comparison, a term."""

from __future__ import annotations

import ast
import io
import re
import token
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mutant", "mutants"]

SWAPS = {
    "+": "-", "-": "+", "*": "/", "/": "*", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==",
    "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "**": "*", "&&": "||", "||": "&&",
}  # fmt: skip
WORDS = {
    "and": "or", "or": "and", "min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "True": "False",
    "False": "True", "true": "false", "false": "true", "any": "all", "all": "any",
}  # fmt: skip
_CPP = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\#[^\n]*|::|->|\+\+|--|<<|>>"""
    r"""|(?P<number>(?<![\w.])\d[\d'.]*(?:e-?\d+)?\b)|(?P<word>[A-Za-z_]\w*)|(?P<operator>[-+*/]=?|[<>=!]=|[<>]|&&|\|\|)""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes
    ----------
    path : of the file, below the root of the project.
    line, column : where the change begins, both counted from zero.
    old, new : the text that is replaced, and what replaces it.
    """

    path: str
    line: int
    column: int
    old: str
    new: str

    def applied(self, source: str) -> str:
        """The source of the file with the change."""
        lines = source.split("\n")
        text, end = lines[self.line], self.column + len(self.old)
        lines[self.line] = text[: self.column] + self.new + text[end:]
        return "\n".join(lines)

    def name(self, source: str) -> str:
        """What identifies the mutant: its line as text, so that it keeps its name when other lines change."""
        text = source.split("\n")[self.line].strip()
        return f"{self.path}: {text} [{self.column} {self.old} -> {self.new}]"


def mutants(path: Path, root: Path) -> list[Mutant]:
    """All changes of a file of Python or C++ that this script knows."""
    source, name = path.read_text(encoding="utf-8"), path.relative_to(root).as_posix()
    found = _of_python(source) if path.suffix == ".py" else _of_cpp(source)
    return [Mutant(name, line, column, old, new) for line, column, old, new in found]


def _number(text: str) -> str:
    """Another number."""
    return {"0": "1", "1": "2", "0.0": "1.0", "1.0": "2.0", "2.0": "1.0", "0.5": "1.0"}.get(text, f"(2 * {text})")


def _of_python(source: str) -> Iterator[tuple[int, int, str, str]]:
    lines = _mutable_lines(source)
    before = ""
    for each in tokenize.generate_tokens(io.StringIO(source).readline):
        line, column = each.start[0] - 1, each.start[1]
        if line in lines:
            is_unary_or_star = each.string in "+-***" and (before in _OPENING or before in ("return", "lambda", "in"))
            if each.type == token.OP and each.string in SWAPS and not is_unary_or_star:
                yield line, column, each.string, SWAPS[each.string]
            elif each.type == token.OP and each.string == "-" and before not in ("*", "**"):
                yield line, column, "-", "+"
            elif each.type == token.NUMBER:
                yield line, column, each.string, _number(each.string)
            elif each.type == token.NAME and each.string in WORDS:
                yield line, column, each.string, WORDS[each.string]
        before = each.string


_OPENING = {"(", "[", "{", ",", "=", ":", "+", "-", "*", "/", "**", "//", "@", "<", ">", "<=", ">=", "==", "!="}


def _mutable_lines(source: str) -> set[int]:
    """The lines inside functions, without docstrings, signatures, imports, and errors with their words."""
    found: set[int] = set()
    tree = ast.parse(source)
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for statement in function.body:
            found |= set(range(statement.lineno - 1, statement.end_lineno or statement.lineno))
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, (ast.Raise, ast.Import, ast.ImportFrom, ast.JoinedStr)):
            found -= set(range(node.lineno - 1, node.end_lineno or node.lineno))
        elif isinstance(node, ast.FunctionDef):
            found -= set(range(node.lineno - 1, node.body[0].lineno - 1))
    return found


def _of_cpp(source: str) -> Iterator[tuple[int, int, str, str]]:
    for match in _CPP.finditer(source):
        kind, text = match.lastgroup, match.group()
        start = match.start()
        line = source.count("\n", 0, start)
        column = start - (source.rfind("\n", 0, start) + 1)
        statement = source.split("\n")[line]
        spaced = source[start - 1 : start] == " " and source[match.end() : match.end() + 1] == " "
        if kind == "operator" and text in SWAPS and spaced and "template" not in statement:
            yield line, column, text, SWAPS[text]
        elif kind == "number" and "static_assert" not in statement:
            yield line, column, text, _number(text)
        elif kind == "word" and text in WORDS:
            yield line, column, text, WORDS[text]
