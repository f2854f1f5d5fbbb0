"""Fits by minibatches, as the paper trains: Adam, for many policies at once."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from .. import _validate
from ..comparisons.counts import Cells
from ..errors import ConvergenceError, DataError, InputError, OutputError
from .exact import Fit, beta_of, check_scores, device_of, reference_of, result_of
from .losses import JointMoments
from .objectives import Batch, JointLikelihood, Objective, dpo, tensors_of


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
    >>> from socialpref.comparisons import simulate
    >>> from socialpref.training import MLP, fit_minibatch
    >>> rows = simulate(mediocre_winner(), 5000).cells(merged=False)
    >>> fits = fit_minibatch([MLP(1, 3, seed=s) for s in (0, 1)], rows, n_prompts=1, n_options=3,
    ...                      steps=300, batch_size=256, learning_rate=0.01)
    >>> [int(fit.policy[0].argmax()) for fit in fits]
    [1, 1]
    """
    beta = beta_of(beta)
    learning_rate = _validate.number("learning_rate", learning_rate, 0.0, above=True)
    n_prompts = _validate.integer("n_prompts", n_prompts, 1)
    n_options = _validate.integer("n_options", n_options, 2)
    steps = _validate.integer("steps", steps, 1)
    batch_size = _validate.integer("batch_size", batch_size, 1)
    save_every = _validate.integer("save_every", save_every, 1)
    seed = _validate.integer("seed", seed)
    where = device_of(device)
    _validate.instance("policies", policies, Sequence, "a sequence of torch modules")
    for one in policies:
        _validate.instance("policies", one, nn.Module, "a sequence of torch modules")
    count = len(policies)
    if not count:
        raise _validate.complaint("policies", "at least one", "none")
    each = [cells] * count if isinstance(cells, Cells) else cells
    must = "Cells, or a sequence with one for each policy"
    _validate.instance("cells", each, Sequence, must)
    for part in each:
        _validate.instance("cells", part, Cells, must)
        reference_of(reference, (n_prompts, n_options), part.available)
    schedule = dict(objective) if isinstance(objective, Mapping) else {0: objective}
    if min(schedule, default=None) != 0:
        raise _validate.complaint("objective", "given from step 0 on", f"{list(schedule)}")
    data = _Examples(
        each,
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
        check_scores(ensemble(leaves, buffers), (count, n_prompts, n_options))
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
    return tuple(
        result_of(one, beta, reference, recently, float("nan"), steps, part.available)
        for one, part in zip(scores, each, strict=True)
    )


class _Examples:
    """The examples of every policy, in an endless sequence of shuffles."""

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
                parts.append(tensors_of(one, X, K, joint, device, torch.float32))
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
        """Return a checksum of the examples."""
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
        """Return the order of examples in a policy's epoch, which no earlier epoch changes."""
        if (m, epoch) not in self._orders:
            self._orders.pop((m, epoch - 2), None)
            entropy = np.random.SeedSequence([self._seed, m, epoch]).generate_state(1)[0]
            shuffle = torch.randperm(size, generator=torch.Generator().manual_seed(int(entropy)))
            self._orders[m, epoch] = shuffle.to(self._device)
        return self._orders[m, epoch]


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
