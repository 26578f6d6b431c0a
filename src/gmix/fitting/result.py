"""The result of a fit, its summary, and its model file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.atomic_write import as_path, check_ending
from gmix.base.errors import ModelFileError, ParameterError, of_kind
from gmix.base.findings import Finding, lines
from gmix.base.labels import Label
from gmix.base.other_names import OtherNames
from gmix.base.wording import count, weighted_rows
from gmix.fitting.candidates import Search
from gmix.fitting.classification import Classification, classified
from gmix.fitting.optima_text import optima_lines
from gmix.fitting.refinement.optima import Optima
from gmix.fitting.summary_text import called, component_lines
from gmix.model.criteria import criteria
from gmix.model.document import (
    mixture_document,
    mixture_from,
    prior_document,
    prior_from,
    statistics_document,
    statistics_from,
)
from gmix.model.frozen import Frozen
from gmix.model.gradient import gradient_norm
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.spread import Spread, StandardErrors
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason
from gmix.model.student import AnyMixture, StudentMixture, gaussian, normal_part
from gmix.model.variational import Posterior, posterior_document, posterior_from
from gmix.model_file import as_float, expect, read, write
from gmix.notebook import fit_html

__all__ = ["Fit", "StandardErrors", "in_independent_columns", "load"]


@dataclass(frozen=True, eq=False)
class Fit(OtherNames):
    """A fitted mixture with its statistics, its findings, and the search that chose it.

    Attributes
    ----------
    mixture : the fitted `GaussianMixture`. Its components are sorted by the first column of their means, ties by the
        next column. With a start that you gave, they keep the order of the start.
    statistics : the sufficient statistics of the rows under the mixture.
    log_prior : the log prior density of the mixture, in nats; zero without a prior.
    history : the objective (log-likelihood plus log prior) of every accepted E-step, in nats.
    reason : why EM stopped; see `gmix.Reason`.
    n_rows : the number of rows of the table.
    findings : warnings and notes about the table and the fit, warnings first; see `gmix.Finding`. ``print(fit)``,
        `summary`, the command line and the report all show this list.
    search : the candidates on all rows, one or several, with the local optima of each; None for a fit that was
        loaded or unpickled.
    prior : the prior of a MAP fit; None for maximum likelihood.
    groups : the label of each component, None for components without a label; None for a fit without labels.
    frozen : the parameters of the start that stayed as they were; None if all were free.
    trim : the share of the weight of the rows that the fit left out, that of the rows of lowest density.
    posterior : the approximate posterior of a variational fit, whose lower bound the `history` then holds; None for a
        fit of estimates.
    """

    _other_names: ClassVar[Mapping[str, str]] = {
        **{f"{name}_": f"take fit.mixture.{name}" for name in ("weights", "means", "covariances", "n_components")},
        **{
            name: f"take fit.mixture.{name}"
            for name in (
                "weights", "means", "covariances", "structure", "n_components", "n_features", "features",
                "log_density", "density", "responsibilities", "sample", "marginal", "condition", "impute",
            )
        },
        "predict_proba": "take fit.mixture.responsibilities",
        "score_samples": "take fit.mixture.log_density",
        "score": "take fit.mixture.log_density(x).mean(), or fit.log_likelihood / fit.mass for the fitted rows",
        "converged_": "take fit.converged",
        "n_iter_": "take len(fit.history) - 1",
        "lower_bound_": "take fit.log_likelihood / fit.mass",
        "fit": "call gmix.fit(x), or gmix.sklearn.GaussianMixture().fit(x)",
    }  # fmt: skip

    mixture: AnyMixture
    statistics: SufficientStatistics
    log_prior: float
    history: tuple[float, ...]
    reason: Reason
    n_rows: int
    findings: tuple[Finding, ...] = ()
    search: Search | None = None
    prior: Prior | None = None
    groups: tuple[Label | None, ...] | None = None
    frozen: Frozen | None = None
    trim: float = 0.0
    posterior: Posterior | None = None

    def __copy__(self) -> Fit:
        return self

    def __deepcopy__(self, memo: object) -> Fit:
        return self  # it does not change

    def __getstate__(self) -> dict[str, Any]:  # of a pickle: like a file, without the search, which is much larger
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"search": None}

    def gaussian(self, what: str) -> GaussianMixture:
        """The mixture, if its components are Gaussian. Raises `ParameterError` if not; `what` names what needs them."""
        return gaussian(self.mixture, what)

    @property
    def log_likelihood(self) -> float:
        """The log-likelihood of the mixture on all rows, weighted by `sample_weight`, in nats."""
        return self.statistics.log_likelihood

    @property
    def log_posterior(self) -> float:
        """The log-likelihood plus the log prior density, up to a constant of the prior's own parameters."""
        return self.log_likelihood + self.log_prior

    @property
    def n_parameters(self) -> int:
        """The number of free parameters."""
        return self.mixture.n_parameters if self.frozen is None else self.frozen.n_parameters(self.gaussian("freeze"))

    @property
    def mass(self) -> float:
        """The sum of the weights of the rows, which the criteria take for the number of observations."""
        return self.statistics.total_weight

    @property
    def bic(self) -> float:
        """``-2 log L + p log n`` with n the sum of the weights (`mass`); smaller is better. See `gmix.criteria.bic`."""
        return self.criteria["bic"]

    @property
    def aic(self) -> float:
        """``-2 log L + 2 p``; smaller is better. See `gmix.criteria.aic`."""
        return self.criteria["aic"]

    @property
    def icl(self) -> float:
        """BIC plus twice the entropy of the responsibilities; smaller is better. See `gmix.criteria.criteria`."""
        return self.criteria["icl"]

    @cached_property
    def criteria(self) -> dict[str, float]:
        """BIC, AIC, AICc, ICL, CAIC and SABIC by name; smaller is better in all. See `gmix.criteria`.

        Raises `ParameterError` for a variational fit, whose mixture does not maximize a likelihood.
        """
        self.require_estimates("criteria compare maxima of likelihoods; compare fit.posterior.lower_bound")
        return criteria(self.mixture, self.statistics, self.n_parameters)

    @property
    def converged(self) -> bool:
        return self.reason.converged

    @cached_property
    def gradient_norm(self) -> float:
        """The length of the next step of EM, which is zero at a local optimum.

        It has no units. The step would gain about half its square, in nats per row. Where components overlap strongly,
        the optimum may be many such steps away. See `gmix.model.gradient.gradient_norm` for the formula. Raises
        `ParameterError` for a variational fit.
        """
        self.require_estimates("its mixture is at no maximum of a likelihood")
        return gradient_norm(self.gaussian("gradient_norm"), self.statistics, self.prior, self.frozen)

    def require_estimates(self, why: str) -> None:
        """Raise `ParameterError`, with this reason, for a variational fit."""
        if self.posterior is not None:
            raise ParameterError(f"this fit is variational: {why}; or fit with inference='em'")

    @property
    def comparison(self) -> Search | None:
        """The search, if it compared several candidates; None if there was only one, or if the fit was loaded."""
        return self.search if self.search is not None and self.search.compares else None

    @property
    def optima(self) -> Optima | None:
        """The local optima that the trials of the search reached.

        None if there were no trials: with a start that you gave, with ``effort=0``, and for a fit that was loaded.
        """
        optima = None if self.search is None else self.search.best.optima
        return optima if optima is not None and optima.from_trials else None

    def __repr__(self) -> str:
        mixture, per_row = self.mixture, self.log_likelihood / self.mass
        ended = "converged in" if self.converged else f"{self.reason.name.lower().replace('_', ' ')} after"
        n_warnings = sum(finding.level == "warning" for finding in self.findings)
        return (
            f"Fit({mixture.structure}, {count(mixture.n_components, 'component')}, "
            f"{count(mixture.n_features, 'feature')}, log-likelihood {per_row:.6g} per row, "
            f"{ended} {count(len(self.history) - 1, 'step')}"
            + (f", {count(n_warnings, 'warning')})" if n_warnings else ")")
        )

    def __str__(self) -> str:
        return "\n".join([repr(self), *(f"  {line}" for line in lines(self.findings))])

    def _repr_html_(self) -> str:
        return fit_html(self)

    def summary(self, errors: StandardErrors | None = None) -> str:
        """Describe the fit as text: the model, its criteria, the parameters of every component, and the findings.

        If `errors` from `gmix.standard_errors` or `gmix.bootstrap` are given, they are shown below the parameters. The
        standard error of a standard deviation is that of the variance, divided by twice the standard deviation. A
        variational fit shows the standard deviations of its posterior.
        """
        if errors is not None:
            of_kind(errors, StandardErrors, "errors", "what gmix.standard_errors returned")
        mixture, spread = self.mixture, _spread(self, errors)
        text = [
            f"{called(mixture)} {mixture.structure.called}: "
            f"{count(mixture.n_components, 'component')}, {count(mixture.n_features, 'feature')}, "
            f"{weighted_rows(self.n_rows, self.mass, trim=self.trim)}",
            "",
            f"  log-likelihood  {self.log_likelihood:.4f}   ({self.log_likelihood / self.mass:.6g} per row)",
        ]
        if self.log_prior:
            text.append(f"  log posterior   {self.log_posterior:.4f}   (the prior contributed {self.log_prior:.4f})")
        if self.prior is not None:
            text.append(f"  prior           {self.prior}")
        text += _posterior_lines(self) if self.posterior is not None else _criteria_lines(self)
        text.append("")
        text += component_lines(mixture, self.groups, spread, errors)
        if self.findings:
            text += ["", *(f"  {line}" for line in lines(self.findings))]
        return "\n".join(text)

    def predict(
        self, x: Any, *, row_errors: Any = None, row_covariance: ArrayLike | None = None, threads: int | None = None
    ) -> NDArray[np.intp]:
        """The most probable component ``(N,)`` of each point, as ``mixture.predict``; -1 for the background."""
        return self.mixture.predict(x, row_errors=row_errors, row_covariance=row_covariance, threads=threads)

    def classify(self, x: Any, *, threads: int | None = None) -> Classification:
        """The most probable label of each point ``(N, D)``, with the probability of every label.

        The probability of a label is the sum of the responsibilities of its components. Raises `ParameterError` for a
        fit without labels.
        """
        if self.groups is None:
            raise ParameterError("the fit has no labels; fit with labels=, or take fit.mixture.predict")
        return classified(self.mixture.responsibilities(x, threads=threads), self.groups)

    def plot(self, points: Any = None, **options: Any) -> Any:
        """Draw the mixture, with points if given; see `gmix.plot.plot`."""
        return self.mixture.plot(points, **options)

    def report(self, path: str | PathLike[str], data: Any, **options: Any) -> None:
        """Write an HTML page about the fit and its rows, which opens offline; see `gmix.report.report`."""
        from gmix.report import report  # imported here, because gmix.report imports this module

        check_ending(as_path(path), (".html", ".htm"), "a page of HTML")
        report(self, path, data, **options)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fit without its search to a JSON file, from which `gmix.load` reads exactly the same fit.

        The name ends in ``.json``, or has no ending. The file is written completely or not at all. A structure of your
        own must be registered before the file is loaded; see `gmix.covariance.register`. Raises `ModelFileError` for
        another ending, if the file cannot be written, for a prior that is not one of gmix, and for a structure whose
        code belongs to another one.
        """
        write(_document(self), path)


def _spread(fit: Fit, errors: StandardErrors | None) -> Spread | None:
    """What a summary shows below the parameters: standard errors, or the spread of a posterior."""
    return fit.posterior.spread if errors is None and fit.posterior is not None else errors


def _criteria_lines(fit: Fit) -> list[str]:
    """The lines of a summary about a fit of estimates as a whole."""
    return [
        f"  parameters      {fit.n_parameters}",
        f"  BIC  {fit.bic:.4f}   AIC  {fit.aic:.4f}   ICL  {fit.icl:.4f}   (smaller is better)",
        f"  {fit.reason.value} ({count(len(fit.history) - 1, 'step')}{_gradient(fit)})",
        *optima_lines(fit.optima, fit.mass),
    ]


def _gradient(fit: Fit) -> str:
    """The gradient norm of a fit of Gaussian components, for the end of a list."""
    return "" if isinstance(fit.mixture, StudentMixture) else f", gradient norm {fit.gradient_norm:.1e}"


def _posterior_lines(fit: Fit) -> list[str]:
    """The lines of a summary about a variational fit as a whole."""
    assert fit.posterior is not None
    return [
        f"  lower bound     {fit.posterior.lower_bound:.4f}   (of the log evidence)",
        f"  occupied        {len(fit.posterior.occupied)} of {count(fit.mixture.n_components, 'component')}",
        f"  {fit.reason.value} ({count(len(fit.history) - 1, 'step')})",
    ]


def in_independent_columns(fit: Fit) -> Fit:
    """The fit without the columns that follow from others; the same fit if there are none."""
    return fit if fit.mixture.dependence is None else replace(fit, mixture=fit.mixture.independent_part)


def load(path: str | PathLike[str]) -> Fit:
    """Read a fit that `Fit.save` wrote.

    Loading runs no code from the file, and needs no more memory than a small multiple of the file's size. Raises
    `ModelFileError` for a file that is damaged, not a gmix model, or of a newer version, and for a folder, a device or
    a pipe.

    Returns
    -------
    The fit. Its numbers have the same bits as those that were saved; its ``search`` is None.
    """
    return read(path, _fit_from)


def _document(fit: Fit) -> dict[str, Any]:
    """The fit without its search, as a model file holds it."""
    return {
        "mixture": mixture_document(fit.mixture),
        "statistics": statistics_document(fit.statistics),
        "prior": prior_document(fit.prior),
        "log_prior": fit.log_prior,
        "history": fit.history,
        "reason": fit.reason.name,
        "n_rows": fit.n_rows,
        "findings": [[finding.name, finding.message, finding.level] for finding in fit.findings],
        **({} if fit.groups is None else {"groups": _groups_document(fit.groups)}),
        **({} if fit.frozen is None else {"frozen": fit.frozen.document()}),
        **({} if fit.posterior is None else {"posterior": posterior_document(fit.posterior)}),
        **({"trim": fit.trim} if fit.trim else {}),
    }


def _fit_from(document: dict[str, Any]) -> Fit:
    mixture = mixture_from(document["mixture"])
    statistics = statistics_from(document["statistics"], document["version"], mixture)
    history = tuple(as_float(value) for value in document["history"])
    expect(len(history) > 0, "the history is empty")
    n_rows = document["n_rows"]
    expect(type(n_rows) is int and n_rows > 0, "n_rows is not a count")
    findings = tuple(Finding(*texts) for texts in document["findings"])
    expect(all(isinstance(text, str) for f in findings for text in (f.name, f.message)), "a finding is not text")
    prior = prior_from(document["prior"]) if document["version"] > 1 else None
    if prior is not None:  # raises if the parameters of the prior do not match the mixture
        prior.log_density(mixture.weights, normal_part(mixture).components, statistics, mixture.structure)
    log_prior, reason = as_float(document["log_prior"]), Reason[document["reason"]]
    groups = None
    if "groups" in document:
        groups = tuple(document["groups"])
        expect(len(groups) == mixture.n_components, "the labels do not fit the components")
        expect(all(label is None or isinstance(label, (str, int, float)) for label in groups), "a label is not text")
    frozen = None
    if "frozen" in document:
        frozen = Frozen(**{name: tuple(components) for name, components in document["frozen"].items()})
        named = {*frozen.means, *frozen.covariances, *frozen.weights}
        expect(named <= set(range(mixture.n_components)), "a frozen component does not exist")
    trim = as_float(document.get("trim", 0.0))
    expect(0.0 <= trim < 0.5, "trim is not a share below one half")
    posterior = posterior_from(document["posterior"], normal_part(mixture)) if "posterior" in document else None
    of_run = mixture, statistics, log_prior, history, reason, n_rows, findings, None
    return Fit(*of_run, prior, groups, frozen, trim, posterior)


def _groups_document(groups: tuple[Label | None, ...]) -> list[Label | None]:
    """The labels of components, if a file can hold them. Raises `ModelFileError` if not."""
    for label in groups:
        if not (label is None or isinstance(label, (str, int, float))):
            raise ModelFileError(f"a file cannot hold the label {label!r}; label rows with text or numbers")
    return list(groups)
