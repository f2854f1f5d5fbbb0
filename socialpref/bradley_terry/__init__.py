"""Bradley–Terry fits: the rewards that standard DPO learns from a set of comparisons."""

from .cycles import Cycles, find_cycles
from .davidson import DavidsonFit, fit_davidson
from .design import PairDesign, observed_design
from .estimates import RewardFit
from .fit import BradleyTerryFit, fit_bradley_terry
from .goodness import GoodnessOfFit, goodness_of_fit
from .plackett_luce import PlackettLuceFit, fit_plackett_luce
from .ranks import RankIntervals

__all__ = [
    "BradleyTerryFit",
    "Cycles",
    "DavidsonFit",
    "GoodnessOfFit",
    "PairDesign",
    "PlackettLuceFit",
    "RankIntervals",
    "RewardFit",
    "find_cycles",
    "fit_bradley_terry",
    "fit_davidson",
    "fit_plackett_luce",
    "goodness_of_fit",
    "observed_design",
]
