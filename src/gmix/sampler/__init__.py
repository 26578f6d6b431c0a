"""Draws from any density by the Metropolis-Hastings algorithm, with diagnostics of their convergence."""

from gmix.sampler.chains import Chains
from gmix.sampler.sampler import metropolis

__all__ = ["Chains", "metropolis"]
