"""The state of an estimator for pickle, joblib, cloudpickle and skops: dicts, lists, numbers, texts and arrays.

gmix's own objects are taken apart, so a file names no class of gmix but the estimator's, and a reader of skops has one
type to trust. Objects that are not gmix's, such as a structure of the user's own, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

from gmix.base.errors import ModelFileError, ParameterError
from gmix.base.findings import Finding
from gmix.fitting.result import Fit
from gmix.fitting.stepwise import Average, Stepwise
from gmix.model.background import Background
from gmix.model.blur import Blur
from gmix.model.covariance import Form, Structure, form_named, structure as as_structure
from gmix.model.dependence import Dependence
from gmix.model.frozen import Frozen
from gmix.model.mixture import GaussianMixture as Mixture, unchecked_mixture, with_dependent_features
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason
from gmix.sklearn.parameters import Described

__all__ = ["assembled", "taken_apart"]

T = TypeVar("T")
_KIND = "gmix"  # the key of a dict that stands for an object of gmix; its arguments are a list or a dict


def _with_attributes(kind: type[T]) -> Callable[..., T]:
    def restored(**attributes: Any) -> T:
        made = kind.__new__(kind)
        vars(made).update(attributes)
        return made

    return restored


_BY_FIELDS = (Background, Blur, Dependence, Finding, Fit, Frozen, Reference, SufficientStatistics)
_BY_ATTRIBUTES = (Average, Stepwise)
_BY_CALL = (unchecked_mixture, with_dependent_features)
_MAKERS: dict[str, Callable[..., Any]] = {
    **{kind.__name__: kind for kind in (*_BY_FIELDS, Described)},
    **{kind.__name__: _with_attributes(kind) for kind in _BY_ATTRIBUTES},
    **{function.__name__: function for function in _BY_CALL},
    "Form": form_named,
    "Reason": Reason.__getitem__,
    "Structure": as_structure,
}


def taken_apart(value: Any) -> Any:
    """The value with dicts in place of gmix's objects; an object that occurs twice is one dict.

    A fit is kept without its search, as `gmix.Fit.save` does.
    """
    done: dict[int, tuple[Any, Any]] = {}  # by the id of an object, which is kept so that no other gets its id

    def part(value: Any) -> Any:
        if id(value) not in done:
            done[id(value)] = value, _part(value, part)
        return done[id(value)][1]

    return part(value)


def _part(value: Any, part: Callable[[Any], Any]) -> Any:
    kind = type(value)
    if kind in (list, tuple):
        return kind(map(part, value))
    if kind is dict:
        return {name: part(entry) for name, entry in value.items()}
    if isinstance(value, Mixture):
        function, parameters = value.__reduce__()
        return {_KIND: function.__name__, "arguments": [part(parameter) for parameter in parameters]}
    if (name := _name(value)) is not None:
        return {_KIND: name[0], "arguments": [name[1]]}
    if kind is Fit and value.search is not None:
        value = replace(value, search=None)
    if kind in _BY_FIELDS:
        arguments = {field.name: getattr(value, field.name) for field in fields(value)}
    elif kind in _BY_ATTRIBUTES:
        arguments = vars(value)
    elif kind is Described:
        arguments = value._asdict()
    else:
        return value
    return {_KIND: kind.__name__, "arguments": part(dict(arguments))}


def _name(value: Any) -> tuple[str, str] | None:
    """The kind and the name of an object that its name stands for; None for others."""
    if isinstance(value, (Form, Reason)):
        return ("Form" if isinstance(value, Form) else "Reason"), value.name
    if isinstance(value, Structure) and _is_known(value):
        return "Structure", value.code
    return None


def _is_known(structure: Structure) -> bool:
    """Whether the code of a structure stands for it here, and after gmix is imported again."""
    try:
        return structure.built_in and as_structure(structure.code) is structure
    except ParameterError:
        return False


def assembled(value: Any) -> Any:
    """What `taken_apart` was given. Raises `ModelFileError` for an object that this version of gmix does not know."""
    done: dict[int, Any] = {}

    def whole(value: Any) -> Any:
        if type(value) in (list, tuple):
            return type(value)(map(whole, value))
        if type(value) is not dict:
            return value
        if _KIND not in value:
            return {name: whole(entry) for name, entry in value.items()}
        if id(value) not in done:
            if (maker := _MAKERS.get(value[_KIND])) is None:
                raise ModelFileError(f"the estimator holds a {value[_KIND]}; load it with the gmix that wrote it")
            arguments = whole(value["arguments"])
            done[id(value)] = maker(**arguments) if isinstance(arguments, dict) else maker(*arguments)
        return done[id(value)]

    return whole(value)
