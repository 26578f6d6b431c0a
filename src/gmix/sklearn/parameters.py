"""The fitted parameters under scikit-learn's names, which may be set in any order, and the mixture they describe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from gmix.base.arguments import as_numbers
from gmix.base.errors import ParameterError
from gmix.base.other_names import OtherNames
from gmix.model.covariance import FULL, TIED, Form, Structure, structure as as_structure
from gmix.model.evaluation import Evaluation
from gmix.model.mixture import GaussianMixture as Mixture, compact_covariances, unchecked_mixture
from gmix.sklearn.array_api import as_numpy, in_kind

__all__ = ["Described", "FittedParameters", "inverse"]

Array = NDArray[np.float64]
_PARAMETERS = ("weights_", "means_", "covariances_", "precisions_cholesky_", "precisions_")


class Described(NamedTuple):
    """A mixture, and the state of the estimator that it was made from.

    Attributes
    ----------
    mixture : with the weights as the estimator has them, whose sum need not be one.
    covariance_type : of the estimator, as text.
    parameters : the values of the attributes then, by their names.
    """

    mixture: Mixture
    covariance_type: str
    parameters: dict[str, NDArray[Any]]

    def is_of(self, covariance_type: str, parameters: dict[str, Array]) -> bool:
        """Whether the mixture describes these parameters: none has changed since."""
        known = self.parameters
        return covariance_type == self.covariance_type and all(
            name in known and np.array_equal(known[name], value) for name, value in parameters.items()
        )


class FittedParameters(OtherNames):
    """Plain attributes, which scripts set and change in place, and the mixture that they describe when it is needed.

    As in scikit-learn, densities and predictions follow `precisions_cholesky_`, and draws follow `covariances_`. If the
    attribute is not set, the others take its place. `precisions_cholesky_` is any ``U`` with ``U U' = precision``.
    """

    covariance_type: Any
    weights_: NDArray[Any]
    means_: NDArray[Any]
    covariances_: NDArray[Any]
    precisions_: NDArray[Any]
    precisions_cholesky_: NDArray[Any]
    _described: Described | None = None  # kept, because to factor the covariances takes longer than to compare them

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            known = vars(self).get("_described")
            dependence = None if known is None else known.mixture.dependence
            if dependence is not None and name in ("precisions_", "precisions_cholesky_"):
                raise AttributeError(
                    f"there is no {name}: columns follow from others ({dependence}), so the covariances are singular; "
                    "take those of mixture_.independent_part, or leave these columns out"
                )
            return super().__getattr__(name)

    @property
    def mixture_(self) -> Mixture:
        return _normalized(self._as_mixture())

    @mixture_.setter
    def mixture_(self, mixture: Mixture) -> None:
        self._describe(mixture, np.dtype(np.float64))

    @property
    def n_components_(self) -> int:
        return len(as_numpy(self.means_))

    def _describe(self, mixture: Mixture, dtype: np.dtype[Any], rows: Any = None) -> None:
        """Set all parameters to those of a mixture, in this type and in kind with `rows`; it keeps all digits."""
        with np.errstate(over="ignore"):  # float32 may not hold the square of what it holds
            values = {name: np.asarray(value, dtype) for name, value in _attributes(mixture).items()}
        for name in _PARAMETERS:
            self.__dict__.pop(name, None)  # no precisions are left where the covariances are singular
        copies = {name: np.array(value) for name, value in values.items()}  # which may change in place
        self.__dict__.update({name: in_kind(value, rows) for name, value in copies.items()})
        self._described = Described(mixture, repr(self.covariance_type), values)

    def _precision(self, rows: Any) -> np.dtype[Any]:
        """The type of numbers about rows: float32 if rows and parameters are float32."""
        dtype = np.asarray(rows).dtype
        return np.result_type(dtype if dtype.kind == "f" else np.float64, np.asarray(as_numpy(self.means_)).dtype)

    def _evaluated(self) -> Evaluation:
        """What densities and predictions follow."""
        return self._as_mixture()

    def _as_mixture(self) -> Mixture:
        """The mixture of the parameters, with the covariances that predictions follow."""
        return self._mixture("precisions_cholesky_", "covariances_", "precisions_")

    def _sampled(self) -> Mixture:
        """The mixture that draws follow."""
        return _normalized(self._mixture("covariances_", "precisions_cholesky_", "precisions_"))

    def _mixture(self, *covariances: str) -> Mixture:
        """The mixture whose covariances are in the first of these attributes that is set."""
        check_is_fitted(self, _PARAMETERS, all_or_any=any)
        stated = next((name for name in covariances if hasattr(self, name)), "covariances_")
        if missing := [name for name in ("weights_", "means_", stated) if not hasattr(self, name)]:
            raise NotFittedError(f"{' and '.join(missing)} must be set too, or call fit")
        parameters = {name: as_numbers(as_numpy(getattr(self, name)), name) for name in ("weights_", "means_", stated)}
        known = self._described
        if known is None or not known.is_of(repr(self.covariance_type), parameters):
            mixture = self._mixture_of(stated, *parameters.values())
            self._described = known = Described(mixture, repr(self.covariance_type), parameters)
        return known.mixture

    def _mixture_of(self, stated: str, weights: Array, means: Array, values: Array) -> Mixture:
        """The mixture of these parameters. Raises `ParameterError` if they do not fit together."""
        if not ((weights >= 0).all() and 0 < weights.sum() < np.inf):  # NaN compares false
            raise ParameterError(f"weights_ is {weights.tolist()}; set finite numbers, zero or more, and not all zero")
        structure, features = self._structure(), None if self._described is None else self._described.mixture.features
        if means.ndim == 2 and features is not None and len(features) != means.shape[1]:
            features = None
        try:
            compact = values if stated == "covariances_" else _covariances(structure, means.shape, stated, values)
            checked = Mixture(weights / weights.sum(), means, compact, structure, features)
        except (ParameterError, np.linalg.LinAlgError) as error:
            raise ParameterError(
                f"weights_, means_ and {stated} are not those of a mixture with "
                f"covariance_type={self.covariance_type!r}: {error}; change them, or set mixture_ or call fit instead"
            ) from None
        return unchecked_mixture(
            weights, checked.means, compact_covariances(checked), checked.structure, checked.features
        )

    def _structure(self) -> Structure:
        """The structure of the covariances: that of the last mixture, unless `covariance_type` has changed since."""
        known = self._described
        if known is not None and known.covariance_type == repr(self.covariance_type):
            if known.mixture.background is not None:
                raise ParameterError("the background of mixture_ has no attribute here; set mixture_ to a new mixture")
            return known.mixture.structure
        try:
            return as_structure(self.covariance_type)
        except ParameterError as error:
            raise ParameterError(
                f"covariance_type={self.covariance_type!r} does not say what the covariances have in common ({error}); "
                "set covariance_type to one name"
            ) from None


def inverse(form: Form, whitener: Array) -> Array:
    """The inverses of matrices in the compact shape, from the inverses of their Cholesky factors."""
    return np.asarray(whitener.mT @ whitener if form in (FULL, TIED) else whitener**2)


def _normalized(mixture: Mixture) -> Mixture:
    """The mixture with weights that sum to one; the mixture itself if they do."""
    total, compact = float(mixture.weights.sum()), compact_covariances(mixture)
    if mixture.background is not None or abs(total - 1.0) < 1e-12:
        return mixture
    return unchecked_mixture(mixture.weights / total, mixture.means, compact, mixture.structure, mixture.features)


def _attributes(mixture: Mixture) -> dict[str, Array]:
    """The parameters of a mixture in scikit-learn's shapes; without precisions where columns follow from others."""
    found = {"weights_": mixture.weights, "means_": mixture.means}
    if mixture.dependence is not None:
        return found | {"covariances_": mixture.covariances}
    form, whitener = mixture.structure.form, mixture.components.whitener
    return found | {
        "covariances_": compact_covariances(mixture),
        "precisions_": inverse(form, whitener),
        "precisions_cholesky_": whitener.mT if form in (FULL, TIED) else whitener,
    }


def _covariances(structure: Structure, shape: tuple[int, ...], stated: str, values: Array) -> Array:
    """Compact covariances from precisions, or from their factors ``U`` with ``U U' = precision``."""
    if len(shape) != 2:
        raise ParameterError(f"means_ has shape {shape}; give one row per component and one column per feature")
    form = structure.in_columns(shape[1]).form
    if values.shape != form.shape(*shape):
        raise ParameterError(f"{stated} has shape {values.shape}; give {form.shape(*shape)}")
    with np.errstate(divide="ignore", over="ignore"):
        whole = np.asarray(np.linalg.inv(values) if form in (FULL, TIED) else 1.0 / values, np.float64)
        return whole if stated == "precisions_" else inverse(form, whole)
