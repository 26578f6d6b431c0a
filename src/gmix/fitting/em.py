"""Runs of EM: from models, on the rows of a source, to the best models that EM reaches from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from gmix.base.errors import ParameterError
from gmix.model.covariance import Form
from gmix.model.gaussian_model import GaussianModel
from gmix.model.kernel import RunEnd, kernel
from gmix.model.mixture import GaussianMixture, compact_covariances
from gmix.model.model import Model
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, Round, StoppingRule
from gmix.sources import Source

__all__ = ["Run", "run_em", "run_models"]


@dataclass(frozen=True, eq=False)
class Run:
    """The end of one run of EM. The statistics, and their likelihood, belong to the model beside them."""

    model: GaussianModel
    statistics: SufficientStatistics
    history: tuple[float, ...]  # the objective of every E-step: log-likelihood plus log prior, in nats
    reason: Reason
    sound: bool = False  # whether it is known that no component has collapsed, whatever the reason

    @classmethod
    def of(cls, end: RunEnd) -> Self:
        """The run that the kernel ended, of a Gaussian mixture."""
        assert isinstance(end.model, GaussianModel)
        assert end.statistics is not None
        return cls(end.model, end.statistics, tuple(end.history), end.reason or Reason.COLLAPSING, end.sound)

    @property
    def mixture(self) -> GaussianMixture:
        return self.model.mixture

    @property
    def objective(self) -> float:
        """What EM raises: the log-likelihood, plus the log density of the prior."""
        return self.history[-1]

    @property
    def log_prior(self) -> float:
        """The log density of the prior, up to a constant of its own parameters."""
        return self.objective - self.statistics.log_likelihood

    @cached_property
    def collapsed(self) -> tuple[int, ...]:
        """The components that have collapsed; of a run that was given up on the way there, the narrowest."""
        if self.sound:
            return ()
        if self.reason is not Reason.COLLAPSING:
            return tuple(self.mixture.collapsed(self.statistics))
        form, floor = self.mixture.structure.form, self.statistics.reference.floor
        return (int(np.argmin(form.smallest(compact_covariances(self.mixture), floor))),)


def run_models(
    source: Source,
    starts: Sequence[Model],
    rule: StoppingRule,
    rounds: Sequence[Round] = (),
    *,
    patient: bool = True,
) -> list[RunEnd]:
    """Run EM on all rows of a source, from several models of one form, until the rule ends each run.

    The runs race in `rounds` first, and only those that are kept are returned, best first. Each ends on an E-step, so
    what it reports belongs to its model. A run that is not `patient` ends where a component is empty or reaches the
    floor. After Ctrl-C the runs that have finished an E-step are returned, the last one with that reason.

    Raises `ParameterError` where the density of the rows is zero under all starts.
    """
    return _run(source, starts, starts[0].components().form, rule, rounds, patient) if starts else []


def _run(
    source: Source,
    starts: Sequence[Model],
    form: Form,
    rule: StoppingRule,
    rounds: Sequence[Round],
    patient: bool,
) -> list[RunEnd]:
    ends = kernel.run(
        source.in_memory or source.statistics,
        starts,
        source.reference(form),
        rule,
        rounds,
        patient=patient,
        coarse=source.is_single and source.is_large and type(rule) is StoppingRule,
        threads=source.threads,
    )
    arrived = [end for end in ends if end.model is not None]
    if not arrived and any(end.reason is Reason.INTERRUPTED for end in ends):
        raise KeyboardInterrupt
    if not arrived:
        raise ParameterError(
            f"the rows are so far from the start, {starts[0]}, that their density under it is zero; start nearer"
        )
    return arrived


def run_em(
    source: Source,
    starts: Sequence[GaussianMixture],
    rule: StoppingRule,
    prior: Prior | None = None,
    rounds: Sequence[Round] = (),
    *,
    patient: bool = True,
) -> list[Run]:
    """`run_models` from several mixtures of one structure, by maximum likelihood or with a prior."""
    if not starts:
        return []
    models = [GaussianModel(mixture, prior) for mixture in starts]
    ends = _run(source, models, starts[0].structure.form, rule, rounds, patient)
    return [Run.of(end) for end in ends]
