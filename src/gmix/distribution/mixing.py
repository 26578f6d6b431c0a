"""Mixtures of mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.arguments import as_list, as_numbers
from gmix.base.errors import ParameterError
from gmix.base.other_names import other_words
from gmix.distribution.contract import require
from gmix.model.background import Background
from gmix.model.mixture import GaussianMixture

__all__ = ["mix"]


@other_words()
def mix(mixtures: Sequence[GaussianMixture], weights: ArrayLike) -> GaussianMixture:
    r"""The mixture of several mixtures: a draw comes from mixture m with probability :math:`\pi_m`.

    .. math:: p(x) = \sum_m \pi_m \, p_m(x)

    Its components are those of the mixtures, in the order given. Backgrounds in the same box become one.

    Parameters
    ----------
    mixtures : the mixtures, which have the same columns.
    weights : ``(M,)`` the probabilities, not negative; they are divided by their sum, which may differ from 1 by a
        thousandth.

    Raises `ParameterError` for weights that do not sum to one, mixtures of different columns, backgrounds in different
    boxes, and mixtures whose columns follow from others.

    >>> import gmix
    >>> first = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
    >>> second = gmix.GaussianMixture([0.5, 0.5], [[3.0], [5.0]], [[[1.0]], [[2.0]]])
    >>> both = gmix.mix([first, second], [0.2, 0.8])
    >>> both.weights, both.means[:, 0]
    (array([0.2, 0.4, 0.4]), array([0., 3., 5.]))
    """
    given = as_list(mixtures)
    if not given or not all(isinstance(mixture, GaussianMixture) for mixture in given):
        raise ParameterError("mixtures must be a list of GaussianMixture (of a Fit: fit.mixture); give at least one")
    shares = as_numbers(weights, "weights")
    if shares.shape != (len(given),):
        raise ParameterError(f"weights has shape {shares.shape}; give one for each of the {len(given)} mixtures")
    if not (np.isfinite(shares).all() and (shares >= 0).all() and abs(shares.sum() - 1.0) < 1e-3):
        raise ParameterError(
            f"weights {shares.tolist()} sum to {shares.sum():.6g}; give finite numbers that are not negative and "
            "sum to one"
        )
    shares = shares / shares.sum()
    features = _common_columns(given)
    background = _common_background(given, [float(share) for share in shares])
    return GaussianMixture(
        np.concatenate([share * mixture.weights for share, mixture in zip(shares, given, strict=True)]),
        np.concatenate([mixture.means for mixture in given]),
        np.concatenate([mixture.covariances for mixture in given]),
        "diag" if all(mixture.structure.form.axis_aligned for mixture in given) else "full",
        features,
        background,
    )


def _common_columns(mixtures: Sequence[GaussianMixture]) -> tuple[str, ...] | None:
    """The names of the columns. Raises `ParameterError` if the mixtures have different columns."""
    first = mixtures[0]
    named = next((mixture for mixture in mixtures if mixture.features), first)
    for m, mixture in enumerate(mixtures):
        require(mixture, "mix", no_background=False)
        if mixture.n_features != first.n_features or (mixture.features and mixture.features != named.features):
            raise ParameterError(
                f"mixture {m} has the columns {list(mixture.names)} and others have {list(named.names)}; bring them "
                "into the same columns with marginal"
            )
    return named.features


def _common_background(mixtures: Sequence[GaussianMixture], shares: Sequence[float]) -> Background | None:
    """The background of all mixtures together. Raises `ParameterError` if they have different boxes."""
    weighted = [(share, m.background) for share, m in zip(shares, mixtures, strict=True) if m.background is not None]
    if not weighted:
        return None
    first = weighted[0][1]
    for _, background in weighted:
        same = np.array_equal(background.low, first.low) and np.array_equal(background.high, first.high)
        if not same or background.density != first.density:
            raise ParameterError(
                f"the mixtures have different backgrounds, {first} and {background}; take mixture.without_background, "
                "or give them the same box"
            )
    return replace(first, weight=sum(share * background.weight for share, background in weighted))
