"""The contract of a kernel: what is computed row by row, and the loop of EM around it."""

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
from gmix.model.covariance import Form, Structure
from gmix.model.model import Model
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, Round, StoppingRule

__all__ = ["CHUNK", "Expect", "Kernel", "Parameters", "RunEnd", "n_threads"]

Array = NDArray[np.float64]
CHUNK = 2048  # rows whose sums are added to the others at once; part of the result's bits, so never a setting

Parameters = tuple[Array, Array, Array]  # weights, means and compact covariances of a mixture
Expect = Callable[[Components, bool], SufficientStatistics]  # the E-step over rows elsewhere, coarse or not


class RunEnd(NamedTuple):
    """Where a run of EM ended, and how. Statistics belong to the model beside them."""

    place: int  # among the starts
    model: Model | None  # None where no E-step was finished
    statistics: SufficientStatistics | None
    history: list[float]  # objectives of the E-steps that were accepted
    reason: Reason | None  # None where float64 cannot do the next step
    sound: bool  # whether no component is empty or on the floor, as the last M-step saw it


class Kernel(ABC):
    """The E-step and what else is computed row by row.

    All implementations whiten the residual of each row, ``z = W_k (x - mu_k)``, and add up its moments about the
    current means, so that neither an offset nor the scale of the data costs digits.

    # Implementation
    The bits of a result may not depend on `threads`, nor on how rows are cut into blocks, as long as all blocks but the
    last have a multiple of `CHUNK` rows. A row of weight zero adds nothing, wherever it lies.
    """

    name: str

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

        The rows come in one piece or in blocks, at least one. `references` are the scale of all rows, where they are
        known. `coarse` statistics may be computed in float32, and are good to about seven digits.
        """

    @abstractmethod
    def posterior(
        self, rows: Rows, components: Components, responsibilities: bool, threads: int | None = None
    ) -> tuple[Array, Array | None]:
        """The log density ``(N,)`` of each row and, if wanted, its responsibilities ``(N, K)``."""

    @abstractmethod
    def prepare(self, form: Form, weights: Array, means: Array, covariances: Array) -> Components:
        """The components of a Gaussian mixture; ``LinAlgError`` if a covariance is not positive definite.

        Every kernel is given components that were computed here: the factors of nearly singular covariances differ
        between implementations in digits that show in the likelihood.
        """

    @abstractmethod
    def maximize(
        self,
        statistics: Sequence[SufficientStatistics],
        structure: Structure,
        prior: SufficientStatistics | None = None,
    ) -> list[Parameters | None]:
        """The M-steps of several statistics of the same rows, each with what a prior adds.

        None where this kernel cannot do it; `GaussianMixture.from_statistics` can always.
        """

    @abstractmethod
    def label_statistics(
        self, form: Form, rows: Rows, labels: Sequence[NDArray[np.intp]], n_components: int, reference: Reference
    ) -> list[SufficientStatistics]:
        """`SufficientStatistics.from_labels` by each of several labels, of rows of which `reference` is the scale."""

    @abstractmethod
    def cluster(self, points: Array, mass: Array, sweeps: int, draws: Array) -> NDArray[np.intp]:
        """Labels ``(N,)`` of points ``(N, P)`` by greedy k-means++ and Lloyd's iteration; see `gmix.fitting.k_means`.

        `draws` are uniform numbers ``(K, trials)``.
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

        The runs race in `rounds` first, and those that are kept go on to the end: in their order, or, after a round,
        best first. `rows` are in memory, or a function that returns their statistics. A run that is not `patient` ends
        where a component becomes empty or reaches the floor. A `coarse` run may take steps in float32 for as long as
        they gain, and the last ones in float64. A KeyboardInterrupt ends the list with the run that it met.
        """


def n_threads(threads: int | None) -> int:
    """How many threads may be used; zero for every processor."""
    if threads is None:
        return 0
    if not is_count(threads):
        raise ParameterError(f"threads is {threads!r}; give a whole number above zero, or None for every processor")
    return int(threads)
