"""The options that control a fit, for every command that fits a table."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, get_type_hints

import gmix
from gmix.cli.input import counts_by_label, table_source
from gmix.cli.options import (
    Background,
    BackgroundAuto,
    ColumnNames,
    Components,
    ComponentsPerRow,
    Covariance,
    CovarianceRatio,
    Criterion,
    DegreesOfFreedom,
    Effort,
    EqualWeights,
    Factors,
    Family,
    LabelColumn,
    MaxIterations,
    Memory,
    Missing,
    Prior,
    Quiet,
    RowErrors,
    Seconds,
    Seed,
    Start,
    Threads,
    Tolerance,
    Trim,
    Weights,
)
from gmix.cli.parse import (
    parse_bytes,
    parse_counts,
    parse_degrees,
    parse_errors,
    parse_factors,
    parse_names,
    parse_structures,
)
from gmix.model.stopping import StoppingRule
from gmix.sources import CSV, LocalSource

__all__ = ["FitOptions", "with_fit_options"]

# Options that are needed even if a model is given.
_OF_ROWS = {"columns", "weights", "label_column", "row_errors", "memory", "threads", "quiet", "seed"}


@dataclass(frozen=True)
class FitOptions:
    """The options of `gmix fit`, `gmix select` and `gmix report` that control a fit.

    Raises `ParameterError` for counts, structures, names or an amount of memory that cannot be read.
    """

    components: Components = "auto"
    covariance: Covariance = "auto"
    factors: Factors = None
    criterion: Criterion = "bic"
    family: Family = "gaussian"
    degrees_of_freedom: DegreesOfFreedom = None
    equal_weights: EqualWeights = False
    covariance_ratio: CovarianceRatio = None
    trim: Trim = 0.0
    components_per_row: ComponentsPerRow = None
    background: Background = False
    background_auto: BackgroundAuto = False
    prior: Prior = False
    start: Start = "auto"
    effort: Effort = 1.0
    seconds: Seconds = None
    tolerance: Tolerance = None
    max_iterations: MaxIterations = StoppingRule.max_iterations
    columns: ColumnNames = None
    weights: Weights = None
    missing: Missing = "model"
    label_column: LabelColumn = None
    row_errors: RowErrors = None
    memory: Memory = "512M"
    threads: Threads = None
    quiet: Quiet = False
    seed: Seed = 0

    def __post_init__(self) -> None:
        # Mistakes are reported before a table is read.
        _ = self.counts, self.structures, self.numbers_of_factors, self.names, self.budget, self.errors_of_rows
        _ = self.degrees

    @cached_property
    def counts(self) -> Any:
        """The numbers of components."""
        return parse_counts(self.components)

    @cached_property
    def structures(self) -> Any:
        """The covariance structures."""
        return parse_structures(self.covariance)

    @cached_property
    def numbers_of_factors(self) -> Any:
        """The numbers of factors."""
        return parse_factors(self.factors)

    @cached_property
    def names(self) -> list[str] | None:
        """The names of the columns to use."""
        return parse_names(self.columns)

    @cached_property
    def budget(self) -> float:
        """The memory in bytes."""
        return parse_bytes(self.memory)

    @cached_property
    def errors_of_rows(self) -> list[str] | dict[str, str] | None:
        """The names of the columns of errors."""
        return parse_errors(self.row_errors)

    @cached_property
    def degrees(self) -> float | str | None:
        """The degrees of freedom of Student components."""
        return parse_degrees(self.degrees_of_freedom)

    @property
    def decide_a_model(self) -> bool:
        """Whether any option controls the model, and not only the rows."""
        return any(getattr(self, field.name) != field.default for field in fields(self) if field.name not in _OF_ROWS)

    def source(self, points: Path | CSV, *, quiet: bool) -> LocalSource:
        """The rows of a table. Unless `quiet`, its findings are printed on standard error."""
        return table_source(
            points,
            self.names,
            self.weights,
            self.memory,
            labels=self.label_column,
            row_errors=self.row_errors,
            missing=self.missing,
            threads=self.threads,
            quiet=quiet,
        )

    def fit(self, source: LocalSource, **more: Any) -> gmix.Fit:
        """Fit the rows; `more` are further arguments of `gmix.fit`."""
        return gmix.fit(
            source,
            counts_by_label(self.counts, source),
            covariance=self.structures,
            factors=self.numbers_of_factors,
            criterion=self.criterion,
            family=self.family,
            degrees_of_freedom=self.degrees,
            equal_weights=self.equal_weights,
            covariance_ratio=self.covariance_ratio,
            trim=self.trim,
            components_per_row=self.components_per_row,
            background="auto" if self.background_auto else self.background,
            prior=gmix.NormalInverseWishart() if self.prior else None,
            start=self.start,
            rng=self.seed,
            effort=self.effort,
            seconds=self.seconds,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
            progress=False if self.quiet else None,
            **more,
        )


def with_fit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add these options to a command in place of its parameter `options`, which becomes a `FitOptions`."""
    own = inspect.signature(command, eval_str=True)
    kinds = get_type_hints(FitOptions, include_extras=True)

    @wraps(command)
    def extended(**given: Any) -> None:
        options = FitOptions(**{field.name: given.pop(field.name) for field in fields(FitOptions)})
        command(**given, options=options)

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, each in own.parameters.items()
        for parameter in (
            [
                inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=kinds[f.name])
                for f in fields(FitOptions)
            ]
            if name == "options"
            else [each]
        )
    ]
    extended.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]  # what Typer reads
    return extended
