"""Draws from the posterior of a mixture by Gibbs sampling, with splits and merges of clusters."""

from gmix.gibbs.draws import AlignedDraws, PosteriorDraws
from gmix.gibbs.posterior import posterior

__all__ = ["AlignedDraws", "PosteriorDraws", "posterior"]
