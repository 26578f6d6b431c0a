"""Truncated EM for many components: each row belongs to a few components alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_count
from gmix.base.errors import ParameterError
from gmix.base.findings import Finding
from gmix.base.rows import Rows
from gmix.base.wording import count
from gmix.model.components import Components
from gmix.model.covariance import DIAGONAL, SPHERICAL, Structure
from gmix.model.kernel import Expect, RunEnd, kernel
from gmix.model.model import Model
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, Round, StoppingRule
from gmix.sources import MemorySource, Source

__all__ = ["NEIGHBORS", "nearest_components", "run_truncated", "truncated", "truncation_findings"]

NEIGHBORS = 16  # components that are searched beside each one that a row keeps
_BLOCK = 65_536  # rows
_GIVEN_UP = (Reason.FAILED, Reason.COLLAPSING)


def truncated(
    source: Source, components_per_row: int | None, structures: Iterable[Structure], others: Mapping[str, object]
) -> Source:
    """The source, each row of which belongs to at most this many components while EM runs; None for all.

    Raises `ParameterError` for what truncated EM has no place for; `others` are further arguments of the fit, with what
    the user gave, or something false.
    """
    if components_per_row is None:
        return source
    if not is_count(components_per_row):
        raise ParameterError(
            f"components_per_row is {components_per_row!r}; give a whole number above zero, such as 5, or None for all"
        )
    for name, value in others.items():
        if value is not None and value is not False and value != 0.0:
            raise ParameterError(f"components_per_row does not go with {name}; leave out one of them")
    for structure in structures:
        if structure.form not in (DIAGONAL, SPHERICAL):
            raise ParameterError(
                f"components_per_row needs columns that are independent within components, and those of "
                f"{structure.called} are not; give covariance='diag' or 'spherical'"
            )
    if not isinstance(source, MemorySource):
        raise ParameterError(
            "components_per_row needs a table in memory, because it keeps the components of each row; raise memory, or "
            "fit a random sub-sample of the rows"
        )
    if not source.is_plain or source.groups is not None:
        raise ParameterError(
            "components_per_row is for complete rows without errors and labels; leave it out, or drop incomplete rows"
        )
    return source.truncated(int(components_per_row))


def truncation_findings(source: Source, history: Sequence[float]) -> list[Finding]:
    """A finding about the last lower bound of a run of truncated EM, and the exact objective after it."""
    if not (isinstance(source, MemorySource) and source.components_per_row is not None and len(history) > 1):
        return []
    gap = (history[-1] - history[-2]) / source.mass
    text = (
        f"EM kept at most {count(source.components_per_row, 'component')} for each row; the log-likelihood is exact, "
        f"and {gap:.3g} nats per row above the lower bound that was maximized; a larger components_per_row brings them "
        "closer together"
    )
    return [Finding("truncated", text, "note")]


def run_truncated(
    source: MemorySource,
    starts: Sequence[Model],
    rule: StoppingRule,
    rounds: Sequence[Round] = (),
    *,
    patient: bool = True,
) -> list[RunEnd]:
    """`gmix.fitting.em.run_models` by truncated EM; the statistics at the end of each run are those of a full E-step.

    The last objective of a run is exact, and the others are lower bounds. Steps are not extrapolated, because what rows
    keep after an extrapolation that is rejected would not belong to the parameters of the run.
    """
    runs = [_Run(source, place, model, patient) for place, model in enumerate(starts)]
    for each in rounds:
        if len(runs) == 1:
            break
        for run in runs:
            run.go_on(each.rule)
            if run.end.reason is Reason.INTERRUPTED:
                return [run.exact]
        runs = sorted(runs, key=_Run.order)[: each.most]
    ends: list[RunEnd] = []
    for run in runs:
        run.go_on(rule)
        ends.append(run.exact)
        if run.end.reason is Reason.INTERRUPTED:
            break
    return ends


class _Run:
    """A run from one start, which can be continued with a stricter rule."""

    def __init__(self, source: MemorySource, place: int, model: Model, patient: bool) -> None:
        self.source, self.place, self.patient = source, place, patient
        self.reference = source.reference(model.components().form)
        self.end = RunEnd(place, model, None, [], Reason.ITERATION_LIMIT, False)
        self.expect = self._truncated(model.components())

    def _truncated(self, components: Components) -> Expect:
        """The E-steps, which the meter of the source counts."""
        source, rows = self.source, self.source.everything
        most = source.components_per_row
        assert most is not None
        step = kernel.truncated(
            rows, nearest_components(rows, components), most, NEIGHBORS, self.reference, source.threads
        )

        def expect(components: Components, _: bool) -> SufficientStatistics:
            if source.meter is None:
                return step(components)
            source.meter.begin(source.n_rows)
            statistics = step(components)
            source.meter.end([statistics.log_likelihood], statistics.total_weight)
            return statistics

        return expect

    def go_on(self, rule: StoppingRule) -> None:
        before = self.end
        if before.model is None or before.reason in _GIVEN_UP:
            return
        rule = replace(rule, accelerate=False)
        [after] = kernel.run(
            self.expect, [before.model], self.reference, rule, patient=self.patient, threads=self.source.threads
        )
        if after.model is None and before.statistics is not None:  # interrupted before its first E-step
            after = before._replace(reason=after.reason)
        else:
            after = after._replace(history=[*before.history[:-1], *after.history])
        self.end = after._replace(place=self.place)

    def order(self) -> tuple[bool, float]:
        """The key that sorts runs, the best first."""
        end = self.end
        return end.model is None or end.reason in _GIVEN_UP, -max(end.history, default=-np.inf)

    @property
    def exact(self) -> RunEnd:
        """The end, with the statistics and the objective of an E-step with all components."""
        model = self.end.model
        if model is None:
            return self.end
        statistics = self.source.statistics(model.components())
        return self.end._replace(statistics=statistics, history=[*self.end.history, model.objective(statistics)])


def nearest_components(rows: Rows, components: Components) -> NDArray[np.intp]:
    """The component ``(N,)`` whose mean is nearest to each row, in the components' mean standard deviations."""
    k, d = components.means.shape
    variances = components.form.covariances(components.factor, d).reshape(k, -1)
    deviations = np.sqrt(np.broadcast_to(variances, (k, d)).mean(0))
    origin = components.means.mean(0)
    centers = (components.means - origin) / deviations
    blocks = [rows.values[begin : begin + _BLOCK] for begin in range(0, len(rows), _BLOCK)]
    return np.concatenate([kernel.nearest((block - origin) / deviations, centers) for block in blocks])
