"""Sources: tables in memory, in files and on clusters that yield rows and their statistics."""

from __future__ import annotations

from gmix.sources.csv.dialect import CSV
from gmix.sources.journal import Journal
from gmix.sources.memory import MemorySource, expect
from gmix.sources.open import MEMORY, as_source, source_for, source_of_features
from gmix.sources.source import LocalSource, Source
from gmix.sources.stream import StreamSource

__all__ = [
    "CSV", "MEMORY", "Journal", "LocalSource", "MemorySource", "Source", "StreamSource", "as_source", "expect",
    "source_for", "source_of_features",
]  # fmt: skip
