"""All methods on one population: their policies, and how good each is."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import ConvergenceError, InputError
from ..inference import Interval
from ..limits.limit import Floats, Limit, setting
from ..limits.method import Method
from ..limits.optimal import optimal_policy
from ..limits.policy_metrics import Metrics, metrics
from ..population import Population, check_population
from ..rules import Ranking, nbc, ranking
from .table import METHODS
from .written import Entry, entries

if TYPE_CHECKING:
    import pandas as pd

NAMES = tuple(field.name for field in fields(Metrics))


@dataclass(frozen=True, eq=False)
class MethodResult:
    """What one method converges to on a population.

    Attributes
    ----------
    written : str
        The method, as it was asked for.
    method : Method
    limit : Limit or None
        None where the method has no limit on the population.
    metrics : Metrics or None
    note : str
        Why there is no limit, or what the limit rests on.
    intervals : tuple of Interval or None
        Of the probabilities of the options, over the population's draws.
    metric_intervals : tuple of Interval or None
        Of the metrics, in their order.
    same_winner : float or None
        The share of draws that have the same most probable option.
    """

    written: str
    method: Method
    limit: Limit | None
    metrics: Metrics | None
    note: str
    intervals: tuple[Interval, ...] | None = None
    metric_intervals: tuple[Interval, ...] | None = None
    same_winner: float | None = None

    @property
    def order(self) -> Ranking | None:
        """The options by their probabilities."""
        return None if self.limit is None else ranking(self.limit.policy)


@dataclass(frozen=True, eq=False)
class MethodComparison:
    """What several methods converge to on one population.

    Attributes
    ----------
    population : Population
    results : tuple of MethodResult
    beta : float
    reference : ndarray, shape (K,)
    sampling : ndarray or None
        None is uniform.
    level : float
        Of the intervals.
    """

    population: Population
    results: tuple[MethodResult, ...]
    beta: float
    reference: Floats
    sampling: Floats | None
    level: float

    def __getitem__(self, written: str) -> MethodResult:
        by_name = {result.written: result for result in self.results}
        return by_name[_validate.choice("method", written, by_name)]

    def policies(self) -> "pd.DataFrame":
        """Return one row per method and option: method, option, probability, note.

        A method without a limit has one row, with the reason in `note`. With draws, columns
        low and high follow the probability.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for result in self.results:
            if result.limit is None:
                rows.append({"method": result.written, "note": result.note})
                continue
            for y, option in enumerate(self.population.options):
                row: dict[str, Any] = {"method": result.written, "option": option}
                row["probability"] = result.limit.policy[y]
                if result.intervals is not None:
                    row |= {"low": result.intervals[y].low, "high": result.intervals[y].high}
                rows.append(row | {"note": result.note})
        columns = ["method", "option", "probability", "note"]
        if self.population.draws is not None:
            columns[3:3] = ["low", "high"]
        return pd.DataFrame(rows, columns=columns)

    def metrics(self) -> "pd.DataFrame":
        """Return one row per method and metric: method, metric, value, with draws low and high."""
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for result in self.results:
            for i, (name, value) in enumerate(
                asdict(result.metrics).items() if result.metrics else ()
            ):
                row: dict[str, Any] = {"method": result.written, "metric": name, "value": value}
                if result.metric_intervals is not None:
                    interval = result.metric_intervals[i]
                    row |= {"low": interval.low, "high": interval.high}
                rows.append(row)
        columns = ["method", "metric", "value"]
        if self.population.draws is not None:
            columns += ["low", "high"]
        return pd.DataFrame(rows, columns=columns)

    def table(self) -> "pd.DataFrame":
        """Return one row per method: its winner, order and metrics."""
        import pandas as pd

        options = self.population.options
        rows = []
        for result in self.results:
            row: dict[str, Any] = {"method": result.written}
            if result.order is not None and result.metrics is not None:
                row["winner"] = " = ".join(options[y] for y in result.order.winners)
                row["order"] = result.order.describe(options)
                row |= asdict(result.metrics)
            rows.append(row | {"note": result.note})
        return pd.DataFrame(rows, columns=["method", "winner", "order", *NAMES, "note"])

    def summary(self) -> dict[str, Any]:
        """Return the setting and, for each method, its order and metrics: plain values."""
        population = self.population
        rewards = population.mean_rewards()
        draws = population.draws
        d = self.sampling if self.sampling is not None and self.sampling.ndim == 1 else None
        return {
            "n_types": population.n_types,
            "n_options": population.n_options,
            "options": list(population.options),
            "nbc_order": ranking(nbc(population, d)).describe(population.options),
            "average_reward_order": ranking(rewards).describe(population.options),
            "beta": self.beta,
            "reference": self.reference.tolist(),
            "sampling": "uniform" if self.sampling is None else self.sampling.tolist(),
            "n_draws": 0 if draws is None else len(draws),
            "level": self.level,
            "methods": {result.written: self._summary_of(result) for result in self.results},
        }

    def _summary_of(self, result: MethodResult) -> dict[str, Any]:
        """Return one method's part of the summary; what is no number is None."""
        if result.limit is None or result.metrics is None or result.order is None:
            return {"note": result.note}
        options = self.population.options
        facts: dict[str, Any] = {
            "order": result.order.describe(options),
            "winners": [options[y] for y in result.order.winners],
            "note": result.note,
        }
        for i, (name, value) in enumerate(asdict(result.metrics).items()):
            facts[name] = _plain(value)
            if result.metric_intervals is not None:
                interval = result.metric_intervals[i]
                facts[f"{name}_interval"] = [_plain(interval.low), _plain(interval.high)]
        if result.same_winner is not None:
            facts["same_winner"] = result.same_winner
        return facts


def compare_methods(
    population: Population,
    methods: Sequence[Method | Entry] = METHODS,
    *,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
    sampling: ArrayLike | None = None,
    level: float = 0.95,
    progress: bool = False,
) -> MethodComparison:
    """Return what methods converge to on a population, and how good their policies are.

    Parameters
    ----------
    population : Population
        With draws, every number has an interval: each method is asked of each draw.
    methods : sequence of Method or Entry
        All of `METHODS` if omitted; `methods_written` reads them from a text.
    beta, reference, sampling
        As for `Method.limit`.
    level : float
        The nominal coverage of the intervals.
    progress : bool
        Show a progress bar.

    Returns
    -------
    MethodComparison
        A method without a limit on the population says why in its note.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.methods import compare_methods, methods_written
    >>> found = compare_methods(mediocre_winner(), methods_written("dpo, nash(tau=0.1), optimal"))
    >>> print(found.table()[["method", "winner", "worst_regret"]].round(3).to_string(index=False))
           method winner  worst_regret
              dpo      M         2.362
    nash(tau=0.1)      M         2.408
          optimal  A = B         2.297
    """
    from tqdm import tqdm

    check_population(population)
    level = _validate.number("level", level, 0.0, 1.0, above=True, below=True)
    must = "a sequence of methods"
    _validate.instance("methods", methods, Sequence, must)
    asked: list[Entry] = []
    for one in methods:
        _validate.instance("methods", one, (Method, Entry), must)
        asked.append(one if isinstance(one, Entry) else entries((one,))[0])
    # Arguments are checked once: an error in them is not a missing limit.
    beta, base = setting(population, beta, reference)
    optimal_policy(population, beta=beta, reference=base)
    given = None if sampling is None else _sampling(population, sampling)
    free: dict[str, Any] = {"beta": beta, "sampling": given}
    if reference is not None:
        free["reference"] = base
    if population.draws is not None and not population.draws.samples:
        must = "one whose draws are samples, for percentiles to mean something"
        raise _validate.complaint("population", must, "other draws")
    drawn = () if population.draws is None else population.drawn()
    steps = len(asked) * (1 + len(drawn))
    with tqdm(total=steps, unit="limit", disable=not progress) as bar:
        results = tuple(_result(entry, population, drawn, free, level, bar) for entry in asked)
    return MethodComparison(population, results, beta, base, given, level)


def _sampling(population: Population, sampling: ArrayLike) -> Floats:
    """Return a checked sampling distribution or pair design."""
    from ..limits.design import pair_design

    pair_design(population, sampling)
    names = population.options
    return np.asarray(_validate.aligned("sampling", sampling, names, names), dtype=np.float64)


def _result(
    entry: Entry,
    population: Population,
    drawn: Sequence[Population],
    free: dict[str, Any],
    level: float,
    bar: Any,
) -> MethodResult:
    """Return one method's limit on the population, with intervals over the draws."""
    try:
        limit = entry.method.limit(population, **free)
    except (InputError, ConvergenceError) as error:
        bar.update(1 + len(drawn))
        return MethodResult(entry.written, entry.method, None, None, f"no limit: {error}")
    bar.update()
    setting = {name: free[name] for name in ("beta", "reference") if name in free}
    found = metrics(population, limit.policy, **setting)
    if not drawn:
        return MethodResult(entry.written, entry.method, limit, found, limit.note)
    policies, values = [], []
    method = entry.method.without_search()
    for one in drawn:
        bar.update()
        try:
            policy = method.limit(one, **free).policy
        except (InputError, ConvergenceError):
            continue
        policies.append(policy)
        values.append(list(asdict(metrics(one, policy, **setting)).values()))
    note = limit.note
    if missing := len(drawn) - len(policies):
        note = "; ".join(filter(None, [note, f"no limit on {missing} of {len(drawn)} draws"]))
    if not policies:
        return MethodResult(entry.written, entry.method, limit, found, note)
    table, numbers = np.array(policies), np.array(values)
    return MethodResult(
        entry.written,
        entry.method,
        limit,
        found,
        note,
        tuple(Interval.of(column, level) for column in table.T),
        tuple(Interval.of(column, level) for column in numbers.T),
        float((table.argmax(axis=1) == limit.policy.argmax()).mean()),
    )


def _plain(value: float) -> float | None:
    """Return a number that JSON has, or None."""
    return value if math.isfinite(value) else None
