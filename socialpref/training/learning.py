"""Every method, trained: on comparisons, or on the expectation over a population."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from inspect import signature
from math import ceil, inf
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..comparisons.choice import class_evidence
from ..comparisons.classes import ClassMixture, Evidence, fit_latent_classes
from ..comparisons.counts import Cells
from ..comparisons.people import people_by_type
from ..comparisons.simulation import expected_cells, populations_of
from ..comparisons.table import Comparisons
from ..errors import ConvergenceError, InputError
from ..limits.agreement import AgreementOnly
from ..limits.corrected import CorrectedDPO
from ..limits.dpo import DPO
from ..limits.method import Information, Method
from ..limits.typed import LatentClasses, RewardAveraging
from ..population import Population
from .exact import Fit, beta_of, device_of, fit_exact, result_of
from .objectives import JointLikelihood, Objective, TrueJoint, agreement_only, corrected, dpo

Floats = NDArray[np.float64]
STEP = 0.25
"""How fast the strength of the correction grows from DPO's solution."""
STRONGEST = 100.0
"""The largest strength that training follows the minimum to, in 400 fits."""
CORNER = 0.01
"""On comparisons minima often lie where the clamp begins; the corner is rounded by this part."""
TABLE = {"ridge": 0.0, "tolerance": 1e-9, "device": torch.device("cpu")}
"""Options of the fits of tables."""


@singledispatch
def train(method: Method, fitting: "Fitting") -> Fit:
    """Return the fit of a method: the function that trainings are registered with.

    ``@train.register`` registers one for the class of its first argument. It is called with the
    method and a `Fitting`. A training that needs the joint likelihood of linked comparisons also
    has the keyword `joint`.

    Raises
    ------
    InputError
        If no training is registered for the method's class.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from socialpref import DPO
    >>> from socialpref.examples import two_camps
    >>> from socialpref.training import Fitting, learn, train
    >>> @dataclass(frozen=True)
    ... class Half(DPO):
    ...     name = "half"
    >>> @train.register
    ... def train_half(method: Half, fitting: Fitting):
    ...     fit = fitting.of(fitting.cells("anonymous"))
    ...     return fitting.policy(0.5 * fit.rewards, fit)
    >>> (learn(Half(), two_camps()).rewards / learn(DPO(), two_camps()).rewards).round(6)
    array([[0.5, 0.5, 0.5]])
    """
    raise InputError(
        f"'method' must have a registered training (socialpref.training.train); {method!r} has "
        "none."
    )


def has_training(method: Method) -> bool:
    """Return whether a training is registered for the method's class."""
    return train.dispatch(type(method)) is not train.dispatch(object)


def needs_joint(method: Method) -> bool:
    """Return whether a method's training takes a joint likelihood."""
    return "joint" in signature(train.dispatch(type(method))).parameters


def learn(
    method: Method,
    data: Comparisons | Population | Sequence[Population],
    *,
    joint: JointLikelihood | LatentClasses | None = None,
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
    method : Method
        With its options, such as ``CorrectedDPO(alpha=0.5)``.
    data : Comparisons, Population or sequence of Population
        With a population, or one for each prompt, the loss is its expectation: training with
        unlimited comparisons and the true joint likelihood.
    joint : JointLikelihood or LatentClasses, optional
        For corrected DPO only: the joint likelihood of linked comparisons, or the latent classes
        to learn it with. If omitted, it is learned from the comparisons with ``LatentClasses()``,
        or is the population's own if `data` is one.
    sampling : array_like, optional
        With a population, as for `expected_cells`.
    beta, reference, ridge, tolerance, device
        As for `fit_exact`. Latent classes fit no table, so `ridge`, `tolerance` and `device` must
        be left as they are.

    Returns
    -------
    Fit
        Of a method with several fits, the sum of iterations and the largest residual.

    Raises
    ------
    InputError
        If the method has no registered training, `joint` is given to another than corrected DPO,
        or the comparisons do not tell what the method needs.
    ConvergenceError
        As for `fit_exact` and `fit_latent_classes`.

    Notes
    -----
    Corrected DPO follows the minimum from DPO's as alpha grows, up to 100 at most. With
    comparisons the clamp's corner is rounded by one hundredth of the clamp.

    Examples
    --------
    >>> from socialpref import AgreementOnly
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import learn
    >>> learn(AgreementOnly(), mediocre_winner()).policy.round(4)
    array([[0.3513, 0.2974, 0.3513]])
    """
    _validate.instance("method", method, Method, "a method, such as DPO()")
    if joint is not None and not needs_joint(method):
        raise _validate.complaint("joint", f"omitted for {method!r}", _validate.shown(joint))
    fitting = Fitting(
        data=data if isinstance(data, Comparisons) else populations_of("data", data),
        sampling=sampling,
        options={
            "beta": beta_of(beta),
            "reference": reference,
            "ridge": _validate.number("ridge", ridge, 0.0),
            "tolerance": _validate.number("tolerance", tolerance, 0.0, above=True),
            "device": device_of(device),
        },
    )
    if sampling is not None and isinstance(data, Comparisons):
        raise _validate.complaint("sampling", "omitted with comparisons", _validate.shown(sampling))
    options = {} if joint is None else {"joint": joint}
    return train.dispatch(type(method))(method, fitting, **options)


@dataclass(frozen=True)
class Fitting:
    """The data and settings of a fit, which a registered training is given."""

    data: Comparisons | Sequence[Population]
    sampling: ArrayLike | None
    options: dict[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        """The numbers of prompts and of options."""
        if isinstance(self.data, Comparisons):
            return self.data.n_prompts, self.data.n_options
        return len(self.data), self.data[0].n_options

    @property
    def available(self) -> NDArray[np.bool_] | None:
        """Which options exist at each prompt; None if all of them do."""
        return self.data.existing() if isinstance(self.data, Comparisons) else None

    def cells(
        self,
        information: Information,
        replicas: Sequence[int] | None = None,
        lapse: float = 0.0,
    ) -> Cells:
        """Return the data added up, or their expectation; arguments as for `expected_cells`."""
        if not isinstance(self.data, Comparisons):
            return expected_cells(
                self.data, information, sampling=self.sampling, replicas=replicas, lapse=lapse
            )
        if information == "panel":
            return self.data.unanimous_cells(lapse=lapse)
        return self.data.cells()

    def of(self, cells: Cells, objective: Objective = dpo, **more: Any) -> Fit:
        """Return the table with the least loss of some cells."""
        X, K = self.size
        return fit_exact(cells, objective, n_prompts=X, n_options=K, **self.options, **more)

    def classes(self, method: LatentClasses) -> ClassMixture:
        """Return the latent classes of linked comparisons."""
        if not isinstance(self.data, Comparisons):
            raise _validate.complaint("data", "comparisons for latent classes", "a population")
        return fit_latent_classes(self.data, method.n_classes)

    def joint(self, given: JointLikelihood | LatentClasses | None) -> JointLikelihood:
        """Return the given joint likelihood, one learned by latent classes, or the true one."""
        if given is None and not isinstance(self.data, Comparisons):
            return TrueJoint(self.data)
        given = LatentClasses() if given is None else given
        if isinstance(given, LatentClasses):
            given = self.classes(given)
            if given.n_classes > 1 and isinstance(self.data, Comparisons):
                given = replace(given, evidence=class_evidence(self.data, given.n_classes))
        if isinstance(given, ClassMixture) and given.n_classes > 1:
            warn_without_evidence(given.evidence, stacklevel=5)
        return given

    def by_type(self) -> tuple[list[Cells | None], Floats]:
        """Return the cells of every type, None of one without annotators, and people's shares."""
        if isinstance(self.data, Comparisons):
            counts = people_by_type(self.data)
            types = self.data.annotator_type
            parts = [
                self.data.take(types == u).cells() if n else None for u, n in enumerate(counts)
            ]
            return parts, counts / counts.sum()
        shares = self.data[0].shares
        alone = [
            [Population(one.rewards[[u]], link=one.link) for one in self.data]
            for u in range(len(shares))
        ]
        return [expected_cells(one, sampling=self.sampling) for one in alone], shares

    def policy(self, rewards: Floats, *fits: Fit, loss: float | None = None) -> Fit:
        """Return the policy of rewards that were made from other fits."""
        beta, reference = self.options["beta"], self.options["reference"]
        available = self.available
        known = rewards if available is None else np.where(available, rewards, 0.0)
        return result_of(
            torch.as_tensor(known / beta),
            beta,
            reference,
            loss=fits[0].loss if loss is None else loss,
            residual=max(fit.residual for fit in fits),
            iterations=sum(fit.iterations for fit in fits),
            available=available,
        )


def warn_without_evidence(evidence: Evidence | None, stacklevel: int) -> None:
    """Warn of a variance between annotators that nothing speaks for."""
    if evidence is None:
        reason = "were not tried on annotators who were left out; choose_classes does that"
    elif evidence.is_there:
        return
    else:
        reason = (
            "predict the labels of annotators who were left out no better than one class does "
            f"(by {evidence.gain:.2g}, standard error {evidence.gain_error:.2g}) or than they do "
            "for shuffled labels"
        )
    warnings.warn(
        f"the latent classes {reason}: the variance that the loss corrects for may be noise",
        stacklevel=stacklevel,
    )


# --- the trainings of the methods -------------------------------------------------------


@train.register
def _dpo(method: DPO, fitting: Fitting) -> Fit:
    return fitting.of(fitting.cells(method.information))


@train.register
def _agreement(method: AgreementOnly, fitting: Fitting) -> Fit:
    cells = fitting.cells(method.information, method.replicas, method.lapse)
    against = int((cells.wins + cells.losses < 0.0).sum())
    if against:
        raise ConvergenceError(
            f"lapse {method.lapse:g}: the panels of {against} of {len(cells.total)} pairs count "
            "negatively, and the loss need not have a minimum; it takes more panels, or a smaller "
            "lapse"
        )
    return fitting.of(cells, agreement_only)


@train.register
def _corrected(
    method: CorrectedDPO,
    fitting: Fitting,
    *,
    joint: JointLikelihood | LatentClasses | None = None,
) -> Fit:
    """Follow DPO's minimum while the correction grows."""
    data, rounding = fitting.data, 0.0
    if isinstance(data, Comparisons):
        rounding = CORNER * method.clamp if method.clamp < inf else 0.0
    elif joint is None and all(map(method.is_plain, data)):
        return fitting.of(fitting.cells(method.information))
    if method.alpha > STRONGEST:
        must = f"of alpha at most {STRONGEST:g}, to which training follows DPO's minimum"
        raise _validate.complaint("method", must, _validate.shown(method))
    known = fitting.joint(joint)
    cells = fitting.cells(method.information)
    fits = [fitting.of(cells)]
    for strength in np.linspace(0.0, method.alpha, 1 + ceil(method.alpha / STEP))[1:]:
        objective = corrected(
            float(strength), form=method.form, clamp=method.clamp, rounding=rounding
        )
        fits.append(fitting.of(cells, objective, joint=known, start=fits[-1].rewards))
    return replace(fits[-1], iterations=sum(fit.iterations for fit in fits))


@train.register
def _reward_averaging(method: RewardAveraging, fitting: Fitting) -> Fit:
    """Fit one reward model to each type's comparisons, and average them over people."""
    parts, shares = fitting.by_type()
    weights = method.weights(shares)
    absent = [u for u, part in enumerate(parts) if part is None and weights[u] > 0.0]
    if absent:
        must = "known for some annotator of each type that has a share"
        raise _validate.complaint("annotator_type", must, f"none of type {absent[0]}")
    fits = [
        (weight, fitting.of(part))
        for weight, part in zip(weights, parts, strict=True)
        if part is not None and weight > 0.0
    ]
    return fitting.policy(
        sum(w * fit.rewards for w, fit in fits),
        *(fit for _, fit in fits),
        loss=float(sum(w * fit.loss for w, fit in fits)),
    )


@train.register
def _latent_classes(method: LatentClasses, fitting: Fitting) -> Fit:
    """Average the rewards of the latent classes of linked comparisons."""
    for name, default in TABLE.items():
        if fitting.options[name] != default:
            must = "omitted for latent classes, of which no table is fitted"
            raise _validate.complaint(name, must, _validate.shown(fitting.options[name]))
    mixture = fitting.classes(method)
    beta, reference = fitting.options["beta"], fitting.options["reference"]
    return result_of(
        torch.as_tensor(mixture.mean_rewards() / beta),
        beta,
        reference,
        loss=-mixture.log_likelihood,
        residual=mixture.residual,
        iterations=mixture.iterations,
        available=fitting.available,
    )
