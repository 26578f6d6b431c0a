"""Refinement: moves from one local optimum of the likelihood to a better one, and how sure it is that none is left."""

from gmix.fitting.refinement.effort import Effort
from gmix.fitting.refinement.optima import Optima, Optimum, allowance, chance_of_better
from gmix.fitting.refinement.refine import Place, Refiner

__all__ = ["Effort", "Optima", "Optimum", "Place", "Refiner", "allowance", "chance_of_better"]
