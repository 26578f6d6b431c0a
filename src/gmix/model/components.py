"""What the kernel sees of a mixture, or of any other model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance import Form

__all__ = ["Components"]

Array = NDArray[np.float64]


class Components(NamedTuple):
    """K weighted densities: ``log w_k N(x | mu_k, L_k L_k') = log_constants[k] - |z|^2 / 2``, ``z = W_k (x - mu_k)``.

    A constant need not be that of a normalized density: variational Bayes has the expectation of its logarithm there.
    """

    form: Form
    log_constants: Array  # (K,)
    means: Array  # (K, D)
    factor: Array  # compact lower Cholesky factors L
    whitener: Array  # their inverses W
