"""The stub of the compiled kernel names its functions and their arguments as the module itself does."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import gmix

native: Any = pytest.importorskip("gmix._native")
STUB = Path(gmix.__file__).parent / "_native.pyi"


def signature(function: ast.FunctionDef) -> str:
    """The names of the arguments in their order, with their defaults."""
    arguments = function.args
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        argument.annotation = None
    return ast.unparse(arguments)


def test_the_stub_has_every_function_and_argument() -> None:
    compiled = {name: getattr(native, name) for name in dir(native) if not name.startswith("_")}
    actual = {}
    for name, function in compiled.items():
        [(text, _, defaults)] = function.__nb_signature__
        written = re.sub(r"\\(\d+)", lambda place, values=defaults: repr(values[int(place[1])]), text)
        [definition] = ast.parse(f"{written}: ...").body
        assert isinstance(definition, ast.FunctionDef)
        actual[name] = signature(definition)
    stated = {
        node.name: signature(node)
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert stated == actual
