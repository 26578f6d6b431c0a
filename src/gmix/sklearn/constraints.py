"""The values that parameters of an estimator may have, in scikit-learn's own terms and with its errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import (  # every estimator of scikit-learn checks its parameters by these
    Interval,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)

from gmix.base.errors import ParameterError, nearest
from gmix.model.covariance import Structure, structure as as_structure
from gmix.model.criteria import CRITERIA
from gmix.sklearn.start import INIT_PARAMS

__all__ = ["CONSTRAINTS", "WrongParameterError", "check_parameters"]

_OPTIONS = {"init_params": INIT_PARAMS, "criterion": CRITERIA}

CONSTRAINTS: dict[str, list[Any]] = {
    "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"}), "array-like"],
    "covariance_type": [str, Structure, "array-like"],
    "tol": [Interval(Real, 0.0, None, closed="left"), None],
    "reg_covar": [Interval(Real, 0.0, None, closed="left"), None],
    "max_iter": [Interval(Integral, 0, None, closed="left")],
    "n_init": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "init_params": [StrOptions(set(INIT_PARAMS))],
    "weights_init": ["array-like", None],
    "means_init": ["array-like", None],
    "precisions_init": ["array-like", None],
    "random_state": ["random_state"],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
    "verbose_interval": [Interval(Integral, 1, None, closed="left")],
    "criterion": [StrOptions(set(CRITERIA))],
    "forgetting": [Real],  # gmix.Stepwise checks its range,
}


class WrongParameterError(ParameterError, InvalidParameterError):  # type: ignore[misc]  # scikit-learn ships no types
    """A parameter of an estimator is invalid: gmix's error and scikit-learn's, a ``ValueError`` and ``TypeError``."""


def check_parameters(parameters: Mapping[str, Any], constraints: Mapping[str, list[Any]], estimator: str) -> None:
    """Raise `WrongParameterError` for the first parameter that no constraint allows, with the nearest name for text."""
    for name in constraints:
        value = parameters[name]
        try:
            validate_parameter_constraints(constraints, {name: value}, caller_name=estimator)
            if name == "covariance_type":
                _check_structures(value)
        except (InvalidParameterError, ParameterError) as error:
            near = nearest(value, _OPTIONS[name]) if isinstance(value, str) and name in _OPTIONS else ""
            raise WrongParameterError(f"{str(error).rstrip('.')}{near}") from None


def _check_structures(stated: Any) -> None:
    """Raise `ParameterError` unless each of the stated covariance types is known."""
    several = isinstance(stated, Iterable) and not isinstance(stated, str)
    for one in stated if several else [stated]:
        if not (isinstance(one, str) and one == "auto"):
            as_structure(one)
