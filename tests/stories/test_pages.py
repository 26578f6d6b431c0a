"""The pages say what is true: their code runs, prints what they show, and every error and finding has its paragraph."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path

import pytest

import gmix

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
CODE = re.compile(r"^```(pycon|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in CODE.findall(page.read_text(encoding="utf-8")) if kind == language]


def named(pages: list[Path]) -> list[object]:
    return [pytest.param(page, id=page.name) for page in pages]


@pytest.mark.parametrize("page", named([page for page in PAGES if blocks(page, "pycon")]))
def test_what_a_page_shows_is_what_is_printed(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest("".join(blocks(page, "pycon")), {}, page.name, str(page), 0)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("page", named([page for page in PAGES if blocks(page, "python")]))
def test_other_code_is_python_and_names_what_there_is(page: Path) -> None:
    for text in blocks(page, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "gmix":
                assert hasattr(gmix, node.attr), f"gmix.{node.attr}"


def test_every_error_and_every_finding_has_its_paragraph() -> None:
    page = (ROOT / "docs" / "when_it_goes_wrong.md").read_text(encoding="utf-8")
    paragraphs = set(re.findall(r"^`([^`]+)`\n: ", page, re.MULTILINE))
    errors = {
        name
        for name in gmix.__all__
        if isinstance(value := getattr(gmix, name), type) and issubclass(value, Exception) and name != "GmixError"
    }
    findings = {
        call.args[0].value
        for path in Path(gmix.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Finding"
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert {"collapsed component", "not converged"} <= findings
    assert errors | findings <= paragraphs, sorted((errors | findings) - paragraphs)
    assert paragraphs - errors - findings == {"ModuleNotFoundError", "ConvergenceWarning"}


def test_every_page_is_in_the_contents_and_every_link_leads_somewhere() -> None:
    contents = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.stem == "index" or re.search(rf"^{page.stem}$", contents, re.MULTILINE), page.name
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert target.startswith(("http", "gallery/")) or (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_reference_has_every_public_name() -> None:
    reference = (ROOT / "docs" / "reference.rst").read_text(encoding="utf-8")
    for name in gmix.__all__:
        assert re.search(rf"^\.\. auto\w+:: gmix\.{name}$", reference, re.MULTILINE), name
