"""Values for missing cells, for starts that need complete rows: they are never part of a fit's result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.covariance import structure as as_structure
from gmix.model.gaussian_model import GaussianModel
from gmix.model.imputation import imputed
from gmix.model.kernel import kernel
from gmix.model.mixture import unchecked_mixture
from gmix.model.stopping import StoppingRule

if TYPE_CHECKING:
    from gmix.sources.memory import MemorySource

__all__ = ["filled"]

_RULE = StoppingRule(1e-3, 50)
_MOST_COLUMNS = 100  # more columns are filled in with their means, because a full covariance would take long


def filled(table: MemorySource) -> NDArray[Any]:
    """The rows of a table ``(N, D)``, with missing cells at their conditional means under one Gaussian for all rows."""
    if not table.n_counting:
        return np.where(np.isnan(table.array), table.center, table.array)
    full = table.n_features <= _MOST_COLUMNS and table.n_counting > 2 * table.n_features
    structure = as_structure("VVV" if full else "VVI").in_columns(table.n_features)
    reference = table.reference(structure.form)
    covariance = reference.form.lift(reference.complete_scatter / reference.total_weight, reference.floor)
    start = unchecked_mixture(np.ones(1), reference.mean[None], covariance, structure, None)
    [end] = kernel.run(table.everything, [GaussianModel(start)], reference, _RULE, threads=table.threads)
    mixture = end.model.mixture if isinstance(end.model, GaussianModel) else start
    return imputed(Rows(table.array, incomplete=True), mixture.components, None, table.threads)
