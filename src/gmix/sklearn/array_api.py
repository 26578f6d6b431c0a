"""Arrays of other libraries, such as PyTorch: NumPy computes with their memory, and results come back in kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils._array_api import get_namespace_and_device  # scikit-learn's estimators decide by this

__all__ = ["as_numpy", "in_kind"]


def as_numpy(value: Any) -> Any:
    """An array of another library as a NumPy array, without a copy if it is in main memory; other values as they are.

    >>> as_numpy([1.0, 2.0])
    [1.0, 2.0]
    """
    if not _is_foreign(value):
        return value
    try:
        return np.from_dlpack(value, device="cpu")
    except (AttributeError, BufferError, NotImplementedError, RuntimeError, TypeError, ValueError):  # no DLPack 1.0
        return np.asarray(value)


def in_kind(array: np.ndarray[Any, Any], model: Any) -> Any:
    """A NumPy array in the namespace and on the device of `model`, if scikit-learn's `array_api_dispatch` is on.

    The result shares the memory of `array` if the device is the CPU. Without dispatch, it is `array` itself.
    """
    if not _is_foreign(model):
        return array
    namespace, dispatches, device = get_namespace_and_device(model)
    if not dispatches:
        return array
    array = np.ascontiguousarray(array)
    try:
        return namespace.from_dlpack(array, device=device)
    except (AttributeError, BufferError, NotImplementedError, TypeError, ValueError):  # no DLPack 1.0, or read-only
        return namespace.asarray(array, device=device)


def _is_foreign(value: Any) -> bool:
    return hasattr(value, "__dlpack__") and not isinstance(value, (np.ndarray, np.generic))
