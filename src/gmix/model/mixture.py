"""The value that gmix is about: a sum of Gaussians, to evaluate, sample, condition and draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix import plot
from gmix.base.arguments import Rng, as_generator, as_list, as_numbers, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError, of_kind
from gmix.base.rows import Rows
from gmix.base.table import as_points, check_finite, choose_columns
from gmix.base.wording import count
from gmix.model.components import Components
from gmix.model.covariance import FULL, TIED, VVV, Structure, structure as as_structure
from gmix.model.dependence import Dependence, independent_columns
from gmix.model.kernel import kernel
from gmix.model.priors import Prior, as_prior
from gmix.model.statistics import SufficientStatistics
from gmix.model.univariate import Univariate

__all__ = ["GaussianMixture"]

Array = NDArray[np.float64]
_SHADOW = 1e-12  # of all rows; the weight with which an empty component speaks
_NOTHING = 1e-12  # of the largest coefficient; a smaller one is rounding
_BLOCK = 65_536  # rows classified together, so that the posterior of all rows is never held at once


class GaussianMixture:
    r"""An immutable distribution: a weighted sum of K Gaussians in D dimensions.

    .. math:: p(x) = \sum_{k=1}^K w_k \, N(x \mid \mu_k, \Sigma_k)

    Parameters
    ----------
    weights : ``(K,)`` not negative; they are divided by their sum, which must be 1 to within rounding of a thousandth.
    means : ``(K, D)``, in the units of the data.
    covariances : ``(K, D, D)``, symmetric and positive definite; or in the compact shape of the structure's form.
    structure : what the covariances have in common; a `Structure`, its code or its name.
    features : the names of the D columns.

    Where columns of a table follow from others, as a constant does or the same temperature in another unit, a search
    fits the independent columns alone, and the mixture that it returns carries the others along (`dependence`): means,
    covariances, samples, marginals and conditionals have all columns, and densities are those of the independent ones.

    Raises `ParameterError` for parameters that are not those of a mixture.

    >>> import gmix
    >>> mixture = gmix.GaussianMixture([0.4, 0.6], [[-1.0, -1.0], [1.0, 2.0]], [np.eye(2), 2 * np.eye(2)])
    >>> mixture
    GaussianMixture(VVV, 2 components, 2 features)
    >>> mixture.log_density([[0.0, 0.0]]).round(3)
    array([-3.294])
    """

    weights: Array
    means: Array
    structure: Structure
    features: tuple[str, ...] | None
    dependence: Dependence | None
    _compact: Array

    @one_blas_thread()
    def __init__(
        self,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        structure: str | Structure = VVV,
        features: Sequence[str] | None = None,
    ) -> None:
        structure = as_structure(structure)
        w, mu = as_numbers(weights, "weights"), as_numbers(means, "means")
        sigma = as_numbers(covariances, "covariances")
        if mu.ndim != 2 or 0 in mu.shape:
            raise ParameterError(
                f"means has shape {mu.shape}; give one row a component and one column a feature, (K, D)"
            )
        n_components, n_features = mu.shape
        if w.shape != (n_components,):
            raise ParameterError(
                f"weights has shape {w.shape}; means has {n_components} rows, so give ({n_components},)"
            )
        if not (np.isfinite(w).all() and (w >= 0).all() and abs(w.sum() - 1.0) < 1e-3):
            raise ParameterError(f"weights {w.tolist()} must be finite, not negative, and sum to one")
        if structure.equal_weights and np.ptp(w) > 1e-6:
            raise ParameterError(
                f"weights {w.tolist()} are not equal, as {structure.code} has them; leave structure out"
            )
        if not np.isfinite(mu).all():
            raise ParameterError("means holds a value that is not finite")
        names = None if features is None else as_list(features)
        if features is not None and not (
            names and all(isinstance(name, str) for name in names) and len(names) == len(set(names)) == n_features
        ):
            raise ParameterError(f"features {features!r} must be {n_features} different names")
        structure = structure.in_columns(n_features)
        compact = _compact(sigma, structure, n_components, n_features)
        _freeze(self, structure.weights(w), mu, compact, structure, None if names is None else tuple(names))
        try:
            self.components  # noqa: B018  (computed and kept; an indefinite covariance shows itself here)
        except np.linalg.LinAlgError:
            raise ParameterError("covariances holds a matrix that is not positive definite") from None

    @classmethod
    def unchecked(
        cls, weights: Array, means: Array, compact: Array, structure: Structure, features: tuple[str, ...] | None
    ) -> GaussianMixture:
        """A mixture of parameters that are known to be sound."""
        mixture = cls.__new__(cls)
        _freeze(mixture, weights, means, compact, structure, features)
        return mixture

    @classmethod
    @one_blas_thread()
    def from_statistics(
        cls,
        statistics: SufficientStatistics,
        structure: str | Structure,
        prior: Prior | None = None,
        features: tuple[str, ...] | None = None,
    ) -> GaussianMixture:
        """The M-step: the mixture of greatest expected likelihood, or posterior density, given the statistics.

        No covariance falls below the floor of the `reference` of the statistics. For the structures that are
        read by one division, and for those with one covariance, it is still the maximum under that constraint,
        so EM stays monotone. For the others, where a covariance stands on the floor, it is positive definite
        and near the maximum, and what the structure makes equal may differ by what the floor added.
        """
        structure, prior = as_structure(structure), as_prior(prior)
        of_kind(statistics, SufficientStatistics, "statistics", "what gmix.expect returned, added up")
        structure = structure.in_columns(statistics.n_features)
        if statistics.form is not structure.form:
            raise ParameterError(f"{structure.code} reads {structure.form} scatter, not {statistics.form}")
        if not statistics.n_rows > 0:
            raise ParameterError("these statistics are of no rows at all; add some that have rows")
        return cls.from_each([statistics], structure, prior, features)[0]

    @classmethod
    def from_each(
        cls,
        every: Sequence[SufficientStatistics],
        structure: Structure,
        prior: Prior | None,
        features: tuple[str, ...] | None,
    ) -> list[GaussianMixture]:
        """`from_statistics` of each of several statistics of the same rows, of the structure's form and not empty."""
        if prior is not None and not prior.constant and len(every) > 1:
            return [cls.from_statistics(statistics, structure, prior, features) for statistics in every]
        term = prior.term(every[0], structure) if prior is not None and every else None
        direct = structure.direct and structure.compiled_for(every[0].n_features if every else 1)
        compiled = kernel.maximize(every, structure, term) if direct else [None] * len(every)
        return [
            cls._read(statistics, structure, term, features)
            if found is None
            else cls.unchecked(*found, structure, features)
            for statistics, found in zip(every, compiled, strict=True)
        ]

    @classmethod
    def _read(
        cls,
        statistics: SufficientStatistics,
        structure: Structure,
        prior: SufficientStatistics | None,
        features: tuple[str, ...] | None,
    ) -> GaussianMixture:
        """The plain M-step, with what a prior adds."""
        reference = statistics.reference
        total = statistics if prior is None else statistics + prior
        scatter, divisor = total.scatter, total.divisor
        empty = ~(divisor > np.finfo(np.float64).tiny)
        if empty.any() and not structure.shared:
            # Components without rows keep their place with the covariance of all rows, of which they count for so
            # little that nothing changes for components that have something in common with them.
            shadow = _SHADOW * reference.scatter
            scatter = np.where(empty.reshape(-1, *(1,) * (scatter.ndim - 1)), shadow, scatter)
            divisor = np.where(empty, _SHADOW * reference.n_rows, divisor)
        if not (structure.direct or structure.shared):
            # A component without width would make its shape infinite, or the volumes that depend on it zero.
            each = divisor.reshape(-1, *(1,) * (scatter.ndim - 1))
            scatter = each * structure.form.lift(scatter / each, reference.floor)
        compact = structure.covariances(scatter, divisor, statistics.n_features)
        compact = structure.form.lift(compact, reference.floor)
        return cls.unchecked(structure.weights(total.counts), total.mean.copy(), compact, structure, features)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a mixture does not change; make another one instead of setting {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a mixture does not change; {name!r} cannot be deleted")

    def __repr__(self) -> str:
        components, features = count(self.n_components, "component"), count(self.n_features, "feature")
        return f"GaussianMixture({self.structure}, {components}, {features})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.dependence is not None:
            return GaussianMixture.carrying, (self.independent_part, self.dependence, self.features)
        arrays = (self.weights.copy(), self.means.copy(), self._compact.copy())
        return GaussianMixture.unchecked, (*arrays, self.structure, self.features)

    def carrying(self, dependence: Dependence, features: tuple[str, ...] | None) -> GaussianMixture:
        """The distribution of all columns ``(D,)`` that follow from the features of this mixture."""
        mixture = self.unchecked(self.weights, dependence.expand(self.means), self._compact, self.structure, features)
        mixture.__dict__.update(dependence=dependence)
        return mixture

    @cached_property
    def independent_part(self) -> GaussianMixture:
        """The distribution of the columns that the others follow from; the mixture itself, where none do."""
        if self.dependence is None:
            return self
        chosen = list(self.dependence.independent)
        names = tuple(self.names[j] for j in chosen)
        return self.unchecked(self.weights, self.means[:, chosen], self._compact, self.structure, names)

    @property
    def n_components(self) -> int:
        return len(self.means)

    @property
    def n_features(self) -> int:
        return int(self.means.shape[1])

    @property
    def names(self) -> tuple[str, ...]:
        """What the features are called: ``x1``, ``x2`` and so on where they have no names."""
        return self.features or tuple(f"x{d + 1}" for d in range(self.n_features))

    @property
    def n_parameters(self) -> int:
        """Free parameters: weights, means and those that the structure leaves to the covariances."""
        return self.structure.n_parameters(self.n_components, self.independent_part.n_features)

    @property
    @one_blas_thread()
    def covariances(self) -> Array:
        """The covariance matrices ``(K, D, D)``, in squared units of the data; singular where columns follow."""
        dense = self.structure.form.dense(self._compact, self.n_components, self.independent_part.n_features)
        if self.dependence is not None:
            dense = self.dependence.matrix @ dense @ self.dependence.matrix.T
            dense = (dense + dense.mT) / 2.0
        dense.flags.writeable = False
        return dense

    @property
    def compact_covariances(self) -> Array:
        """The covariances as the structure's form stores them; see `gmix.covariance.form`."""
        return self._compact

    @cached_property
    @one_blas_thread()
    def components(self) -> Components:
        """What the kernel needs: Cholesky factors, their inverses, and the constants of the log densities."""
        return kernel.prepare(self.structure.form, self.weights, self.independent_part.means, self._compact)

    def _rows(self, x: Any) -> NDArray[Any]:
        rows, names = as_points(x, self.features)
        if rows.shape[1] != self.n_features:
            raise DataError(
                f"the points have {rows.shape[1]} columns and the mixture has {self.n_features} features"
                + (f" {list(self.features)}" if self.features else "")
                + "; one point is written [[...]]"
            )
        check_finite(rows, names)
        return rows if self.dependence is None else rows[:, list(self.dependence.independent)]

    def log_density(self, x: Any, *, threads: int | None = None) -> Array:
        """``log p(x)`` of each point ``(N, D)``, in nats: ``(N,)``. Raises `DataError` for NaN or a wrong width."""
        return kernel.posterior(Rows(self._rows(x)), self.components, False, threads)[0]

    def density(self, x: Any, *, threads: int | None = None) -> Array:
        """``p(x)`` of each point ``(N, D)``, per unit of volume: ``(N,)``; infinite where float64 cannot hold it."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_density(x, threads=threads))

    def responsibilities(self, x: Any, *, threads: int | None = None) -> Array:
        """The probability ``(N, K)`` that a point came from each component: ``w_k N(x | mu_k, Sigma_k) / p(x)``."""
        posterior = kernel.posterior(Rows(self._rows(x)), self.components, True, threads)[1]
        assert posterior is not None
        return posterior

    def predict(self, x: Any, *, threads: int | None = None) -> NDArray[np.intp]:
        """The most probable component ``(N,)`` of each point, counted from 0."""
        rows = self._rows(x)
        labels = np.empty(len(rows), np.intp)
        for begin in range(0, len(rows), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            posterior = kernel.posterior(Rows(rows[block]), self.components, True, threads)[1]
            assert posterior is not None
            labels[block] = posterior.argmax(1)
        return labels

    def sample(self, n: int, *, rng: Rng = None) -> Array:
        """Draw ``n`` independent points ``(n, D)``.

        >>> GaussianMixture([1.0], [[3.0]], [[[4.0]]]).sample(2, rng=7).round(3)
        array([[2.452],
               [1.219]])
        """
        return self.sample_labelled(n, rng=rng)[0]

    @one_blas_thread()
    def sample_labelled(self, n: int, *, rng: Rng = None) -> tuple[Array, NDArray[np.intp]]:
        """Draw ``n`` points ``(n, D)``, and the components ``(n,)`` that they came from."""
        if not is_count(n, 0):
            raise ParameterError(f"n is {n!r}; give the number of points to draw")
        if self.dependence is not None:
            points, labels = self.independent_part.sample_labelled(n, rng=rng)
            return self.dependence.expand(points), labels
        generator = as_generator(rng)
        labels = generator.choice(self.n_components, size=n, p=self.weights)
        order = np.argsort(labels.astype(np.min_scalar_type(self.n_components)), kind="stable")
        ends = np.cumsum(np.bincount(labels, minlength=self.n_components))
        ordered = generator.standard_normal((n, self.n_features))
        # A factor times noise: one component at a time, through the dense factor of that component alone.
        form, factor = self.structure.form, self.components.factor
        for k, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            mine = ordered[begin:end]
            mine[:] = self.means[k] + form.apply(factor if form is TIED else factor[k : k + 1], mine[None])[0]
        place = np.empty_like(order)
        place[order] = np.arange(n)
        return ordered.take(place, axis=0), labels.astype(np.intp, copy=False)

    def cdf(self, x: Any) -> Array:
        r"""The probability of at most ``x``, for points ``(N,)`` of a mixture of one feature: ``(N,)``.

        .. math:: P(X \le x) = \sum_k w_k \, \Phi\Bigl(\frac{x - \mu_k}{\sigma_k}\Bigr)

        Raises `ParameterError` for a mixture of several features, and `DataError` for NaN.

        >>> GaussianMixture([0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[1.0]]]).cdf([2.0, 4.0]).round(3)
        array([0.5 , 0.75])
        """
        return self._univariate("cdf").tail(self._rows(x)[:, 0], 1.0)

    def sf(self, x: Any) -> Array:
        r"""The probability of more than ``x``, for points ``(N,)`` of a mixture of one feature: ``(N,)``.

        .. math:: P(X > x) = \sum_k w_k \, \Phi\Bigl(\frac{\mu_k - x}{\sigma_k}\Bigr)

        It keeps its digits where ``1 - cdf(x)`` has none left. Raises as `cdf`.

        >>> GaussianMixture([1.0], [[0.0]], [[[1.0]]]).sf([0.0, 10.0])
        array([5.00000000e-01, 7.61985302e-24])
        """
        return self._univariate("sf").tail(self._rows(x)[:, 0], -1.0)

    def log_cdf(self, x: Any) -> Array:
        r"""The logarithm of `cdf`, in nats, for points ``(N,)`` of a mixture of one feature: ``(N,)``.

        .. math:: \log P(X \le x) = \log \sum_k w_k \, \Phi\Bigl(\frac{x - \mu_k}{\sigma_k}\Bigr)

        It is accurate also where the probability is too small for float64. Raises as `cdf`.

        >>> GaussianMixture([1.0], [[0.0]], [[[1.0]]]).log_cdf([0.0, -50.0])
        array([-6.93147181e-01, -1.25483136e+03])
        """
        return self._univariate("log_cdf").log_tail(self._rows(x)[:, 0], 1.0)

    def log_sf(self, x: Any) -> Array:
        r"""The logarithm of `sf`, in nats, for points ``(N,)`` of a mixture of one feature: ``(N,)``.

        .. math:: \log P(X > x) = \log \sum_k w_k \, \Phi\Bigl(\frac{\mu_k - x}{\sigma_k}\Bigr)

        It is accurate also where the probability is too small for float64. Raises as `cdf`.

        >>> GaussianMixture([1.0], [[0.0]], [[[1.0]]]).log_sf([-10.0, 50.0])
        array([-7.61985302e-24, -1.25483136e+03])
        """
        return self._univariate("log_sf").log_tail(self._rows(x)[:, 0], -1.0)

    def quantile(self, probability: ArrayLike) -> Array:
        """Where the `cdf` of a mixture of one feature reaches a probability, in the units of the data.

        It has the shape of `probability`. An interval of 90 % is ``quantile([0.05, 0.95])``.

        >>> GaussianMixture([0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[1.0]]]).quantile([0.5, 0.75]).round(3)
        array([2., 4.])
        """
        line = self._univariate("quantile")
        wanted = as_numbers(probability, "probability")
        if not ((wanted >= 0) & (wanted <= 1)).all():
            raise ParameterError(f"probability is {probability!r}; give numbers from 0 to 1")
        return line.quantile(wanted)

    def _univariate(self, what: str) -> Univariate:
        if self.n_features > 1:
            raise ParameterError(
                f"a {what} is of one feature and the mixture has {self.n_features}; take its marginal or condition it"
            )
        return Univariate(self.weights, self.means[:, 0], np.sqrt(self.covariances[:, 0, 0]))

    @property
    @one_blas_thread()
    def mean(self) -> Array:
        """The mean ``(D,)`` of the whole distribution."""
        return np.asarray(self.weights @ self.means)

    @property
    @one_blas_thread()
    def covariance(self) -> Array:
        """The covariance ``(D, D)`` of the whole distribution: within the components and between their means."""
        between = self.means - self.mean
        return np.asarray(
            np.tensordot(self.weights, self.covariances, 1) + (self.weights[:, None] * between).T @ between
        )

    @one_blas_thread()
    def marginal(self, features: str | int | Sequence[str | int]) -> GaussianMixture:
        """The distribution of one or some of the features, by name or position, in the order given.

        Its structure is the `Structure.marginal` of this one.
        """
        chosen = self._positions(features)
        names = tuple(self.features[i] for i in chosen) if self.features else None
        if self.dependence is not None:
            matrix, offset = self.dependence.matrix[chosen], self.dependence.offset[chosen]
            return self.independent_part._image(matrix, offset, names)  # noqa: SLF001  (of its own kind)
        dense = self.covariances[:, chosen][:, :, chosen]
        structure = self.structure
        if len(chosen) < self.n_features:
            structure = structure.marginal.in_columns(len(chosen))
        compact = structure.form.compress(dense)
        return self.unchecked(self.weights, self.means[:, chosen], np.array(compact), structure, names)

    @one_blas_thread()
    def condition(self, values: Mapping[str | int, float]) -> GaussianMixture:
        r"""The distribution of the other features, given the values of some.

        .. math:: \mu_{k,a|b} = \mu_{k,a} + \Sigma_{k,ab} \Sigma_{k,bb}^{-1} (x_b - \mu_{k,b}), \qquad
                  \Sigma_{k,a|b} = \Sigma_{k,aa} - \Sigma_{k,ab} \Sigma_{k,bb}^{-1} \Sigma_{k,ba}

        and the weights are the responsibilities for ``x_b`` (Bishop, *Pattern Recognition and Machine Learning*,
        equations 2.81 and 2.82).

        >>> both = GaussianMixture([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]], features=["a", "b"])
        >>> both.condition({"b": 2.0}).means
        array([[1.]])
        """
        try:
            values = dict(values)
        except (TypeError, ValueError):
            raise ParameterError(
                f"condition takes a value for each feature, {{feature: value}}, not {values!r}"
            ) from None
        given = self._positions(list(values))
        rest = [i for i in range(self.n_features) if i not in given]
        if not rest:
            raise ParameterError("every feature is given a value; leave at least one free")
        point = as_numbers(list(values.values()), "the given values")
        if point.ndim > 1:
            raise ParameterError(f"the given values {list(values.values())} must be one number each")
        if self.dependence is not None:
            return self._conditioned(self.dependence, given, point, rest)
        weights = self.marginal(given).responsibilities(point[None])[0]
        dense = self.covariances
        whitener = FULL.whitener(FULL.factor(dense[:, given][:, :, given]))
        cross = dense[:, rest][:, :, given] @ whitener.mT
        means = self.means[:, rest] + (cross @ whitener @ (point - self.means[:, given])[..., None])[..., 0]
        remaining = dense[:, rest][:, :, rest] - cross @ cross.mT
        names = tuple(self.features[i] for i in rest) if self.features else None
        structure = self.structure.marginal.in_columns(len(rest))
        compact = np.array(structure.form.compress((remaining + remaining.mT) / 2.0))
        return self.unchecked(weights, means, compact, structure, names)

    def reordered(self, order: ArrayLike) -> GaussianMixture:
        """The same distribution, its components in another order: component k is the one that was ``order[k]``.

        Raises `ParameterError` for an order ``(K,)`` that does not hold each component once.

        >>> GaussianMixture([0.4, 0.6], [[5.0], [1.0]], [[[1.0]], [[1.0]]]).reordered([1, 0]).means[:, 0]
        array([1., 5.])
        """
        chosen = np.asarray(order)
        if chosen.dtype.kind not in "iu" or sorted(chosen.tolist()) != list(range(self.n_components)):
            raise ParameterError(f"order is {order!r}; give each of the components 0 to {self.n_components - 1} once")
        if self.dependence is not None:
            return self.independent_part.reordered(chosen).carrying(self.dependence, self.features)
        compact = self._compact if self.structure.form is TIED else self._compact[chosen]
        return self.unchecked(self.weights[chosen], self.means[chosen], compact, self.structure, self.features)

    @one_blas_thread()
    def affine(self, matrix: ArrayLike, offset: ArrayLike = 0.0) -> GaussianMixture:
        """The distribution of ``matrix @ x + offset``, its covariances unrestricted.

        Where features follow from others (`dependence`), those of the result may do so too; else its rows must be
        independent.
        """
        a, b = as_numbers(matrix, "matrix"), as_numbers(offset, "offset")
        if a.ndim != 2 or a.shape[1] != self.n_features:
            raise ParameterError(f"matrix has shape {a.shape}; give one column for each of {self.n_features} features")
        if b.shape not in ((), a.shape[:1]):
            raise ParameterError(
                f"offset has shape {b.shape}; the matrix has {a.shape[0]} rows, so give ({a.shape[0]},)"
            )
        if self.dependence is not None and np.isfinite(a).all() and np.isfinite(b).all():
            return self.independent_part._image(  # noqa: SLF001  (of its own kind)
                a @ self.dependence.matrix, a @ self.dependence.offset + b, None
            )
        try:
            return GaussianMixture(self.weights, self.means @ a.T + b, a @ self.covariances @ a.T)
        except ParameterError as error:
            raise ParameterError(
                f"matrix @ x + offset has no density ({error}); give finite numbers, and rows that are independent"
            ) from None

    def _image(self, matrix: Array, offset: Array, names: tuple[str, ...] | None) -> GaussianMixture:
        """The distribution of ``matrix @ x + offset``, whose features may follow from one another."""
        root = np.linalg.cholesky(self.covariance)
        chosen = independent_columns((matrix @ root).T)
        if not chosen:
            raise ParameterError("these features are constant, so they have no distribution; name others")
        plain = [int(np.flatnonzero(row)[0]) for row in matrix[chosen] if np.count_nonzero(row) == 1 and row.max() == 1]
        part = (
            self.marginal(plain)
            if len(plain) == len(chosen) and not offset[chosen].any()
            else self.affine(matrix[chosen], offset[chosen])
        )
        if len(chosen) == len(matrix):
            return self.unchecked(part.weights, part.means, part.compact_covariances, part.structure, names)
        share = np.linalg.lstsq((matrix[chosen] @ root).T, (matrix @ root).T, rcond=None)[0].T
        share[np.abs(share) < _NOTHING * np.abs(share).max(1, keepdims=True)] = 0.0
        share[chosen] = np.eye(len(chosen))
        dependence = Dependence(tuple(chosen), share, offset - share @ offset[chosen])
        return part.carrying(dependence, names)

    def _conditioned(self, dependence: Dependence, given: list[int], point: Array, rest: list[int]) -> GaussianMixture:
        """The distribution of the `rest` of the features, given values of some, where features follow from others."""
        part = self.independent_part
        root, free = np.linalg.cholesky(part.covariance), len(part.means[0])
        # New coordinates: what is given, as far as it is independent, and then as many features as it takes.
        candidates = np.vstack([dependence.matrix[given], np.eye(free)])
        chosen = independent_columns((candidates @ root).T)
        known = [j for j in chosen if j < len(given)]
        if len(known) == free:
            raise ParameterError("the other features follow from the given values; give fewer")
        turned = part.affine(candidates[chosen])
        values: dict[str | int, float] = {i: point[j] - dependence.offset[given[j]] for i, j in enumerate(known)}
        left = turned.condition(values) if known else turned
        back = dependence.matrix[rest] @ np.linalg.inv(candidates[chosen])
        offset = dependence.offset[rest] + back[:, : len(known)] @ np.array(list(values.values()))
        names = tuple(self.features[i] for i in rest) if self.features else None
        return left._image(back[:, len(known) :], offset, names)  # noqa: SLF001  (of its own kind)

    def collapsed(self, statistics: SufficientStatistics) -> list[int]:
        """The components whose covariance stands on the floor of these statistics."""
        of_kind(statistics, SufficientStatistics, "statistics", "what gmix.expect returned, or fit.statistics")
        smallest = np.broadcast_to(
            self.structure.form.smallest(self._compact, statistics.reference.floor), (self.n_components,)
        )
        return [int(k) for k in np.flatnonzero(smallest < 1.5)]

    def plot(self, points: Any = None, **options: Any) -> Any:
        """Draw the mixture, over points if there are some; see `gmix.plot.plot`."""
        return plot.plot(self, points, **options)

    def _positions(self, features: str | int | Sequence[str | int]) -> list[int]:
        wanted = [features] if isinstance(features, (str, int, np.integer)) else as_list(features) or []
        names = list(self.features or ())
        positions = [int(f) if isinstance(f, (int, np.integer)) else choose_columns(names, [f])[0] for f in wanted]
        if (
            not positions
            or len(set(positions)) != len(positions)
            or not all(0 <= i < self.n_features for i in positions)
        ):
            raise ParameterError(
                f"{features!r} must be one or more different features, by name or 0..{self.n_features - 1}"
            )
        return positions


def _compact(sigma: Array, structure: Structure, n_components: int, n_features: int) -> Array:
    """Read stated covariances, dense or compact, or say why they are none of this structure."""
    form, square = structure.form, (n_components, n_features, n_features)
    if sigma.shape not in (square, form.shape(n_components, n_features)):
        raise ParameterError(
            f"covariances has shape {sigma.shape}; give {square}"
            + ("" if form is FULL else f" or, for {structure.name}, {form.shape(n_components, n_features)}")
        )
    if not np.isfinite(sigma).all():
        raise ParameterError("covariances holds a value that is not finite")
    if sigma.shape != square and form is not TIED:
        return sigma  # it holds no matrices, and is not written out: that may take thousands of times the memory
    deviation = np.sqrt(np.abs(np.diagonal(sigma, axis1=-2, axis2=-1)))
    rounding = 1e-6 * deviation[..., :, None] * deviation[..., None, :]  # each entry in its own units
    if (np.abs(sigma - sigma.mT) > rounding).any():
        raise ParameterError("covariances holds a matrix that is not symmetric")
    symmetric = sigma + (sigma.mT - sigma) / 2.0
    if sigma.shape != square:
        return symmetric
    compact = form.compress(symmetric)
    if (np.abs(form.dense(compact, n_components, n_features) - sigma) > rounding).any():
        raise ParameterError(f"covariances are not {structure.name}; leave structure out, or give them so")
    return compact


def _freeze(
    mixture: GaussianMixture,
    weights: Array,
    means: Array,
    compact: Array,
    structure: Structure,
    features: tuple[str, ...] | None,
) -> None:
    """Give a mixture its parameters, once and for all."""
    weights, means, compact = (np.ascontiguousarray(array) for array in (weights, means, compact))  # as the kernel asks
    for array in (weights, means, compact):
        array.flags.writeable = False
    mixture.__dict__.update(
        weights=weights, means=means, _compact=compact, structure=structure, features=features, dependence=None
    )
