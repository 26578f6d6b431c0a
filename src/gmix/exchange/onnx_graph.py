"""A graph of standard ONNX operators, built node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from gmix.base.errors import ParameterError

__all__ = ["Graph"]

_OPSET, _IR_VERSION = 18, 8  # of ONNX 1.13, which onnxruntime 1.14 and newer run


class Graph:
    """Nodes and constants, whose numbers have one type; a node or constant is known by the name of its value."""

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.least = float(np.finfo(self.dtype).min)
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def node(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add an operator with one output, and return the name of its value."""
        from onnx import helper

        name = name or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: ArrayLike) -> str:
        """Add an array of numbers. Raises `ParameterError` if the type of the graph cannot hold them."""
        with np.errstate(over="ignore"):
            array = np.asarray(values, self.dtype)
        if not np.isfinite(array).all():
            raise ParameterError(f"{self.dtype} cannot hold the parameters of this mixture; give dtype='float64'")
        return self._constant(name, array)

    def integers(self, name: str, values: int | Sequence[int]) -> str:
        """Add whole numbers: axes, indices or labels."""
        return self._constant(name, np.asarray(values, np.int64))

    def _constant(self, name: str, array: Any) -> str:
        from onnx import numpy_helper

        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
        return name

    def model(self, name: str, x: str, n_features: int, outputs: dict[str, tuple[Any, Sequence[int | str]]]) -> Any:
        """The checked ``onnx.ModelProto`` with input ``x (N, D)``, and outputs of these types and shapes."""
        from onnx import checker, helper

        def value(name: str, dtype: DTypeLike, shape: Sequence[int | str]) -> Any:
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)

        graph = helper.make_graph(
            self._nodes,
            name,
            [value(x, self.dtype, ["N", n_features])],
            [value(output, dtype, shape) for output, (dtype, shape) in outputs.items()],
            list(self._constants.values()),
        )
        opset = helper.make_opsetid("", _OPSET)
        model = helper.make_model(graph, producer_name="gmix", opset_imports=[opset], ir_version=_IR_VERSION)
        checker.check_model(model, full_check=True)
        return model
