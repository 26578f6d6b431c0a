from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_Array: TypeAlias = NDArray[np.float64]
_Rows: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
_Mixture: TypeAlias = tuple[int, _Array, _Array, _Array]
_Sums: TypeAlias = tuple[_Array, _Array, _Array, float]
_Reference: TypeAlias = tuple[_Array, _Array, float]
_Rule: TypeAlias = tuple[float, float, float, float, int, bool]

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
    form: int,
    starts: Sequence[tuple[_Array, _Array, _Array, Sequence[float], tuple[_Array, ...] | None]],
    reference: _Reference,
    heats: Sequence[tuple[_Rule, int]],
    rule: _Rule,
    patient: bool,
    coarse: bool,
    sample_weight: _Array | None = None,
    threads: int | None = None,
) -> list[tuple[object, ...]]: ...
def maximize(
    structure: str,
    form: int,
    statistics: Sequence[tuple[_Array, _Array, _Array]],
    unseen: tuple[_Array, ...] | None,
    reference: _Reference,
) -> list[tuple[_Array, _Array, _Array] | None]: ...
def count(
    form: int,
    rows: _Array,
    labels: Sequence[_Array],
    n_components: int,
    sample_weight: _Array | None = None,
) -> list[tuple[_Array, _Array, _Array]]: ...
def prepare(form: int, weights: _Array, means: _Array, covariances: _Array) -> tuple[_Array, _Array, _Array] | None: ...
def cluster(points: _Array, mass: _Array, sweeps: int, draws: _Array) -> _Array: ...
def posterior(
    rows: _Rows, mixture: _Mixture, responsibilities: bool, threads: int | None = None
) -> tuple[_Array, _Array | None]: ...
def level() -> str: ...
