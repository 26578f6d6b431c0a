"""What all searches for failing cases share: the process ends if a test hangs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from watchdog import watched


@pytest.fixture(autouse=True, scope="module")
def _in_bounded_time() -> Iterator[None]:
    with watched():
        yield
