# Names that the signatures in bindings.cpp use, at the head of the generated stub.
_native.__prefix__:
    from collections.abc import Callable, Sequence
    from typing import Protocol, TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
    Rows: TypeAlias = tuple[
        NDArray[np.float32] | NDArray[np.float64], Array | None, bool, Array | None, Array | None, Array | None
    ]
    Background: TypeAlias = tuple[float, Array, Array, Array]
    Components: TypeAlias = tuple[int, Array, Array, Array, Array, float, Array | None, Background | None]
    Statistics: TypeAlias = tuple[Array, Array, Array, Array, Array, float, dict[str, Array]]
    Parameters: TypeAlias = tuple[Array, Array, Array]
    Reference: TypeAlias = tuple[Array, Array, float, Array | None]
    Judge: TypeAlias = Callable[[list[float], bool, float], int | None]
    Rule: TypeAlias = tuple[float, float | None, float, float, float, int, bool, bool, Judge | None]
    Fallback: TypeAlias = Callable[[Statistics], tuple[Array, Array, Array, bool]]
    CompiledStart: TypeAlias = tuple[
        str, int, Array, Array, Array, Array | None, Statistics | None, Fallback | None, Background | None, Array | None
    ]

    class Model(Protocol):
        def raw_components(self) -> Components: ...
        def raw_maximize(self, statistics: Statistics, /) -> tuple[Model, bool]: ...
        def raw_objective(self, statistics: Statistics, /) -> float: ...

    RunEnd: TypeAlias = tuple[int, Parameters | Model | None, Statistics | None, list[float], int, bool]

