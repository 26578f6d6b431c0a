"""The compiled module refuses arguments that do not fit together, instead of reading beyond them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

native: Any = pytest.importorskip("gmix._native")
RULE = (0.0, None, 1e-15, 1e-11, 1e-9, 2, True, True, None)


def statistics(k: int, d: int) -> tuple[Any, ...]:
    scatter = np.tile(np.eye(d), (k, 1, 1))
    return np.ones(k), np.ones(k), np.zeros((k, d)), scatter, np.ones(k), 0.0, {}


def reference(d: int) -> tuple[Any, ...]:
    return np.full(d, 1e-24), np.eye(d)[None], 4.0, None


def start(k: int, d: int, prior: tuple[Any, ...] | None = None, code: str = "VVV") -> tuple[Any, ...]:
    return code, 0, np.full(k, 1 / k), np.zeros((k, d)), np.tile(np.eye(d), (k, 1, 1)), None, prior, None, None, None


def run(rows: Any, first: tuple[Any, ...], d: int = 2) -> list[Any]:
    given = rows if callable(rows) or isinstance(rows, tuple) else (rows, None, False, None, None, None)
    return native.run(given, [first], reference(d), [], RULE, True, False, None)


ROWS = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0], [2.0, 5.0]])
WRONG: dict[str, Callable[[], Any]] = {
    "an unknown structure": lambda: native.maximize("XYZ", 0, [statistics(2, 2)], None, reference(2)),
    "a structure of another form": lambda: native.maximize("VVI", 0, [statistics(2, 2)], None, reference(2)),
    "statistics of nothing": lambda: native.maximize("VVV", 0, [statistics(0, 2)], None, reference(2)),
    "a prior of other components": lambda: native.maximize(
        "VVV", 0, [statistics(2, 2)], statistics(1, 2), reference(2)
    ),
    "a reference of other columns": lambda: native.maximize("VVV", 0, [statistics(2, 2)], None, reference(3)),
    "no centers": lambda: native.nearest(np.ones((3, 2)), np.ones((0, 2))),
    "no draws": lambda: native.cluster(np.ones((3, 2)), np.ones(3), 2, np.ones((2, 0))),
    "a start with a prior of other components": lambda: run(ROWS, start(2, 2, statistics(1, 2))),
    "a start with a prior of other columns": lambda: run(ROWS, start(2, 2, statistics(2, 1))),
    "a start with a blur of other columns": lambda: run(ROWS, (*start(2, 2)[:-1], np.ones(3))),
    "a start of an unknown structure": lambda: run(ROWS, start(2, 2, code="CS")),
    "rows of other columns": lambda: run(np.ones((4, 3)), start(2, 2)),
    "an E-step of other components": lambda: run(lambda *_: statistics(3, 2), start(2, 2)),
    "an E-step of other columns": lambda: run(lambda *_: statistics(2, 3), start(2, 2)),
    "variances of other rows": lambda: run((ROWS, None, False, None, np.ones((3, 2)), None), start(2, 2)),
    "variances of other columns": lambda: run((ROWS, None, False, None, np.ones((4, 3)), None), start(2, 2)),
    "covariances of other columns": lambda: run((ROWS, None, False, None, np.ones((4, 2, 3)), None), start(2, 2)),
    "errors out of order": lambda: run(
        (ROWS, None, False, None, np.asfortranarray(np.ones((4, 2, 2))), None), start(2, 2)
    ),
    "evidence of other rows": lambda: run((ROWS, None, False, None, None, np.ones((3, 2))), start(2, 2)),
    "evidence of fewer groups": lambda: native.posterior(
        (ROWS, None, False, None, None, np.ones((4, 2))),
        (3, np.zeros(1), np.zeros((1, 2)), np.ones(1), np.ones(1), np.inf, np.full(1, 2.0)),
        True,
        None,
    ),
    "errors under heavy tails": lambda: native.posterior(
        (ROWS, None, False, None, np.ones((4, 2)), None),
        (3, np.zeros(1), np.zeros((1, 2)), np.ones(1), np.ones(1), 3.0, None),
        True,
        None,
    ),
    "a short tuple": lambda: native.posterior(
        (ROWS, None, False, None, None, None), (0, np.zeros(1), np.zeros((1, 2))), True, None
    ),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_what_does_not_fit_together_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()


def test_what_fits_together_is_not() -> None:
    assert native.maximize("VVV", 0, [statistics(2, 2)], statistics(2, 2), reference(2))[0] is not None
    [(place, _, _, history, _, _)] = run(ROWS, start(1, 2))
    assert place == 0
    assert len(history) == 3
