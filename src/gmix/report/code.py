"""Code that repeats a fit, and code that states its mixture."""

from __future__ import annotations

from collections import Counter
from typing import Any

from gmix.base.wording import listed
from gmix.fitting.result import Fit
from gmix.model.background import Background
from gmix.model.student import AnyMixture, StudentMixture, normal_part
from gmix.report.selection import criterion_of, tried

__all__ = ["mixture_code", "refitting_code"]

_WIDTH = 80  # of a line
_STATED = 400  # numbers of covariances that still fit into lines of code


def refitting_code(fit: Fit, table_name: str | None, weighted: bool = False, measured: bool = False) -> str:
    """Lines of Python that fit the table again."""
    mixture = fit.mixture
    counts, codes = tried(fit)
    components = repr(counts[0] if len(counts) == 1 else counts)
    if fit.groups is not None and len(counts) == 1:
        components = repr(dict(Counter(fit.groups)))
    if len(counts) > 1 and counts == list(range(counts[0], counts[-1] + 1)):
        components = f"range({counts[0]}, {counts[-1] + 1})"
    structures = [c.structure for c in fit.comparison.candidates] if fit.comparison else [mixture.structure]
    unknown = sorted({s.with_free_weights.code for s in structures if not s.built_in})
    lines = [
        "import gmix",
        "",
        *([f"# first register {listed(unknown)} with gmix.covariance.register"] if unknown else []),
        *(["# add sample_weight=, the weights of the rows"] if weighted else []),
        *(["# add labels=, the labels of the rows"] if fit.groups is not None else []),
        *(["# add row_errors=, the standard errors of the rows"] if measured else []),
        *(["# add start= and freeze=, as in the original fit"] if fit.frozen is not None else []),
        "fit = gmix.fit(",
        f"    {table_name!r}," if table_name else "    data,",
        f"    components={components},",
        *_argument("covariance", codes[0] if len(codes) == 1 else codes),
        *([f"    criterion={criterion_of(fit)!r},"] if criterion_of(fit) != "bic" else []),
        *_family_arguments(mixture),
        *([f"    prior={' + '.join(f'gmix.{term}' for term in fit.prior.terms)},"] if fit.prior else []),
        *(_argument("columns", list(mixture.features)) if mixture.features else []),
        *(_background_argument(mixture.background)),
        *([f"    trim={fit.trim!r},"] if fit.trim else []),
        "    rng=0,",
        ")",
    ]
    return "\n".join(lines)


def mixture_code(mixture: AnyMixture) -> str:
    """Lines of Python that state a mixture; empty for one with too many parameters."""
    dense = normal_part(mixture).covariances
    if dense.size > _STATED:
        return ""
    lines = ["import gmix", "", f"mixture = gmix.{type(mixture).__name__}("]
    spread = "scales" if isinstance(mixture, StudentMixture) else "covariances"
    for name, array in (("weights", mixture.weights), ("means", mixture.means), (spread, dense)):
        lines += [f"    {name}=[", *(f"        {part}," for part in array.tolist()), "    ],"]
    if isinstance(mixture, StudentMixture):
        lines.append(f"    degrees_of_freedom={mixture.degrees_of_freedom.tolist()!r},")
    lines += [f"    structure={mixture.structure.code!r},"]
    lines += [f"    features={list(mixture.features)!r},"] if mixture.features else []
    lines += [f"    background=gmix.{mixture.background!r},"] if mixture.background is not None else []
    return "\n".join([*lines, ")"])


def _argument(name: str, value: Any) -> list[str]:
    """An argument of a call in lines; a list that is too long for one line continues below."""
    line = f"    {name}={value!r},"
    if not isinstance(value, list) or len(line) <= _WIDTH:
        return [line]
    lines = [f"    {name}=["]
    for item in (f"{item!r}," for item in value):
        if lines[-1].startswith("        ") and len(lines[-1]) + 1 + len(item) <= _WIDTH:
            lines[-1] += f" {item}"
        else:
            lines.append(f"        {item}")
    return [*lines, "    ],"]


def _family_arguments(mixture: AnyMixture) -> list[str]:
    """The lines of a call that say the family of the components; none for Gaussian ones."""
    if not isinstance(mixture, StudentMixture):
        return []
    given = {"none": repr(float(mixture.degrees_of_freedom[0])), "all": None, "each": "'each'"}[mixture.estimated]
    return ["    family='student',", *([] if given is None else [f"    degrees_of_freedom={given},"])]


def _background_argument(background: Background | None) -> list[str]:
    if background is None:
        return []
    return [f"    background={True if background.density is None else background.density!r},"]
