"""What a mixture lets you compute as a distribution: probabilities, transformations, combinations and information.

Each module holds one group of methods of `gmix.GaussianMixture` and the functions of components behind them.
"""

from gmix.distribution.algebra import Algebra, Reduction
from gmix.distribution.density_regions import DensityRegions
from gmix.distribution.derivatives import Derivatives, Modes
from gmix.distribution.estimate import BoundedEstimate, Estimate
from gmix.distribution.information import Information
from gmix.distribution.probabilities import Probabilities
from gmix.distribution.rosenblatt import Rosenblatt
from gmix.distribution.separation import Separation

__all__ = ["BoundedEstimate", "DistributionFunctions", "Estimate", "Modes", "Reduction"]


class DistributionFunctions(DensityRegions, Probabilities, Rosenblatt, Algebra, Derivatives, Information, Separation):
    """All methods of a mixture that this package adds."""
