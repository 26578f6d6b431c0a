"""Starts: the mixtures that EM runs begin from, made from the rows or given by the user."""

from gmix.fitting.start.choose import NAMES, as_start
from gmix.fitting.start.contract import Start, StartingMixtures
from gmix.fitting.start.given import GivenMixture, GivenResponsibilities
from gmix.fitting.start.k_means_plus_plus import KMeansPlusPlus
from gmix.fitting.start.labeled import SeedRows
from gmix.fitting.start.labeled_rows import LabeledRows
from gmix.fitting.start.many_clusters import MANY
from gmix.fitting.start.warm import WarmStart
from gmix.fitting.start.with_background import WithBackground, without_clutter
from gmix.fitting.start.with_tails import WithTails

__all__ = [
    "MANY", "NAMES", "GivenMixture", "GivenResponsibilities", "KMeansPlusPlus", "LabeledRows", "SeedRows", "Start",
    "StartingMixtures", "WarmStart", "WithBackground", "WithTails", "as_start", "without_clutter",
]  # fmt: skip
