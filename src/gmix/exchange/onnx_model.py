"""`to_onnx`: a mixture as an ONNX model, which other programs run without Python."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from gmix.base.atomic_write import atomic_write
from gmix.base.errors import ParameterError, needing
from gmix.base.other_names import other_words
from gmix.exchange.contract import Mixture
from gmix.exchange.onnx_graph import Graph
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import FULL, TIED

__all__ = ["to_onnx"]


@other_words()
def to_onnx(model: Any, path: str | PathLike[str] | None = None, *, dtype: DTypeLike = np.float32) -> Any:
    r"""Convert a mixture, or the mixture of a fit, to an ONNX model, and write it to a file if a path is given.

    The model takes rows ``x (N, D)`` and returns

    * ``log_density (N,)``, in nats;
    * ``responsibilities (N, K)``; with a background, they sum to the probability that the row did not come from it;
    * ``label (N,)``, int64: the most probable component, counted from 0, or -1 for the background.

    It evaluates :math:`\log w_k N(x \mid \mu_k, \Sigma_k) = c_k - \frac12 |W_k (x - \mu_k)|^2` with standard operators
    of opset 18, for every covariance structure. Rows must be complete: a row with ``NaN`` has the log density and the
    responsibilities ``NaN``, and the label -1.

    Parameters
    ----------
    model : a `GaussianMixture` or a `Fit`.
    path : of the file, usually ``.onnx``; None writes none.
    dtype : float32 or float64, of the rows and of the results.

    Returns
    -------
    The ``onnx.ModelProto``. Names of features and the structure are in its metadata. Columns that follow from others
    are not used. It needs the package onnx.

    Raises `ParameterError` if float32 cannot hold a parameter.

    >>> import gmix
    >>> mixture = gmix.GaussianMixture(
    ...     [0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[1.0]]]
    ... )
    >>> [output.name for output in gmix.to_onnx(mixture).graph.output]
    ['log_density', 'responsibilities', 'label']
    """
    with needing("onnx", "to_onnx"):
        from onnx import helper

    mixture: Mixture = getattr(model, "mixture", model)
    if not hasattr(mixture, "components"):
        raise ParameterError(f"model is a {type(model).__name__}; give a GaussianMixture or a Fit")
    if mixture.components.family.has_factors:
        raise ParameterError("to_onnx needs Gaussian components, and these are Student; fit with family='gaussian'")
    graph, n_components = Graph(_number_type(dtype)), mixture.n_components
    joint = _joint(graph, mixture)
    graph.node("ReduceLogSumExp", joint, graph.integers("columns", [1]), keepdims=0, name="log_density")
    _responsibilities(graph, joint, mixture)
    _label(graph, joint, n_components)
    outputs: dict[str, Any] = {
        "log_density": (graph.dtype, ["N"]),
        "responsibilities": (graph.dtype, ["N", n_components]),
        "label": (np.int64, ["N"]),
    }
    written = graph.model("GaussianMixture", "x", mixture.n_features, outputs)
    helper.set_model_props(written, {"structure": mixture.structure.code, "features": json.dumps(mixture.names)})
    if path is not None:
        with atomic_write(path, ParameterError) as temporary:
            temporary.write_bytes(written.SerializeToString())
    return written


def _number_type(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found not in (np.float32, np.float64):
        raise ParameterError(f"dtype is {dtype!r}; give 'float32' or 'float64'")
    return found


def _joint(graph: Graph, mixture: Mixture) -> str:
    """The logarithms of weighted densities ``(N, K)``, with that of a background as one more column."""
    rows, background = "x", mixture.background
    if mixture.dependence is not None:
        rows = graph.node("Gather", rows, graph.integers("independent", mixture.dependence.independent), axis=1)
    joint = _of_components(graph, rows, mixture.components)
    if background is not None:
        joint = graph.node("Concat", joint, _of_background(graph, rows, background), axis=1)
    # A density too small for the type becomes its least number, because infinities would make the results NaN.
    vanishes = graph.node("IsInf", joint, detect_positive=0)
    return graph.node("Where", vanishes, graph.constant("least", graph.least), joint)


def _of_components(graph: Graph, rows: str, components: Components) -> str:
    """``c_k - |W_k (x - mu_k)|^2 / 2`` of each row and component, ``(N, K)``."""
    means, whitener = components.means[:, None], components.whitener
    # The difference to a mean keeps its digits in float32, also far from the origin, because it is taken in two steps.
    deviation = graph.node("Unsqueeze", rows, graph.integers("first", [0]))
    deviation = graph.node("Sub", deviation, graph.constant("means", means))
    deviation = graph.node("Sub", deviation, graph.constant("means_rounding", means - means.astype(graph.dtype)))
    if components.form in (FULL, TIED):
        whitened = graph.node("MatMul", deviation, graph.constant("whitener", whitener.mT))
    else:
        each = whitener.reshape(len(means), 1, -1)
        whitened = graph.node("Mul", deviation, graph.constant("whitener", each))
    distance = graph.node("ReduceSumSquare", whitened, graph.integers("last", [2]), keepdims=0)
    exponent = graph.node("Mul", graph.node("Transpose", distance, perm=[1, 0]), graph.constant("factor", -0.5))
    log_constants = np.maximum(components.log_constants, graph.least / 2.0)  # that of a weight of zero is not finite
    return graph.node("Add", exponent, graph.constant("log_constants", log_constants))


def _of_background(graph: Graph, rows: str, background: Background) -> str:
    """The log of the weighted density of a background ``(N, 1)``: constant in its box, the least number elsewhere."""
    with np.errstate(divide="ignore"):
        log_constant = float(np.log(background.weight) + background.log_densities.sum())
    constant = graph.constant("background", max(log_constant, graph.least))
    low, high = (np.clip(corner, graph.least, -graph.least) for corner in (background.low, background.high))
    above = graph.node("GreaterOrEqual", rows, graph.constant("low", low))
    below = graph.node("LessOrEqual", rows, graph.constant("high", high))
    inside = graph.node("Cast", graph.node("And", above, below), to=_type_code(graph.dtype))
    everywhere = graph.node("ReduceMin", inside, graph.integers("features", [1]))
    outside = graph.constant("outside", graph.least)
    return graph.node("Where", graph.node("Cast", everywhere, to=_type_code(bool)), constant, outside)


def _type_code(dtype: DTypeLike) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _responsibilities(graph: Graph, joint: str, mixture: Mixture) -> None:
    if mixture.background is None:
        graph.node("Softmax", joint, axis=1, name="responsibilities")
        return
    ends = graph.integers("begin", [0]), graph.integers("end", [mixture.n_components]), graph.integers("axis", [1])
    graph.node("Slice", graph.node("Softmax", joint, axis=1), *ends, name="responsibilities")


def _label(graph: Graph, joint: str, n_components: int) -> None:
    """The most probable column; -1 for that of the background, and for a row with NaN."""
    largest = graph.node("ArgMax", joint, axis=1, keepdims=0)
    background = graph.node("Equal", largest, graph.integers("n_components", n_components))
    unknown = graph.node("Or", background, graph.node("IsNaN", "log_density"))
    graph.node("Where", unknown, graph.integers("none", -1), largest, name="label")
