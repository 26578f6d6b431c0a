"""The contract of a kernel: what is computed row by row, and the EM runs around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_count
from gmix.base.errors import ParameterError
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import TIED, Form, Structure
from gmix.model.kernel.seeding import nearest, squared_distances
from gmix.model.kernel.truncated import TruncatedEStep, found_near, neighbors_among
from gmix.model.model import Model
from gmix.model.reference import AT_FLOOR, Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, Round, StoppingRule

__all__ = [
    "CHUNK",
    "Expect",
    "Kernel",
    "Parameters",
    "RunEnd",
    "TruncatedExpect",
    "grouped_chunk",
    "has_collapsed",
    "n_threads",
]

Array = NDArray[np.float64]
CHUNK = 2048  # rows whose sums are added to the total at once; fixed, because the last bits of results depend on it
_MANY_COLUMNS, _MOST_CHUNKS = 128, 8

Parameters = tuple[Array, Array, Array]  # weights, means and compact covariances of a mixture
Expect = Callable[[Components, bool], SufficientStatistics]  # the E-step over rows not in memory, coarse or not
TruncatedExpect = Callable[[Components], SufficientStatistics]


class RunEnd(NamedTuple):
    """The result of an EM run. The statistics are those under the model."""

    place: int  # the position of its start
    model: Model | None  # None if no E-step was finished
    statistics: SufficientStatistics | None
    history: list[float]  # objectives of the accepted E-steps
    reason: Reason
    sound: bool  # whether the last M-step left no component empty or at the floor


class Kernel(ABC):
    """The E-step, and everything else that is computed row by row.

    All implementations whiten the residual of each row, ``z = W_k (x - mu_k)``, and add up its moments about the
    current means, so that neither an offset nor the scale of the data costs digits.

    # Implementation
    The bits of a result may not depend on `threads`, nor on how rows are cut into blocks if all blocks but the last
    have a multiple of `CHUNK` rows, or of `grouped_chunk` if cells are missing or rows are labeled. A row of weight
    zero adds nothing, whatever its values are.
    """

    @abstractmethod
    def expect(
        self,
        rows: Rows | Iterable[Rows],
        components: Sequence[Components],
        references: Sequence[Reference] | None = None,
        *,
        threads: int | None = None,
        coarse: bool = False,
    ) -> list[SufficientStatistics]:
        """The E-step: statistics of rows under each of several components, in one pass over the rows.

        The rows come in one piece, or in at least one block. The `references` are those of all rows; without them they
        are computed from the statistics, which is correct for Gaussian components alone. `coarse` statistics may be
        computed in float32, and are accurate to about seven digits.
        """

    @abstractmethod
    def posterior(
        self, rows: Rows, components: Components, responsibilities: bool, threads: int | None = None
    ) -> tuple[Array, Array | None]:
        """The log density ``(N,)`` of each row and, if wanted, its responsibilities ``(N, K)``."""

    def truncated(
        self,
        rows: Rows,
        labels: NDArray[np.intp],
        n_kept: int,
        n_neighbors: int,
        reference: Reference,
        threads: int | None = None,
    ) -> TruncatedExpect:
        """Truncated E-steps over rows that are known completely, for diagonal or spherical Gaussian components.

        The function that is returned is one E-step each time it is called, under components of one form and number. A
        row belongs to `n_kept` components at most: the likeliest of those that it kept in the E-step before, at first
        that of its label ``(N,)``, of their neighbors, and, while one of these is the likeliest, of the neighbors of
        that one. Components whose density is below ``2**-60`` of that of the likeliest are not kept. The neighbors of a
        component a are the `n_neighbors` components c with the largest expected log density of its rows,
        ``E[log p_c(x)]`` for x from a, among its neighbors before and their neighbors, and at first among all.

        The log-likelihood of the statistics is the lower bound ``sum_n log sum_(c kept by n) p_c(x_n)``. It does not
        fall from one E-step to the next, nor in the M-step between them.
        """
        n_threads(threads)
        return TruncatedEStep(self.expect, rows, labels, n_kept, n_neighbors, reference)

    @abstractmethod
    def expected_values(self, rows: Rows, components: Components, threads: int | None = None) -> Array:
        """The expected true values ``(N, D)`` of rows under Gaussian components, given their present cells.

        Missing cells get their conditional means, and values with errors move towards the means of the components.
        """

    @abstractmethod
    def prepare(self, form: Form, weights: Array, means: Array, covariances: Array) -> Components:
        """The components of a Gaussian mixture; ``LinAlgError`` if a covariance is not positive definite.

        All components are computed by this method: factors of nearly singular covariances differ between
        implementations, in digits that affect the likelihood.
        """

    @abstractmethod
    def maximize(
        self,
        statistics: Sequence[SufficientStatistics],
        structure: Structure,
        prior: SufficientStatistics | None = None,
    ) -> list[Parameters | None]:
        """The M-steps of several statistics of the same rows, with the term that a prior adds to each.

        None in place of those that this kernel cannot compute; `GaussianMixture.from_statistics` computes all.
        """

    def label_statistics(
        self, form: Form, rows: Rows, labels: Sequence[NDArray[np.intp]], n_components: int, reference: Reference
    ) -> list[SufficientStatistics]:
        """`SufficientStatistics.from_labels` for each of several labelings of `points` with this reference."""
        return [
            SufficientStatistics.from_labels(form, rows.points, one, n_components, rows.weights).on(reference)
            for one in labels
        ]

    @abstractmethod
    def cluster(self, points: Array, mass: Array, sweeps: int, draws: Array) -> NDArray[np.intp]:
        """Labels ``(N,)`` of points ``(N, P)`` by greedy k-means++ and Lloyd's iteration; see `gmix.fitting.k_means`.

        `draws` are uniform numbers ``(K, trials)``.
        """

    def nearest(self, points: Array, centers: Array) -> NDArray[np.intp]:
        """The nearest of some centers ``(K, P)`` to each of the points ``(N, P)``, which are of unit scale."""
        return nearest(points, centers)

    def neighbors(self, centers: Array, n: int, before: NDArray[np.intp] | None = None) -> NDArray[np.intp]:
        """The `n` nearest other centers ``(K, n)`` of each of the centers ``(K, P)``, the nearest first.

        With neighbors `before`, they are sought among these and their neighbors, which takes a time in proportion to K.
        """
        return neighbors_among(-squared_distances(centers, centers), n, before)

    def nearest_neighbors(
        self, points: Array, centers: Array, labels: NDArray[np.intp], neighbors: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """The nearest center ``(N,)`` to each point, as far as steps to nearer neighbors of that of its label lead."""
        return found_near(-squared_distances(points, centers), labels[:, None], neighbors)[:, 0]

    @abstractmethod
    def draw(
        self, components: Components, labels: NDArray[np.intp], seed: tuple[int, int], threads: int | None = None
    ) -> Array:
        """Draw a point ``(N, D)`` from the Gaussian component that each of `labels` ``(N,)`` names.

        The point at each position is a function of its component and the seed, two numbers of 64 bits.
        """

    @abstractmethod
    def run(
        self,
        rows: Rows | Expect,
        starts: Sequence[Model],
        reference: Reference,
        rule: StoppingRule,
        rounds: Sequence[Round] = (),
        *,
        patient: bool = True,
        coarse: bool = False,
        threads: int | None = None,
    ) -> list[RunEnd]:
        """Run EM from several starts of one form, until the rule ends each run.

        The runs race in `rounds` first, and those that are kept continue until `rule` ends them. They are returned in
        the order of their starts or, after a round, best first. `rows` are in memory, or a function that returns their
        statistics. A run that is not `patient` ends when a component becomes empty or reaches the floor. A `coarse` run
        may take steps in float32 as long as they gain; its last steps are in float64. After a KeyboardInterrupt, the
        interrupted run is the last of the list.
        """


def grouped_chunk(n_features: int) -> int:
    """The rows of a chunk if cells are missing or rows are labeled; also in native/threads/row_groups.cpp."""
    return CHUNK << min(max(_MANY_COLUMNS // n_features, 1), _MOST_CHUNKS).bit_length() - 1


def n_threads(threads: int | None) -> int:
    """The number of threads that may be used; zero for every processor."""
    if threads is None:
        return 0
    if not is_count(threads):
        raise ParameterError(f"threads is {threads!r}; give a whole number above zero, or None for every processor")
    return int(threads)


def has_collapsed(components: Components, reference: Reference) -> bool:
    """Return whether a component is empty, or a covariance is at the floor."""
    form, n_features = components.form, components.means.shape[1]
    if form is not TIED and np.isneginf(components.log_constants).any():
        return True
    covariances = form.covariances(components.factor, n_features)
    return bool(form.smallest(reference.with_least_error(covariances), reference.floor).min() <= AT_FLOOR)
