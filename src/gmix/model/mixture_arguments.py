"""Checks and conversions of the arguments of a mixture: parameters, features, values, affine maps and points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_list, as_numbers
from gmix.base.columns import Roles
from gmix.base.errors import DataError, ParameterError, of_kind
from gmix.base.row_errors import checked_errors
from gmix.base.rows import Rows
from gmix.base.table import check_finite, choose_columns, given_errors, is_frame, read_rows
from gmix.base.wording import count
from gmix.model.background import Background, left_weight
from gmix.model.covariance import FULL, TIED, Structure, structure as as_structure

__all__ = [
    "OF_SCIKIT_LEARN",
    "affine_map",
    "checked_parameters",
    "checked_points",
    "given_values",
    "indefinite",
    "names_of_part",
    "positions_of",
]

Array = NDArray[np.float64]
OF_SCIKIT_LEARN = {  # names of scikit-learn's class, and what to do with a mixture instead
    **{f"{name}_": f"take mixture.{name}" for name in ("weights", "means", "covariances", "n_components")},
    "precisions_": "take np.linalg.inv(mixture.covariances)",
    "predict_proba": "take mixture.responsibilities(x)",
    "score_samples": "take mixture.log_density(x)",
    "score": "take mixture.log_density(x).mean()",
    "logpdf": "take mixture.log_density(x)",
    "pdf": "take mixture.density(x)",
    "fit": "call gmix.fit(x, start=mixture)",
}


def checked_parameters(
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    structure: str | Structure,
    features: Sequence[str] | None,
    background: Background | None = None,
) -> tuple[Array, Array, Array, Structure, tuple[str, ...] | None]:
    """Weights that sum to one, means, compact covariances, structure and names of a mixture.

    Raises `ParameterError` for invalid parameters. Their factorization will show whether covariances are positive
    definite.
    """
    structure = as_structure(structure)
    if background is not None:
        of_kind(background, Background, "background", "a gmix.Background, or None")
    w, mu = as_numbers(weights, "weights"), as_numbers(means, "means")
    sigma = as_numbers(covariances, "covariances")
    if mu.ndim != 2 or 0 in mu.shape:
        raise ParameterError(f"means has shape {mu.shape}; give one row per component and one column per feature")
    n_components, n_features = mu.shape
    if w.shape != (n_components,):
        raise ParameterError(
            f"weights has shape {w.shape}; means has {count(n_components, 'row')}, so give ({n_components},)"
        )
    left = left_weight(background)
    if not (np.isfinite(w).all() and (w >= 0).all() and abs(w.sum() - left) < 1e-3):
        total = "one" if background is None else f"{left:.6g}, what the background leaves"
        raise ParameterError(
            f"weights {w.tolist()} must be finite, not negative, and sum to {total}; their sum is {w.sum():.6g}"
        )
    if background is not None and background.n_features != n_features:
        raise ParameterError(
            f"the background has {count(background.n_features, 'column')} and the mixture {n_features}; give as many"
        )
    if structure.equal_weights and np.ptp(w) > 1e-6:
        raise ParameterError(
            f"weights {w.tolist()} are not equal, as {structure.code} requires; make them equal, or leave structure out"
        )
    if not np.isfinite(mu).all():
        raise ParameterError("means holds a value that is not finite; give finite numbers")
    names = None if features is None else as_list(features)
    if features is not None and not (
        names and all(isinstance(name, str) for name in names) and len(names) == len(set(names)) == n_features
    ):
        raise ParameterError(f"features {features!r} must be {count(n_features, 'different name')}")
    structure = structure.in_columns(n_features)
    compact = _compact(sigma, structure, n_components, n_features)
    return left * structure.weights(w), mu, compact, structure, None if names is None else tuple(names)


def _compact(sigma: Array, structure: Structure, n_components: int, n_features: int) -> Array:
    """Compact covariances from dense or compact ones. Raises `ParameterError` if the form cannot hold them."""
    form, square = structure.form, (n_components, n_features, n_features)
    if sigma.shape not in (square, form.shape(n_components, n_features)):
        raise ParameterError(
            f"covariances has shape {sigma.shape}; give {square}"
            + ("" if form is FULL else f" or, for {structure.name}, {form.shape(n_components, n_features)}")
        )
    if not np.isfinite(sigma).all():
        raise ParameterError("covariances holds a value that is not finite; give finite numbers")
    if sigma.shape != square and form is not TIED:
        return sigma  # not expanded to matrices, which may take thousands of times the memory
    deviation = np.sqrt(np.abs(np.diagonal(sigma, axis1=-2, axis2=-1)))
    rounding = 1e-6 * deviation[..., :, None] * deviation[..., None, :]  # each entry in its own units
    if (np.abs(sigma - sigma.mT) > rounding).any():
        *k, i, j = (int(at) for at in np.argwhere(np.abs(sigma - sigma.mT) > rounding)[0])
        entries = f"entry ({i}, {j}) is {sigma[*k, i, j]:.6g} and entry ({j}, {i}) is {sigma[*k, j, i]:.6g}"
        raise ParameterError(
            "covariances holds a matrix that is not symmetric"
            + (f", that of component {k[0]}" if k else "")
            + f": {entries}; give symmetric matrices"
        )
    symmetric = sigma + (sigma.mT - sigma) / 2.0
    if sigma.shape != square:
        return symmetric
    compact = form.compress(symmetric)
    if (np.abs(form.dense(compact, n_components, n_features) - sigma) > rounding).any():
        raise ParameterError(f"covariances are not {structure.name}; leave structure out, or change them")
    return compact


def indefinite(compact: Array, structure: Structure, n_components: int, n_features: int) -> str:
    """What to say of covariances that cannot be factored: the first component, and its smallest eigenvalue."""
    dense = structure.form.dense(compact, n_components, n_features)
    for k, covariance in enumerate(dense):
        try:
            FULL.factor(covariance)
        except np.linalg.LinAlgError:
            scale = np.sqrt(np.abs(np.diagonal(covariance)))
            scale = np.where(scale > 0.0, scale, 1.0)
            smallest = np.linalg.eigvalsh(covariance / scale[:, None] / scale)[0]
            return (
                f"covariances holds a matrix that is not positive definite, that of component {k}: in units of the "
                f"standard deviations, its smallest eigenvalue is {smallest:.3g}; replace it"
            )
    return "covariances holds a matrix that is not positive definite; replace it"


def positions_of(features: str | int | Sequence[str | int], names: tuple[str, ...]) -> list[int]:
    """The positions of one or more different features, given by name or position. Raises `ParameterError`."""
    wanted = [features] if isinstance(features, (str, int, np.integer)) else as_list(features) or []
    if not wanted:
        raise ParameterError(f"{features!r} names no feature; give one or more, by name or position")
    positions = [int(f) if isinstance(f, (int, np.integer)) else choose_columns(list(names), [f])[0] for f in wanted]
    for feature, position in zip(wanted, positions, strict=True):
        if not 0 <= position < len(names):
            last = f" to {len(names) - 1}" if len(names) > 1 else ""
            raise ParameterError(
                f"there is no feature {feature}; the features are {list(names)}, at the positions 0{last}"
            )
        if positions.count(position) > 1:
            raise ParameterError(f"{wanted!r} names the feature {names[position]!r} more than once; name each once")
    return positions


def names_of_part(
    part: Sequence[int], wanted: Any, features: tuple[str, ...] | None, names: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The names for a mixture of some of the `features`; None if these have no names.

    If a caller named features without names, such as x2, the names stay; otherwise x2 alone would be called x1.
    """
    by_name = isinstance(wanted, str) or any(isinstance(feature, str) for feature in as_list(wanted) or [])
    return tuple(names[i] for i in part) if features or by_name else None


def given_values(
    values: Mapping[str, float] | Mapping[int, float] | Mapping[str | int, float],
) -> tuple[list[str | int], Array]:
    """The features and their values. Raises `ParameterError` unless each feature has one number."""
    try:
        values = dict(values)
    except (TypeError, ValueError):
        raise ParameterError(f"condition takes a value for each feature, {{feature: value}}, not {values!r}") from None
    point = as_numbers(list(values.values()), "the given values")
    if point.ndim > 1:
        raise ParameterError(f"the given values {list(values.values())} must be one number each")
    for feature, value in zip(values, point, strict=True):
        if not np.isfinite(value):
            what = "NaN" if np.isnan(value) else "infinite"
            raise DataError(f"the value of {feature!r} is {what}; give a number, or leave the feature out")
    return list(values), point


def affine_map(matrix: ArrayLike, offset: ArrayLike, n_features: int) -> tuple[Array, Array]:
    """The matrix and offset of an affine map. Raises `ParameterError` for shapes that do not fit."""
    a, b = as_numbers(matrix, "matrix"), as_numbers(offset, "offset")
    if a.ndim != 2 or a.shape[1] != n_features:
        raise ParameterError(f"matrix has shape {a.shape}; give {count(n_features, 'column')}, one for each feature")
    if b.shape not in ((), a.shape[:1]):
        raise ParameterError(
            f"offset has shape {b.shape}; the matrix has {count(a.shape[0], 'row')}, so give ({a.shape[0]},)"
        )
    return a, b


def checked_points(
    points: Any,
    features: tuple[str, ...] | None,
    n_features: int,
    row_errors: Any = None,
    row_covariance: ArrayLike | None = None,
) -> Rows:
    """Points ``(N, D)`` as rows; NaN is a missing cell. `Rows` are returned as they are.

    Raises `DataError` if a number is infinite, and for errors that cannot be used.
    """
    if isinstance(points, Rows):
        return points
    roles = Roles.of(list(features) if features and is_frame(points) else None, None, None, row_errors)
    table = read_rows(points, roles)
    rows, names = table.array, table.names
    if rows.shape[1] != n_features:
        divides = rows.shape[1] == np.ndim(points) == 1 and len(rows) % n_features == 0
        raise DataError(
            f"the points have {count(rows.shape[1], 'column')} and the mixture has {count(n_features, 'feature')}"
            + (f" {list(features)}" if features else "")
            + "; one point is written [[...]]"
            + (f", and np.reshape(points, (-1, {n_features})) makes rows of this length" if divides else "")
        )
    errors = given_errors(points, table, row_errors, row_covariance)
    found = Rows(rows, errors=errors, incomplete=check_finite(rows, names, missing=True))
    if errors is not None:
        checked_errors(found, names)
    return found
