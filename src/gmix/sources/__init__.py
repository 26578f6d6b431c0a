"""Sources: where rows live."""

from __future__ import annotations

from gmix.sources.memory import MemorySource, expect
from gmix.sources.source import Source

__all__ = ["MemorySource", "Source", "expect"]
