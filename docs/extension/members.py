"""What the page of a class in the reference lists."""

import pkgutil
import re
from pathlib import Path

INHERITING = {"gmix.GaussianMixture"}  # whose inherited members are on the page
_NOT_OURS = re.compile(r"set_\w+_request|onnx_\w+")  # added to estimators by scikit-learn, or read by skl2onnx


def skip(_app, _what, name, _object, skipped, _options):
    return True if _NOT_OURS.fullmatch(name) else skipped


def listed(reference: Path) -> list[str]:
    """The names of all objects that have a page."""
    return re.findall(r"^   (gmix\.[\w.]+)$", reference.read_text("utf-8"), re.MULTILINE)


def file_names(reference: Path) -> dict[str, str]:
    """The files of those classes whose names differ from that of a function only by case, as `Fit` and `fit` do."""
    names = listed(reference)
    return {name: f"{name}-class" for name in names if name != name.lower() and name.lower() in names}


def context(reference: Path) -> dict:
    """What the templates of the pages use, for the names that the reference lists."""
    names = listed(reference)
    return {
        "documented": {name: documented(name) for name in names if isinstance(pkgutil.resolve_name(name), type)},
        "inheriting": sorted(INHERITING),
        "enumerations": ["gmix.Reason"],
        "titles": {name: name.rsplit(".", 1)[1] if name.count(".") > 2 else name for name in names},
    }


def documented(name):
    """The properties and methods of a class that have a docstring, for the table of its page."""
    owner = pkgutil.resolve_name(name)
    classes = owner.__mro__ if name in INHERITING else [owner]
    members = {}
    for each in classes:
        if each.__module__.startswith("gmix"):
            for member, value in vars(each).items():
                if not member.startswith("_") and not _NOT_OURS.fullmatch(member):
                    members.setdefault(member, value)
    kinds = {"Properties": [], "Methods": []}
    for member, value in members.items():
        method = callable(value) or isinstance(value, (classmethod, staticmethod))
        if getattr(value, "__doc__", None) and (method or hasattr(type(value), "__get__")):
            kinds["Methods" if method else "Properties"].append(member)
    return [(title, names) for title, names in kinds.items() if names]
