"""The components of a mixture, or of another model, as the kernel takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.model.background import Background
from gmix.model.covariance import Form
from gmix.model.families import GAUSSIAN, Family

__all__ = ["Components"]

Array = NDArray[np.float64]


class Components(NamedTuple):
    """K weighted densities of one family, as functions of ``|z|^2`` with ``z = W_k (x - mu_k)``, and of constants.

    For the Gaussian, ``log w_k N(x | mu_k, L_k L_k') = log_constants[k] - |z|^2 / 2``. A constant need not be that of a
    normalized density: variational Bayes uses the expectation of its logarithm.
    """

    form: Form
    log_constants: Array  # (K,)
    means: Array  # (K, D)
    factor: Array  # compact lower Cholesky factors L
    whitener: Array  # their inverses W
    family: Family = GAUSSIAN
    groups: Array | None = None  # (K,) the group of each component, as float64, which the labels of rows name
    background: Background | None = None

    def take(self, chosen: Sequence[int] | NDArray[np.intp]) -> Components:
        """Some of the components, in this order; groups and a background stay as they are."""
        return self._replace(
            log_constants=self.log_constants[chosen],
            means=self.means[chosen],
            factor=self.form.take(self.factor, chosen),
            whitener=self.form.take(self.whitener, chosen),
        )
