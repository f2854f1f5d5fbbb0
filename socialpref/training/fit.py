"""Exact fits: policies at the minimum of a loss over all the data, added up by pair."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from .. import _validate
from ..errors import ConvergenceError, InputError
from .annotations import Cells
from .objectives import JointLikelihood, Objective, dpo, tensors_of
from .policies import Tabular

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fit:
    """A policy learned from annotations, with the evidence.

    Attributes
    ----------
    policy : ndarray, shape (X, K)
        For each of X prompts.
    rewards : ndarray, shape (X, K)
        The implicit rewards ``beta log(policy / reference)``, centred for each prompt.
    loss : float
        The objective, at the end of an exact fit; its mean over the last 100 steps of one by
        minibatches.
    residual : float
        The largest absolute derivative of the objective; NaN for minibatches, which have no
        stopping rule.
    iterations : int
        Evaluations of an exact fit, or steps.
    """

    policy: Floats
    rewards: Floats
    loss: float
    residual: float
    iterations: int


def fit_exact(
    cells: Cells,
    objective: Objective = dpo,
    *,
    policy: nn.Module | None = None,
    joint: JointLikelihood | None = None,
    n_prompts: int | None = None,
    n_options: int | None = None,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
    start: ArrayLike | None = None,
    ridge: float = 0.0,
    tolerance: float = 1e-9,
    max_iterations: int = 2000,
    device: str | torch.device = "cpu",
) -> Fit:
    """Minimise an objective over all the data at once, by L-BFGS in double precision.

    Labels added up by pair are all that the losses see of the data, so one pass over it, in
    `Annotations.cells`, is enough.

    Parameters
    ----------
    cells : Cells
        From `Annotations.cells`, `Annotations.unanimous_cells` or `expected_cells`.
    objective : callable
        `dpo`, ``corrected(alpha)``, `agreement_only`, or your own.
    policy : torch.nn.Module, optional
        From prompts to scores; trained in place. A table if omitted.
    joint : JointLikelihood, optional
        For corrected DPO: a `LatentClasses`, or the `TrueJoint`.
    n_prompts, n_options : int, optional
        Sizes of a table; those seen in `cells` if omitted.
    beta, reference
        As for `dpo_limit`; the reference is of shape (K,), for all prompts, or (X, K).
    start : array_like, shape (X, K), optional
        Implicit rewards to begin a table from; 0 if omitted. What is found for a loss that is
        not convex depends on it.
    ridge : float
        Adds ``ridge / 2`` times the squared scores, summed, over the number of comparisons: with
        a normal prior of this precision on each score. Keeps alternatives that never lose
        finite.
    tolerance : float
        The largest absolute derivative that is accepted, with the weights of all cells summing
        to 1. For beta < 1 it is multiplied by beta^2, as curvature is.
    max_iterations : int
    device : str or torch.device

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        If an argument is out of range, or a table is fitted without `ridge` to comparisons that
        leave alternatives apart.
    ConvergenceError
        If the tolerance is not reached, as when an alternative wins always, or the objective
        stops being finite.

    Examples
    --------
    >>> from socialpref import dpo_limit
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import expected_cells, fit_exact
    >>> fit = fit_exact(expected_cells(mediocre_winner()))
    >>> abs(fit.policy[0] - dpo_limit(mediocre_winner()).policy).max() < 1e-8
    np.True_
    """
    _validate.number("beta", beta, 0.0, above=True)
    _validate.number("ridge", ridge, 0.0)
    tolerance = _validate.number("tolerance", tolerance, 0.0, above=True) * min(1.0, beta) ** 2
    X = int(cells.prompt.max()) + 1 if n_prompts is None else n_prompts
    K = int(max(cells.first.max(), cells.second.max())) + 1 if n_options is None else n_options
    reference_of(reference, (X, K))
    where = torch.device(device)
    network = Tabular(X, K) if policy is None else policy
    if start is not None:
        if not isinstance(network, Tabular):
            raise _validate.complaint("start", "omitted for a policy other than a table", "rewards")
        begin = _validate.real_array("start", start, 2)
        if begin.shape != (X, K):
            raise _validate.complaint("start", f"of shape ({X}, {K})", f"shape {begin.shape}")
        network.scores.data = torch.as_tensor(begin / beta)
    network = network.to(where, torch.float64)
    first, second, batch = tensors_of(cells, X, K, joint, where, torch.float64)
    if isinstance(network, Tabular) and not ridge:
        _check_compared(cells, X, K)
    prompts, comparisons = torch.arange(X, device=where), float(cells.total.sum())
    with torch.no_grad():
        check_scores(network(prompts), (X, K))
    optimiser = torch.optim.LBFGS(
        network.parameters(),
        max_iter=max_iterations,
        max_eval=2 * max_iterations,
        tolerance_grad=tolerance,
        tolerance_change=0.0,
        history_size=30,
        line_search_fn="strong_wolfe",
    )
    calls = 0

    def evaluate() -> Tensor:
        nonlocal calls
        calls += 1
        optimiser.zero_grad()
        scores = network(prompts)
        flat = beta * scores.flatten()
        loss = objective(flat[first] - flat[second], batch)
        if ridge:
            loss = loss + ridge / (2.0 * comparisons) * (scores**2).sum()
        if not torch.isfinite(loss):
            now = float(loss.detach())
            raise ConvergenceError(f"exact fit: the loss is {now} at evaluation {calls}")
        loss.backward()
        return loss

    def residual() -> float:
        grads = [p.grad for p in network.parameters() if p.grad is not None]
        return max(float(grad.abs().max()) for grad in grads)

    optimiser.step(evaluate)
    loss = float(evaluate().detach())
    if residual() > tolerance:
        # Next to the minimum the loss is flat to rounding, and tells a line search nothing.
        optimiser.param_groups[0].update(line_search_fn=None, max_iter=300)
        optimiser.step(evaluate)
        loss = float(evaluate().detach())
    if not residual() <= tolerance:
        raise ConvergenceError(
            f"exact fit: the largest derivative is {residual():.2e} after {calls} evaluations, "
            f"more than {tolerance:g}; alternatives that always win or lose have no finite "
            "optimum (a 'ridge' gives it one)"
        )
    with torch.no_grad():
        scores = network(prompts)
    flat = beta * scores.flatten()
    if not ridge and _run_away(cells, K, (flat[first] - flat[second]).cpu().numpy(), tolerance):
        raise ConvergenceError(
            "exact fit: some alternatives always win or lose against others, which has no finite "
            "optimum; a 'ridge' gives it one"
        )
    return result_of(scores, beta, reference, loss, residual(), calls)


def _check_compared(cells: Cells, X: int, K: int) -> None:
    """Refuse comparisons that say nothing about some differences of a table's scores."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    at = cells.prompt * K + cells.first, cells.prompt * K + cells.second
    graph = coo_array((np.ones(len(at[0])), at), shape=(X * K, X * K))
    _, part = connected_components(graph, directed=False)
    apart = (part.reshape(X, K) != part[::K, None]).any(axis=1)
    if apart.any():
        raise InputError(
            "'cells' must let all alternatives be compared, if through others, or a 'ridge' be "
            f"given; got {apart.sum()} of {X} prompts, prompt {apart.argmax()} first, at which "
            "some never are."
        )


def _run_away(cells: Cells, K: int, margin: Floats, tolerance: float) -> bool:
    """Return whether groups that never lose to others have run away from them.

    Likelihoods then have no maximum (Ford's condition), though their derivatives end up below
    any tolerance; losses that do have one stay in sight.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = cells.prompt * K + cells.first, cells.prompt * K + cells.second
    won, lost = cells.wins > 0.0, cells.losses > 0.0
    better = np.concatenate([first[won], second[lost]])
    worse = np.concatenate([second[won], first[lost]])
    size = int(max(first.max(), second.max())) + 1
    beats = coo_array((np.ones(len(better)), (better, worse)), shape=(size, size))
    _, group = connected_components(beats, connection="strong")
    apart = (group[first] != group[second]) & (won | lost)
    pull = cells.total / cells.total.sum() * np.exp(-cells.n_labels * np.abs(margin))
    return bool(apart.any()) and bool((pull[apart] <= tolerance).all())


def check_scores(scores: Tensor, sizes: tuple[int, ...]) -> None:
    """Refuse a policy whose scores are not of the problem's sizes."""
    if scores.shape != sizes:
        raise _validate.complaint(
            "policy", f"one with scores of shape {sizes}", f"{tuple(scores.shape)}"
        )


def result_of(
    scores: Tensor,
    beta: float,
    reference: ArrayLike | None,
    loss: float,
    residual: float,
    iterations: int,
) -> Fit:
    """Return the fit whose policy is ``reference exp(scores)``, normalised."""
    values = scores.detach().double().cpu().numpy()
    logits = np.log(reference_of(reference, values.shape)) + values
    policy = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Fit(
        policy=policy / policy.sum(axis=1, keepdims=True),
        rewards=beta * (values - values.mean(axis=1, keepdims=True)),
        loss=loss,
        residual=residual,
        iterations=iterations,
    )


def reference_of(reference: ArrayLike | None, sizes: tuple[int, ...]) -> Floats:
    """Return the reference policy of every prompt, up to its scale."""
    if reference is None:
        return np.ones(sizes)
    given = _validate.any_array("reference", reference, "probabilities")
    if given.shape not in (sizes, sizes[1:]):
        must = f"of shape {sizes[1:]} or {sizes}"
        raise _validate.complaint("reference", must, f"shape {given.shape}")
    _validate.check_shares("reference", given)
    if not given.min() > 0.0:
        raise _validate.complaint("reference", "positive everywhere", f"{given.min():g}")
    return np.broadcast_to(given, sizes)
