"""A text for the methods section of a paper, with its references."""

from __future__ import annotations

import re
from collections.abc import Sequence

import gmix
from gmix.base.wording import count, listed, nats, weighted_rows
from gmix.fitting.inspection import runner_up
from gmix.fitting.result import Fit
from gmix.model.criteria import CRITERIA
from gmix.model.priors import Dirichlet, NormalInverseWishart, Prior
from gmix.model.shrinkage import Shrinkage
from gmix.model.student import AnyMixture, StudentMixture
from gmix.report.row_summary import RowSummary
from gmix.report.selection import criterion_of, tried

__all__ = ["covariance_text", "methods"]

_NAMED = 8  # columns that a sentence can name
_REFERENCES = {
    "em": "Dempster, A. P., Laird, N. M. & Rubin, D. B. (1977). Maximum likelihood from incomplete data via the EM "
    "algorithm. Journal of the Royal Statistical Society B 39, 1-38.",
    "bic": "Schwarz, G. (1978). Estimating the dimension of a model. Annals of Statistics 6, 461-464.",
    "aic": "Akaike, H. (1974). A new look at the statistical model identification. IEEE Transactions on Automatic "
    "Control 19, 716-723.",
    "aicc": "Hurvich, C. M. & Tsai, C.-L. (1989). Regression and time series model selection in small samples. "
    "Biometrika 76, 297-307.",
    "icl": "Biernacki, C., Celeux, G. & Govaert, G. (2000). Assessing a mixture model for clustering with the "
    "integrated completed likelihood. IEEE Transactions on Pattern Analysis and Machine Intelligence 22, 719-725.",
    "caic": "Bozdogan, H. (1987). Model selection and Akaike's information criterion (AIC): the general theory and its "
    "analytical extensions. Psychometrika 52, 345-370.",
    "sabic": "Sclove, S. L. (1987). Application of model-selection criteria to some problems in multivariate analysis. "
    "Psychometrika 52, 333-343.",
    "evidence": "Kass, R. E. & Raftery, A. E. (1995). Bayes factors. Journal of the American Statistical Association "
    "90, 773-795.",
    "missing": "Ghahramani, Z. & Jordan, M. I. (1994). Supervised learning from incomplete data via an EM approach. "
    "Advances in Neural Information Processing Systems 6, 120-127.",
    "errors": "Bovy, J., Hogg, D. W. & Roweis, S. T. (2011). Extreme deconvolution: inferring complete distribution "
    "functions from noisy, heterogeneous and incomplete observations. Annals of Applied Statistics 5, 1657-1677.",
    "mixtures": "McLachlan, G. & Peel, D. (2000). Finite Mixture Models. Wiley.",
    "background": "Banfield, J. D. & Raftery, A. E. (1993). Model-based Gaussian and non-Gaussian clustering. "
    "Biometrics 49, 803-821.",
    "trim": "Neykov, N., Filzmoser, P., Dimova, R. & Neytchev, P. (2007). Robust fitting of mixtures using the trimmed "
    "likelihood estimator. Computational Statistics & Data Analysis 52, 299-308.",
    "student": "Peel, D. & McLachlan, G. J. (2000). Robust mixture modelling using the t distribution. Statistics and "
    "Computing 10, 339-348.",
    "prior": "Fraley, C. & Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation and model-"
    "based clustering. Journal of Classification 24, 155-181.",
}
_PRIORS: dict[type[Prior], str] = {
    NormalInverseWishart: "a conjugate prior of means and covariances (Fraley & Raftery 2007)",
    Dirichlet: "a Dirichlet prior of the weights",
    Shrinkage: "a prior that draws covariances towards a target without correlations",
}
_CRITERIA = {
    "bic": "the Bayesian information criterion, BIC (Schwarz 1978)",
    "aic": "Akaike's information criterion, AIC (Akaike 1974)",
    "aicc": "Akaike's information criterion with its correction for few rows, AICc (Hurvich & Tsai 1989)",
    "icl": "the integrated completed likelihood in its BIC approximation, ICL (Biernacki, Celeux & Govaert 2000)",
    "caic": "the consistent Akaike information criterion, CAIC (Bozdogan 1987)",
    "sabic": "the BIC adjusted for the sample size, SABIC (Sclove 1987)",
}


def covariance_text(mixture: AnyMixture) -> str:
    """What the covariances of the components have in common, in words."""
    k = mixture.n_components
    words = mixture.structure.description(k, mixture.n_features)
    return f"{words} and equal weights" if mixture.structure.equal_weights and k > 1 else words


def methods(fit: Fit, names: Sequence[str], rows: RowSummary) -> tuple[str, list[str]]:
    """A paragraph for a paper, and the works that it cites."""
    mixture, structure, cited = fit.mixture, fit.mixture.structure, ["em"]
    variables = count(mixture.n_features, "variable")
    if 1 < len(names) <= _NAMED and mixture.features:
        variables += f" ({listed(names)})"
    observations = count(round(fit.mass / (1.0 - fit.trim)), "observation")  # rows without a value do not count
    if rows.weighted:
        observations = weighted_rows(fit.n_rows, fit.mass / (1.0 - fit.trim), weighted=True)
    estimator = "by maximum likelihood"
    if fit.prior is not None:
        kinds = {_PRIORS.get(type(term), "a user-defined prior") for term in fit.prior.terms}
        estimator = f"as the maximum of the posterior under {listed(sorted(kinds))}"
        cited += ["prior"] if _PRIORS[NormalInverseWishart] in kinds else []
    family = "Student t" if isinstance(mixture, StudentMixture) else "Gaussian"
    model = f"{structure.code}; {structure.citation}" if structure.citation else structure.code
    sentences = [
        f"A mixture of {count(mixture.n_components, f'{family} component')} with {covariance_text(mixture)} (model "
        f"{model}) was fitted to {observations} of {variables} {estimator}, with the EM algorithm "
        f"(Dempster, Laird & Rubin 1977) as implemented in gmix {gmix.__version__}."
    ]
    if isinstance(mixture, StudentMixture):
        sentences.append(_degrees_text(mixture))
        cited.append("student")
    about_rows, cited_for_rows = _kinds_of_rows(fit, rows)
    sentences += about_rows
    cited += cited_for_rows
    name = criterion_of(fit)
    if fit.comparison is not None:
        sentences.append(_choice(fit))
        cited += [name, "evidence"] if name == "bic" and runner_up(fit.comparison) is not None else [name]
    sentences.append(
        f"The log-likelihood is {nats(fit.log_likelihood)} with {count(fit.n_parameters, 'free parameter')} "
        f"({CRITERIA[name]} {nats(fit.criteria[name])})."
    )
    if mixture.n_components > 1:
        cited += [] if "mixtures" in cited else ["mixtures"]
        sentences.append(
            "Observations were assigned to the component of the greatest posterior probability (McLachlan & Peel 2000)."
        )
    # A range of pages is written with a dash.
    works = [*(_REFERENCES[key] for key in cited), *([structure.reference] if structure.reference else [])]
    return " ".join(sentences), sorted(re.sub(r"(\d)-(\d)", "\\1\N{EN DASH}\\2", work) for work in works)


def _degrees_text(mixture: StudentMixture) -> str:
    """A sentence about the degrees of freedom of Student components."""
    values = listed([f"{value:.3g}" for value in dict.fromkeys(mixture.degrees_of_freedom.tolist())])
    how = {"none": "fixed", "all": "estimated jointly for all components", "each": "estimated for each component"}
    return f"The degrees of freedom, {values}, were {how[mixture.estimated]} (Peel & McLachlan 2000)."


def _kinds_of_rows(fit: Fit, rows: RowSummary) -> tuple[list[str], list[str]]:
    """Sentences about rows with missing cells, labels, a background and trimming, and the works that they cite."""
    mixture, sentences, cited = fit.mixture, list[str](), list[str]()
    if rows.missing is not None:
        cells = f"{int(rows.missing.by_column.sum()):,} of {fit.n_rows * len(rows.missing.by_column):,}"
        sentences.append(
            f"Missing values ({cells}) were assumed to be missing at random and treated by the same algorithm "
            "(Ghahramani & Jordan 1994)."
        )
        cited.append("missing")
    if rows.errors is not None:
        sentences.append(
            "Measurement errors were assumed to be normal with known variances, and the mixture describes the true "
            "values (Bovy, Hogg & Roweis 2011)."
        )
        cited.append("errors")
    if fit.groups is not None:
        sentences.append(
            "Observations of known class were assigned to the components of their class only, and the others to any "
            "component "
            "(McLachlan & Peel 2000)."
        )
        cited.append("mixtures")
    if mixture.background is not None:
        where = "in the box of the observations" if mixture.background.density is None else "of a stated density"
        sentences.append(
            f"A uniform background {where} (Banfield & Raftery 1993) describes "
            f"{100.0 * mixture.background.weight:.1f} % of the observations."
        )
        cited.append("background")
    if fit.trim:
        sentences.append(
            f"In every iteration, the {100.0 * fit.trim:.3g} % of the observations that had the lowest density were "
            "left out (Neykov, Filzmoser, Dimova & Neytchev 2007)."
        )
        cited.append("trim")
    return sentences, cited


def _choice(fit: Fit) -> str:
    counts, codes = tried(fit)
    span = f"{counts[0]} to {counts[-1]}"
    what = []
    if len(counts) > 1:
        what.append(f"the number of components ({span})")
    if len(codes) > 1:
        what.append(f"the covariance structure ({', '.join(codes)})")
    chosen = listed(what or ["the model"])
    text = f"{chosen[:1].upper()}{chosen[1:]} {'were' if len(what) > 1 else 'was'} chosen by "
    text += _CRITERIA[criterion_of(fit)]
    assert fit.comparison is not None
    second = runner_up(fit.comparison)
    if second is not None:
        name = criterion_of(fit)
        difference = second.criteria[name] - fit.comparison.best.criteria[name]
        text += f"; the {CRITERIA[name]} of the next best model is larger by {nats(difference)}"
        text += " (Kass & Raftery 1995 interpret such differences)" if name == "bic" else ""
    return f"{text}."
