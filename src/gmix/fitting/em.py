"""EM runs on the rows of a source, from several starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from gmix.base.errors import ParameterError
from gmix.fitting.truncated import run_truncated
from gmix.model.covariance import Form
from gmix.model.frozen import Frozen
from gmix.model.gaussian_model import GaussianModel
from gmix.model.kernel import RunEnd, kernel
from gmix.model.mixture import GaussianMixture, compact_covariances
from gmix.model.model import Model
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, Round, StoppingRule
from gmix.model.student import AnyMixture, StudentMixture, StudentModel, gaussian, normal_part
from gmix.sources import MemorySource, Source

__all__ = ["Interrupted", "Run", "model_of", "raise_if_interrupted", "run_em", "run_models"]


@dataclass(frozen=True, eq=False)
class Run:
    """The result of one EM run.

    Attributes
    ----------
    model : where the run ended.
    statistics : the sufficient statistics of the rows under the model.
    history : the objective of every accepted E-step: log-likelihood plus log prior, in nats.
    reason : why the run ended.
    sound : whether it is known that no component has collapsed, whatever the reason.
    """

    model: GaussianModel | StudentModel
    statistics: SufficientStatistics
    history: tuple[float, ...]
    reason: Reason
    sound: bool = False

    @classmethod
    def of(cls, end: RunEnd) -> Self:
        """Convert the end of a kernel's run of a mixture."""
        assert isinstance(end.model, GaussianModel | StudentModel)
        assert end.statistics is not None
        return cls(end.model, end.statistics, tuple(end.history), end.reason, end.sound)

    @property
    def mixture(self) -> AnyMixture:
        return self.model.mixture

    @property
    def gaussian(self) -> GaussianMixture:
        """The mixture, of a run of Gaussian components."""
        return gaussian(self.mixture, "this search")

    @property
    def objective(self) -> float:
        """The objective that EM maximizes: the log-likelihood plus the log prior density."""
        return self.history[-1]

    @property
    def log_prior(self) -> float:
        """The log prior density, up to a constant of the prior's own parameters."""
        return self.objective - self.statistics.log_likelihood

    @cached_property
    def collapsed(self) -> tuple[int, ...]:
        """The components that have collapsed; of a run that ended before a collapse, the narrowest component."""
        if self.sound:
            return ()
        if self.reason is not Reason.COLLAPSING:
            return tuple(self.mixture.collapsed(self.statistics))
        form, floor = self.mixture.structure.form, self.statistics.reference.floor
        compact = compact_covariances(normal_part(self.mixture))
        return (int(np.argmin(form.smallest(compact, floor))),)


def run_models(
    source: Source,
    starts: Sequence[Model],
    rule: StoppingRule,
    rounds: Sequence[Round] = (),
    *,
    patient: bool = True,
) -> list[RunEnd]:
    """Run EM on all rows of a source from several models of one form, until the rule ends each run.

    The runs first race in `rounds`, if there are some, and those that are kept are returned, the best after the last
    round first. Each ends on an E-step, so its statistics belong to its model. A run that is not `patient` ends when
    a component is empty or reaches the floor. After Ctrl-C the runs that have finished an E-step are returned, the
    last one with the reason `INTERRUPTED`.

    Raises `ParameterError` if the density of the rows is zero under all starts.
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
    rounds = [each.within(rule) for each in rounds]
    if isinstance(source, MemorySource) and source.components_per_row is not None:
        return _evaluated(run_truncated(source, starts, rule, rounds, patient=patient), starts)
    coarse = source.is_single and source.is_large and type(rule) is StoppingRule
    ends = kernel.run(
        source.in_memory or source.statistics,
        starts,
        source.reference(form),
        rule,
        rounds,
        patient=patient,
        coarse=coarse,
        threads=source.threads,
    )
    return [_in_float64(source, end) if coarse else end for end in _evaluated(ends, starts)]


def _evaluated(ends: Sequence[RunEnd], starts: Sequence[Model]) -> list[RunEnd]:
    """The runs that have finished an E-step. Raises `ParameterError` or `KeyboardInterrupt` if there is none."""
    evaluated = [end for end in ends if end.model is not None]
    if not evaluated and any(end.reason is Reason.INTERRUPTED for end in ends):
        raise KeyboardInterrupt
    if not evaluated:
        raise ParameterError(
            f"the rows are so far from the start, {starts[0]}, that their density under it is zero; give a start "
            "nearer to the rows"
        )
    return evaluated


def _in_float64(source: Source, end: RunEnd) -> RunEnd:
    """A run that was interrupted before its last E-steps in float64, with one more E-step. A checkpoint omits it."""
    if end.reason is not Reason.INTERRUPTED:
        return end
    assert end.model is not None
    statistics = source.watched(source.meter, None).statistics(end.model.components())
    objective = end.model.objective(statistics)
    history = [*(min(value, objective) for value in end.history[:-1]), objective]
    return end._replace(statistics=statistics, history=history)


def model_of(
    source: Source, mixture: AnyMixture, prior: Prior | None = None, frozen: Frozen | None = None
) -> GaussianModel | StudentModel:
    """A mixture as a model of the rows of a source: if they have labels, its components have groups."""
    groups = source.groups
    numbers = None if groups is None else groups.with_components(mixture.n_components).of_components
    if isinstance(mixture, StudentMixture):
        return StudentModel(mixture, prior, numbers)
    return GaussianModel(mixture, prior, numbers, frozen)


def run_em(
    source: Source,
    starts: Sequence[AnyMixture],
    rule: StoppingRule,
    prior: Prior | None = None,
    rounds: Sequence[Round] = (),
    *,
    patient: bool = True,
    frozen: Frozen | None = None,
) -> list[Run]:
    """`run_models` from several mixtures of one structure, for maximum likelihood or with a prior.

    The runs leave the `frozen` parameters of their starts as they are.
    """
    if not starts:
        return []
    models = [model_of(source, mixture, prior, frozen) for mixture in starts]
    ends = _run(source, models, starts[0].structure.form, rule, rounds, patient)
    return [Run.of(end) for end in ends]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during EM runs, with the mixtures that they had reached."""

    def __init__(self, mixtures: list[AnyMixture]) -> None:
        super().__init__()
        self.mixtures = mixtures


def raise_if_interrupted(runs: Sequence[Run]) -> None:
    """Raise the interruption again that ended these runs."""
    if any(run.reason is Reason.INTERRUPTED for run in runs):
        raise Interrupted([run.mixture for run in runs])
