from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_Array: TypeAlias = NDArray[np.float64]
_Rows: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
_Mixture: TypeAlias = tuple[int, _Array, _Array, _Array]
_Sums: TypeAlias = tuple[_Array, _Array, _Array, float]

def expect(
    rows: _Rows,
    mixtures: Sequence[_Mixture],
    sample_weight: _Array | None = None,
    threads: int | None = None,
    carry: Sequence[_Sums] | None = None,
    coarse: bool = False,
) -> list[_Sums]: ...
def climb(
    rows: _Rows | Callable[[_Mixture, bool], _Sums],
    structure: str,
    mixture: tuple[int, _Array, _Array, _Array],
    floor: _Array,
    rule: tuple[float, float, float, float, int],
    history: Sequence[float],
    coarse: bool,
    sample_weight: _Array | None = None,
    threads: int | None = None,
) -> tuple[_Array, _Array, _Array, _Array, _Array, _Array, list[float], int]: ...
def posterior(
    rows: _Rows, mixture: _Mixture, responsibilities: bool, threads: int | None = None
) -> tuple[_Array, _Array | None]: ...
def level() -> str: ...
