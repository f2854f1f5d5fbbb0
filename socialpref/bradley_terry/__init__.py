"""Bradley–Terry fits: the rewards that standard DPO learns from a set of comparisons."""

from .fit import BradleyTerryFit, fit_bradley_terry

__all__ = ["BradleyTerryFit", "fit_bradley_terry"]
