"""The compiled kernel: conversions between gmix's objects and the arrays of ``native/``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import FULL, TIED, Form, Structure
from gmix.model.families import family_of
from gmix.model.kernel.contract import Expect, Kernel, Parameters, RunEnd, TruncatedExpect, has_collapsed, n_threads
from gmix.model.kernel.reference import ReferenceKernel
from gmix.model.model import Model
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, Round, StoppingRule

__all__ = ["CompiledKernel"]

Array = NDArray[np.float64]
Raw = tuple[Any, ...]
_REASONS = (  # in the order of `Ended` in native/em/run.hpp
    Reason.CONVERGED, Reason.STATIONARY, Reason.ITERATION_LIMIT, Reason.INTERRUPTED, Reason.COLLAPSING,
    Reason.FAILED,
)  # fmt: skip
_ROW_BY_ROW = 24  # columns up to which adding matrices of scatter row by row is faster than products of matrices


class CompiledKernel(Kernel):
    """The kernel in C++, at the instruction level of this processor."""

    def __init__(self, native: ModuleType) -> None:
        self.native = native
        self.others = ReferenceKernel()  # for the forms that are not compiled

    def expect(
        self,
        rows: Rows | Iterable[Rows],
        components: Sequence[Components],
        references: Sequence[Reference] | None = None,
        *,
        threads: int | None = None,
        coarse: bool = False,
    ) -> list[SufficientStatistics]:
        if not all(each.form.compiled for each in components):
            return self.others.expect(rows, components, references, threads=threads)
        step = self.native.EStep([_components(each) for each in components], n_threads(threads), coarse)
        for block in [rows] if isinstance(rows, Rows) else rows:
            step.add(_rows(block))
        known: Sequence[Reference | None] = references or [None] * len(components)
        found = zip(components, step.statistics(), known, strict=True)
        return [_statistics(each.form, raw, reference) for each, raw, reference in found]

    def posterior(
        self, rows: Rows, components: Components, responsibilities: bool, threads: int | None = None
    ) -> tuple[Array, Array | None]:
        if not components.form.compiled:
            return self.others.posterior(rows, components, responsibilities, threads)
        log_density, posteriors = self.native.posterior(
            _rows(rows), _components(components), responsibilities, n_threads(threads)
        )
        return log_density, posteriors

    def truncated(
        self,
        rows: Rows,
        labels: NDArray[np.intp],
        n_kept: int,
        n_neighbors: int,
        reference: Reference,
        threads: int | None = None,
    ) -> TruncatedExpect:
        numbers = np.ascontiguousarray(labels, np.float64)
        step = self.native.TruncatedEStep(_rows(rows), numbers, n_kept, n_neighbors, n_threads(threads))

        def expect(components: Components) -> SufficientStatistics:
            return _statistics(components.form, step.expect(_components(components)), reference)

        return expect

    def expected_values(self, rows: Rows, components: Components, threads: int | None = None) -> Array:
        if not components.form.compiled:
            return self.others.expected_values(rows, components, threads)
        return np.asarray(self.native.expected_values(_rows(rows), _components(components), n_threads(threads)))

    def prepare(self, form: Form, weights: Array, means: Array, covariances: Array) -> Components:
        if not form.compiled:
            return self.others.prepare(form, weights, means, covariances)
        found = self.native.prepare(form.code, weights, means, covariances)
        if found is None:
            raise np.linalg.LinAlgError("a covariance is not positive definite")
        constants, factor, whitener = found
        for array in found:
            array.flags.writeable = False
        return Components(form, constants, means, factor, whitener)

    def maximize(
        self,
        statistics: Sequence[SufficientStatistics],
        structure: Structure,
        prior: SufficientStatistics | None = None,
    ) -> list[Parameters | None]:
        if not (statistics and structure.compiled_code):
            return [None] * len(statistics)
        term, reference = None if prior is None else _raw(prior), _reference(statistics[0].reference)
        every = [_raw(replace(each, extra={})) for each in statistics]  # an M-step needs no further sums
        found: list[Parameters | None] = self.native.maximize(
            structure.compiled_code, structure.form.code, every, term, reference
        )
        return found

    def label_statistics(
        self, form: Form, rows: Rows, labels: Sequence[NDArray[np.intp]], n_components: int, reference: Reference
    ) -> list[SufficientStatistics]:
        if not form.compiled or (form in (FULL, TIED) and rows.values.shape[1] > _ROW_BY_ROW):
            return super().label_statistics(form, rows, labels, n_components, reference)
        values, floats = np.ascontiguousarray(rows.points, np.float64), [one.astype(np.float64) for one in labels]
        found = self.native.label_statistics(form.code, _rows(Rows(values, rows.weights)), floats, n_components)
        return [_statistics(form, (*raw[:5], np.nan, raw[6]), reference) for raw in found]

    def cluster(self, points: Array, mass: Array, sweeps: int, draws: Array) -> NDArray[np.intp]:
        return np.asarray(self.native.cluster(np.ascontiguousarray(points), mass, sweeps, draws), np.intp)

    def nearest(self, points: Array, centers: Array) -> NDArray[np.intp]:
        found = self.native.nearest(np.ascontiguousarray(points), np.ascontiguousarray(centers))
        return np.asarray(found, np.intp)

    def neighbors(self, centers: Array, n: int, before: NDArray[np.intp] | None = None) -> NDArray[np.intp]:
        known = None if before is None else before.astype(np.float64)
        return np.asarray(self.native.neighbors(np.ascontiguousarray(centers), n, known), np.intp)

    def nearest_neighbors(
        self, points: Array, centers: Array, labels: NDArray[np.intp], neighbors: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        places = labels.astype(np.float64), neighbors.astype(np.float64)
        found = self.native.nearest_neighbors(np.ascontiguousarray(points), np.ascontiguousarray(centers), *places)
        return np.asarray(found, np.intp)

    def draw(
        self, components: Components, labels: NDArray[np.intp], seed: tuple[int, int], threads: int | None = None
    ) -> Array:
        if not components.form.compiled:
            return self.others.draw(components, labels, seed, threads)
        raw = _components(components)
        return np.asarray(self.native.draw(raw, labels.astype(np.float64), *seed, n_threads(threads)))

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
        if not starts:
            return []
        form = starts[0].components().form
        if not form.compiled:
            return self.others.run(rows, starts, reference, rule, rounds, patient=patient, threads=threads)

        def expect(raw: Raw, coarsely: bool) -> Raw:
            assert not isinstance(rows, Rows)
            constants, means, factor, whitener, degrees_of_freedom, groups, given = raw[1:]
            family, background = family_of(degrees_of_freedom), None if given is None else _background_of(given)
            components = Components(form, constants, means, factor, whitener, family, groups, background)
            return _raw(rows(components, coarsely))

        found = self.native.run(
            _rows(rows) if isinstance(rows, Rows) else expect,
            [_start(model, reference, patient) for model in starts],
            _reference(reference),
            [(_rule(each.rule, reference.total_weight), each.most) for each in rounds],
            _rule(rule, reference.total_weight),
            patient,
            coarse,
            n_threads(threads),
        )
        ends = []
        for place, result, raw, history, ended, sound in found:
            model, statistics = None, None
            if raw is not None:
                model = result.model if isinstance(result, _PythonModel) else starts[place].with_parameters(*result)
                statistics = _statistics(form, raw, reference)
            ends.append(RunEnd(place, model, statistics, history, _REASONS[ended], sound))
        return ends


class _PythonModel:
    """A model whose M-step and objective are in Python, with the methods that the compiled run calls."""

    def __init__(self, model: Model, reference: Reference) -> None:
        form, *arrays, family, groups, background = model.components()
        constants, means, factor, whitener = (np.ascontiguousarray(array, np.float64) for array in arrays)
        self.components = Components(form, constants, means, factor, whitener, family, groups, background)
        self.model, self.reference = model, reference

    def raw_components(self) -> Raw:
        return _components(self.components)

    def raw_maximize(self, raw: Raw) -> tuple[_PythonModel, bool] | None:
        """The model after the M-step, and whether a component has collapsed; None if there is no such model."""
        try:
            model = self.model.maximize(self._statistics(raw))
            if not isinstance(model, Model):
                raise TypeError(f"{type(self.model).__name__}.maximize returned {model!r}; return a Model")
            after = _PythonModel(model, self.reference)
            return after, has_collapsed(after.components, self.reference)
        except np.linalg.LinAlgError:
            return None

    def raw_objective(self, raw: Raw) -> float:
        return float(self.model.objective(self._statistics(raw)))

    def _statistics(self, raw: Raw) -> SufficientStatistics:
        return _statistics(self.components.form, raw, self.reference)


def _start(model: Model, reference: Reference, patient: bool) -> _PythonModel | Raw:
    compiled = model.compiled(reference)
    if compiled is None:
        return _PythonModel(model, reference)
    structure, weights, means, covariances, prior, groups, background, blur = compiled

    def maximize(raw: Raw) -> Raw | None:
        """The M-step in Python, if the compiled one fails; None if it fails too."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # numbers may leave the range of float64
                after = model.maximize(_statistics(structure.form, raw, reference))
                collapsed = has_collapsed(after.components(), reference)
        except np.linalg.LinAlgError:
            return None
        found = after.compiled(reference)
        assert found is not None
        parameters = (np.ascontiguousarray(array) for array in (found.weights, found.means, found.covariances))
        return *parameters, collapsed

    term, fallback = None if prior is None else _raw(prior), maximize if patient else None
    box = None if background is None else _background(background)
    parameters = weights, means, covariances
    return structure.compiled_code, structure.form.code, *parameters, groups, term, fallback, box, blur


def _rule(rule: StoppingRule, total_weight: float) -> Raw:
    def judge(history: list[float], at_rest: bool, remaining: float) -> int | None:
        reason = rule.judge(history, total_weight, at_rest, remaining)
        if reason is None:
            return None
        if reason not in _REASONS:
            raise TypeError(f"{type(rule).__name__}.judge returned {reason!r}; return a gmix.Reason or None")
        return _REASONS.index(reason)

    overridden = type(rule).judge is not StoppingRule.judge
    return *rule.numbers(total_weight), judge if overridden else None


def _rows(rows: Rows) -> Raw:
    errors = rows.errors
    if errors is not None and errors.strides[0] == 0:  # those of all rows
        errors = errors[:1]
    weights, labels, errors, evidence = (
        None if array is None else np.ascontiguousarray(array, np.float64)
        for array in (rows.weights, rows.labels, errors, rows.log_evidence)
    )
    return rows.values, weights, rows.incomplete, labels, errors, evidence


def _components(components: Components) -> Raw:
    form, *arrays, family, groups, background = components
    given = None if background is None else _background(background)
    degrees = np.array(np.broadcast_to(family.degrees_of_freedom, len(arrays[1]))) if family.has_factors else math.inf
    return form.code, *arrays, degrees, groups, given


def _background(background: Background) -> Raw:
    log_weight = math.log(background.weight) if background.weight > 0.0 else -math.inf
    return log_weight, background.low, background.high, background.log_densities


def _background_of(raw: Raw) -> Background:
    log_weight, low, high, log_densities = raw
    density = None if np.isfinite(low).all() else math.exp(log_densities.sum())
    return Background(min(math.exp(log_weight), 1.0), low, high, density)


def _raw(s: SufficientStatistics) -> Raw:
    arrays = (np.ascontiguousarray(array, np.float64) for array in (s.counts, s.mass, s.mean, s.scatter, s.divisor))
    extra = {name: np.ascontiguousarray(array.reshape(s.n_components, -1)) for name, array in s.extra.items()}
    return *arrays, s.log_likelihood, extra


def _statistics(form: Form, raw: Raw, reference: Reference | None) -> SufficientStatistics:
    counts, mass, mean, scatter, divisor, log_likelihood, extra = raw
    if reference is None:
        return SufficientStatistics(form, mass, mean, scatter, log_likelihood, counts, divisor, extra=extra)
    return SufficientStatistics(
        form, mass, mean, scatter, log_likelihood, counts, divisor, reference.total_weight, reference, extra
    )


def _reference(reference: Reference) -> Raw:
    scatter = np.ascontiguousarray(np.atleast_1d(reference.complete_scatter))
    error = None if reference.error is None else np.ascontiguousarray(reference.error)
    return np.ascontiguousarray(reference.floor), scatter, reference.total_weight, error
