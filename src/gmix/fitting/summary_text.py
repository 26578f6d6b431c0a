"""The lines of a summary about the components of a mixture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from gmix.base.labels import Label
from gmix.model.spread import Spread, StandardErrors
from gmix.model.student import AnyMixture, StudentMixture, normal_part

__all__ = ["called", "component_lines"]


def called(mixture: AnyMixture) -> str:
    """What a summary calls a mixture of its family."""
    return f"{'Student' if isinstance(mixture, StudentMixture) else 'Gaussian'} mixture"


def component_lines(
    mixture: AnyMixture,
    groups: Sequence[Label | None] | None,
    spread: Spread | None,
    errors: StandardErrors | None,
) -> list[str]:
    """The weights, means and standard deviations of the components, with what is known about their errors.

    Student components have the roots of the diagonals of their scale matrices in place of standard deviations.
    """
    names, student = mixture.names, isinstance(mixture, StudentMixture)
    width = max(10, *(len(name) for name in names)) + 2
    labels = [str(k) for k in range(mixture.n_components)]
    if groups is not None:
        labels = [f"{k} {'' if label is None else label}".rstrip() for k, label in enumerate(groups)]
    first = max(11, *(len(name) + 2 for name in labels))
    text = [f"  {'component':<{first}}{'weight':>9}  {'':<4}" + "".join(f"{name:>{width}}" for name in names)]

    def written(values: Iterable[float], digits: int) -> str:
        return "".join(f"{value:>{width}.{digits}g}" for value in values)

    deviations = np.sqrt(np.diagonal(normal_part(mixture).covariances, axis1=1, axis2=2))
    for k, (weight, mean, deviation) in enumerate(zip(mixture.weights, mixture.means, deviations, strict=True)):
        text.append(f"  {labels[k]:<{first}}{weight:>9.4f}  mean" + written(mean, 5))
        if spread is not None:
            text.append(f"  {'':<{first}}{f'± {spread.weights[k]:.2g}':>9}  ±   " + written(spread.means[k], 2))
        text.append(f"  {'':<{first + 9}}  {'sc' if student else 'sd'}  " + written(deviation, 5))
        if spread is not None:
            of_deviation = np.diagonal(spread.covariances[k]) / (2.0 * np.where(deviation > 0, deviation, 1.0))
            text.append(f"  {'':<{first + 9}}  ±   " + written(of_deviation, 2))
    text += _background_lines(mixture, errors, first)
    return [*text, *_tail_lines(mixture)] if isinstance(mixture, StudentMixture) else text


def _background_lines(mixture: AnyMixture, errors: StandardErrors | None, width: int) -> list[str]:
    """The lines about the background; none without one."""
    if mixture.background is None:
        return []
    text = [f"  {'background':<{width}}{mixture.background.weight:>9.4f}"]
    known = errors is not None and errors.background is not None
    return [*text, f"  {'':<{width}}{f'± {errors.background:.2g}':>9}"] if errors is not None and known else text


def _tail_lines(mixture: StudentMixture) -> list[str]:
    """The lines about the degrees of freedom."""
    degrees = mixture.degrees_of_freedom.tolist()
    how = {"none": "fixed", "all": "estimated for all components", "each": "estimated for each component"}
    values = degrees if mixture.estimated == "each" else degrees[:1]
    written = ", ".join(f"{value:.4g}" for value in values)
    return [
        "",
        "  sc: scales, the roots of the diagonals of the scale matrices",
        f"  degrees of freedom  {written}   ({how[mixture.estimated]})",
    ]
