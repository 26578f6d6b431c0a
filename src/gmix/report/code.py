"""Code that repeats a fit and states its mixture."""

from __future__ import annotations

from collections import Counter

from gmix.base.wording import listed
from gmix.fitting.result import Fit
from gmix.model.background import Background
from gmix.report.selection import criterion_of, tried

__all__ = ["refitting_code"]

_STATED = 400  # numbers of covariances that still fit into lines of code


def refitting_code(fit: Fit, table_name: str | None, weighted: bool = False, measured: bool = False) -> str:
    """Lines of Python that fit the table again, and that state the mixture of this report."""
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
        *([f"# first make {listed(unknown)} known, with gmix.covariance.register"] if unknown else []),
        *(["# give sample_weight= the weights of the rows"] if weighted else []),
        *(["# give labels= the labels of the rows"] if fit.groups is not None else []),
        *(["# give row_errors= the errors of the rows"] if measured else []),
        *(["# give start= and freeze= as before"] if fit.frozen is not None else []),
        "fit = gmix.fit(",
        f"    {table_name!r}," if table_name else "    data,",
        f"    components={components},",
        f"    covariance={(codes[0] if len(codes) == 1 else codes)!r},",
        *([f"    criterion={criterion_of(fit)!r},"] if criterion_of(fit) != "bic" else []),
        *([f"    prior={' + '.join(f'gmix.{term}' for term in fit.prior.terms)},"] if fit.prior else []),
        *([f"    columns={list(mixture.features)!r},"] if mixture.features else []),
        *(_background_argument(mixture.background)),
        *([f"    trim={fit.trim!r},"] if fit.trim else []),
        "    rng=0,",
        ")",
    ]
    dense = mixture.covariances
    if dense.size <= _STATED:
        lines += ["", "# the very mixture of this report", "mixture = gmix.GaussianMixture("]
        for name, array in (("weights", mixture.weights), ("means", mixture.means), ("covariances", dense)):
            lines += [f"    {name}=[", *(f"        {part}," for part in array.tolist()), "    ],"]
        lines += [f"    structure={mixture.structure.code!r},"]
        lines += [f"    features={list(mixture.features)!r},"] if mixture.features else []
        lines += [f"    background=gmix.{mixture.background!r},"] if mixture.background is not None else []
        lines += [")"]
    return "\n".join(lines)


def _background_argument(background: Background | None) -> list[str]:
    if background is None:
        return []
    return [f"    background={True if background.density is None else background.density!r},"]
