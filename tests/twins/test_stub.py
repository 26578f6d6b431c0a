"""The stub that the build makes of the compiled kernel names its functions and arguments as the module itself does."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

native: Any = pytest.importorskip("gmix._native")
STUB = Path(native.__file__).parent / "_native.pyi"
ONE, POINT, UNIT = np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1))
COMPONENTS = (0, -ONE, POINT, UNIT, UNIT, float("inf"), None, None)
DIAGONAL = (2, -ONE, POINT, ONE[:, None], ONE[:, None], float("inf"), None, None)
ROWS = (POINT, None, False, None, None, None)
STATISTICS = (ONE, ONE, POINT, UNIT, ONE, 0.0, {})
REFERENCE = (ONE * 1e-24, UNIT, 1.0, None)
RULE = (0.0, None, 1e-15, 1e-11, 1e-9, 1, True, True, None)
START = ("VVV", 0, ONE, POINT, UNIT, None, None, None, None, None)
# A call of every function, by the names of its arguments.
CALLS: dict[str, dict[str, Any]] = {
    "EStep": {"components": [COMPONENTS], "threads": None, "coarse": False},
    "EStep.add": {"rows": ROWS},
    "EStep.statistics": {},
    "run": {
        "rows": (np.array([[0.0], [1.0]]), None, False, None, None, None),
        "starts": [START],
        "reference": REFERENCE,
        "rounds": [(RULE, 1)],
        "rule": RULE,
        "patient": True,
        "coarse": False,
        "threads": None,
    },
    "maximize": {
        "structure": "VVV",
        "form": 0,
        "statistics": [STATISTICS],
        "prior": None,
        "reference": REFERENCE,
    },
    "prepare": {"form": 0, "weights": ONE, "means": POINT, "covariances": UNIT},
    "label_statistics": {"form": 0, "rows": ROWS, "labels": [0.0 * ONE], "n_components": 1},
    "cluster": {"points": POINT, "mass": ONE, "sweeps": 1, "draws": POINT},
    "nearest": {"points": POINT, "centers": POINT},
    "neighbors": {"centers": POINT, "n": 1, "before": None},
    "nearest_neighbors": {"points": POINT, "centers": POINT, "labels": 0.0 * ONE, "neighbors": 0.0 * POINT},
    "TruncatedEStep": {"rows": ROWS, "labels": 0.0 * ONE, "n_kept": 1, "n_neighbors": 1, "threads": 1},
    "TruncatedEStep.expect": {"components": DIAGONAL},
    "posterior": {"rows": ROWS, "components": COMPONENTS, "responsibilities": True, "threads": None},
    "expected_values": {"rows": ROWS, "components": COMPONENTS, "threads": None},
    "draw": {"components": COMPONENTS, "labels": 0.0 * ONE, "key": 1, "counter": 2, "threads": None},
    "level": {},
}


def stated() -> dict[str, ast.FunctionDef]:
    """The functions of the stub; that of a class is its constructor."""
    found = {}
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        if isinstance(node, ast.ClassDef) and hasattr(native, node.name):
            for method in node.body:
                assert isinstance(method, ast.FunctionDef)
                found[node.name if method.name == "__init__" else f"{node.name}.{method.name}"] = method
    return found


def names(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    assert not any([arguments.posonlyargs, arguments.kwonlyargs, arguments.vararg, arguments.kwarg])
    return [argument.arg for argument in arguments.args if argument.arg != "self"]


def bound(name: str) -> Callable[..., Any]:
    if "." not in name:
        return getattr(native, name)  # type: ignore[no-any-return]
    owner, method = name.split(".")
    step = getattr(native, owner)(**CALLS[owner])
    if method == "statistics":
        step.add(**CALLS["EStep.add"])
    return getattr(step, method)  # type: ignore[no-any-return]


def test_the_stub_has_every_function() -> None:
    compiled = {name: getattr(native, name) for name in dir(native) if not name.startswith("_")}
    methods = {
        f"{name}.{method}"
        for name, value in compiled.items()
        if inspect.isclass(value)
        for method in vars(value)
        if not method.startswith("_")
    }
    assert set(stated()) == set(compiled) | methods == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_the_stub_has_every_argument(name: str) -> None:
    function, given = stated()[name], CALLS[name]
    assert names(function) == list(given)
    bound(name)(**given)  # what nanobind knows the arguments by
    bound(name)(*given.values())  # and their order
    optional = names(function)[len(given) - len(function.args.defaults) :]
    for left_out in given:
        others = {argument: value for argument, value in given.items() if argument != left_out}
        if left_out in optional:
            bound(name)(**others)
        else:
            with pytest.raises(TypeError, match="incompatible function arguments"):
                bound(name)(**others)
    with pytest.raises(TypeError, match="incompatible function arguments"):
        bound(name)(**given, another=None)


@pytest.mark.parametrize("name", CALLS)
def test_every_argument_and_result_has_a_type(name: str) -> None:
    function = stated()[name]
    assert function.returns is not None
    for argument in function.args.args:
        assert argument.arg == "self" or argument.annotation is not None
    written = ast.unparse(function)
    assert "object" not in written
    assert "Any" not in written


def test_the_stub_is_sound() -> None:
    api = pytest.importorskip("mypy.api")
    told, errors, status = api.run(["--strict", str(STUB)])
    assert status == 0, told + errors
