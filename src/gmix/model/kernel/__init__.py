"""The kernel: what is computed row by row. There are two implementations, compiled and NumPy, which tests compare."""

from __future__ import annotations

import importlib

from gmix.model.kernel.compiled import CompiledKernel
from gmix.model.kernel.contract import CHUNK, Expect, Kernel, Parameters, RunEnd, grouped_chunk
from gmix.model.kernel.reference import ReferenceKernel

__all__ = [
    "CHUNK", "CompiledKernel", "Expect", "Kernel", "Parameters", "ReferenceKernel", "RunEnd", "grouped_chunk", "kernel",
]  # fmt: skip


def _best() -> Kernel:
    try:
        return CompiledKernel(importlib.import_module("gmix._native"))
    except ImportError:  # on a platform without a compiler, everything works, but more slowly
        return ReferenceKernel()


kernel: Kernel = _best()
