"""Every method of the table, trained: on annotations, or on the expectation over a population."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from math import ceil, inf
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..comparisons.classes import ClassMixture, fit_latent_classes
from ..comparisons.counts import Cells
from ..comparisons.simulation import expected_cells, populations_of
from ..comparisons.table import Comparisons
from ..errors import InputError
from ..limits.corrected import VarianceForm
from ..methods import METHODS, Information, Method
from ..population import Population
from .exact import Fit, fit_exact, result_of
from .losses import FORMS
from .objectives import JointLikelihood, Objective, TrueJoint, agreement_only, corrected, dpo

Floats = NDArray[np.float64]
Trainer = Callable[..., Fit]
STEP = 0.25
"""How fast the strength of the correction grows from DPO's solution."""
CORNER = 0.01
"""On annotations minima often lie where the clamp begins; the corner is rounded by this part."""
CLASSES = 3
"""Latent classes, where no number is given."""
TABLE = {"ridge": 0.0, "tolerance": 1e-9, "device": "cpu"}
"""Options of the fits of tables."""

_TRAINERS: dict[Method, Trainer] = {}


def trains(method: Method) -> Callable[[Trainer], Trainer]:
    """Return a decorator that registers how a method is fitted.

    Parameters
    ----------
    method : Method
        The row of the table. The function that is registered takes a `Fitting`, and as keywords
        the options of this method and of no other.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from socialpref.methods import METHODS
    >>> from socialpref.comparisons import expected_cells
    >>> from socialpref.training import fit_exact, trains
    >>> half = replace(METHODS["dpo"], name="half-dpo")
    >>> @trains(half)
    ... def fit_half(fitting, *, factor=0.5):
    ...     fit = fitting.of(fitting.cells("anonymous"))
    ...     return fitting.policy(factor * fit.rewards, fit)
    """
    _validate.instance("method", method, Method, "a Method")

    def register(trainer: Trainer) -> Trainer:
        _TRAINERS[method] = trainer
        return trainer

    return register


def options_of(method: Method) -> tuple[str, ...]:
    """Return the options that training by a method takes, beside those of every fit.

    Raises
    ------
    InputError
        If no training is registered for it.
    """
    if method not in _TRAINERS:
        raise InputError(
            f"'method' must be one with a registered training (socialpref.training.trains); "
            f"{method.name!r} has none."
        )
    return tuple(signature(_TRAINERS[method]).parameters)[1:]


def learn(
    method: str,
    data: Comparisons | Population | Sequence[Population],
    *,
    sampling: ArrayLike | None = None,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
    ridge: float = 0.0,
    tolerance: float = 1e-9,
    device: str | torch.device = "cpu",
    **options: Any,
) -> Fit:
    """Train a table of scores by a method, to the minimum of its loss.

    Parameters
    ----------
    method : str
        A name in `socialpref.methods.METHODS`.
    data : Comparisons, Population or sequence of Population
        With a population, or one for each prompt, the loss is its expectation: training with
        unlimited annotations and the true joint likelihood.
    sampling : array_like, optional
        With a population, as for `expected_cells`.
    beta, reference, ridge, tolerance, device
        As for `fit_exact`.
    **options
        Of the method; those of another are refused.

        `corrected-dpo`: `alpha` (1), `form` ("F1") and `clamp` (0.1) as for `corrected_dpo`; the
        minimum is followed from DPO's as alpha grows, and with annotations the clamp's corner is
        rounded by one hundredth of the clamp. `joint`, a JointLikelihood: learned from the
        annotations if omitted, with `n_classes` (3) latent classes; the population's own if
        `data` is one.

        `reward-averaging`: `shares`, one for each type, that rewards are averaged with. If
        omitted they are the types' shares among the annotators, each counted once however many
        labels they gave. Where annotators are not known, every label counts as an annotator.

        `latent-classes`: `n_classes` (3). The classes' shares are of annotators too. No table is
        fitted, so `ridge`, `tolerance` and `device` must be left as they are.

    Returns
    -------
    Fit
        Of a method with several fits, the sum of iterations and the largest residual.

    Raises
    ------
    InputError
        If the method is unknown or has no registered training, an option is not one of its own,
        or the annotations do not tell what it needs.
    ConvergenceError
        As for `fit_exact` and `fit_latent_classes`.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import learn
    >>> learn("agreement", mediocre_winner()).policy.round(4)
    array([[0.3513, 0.2974, 0.3513]])
    """
    row = METHODS[_validate.choice("method", method, METHODS)]
    own = options_of(row)
    for name in options:
        if name not in own:
            must = f"omitted for {method!r}, whose options are: {', '.join(own) or 'none'}"
            raise _validate.complaint(name, must, _validate.shown(options[name]))
    fitting = Fitting(
        data=data if isinstance(data, Comparisons) else populations_of("data", data),
        sampling=sampling,
        options={
            "beta": _validate.number("beta", beta, 0.0, above=True),
            "reference": reference,
            "ridge": ridge,
            "tolerance": tolerance,
            "device": device,
        },
    )
    if sampling is not None and isinstance(data, Comparisons):
        raise _validate.complaint("sampling", "omitted with annotations", _validate.shown(sampling))
    return _TRAINERS[row](fitting, **options)


@dataclass(frozen=True)
class Fitting:
    """Data, and what is the same for every fit to them: what a registered training is given."""

    data: Comparisons | Sequence[Population]
    sampling: ArrayLike | None
    options: dict[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        """The numbers of prompts and of alternatives."""
        if isinstance(self.data, Comparisons):
            return self.data.n_prompts, self.data.n_options
        return len(self.data), self.data[0].n_options

    def cells(self, information: Information) -> Cells:
        """Return the data added up, or their expectation."""
        if not isinstance(self.data, Comparisons):
            return expected_cells(self.data, information, sampling=self.sampling)
        return self.data.unanimous_cells() if information == "panel" else self.data.cells()

    def of(self, cells: Cells, objective: Objective = dpo, **more: Any) -> Fit:
        """Return the table with the least loss of some cells."""
        X, K = self.size
        return fit_exact(cells, objective, n_prompts=X, n_options=K, **self.options, **more)

    def mixture(self, n_classes: int | None) -> ClassMixture:
        """Return the latent classes of linked comparisons."""
        if not isinstance(self.data, Comparisons):
            raise _validate.complaint("data", "annotations for latent classes", "a population")
        return fit_latent_classes(self.data, CLASSES if n_classes is None else n_classes)

    def joint(self, n_classes: int | None) -> JointLikelihood:
        """Return the joint likelihood: learned, or the population's own."""
        if isinstance(self.data, Comparisons):
            return self.mixture(n_classes)
        return TrueJoint(self.data)

    def by_type(self) -> tuple[list[Cells], Floats]:
        """Return the cells of every type, and the types' shares."""
        if isinstance(self.data, Comparisons):
            counts = self.data.annotators_by_type()
            types = self.data.annotator_type
            return [self.data.take(types == u).cells() for u in range(len(counts))], (
                counts / counts.sum()
            )
        shares = self.data[0].shares
        alone = [
            [Population(one.rewards[[u]], link=one.link) for one in self.data]
            for u in range(len(shares))
        ]
        return [expected_cells(one, sampling=self.sampling) for one in alone], shares

    def policy(self, rewards: Floats, *fits: Fit, loss: float | None = None) -> Fit:
        """Return the policy of rewards that were made from other fits."""
        beta, reference = self.options["beta"], self.options["reference"]
        return result_of(
            torch.as_tensor(rewards / beta),
            beta,
            reference,
            loss=fits[0].loss if loss is None else loss,
            residual=max(fit.residual for fit in fits),
            iterations=sum(fit.iterations for fit in fits),
        )


# --- the methods of the table -----------------------------------------------------------


@trains(METHODS["dpo"])
def _dpo(fitting: Fitting) -> Fit:
    return fitting.of(fitting.cells("anonymous"))


@trains(METHODS["agreement"])
def _agreement(fitting: Fitting) -> Fit:
    return fitting.of(fitting.cells("panel"), agreement_only)


@trains(METHODS["corrected-dpo"])
def _corrected(
    fitting: Fitting,
    *,
    alpha: float = 1.0,
    form: VarianceForm = "F1",
    clamp: float = 0.1,
    joint: JointLikelihood | None = None,
    n_classes: int | None = None,
) -> Fit:
    """Follow DPO's minimum while the correction grows."""
    alpha = _validate.number("alpha", alpha, 0.0)
    _validate.choice("form", form, FORMS)
    clamp = _validate.number("clamp", clamp, 0.0, inf, above=True, infinite=True)
    sampled = isinstance(fitting.data, Comparisons)
    if n_classes is not None and (joint is not None or not sampled):
        must = "omitted where the joint likelihood is not learned"
        raise _validate.complaint("n_classes", must, _validate.shown(n_classes))
    known = joint if joint is not None else fitting.joint(n_classes)
    rounding = CORNER * clamp if sampled and clamp < inf else 0.0
    cells = fitting.cells("linked")
    fits = [fitting.of(cells)]
    for strength in np.linspace(0.0, alpha, 1 + ceil(alpha / STEP))[1:]:
        objective = corrected(float(strength), form=form, clamp=clamp, rounding=rounding)
        fits.append(fitting.of(cells, objective, joint=known, start=fits[-1].rewards))
    return replace(fits[-1], iterations=sum(fit.iterations for fit in fits))


@trains(METHODS["reward-averaging"])
def _reward_averaging(fitting: Fitting, *, shares: ArrayLike | None = None) -> Fit:
    """Fit one reward model to each type's comparisons, and average them over people."""
    parts, weights = fitting.by_type()
    if shares is not None:
        weights = _validate.distribution("shares", shares, len(parts))
    fits = [fitting.of(part) for part in parts]
    return fitting.policy(
        np.tensordot(weights, [fit.rewards for fit in fits], 1),
        *fits,
        loss=float(weights @ [fit.loss for fit in fits]),
    )


@trains(METHODS["latent-classes"])
def _latent_classes(fitting: Fitting, *, n_classes: int | None = None) -> Fit:
    """Average the rewards of the latent classes of linked comparisons."""
    for name, default in TABLE.items():
        if fitting.options[name] != default:
            must = "omitted for latent classes, of which no table is fitted"
            raise _validate.complaint(name, must, _validate.shown(fitting.options[name]))
    mixture = fitting.mixture(n_classes)
    beta, reference = fitting.options["beta"], fitting.options["reference"]
    return result_of(
        torch.as_tensor(mixture.mean_rewards() / beta),
        beta,
        reference,
        loss=-mixture.log_likelihood,
        residual=mixture.residual,
        iterations=mixture.iterations,
    )
