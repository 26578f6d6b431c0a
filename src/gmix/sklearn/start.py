"""The start of an estimator: `init_params`, `weights_init`, `means_init` and `precisions_init`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans, kmeans_plusplus

from gmix.base.arguments import as_numbers
from gmix.base.errors import ParameterError
from gmix.fitting.start import Start, StartingMixtures
from gmix.model.covariance import FULL, TIED, Form, Structure
from gmix.model.mixture import GaussianMixture as Mixture, compact_covariances
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.sklearn.array_api import as_numpy
from gmix.sklearn.parameters import inverse
from gmix.sources import MemorySource, Source

__all__ = ["INIT_PARAMS", "InitParameters", "StatedStart", "assigned_statistics", "given_parameters"]

Array = NDArray[np.float64]
INIT_PARAMS = ("kmeans", "k-means++", "random", "random_from_data")


class Assignment(Protocol):
    """The parameters of an estimator that say how rows are first assigned to components."""

    n_components: int
    init_params: str


class InitParameters(Assignment, Protocol):
    """The parameters of an estimator that say where EM starts."""

    covariance_type: str
    n_init: int
    weights_init: ArrayLike | None
    means_init: ArrayLike | None
    precisions_init: ArrayLike | None


@dataclass(frozen=True, eq=False)
class StatedStart(Start):
    """The mixtures that an estimator starts from: `n_init` of them, or one where all its parameters are given."""

    parameters: InitParameters
    state: np.random.RandomState

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        assert isinstance(source, MemorySource)
        return partial(self._mixtures, source, prior)

    def _mixtures(
        self, source: MemorySource, prior: Prior | None, n_components: int, structure: Structure
    ) -> list[Mixture]:
        given = given_parameters(self.parameters, structure, (n_components, source.n_features))
        if given.complete:
            return [given.mixture(structure, None, source.features)]
        return [
            given.mixture(
                structure,
                Mixture.from_statistics(
                    assigned_statistics(self.parameters, source, structure.form, self.state), structure, prior
                ),
                source.features,
            )
            for _ in range(self.parameters.n_init)
        ]


def assigned_statistics(
    parameters: Assignment, source: MemorySource, form: Form, state: np.random.RandomState
) -> SufficientStatistics:
    """The statistics of rows that `init_params` assigns to the components."""
    rows, weight = source.points, source.weight
    method, k = parameters.init_params, parameters.n_components
    if method == "random":
        responsibilities = state.uniform(size=(len(rows), k))
        responsibilities /= responsibilities.sum(1, keepdims=True)
    elif method in ("k-means++", "random_from_data"):
        if method == "k-means++":
            _, chosen = kmeans_plusplus(rows, k, sample_weight=weight, random_state=state)
        else:
            probability = None if weight is None else weight / weight.sum()
            chosen = state.choice(len(rows), size=k, replace=False, p=probability)
        rows, weight, responsibilities = rows[chosen], None, np.eye(k)
    else:
        k_means = KMeans(k, n_init=1, random_state=state).fit(rows, sample_weight=weight)
        responsibilities = np.eye(k)[k_means.labels_]
    return SufficientStatistics.from_responsibilities(form, rows, responsibilities, weight)


class GivenParameters(NamedTuple):
    """The parameters of the start that the user gives; None for those that are drawn."""

    weights: Array | None
    means: Array | None
    covariances: Array | None

    @property
    def complete(self) -> bool:
        return all(value is not None for value in self)

    def mixture(self, structure: Structure, drawn: Mixture | None, features: tuple[str, ...] | None) -> Mixture:
        """The mixture of these parameters, with those of `drawn` in place of the others."""
        weights, means, covariances = self
        if drawn is not None:
            weights = drawn.weights if weights is None else weights
            means = drawn.means if means is None else means
            covariances = compact_covariances(drawn) if covariances is None else covariances
        assert weights is not None
        assert means is not None
        assert covariances is not None
        return Mixture(weights, means, covariances, structure, features)


def given_parameters(parameters: InitParameters, structure: Structure, shape: tuple[int, int]) -> GivenParameters:
    """`weights_init`, `means_init` and `precisions_init`. Raises `ParameterError` for other shapes than ``(K, D)``."""

    def given(name: str, shape: tuple[int, ...]) -> Array | None:
        if (value := getattr(parameters, name)) is None:
            return None
        array = as_numbers(as_numpy(value), name)
        if array.shape != shape:
            raise ParameterError(f"{name} has shape {array.shape}; with {parameters.covariance_type} give {shape}")
        return array

    weights, means = given("weights_init", shape[:1]), given("means_init", shape)
    precisions = given("precisions_init", structure.form.shape(*shape))
    return GivenParameters(weights, means, None if precisions is None else _covariances(structure.form, precisions))


def _covariances(form: Form, precisions: Array) -> Array:
    """Covariances from precisions. Raises `ParameterError` where these are not positive definite."""
    if form in (FULL, TIED) and not np.allclose(precisions, precisions.mT):
        raise ParameterError("precisions_init holds a matrix that is not symmetric")
    try:
        return inverse(form, form.whitener(form.factor(precisions)))
    except np.linalg.LinAlgError:
        raise ParameterError("precisions_init must be positive, its matrices positive definite") from None
