"""Exact fits: policies at the minimum of a loss over all the data, added up by pair."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from .. import _validate
from ..comparisons.counts import Cells
from ..errors import ConvergenceError, InputError
from .objectives import JointLikelihood, Objective, dpo, tensors_of
from .policies import Tabular

Floats = NDArray[np.float64]

ACCURACY = 1e-9
"""The largest last Newton step of a table's rewards, beside the largest reward of the prompt."""
NEWTON_STEPS = 400
APART = 1e-8, 1e-5
"""How far on both sides of a margin slopes are taken for its curvature: near 0, and at most, beside
the margin or 1. It grows with the margin: slopes fall, and what rounding does to them may not."""
EPSILON = 8 * float(np.finfo(float).eps)
"""Relative rounding error of a sum of slopes, with some room."""
FLAT = 1e-7
"""Curvatures less than this part of the largest are lost in what rounding does to slopes."""
PUSH = 1e-3
"""The least step along a direction in which the loss curves down: a saddle is left."""
HALVINGS = 30
"""How often a step is halved until the loss does not rise steeply at its end."""
SATURATED = 15.0
"""Margins so large that a loss without a minimum is more likely than one that has it there."""
FAR = 1e3
"""Margins so large that a loss which is not finite there has run away."""
BETAS = 1e-6, 1e6
"""The least and the largest beta of a fit. Scores are rewards over beta; floats hold no more."""
AT_ONCE = 5_000_000
"""Entries of the Hessians that are solved together."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A policy learned from comparisons, with the evidence.

    Attributes
    ----------
    policy : ndarray, shape (X, K)
        For each of X prompts. Options that a prompt does not have get probability 0.
    rewards : ndarray, shape (X, K)
        The implicit rewards ``beta log(policy / reference)``, centred for each prompt. Of an
        exact fit of a table they are right to 1e-8 times the prompt's largest, or to 1e-8 if
        that is less than 1. Options that a prompt does not have are at -inf.
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
    """Minimise an objective over all the data at once, in double precision.

    Labels added up by pair are all that the losses see of the data, so one pass over it, in
    `Comparisons.cells`, is enough. L-BFGS comes near the minimum. For a table Newton's method
    goes on from there until its step says that the rewards are right: a small derivative does not,
    where probabilities are near 0 or 1. It goes downhill where the loss does not curve upwards,
    and ends at a local minimum.

    Parameters
    ----------
    cells : Cells
        From `Comparisons.cells`, `Comparisons.unanimous_cells` or `expected_cells`.
    objective : callable
        `dpo`, ``corrected(alpha)``, `agreement_only`, or your own: a weighted mean over the
        comparisons, each a function of its own margin.
    policy : torch.nn.Module, optional
        From prompts to scores; trained in place. A table if omitted.
    joint : JointLikelihood, optional
        For corrected DPO: a `ClassMixture`, or the `TrueJoint`.
    n_prompts, n_options : int, optional
        Sizes of a table; those of ``cells.available``, or those seen in `cells`, if omitted.
    beta, reference
        As for `DPO.limit`; beta must be from 1e-6 to 1e6, and the reference is of shape (K,), for
        all prompts, or (X, K). Its probability of options that a prompt does not have goes to the
        others.
    start : array_like, shape (X, K), optional
        Implicit rewards to begin a table from; 0 if omitted. What is found for a loss that is
        not convex depends on it.
    ridge : float
        Adds ``ridge / 2`` times the squared scores, summed, over the number of comparisons: with
        a normal prior of this precision on each score. Keeps options that never lose
        finite.
    tolerance : float
        The largest absolute derivative that is accepted, with the weights of all cells summing
        to 1. For beta < 1 it is multiplied by beta^2, as curvature is.
    max_iterations : int
        Of L-BFGS.
    device : str or torch.device

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        If an argument is out of range, a table is fitted without `ridge` to comparisons that
        leave options apart, or the objective does not depend on the margins.
    ConvergenceError
        If the objective has no minimum, as when an option always wins, or has it on a kink
        or a level stretch; if it stops being finite, or the tolerance is not reached.

    Examples
    --------
    >>> from socialpref import DPO
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.comparisons import expected_cells
    >>> from socialpref.training import fit_exact
    >>> fit = fit_exact(expected_cells(mediocre_winner()))
    >>> abs(fit.policy[0] - DPO().limit(mediocre_winner()).policy).max() < 1e-8
    np.True_
    """
    _validate.instance("cells", cells, Cells, "Cells, as from `Comparisons.cells`")
    if not callable(objective):
        raise _validate.complaint("objective", "a function", _validate.shown(objective))
    beta = beta_of(beta)
    ridge = _validate.number("ridge", ridge, 0.0)
    tolerance = _validate.number("tolerance", tolerance, 0.0, above=True) * min(1.0, beta) ** 2
    max_iterations = _validate.integer("max_iterations", max_iterations, 1)
    available = cells.available
    if available is None:
        seen = int(cells.prompt.max()) + 1, int(max(cells.first.max(), cells.second.max())) + 1
    else:
        seen = available.shape
    X = seen[0] if n_prompts is None else _validate.integer("n_prompts", n_prompts, 1)
    K = seen[1] if n_options is None else _validate.integer("n_options", n_options, 2)
    reference_of(reference, (X, K), available)
    where = device_of(device)
    network = Tabular(X, K) if policy is None else policy
    _validate.instance("policy", network, nn.Module, "a torch module")
    if start is not None:
        if not isinstance(network, Tabular):
            raise _validate.complaint("start", "omitted for a policy other than a table", "rewards")
        begin = _validate.any_array("start", start, "rewards")
        if begin.shape != (X, K):
            raise _validate.complaint("start", f"of shape ({X}, {K})", f"shape {begin.shape}")
        begin = begin if available is None else np.where(available, begin, 0.0)
        network.scores.data = torch.as_tensor(_validate.real_array("start", begin, 2) / beta)
    network = network.to(where, torch.float64)
    first, second, batch = tensors_of(cells, X, K, joint, where, torch.float64)
    if isinstance(network, Tabular) and not ridge:
        _check_compared(cells, X, K)
    prompts, comparisons = torch.arange(X, device=where), float(cells.total.sum())
    exists = torch.as_tensor(True if available is None else available, device=where)
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

    def mean_loss(margin: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        loss = objective(margin, batch)
        if not loss.requires_grad:
            raise _validate.complaint("objective", "a function of the margins", "one that is not")
        if not torch.isfinite(loss):
            now, largest = float(loss.detach()), float(margin.detach().abs().max())
            far = "" if largest < FAR else "; no minimum was found, and the rewards run away"
            raise ConvergenceError(f"exact fit: the loss is {now} at evaluation {calls}{far}")
        return loss

    def evaluate() -> Tensor:
        optimiser.zero_grad()
        scores = network(prompts)
        flat = beta * scores.flatten()
        loss = mean_loss(flat[first] - flat[second])
        if ridge:
            loss = loss + ridge / (2.0 * comparisons) * (exists * scores**2).sum()
        loss.backward()
        return loss

    def slope(margin: Floats) -> Floats:
        leaf = torch.as_tensor(margin, device=where).requires_grad_()
        found = np.asarray(torch.autograd.grad(mean_loss(leaf), leaf)[0].cpu())
        if not np.isfinite(found).all():
            raise ConvergenceError(f"exact fit: a derivative is not finite at evaluation {calls}")
        return found

    def residual() -> float:
        grads = [p.grad for p in network.parameters() if p.grad is not None]
        return max(float(grad.abs().max()) for grad in grads)

    optimiser.step(evaluate)
    if isinstance(network, Tabular):
        rewards = beta * network.scores.detach().cpu().numpy()
        rewards = _newton(rewards, slope, cells, ridge / (comparisons * beta**2), tolerance / beta)
        network.scores.data = torch.as_tensor(rewards / beta, device=where)
    loss = float(evaluate().detach())
    if residual() > tolerance and not isinstance(network, Tabular):
        # Next to the minimum the loss is flat to rounding, and tells a line search nothing.
        optimiser.param_groups[0].update(line_search_fn=None, max_iter=300)
        optimiser.step(evaluate)
        loss = float(evaluate().detach())
    if not residual() <= tolerance:
        raise ConvergenceError(
            f"exact fit: the largest derivative is {residual():.2e} after {calls} evaluations, "
            f"more than {tolerance:g}"
        )
    with torch.no_grad():
        scores = network(prompts)
    if not ridge and not isinstance(network, Tabular):
        flat = beta * scores.flatten()
        if _run_away(cells, K, (flat[first] - flat[second]).cpu().numpy(), tolerance):
            raise ConvergenceError(f"exact fit: {UNBOUNDED}")
    return result_of(scores, beta, reference, loss, residual(), calls, available)


# --- the last steps of a table ----------------------------------------------------------

UNBOUNDED = (
    "some options always win or lose against others, which has no finite optimum; a 'ridge' "
    "gives it one"
)


def _newton(
    rewards: Floats,
    slope: Callable[[Floats], Floats],
    cells: Cells,
    ridge: float,
    tolerance: float,
) -> Floats:
    """Return the rewards at a local minimum, by Newton's method, made to descend, from nearby.

    `slope` gives the derivative of the loss by each cell's margin; `ridge` is the curvature that
    a prior gives each reward; `tolerance` is the largest derivative by a reward. Curvatures can
    jump, as at the ends of a rounded corner, and are taken on both sides: the lower one counts.
    Where the loss curves upwards even so, no other minimum is nearby, and the step says how far
    this one is.
    """
    x, y, z = cells.prompt, cells.first, cells.second
    waiting = np.ones(len(rewards), dtype=bool)

    def gradient(force: Floats, rewards: Floats) -> Floats:
        found = ridge * rewards
        np.add.at(found, (x, y), force)
        np.subtract.at(found, (x, z), force)
        return found

    def along(force: Floats, rewards: Floats, step: Floats) -> Floats:
        gaps = force * (step[x, y] - step[x, z])
        return np.bincount(x, gaps, len(step)) + ridge * (rewards * step).sum(axis=1)

    for _ in range(NEWTON_STEPS):
        margin = rewards[x, y] - rewards[x, z]
        force, away = slope(margin), np.abs(margin)
        apart = np.minimum(
            APART[0] * np.exp(np.minimum(cells.n_labels * away / 2.0, SATURATED)),
            APART[1] * np.maximum(1.0, away),
        )
        sides = (
            (slope(other) - force) / (other - margin) for other in (margin + apart, margin - apart)
        )
        step, convex = newton_step(rewards, force, np.minimum(*sides), cells, ridge)
        error, size = (
            np.abs(values - values.mean(axis=1, keepdims=True)).max(axis=1)
            for values in (step, rewards)
        )
        residual = np.abs(gradient(force, rewards)).max(axis=1)
        right = convex & (error <= ACCURACY * np.maximum(1.0, size)) & (residual <= tolerance)
        right &= waiting
        rewards = rewards + np.where(right[:, None], step, 0.0)
        waiting &= ~right
        if not waiting.any():
            return rewards
        step[~waiting] = 0.0
        if not step.any():
            break
        # Over a margin of 1 curvatures change by no more than a factor of e.
        reach = np.zeros(len(step))
        np.maximum.at(reach, x, cells.n_labels * np.abs(step[x, y] - step[x, z]))
        length = 1.0 / np.maximum(1.0, reach)
        fall = along(force, rewards, step)
        noise = EPSILON * along(np.abs(force), np.abs(rewards), np.abs(step))
        for _ in range(HALVINGS):
            trial = rewards + length[:, None] * step
            rise = along(slope(trial[x, y] - trial[x, z]), trial, step)
            steep = rise > 0.5 * np.abs(fall) + noise
            if not steep.any():
                break
            length[steep] /= 2.0
        rewards = trial
    largest = float(np.abs(rewards[x, y] - rewards[x, z]).max())
    if not ridge and _separated(cells, rewards.shape[1]).any():
        raise ConvergenceError(f"exact fit: {UNBOUNDED}")
    if cells.n_labels * largest > SATURATED:
        raise ConvergenceError(
            f"exact fit: no minimum was found; the rewards run away, and margins are at "
            f"{largest:.3g} where training stopped"
        )
    raise ConvergenceError(
        "exact fit: no minimum was found where the loss curves upwards; it has a kink or a flat "
        "stretch there, or none"
    )


def newton_step(
    rewards: Floats, force: Floats, curvature: Floats, cells: Cells, ridge: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return a step downhill of every prompt, and where it is Newton's: the loss curves upwards."""
    X, K = rewards.shape
    nodes = K + (ridge > 0.0)  # a prior ties every option to one more, whose reward is 0
    steps, convex = np.empty((X, K)), np.empty(X, dtype=bool)
    for low in range(0, X, max(1, AT_ONCE // nodes**2)):
        part = slice(low, low + max(1, AT_ONCE // nodes**2))
        base = rewards[part]
        here = (cells.prompt >= low) & (cells.prompt < low + len(base))
        at = cells.prompt[here] - low, cells.first[here], cells.second[here]
        back = at[0], at[2], at[1]
        forces, curvatures = np.zeros((2, len(base), nodes, nodes))
        np.add.at(forces, at, force[here])
        np.add.at(forces, back, -force[here])
        np.add.at(curvatures, at, curvature[here])
        np.add.at(curvatures, back, curvature[here])
        if ridge:
            forces[:, :K, K], forces[:, K, :K] = ridge * base, -ridge * base
            curvatures[:, :K, K] = curvatures[:, K, :K] = ridge
        elif cells.available is not None:
            _tie(curvatures, cells.available[part])
        found, positive = _solve(forces.copy(), curvatures.copy())
        if not positive.all():
            found[~positive] = _downhill(forces[~positive], curvatures[~positive])
        steps[part], convex[part] = found[:, :K], positive
    return steps, convex


def _tie(curvatures: Floats, available: NDArray[np.bool_]) -> None:
    """Tie the options that a prompt does not have to one that it has, which moves no other."""
    prompt, option = np.nonzero(~available)
    anchor = available.argmax(axis=1)[prompt]
    largest = np.abs(curvatures).max(axis=(1, 2))[prompt]
    strength = np.where(largest > 0.0, largest, 1.0)
    curvatures[prompt, option, anchor] = curvatures[prompt, anchor, option] = strength


def _solve(forces: Floats, curvatures: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the step h with ``sum_j c_ij (h_i - h_j) = -sum_j f_ij`` and 0 for the last option.

    Options are eliminated one by one. Where curvatures are positive nothing is subtracted from
    them, nor large forces from each other for a small one (Grassmann, Taksar and Heyman 1985), so
    that gaps to far options are as exact as small ones. Also returned is for which of the X
    problems the matrix is positive; other steps mean nothing. Both arguments, shape (X, n, n), are
    overwritten.
    """
    X, n, _ = forces.shape
    totals = np.empty((X, n - 1))
    with np.errstate(all="ignore"):  # what is not finite is seen at the end
        for k in range(n - 1):
            c, f = curvatures[:, k, k + 1 :], forces[:, k, k + 1 :]
            totals[:, k] = c.sum(axis=1)
            share = c / totals[:, k, None]
            curvatures[:, k + 1 :, k + 1 :] += c[:, :, None] * share[:, None, :]
            passed = share[:, :, None] * f[:, None, :]
            forces[:, k + 1 :, k + 1 :] += passed - passed.swapaxes(1, 2)
        step = np.zeros((X, n))
        for k in reversed(range(n - 1)):
            ahead = curvatures[:, k, k + 1 :] * step[:, k + 1 :] - forces[:, k, k + 1 :]
            step[:, k] = ahead.sum(axis=1) / totals[:, k]
        positive = np.asarray((totals > 0.0).all(axis=1) & np.isfinite(step).all(axis=1))
    return step, positive


def _downhill(forces: Floats, curvatures: Floats) -> Floats:
    """Return steps as if the loss curved up, in each direction, as much as it curves down.

    The last option's is 0; all are, where the loss does not curve at all.
    """
    n = forces.shape[1]
    total = curvatures.sum(axis=2)
    hessian = total[:, :, None] * np.eye(n) - curvatures
    # The constant vector, along which nothing changes, is given a mean curvature.
    hessian += np.abs(total).sum(axis=1)[:, None, None] / n**2
    values, vectors = np.linalg.eigh(hessian)
    largest = np.abs(values).max(axis=1, keepdims=True)
    pull = np.einsum("xij,xi->xj", vectors, forces.sum(axis=2))
    with np.errstate(divide="ignore", invalid="ignore"):
        move = np.where(largest > 0.0, -pull / np.maximum(np.abs(values), FLAT * largest), 0.0)
    least = np.where(values < -FLAT * largest, PUSH, 0.0)
    move = np.copysign(np.maximum(np.abs(move), least), move)
    step = np.einsum("xij,xj->xi", vectors, move)
    return np.asarray(step - step[:, -1:])


# --- data without a finite optimum ------------------------------------------------------


def _check_compared(cells: Cells, X: int, K: int) -> None:
    """Refuse comparisons that say nothing about some differences of a table's scores."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    at = cells.prompt * K + cells.first, cells.prompt * K + cells.second
    graph = coo_array((np.ones(len(at[0])), at), shape=(X * K, X * K))
    _, part = connected_components(graph, directed=False)
    parts, exists = part.reshape(X, K), np.ones((X, K), dtype=bool)
    if cells.available is not None:
        exists = cells.available
    anchors = parts[np.arange(X), exists.argmax(axis=1)]
    apart = ((parts != anchors[:, None]) & exists).any(axis=1)
    if apart.any():
        raise InputError(
            "'cells' must let all options be compared, if through others, or a 'ridge' be "
            f"given; got {apart.sum()} of {X} prompts, prompt {apart.argmax()} first, at which "
            "some never are."
        )


def _separated(cells: Cells, K: int) -> NDArray[np.bool_]:
    """Return which cells are between groups of options one of which never lost to the other.

    Likelihoods then have no maximum (Ford's condition).
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
    return (group[first] != group[second]) & (won | lost)


def _run_away(cells: Cells, K: int, margin: Floats, tolerance: float) -> bool:
    """Return whether groups that never lose to others have run away from them.

    Derivatives of a likelihood without a maximum end up below any tolerance; losses that have a
    minimum stay in sight.
    """
    apart = _separated(cells, K)
    pull = cells.total / cells.total.sum() * np.exp(-cells.n_labels * np.abs(margin))
    return bool(apart.any()) and bool((pull[apart] <= tolerance).all())


def beta_of(beta: float) -> float:
    """Return beta, if a policy can be fitted with it."""
    return _validate.number("beta", beta, *BETAS)


def device_of(device: str | torch.device) -> torch.device:
    """Return a torch device by its name, if this machine has it and it holds numbers."""
    try:
        where = torch.device(device)
        torch.zeros(1, device=where).cpu()
    except (RuntimeError, TypeError, AssertionError, ImportError):
        must = "a torch device of this machine"
        raise _validate.complaint("device", must, _validate.shown(device)) from None
    return where


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
    available: NDArray[np.bool_] | None,
) -> Fit:
    """Return the fit whose policy is ``reference exp(scores)``, normalised."""
    values = scores.detach().double().cpu().numpy()
    exists = np.ones(values.shape, dtype=bool) if available is None else available
    weights = reference_of(reference, values.shape, available)
    logits = np.full(values.shape, -np.inf)
    logits[exists] = np.log(weights[exists]) + values[exists]
    policy = np.exp(logits - logits.max(axis=1, keepdims=True))
    centre = values.mean(axis=1, keepdims=True, where=exists)
    return Fit(
        policy=policy / policy.sum(axis=1, keepdims=True),
        rewards=np.where(exists, beta * (values - centre), -np.inf),
        loss=loss,
        residual=residual,
        iterations=iterations,
    )


def reference_of(
    reference: ArrayLike | None, sizes: tuple[int, ...], available: NDArray[np.bool_] | None
) -> Floats:
    """Return the reference policy of every prompt, up to its scale."""
    if available is not None and available.shape != sizes:
        must = f"of the prompts and options of 'cells', {available.shape}"
        raise _validate.complaint("n_prompts, n_options", must, sizes)
    if reference is None:
        return np.ones(sizes)
    given = _validate.any_array("reference", reference, "probabilities")
    if given.shape not in (sizes, sizes[1:]):
        must = f"of shape {sizes[1:]} or {sizes}"
        raise _validate.complaint("reference", must, f"shape {given.shape}")
    _validate.check_shares("reference", given)
    given = np.broadcast_to(given, sizes)
    least = given.min() if available is None else given[available].min()
    if not least > 0.0:
        raise _validate.complaint("reference", "positive everywhere", f"{least:g}")
    return given
