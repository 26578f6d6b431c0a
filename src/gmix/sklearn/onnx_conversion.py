"""The methods by which skl2onnx converts an estimator, alone or in a pipeline."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gmix.sklearn.parameters import FittedParameters

__all__ = ["ConvertedBySkl2onnx"]


class ConvertedBySkl2onnx(FittedParameters):
    """What skl2onnx calls: it converts scikit-learn's own class, with the parameters of the estimator, in its place.

    Nothing has to be registered first: the estimator's class is registered by its first conversion, and only so that
    skl2onnx knows the option `score_samples`.
    """

    @abstractmethod
    def _as_scikit_learn(self) -> Any:
        """A fitted estimator of scikit-learn's class with the same parameters."""

    def onnx_parser(self) -> Callable[..., list[Any]]:
        """For skl2onnx: what declares the outputs."""
        from skl2onnx import update_registered_converter

        options = {"score_samples": [True, False]}
        update_registered_converter(type(self), f"Gmix{type(self).__name__}", _shapes, _converter, options=options)
        return self._outputs

    def onnx_shape_calculator(self) -> Callable[[Any], None]:
        """For skl2onnx: what sets the shapes of the outputs."""
        return _shapes

    def onnx_converter(self) -> Callable[[Any, Any, Any], None]:
        """For skl2onnx: what adds the nodes."""
        return _converter

    def _outputs(self, scope: Any, inputs: list[Any]) -> list[Any]:
        from skl2onnx.common.data_types import Int64TensorType, guess_tensor_type

        numbers = guess_tensor_type(inputs[0].type)
        scores = ["score_samples"] if scope.get_options(self, {"score_samples": False})["score_samples"] else []
        found = [scope.declare_local_variable("label", Int64TensorType())]
        return found + [scope.declare_local_variable(name, numbers) for name in ("probabilities", *scores)]


@contextmanager
def _scikit_learn_in_place(operator: Any) -> Iterator[Any]:
    """A context in which an operator of skl2onnx holds scikit-learn's class in place of the estimator."""
    estimator = operator.raw_operator
    operator.raw_operator = estimator._as_scikit_learn()  # noqa: SLF001
    try:
        yield operator.raw_operator
    finally:
        operator.raw_operator = estimator


def _shapes(operator: Any) -> None:
    from skl2onnx.shape_calculators.mixture import calculate_gaussian_mixture_output_shapes

    with _scikit_learn_in_place(operator):
        calculate_gaussian_mixture_output_shapes(operator)


def _converter(scope: Any, operator: Any, container: Any) -> None:
    from skl2onnx.operator_converters.gaussian_mixture import convert_sklearn_gaussian_mixture

    options = container.get_options(operator.raw_operator, {"score_samples": False})
    with _scikit_learn_in_place(operator) as estimator:
        container.options = {**(container.options or {}), id(estimator): options}
        convert_sklearn_gaussian_mixture(scope, operator, container)
