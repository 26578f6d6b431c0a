"""All text for users is in the words of statistics, without the private idioms of earlier versions.

Text means pages, examples, the help of the command line, messages, the report, and the comments and docstrings of the
package and the benchmarks.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from gmix.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
PYTHON = [path for folder in ("src/gmix", "examples", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]

# Each with what to write instead. The words of the field are exempt: heat map, bell-shaped, ground truth, look-ahead.
IDIOMS = {
    r"climb(s|ed|ing)?": "EM run, converge",
    r"bells?": "Gaussian, component",
    r"heats": "rounds of a race",
    r"house(?! prices?)": "design, architecture",
    r"grounds?(?! (truths?|level|floor))": "reason, scale",
    r"told": "given, stated",
    r"ahead": "in advance",
    r"so many": "the number",
    r"the rest": "the others",
    r"what is left(?! out)": "the remaining ones",
    r"at (its|the) top": "at the maximum, at the beginning",
    r"a row a point|a point a row": "one point per row",
    r"(nats|rows|numbers|bytes|MB|seconds|steps|passes) a (row|second|pass|step|number|candidate|partition)": "per",
    r"what to mind": "caveats",
    r"rows? that belong nowhere": "background",
    r"(means|mean|says|say) nothing": "is meaningless",
    r"handed back|hands? back": "returned",
    r"rest(s|ed|ing)? on (fewer|too few)": "is supported by",
    r"(has|have|had|with) no width": "zero variance, has collapsed",
    r"kept honest": "regularized",
    r"reckon(s|ed|ing)?": "computed",
}
VAGUE_HEADINGS = {"The question", "What to write", "What comes back", "What to mind", "Read on", "More"}


def prose(page: Path) -> str:
    """The text of a page with code, formulas and targets of links blanked, and one space between words."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`]*`|\$\$.*?\$\$|\$[^$\n]*\$|\]\([^)]*\)", " ", text, flags=re.DOTALL)
    return " ".join(text.split())


def idioms(text: str) -> list[str]:
    """The idioms in a text, each with its neighborhood and what to say instead."""
    found = []
    for idiom, instead in IDIOMS.items():
        for match in re.finditer(rf"(?<![\w-])(?:{idiom})(?![\w-])", text, re.IGNORECASE):
            around = text[max(match.start() - 30, 0) : match.end() + 30]
            found.append(f"{match[0]!r} in '...{around}...': say {instead}")
    return found


def texts(path: Path) -> Iterator[str]:
    """The strings, docstrings and comments of a file in Python; comments on adjacent lines are one text."""
    with tokenize.open(path) as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
    with path.open("rb") as file:
        comments = [token for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]
    joined: list[str] = []
    for before, token in zip([None, *comments], comments, strict=False):
        if before is None or token.start[0] > before.start[0] + 1:
            joined.append("")
        joined[-1] += token.string.removeprefix("#")
    yield from joined


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_a_page_holds_no_private_idiom(page: Path) -> None:
    assert not (found := idioms(prose(page))), "\n".join(found)


def test_messages_comments_and_docstrings_hold_no_private_idiom() -> None:
    found = [f"{path}: {idiom}" for path in PYTHON for text in texts(path) for idiom in idioms(" ".join(text.split()))]
    assert not found, "\n".join(found)


def test_the_help_of_the_command_line_holds_no_private_idiom() -> None:
    group = typer.main.get_group(app)
    texts = [text for command in (group, *group.commands.values()) for text in (command.help, command.epilog)]
    texts += [getattr(option, "help", "") for command in group.commands.values() for option in command.params]
    assert len(texts) > 100
    assert not (found := idioms(" ".join(" ".join(filter(None, texts)).split()))), "\n".join(found)


def test_the_report_holds_no_private_idiom() -> None:
    for path in (ROOT / "src/gmix/report").glob("*.html"):
        text = re.sub(
            r"<(style|script).*?</\1>|<[^>]*>|\{[{%#].*?[%}#]\}", " ", path.read_text("utf-8"), flags=re.DOTALL
        )
        assert not (found := idioms(" ".join(text.split()))), "\n".join(found)


def test_headings_name_what_is_below_them() -> None:
    for page in PAGES:
        headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert not (vague := VAGUE_HEADINGS.intersection(headings)), f"{page.name}: {vague}"


def test_pages_do_not_share_headings_that_fit_every_page() -> None:
    found: dict[str, set[str]] = {}
    for page in PAGES:
        for heading in re.findall(r"^##+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(heading, set()).add(page.name)
    shared = {heading: pages for heading, pages in found.items() if len(pages) > 2}
    assert not (shared.keys() & {"Example", "Options", "Results", "Method", "Caveats"}), shared


@pytest.mark.parametrize("text", ["heat maps", "ground truth", "the background", "look-ahead seeding", "bell-shaped"])
def test_words_of_the_field_are_no_idioms(text: str) -> None:
    assert not idioms(text)


@pytest.mark.parametrize("text", ["The climb ends", "two bells", "0.1 nats a row", "a table, a row a point"])
def test_idioms_are_found(text: str) -> None:
    assert idioms(text)


def test_lines_of_code_on_pages_are_short() -> None:
    for page in PAGES:
        if page.name != "architecture.md":  # its maps of folders and calls are wide
            text = page.read_text(encoding="utf-8")
            code = re.findall(r"^ *```.*?^ *```", text, re.MULTILINE | re.DOTALL)
            long = [line for block in code for line in block.splitlines() if len(line) > 80]
            assert not long, f"{page.name}: {long}"
