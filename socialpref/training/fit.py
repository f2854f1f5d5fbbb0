"""Fitting policies: exactly, on labels added up by pair, or by minibatches as the paper does."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from .. import _validate
from ..errors import ConvergenceError, DataError, InputError, OutputError
from ..limits import VarianceForm
from ..population import Population
from .annotations import Cells
from .losses import JointMoments, agreement, bradley_terry, corrected_dpo
from .policies import Tabular

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]


class Batch(NamedTuple):
    """Comparisons as a loss sees them: tensors of one shape, whose last axis is the comparison.

    Attributes
    ----------
    wins, losses : Tensor
        The share of the comparisons that the first won, and the second; of panels, with one
        voice.
    weight : Tensor
        How many comparisons there are of each.
    n_labels : int
        Labels in each comparison.
    joint : JointMoments or None
        The joint likelihood of each pair, where it is known.
    """

    wins: Tensor
    losses: Tensor
    weight: Tensor
    n_labels: int
    joint: JointMoments | None


Objective = Callable[[Tensor, Batch], Tensor]
"""From margins, and what was said of them, to the mean loss."""


class JointLikelihood(Protocol):
    """What tells how likely one annotator's two answers on a pair are."""

    def moments(
        self, prompt: Integers, first: Integers, second: Integers
    ) -> tuple[Floats, Floats, Floats]:
        """Return ``E p^2``, ``E p (1 - p)`` and ``E (1 - p)^2`` of each pair."""
        ...


@dataclass(frozen=True, eq=False)
class TrueJoint:
    """The joint likelihood of known populations, one for each prompt.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import TrueJoint
    >>> wins, splits, losses = TrueJoint((mediocre_winner(),)).moments([0], [1], [0])
    >>> (wins + 2 * splits + losses).round(9)
    array([1.])
    """

    populations: Sequence[Population]

    def moments(
        self, prompt: ArrayLike, first: ArrayLike, second: ArrayLike
    ) -> tuple[Floats, Floats, Floats]:
        """Return ``E p^2``, ``E p (1 - p)`` and ``E (1 - p)^2`` of each pair."""
        x, y, z = np.asarray(prompt), np.asarray(first), np.asarray(second)
        mean = np.stack([one.pairwise() for one in self.populations])[x, y, z]
        square = np.stack([one.pairwise_twice() for one in self.populations])
        return square[x, y, z], mean - square[x, y, z], square[x, z, y]


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


def dpo(margin: Tensor, batch: Batch) -> Tensor:
    """Return DPO's loss of a batch of single labels."""
    _check_single(batch)
    return bradley_terry(margin, batch.wins, batch.weight)


@dataclass(frozen=True)
class corrected:  # noqa: N801 - used as the functions beside it are
    """The objective of first-order corrected DPO.

    Parameters
    ----------
    alpha : float or Tensor
        Strength; a tensor of shape (models, 1) for several models at once.
    form, clamp, rounding
        As for `corrected_dpo`.
    """

    alpha: float | Tensor = 1.0
    form: VarianceForm = "F1"
    clamp: float = 0.1
    rounding: float = 0.0

    def __call__(self, margin: Tensor, batch: Batch) -> Tensor:
        """Return the loss of a batch, whose joint likelihood must be known."""
        if batch.joint is None:
            raise _validate.complaint("joint", "a joint likelihood for corrected DPO", "None")
        _check_single(batch)
        return corrected_dpo(margin, batch.wins, batch.joint, batch.weight, **vars(self))


def agreement_only(margin: Tensor, batch: Batch) -> Tensor:
    """Return the agreement-only loss of a batch of panels."""
    return agreement(margin, batch.wins, batch.losses, batch.n_labels, batch.weight)


def _check_single(batch: Batch) -> None:
    if batch.n_labels != 1:
        must = "of single labels, as from `Annotations.cells`, for this loss"
        raise _validate.complaint("cells", must, f"panels of {batch.n_labels}")


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
    _base(reference, (X, K))
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
    first, second, batch = _tensors(cells, X, K, joint, where, torch.float64)
    if isinstance(network, Tabular) and not ridge:
        _check_compared(cells, X, K)
    prompts, comparisons = torch.arange(X, device=where), float(cells.total.sum())
    with torch.no_grad():
        _check_scores(network(prompts), (X, K))
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
        optimiser.param_groups[0].update(line_search_fn=None, max_iter=100)
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


def fit_minibatch(
    policies: Sequence[nn.Module],
    cells: Cells | Sequence[Cells],
    objective: Objective | Mapping[int, Objective] = dpo,
    *,
    n_prompts: int,
    n_options: int,
    joint: JointLikelihood | Sequence[JointLikelihood] | None = None,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
    steps: int = 10_000,
    batch_size: int = 1024,
    learning_rate: float = 1e-3,
    seed: int = 0,
    device: str | torch.device = "cpu",
    checkpoint: str | Path | None = None,
    save_every: int = 1000,
    progress: bool = False,
) -> tuple[Fit, ...]:
    """Train policies of one architecture by Adam, all at once.

    Parameters
    ----------
    policies : sequence of torch.nn.Module
        One for each seed, alpha ...; trained in place.
    cells : Cells, or a sequence with one for each policy
        Not merged: a row is an example. Each policy goes through its own shuffle.
    objective : callable, or mapping of int to callable
        As for `fit_exact`; a mapping says from which step on each objective holds.
    n_prompts, n_options : int
    joint : JointLikelihood, or a sequence with one for each policy
    beta, reference
        As for `fit_exact`.
    steps, batch_size, learning_rate
        Of Adam; the defaults are the paper's.
    seed : int
        Of the shuffles.
    device : str or torch.device
    checkpoint : path, optional
        A file to keep the state in every `save_every` steps and at the end. If it is there,
        training goes on from it, to the same result as without a break. It must be of the same
        data, settings and initial weights, and of objectives of the same names or values.
    save_every : int
    progress : bool
        Show a progress bar.

    Returns
    -------
    tuple of Fit
        One for each policy.

    Raises
    ------
    InputError
        If an argument is out of range.
    DataError
        If the checkpoint is of another training.
    ConvergenceError
        If a loss is no longer finite; the last checkpoint is kept.

    References
    ----------
    arXiv 2502.16320, section 7.2.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import MLP, fit_minibatch, simulate
    >>> rows = simulate(mediocre_winner(), 5000).cells(merged=False)
    >>> fits = fit_minibatch([MLP(1, 3, seed=s) for s in (0, 1)], rows, n_prompts=1, n_options=3,
    ...                      steps=300, batch_size=256, learning_rate=0.01)
    >>> [int(fit.policy[0].argmax()) for fit in fits]
    [1, 1]
    """
    _validate.number("beta", beta, 0.0, above=True)
    _validate.number("learning_rate", learning_rate, 0.0, above=True)
    for name, value in (("steps", steps), ("batch_size", batch_size), ("save_every", save_every)):
        if not isinstance(value, int) or value < 1:
            raise _validate.complaint(name, "a positive integer", repr(value))
    _base(reference, (n_prompts, n_options))
    count, where = len(policies), torch.device(device)
    if not count:
        raise _validate.complaint("policies", "at least one", "none")
    schedule = dict(objective) if isinstance(objective, Mapping) else {0: objective}
    if min(schedule, default=None) != 0:
        raise _validate.complaint("objective", "given from step 0 on", f"{list(schedule)}")
    data = _Examples(
        [cells] * count if isinstance(cells, Cells) else cells,
        list(joint) if isinstance(joint, Sequence) else [joint] * count,
        (count, n_prompts, n_options),
        batch_size,
        seed,
        where,
    )
    try:
        parameters, buffers = torch.func.stack_module_state([p.to(where) for p in policies])
    except RuntimeError as error:
        raise _validate.complaint("policies", "of one architecture", str(error)) from None
    leaves = {k: v.detach().clone().requires_grad_() for k, v in parameters.items()}
    skeleton, prompts = policies[0], torch.arange(n_prompts, device=where)

    def scores_of(one: dict[str, Tensor], held: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(skeleton, (one, held), (prompts,))

    ensemble = torch.func.vmap(scores_of)
    with torch.no_grad():
        _check_scores(ensemble(leaves, buffers), (count, n_prompts, n_options))
    optimiser = torch.optim.Adam(leaves.values(), lr=learning_rate, foreach=True)
    phases = [(at, getattr(one, "__qualname__", one)) for at, one in sorted(schedule.items())]
    facts = (count, n_prompts, n_options, batch_size, learning_rate, beta, seed, phases)
    saved = _Checkpoint(checkpoint, f"{data.digest()} {_digest(leaves.values())} {facts}")
    state = saved.load()
    begin, recent = 0, []
    if state is not None:
        begin, recent = state["step"], state["recent"]
        if begin > steps:
            raise _validate.complaint("steps", f"at least {begin}, as the checkpoint's", steps)
        optimiser.load_state_dict(state["optimiser"])
        with torch.no_grad():
            for key, values in state["parameters"].items():
                leaves[key].copy_(values)

    def complain(what: str, step: int) -> ConvergenceError:
        kept = f"; {checkpoint} holds the last good state" if checkpoint else ""
        return ConvergenceError(f"minibatch fit: {what} at step {step}{kept}")

    bar = _bar(steps, begin, progress)
    try:
        for step in range(begin, steps):
            first, second, batch = data.at(step)
            flat = beta * ensemble(leaves, buffers).flatten(1)
            current = schedule[max(at for at in schedule if at <= step)]
            loss = current(flat.gather(1, first) - flat.gather(1, second), batch)
            now = float(loss.detach())
            if not np.isfinite(now):
                raise complain(f"the loss is {now}", step)
            optimiser.zero_grad()
            # Adam does not see the scale: every policy has the step of its own mean loss.
            (count * loss).backward()
            optimiser.step()
            recent = [*recent[-99:], now]
            bar.update()
            if (step + 1) % save_every == 0 or step + 1 == steps:
                if not all(values.isfinite().all() for values in leaves.values()):
                    raise complain("a weight is not finite", step)
                saved.save(
                    step=step + 1,
                    recent=recent,
                    optimiser=optimiser.state_dict(),
                    parameters={key: values.detach() for key, values in leaves.items()},
                )
    finally:
        bar.close()
    with torch.no_grad():
        scores = ensemble(leaves, buffers)
        for m, policy in enumerate(policies):
            policy.load_state_dict({k: v[m] for k, v in {**leaves, **buffers}.items()})
    recently = float(np.mean(recent))
    return tuple(result_of(one, beta, reference, recently, float("nan"), steps) for one in scores)


# --- data -----------------------------------------------------------------------------


def _check_scores(scores: Tensor, sizes: tuple[int, ...]) -> None:
    if scores.shape != sizes:
        raise _validate.complaint(
            "policy", f"one with scores of shape {sizes}", f"{tuple(scores.shape)}"
        )


def _tensors(
    cells: Cells,
    X: int,
    K: int,
    joint: JointLikelihood | None,
    device: torch.device,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Batch]:
    """Return each comparison's two places among the (X K) scores, and what was said of it."""
    limits = {"prompt": ("n_prompts", X), "first": ("n_options", K), "second": ("n_options", K)}
    for column, (name, size) in limits.items():
        most = int(getattr(cells, column).max())
        if most >= size:
            raise _validate.complaint(name, f"more than {most}, which is in 'cells'", size)
    shares = [cells.wins / cells.total, cells.losses / cells.total, cells.total]
    if joint is not None:
        shares += joint.moments(cells.prompt, cells.first, cells.second)
    wins, losses, weight, *moments = (
        torch.as_tensor(np.asarray(values), dtype=dtype, device=device) for values in shares
    )
    first, second = (
        torch.as_tensor(cells.prompt * K + option, dtype=torch.int64, device=device)
        for option in (cells.first, cells.second)
    )
    known = JointMoments(*moments) if moments else None
    return first, second, Batch(wins, losses, weight, cells.n_labels, known)


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


class _Examples:
    """The examples of every policy; each goes through its own in shuffles without end."""

    def __init__(
        self,
        cells: Sequence[Cells],
        joints: Sequence[JointLikelihood | None],
        sizes: tuple[int, int, int],
        batch_size: int,
        seed: int,
        device: torch.device,
    ) -> None:
        count, X, K = sizes
        for name, values in (("cells", cells), ("joint", joints)):
            if len(values) != count:
                raise _validate.complaint(name, f"one, or one for each of {count} policies",
                                          len(values))  # fmt: skip
        if len({one.n_labels for one in cells}) > 1 or len({j is None for j in joints}) > 1:
            raise InputError("'cells' and 'joint' must be of one kind for all policies.")
        self._batch_size, self._seed, self._device = batch_size, seed, device
        self._orders: dict[tuple[int, int], Tensor] = {}
        parts, self._places, starts = [], [], dict[tuple[int, int], int]()
        length = 0
        for one, joint in zip(cells, joints, strict=True):
            key = id(one), id(joint)  # policies that share their data share the tensors
            if key not in starts:
                starts[key] = length
                parts.append(_tensors(one, X, K, joint, device, torch.float32))
                length += len(one.prompt)
            self._places.append((starts[key], len(one.prompt)))
        # One row of each is one example: to take it touches memory once.
        self._pairs = torch.cat([torch.stack([first, second], 1) for first, second, _ in parts])
        batches = [part[2] for part in parts]
        said = [
            [b.wins, b.losses, b.weight, *([] if b.joint is None else b.joint)] for b in batches
        ]
        self._said = torch.cat([torch.stack(columns, 1) for columns in said])
        self._n_labels = batches[0].n_labels

    def at(self, step: int) -> tuple[Tensor, Tensor, Batch]:
        """Return the minibatches of all policies at a step, each tensor (policies, batch)."""
        count = len(self._places)
        rows = torch.cat([self._rows(m, step) for m in range(count)])
        first, second = self._pairs.index_select(0, rows).view(count, -1, 2).unbind(-1)
        said = self._said.index_select(0, rows).view(count, len(rows) // count, -1)
        wins, losses, weight, *moments = said.unbind(-1)
        known = JointMoments(*moments) if moments else None
        return first, second, Batch(wins, losses, weight, self._n_labels, known)

    def digest(self) -> str:
        """Return what tells these examples from others."""
        return f"{_digest((self._pairs, self._said))} {self._places} {self._n_labels}"

    def _rows(self, m: int, step: int) -> Tensor:
        start, size = self._places[m]
        position, missing, parts = step * self._batch_size, self._batch_size, []
        while missing:
            epoch, inside = divmod(position, size)
            part = self._order(m, epoch, size)[inside : inside + missing]
            parts.append(part)
            position, missing = position + len(part), missing - len(part)
        return start + torch.cat(parts)

    def _order(self, m: int, epoch: int, size: int) -> Tensor:
        """Return the shuffle of a policy's epoch, which depends on nothing before it."""
        if (m, epoch) not in self._orders:
            self._orders.pop((m, epoch - 2), None)
            entropy = np.random.SeedSequence([self._seed, m, epoch]).generate_state(1)[0]
            shuffle = torch.randperm(size, generator=torch.Generator().manual_seed(int(entropy)))
            self._orders[m, epoch] = shuffle.to(self._device)
        return self._orders[m, epoch]


# --- results and checkpoints ----------------------------------------------------------


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
    logits = np.log(_base(reference, values.shape)) + values
    policy = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Fit(
        policy=policy / policy.sum(axis=1, keepdims=True),
        rewards=beta * (values - values.mean(axis=1, keepdims=True)),
        loss=loss,
        residual=residual,
        iterations=iterations,
    )


def _base(reference: ArrayLike | None, sizes: tuple[int, ...]) -> Floats:
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


def _digest(tensors: Iterable[Tensor]) -> str:
    content = hashlib.sha256()
    for values in tensors:
        content.update(repr(values.shape).encode())
        content.update(values.detach().cpu().numpy().tobytes())
    return content.hexdigest()


class _Checkpoint:
    """A file with the state of a training, which is replaced whole."""

    def __init__(self, path: str | Path | None, training: str) -> None:
        self._path, self._training = None if path is None else Path(path), training

    def load(self) -> dict[str, Any] | None:
        if self._path is None or not self._path.exists():
            return None
        try:
            state = torch.load(self._path, map_location="cpu", weights_only=True)
        except Exception:  # whatever bytes can make an unpickler raise
            raise DataError(f"{self._path}: not a checkpoint") from None
        if not isinstance(state, dict) or state.get("training") != self._training:
            raise DataError(f"{self._path}: the checkpoint of another training")
        return state

    def save(self, **state: Any) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # torch refuses a name that begins with its only dot.
            handle, name = tempfile.mkstemp(".pt", ".writing-", self._path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    torch.save({"training": self._training, **state}, file)
                os.replace(name, self._path)
            except BaseException:
                os.unlink(name)
                raise
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written: {error.strerror}") from None


def _bar(steps: int, done: int, shown: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=steps, initial=done, unit="step", disable=not shown)
