"""Damage files for a reader, guided by the lines of gmix that they reach, until one fails (atheris, libFuzzer).

    python tests/fuzz/guided.py model --seconds 300

What has been found is kept in build/fuzz, and is where the next run begins. A file that fails is written there too.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FunctionType

from readers import MODELS, read_checkpoint, read_model, read_table, write_files

import gmix

BUILD = Path(__file__).parents[2] / "build" / "fuzz"
READERS: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {  # each with the sound files that it reads
    "model": (read_model, tuple(f"{name}.json" for name in MODELS)),
    "checkpoint": (read_checkpoint, ("fit.checkpoint",)),
    "csv": (read_table, ("t.csv", "semicolons.csv")),
    "arrow": (read_table, ("t.arrow",)),
    "arrow-streamed": (partial(read_table, streamed=True), ("t.arrow",)),
    "parquet": (read_table, ("t.parquet",)),
}


def main() -> None:
    """Run libFuzzer on one reader; it ends the process."""
    import atheris

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    read, names = READERS[given.reader]
    corpus, folder = BUILD / given.reader, Path(tempfile.mkdtemp())
    corpus.mkdir(parents=True, exist_ok=True)
    write_files(folder)
    for name in names:
        shutil.copy(folder / name, corpus / name)
        read(folder / name)  # which imports all that the reader needs
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and str(function.__module__).startswith("gmix"):
            atheris.instrument_func(function)
    damaged = (folder / "damaged").with_suffix(Path(names[0]).suffix)

    def read_damaged(content: bytes) -> None:
        damaged.write_bytes(content)
        try:
            read(damaged)
        except gmix.GmixError as error:
            if len(str(error)) <= 20:
                raise AssertionError("an error without words") from error

    limits = [f"-max_total_time={given.seconds}", "-timeout=60", "-rss_limit_mb=4096", "-max_len=65536"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={corpus}-failed-", str(corpus)], read_damaged)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
