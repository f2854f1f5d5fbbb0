"""Every method of the table, trained: on annotations, or on the expectation over a population."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, inf
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..limits import VarianceForm
from ..methods import METHODS, Information
from ..population import Population
from .annotations import Annotations, Cells, expected_cells
from .fit import Fit, fit_exact, result_of
from .joint import LatentClasses, fit_latent_classes
from .objectives import JointLikelihood, Objective, TrueJoint, agreement_only, corrected, dpo

Floats = NDArray[np.float64]
STEP = 0.25
"""How fast the strength of the correction grows from DPO's solution."""
CORNER = 0.01
"""On annotations minima often lie where the clamp begins; the corner is rounded by this part."""


def learn(
    method: str,
    data: Annotations | Population | Sequence[Population],
    *,
    alpha: float = 1.0,
    form: VarianceForm = "F1",
    clamp: float = 0.1,
    joint: JointLikelihood | None = None,
    n_classes: int = 3,
    shares: ArrayLike | None = None,
    sampling: ArrayLike | None = None,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
    ridge: float = 0.0,
    tolerance: float = 1e-9,
    device: str | torch.device = "cpu",
) -> Fit:
    """Train a table of scores by a method, to the minimum of its loss.

    Parameters
    ----------
    method : str
        A name in `socialpref.methods.METHODS`.
    data : Annotations, Population or sequence of Population
        With a population, or one for each prompt, the loss is its expectation: training with
        unlimited annotations and the true joint likelihood.
    alpha, form, clamp
        Of corrected DPO, whose minimum is followed from DPO's as alpha grows. With annotations
        the clamp's corner is rounded by one hundredth of it.
    joint : JointLikelihood, optional
        For corrected DPO; learned from the annotations if omitted.
    n_classes : int
        Of the joint likelihood, where it is learned.
    shares : array_like, shape (T,), optional
        Of the types, for reward averaging; those among the annotations if omitted.
    sampling : array_like, optional
        With a population, as for `expected_cells`.
    beta, reference, ridge, tolerance, device
        As for `fit_exact`.

    Returns
    -------
    Fit
        Of a method with several fits, the sum of iterations and the largest residual.

    Raises
    ------
    InputError
        If the method is unknown or the annotations do not tell what it needs.
    ConvergenceError
        As for `fit_exact` and `fit_latent_classes`.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import learn
    >>> learn("agreement", mediocre_winner()).policy.round(4)
    array([[0.3513, 0.2974, 0.3513]])
    """
    if method not in METHODS:
        must = f"one of {', '.join(map(repr, METHODS))}"
        raise _validate.complaint("method", must, repr(method))
    fitting = _Fitting(
        data=(data,) if isinstance(data, Population) else data,
        sampling=sampling,
        options={
            "beta": beta,
            "reference": reference,
            "ridge": ridge,
            "tolerance": tolerance,
            "device": device,
        },
    )
    if method == "dpo":
        return fitting.of(fitting.cells("anonymous"))
    if method == "agreement":
        return fitting.of(fitting.cells("panel"), agreement_only)
    if method == "reward-averaging":
        return fitting.average_by_type(shares)
    if method == "latent-classes":
        return fitting.mixture_average(fitting.mixture(n_classes))
    known = fitting.joint(n_classes) if joint is None else joint
    return fitting.corrected(_validate.number("alpha", alpha, 0.0), known, form, clamp)


@dataclass(frozen=True)
class _Fitting:
    """Data, and what is the same for every fit to them."""

    data: Annotations | Sequence[Population]
    sampling: ArrayLike | None
    options: dict[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        """The numbers of prompts and of alternatives."""
        if isinstance(self.data, Annotations):
            return self.data.n_prompts, self.data.n_options
        return len(self.data), self.data[0].n_options

    def cells(self, information: Information) -> Cells:
        """Return the data added up, or their expectation."""
        if not isinstance(self.data, Annotations):
            return expected_cells(self.data, information, sampling=self.sampling)
        return self.data.unanimous_cells() if information == "panel" else self.data.cells()

    def joint(self, n_classes: int) -> JointLikelihood:
        """Return the joint likelihood: learned, or the population's own."""
        if isinstance(self.data, Annotations):
            return self.mixture(n_classes)
        return TrueJoint(self.data)

    def mixture(self, n_classes: int) -> LatentClasses:
        """Return the latent classes of linked comparisons."""
        if not isinstance(self.data, Annotations):
            raise _validate.complaint("data", "annotations for latent classes", "a population")
        return fit_latent_classes(self.data, n_classes)

    def of(self, cells: Cells, objective: Objective = dpo, **more: Any) -> Fit:
        """Fit a table."""
        X, K = self.size
        return fit_exact(cells, objective, n_prompts=X, n_options=K, **self.options, **more)

    def corrected(
        self, alpha: float, joint: JointLikelihood, form: VarianceForm, clamp: float
    ) -> Fit:
        """Follow DPO's minimum while the correction grows."""
        cells = self.cells("linked")
        rounding = CORNER * clamp if isinstance(self.data, Annotations) and clamp < inf else 0.0
        fits = [self.of(cells)]
        for strength in np.linspace(0.0, alpha, 1 + ceil(alpha / STEP))[1:]:
            objective = corrected(float(strength), form=form, clamp=clamp, rounding=rounding)
            fits.append(self.of(cells, objective, joint=joint, start=fits[-1].rewards))
        return replace(fits[-1], iterations=sum(fit.iterations for fit in fits))

    def average_by_type(self, shares: ArrayLike | None) -> Fit:
        """Fit one reward model to each type's comparisons, and average them."""
        parts: list[Cells] = []
        if isinstance(self.data, Annotations):
            types = self.data.annotator_type
            if types is None:
                must = "known for reward averaging"
                raise _validate.complaint("annotator_type", must, "None")
            counts = np.bincount(types)
            if not counts.all():
                must = "numbered from 0 without gaps"
                raise _validate.complaint("annotator_type", must, f"none of {counts.argmin()}")
            parts = [self.data.take(types == u).cells() for u in range(len(counts))]
            weights = counts / counts.sum()
        else:
            weights = self.data[0].shares
            for u in range(len(weights)):
                alone = [Population(one.rewards[[u]], link=one.link) for one in self.data]
                parts.append(expected_cells(alone, sampling=self.sampling))
        if shares is not None:
            weights = _validate.distribution("shares", shares, len(parts))
        fits = [self.of(part) for part in parts]
        return self._policy(
            sum(share * fit.rewards for share, fit in zip(weights, fits, strict=True)),
            loss=float(weights @ [fit.loss for fit in fits]),
            residual=max(fit.residual for fit in fits),
            iterations=sum(fit.iterations for fit in fits),
        )

    def mixture_average(self, mixture: LatentClasses) -> Fit:
        """Average the rewards of latent classes."""
        return self._policy(
            mixture.mean_rewards(),
            loss=-mixture.log_likelihood,
            residual=mixture.residual,
            iterations=mixture.iterations,
        )

    def _policy(self, rewards: Floats, **evidence: Any) -> Fit:
        beta, reference = self.options["beta"], self.options["reference"]
        scores = torch.as_tensor(rewards / beta)
        return result_of(scores, beta, reference, **evidence)
