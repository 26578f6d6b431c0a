"""The argument `background` of a fit."""

from __future__ import annotations

import numpy as np

from gmix.base.arguments import is_number
from gmix.base.errors import ParameterError
from gmix.base.findings import Finding
from gmix.base.wording import nats
from gmix.fitting.candidates import Search
from gmix.fitting.start import GivenResponsibilities, Start
from gmix.model.background import Background
from gmix.model.covariance import DIAGONAL
from gmix.model.criteria import CRITERIA
from gmix.model.student import AnyMixture
from gmix.sources import Source

__all__ = ["background_findings", "background_of", "check_background", "comparison_finding"]

_START = 0.05  # its weight, where a start does not say more
_FEW, _MANY = 1e-3, 0.3  # shares of the rows that are findings; below the first, or below one row


def check_background(background: object, start: Start, trim: float) -> None:
    """Raise `ParameterError` unless it is a bool, ``"auto"`` or a density, and goes with the start and the trim."""
    is_density = is_number(background) and not isinstance(background, bool) and background > 0.0
    if not (isinstance(background, bool) or is_density or (isinstance(background, str) and background == "auto")):
        raise ParameterError(
            f"background is {background!r}; give True for a uniform density in the box of the rows, 'auto' to compare "
            "with none, a number above zero for a density of your own, or False"
        )
    if background is not False and trim:
        raise ParameterError("trim and background both describe rows that belong to no component; give one of them")
    if background is False and isinstance(start, GivenResponsibilities) and not start.responsibilities.any(1).all():
        raise ParameterError(
            "start holds the label -1, that of the background; give background=True too, or number the components "
            "from 0"
        )


def background_of(background: bool | float | str, source: Source) -> Background:
    """The background for the rows of a source: the stated density, or uniform in the box of the rows."""
    if not isinstance(background, (bool, str)):
        if source.missing is not None:
            raise ParameterError(
                "a background of a stated density has none for rows with missing cells; give background=True, or "
                "missing='error'"
            )
        return Background.of_density(_START, background, source.n_features)
    low, high = source.box()
    least = np.sqrt(source.reference(DIAGONAL).floor)
    return Background.around(_START, low, high, least)


def background_findings(mixture: AnyMixture, n_rows: float) -> list[Finding]:
    """What a user should know about the share of the background."""
    background = mixture.background
    if background is None:
        return []
    share = f"{100.0 * background.weight:.3g} %"
    if background.weight * n_rows < 1.0 or background.weight < _FEW:
        text = f"the background has {share} of the rows, so the fit needs none; leave it out"
        return [Finding("empty background", text, "note")]
    if background.weight > _MANY:
        text = (
            f"the background has {share} of the rows; components may be missing, or have tails heavier than a "
            "Gaussian's: compare more components"
        )
        return [Finding("large background", text, "warning")]
    return []


def comparison_finding(without: Search, within: Search) -> Finding:
    """Which of two searches, without and with a background, has the better candidate by the criterion."""
    name = CRITERIA[within.criterion]
    values = [nats(search.best.score(search.criterion)) for search in (without, within)]
    kept = "kept" if within.is_better(without) else "left out"
    text = f"{name} is {values[0]} without a background and {values[1]} with one, which is {kept}"
    return Finding("background", text, "note")
