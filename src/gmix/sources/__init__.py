"""Sources: where rows live."""

from __future__ import annotations

from gmix.sources.door import as_source
from gmix.sources.memory import MemorySource, expect
from gmix.sources.source import LocalSource, Source

__all__ = ["LocalSource", "MemorySource", "Source", "as_source", "expect"]
