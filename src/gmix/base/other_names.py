"""Names that other libraries use for what gmix has under another name: an error says which."""

from __future__ import annotations

import functools
import inspect
import reprlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

from gmix.base.errors import nearest
from gmix.base.wording import listed

__all__ = ["OtherNames", "other_words"]

P = ParamSpec("P")
R = TypeVar("R")

# What many libraries call by these names, for functions that have the argument.
_WORDS = {
    "random_state": "rng={}", "seed": "rng={}", "n_jobs": "threads={}", "weights": "sample_weight={}",
    "verbose": "progress=, a function or False",
}  # fmt: skip
_SHOWN = 9  # arguments that an error lists


class OtherNames:
    """A base class whose ``AttributeError`` says where to find what another library calls by this name."""

    _other_names: ClassVar[Mapping[str, str]] = {}  # what to do instead, by the name in the other library

    if not TYPE_CHECKING:  # a type checker would take every name for an attribute

        def __getattr__(self, name: str) -> Any:
            if name in self._other_names:
                raise AttributeError(f"a {type(self).__name__} has no {name!r}; {self._other_names[name]}")
            return object.__getattribute__(self, name)  # raises the error that came first, with its own message


def other_words(
    words: Mapping[str, str] | None = None, otherwise: str = ""
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function: its ``TypeError`` for an unknown argument says which argument is meant.

    `words` gives, for an argument of another library, what to write instead; ``{}`` stands for the value, and in
    `otherwise`, which is for all other arguments, ``{word}`` for the argument.

    >>> @other_words({"n_components": "components={}"})
    ... def fit(components): ...
    >>> fit(n_components=3)
    Traceback (most recent call last):
    TypeError: fit has no argument 'n_components'; give components=3
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        known = [name for name in inspect.signature(function).parameters if name != "self"]
        meanings = {word: meant for word, meant in _WORDS.items() if meant.partition("=")[0] in known} | dict(
            words or {}
        )
        arguments_are = f"; its arguments are {listed(known, _SHOWN)}"

        @functools.wraps(function)
        def checked(*arguments: P.args, **options: P.kwargs) -> R:
            for word, value in options.items():
                if word not in known:
                    other = f"; give {otherwise}".replace("{word}", repr(word)) if otherwise else arguments_are
                    meant = f"; give {meanings[word]}" if word in meanings else nearest(word, known) or other
                    name = function.__qualname__
                    called = name.removesuffix(".__init__") if name.endswith(".__init__") else function.__name__
                    raise TypeError(f"{called} has no argument {word!r}{meant}".replace("{}", reprlib.repr(value)))
            return function(*arguments, **options)

        return checked

    return decorate
