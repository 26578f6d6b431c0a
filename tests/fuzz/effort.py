"""How many cases the tests of this folder try: a few by default, the same in every run, or `FUZZ_EXAMPLES` new ones."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

__all__ = ["DEEP", "effort"]

DEEP = "FUZZ_EXAMPLES" in os.environ


def effort(share: float = 1.0) -> settings:
    """Settings of Hypothesis for a test that tries this share of the examples."""
    examples = max(1, round(share * int(os.environ.get("FUZZ_EXAMPLES", "40"))))
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    if DEEP:
        return settings(max_examples=examples, deadline=None, suppress_health_check=slow, print_blob=True)
    return settings(max_examples=examples, deadline=None, suppress_health_check=slow, derandomize=True, database=None)
