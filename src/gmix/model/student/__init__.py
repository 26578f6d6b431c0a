"""Mixtures of Student distributions, which have heavier tails than Gaussians, and their estimation by EM."""

from __future__ import annotations

from gmix.model.mixture import GaussianMixture
from gmix.model.student.degrees import LARGEST, SMALLEST, best_degrees
from gmix.model.student.mixture import StudentMixture, gaussian, normal_part, same_family
from gmix.model.student.model import StudentModel

__all__ = [
    "LARGEST",
    "SMALLEST",
    "AnyMixture",
    "StudentMixture",
    "StudentModel",
    "best_degrees",
    "gaussian",
    "normal_part",
    "same_family",
]

AnyMixture = GaussianMixture | StudentMixture  # of components of any family
